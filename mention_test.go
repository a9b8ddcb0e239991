package muc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// mentioning is a room that forwards mentions, with a participant inside; hag0, hag1 and so on
// are members outside, with these nicks.
func mentioning(t *testing.T, cfg muc.Config, hags int) *muctest.Room {
	cfg.ForwardMentions, cfg.Defaults.ForwardMentions = true, true
	h := open(t, cfg)
	for i := range hags {
		nick := fmt.Sprintf("hag%d", i)
		h.Do(muc.SetAffiliation{JID: muc.MustParseJID(nick + "@shakespeare.lit"), Affiliation: muc.Member, Nick: nick})
	}
	h.Client("wicca@shakespeare.lit/laptop").Joins("secondwitch")
	return h
}

// mention is a message with references to addresses.
func mention(from string, whom ...string) string {
	text := `<message from='` + from + `' to='coven@chat.shakespeare.lit' type='groupchat' id='m'><body>you!</body>`
	for _, j := range whom {
		text += `<reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:` + j + `'/>`
	}
	return text + `</message>`
}

// mentioned are those to whom the room forwards a message, by its event and by what it sends.
func mentioned(t *testing.T, fx muc.Effects) (people []string) {
	for ev := range fx.Events() {
		if b, ok := ev.Body.(*event.Mentioned); ok {
			assert.False(t, ev.Durable())
			for _, j := range b.JIDs {
				people = append(people, j.String())
			}
		}
	}
	var told []string
	for to, xml := range fx.Deliveries("") {
		if strings.Contains(string(xml), "<mentions ") {
			told = append(told, to.String())
		}
	}
	assert.Equal(t, people, told)
	return people
}

const wiccaLaptop = "wicca@shakespeare.lit/laptop"

// The host decides whether rooms forward mentions at all: without it owners are not asked, and
// what they say means nothing.
func TestMentionsAreTheHostsToAllow(t *testing.T) {
	h := open(t, muc.Config{Defaults: muc.RoomConfig{ForwardMentions: true}})
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("hag0@shakespeare.lit"), Affiliation: muc.Member, Nick: "hag0"})
	h.Client(wiccaLaptop).Joins("secondwitch")
	assert.Empty(t, mentioned(t, h.Handle(mention(wiccaLaptop, "coven@chat.shakespeare.lit/hag0"))))
	assert.Empty(t, h.Handle(configSubmit("a", "muc#roomconfig_forwardmentions", "0")).Durable)
	owner := h.Client("crone@shakespeare.lit/desktop")
	for _, query := range []string{"http://jabber.org/protocol/muc#owner", "http://jabber.org/protocol/disco#info"} {
		owner.Sends(`<iq type='get' id='i' to='coven@chat.shakespeare.lit'><query xmlns='` + query + `'/></iq>`)
		owner.SeesNothingOf("forwardmentions")
		owner.SeesNothingOf("urn:xmpp:mmn:0")
	}
}

// In a non-anonymous room everybody knows real addresses, and mentions people by them. Told are
// those with an affiliation of their own and a nick who are outside, in the order in which they
// are mentioned.
//
// rows: U2
func TestMentionsByAddress(t *testing.T) {
	h := mentioning(t, muc.Config{Defaults: muc.RoomConfig{Whois: muc.WhoisAnyone}}, 3)
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("hecate.lit"), Affiliation: muc.Member})
	h.Join("hag1@shakespeare.lit/pda", "hag1")
	fx := h.Handle(mention(wiccaLaptop, "hag2@shakespeare.lit", "hag1@shakespeare.lit", "hag0@Shakespeare.lit/pda", "somebody@hecate.lit",
		"coven@chat.shakespeare.lit/hag2", "nobody@shakespeare.lit", "hecate.lit"))
	assert.Equal(t, []string{"hag2@shakespeare.lit", "hag0@shakespeare.lit"}, mentioned(t, fx))

	// Who gives up the nick wants no more of it, nor is somebody banned told.
	h.Handle(`<iq type='set' id='r' from='hag0@shakespeare.lit/pda' to='coven@chat.shakespeare.lit'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("hag2@shakespeare.lit"), Affiliation: muc.Outcast})
	assert.Empty(t, mentioned(t, h.Handle(mention(wiccaLaptop, "hag0@shakespeare.lit", "hag2@shakespeare.lit"))))

	// Where the domain lends the membership, it takes it away as well.
	h.Handle(`<iq type='set' id='r' from='witch@hecate.lit/pda' to='coven@chat.shakespeare.lit'><query xmlns='jabber:iq:register'>` +
		`<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>` +
		`<field var='muc#register_roomnick'><value>witch</value></field></x></query></iq>`)
	assert.Equal(t, []string{"witch@hecate.lit"}, mentioned(t, h.Handle(mention(wiccaLaptop, "coven@chat.shakespeare.lit/witch"))))
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("hecate.lit"), Affiliation: muc.Outcast})
	assert.Empty(t, mentioned(t, h.Handle(mention(wiccaLaptop, "coven@chat.shakespeare.lit/witch"))))

	h.Client("hag1@shakespeare.lit/pda").Leaves()
	said := h.DoAs(muc.MustParseJID(wiccaLaptop), muc.Say{Message: parse(mention(wiccaLaptop, "hag1@shakespeare.lit"))})
	assert.Equal(t, []string{"hag1@shakespeare.lit"}, mentioned(t, said))
	assert.Equal(t, []string{"hag1@shakespeare.lit"}, mentioned(t, h.Do(muc.Say{Message: parse(mention("", "hag1@shakespeare.lit"))})))
}

// Mentions are notices: where a person or the room has caused too many, no more people are
// told, and the message is heard all the same. The host is not bounded.
func TestMentionsAreRationed(t *testing.T) {
	h := mentioning(t, muc.Config{Rates: muc.Rates{Notices: muc.Rate{Burst: 2, Every: time.Minute}, RoomNotices: muc.Rate{Burst: 3, Every: time.Hour}}}, 4)
	all := []string{"coven@chat.shakespeare.lit/hag0", "coven@chat.shakespeare.lit/hag1", "coven@chat.shakespeare.lit/hag2", "coven@chat.shakespeare.lit/hag3"}
	assert.Equal(t, []string{"hag0@shakespeare.lit", "hag1@shakespeare.lit"}, mentioned(t, h.Handle(mention(wiccaLaptop, all...))))
	fx := h.Handle(mention(wiccaLaptop, all...))
	assert.Empty(t, mentioned(t, fx))
	require.Nil(t, fx.Refused)
	h.Client("crone@shakespeare.lit/desktop").Receives(muctest.Message("you!"))
	h.Advance(2 * time.Minute)
	assert.Equal(t, []string{"hag0@shakespeare.lit"}, mentioned(t, h.Handle(mention(wiccaLaptop, all...))))
	assert.Len(t, mentioned(t, h.Do(muc.Say{Message: parse(mention("", all...))})), 4)
}

// In slow mode, or without a voice, nobody is told of what is not said; and nobody but owners
// of a room that is not open yet hears of it.
func TestMentionsOfWhatIsNotSaid(t *testing.T) {
	h := mentioning(t, muc.Config{Defaults: muc.RoomConfig{SlowMode: time.Minute}}, 1)
	require.Len(t, mentioned(t, h.Handle(mention(wiccaLaptop, "coven@chat.shakespeare.lit/hag0"))), 1)
	assert.Empty(t, mentioned(t, h.Handle(mention(wiccaLaptop, "coven@chat.shakespeare.lit/hag0"))))
	h.IsRefused(stanza.PolicyViolation)

	locked := unborn(t, muc.Config{ForwardMentions: true, Defaults: muc.RoomConfig{ForwardMentions: true}})
	locked.Join("crone@shakespeare.lit/desktop", "firstwitch")
	locked.Do(muc.SetAffiliation{JID: muc.MustParseJID("hag0@shakespeare.lit"), Affiliation: muc.Member, Nick: "hag0"})
	require.Equal(t, muc.Locked, locked.State())
	assert.Empty(t, mentioned(t, locked.Handle(mention("crone@shakespeare.lit/desktop", "coven@chat.shakespeare.lit/hag0"))))
}
