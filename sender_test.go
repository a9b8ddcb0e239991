package muc_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/policy"
)

// Who sends a stanza is looked up once, when its step begins: whatever rules judge it,
// the host is asked once at most who owns the room. Of people inside it has said so
// when they entered.
//
// rows: A21
func TestSenderIsLookedUpOnce(t *testing.T) {
	const sender, room = "hag@shakespeare.lit", "coven@chat.shakespeare.lit"
	asked := 0
	s := open(t, muc.Config{
		IsOwner: func(j muc.JID) bool {
			if j.String() == sender {
				asked++
			}
			return false
		},
		Archive: true, SpeakFromOutside: true, Registration: muc.RegistrationOpen, Policy: policy.Rules{Discover: func(policy.Discover) *muc.StanzaError { return nil }},
		Rates:     muc.Rates{Messages: muc.Rate{Burst: 100, Every: 1}, Presence: muc.Rate{Burst: 100, Every: 1}, Queries: muc.Rate{Burst: 100, Every: 1}},
		Limits:    muc.Limits{Invites: 3},
		AnswersIQ: func(string, string) bool { return true },
	})
	s.Do(muc.SetAffiliation{JID: muc.MustParseJID(sender), Affiliation: muc.Admin})
	requireAsked := func(what string, most int, refused bool, stanza string) muc.Effects {
		t.Helper()
		asked = 0
		fx := s.Handle(stanza)
		assert.Equal(t, refused, fx.Refused != nil, "%s: %v", what, fx.Refused)
		assert.LessOrEqual(t, asked, most, what)
		return fx
	}
	iq := func(typ, payload string) string {
		return `<iq type='` + typ + `' id='i' from='` + sender + `/x' to='` + room + `'>` + payload + `</iq>`
	}
	message := func(payload string) string {
		return `<message type='groupchat' from='` + sender + `/x' to='` + room + `'>` + payload + `</message>`
	}

	requireAsked("a message from outside", 1, false, message(`<body>hail</body>`))
	requireAsked("a message from outside, to an occupant", 1, true, `<message from='`+sender+`/x' to='`+room+`/firstwitch'><body>hail</body></message>`)
	requireAsked("what the room is", 1, false, iq("get", `<query xmlns='http://jabber.org/protocol/disco#info'/>`))
	requireAsked("who is inside", 1, false, iq("get", `<query xmlns='http://jabber.org/protocol/disco#items'/>`))
	requireAsked("a list", 1, false, iq("get", `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query>`))
	requireAsked("a ban", 1, false, iq("set", `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='z@globe.lit'/></query>`))
	requireAsked("the archive", 1, false, iq("set", `<query xmlns='urn:xmpp:mam:2'/>`))
	requireAsked("a request to the host", 1, false, iq("get", `<query xmlns='jabber:iq:version'/>`))
	requireAsked("the form of a registration", 1, false, iq("get", `<query xmlns='jabber:iq:register'/>`))
	requireAsked("a registration", 1, false, iq("set", `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>`+
		`<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>`+
		`<field var='muc#register_roomnick'><value>thirdwitch</value></field></x></query>`))
	for _, invitee := range []string{"a", "b", "c", "d"} {
		s.Do(muc.Invite{To: muc.MustParseJID(invitee + "@globe.lit")})
		requireAsked("an invitation, also one to which another gives way", 1, false, `<message from='`+sender+`/x' to='`+room+
			`'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='`+invitee+`@shakespeare.lit'/></x></message>`)
	}

	fx := requireAsked("a join", 1, false, `<presence from='`+sender+`/x' to='`+room+`/thirdwitch'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	require.Equal(t, 1, asked, "the event of entering says what the host said")
	require.IsType(t, &event.Joined{}, fx.Volatile[len(fx.Volatile)-1].Body)
	requireAsked("a message from inside", 0, false, message(`<body>hail</body>`))
	requireAsked("another nick", 0, false, `<presence from='`+sender+`/x' to='`+room+`/hag'/>`)
	requireAsked("leaving", 0, false, `<presence type='unavailable' from='`+sender+`/x' to='`+room+`/hag'/>`)

	s.Client(sender + "/x").Joins("thirdwitch")
	s.Handle(`<presence type='unavailable' from='` + sender + `/x' to='` + room + `/thirdwitch'/>`)
	for _, cmd := range []muc.Command{
		muc.Invite{To: muc.MustParseJID("e@shakespeare.lit")}, muc.Kick{Nick: "firstwitch"}, muc.SetAffiliation{JID: muc.MustParseJID("e@shakespeare.lit"), Affiliation: muc.Member},
	} {
		asked = 0
		_, _ = s.Room.DoAs(s.Now, muc.MustParseJID(sender), cmd)
		assert.LessOrEqual(t, asked, 1, "%T", cmd)
	}
}
