package service_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
)

func TestStoreFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar", func(c *muc.RoomConfig) { c.Moderated = false })
		h.join(romeo, "cellar", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		h.say(romeo, "cellar", "stored")
		h.forget()
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		h.say(romeo, "cellar", "lost")

		got := h.got(romeo)
		require.Len(t, got, 2)
		refused(t, got[0], "internal-server-error", "wait")
		assert.Equal(t, "110 332", statuses(got[1]), text(got[1]))
		assert.Empty(t, bodiesIn(got))
		got = h.got(juliet)
		assert.Empty(t, bodiesIn(got))
		assert.Equal(t, "110 332", statuses(got[len(got)-1]))
		assert.Equal(t, 0, h.service.Stats().Occupants)
		assert.Equal(t, 0, h.service.Stats().Sessions)

		_, err := h.do("cellar", muc.SetSubject{Subject: "x"})
		require.ErrorIs(t, err, errDisk)
		got2 := h.ask(romeo, "cellar@chat.example", info)
		assert.Equal(t, "result", got2.SelectAttrValue("type", ""), "the room is there, and answers what needs no store")

		h.store.failAppends(nil)
		h.forget()
		h.join(romeo, "cellar", "Romeo")
		assert.Equal(t, []string{"stored"}, h.bodies(romeo))
		h.say(romeo, "cellar", "stored again")
		assert.Equal(t, []string{"stored again"}, h.bodies(romeo))
	})
}

// What is lost must be told to nobody; that everybody is out is no part of it.
func TestStoreFailsAtShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		h.forget()
		release := h.hold("cellar")
		h.say(romeo, "cellar", "held")
		h.say(romeo, "cellar", "lost")
		stopped := make(chan error, 1)
		go func() { stopped <- h.service.Shutdown(t.Context(), "closing time") }()
		synctest.Wait()
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		release()
		require.NoError(t, <-stopped)
		for _, who := range []string{romeo, juliet} {
			got := h.got(who)
			assert.Equal(t, []string{"held"}, bodiesIn(got))
			end := got[len(got)-1]
			assert.Equal(t, "110 332", statuses(end), text(end))
			assert.Equal(t, "closing time", end.FindElement("x/item/reason").Text())
		}
	})
}

// People are put out of the room that they know: without what became of it in the
// step that is lost.
func TestStoreFailsForThoseWhoWent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		h.join(tybalt, "cellar", "Tybalt")
		h.join("nurse@example.org/x", "cellar", "Nurse")
		h.forget()
		release := h.hold("cellar")
		h.say(romeo, "cellar", "held")
		h.send(`<iq type='set' id='ban' from='%s' to='cellar@chat.example'><query xmlns='http://jabber.org/protocol/muc#admin'>
			<item affiliation='outcast' jid='tybalt@example.org'/></query></iq>`, romeo)
		h.join(juliet, "cellar", "Beloved")
		h.join("iago@example.org/x", "cellar", "Iago")
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID("nurse@example.org/x")))
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		release()
		synctest.Wait()
		for who, nick := range map[string]string{romeo: "Romeo", juliet: "Juliet", tybalt: "Tybalt"} {
			got := h.got(who)
			end := got[len(got)-1]
			assert.Equal(t, "cellar@chat.example/"+nick, end.SelectAttrValue("from", ""))
			assert.Equal(t, "110 332", statuses(end), text(end))
			assert.Equal(t, "none", end.FindElement("x/item").SelectAttrValue("affiliation", ""))
			assert.NotNil(t, end.SelectElement("occupant-id"))
		}
		refused(t, h.only("iago@example.org/x"), "internal-server-error", "wait")
		assert.Equal(t, []string{"held"}, h.bodies("nurse@example.org/x"))
		assert.Equal(t, service.Stats{Rooms: 1, Listed: 1}, h.counts())
	})
}

// What waits for the host has its one answer also when the room cannot wait any more.
func TestAsksWhenTheRoomEnds(t *testing.T) {
	for name, end := range map[string]func(h *host){
		"failure": func(h *host) {
			h.store.failAppends(func([]service.Batch) error { return errDisk })
			_, err := h.do("cellar", muc.SetSubject{Subject: "lost"})
			require.ErrorIs(h.t, err, errDisk)
		},
		"failure while it is answered": func(h *host) {
			release := h.hold("cellar")
			h.say(romeo, "cellar", "held")
			h.store.failAppends(func([]service.Batch) error { return errDisk })
			for _, cmd := range []muc.Command{muc.SetSubject{Subject: "lost"}, muc.Answer{ID: h.asks[0].ID}, muc.Answer{ID: h.asks[1].ID}} {
				go func() { _, _ = h.service.Do(h.t.Context(), at("cellar"), cmd) }()
			}
			synctest.Wait()
			release()
			synctest.Wait()
		},
		"shutdown": func(h *host) { h.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newHost(t, func(h *host) {
					h.config.Room.AsksJoin = func(q policy.Join) bool { return q.JID.Local() == "tybalt" }
					h.config.Room.AnswersIQ = func(space, _ string) bool { return space == "urn:example:yes" }
					h.config.Question = func(_ context.Context, _ muc.JID, ask muc.Question) { h.asks = append(h.asks, ask) }
				})
				h.lasting("cellar")
				h.join(romeo, "cellar", "Romeo")
				h.send("<iq type='get' id='yes' from='%s' to='cellar@chat.example'><x xmlns='urn:example:yes'/></iq>", juliet)
				h.join(tybalt, "cellar", "Tybalt")
				require.Len(t, h.asks, 2)
				h.forget()
				end(h)
				got := h.only(juliet)
				assert.Equal(t, "error yes", got.SelectAttrValue("type", "")+" "+got.SelectAttrValue("id", ""))
				assert.Equal(t, "wait", got.SelectElement("error").SelectAttrValue("type", ""))
				got = h.only(tybalt)
				assert.Equal(t, "error cellar@chat.example/Tybalt", got.SelectAttrValue("type", "")+" "+got.SelectAttrValue("from", ""))
			})
		})
	}
}

// A request among what was lost gets its one answer, and what must not be answered
// none.
func TestStoreFailsForBatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.forget()
		release := h.hold("cellar")
		h.say(romeo, "cellar", "held")
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		h.say(romeo, "cellar", "lost")
		for i, typ := range []string{"get", "set", "result", "error"} {
			h.send(`<iq type='%s' id='q%d' from='%s' to='cellar@chat.example'><x xmlns='urn:example:no'/></iq>`, typ, i, juliet)
		}
		release()
		synctest.Wait()
		got := h.got(juliet)
		require.Len(t, got, 2)
		for i, el := range got {
			assert.Equal(t, fmt.Sprint("q", i), el.SelectAttrValue("id", ""))
			refused(t, el, "internal-server-error", "wait")
		}
	})
}

// A room that cannot be stored does not harm those that are stored with it.
func TestStoreFailsForOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		for _, room := range []string{"first", "bad", "good"} {
			h.join(romeo, room, "Romeo")
		}
		h.forget()
		held := make(chan struct{})
		h.store.failAppends(func(batches []service.Batch) error {
			<-held
			for _, b := range batches {
				if b.Room == at("bad") {
					return errDisk
				}
			}
			return nil
		})
		for _, room := range []string{"first", "bad", "good"} {
			h.say(romeo, room, "to "+room)
		}
		before := len(h.store.written())
		close(held)
		synctest.Wait()
		got := h.got(romeo)
		assert.ElementsMatch(t, []string{"to first", "to good"}, bodiesIn(got))
		assert.Len(t, h.store.written()[before:], 3, "both together, then each alone")
		assert.Equal(t, 2, h.service.Stats().Occupants)
	})
}

// Without a snapshot nothing is lost, so nobody is put out for it.
func TestStoreFailsForSnapshots(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.lasting("garden")
		h.join(romeo, "cellar", "Romeo")
		h.say(romeo, "cellar", "stored")
		h.forget()
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		sleep(time.Hour)
		assert.Equal(t, 1, h.service.Stats().Rooms, "the idle room is put aside")
		h.stop()
		assert.Equal(t, "110 332", statuses(h.only(romeo)))
		h.store.failAppends(nil)
		h.start()
		h.join(romeo, "cellar", "Romeo")
		assert.Equal(t, []string{"stored"}, h.bodies(romeo))
	})
}

// A temporary room of which nobody is left ends also when the store failed at that
// moment.
func TestStoreFailsAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		h.leave(romeo, "cellar", "Romeo")
		sleep(3 * time.Minute)
		saved, err := h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		require.NotEmpty(t, saved.Events)
		assert.Equal(t, 1, h.service.Stats().Rooms, "it tries again")
		h.store.failAppends(nil)
		sleep(2 * time.Minute)
		saved, err = h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		assert.Empty(t, saved)
		assert.Equal(t, service.Stats{}, h.counts())
	})
}

// Two services on one store: the later write of two is refused, nothing is mixed.
func TestConflict(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		other := newHost(t, func(o *host) { o.config.Store = h.store })
		other.join(juliet, "cellar", "Juliet")
		h.say(romeo, "cellar", "first")
		other.forget()
		other.say(juliet, "cellar", "lost")
		refused(t, other.got(juliet)[0], "internal-server-error", "wait")
		other.join(juliet, "cellar", "Juliet")
		assert.Equal(t, []string{"first"}, other.bodies(juliet))
		saved, err := h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		assert.Len(t, payloads(saved), 1)
	})
}

func TestCorruptRoom(t *testing.T) {
	for name, damage := range map[string]error{
		"corrupt": fmt.Errorf("event 7: %w", muc.ErrCorrupt),
		"unknown": &muc.UnknownEventError{Type: "levitated", Version: 1},
		"passing": errDisk,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newHost(t, nil)
				h.lasting("bad")
				h.lasting("good")
				h.stop()
				h.start()
				before := len(h.store.written())
				h.store.failLoads(func(room muc.JID) error {
					if room == at("bad") {
						return damage
					}
					return nil
				})
				h.join(romeo, "bad", "Romeo")
				refused(t, h.only(romeo), "internal-server-error", "wait")
				loads := len(h.store.loads)
				refused(t, h.ask(romeo, "bad@chat.example", info), "internal-server-error", "wait")
				_, err := h.do("bad", muc.Destroy{})
				require.ErrorIs(t, err, damage)
				assert.Len(t, h.store.loads, loads, "it is left alone for a while")
				h.join(romeo, "good", "Romeo")
				assert.Equal(t, "110", statuses(h.got(romeo)[0]))
				rooms, _ := h.page("")
				assert.Equal(t, []string{"bad", "good"}, rooms)

				sleep(90 * time.Second)
				assert.Len(t, h.store.written(), before, "nothing was written to it")
				if retried := len(h.store.loads) > loads+1; name == "passing" {
					assert.True(t, retried, "what may pass is tried again")
				} else {
					assert.False(t, retried, "damage does not pass")
				}
				h.store.failLoads(nil)
				sleep(90 * time.Second)
				h.join(romeo, "bad", "Romeo")
				assert.Equal(t, "110", statuses(h.got(romeo)[0]))
			})
		})
	}
}

// Events that fit no room, or another secret, are damage too.
func TestDamagedEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.stop()
		saved, err := h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		h.config.Room.Secret = []byte("not the one that it was, not at all")
		h.start()
		h.join(romeo, "cellar", "Romeo")
		refused(t, h.only(romeo), "internal-server-error", "wait")
		again, err := h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		assert.Equal(t, saved, again)
	})
}

// A room that panics is a fault of the library, and of that room alone.
func TestPanic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.Policy.Speak = func(r policy.Speak) *muc.StanzaError {
				if strings.Contains(r.Payload, "boom") {
					panic("a hook that panics")
				}
				return nil
			}
		})
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		h.join(juliet, "garden", "Juliet")
		h.forget()
		h.say(romeo, "cellar", "boom")
		refused(t, h.got(romeo)[0], "internal-server-error", "wait")
		assert.Equal(t, 1, h.service.Stats().Occupants)
		assert.Equal(t, 1, h.service.Stats().Sessions)
		assert.NotEmpty(t, h.got(juliet))
		h.say(juliet, "garden", "quiet here")
		assert.Equal(t, []string{"quiet here"}, h.bodies(juliet))
		h.join(romeo, "cellar", "Romeo")
		h.say(romeo, "cellar", "back")
		assert.Equal(t, []string{"back"}, h.bodies(romeo))
	})
}
