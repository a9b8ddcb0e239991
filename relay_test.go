package muc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

const (
	desktop = "crone@shakespeare.lit/desktop"
	laptop  = "wicca@shakespeare.lit/laptop"
)

// asksClient sends a request to an occupant and returns the id under which it was
// passed on.
func asksClient(t *testing.T, h *muctest.Room, from, nick, id string) string {
	t.Helper()
	fx := h.Handle(fmt.Sprintf(`<iq type='get' id='%s' from='%s' to='coven@chat.shakespeare.lit/%s'><query xmlns='jabber:iq:version'/></iq>`, id, from, nick))
	require.Nil(t, fx.Refused, "%v", fx.Refused)
	require.Len(t, fx.Outbound, 1)
	return fx.Outbound[0].Stanza().SelectAttrValue("id", "")
}

// answers counts what comes of an answer.
func answers(t *testing.T, h *muctest.Room, from, nick, way string) int {
	t.Helper()
	fx := h.Handle(fmt.Sprintf(`<iq type='result' id='%s' from='%s' to='coven@chat.shakespeare.lit/%s'/>`, way, from, nick))
	require.Nil(t, fx.Refused)
	require.Len(t, slices.Collect(fx.Events()), len(fx.Outbound), "what is dropped leaves no trace")
	return len(fx.Outbound)
}

// An answer to a request between occupants arrives once, within minutes, from the occupant
// that was asked, unless banned since.
//
// rows: E56
func TestRelayAnswersOnce(t *testing.T) {
	h := open(t, muc.Config{})
	h.Client(laptop).Joins("secondwitch")
	way := asksClient(t, h, desktop, "secondwitch", "v1")
	n := 0
	for range 1000 {
		n += answers(t, h, laptop, "firstwitch", way)
	}
	assert.Equal(t, 1, n)

	way = asksClient(t, h, desktop, "secondwitch", "v2")
	h.Advance(5*time.Minute - time.Millisecond)
	assert.Equal(t, 1, answers(t, h, laptop, "firstwitch", way))
	way = asksClient(t, h, desktop, "secondwitch", "v3")
	h.Advance(5*time.Minute + time.Millisecond)
	assert.Zero(t, answers(t, h, laptop, "firstwitch", way))

	way = asksClient(t, h, desktop, "secondwitch", "v4")
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("wicca@shakespeare.lit"), Affiliation: muc.Outcast})
	assert.Zero(t, answers(t, h, laptop, "firstwitch", way))
	h.Do(muc.RemoveAffiliation{JID: muc.MustParseJID("wicca@shakespeare.lit")})
	assert.Equal(t, 1, answers(t, h, laptop, "firstwitch", way), "who has only left may answer")

	h.Config.RelayTimeout = time.Second
	h.Move()
	h.Client(laptop).Joins("secondwitch")
	way = asksClient(t, h, desktop, "secondwitch", "v5")
	h.Advance(time.Second + time.Millisecond)
	assert.Zero(t, answers(t, h, laptop, "firstwitch", way), "the host may be less patient")
}

// A way back is one of its life of the room. A room that was moved goes on with it; in
// one that was restarted, or made again, nobody is answered whose number is that of the
// asker.
//
// rows: E56
func TestRelayEndsWithTheRoom(t *testing.T) {
	conf := muc.RoomConfig{Persistent: true}
	h := open(t, muc.Config{Instant: true, Defaults: conf})
	h.Client(laptop).Joins("secondwitch")
	way, again := asksClient(t, h, desktop, "secondwitch", "v1"), asksClient(t, h, desktop, "secondwitch", "v2")
	at := h.Now
	moved, err := muc.Restore(h.Config, h.Snapshot(muc.Live), nil)
	require.NoError(t, err)
	restarted, err := muc.Restore(h.Config, h.Snapshot(muc.Durable), nil)
	require.NoError(t, err)
	replayed, err := muc.Restore(h.Config, nil, h.Events())
	require.NoError(t, err)
	for _, room := range []*muc.Room{h.Room, moved, replayed} {
		h.Room, h.Now = room, at
		assert.Equal(t, 1, answers(t, h, laptop, "firstwitch", way))
		assert.Zero(t, answers(t, h, laptop, "firstwitch", way))
	}
	made, err := muc.New(h.Config)
	require.NoError(t, err)
	for name, room := range map[string]*muc.Room{"restarted": restarted, "made again": made} {
		for _, first := range []string{"hecate@shakespeare.lit/broom", desktop} {
			twin, err := muc.Restore(h.Config, room.Snapshot(muc.Live), nil)
			require.NoError(t, err)
			h.Room, h.Now = twin, at.Add(time.Second)
			h.Join(first, "firstwitch")
			h.Join(laptop, "secondwitch")
			asksClient(t, h, first, "secondwitch", "v2")
			assert.Zero(t, answers(t, h, laptop, "firstwitch", again), "%s, %s", name, first)
		}
	}
}

// Of more requests than a room remembers, and than it remembers of one person, the
// oldest are forgotten, and their answers dropped.
//
// rows: L12
func TestRelaysAreForgotten(t *testing.T) {
	for name, lim := range map[string]muc.Limits{"of the room": {Relays: 3}, "of a person": {PersonRelays: 3}, "none": {Relays: -1}} {
		t.Run(name, func(t *testing.T) {
			h := open(t, muc.Config{Limits: lim})
			h.Client(laptop).Joins("secondwitch")
			other := asksClient(t, h, laptop, "firstwitch", "other")
			var ways []string
			for i := range 5 {
				ways = append(ways, asksClient(t, h, desktop, "secondwitch", fmt.Sprint("v", i)))
			}
			h.Move()
			var got []int
			for _, way := range ways {
				got = append(got, answers(t, h, laptop, "firstwitch", way))
			}
			want := []int{0, 0, 1, 1, 1}
			if name == "none" {
				want = []int{0, 0, 0, 0, 0}
			}
			assert.Equal(t, want, got)
			assert.Equal(t, name == "of a person", answers(t, h, desktop, "secondwitch", other) == 1, "nobody loses one for another person's")
		})
	}
}

// Requests to other occupants have a rate of their own, so that a client may ask for
// everybody's card when it enters, and nobody floods anybody with them.
//
// rows: E13
func TestQueriesHaveARate(t *testing.T) {
	h := open(t, muc.Config{Rates: muc.Rates{Messages: muc.Rate{Burst: 2, Every: 10 * time.Second}}})
	h.Client(laptop).Joins("secondwitch")
	h.Advance(time.Hour)
	ask := func() *muc.StanzaError {
		return h.Handle(`<iq type='get' id='v' from='` + laptop + `' to='coven@chat.shakespeare.lit/firstwitch'><vCard xmlns='vcard-temp'/></iq>`).Refused
	}
	for range 10 {
		require.Nil(t, ask())
	}
	ask()
	h.IsRefused(stanza.PolicyViolation)
	h.Client(laptop).ReceivesOnly(muctest.Error(stanza.PolicyViolation, stanza.TypeWait))
	h.Advance(2 * time.Second)
	assert.Nil(t, ask())
	assert.Nil(t, h.Client(laptop).Says("words are another matter").Refused)
}

// What clients send by themselves while people read and write leaves them their words,
// and has a bound.
//
// rows: E13
func TestSignalsHaveARate(t *testing.T) {
	h := open(t, muc.Config{Rates: muc.Rates{Messages: muc.Rate{Burst: 2, Every: 10 * time.Second}, Signals: muc.Rate{Burst: 4, Every: 5 * time.Second}}})
	h.Client(laptop).Joins("secondwitch")
	h.Advance(time.Hour)
	send := func(to, payload string) *muc.StanzaError {
		typ := "groupchat"
		if to != "" {
			typ = "chat"
		}
		return h.Handle(fmt.Sprintf(`<message type='%s' id='s' from='%s' to='coven@chat.shakespeare.lit%s'>%s</message>`, typ, laptop, to, payload)).Refused
	}
	require.Nil(t, send("", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"))
	require.Nil(t, send("", "<displayed xmlns='urn:xmpp:chat-markers:0' id='m'/><store xmlns='urn:xmpp:hints'/>"))
	require.Nil(t, send("", "<reactions xmlns='urn:xmpp:reactions:0' id='m'><reaction>x</reaction></reactions>"))
	require.Nil(t, send("/firstwitch", "<received xmlns='urn:xmpp:receipts' id='m'/>"))
	for _, signal := range []string{"<composing xmlns='http://jabber.org/protocol/chatstates'/>", "<x xmlns='urn:example:x'/>"} {
		send("", signal)
		h.Client(laptop).ReceivesOnly(muctest.Error(stanza.PolicyViolation, stanza.TypeWait))
	}
	require.Nil(t, send("", "<body>words</body><active xmlns='http://jabber.org/protocol/chatstates'/>"))
	require.Nil(t, send("/firstwitch", "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:example:e'/>"))
	assert.NotNil(t, send("", "<body>more words</body>"))
	assert.NotNil(t, send("", "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:example:e'/>"))
}

// outside counts the stanzas that go to one or another stranger.
func outside(fx muc.Effects) (n int) {
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			if strings.HasSuffix(to.Domain(), "strangers.lit") {
				n++
			}
		}
	}
	return n
}

// crowdOf is a request that gives a hundred strangers an affiliation.
func crowdOf(from string, round int, affiliation string) string {
	var items strings.Builder
	for i := range 100 {
		fmt.Fprintf(&items, "<item jid='s%d-%d@strangers.lit' affiliation='%s'/>", round, i, affiliation)
	}
	return `<iq type='set' id='i' from='` + from + `' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#admin'>` + items.String() + `</query></iq>`
}

// However many people an owner or admin gives an affiliation, the room sends few
// messages to strangers for it, and the lists are as wanted. What the host does itself
// is told to everybody.
//
// rows: E13
func TestNoticesAreRationed(t *testing.T) {
	for name, conf := range map[string]muc.Config{
		"told":    {TellAbsent: true},
		"invited": {Defaults: muc.RoomConfig{MembersOnly: true}},
		"both":    {TellAbsent: true, Defaults: muc.RoomConfig{MembersOnly: true}},
	} {
		t.Run(name, func(t *testing.T) {
			conf.Instant = true
			h := open(t, conf)
			sent := 0
			for round := range 20 {
				fx := h.Handle(crowdOf(desktop, round, "member"))
				require.Nil(t, fx.Refused)
				sent += outside(fx)
			}
			assert.Equal(t, 30, sent)
			members := 0
			for _, aff := range h.Affiliations() {
				if aff == muc.Member {
					members++
				}
			}
			assert.Equal(t, 2000, members)

			// An invitation is a request of its own: it is refused.
			invite := `<message from='` + desktop + `' to='coven@chat.shakespeare.lit'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='last@strangers.lit'/></x></message>`
			h.Handle(invite)
			h.IsRefused(stanza.PolicyViolation)
			h.Client(desktop).ReceivesOnly(muctest.Error(stanza.PolicyViolation, stanza.TypeWait))
			h.RefusesAs(muc.MustParseJID(desktop), because(stanza.PolicyViolation), muc.Invite{To: muc.MustParseJID("last@strangers.lit")})
			h.Advance(10 * time.Minute)
			assert.Nil(t, h.Handle(invite).Refused)

			// The room has a bound for all of them together.
			sent = 0
			for round := range 6 {
				admin := fmt.Sprintf("admin%d@shakespeare.lit/x", round)
				h.Do(muc.SetAffiliation{JID: muc.MustParseJID(admin).Bare(), Affiliation: muc.Admin})
				h.Join(admin, fmt.Sprint("admin", round))
				sent += outside(h.Handle(crowdOf(admin, 100+round, "member")))
			}
			assert.LessOrEqual(t, sent, 102)
			assert.GreaterOrEqual(t, sent, 95)

			fx := h.Do(muc.Invite{To: muc.MustParseJID("host@strangers.lit")})
			assert.GreaterOrEqual(t, outside(fx), 1)
			if conf.TellAbsent {
				assert.Equal(t, 1, outside(h.Do(muc.SetAffiliation{JID: muc.MustParseJID("other@strangers.lit"), Affiliation: muc.Owner})))
			}
			h.Move()
		})
	}
}

// Declines to whom they must be sent outside use up what the invitee may have sent.
func TestDeclinesAreRationed(t *testing.T) {
	h := open(t, muc.Config{Instant: true, Rates: muc.Rates{Notices: muc.Rate{Burst: 1, Every: time.Hour}}})
	for _, who := range []string{"hecate@shakespeare.lit/broom", laptop} {
		nick := muc.MustParseJID(who).Local()
		h.Client(who).Joins(nick)
		require.Nil(t, h.Handle(invites(who, "bard@strangers.lit")).Refused)
		h.Handle(`<presence type='unavailable' from='` + who + `' to='coven@chat.shakespeare.lit/` + nick + `'/>`)
	}
	decline := `<message from='bard@strangers.lit/globe' to='coven@chat.shakespeare.lit'><x xmlns='http://jabber.org/protocol/muc#user'><decline/></x></message>`
	assert.Len(t, h.Handle(decline).Outbound, 1, "both are declined, and one of those who invited is told")
	h.Handle(decline)
	h.IsRefused(stanza.Forbidden)
	h.Advance(time.Hour - 10*time.Second)
	const third = "third@shakespeare.lit/pda"
	h.Client(third).Joins("third")
	require.Nil(t, h.Handle(invites(third, "bard@strangers.lit")).Refused)
	h.Client(third).Leaves()
	h.Handle(decline)
	h.Client("bard@strangers.lit/globe").ReceivesOnly(muctest.Error(stanza.PolicyViolation, stanza.TypeWait))
	h.Advance(10 * time.Second)
	assert.Len(t, h.Handle(decline).Outbound, 1)
}
