package muc_test

import (
	"encoding/json"
	"slices"
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

// stateOf is a live snapshot without the number and time of the last event.
func stateOf(t *testing.T, room *muc.Room) map[string]any {
	t.Helper()
	var state map[string]any
	require.NoError(t, json.Unmarshal(room.Snapshot(muc.Live), &state))
	delete(state, "sub")
	delete(state, "at")
	return state
}

// idOf is the occupant-id of a nick.
func idOf(h *muctest.Room, nick string) string {
	for o := range h.Occupants() {
		if o.Nick == nick {
			return o.ID
		}
	}
	return ""
}

// What everybody hears and nobody keeps is one volatile event, of people, puppets and the room; it leaves
// nothing in the room, and newcomers are not shown it.
func TestMessagePassed(t *testing.T) {
	const composing = `<composing xmlns='http://jabber.org/protocol/chatstates'/>`
	const marker = `<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>`
	const noStore = `<body>psst</body><no-store xmlns='urn:xmpp:hints'/>`
	const noPermanent = `<body>psst</body><no-permanent-store xmlns='urn:xmpp:hints'/>`
	handle := func(from muc.JID, payload string) func(h *muctest.Room) muc.Effects {
		return func(h *muctest.Room) muc.Effects {
			return h.Handle(`<message type='groupchat' id='m' xml:lang='en' from='` + from.String() + `' to='coven@chat.shakespeare.lit'>` + payload + `</message>`)
		}
	}
	say := func(nick, payload string) func(h *muctest.Room) muc.Effects {
		return func(h *muctest.Room) muc.Effects {
			return h.Do(muc.Say{Nick: nick, Message: parse(`<message id='m' xml:lang='en'>` + payload + `</message>`)})
		}
	}
	nurse := muc.MustParseJID("nurse@irc.example/oftc")
	for name, c := range map[string]struct {
		run     func(h *muctest.Room) muc.Effects
		jid     muc.JID
		nick    string
		payload string
	}{
		"chat state":           {handle(wicca, composing), wicca, "secondwitch", composing},
		"marker":               {handle(hecate, marker), hecate, "thirdwitch", marker},
		"not to be stored":     {handle(wicca, noStore), wicca, "secondwitch", noStore},
		"not for ever":         {handle(wicca, noPermanent), wicca, "secondwitch", noPermanent},
		"owner from elsewhere": {handle(muc.MustParseJID("crone@shakespeare.lit/phone"), noStore), muc.MustParseJID("crone@shakespeare.lit/phone"), "", noStore},
		"puppet":               {say("Nurse", noStore), nurse, "Nurse", noStore},
		"the room":             {say("", noStore), muc.JID{}, "", noStore},
	} {
		t.Run(name, func(t *testing.T) {
			h := coven(t, muc.Config{SpeakFromOutside: true})
			h.Do(muc.Join{JID: nurse, Nick: "Nurse"})
			was, durable := stateOf(t, h.Room), h.Snapshot(muc.Durable)
			fx := c.run(h)
			assert.Empty(t, fx.Durable)
			require.Len(t, fx.Volatile, 1)
			b, ok := fx.Volatile[0].Body.(*event.MessagePassed)
			require.True(t, ok, "%T", fx.Volatile[0].Body)
			assert.Equal(t, c.jid, b.JID)
			assert.Equal(t, []string{c.nick, "m", "en", c.payload, ""}, []string{b.Nick, b.ID, b.Lang, b.Payload, b.StanzaID})
			assert.Equal(t, c.nick != "", b.OccupantID != "")
			for _, who := range []muc.JID{crone, wicca, hecate} {
				assert.Len(t, h.Client(who.String()).Received(), 1)
			}

			assert.Equal(t, was, stateOf(t, h.Room), "nothing is kept")
			assert.Equal(t, string(durable), string(h.Snapshot(muc.Durable)))
			h.Join(bard.String(), "Bard").SeesNothingOf("psst")
			h.Move()
			h.Restart()
		})
	}
}

// A message is one event: what is kept does not pass by as well. What passes by has an id of
// its own, also at the same moment.
func TestMessagePassedOnce(t *testing.T) {
	h := coven(t, muc.Config{})
	require.Len(t, slices.Collect(h.Client(wicca.String()).Says("thrice").Events()), 1)
	signal := parse(`<message type='groupchat' from='` + wicca.String() + `' to='coven@chat.shakespeare.lit'><active xmlns='http://jabber.org/protocol/chatstates'/></message>`)
	ids := map[string]bool{}
	for range 2 {
		fx, err := h.Room.Handle(h.Now, signal)
		require.NoError(t, err)
		require.Len(t, fx.Volatile, 1)
		id := fx.Volatile[0].Body.(*event.MessagePassed).ID
		assert.Equal(t, id, fx.Outbound[0].ID())
		ids[id] = true
	}
	assert.Len(t, ids, 2)
}

// The host reads what is said to its puppet alone; nobody else does. What is refused to
// people is refused for a puppet.
//
// rows: E20
func TestPrivateToPuppet(t *testing.T) {
	h := coven(t, muc.Config{Limits: muc.Limits{BodyBytes: 100}, Rates: muc.Rates{Messages: muc.Rate{Burst: 1, Every: time.Minute}}})
	h.Do(muc.Join{JID: bard, Nick: "Bard"})
	private := func(to, attrs, payload string) muc.Effects {
		return h.Handle(`<message from='` + hecate.String() + `' to='coven@chat.shakespeare.lit/` + to + `' ` + attrs + `>` + payload + `</message>`)
	}
	refused := func(c stanza.Condition, fx muc.Effects) {
		t.Helper()
		h.IsRefused(c)
		nothingGoesTo(t, fx, bard.Bare())
	}
	for attrs, typ := range map[string]string{"type='chat' id='p'": "chat", "type='headline' id='p'": "headline", "id='p'": "", "type='odd' id='p'": ""} {
		h.Now = h.Now.Add(time.Hour)
		was := stateOf(t, h.Room)
		fx := private("Bard", attrs+" xml:lang='en'", `<body>double, double</body><x xmlns='http://jabber.org/protocol/muc#user'/>`)
		require.Nil(t, fx.Refused)
		assert.Empty(t, fx.Outbound)
		require.Len(t, fx.Volatile, 2)
		assert.Equal(t, &event.PrivateReceived{Occupant: 4, To: "Bard", Type: typ, Message: event.Message{Nick: "thirdwitch", Key: "thirdwitch",
			OccupantID: idOf(h, "thirdwitch"), JID: hecate, ID: "p", Lang: "en", Payload: "<body>double, double</body>"}}, fx.Volatile[1].Body)
		state := stateOf(t, h.Room)
		delete(was, "events")
		for _, e := range state["events"].([]any) {
			assert.NotContains(t, []string{"private-sent", "private-received"}, e.(map[string]any)["type"], "nothing is kept")
		}
		delete(state, "events")
		assert.Equal(t, was, state)
	}
	h.Move()

	refused(stanza.PolicyViolation, private("Bard", "", "<body>too soon</body>"))
	h.Now = h.Now.Add(time.Hour)
	refused(stanza.PolicyViolation, private("Bard", "", "<body>"+strings.Repeat("long ", 40)+"</body>"))
	refused(stanza.BadRequest, private("Bard", "type='groupchat'", "<body>x</body>"))
	refused(stanza.ItemNotFound, private("BARD", "", "<body>x</body>"))
	h.Do(muc.Reset{Config: muc.RoomConfig{AllowPM: muc.PMAffiliated}})
	refused(stanza.Forbidden, private("Bard", "", "<body>x</body>"))
	fx := h.Handle(`<message type='chat' from='iago@evil.lit/elsewhere' to='coven@chat.shakespeare.lit/Bard'><body>x</body></message>`)
	refused(stanza.NotAcceptable, fx)
}

// A puppet speaks in private like anybody, and so does somebody by the host's hand.
//
// rows: E20
func TestSayInPrivate(t *testing.T) {
	h := coven(t, muc.Config{})
	h.Do(muc.Join{JID: bard, Nick: "Bard"})
	h.Do(muc.Join{JID: muc.MustParseJID("kemp@shakespeare.lit/globe"), Nick: "Kemp"})
	told := func(fx muc.Effects) string {
		t.Helper()
		require.Len(t, fx.Outbound, 1)
		assert.Equal(t, []muc.JID{wicca}, fx.Outbound[0].To())
		assert.Empty(t, fx.Durable)
		return xmlOf(fx.Outbound[0])
	}
	got := told(h.Do(muc.Say{Nick: "Bard", To: "secondwitch", Message: parse(`<message id='b1' type='groupchat' xml:lang='en'><body>aside</body></message>`)}))
	assert.True(t, strings.HasPrefix(got, `<message to='wiccarocks@shakespeare.lit/laptop' from='coven@chat.shakespeare.lit/Bard' type='chat' id='b1' xml:lang='en'><body>aside</body>`), got)
	assert.Contains(t, got, `<x xmlns='http://jabber.org/protocol/muc#user'/>`)
	assert.NotContains(t, got, "bard@")
	got = told(h.DoAs(hecate, muc.Say{To: "secondwitch", Body: "by session"}))
	assert.Contains(t, got, `from='coven@chat.shakespeare.lit/thirdwitch' type='chat'><body>by session</body>`)
	assert.IsType(t, &event.PrivateSent{}, h.Events()[len(h.Events())-1].Body, "an error finds its way back")
	n := len(h.Events())
	told(h.DoAs(hecate.Bare(), muc.Say{To: "secondwitch", Body: "by account"}))
	assert.Len(t, h.Events(), n, "nobody waits for an error")

	for nick, from := range map[string]muc.Effects{"Bard": h.Do(muc.Say{Nick: "Bard", To: "Kemp", Body: "exit"}), "thirdwitch": h.DoAs(hecate, muc.Say{To: "Kemp", Body: "exit"})} {
		assert.Empty(t, from.Outbound)
		require.Len(t, from.Volatile, 1)
		b := from.Volatile[0].Body.(*event.PrivateReceived)
		assert.Equal(t, []string{nick, "Kemp", "chat", "<body>exit</body>"}, []string{b.Nick, b.To, b.Type, b.Payload})
	}

	h.Refuses(muc.ErrNotFound, muc.Say{Nick: "Bard", To: "nobody", Body: "x"}, muc.Say{Nick: "nobody", To: "secondwitch", Body: "x"})
	h.Refuses(because(stanza.BadRequest), muc.Say{To: "secondwitch", Body: "the room has no secrets"}, muc.Say{Nick: "Bard", To: "secondwitch"})
	h.RefusesAs(hecate, muc.ErrNotFound, muc.Say{To: "nobody", Body: "x"})
	h.RefusesAs(muc.MustParseJID("iago@evil.lit/x"), because(stanza.NotAcceptable), muc.Say{To: "secondwitch", Body: "x"})
	h.Do(muc.Reset{Config: muc.RoomConfig{AllowPM: muc.PMNone}})
	h.Refuses(because(stanza.Forbidden), muc.Say{Nick: "Bard", To: "secondwitch", Body: "x"})
	h.RefusesAs(hecate, because(stanza.Forbidden), muc.Say{To: "secondwitch", Body: "x"})
}
