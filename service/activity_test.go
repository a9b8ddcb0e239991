package service_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

func withActivity(h *host) { h.config.Activity = func(who, room muc.JID) bool { return true } }

// watch asks to be told of activity, and returns what is told at once.
func (h *host) watch(who string) string {
	h.t.Helper()
	h.got(who)
	h.send(`<presence from='%s' to='chat.example'><rai xmlns='urn:xmpp:rai:0'/></presence>`, who)
	return h.told(who)
}

// told are the rooms that somebody was told of, by their local parts; each message ends with
// a bar.
func (h *host) told(who string) string {
	h.t.Helper()
	s := ""
	for _, el := range h.got(who) {
		if el.SelectAttrValue("from", "") != "chat.example" {
			continue
		}
		require.Equal(h.t, "message", el.Tag, text(el))
		assert.NotNil(h.t, el.FindElement("no-store[@xmlns='urn:xmpp:hints']"))
		for _, room := range el.FindElements("rai[@xmlns='urn:xmpp:rai:0']/activity") {
			s += strings.TrimSuffix(room.Text(), "@chat.example") + " "
		}
		s += "|"
	}
	return s
}

// affiliate makes somebody a member of rooms, or something else.
func (h *host) affiliate(who string, aff muc.Affiliation, rooms ...string) {
	h.t.Helper()
	for _, room := range rooms {
		var cmd muc.Command = muc.RemoveAffiliation{JID: muc.MustParseJID(who)}
		if aff != muc.AffiliationNone {
			cmd = muc.SetAffiliation{JID: muc.MustParseJID(who), Affiliation: aff}
		}
		_, err := h.do(room, cmd)
		require.NoError(h.t, err)
	}
}

// speaking has Tybalt in rooms of which Juliet is a member.
func (h *host) speaking(rooms ...string) {
	h.t.Helper()
	for _, room := range rooms {
		h.lasting(room)
		h.join(tybalt, room, "Tybalt")
	}
	h.affiliate("juliet@example.org", muc.Member, rooms...)
}

// A member is told of a room once, until the member has been there.
//
// rows: U1
func TestActivity(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withActivity)
		assert.Contains(t, text(h.ask(juliet, "chat.example", info)), `<feature var="urn:xmpp:rai:0"/>`)
		h.speaking("cellar", "garden")
		h.say(tybalt, "cellar", "before")
		assert.Empty(t, h.told(juliet), "nobody is told who did not ask")
		assert.Empty(t, h.watch(juliet))
		h.say(tybalt, "cellar", "one")
		assert.Equal(t, "cellar |", h.told(juliet))
		h.say(tybalt, "cellar", "two")
		h.send(`<message type='groupchat' from='%s' to='garden@chat.example'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`, tybalt)
		_, err := h.do("garden", muc.SetSubject{Subject: "roses"})
		require.NoError(t, err)
		h.send(`<message type='groupchat' from='%s' to='garden@chat.example'><body>x</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/></message>`, tybalt)
		assert.Empty(t, h.told(juliet))
		h.say(tybalt, "garden", "one")
		assert.Equal(t, "garden |", h.told(juliet))

		h.join(juliet, "cellar", "Juliet")
		h.say(tybalt, "cellar", "three")
		h.leave(juliet, "cellar", "Juliet")
		assert.Empty(t, h.told(juliet))
		h.say(tybalt, "cellar", "four")
		h.say(tybalt, "garden", "two")
		assert.Equal(t, "cellar |", h.told(juliet))
		assert.Empty(t, h.told(tybalt), "who is inside needs no telling")
	})
}

// Who asks is told of all rooms in which something was said since that person was there.
//
// rows: U1
func TestActivityMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withActivity)
		h.speaking("cellar", "garden", "plot")
		h.watch(juliet)
		h.say(tybalt, "plot", "one")
		assert.Equal(t, "plot |", h.told(juliet))
		h.send(`<presence type='unavailable' from='%s' to='chat.example'/>`, juliet)
		h.say(tybalt, "garden", "one")
		h.say(tybalt, "cellar", "one")
		assert.Empty(t, h.told(juliet))
		assert.Equal(t, "cellar garden plot |", h.watch(juliet))
		assert.Equal(t, "cellar garden plot |", h.watch(juliet), "whenever it asks")
		assert.Equal(t, "cellar garden plot |", h.watch("juliet@example.org/other"))
		h.say(tybalt, "garden", "two")
		assert.Empty(t, h.told(juliet))
		h.join("juliet@example.org/other", "garden", "Juliet")
		h.leave("juliet@example.org/other", "garden", "Juliet")
		assert.Equal(t, "cellar plot |", h.watch(juliet), "another client was there")
		_, err := h.do("plot", muc.Destroy{})
		require.NoError(t, err)
		h.affiliate("juliet@example.org", muc.AffiliationNone, "cellar")
		assert.Empty(t, h.watch(juliet))
		h.say(tybalt, "garden", "three")
		assert.Equal(t, "garden |", h.told(juliet))
		h.say(tybalt, "cellar", "two")
		assert.Empty(t, h.told(juliet))
	})
}

// Only those are told who are on the room's own lists, as the lists are now, and whom the host
// lets.
//
// rows: U1
func TestActivityIsForMembers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var refuse atomic.Pointer[string]
		h := newHost(t, func(h *host) {
			h.config.Activity = func(who, room muc.JID) bool {
				no := refuse.Load()
				return no == nil || *no != who.Bare().String()+" "+room.String()
			}
		})
		no := func(s string) { refuse.Store(&s) }
		h.speaking("cellar")
		h.watch(romeo)
		h.watch("stranger@example.org/pda")
		h.affiliate("stranger@example.org", muc.Outcast, "cellar")
		h.affiliate("mercutio.example", muc.Member, "cellar")
		h.watch("mercutio@mercutio.example/pda")
		h.watch(juliet)
		say := func() { h.say(tybalt, "cellar", "words") }
		say()
		assert.Equal(t, "cellar |", h.told(juliet))
		assert.Equal(t, "cellar |", h.told(romeo))
		assert.Empty(t, h.told("stranger@example.org/pda"))
		assert.Empty(t, h.told("mercutio@mercutio.example/pda"), "a domain is nobody who wants to know")
		h.affiliate("stranger@example.org", muc.Admin, "cellar")
		say()
		assert.Equal(t, "cellar |", h.told("stranger@example.org/pda"))

		no("juliet@example.org cellar@chat.example")
		assert.Empty(t, h.watch(juliet))
		no("romeo@example.org cellar@chat.example")
		h.join(romeo, "cellar", "Romeo")
		h.leave(romeo, "cellar", "Romeo")
		h.got(romeo)
		say()
		assert.Empty(t, h.told(romeo))
		no("juliet@example.org ")
		h.got(juliet)
		h.send(`<presence from='%s' to='chat.example'><rai xmlns='urn:xmpp:rai:0'/></presence>`, juliet)
		e := h.only(juliet)
		refused(t, e, "forbidden", "auth")
		assert.NotNil(t, e.FindElement("rai[@xmlns='urn:xmpp:rai:0']"))
		h.send(`<presence from='juliet@example.org' to='chat.example'><rai xmlns='urn:xmpp:rai:0'/></presence>`)
		refused(t, h.only("juliet@example.org"), "bad-request", "modify")

		h.stop()
		h.config.Activity = nil
		h.start()
		assert.NotContains(t, text(h.ask(juliet, "chat.example", info)), "urn:xmpp:rai:0")
		assert.Empty(t, h.watch(juliet))
	})
}

// A client that is gone is told nothing, however it went.
//
// rows: U1
func TestActivityEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withActivity)
		h.speaking("cellar")
		for name, end := range map[string]func(){
			"unavailable": func() { h.send(`<presence type='unavailable' from='%s' to='chat.example'/>`, juliet) },
			"error":       func() { h.send(`<presence type='error' from='%s' to='chat.example'/>`, juliet) },
			"bounced": func() {
				h.send(`<message type='error' from='%s' to='chat.example'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`, juliet)
			},
			"vanished":       func() { require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(juliet))) },
			"its account":    func() { require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID("juliet@example.org"))) },
			"its server":     func() { require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID("example.org"))) },
			"has logged out": func() { require.NoError(t, h.service.Offline(t.Context(), muc.MustParseJID(juliet), nil)) },
		} {
			h.join(juliet, "cellar", "Juliet")
			h.leave(juliet, "cellar", "Juliet")
			assert.Empty(t, h.watch(juliet), name)
			end()
			h.join(tybalt, "cellar", "Tybalt") // from the same server
			h.say(tybalt, "cellar", "words")
			assert.Empty(t, h.told(juliet), name)
			assert.Equal(t, "cellar |", h.watch(juliet), name)
		}
		h.join(juliet, "cellar", "Juliet")
		h.leave(juliet, "cellar", "Juliet")
		h.watch(juliet)
		h.send(`<message type='error' from='%s' to='chat.example'><error type='wait'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`, juliet)
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID("juliet@example.org/other")))
		h.say(tybalt, "cellar", "words")
		assert.Equal(t, "cellar |", h.told(juliet), "still there")
	})
}

// What is done at once is told in its order: who leaves after something was said has seen it,
// and who leaves before has not.
func TestActivityInABatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			withActivity(h)
			h.config.Room.Archive = true
			h.config.Question = func(context.Context, muc.JID, muc.Question) {}
		})
		h.speaking("cellar")
		say := `<message type='groupchat' from='%s' to='cellar@chat.example'><body>words</body></message>`
		leave := `<presence type='unavailable' from='%s' to='cellar@chat.example/Juliet'/>`
		// What all of this does is stored at once.
		batch := func(stanzas ...string) {
			t.Helper()
			h.join(juliet, "cellar", "Juliet")
			hold := make(chan struct{})
			h.store.failAppends(func([]service.Batch) error { <-hold; return nil })
			h.send(`<message type='groupchat' from='%s' to='cellar@chat.example'><body>x</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/></message>`, tybalt)
			assert.Empty(t, h.watch(juliet))
			for i := 0; i < len(stanzas); i += 2 {
				h.send(stanzas[i], stanzas[i+1])
			}
			h.store.failAppends(nil)
			close(hold)
			sleep(0)
			h.got(tybalt)
		}
		batch(say, tybalt, leave, juliet)
		assert.Empty(t, h.told(juliet))
		assert.Empty(t, h.watch(juliet))
		h.say(tybalt, "cellar", "more")
		assert.Equal(t, "cellar |", h.told(juliet))

		batch(say, tybalt, leave, juliet, say, tybalt)
		assert.Equal(t, "cellar |", h.told(juliet))
		assert.Equal(t, "cellar |", h.watch(juliet))
	})
}

// A room that is put aside and loaded again, and one that is made again after a failed write,
// tell each client once as well.
func TestActivityOfRoomsMadeAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withActivity)
		h.speaking("cellar")
		h.watch(juliet)
		h.say(tybalt, "cellar", "one")
		assert.Equal(t, "cellar |", h.told(juliet))
		h.leave(tybalt, "cellar", "Tybalt")
		sleep(time.Hour)
		require.Zero(t, h.counts().Rooms)
		h.join(tybalt, "cellar", "Tybalt")
		h.say(tybalt, "cellar", "two")
		assert.Empty(t, h.told(juliet))

		h.join(juliet, "cellar", "Juliet")
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		h.send(`<message type='groupchat' from='%s' to='cellar@chat.example'><body>lost</body></message>`, tybalt)
		sleep(0)
		h.store.failAppends(nil)
		assert.Empty(t, h.told(juliet))
		sleep(2 * time.Minute)
		h.join(tybalt, "cellar", "Tybalt")
		h.say(tybalt, "cellar", "three")
		assert.Equal(t, "cellar |", h.told(juliet), "that put Juliet out")
	})
}

// Of people, clients and rooms so many are remembered, and no more.
//
// rows: U1
func TestActivityIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			withActivity(h)
			l := &h.config.Limits
			l.Watchers, l.PersonWatchers, l.Watched, l.AllWatched = 2, 2, 3, 7
			l.PageBytes = 100
		})
		rooms := []string{"a", "b", "c", "d", "e"}
		h.speaking(rooms...)
		h.affiliate("romeo@example.org", muc.Owner, rooms...)
		other := "juliet@example.org/other"
		assert.Empty(t, h.watch(juliet)+h.watch(other))
		reject := func(who string) {
			t.Helper()
			h.got(who)
			h.send(`<presence from='%s' to='chat.example'><rai xmlns='urn:xmpp:rai:0'/></presence>`, who)
			refused(t, h.only(who), "resource-constraint", "wait")
		}
		reject("juliet@example.org/third")
		assert.Empty(t, h.watch(romeo))
		reject(tybalt)
		for _, room := range rooms {
			h.say(tybalt, room, "words")
		}
		// Each remembers three, but all together seven.
		all := strings.Count(h.told(juliet)+h.told(other)+h.told(romeo), "|")
		assert.LessOrEqual(t, all, 7)
		assert.Positive(t, all)

		h.send(`<presence type='unavailable' from='%s' to='chat.example'/>`, romeo)
		assert.Empty(t, h.watch(tybalt), "who has no client makes place")
		h.got(juliet)
		var last *etree.Element
		for range 30 {
			h.send(`<presence from='%s' to='chat.example'><rai xmlns='urn:xmpp:rai:0'/></presence>`, juliet)
			if list := h.got(juliet); len(list) > 0 {
				last = list[len(list)-1]
				for _, el := range list {
					assert.LessOrEqual(t, len(el.FindElements("rai/activity")), 2, "a message holds what fits into it")
				}
			}
		}
		refused(t, last, "resource-constraint", "wait")
		sleep(time.Minute)
		h.send(`<presence from='%s' to='chat.example'><rai xmlns='urn:xmpp:rai:0'/></presence>`, juliet)
		for _, el := range h.got(juliet) {
			assert.Equal(t, "message", el.Tag)
		}
		for i := range 100 { // they come and go, and nothing is left of them
			who := fmt.Sprintf("someone%d@example.org/pda", i)
			h.send(`<presence type='unavailable' from='%s' to='chat.example'/>`, tybalt)
			h.watch(who)
			h.send(`<presence type='unavailable' from='%s' to='chat.example'/>`, who)
		}
	})
}

// rows: U1
func TestActivityOfOnePersonIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { withActivity(h); h.config.Limits.Watched = 3 })
		rooms := []string{"a", "b", "c", "d", "e"}
		h.speaking(rooms...)
		h.watch(juliet)
		for _, room := range rooms {
			h.say(tybalt, room, "words")
		}
		assert.Equal(t, "a |b |c |", h.told(juliet))
		assert.Equal(t, "a b c |", h.watch(juliet))
	})
}

// Who makes somebody a member of one room after the other, and destroys them, has that person
// told no more than so often. What was not told is, when the person asks.
//
// rows: U1
func TestActivityIsNotAWayToFloodPeople(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, withActivity)
		h.speaking("cellar")
		require.Empty(t, h.watch(juliet))
		told := 0
		for range 1000 {
			h.speaking("trap")
			h.say(tybalt, "trap", "look here")
			told += strings.Count(h.told(juliet), "|")
			_, err := h.do("trap", muc.Destroy{})
			require.NoError(t, err)
		}
		assert.Equal(t, 300, told)
		h.say(tybalt, "cellar", "and now?")
		assert.Empty(t, h.told(juliet))
		assert.Equal(t, "cellar |", h.watch(juliet))
		sleep(5 * time.Second)
		h.speaking("garden")
		h.say(tybalt, "garden", "quiet again")
		assert.Equal(t, "garden |", h.told(juliet))
	})
}
