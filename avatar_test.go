package muc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

const (
	cardOf  = "<vCard xmlns='vcard-temp'><PHOTO><BINVAL>iVBORw0KGgo=</BINVAL></PHOTO></vCard>"
	hashOf  = "4caece539b039b16e16206ea2478f8c5ffb2ca05"
	getCard = "<iq type='get' id='v' to='coven@chat.shakespeare.lit'><vCard xmlns='vcard-temp'/></iq>"
)

// card is a vCard with an image of so many characters in base64.
func card(n int) *etree.Element {
	return parse("<vCard xmlns='vcard-temp'><PHOTO><BINVAL>" + strings.Repeat("AAAA", n/4) + "</BINVAL></PHOTO></vCard>")
}

// An avatar is read by those who may discover the room, as the host says, and by all inside.
//
// rows: V1
func TestAvatarIsReadByThoseWhoMayDiscover(t *testing.T) {
	h := coven(t, muc.Config{Policy: policy.Rules{Discover: func(q policy.Discover) *muc.StanzaError {
		if q.Affiliation < muc.Member {
			return &muc.StanzaError{Condition: stanza.Forbidden}
		}
		return nil
	}}})
	h.Do(muc.SetVCard{VCard: parse(cardOf)})
	stranger, inside := h.Client("bard@shakespeare.lit/globe"), h.Client("hecate@shakespeare.lit/broom")
	stranger.Sends(getCard)
	stranger.IsRefused(stanza.Forbidden)
	inside.Sends(getCard)
	inside.ReceivesOnly(muctest.XML("<iq type='result' id='v'>" + cardOf + "</iq>"))
	h.Client("wiccarocks@shakespeare.lit/pda").Sends(getCard)
	h.Client("wiccarocks@shakespeare.lit/pda").ReceivesOnly(muctest.XML("<iq type='result' id='v'>" + cardOf + "</iq>"))
}

// The avatar outlives a restart and a move, and ends with the room.
//
// rows: V1
func TestAvatarLasts(t *testing.T) {
	h := coven(t, muc.Config{})
	assert.Nil(t, h.VCard())
	h.Do(muc.SetVCard{VCard: parse(cardOf)})
	for _, again := range []func(){h.Move, h.Restart} {
		again()
		require.NotNil(t, h.VCard())
		assert.Equal(t, "iVBORw0KGgo=", h.VCard().FindElement("PHOTO/BINVAL").Text())
		assert.Contains(t, asked(t, h, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"), "<value>"+hashOf+"</value>")
	}
	h.VCard().CreateAttr("x", "y")
	assert.Nil(t, h.VCard().SelectAttr("x"), "each caller has its own")
	h.Do(muc.Destroy{Tombstone: true})
	assert.Nil(t, h.VCard())
	assert.NotContains(t, string(h.Snapshot(muc.Durable)), "BINVAL")
}

// What is no vCard, or not to be had, is refused, and takes nothing away.
//
// rows: V7
func TestSetVCardRefused(t *testing.T) {
	h := coven(t, muc.Config{Limits: muc.Limits{VCardBytes: 1000}})
	h.Do(muc.SetVCard{VCard: parse(cardOf)})
	bad := parse("<vCard xmlns='vcard-temp'><PHOTO><BINVAL>AAA</BINVAL></PHOTO></vCard>")
	h.Refuses(muc.ErrMissing, muc.SetVCard{})
	h.Refuses(muc.ErrNotStanza, muc.SetVCard{VCard: parse("<vCard/>")}, muc.SetVCard{VCard: parse("<vcard xmlns='vcard-temp'/>")},
		muc.SetVCard{VCard: parse("<presence/>")})
	h.Refuses(because(stanza.BadRequest), muc.SetVCard{VCard: bad}, muc.SetVCard{VCard: &etree.Element{Tag: "a b"}})
	h.Refuses(because(stanza.PolicyViolation), muc.SetVCard{VCard: card(1000)})
	h.RefusesAs(hecate, because(stanza.Forbidden), muc.SetVCard{VCard: card(4)}, muc.SetVCard{VCard: parse("<vCard xmlns='vcard-temp'/>")})
	require.NotNil(t, h.VCard())
	h.DoAs(crone, muc.SetVCard{VCard: parse("<vCard xmlns='vcard-temp'/>")})
	assert.Nil(t, h.VCard())
}

// An avatar counts in the size of the room, and a room without one pays nothing for it.
//
// rows: V7
func TestAvatarCountsInSize(t *testing.T) {
	h := coven(t, muc.Config{})
	h.Handle(message("<body>Hail!</body>"))
	h.Do(muc.SetVCard{VCard: parse(cardOf)})
	h.Do(muc.SetVCard{VCard: parse("<vCard xmlns='vcard-temp'/>")})
	without := h.Size()
	h.Do(muc.SetVCard{VCard: card(100_000)})
	assert.Greater(t, h.Size(), without+100_000)
	h.Do(muc.SetVCard{VCard: parse("<vCard xmlns='vcard-temp'/>")})
	assert.Equal(t, without, h.Size())
}

// The largest vCard that may be stored may be read; one that was stored under other limits
// is answered with an error that says so.
//
// rows: V7
func TestLargestVCardIsRead(t *testing.T) {
	h := open(t, muc.Config{Instant: true, Limits: small})
	frame := len("<vCard xmlns='vcard-temp'><PHOTO><BINVAL></BINVAL></PHOTO></vCard>")
	most := small.OutboundBytes / 2
	h.Refuses(because(stanza.PolicyViolation), muc.SetVCard{VCard: card(most - frame + 4)})
	h.Do(muc.SetVCard{VCard: card(most - frame)})
	assert.Contains(t, asked(t, h, "get", "<vCard xmlns='vcard-temp'/>"), "AAAA</BINVAL>")

	h.Config.Limits.OutboundBytes = 0
	h = muctest.Restore(t, h.Config, h.Snapshot(muc.Live), nil)
	h.Do(muc.SetVCard{VCard: card(100_000)})
	h.Config.Limits = small
	h = muctest.Restore(t, h.Config, h.Snapshot(muc.Live), nil)
	assert.Contains(t, asked(t, h, "get", "<vCard xmlns='vcard-temp'/>"), "<resource-constraint ")
}

// A card that was set where everybody saw addresses hides that of its owner where they do
// not, except from moderators.
//
// rows: V1
func TestVCardHidesItsOwner(t *testing.T) {
	h := coven(t, muc.Config{Defaults: muc.RoomConfig{Whois: muc.WhoisAnyone}})
	hecate, crone := h.Client("hecate@shakespeare.lit/broom"), h.Client("crone@shakespeare.lit/desktop")
	crone.Sends("<iq type='set' id='s' to='coven@chat.shakespeare.lit'><vCard xmlns='vcard-temp'><JABBERID>crone@shakespeare.lit</JABBERID></vCard></iq>")
	hecate.Sends(getCard)
	hecate.Receives(muctest.XML("<iq type='result'><vCard xmlns='vcard-temp'><JABBERID>crone@shakespeare.lit</JABBERID></vCard></iq>"))
	h.Do(muc.Configure{Change: func(c *muc.RoomConfig) { c.Whois = muc.WhoisModerators }})
	hecate.Sends(getCard)
	hecate.SeesNothingOf("crone@shakespeare.lit")
	crone.Sends(getCard)
	crone.Receives(muctest.XML("<iq type='result'><vCard xmlns='vcard-temp'><JABBERID>crone@shakespeare.lit</JABBERID></vCard></iq>"))
}

// Nothing says any more who set the card of somebody who was forgotten, so the address is
// not in it either, in whatever spelling, also if everybody saw it at that time. The card
// stays within its limit.
//
// rows: V1, N5
func TestVCardOfForgotten(t *testing.T) {
	const of = "<vCard xmlns='vcard-temp'><FN>Us</FN><JABBERID>%s</JABBERID><URL>xmpp:%s?message</URL><PHOTO><BINVAL>iVBORw0KGgo=</BINVAL></PHOTO></vCard>"
	set := fmt.Sprintf(of, "crone@shakespeare.lit/desktop", "CRONE%40shakespeare.lit")
	for _, whois := range []muc.Whois{muc.WhoisAnyone, muc.WhoisModerators} {
		for limit, want := range map[int]string{
			0:            fmt.Sprintf(of, "coven@chat.shakespeare.lit", "coven%40chat.shakespeare.lit"),
			len(set):     fmt.Sprintf(of, "coven@chat.shakespeare.lit", ""),
			len(set) + 2: fmt.Sprintf(of, "coven@chat.shakespeare.lit", "coven%40chat.shakespeare.lit"),
		} {
			h := coven(t, muc.Config{Defaults: muc.RoomConfig{Persistent: true, Whois: whois}, Limits: muc.Limits{VCardBytes: limit}})
			hecate, crone := h.Client("hecate@shakespeare.lit/broom"), h.Client("crone@shakespeare.lit/desktop")
			require.Nil(t, crone.Sends("<iq type='set' id='s' to='coven@chat.shakespeare.lit'>"+set+"</iq>").Refused)
			h.Do(muc.Forget{JID: muc.MustParseJID("crone@shakespeare.lit"), Heir: muc.MustParseJID("admin@shakespeare.lit")})
			hecate.Sends(getCard)
			hecate.Receives(muctest.XML("<iq type='result'>" + want + "</iq>"))
		}
	}
}

// A log that tells hashes of no vCard is no log.
func TestAvatarWithoutVCard(t *testing.T) {
	h := coven(t, muc.Config{})
	h.Do(muc.SetVCard{VCard: parse(cardOf)})
	log := lasting(h.Events())
	log[len(log)-1].Body = &event.VCardChanged{Photos: []string{hashOf}}
	_, err := muc.Restore(h.Config, nil, log)
	assert.ErrorIs(t, err, muc.ErrCorrupt)
}

// The field with the hashes is the room's own.
func TestAvatarFieldIsTaken(t *testing.T) {
	_, err := muc.NewTemplate(muc.Config{Secret: []byte("a secret of sixteen bytes or more"), Info: []muc.InfoField{{Var: "muc#roominfo_avatarhash", Values: []string{"x"}}}})
	assert.ErrorIs(t, err, muc.ErrConfig)
}
