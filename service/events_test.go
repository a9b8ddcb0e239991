package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

// heard is what Config.Events was told, by room.
type heard struct {
	mu    sync.Mutex
	rooms map[muc.JID][]event.Event
	calls int
}

func (e *heard) take(_ context.Context, room muc.JID, events []event.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.rooms == nil {
		e.rooms = map[muc.JID][]event.Event{}
	}
	e.rooms[room] = append(e.rooms[room], events...)
	e.calls++
}

func (e *heard) of(room string) []event.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.rooms[at(room)])
}

// What Events is told makes the room, in mid-conversation: nothing is missing and all is
// in order.
func TestEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e heard
		h := newHost(t, func(h *host) { h.config.Events = e.take })
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		h.say(romeo, "cellar", "But soft!")
		h.send(`<message type='groupchat' from='%s' to='cellar@chat.example'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`, juliet)
		h.leave(romeo, "cellar", "Romeo")
		events, err := h.do("cellar", muc.SetSubject{Subject: "Wherefore?"})
		require.NoError(t, err)
		told := e.of("cellar")
		assert.Equal(t, events, told[len(told)-len(events):], "Do returns what Events was told")

		config := h.config.Room
		config.Room = at("cellar")
		twin, err := muc.Restore(config, nil, told)
		require.NoError(t, err)
		require.NoError(t, h.service.Read(t.Context(), at("cellar"), func(r *muc.Room) {
			assert.Equal(t, string(r.Snapshot(muc.Live)), string(twin.Snapshot(muc.Live)))
		}))

		calls := e.calls
		h.ask(juliet, "cellar@chat.example", info)
		assert.Equal(t, calls, e.calls, "nothing happened")
	})
}

// Events is told what is stored and what nobody has been told yet.
func TestEventsBetween(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		held := make(chan struct{})
		h := newHost(t, func(h *host) {
			h.store.failAppends(func([]service.Batch) error { note("store"); return nil })
			h.config.Events = func(_ context.Context, _ muc.JID, events []event.Event) {
				for _, ev := range events {
					note(ev.Type())
				}
			}
			h.before = func(s service.Stanza) {
				note(s.Name())
				if s.Name() == "message" { // the subject, when Romeo enters
					<-held
				}
			}
		})
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		for _, body := range []string{"one", "two"} {
			h.say(romeo, "cellar", body)
		}
		close(held)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, []string{"store", "message-archived", "message", "message-archived", "message"}, order[len(order)-5:])
	})
}

// What could not be stored never happened, and nobody hears of it.
func TestEventsLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e heard
		h := newHost(t, func(h *host) { h.config.Events = e.take })
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		told := e.of("cellar")
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		h.say(romeo, "cellar", "lost")
		events, err := h.do("cellar", muc.SetSubject{Subject: "lost"})
		require.ErrorIs(t, err, errDisk)
		assert.Empty(t, events)
		assert.Equal(t, told, e.of("cellar"))
	})
}

// One room that is held up by Events holds up no other; one in which it panics goes on.
func TestEventsBlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log logs
		free := make(chan struct{})
		h := newHost(t, func(h *host) {
			h.config.Log = slog.New(slog.NewTextHandler(&log, nil))
			h.config.Events = func(_ context.Context, room muc.JID, _ []event.Event) {
				if room == at("slow") {
					<-free
				}
				panic("Events")
			}
		})
		h.join(romeo, "slow", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		assert.Empty(t, h.got(romeo))
		assert.True(t, entered(h.got(juliet)))
		close(free)
		synctest.Wait()
		assert.True(t, entered(h.got(romeo)))
		assert.Contains(t, log.String(), "panic: Events\\n")
	})
}

// Whatever a command names that is not there is one error, by Do and by DoAs.
func TestDoNotFound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		for _, cmd := range []muc.Command{muc.Kick{Nick: "nobody"}, muc.SetRole{Nick: "nobody", Role: muc.Visitor},
			muc.DecideRegistration{JID: muc.MustParseJID(juliet).Bare()}, muc.Say{Nick: "nobody", Body: "x"}, muc.Leave{Nick: "nobody"},
			muc.Rename{Nick: "nobody", To: "somebody"}, muc.Answer{ID: "unknown"}} {
			name := fmt.Sprintf("%T", cmd)
			events, err := h.do("cellar", cmd)
			require.ErrorIs(t, err, muc.ErrNotFound, name)
			assert.Empty(t, events)
			switch cmd.(type) {
			case muc.Say, muc.Leave, muc.Rename, muc.Answer: // only the host names a puppet or a question
				continue
			}
			_, err = h.service.DoAs(t.Context(), at("cellar"), muc.MustParseJID(romeo), cmd)
			require.ErrorIs(t, err, muc.ErrNotFound, name)
		}
		_, err := h.do("attic", muc.Kick{Nick: "nobody"})
		require.ErrorIs(t, err, muc.ErrNotOpen)
		_, err = h.service.DoAs(t.Context(), at("attic"), muc.MustParseJID(romeo), muc.Kick{Nick: "nobody"})
		require.ErrorIs(t, err, muc.ErrNotOpen)
	})
}
