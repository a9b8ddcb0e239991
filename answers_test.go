package muc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
)

// requests are payloads of all kinds that somebody may send to a room.
var requests = []string{
	`<query xmlns='http://jabber.org/protocol/disco#info'/>`,
	`<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>`,
	`<query xmlns='http://jabber.org/protocol/disco#info' node='nowhere'/>`,
	`<query xmlns='http://jabber.org/protocol/disco#items'/>`,
	`<query xmlns='http://jabber.org/protocol/muc#admin'/>`,
	`<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query>`,
	`<query xmlns='http://jabber.org/protocol/muc#admin'><item role='moderator'/></query>`,
	`<query xmlns='http://jabber.org/protocol/muc#admin'><item role='visitor' nick='secondwitch'/></query>`,
	`<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='@'/></query>`,
	`<query xmlns='http://jabber.org/protocol/muc#owner'/>`,
	`<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`,
	`<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='cancel'/></query>`,
	`<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>`,
	`<query xmlns='jabber:iq:register'/>`,
	`<query xmlns='jabber:iq:register'><remove/></query>`,
	`<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>firstwitch</value></field></x></query>`,
	`<query xmlns='urn:xmpp:mam:2'/>`, `<metadata xmlns='urn:xmpp:mam:2'/>`,
	`<ping xmlns='urn:xmpp:ping'/>`, `<vCard xmlns='vcard-temp'/>`, `<pubsub xmlns='http://jabber.org/protocol/pubsub'/>`,
	`<query xmlns='jabber:iq:version'/>`, `<command xmlns='http://jabber.org/protocol/commands' node='x'/>`,
	`<query/>`, `<a/><b/>`, `text`, ``, strings.Repeat("<a>", 50) + strings.Repeat("</a>", 50),
	`<moderate xmlns='urn:xmpp:message-moderate:1' id='1'/>`, `<unique xmlns='http://jabber.org/protocol/muc#unique'/>`,
	`<asked xmlns='urn:host'/>`,
}

// livesOfRoom are rooms in all states that an answer could depend on.
var livesOfRoom = map[string]func(t *testing.T) *muctest.Room{
	"unborn": func(t *testing.T) *muctest.Room { return unborn(t, askable) },
	"unborn, made by form": func(t *testing.T) *muctest.Room {
		cfg := askable
		cfg.CreateByForm = true
		return unborn(t, cfg)
	},
	"locked": func(t *testing.T) *muctest.Room {
		h := unborn(t, askable)
		h.Client("crone@shakespeare.lit/desktop").Joins("firstwitch")
		require.Equal(t, muc.Locked, h.State())
		return h
	},
	"open": func(t *testing.T) *muctest.Room { return coven(t, askable) },
	"open, members only, with a password": func(t *testing.T) *muctest.Room {
		h := coven(t, askable)
		h.Handle(configSubmit("c", "muc#roomconfig_roomsecret", "x", "muc#roomconfig_membersonly", "1", "muc#roomconfig_moderatedroom", "1"))
		return h
	},
	"destroyed": func(t *testing.T) *muctest.Room {
		h := coven(t, askable)
		h.Do(muc.Destroy{})
		return h
	},
	"destroyed, with a tombstone": func(t *testing.T) *muctest.Room {
		h := coven(t, askable)
		h.Do(muc.Destroy{Tombstone: true, Reason: "Macbeth doth come"})
		return h
	},
}

var askable = muc.Config{AnswersIQ: func(space, _ string) bool { return space == "urn:host" }}

// Whatever is asked, by whomever, of whatever address, in whatever state the room
// is: there is one answer, now or later, and nothing answers an answer.
// rows: K34
func TestOneAnswer(t *testing.T) {
	askers := []string{"crone@shakespeare.lit/desktop", "hecate@shakespeare.lit/broom", "stranger@shakespeare.lit/x",
		"shakespeare.lit", "crone@shakespeare.lit"}
	addresses := []string{"", "/firstwitch", "/secondwitch", "/nobody", "/ ", "/\u202E", "/" + strings.Repeat("n", 2000)}
	for name, life := range livesOfRoom {
		t.Run(name, func(t *testing.T) {
			for _, payload := range requests {
				h := life(t)
				for i, asker := range askers {
					address := addresses[(i+len(payload))%len(addresses)]
					for _, typ := range []string{"get", "set", "perhaps", "result", "error"} {
						answersOnce(t, h, typ, asker, address, payload)
					}
				}
			}
		})
	}
}

func answersOnce(t *testing.T, h *muctest.Room, typ, asker, address, payload string) {
	t.Helper()
	const id = "one-answer"
	text := fmt.Sprintf(`<iq type='%s' id='%s' from='%s' to='coven@chat.shakespeare.lit%s'>%s</iq>`, typ, id, asker, address, payload)
	fx := h.Handle(text)
	answers, passed := 0, 0
	for _, out := range fx.Outbound {
		el := out.Stanza()
		switch kind := el.SelectAttrValue("type", ""); {
		case el.Tag != "iq":
		case kind == "get" || kind == "set":
			passed++
			assert.NotEqual(t, id, el.SelectAttrValue("id", ""), "the way back is in the id")
		case el.SelectAttrValue("id", "") == id:
			answers++
			assert.Equal(t, asker, out.To()[0].String())
		}
	}
	switch {
	case typ == "result" || typ == "error":
		assert.Zero(t, answers+passed+len(fx.Questions), text)
		return
	case passed == 0 && len(fx.Questions) == 0:
		assert.Equal(t, 1, answers, text)
		return
	}
	assert.Zero(t, answers, text)
	assert.Equal(t, 1, passed+len(fx.Questions), text)
	for _, ask := range fx.Questions {
		now := h.Now
		h.Now = ask.Deadline
		fx := h.Tick()
		h.Now = now
		require.Len(t, fx.Outbound, 1, "nobody answered, so the room does")
		assert.Contains(t, xmlOf(fx.Outbound[0]), "remote-server-timeout")
	}
}

// Messages and presences of type error are never answered, whatever they say.
func TestErrorsAreNotAnswered(t *testing.T) {
	for name, life := range livesOfRoom {
		h := life(t)
		for _, asker := range []string{"hecate@shakespeare.lit/broom", "stranger@shakespeare.lit/x"} {
			for _, kind := range []string{"message", "presence", "iq"} {
				for _, address := range []string{"", "/firstwitch", "/nobody"} {
					for _, inside := range []string{"", "<error/>", "<body>x</body>", "<x xmlns='http://jabber.org/protocol/muc'/>",
						"<error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", strings.Repeat("<a>", 50) + strings.Repeat("</a>", 50)} {
						h.Handle(fmt.Sprintf(`<%s type='error' from='%s' to='coven@chat.shakespeare.lit%s'>%s</%[1]s>`, kind, asker, address, inside))
						assert.Empty(t, h.Client(asker).Received(), "%s: %s %s %s", name, kind, address, inside)
					}
				}
			}
		}
	}
}

// What a message to everybody allocates does not depend on how many listen.
func TestSpeakingAllocatesTheSame(t *testing.T) {
	message := parse(`<message type='groupchat' id='m' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'><body>Hail!</body></message>`)
	measure := func(people int) float64 {
		h := open(t, muc.Config{})
		for i := range people {
			h.Client(fmt.Sprintf("witch%d@shakespeare.lit/x", i)).Joins(fmt.Sprintf("Witch %d", i))
		}
		for range 200 { // until the history is full
			_, err := h.Room.Handle(h.Now, message)
			require.NoError(t, err)
		}
		return testing.AllocsPerRun(100, func() { _, _ = h.Room.Handle(h.Now, message) })
	}
	assert.InDelta(t, measure(3), measure(300), 1)
}

// An account answers for its sessions, also while the room waits to be configured and the
// account is no owner of it any more.
// rows: E56
func TestAnswerIntoLockedRoom(t *testing.T) {
	h := unborn(t, muc.Config{})
	crone := h.Client("crone@shakespeare.lit/desktop")
	crone.Joins("firstwitch")
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("hag@shakespeare.lit"), Affiliation: muc.Owner})
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("crone@shakespeare.lit"), Affiliation: muc.Member})
	require.Equal(t, muc.Locked, h.State())
	nick := h.Config.Room.String() + "/firstwitch"
	asked := crone.Sends(`<iq type='get' id='v' to='` + nick + `'><vCard xmlns='vcard-temp'/></iq>`)
	require.Len(t, asked.Outbound, 1)
	account := h.Client("crone@shakespeare.lit")
	account.Sends(`<iq type='result' id='` + asked.Outbound[0].ID() + `' to='` + nick + `'><vCard xmlns='vcard-temp'/></iq>`)
	crone.Receives(muctest.XML(`<iq type='result' id='v' from='` + nick + `'/>`))
}
