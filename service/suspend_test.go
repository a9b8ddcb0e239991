package service_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// suspend stops the service without a farewell.
func (h *host) suspend() {
	h.t.Helper()
	require.NoError(h.t, h.service.Suspend(h.t.Context()))
	synctest.Wait()
}

func isPing(el *etree.Element) bool {
	return el.Tag == "iq" && el.SelectAttrValue("type", "") == "get" && el.SelectElement("ping") != nil
}

// A suspended service goes on as if nothing had been.
func TestSuspend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		for _, room := range []string{"cellar", "garden"} { // the second is temporary
			h.join(romeo, room, "Romeo")
			h.join(juliet, room, "Juliet")
		}
		h.forget()
		h.suspend()
		assert.Empty(t, h.order, "nobody is told")
		require.ErrorIs(t, handle(t.Context(), h.service, parse("<presence from='a@b/c' to='cellar@chat.example/x'/>")), service.ErrClosed)

		sleep(9 * time.Minute)
		h.start()
		assert.Equal(t, service.Stats{Rooms: 2, Listed: 2, Occupants: 4, Sessions: 2}, h.counts())
		for _, room := range []string{"cellar", "garden"} {
			h.say(romeo, room, "still here")
			assert.Equal(t, []string{"still here"}, h.bodies(juliet))
		}
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(juliet)))
		synctest.Wait()
		assert.Equal(t, 2, h.service.Stats().Occupants)
	})
}

// Who came back is asked, once for all rooms, and put out if nobody is there.
func TestSuspendedAreAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		for _, room := range []string{"cellar", "garden"} {
			h.join(romeo, room, "Romeo")
			h.join(juliet, room, "Juliet")
		}
		h.suspend()
		h.start()
		assert.Empty(t, h.got(romeo), "a few at a time")
		sleep(time.Second)
		ping := h.only(juliet)
		require.True(t, isPing(ping))
		require.True(t, isPing(h.only(romeo)))
		h.send("<iq type='result' id='%s' from='%s' to='%s'/>", ping.SelectAttrValue("id", ""), juliet, ping.SelectAttrValue("from", ""))
		assert.Equal(t, 4, h.service.Stats().Occupants, "nobody is put out for not answering")
		h.suspend()
		h.start()
		sleep(time.Second)
		ping = h.only(juliet)
		h.send("<iq type='error' id='%s' from='%s' to='%s'>%s</iq>", ping.SelectAttrValue("id", ""), juliet, ping.SelectAttrValue("from", ""), failure("service-unavailable"))
		assert.Equal(t, 2, h.service.Stats().Occupants)
	})
}

// What was suspended too long ago was a restart: everybody is told, and temporary rooms end.
func TestSuspendedTooLong(t *testing.T) {
	for name, away := range map[string]time.Duration{"long ago": 11 * time.Minute, "by a clock that is ahead": -11 * time.Minute} {
		bubbles(t, name, func(t *testing.T) {
			h := newHost(t, nil)
			h.lasting("cellar")
			h.join(romeo, "cellar", "Romeo")
			h.join(romeo, "garden", "Romeo")
			h.suspend()
			h.store.shift(t, -away)
			h.start()
			assert.Len(t, h.got(romeo), 2)
			sleep(time.Second)
			assert.Empty(t, h.got(romeo), "nobody is inside to be asked")
			assert.Equal(t, 0, h.service.Stats().Occupants)
			assert.Equal(t, 1, h.service.Stats().Listed)
		})
	}
}

// shift moves the times at which rooms were suspended.
func (s *faultyStore) shift(t *testing.T, by time.Duration) {
	s.rewrite(t, func(e *service.Entry) { e.Suspended = e.Suspended.Add(by) })
}

// rewrite changes what the list says of rooms that were suspended.
func (s *faultyStore) rewrite(t *testing.T, change func(e *service.Entry)) {
	entries, err := s.List(t.Context(), muc.JID{}, 100)
	require.NoError(t, err)
	for _, e := range entries {
		saved, err := s.Load(t.Context(), e.Room)
		require.NoError(t, err)
		change(&e)
		require.NoError(t, s.Append(t.Context(), []service.Batch{{Room: e.Room, After: seqOf(t, e.Room, saved), Live: saved.Live, Entry: e}}))
	}
}

func seqOf(t *testing.T, room muc.JID, saved service.Saved) service.Position {
	r, err := muc.Restore(muc.Config{Room: room, Secret: secret}, saved.Snapshot, saved.Events)
	require.NoError(t, err)
	return service.Position{Seq: r.Seq()}
}

// What is stored of those inside is good once: after a crash nobody is inside. What
// cannot be read costs the room nothing else.
func TestSuspendedOnce(t *testing.T) {
	bubbles(t, "a crash after it", func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.suspend()
		h.start()
		assert.Equal(t, 1, h.service.Stats().Occupants)
		h.start()
		assert.Equal(t, 0, h.service.Stats().Occupants)
	})
	suspended := func(t *testing.T, key string) (*host, service.Saved) {
		h := newHost(t, func(h *host) { h.config.Room.Secret = []byte(key) })
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.say(romeo, "cellar", "But soft!")
		h.suspend()
		saved, err := h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		return h, saved
	}
	for name, live := range map[string]func(*testing.T) []byte{
		"damaged": func(*testing.T) []byte { return []byte("{}") },
		"of another secret": func(t *testing.T) []byte {
			_, saved := suspended(t, "quite another secret")
			return saved.Live
		},
	} {
		bubbles(t, name, func(t *testing.T) {
			h, saved := suspended(t, string(secret))
			entries, err := h.store.List(t.Context(), muc.JID{}, 1)
			require.NoError(t, err)
			require.NoError(t, h.store.Append(t.Context(), []service.Batch{{Room: at("cellar"), After: seqOf(t, at("cellar"), saved), Live: live(t), Entry: entries[0]}}))
			h.start()
			assert.Equal(t, 0, h.service.Stats().Occupants)
			h.join(juliet, "cellar", "Juliet")
			assert.Equal(t, []string{"But soft!"}, h.bodies(juliet))
		})
	}
}

// resumedOverBadDisk is a service that goes on with Romeo inside, over a store that takes
// nothing any more: so what is stored of those inside stays there.
func resumedOverBadDisk(t *testing.T) *host {
	t.Helper()
	h := newHost(t, nil)
	h.lasting("cellar")
	h.join(romeo, "cellar", "Romeo")
	h.suspend()
	h.store.failAppends(func([]service.Batch) error { return errDisk })
	h.start()
	return h
}

// Who was put out does not come back by what is still stored because it could not be taken
// away.
func TestSuspendedOnceThoughStoreFails(t *testing.T) {
	bubbles(t, "a crash", func(t *testing.T) {
		h := resumedOverBadDisk(t)
		assert.Equal(t, 1, h.service.Stats().Occupants)
		h.say(romeo, "cellar", "But soft!")
		assert.Equal(t, "110 332", statuses(last(h.got(romeo))))
		h.store.failAppends(nil)
		h.join(juliet, "cellar", "Juliet")
		assert.Equal(t, 1, h.service.Stats().Occupants)
		assert.Empty(t, h.got(romeo))
	})
	bubbles(t, "put aside", func(t *testing.T) {
		h := resumedOverBadDisk(t)
		h.send("<presence type='unavailable' from='%s' to='cellar@chat.example/Romeo'/>", romeo)
		sleep(24 * time.Hour)
		require.Zero(t, h.service.Stats().Rooms)
		h.store.failAppends(nil)
		h.forget()
		h.join(juliet, "cellar", "Juliet")
		assert.Equal(t, 1, h.service.Stats().Occupants)
		assert.Empty(t, h.got(romeo))
	})
}

// A room that cannot be loaded at first goes on with everybody inside when it can, if that is
// not too late.
func TestSuspendedLoadedLater(t *testing.T) {
	for name, c := range map[string]struct {
		fails  time.Duration
		inside int
	}{"soon": {5 * time.Minute, 1}, "too late": {15 * time.Minute, 0}} {
		bubbles(t, name, func(t *testing.T) {
			h := newHost(t, nil)
			h.lasting("cellar")
			h.join(romeo, "cellar", "Romeo")
			h.suspend()
			h.store.failLoads(func(muc.JID) error { return errDisk })
			h.start()
			sleep(c.fails)
			assert.Zero(t, h.service.Stats().Occupants)
			require.Empty(t, h.got(romeo))
			h.store.failLoads(nil)
			sleep(2 * time.Minute)
			assert.Equal(t, c.inside, h.service.Stats().Occupants)
			if told := h.only(romeo); c.inside > 0 {
				assert.True(t, isPing(told))
			} else {
				assert.Equal(t, "110 332", statuses(told))
			}
		})
	}
}

// A start that is given up while rooms are loaded ends, and the next one has them all.
func TestStartGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		for _, room := range []string{"cellar", "garden", "plot"} {
			h.lasting(room)
			h.join(romeo, room, "Romeo")
		}
		h.suspend()
		for _, during := range []int{1, 2, 3} {
			ctx, giveUp := context.WithCancel(t.Context())
			loads := 0
			h.store.failLoads(func(muc.JID) error {
				if loads++; loads == during {
					giveUp()
				}
				return nil
			})
			_, err := service.New(ctx, h.config)
			require.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, during, loads)
		}
		h.store.failLoads(nil)
		h.start()
		assert.Equal(t, 3, h.service.Stats().Occupants)
	})
}

// The list of rooms tells how many people came back, also if it was written by a version that
// knew less of rooms.
func TestSuspendedAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		_, err := h.do("cellar", muc.Configure{Change: func(c *muc.RoomConfig) { c.Description = "wine" }})
		require.NoError(t, err)
		h.suspend()
		h.store.rewrite(t, func(e *service.Entry) { e.About = service.About{} })
		h.start()
		assert.Contains(t, text(h.ask(juliet, "chat.example", searchFor("", "q", "wine"))), "<nusers>1</nusers>")
	})
}

// A room that cannot be stored puts everybody out, as always.
func TestSuspendFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.forget()
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		h.suspend()
		assert.Equal(t, "110 332", statuses(h.only(romeo)))
		h.store.failAppends(nil)
		h.start()
		assert.Equal(t, 0, h.service.Stats().Occupants)
	})
}

// A service that is suspended now and then is, to everybody in it, one that never was: of
// the same stanzas come the same bytes.
func TestSuspensionsAreNotSeen(t *testing.T) {
	for seed := range uint64(20) {
		bubbles(t, fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			steady, other := newHost(t, nil), newHost(t, nil)
			people := []string{romeo, juliet, tybalt, "nurse@example.org/home"}
			suspended := 0
			for range 80 {
				stanza := anyStanza(rnd, people)
				steady.send("%s", stanza)
				other.send("%s", stanza)
				for _, who := range people {
					want, got := slices.DeleteFunc(steady.got(who), isPing), slices.DeleteFunc(other.got(who), isPing)
					require.Equal(t, texts(want), texts(got), "%s, after %s", who, stanza)
				}
				if rnd.IntN(6) == 0 {
					other.suspend()
					other.start()
					suspended++
				}
				require.Equal(t, steady.service.Stats().Occupants, other.service.Stats().Occupants)
				sleep(time.Duration(rnd.IntN(100)) * time.Second)
			}
			require.NotZero(t, suspended)
		})
	}
}

// anyStanza is one that somebody may send to one of two rooms.
func anyStanza(rnd *rand.Rand, people []string) string {
	who, room, nick := people[rnd.IntN(len(people))], []string{"cellar", "garden"}[rnd.IntN(2)], []string{"R", "J", "T"}[rnd.IntN(3)]
	return fmt.Sprintf([]string{
		"<presence from='%s' to='%s@chat.example/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
		"<presence from='%s' to='%s@chat.example/%s'><status>%[3]s</status></presence>",
		"<presence type='unavailable' from='%s' to='%s@chat.example/%s'/>",
		"<message type='groupchat' from='%s' to='%s@chat.example'><body>%s</body></message>",
		"<message type='chat' from='%s' to='%s@chat.example/%s'><body>psst</body></message>",
		"<iq type='get' id='v' from='%s' to='%s@chat.example/%s'><query xmlns='jabber:iq:version'/></iq>",
		"<iq type='set' id='k' from='%s' to='%s@chat.example'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='%s' role='none'/></query></iq>",
		"<message type='groupchat' from='%s' to='%s@chat.example'><subject>%s</subject></message>",
	}[rnd.IntN(8)], who, room, nick)
}

func texts(stanzas []*etree.Element) (list []string) {
	for _, el := range stanzas {
		list = append(list, text(el))
	}
	return list
}
