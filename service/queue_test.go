package service_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// hold makes deliveries of a room wait until the function that it returns is called.
func (h *host) hold(room string) (release func()) {
	held := make(chan struct{})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = func(s service.Stanza) {
		el := s.Stanza()
		if strings.HasPrefix(el.SelectAttrValue("from", ""), room+"@") && el.SelectAttrValue("type", "") != "error" {
			<-held
		}
	}
	var once sync.Once
	release = func() { once.Do(func() { close(held) }) }
	h.t.Cleanup(release)
	return release
}

func TestRoomsDoNotWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		for _, room := range []string{"cellar", "garden"} {
			h.join(romeo, room, "Romeo")
			h.join(juliet, room, "Juliet")
		}
		h.forget()
		release := h.hold("cellar")
		h.say(romeo, "cellar", "one")
		h.say(romeo, "cellar", "two")
		h.say(romeo, "garden", "elsewhere")
		assert.Equal(t, []string{"elsewhere"}, h.bodies(juliet))
		assert.Equal(t, 1, h.service.Stats().Queued, "what waits behind the held delivery")
		assert.Equal(t, 1, h.service.Stats().Working)
		release()
		synctest.Wait()
		assert.Equal(t, []string{"one", "two"}, h.bodies(juliet))
		assert.Zero(t, h.service.Stats().Working)
	})
}

// A store that is slow for one call holds up only those who have to store
// something; and all of those go into the next call.
func TestGroupCommit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		for i := range 5 {
			h.join(romeo, fmt.Sprintf("room%d", i), "Romeo")
		}
		h.forget()
		before := len(h.store.written())
		held := make(chan struct{})
		h.store.failAppends(func([]service.Batch) error { <-held; return nil })
		for range 3 {
			for i := range 5 {
				h.say(romeo, fmt.Sprintf("room%d", i), "hello")
			}
		}
		assert.Empty(t, h.bodies(romeo), "nothing goes out before it is stored")
		// A room that has nothing to store answers.
		refused(t, h.ask(romeo, "garden@chat.example", "<ping xmlns='urn:xmpp:ping'/>"), "item-not-found", "cancel")
		close(held)
		synctest.Wait()
		assert.Len(t, h.bodies(romeo), 15)
		calls := h.store.written()[before:]
		var sizes []int
		for _, batches := range calls {
			sizes = append(sizes, len(batches))
		}
		assert.Equal(t, 1, sizes[0])
		assert.GreaterOrEqual(t, sizes[1], 4, "all that waited")
		total := 0
		for _, batches := range calls {
			for _, b := range batches {
				total += len(b.Events)
			}
		}
		assert.Equal(t, 15, total)
		assert.LessOrEqual(t, len(calls), 7, "and each room's other messages together")
	})
}

// Everything that anybody is sent is stored when it is sent.
func TestStoredFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		missing := 0
		h.mu.Lock()
		h.before = func(s service.Stanza) {
			el := s.Stanza()
			body := el.SelectElement("body")
			if body == nil {
				return
			}
			saved, err := h.store.Store.Load(t.Context(), at("cellar"))
			if err != nil || !strings.Contains(fmt.Sprint(payloads(saved)), body.Text()) {
				missing++
			}
		}
		h.mu.Unlock()
		for i := range 200 {
			require.NoError(t, handle(t.Context(), h.service, parse(fmt.Sprintf(
				`<message type='groupchat' from='%s' to='cellar@chat.example'><body>message %d!</body></message>`, romeo, i))))
			if i%40 == 39 {
				synctest.Wait()
			}
		}
		assert.Zero(t, missing)
		var want []string
		for i := range 200 {
			want = append(want, fmt.Sprintf("message %d!", i))
		}
		assert.Equal(t, want, h.bodies(romeo), "in order")
	})
}

// payloads are the messages among stored events.
func payloads(saved service.Saved) []string {
	var list []string
	for _, ev := range saved.Events {
		if m, ok := ev.Body.(*event.MessageArchived); ok {
			list = append(list, m.Payload)
		}
	}
	return list
}

// A flood from one person is refused to that one.
func TestFlood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Limits = service.Limits{SenderShare: 10, RoomQueue: 15, Batch: 1}
		})
		h.join(romeo, "cellar", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		h.join(tybalt, "cellar", "Tybalt")
		h.forget()
		release := h.hold("cellar")
		h.say(romeo, "cellar", "held")
		for i := range 30 {
			h.say(tybalt[:len("tybalt@example.org")]+fmt.Sprint("/", i), "cellar", fmt.Sprint("flood ", i))
		}
		for i := range 10 {
			stanzas := h.got(fmt.Sprint("tybalt@example.org/", i))
			assert.Empty(t, stanzas, "these wait")
		}
		for i := 10; i < 30; i++ {
			refused(t, h.only(fmt.Sprint("tybalt@example.org/", i)), "resource-constraint", "wait")
		}
		for i := range 5 {
			h.say(juliet, "cellar", fmt.Sprint("word ", i))
		}
		assert.Empty(t, h.got(juliet), "there was place for them")
		h.say(juliet, "cellar", "too much for the room")
		refused(t, h.only(juliet), "resource-constraint", "wait")
		h.send(`<presence type='unavailable' from='%s' to='cellar@chat.example/Tybalt'/>`, tybalt)
		h.send(`<iq type='result' id='x' from='%s' to='cellar@chat.example/Romeo'/>`, tybalt)
		assert.Empty(t, h.got(tybalt), "goodbyes and answers are taken")
		release()
		synctest.Wait()
		got := h.bodies(juliet)
		assert.Equal(t, []string{"held", "word 0", "word 1", "word 2", "word 3", "word 4"}, got)
		assert.NotEmpty(t, h.got(tybalt), "the goodbye")
		h.say(juliet, "cellar", "at last")
		assert.Equal(t, []string{"at last"}, h.bodies(juliet), "there is place again")
		assert.Zero(t, h.service.Stats().Queued)
	})
}

// One person's share of all queues together is bounded too.
func TestFloodOfRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.Limits = service.Limits{SenderQueue: 5} })
		held := make(chan struct{})
		h.store.failLoads(func(muc.JID) error { <-held; return nil })
		for i := range 16 {
			h.join(tybalt, fmt.Sprint("room", i), "Tybalt")
		}
		assert.Len(t, h.got(tybalt), 11)
		h.join(juliet, "room0", "Juliet")
		assert.Empty(t, h.got(juliet))
		close(held)
		synctest.Wait()
		assert.NotEmpty(t, h.got(juliet))
	})
}

// A share is given back as soon as a stanza is done, also while others wait.
func TestShareIsGivenBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.Limits = service.Limits{SenderShare: 3, SenderQueue: 5} })
		for _, room := range []string{"cellar", "garden"} {
			h.join(romeo, room, "Romeo")
		}
		h.forget()
		h.hold("garden")
		h.say(romeo, "garden", "held")
		h.say(romeo, "garden", "behind it")
		for i := range 10 {
			h.say(romeo, "cellar", fmt.Sprint(i))
			assert.Equal(t, []string{fmt.Sprint(i)}, h.bodies(romeo))
		}
		h.say(romeo, "garden", "the third")
		assert.Empty(t, h.got(romeo))
		h.say(romeo, "garden", "one too many")
		refused(t, h.only(romeo), "resource-constraint", "wait")
	})
}

// Stanzas count by what they take in memory as well: those of a person, of a room, and all.
func TestQueuesCountBytes(t *testing.T) {
	for name, c := range map[string]struct {
		limits service.Limits
		own    bool // others are not touched by it
		rooms  bool // nor are other rooms
	}{
		"of a person": {service.Limits{SenderBytes: 100000}, true, false},
		"of a room":   {service.Limits{RoomBytes: 100000}, false, true},
		"of all":      {service.Limits{QueueBytes: 100000}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newHost(t, func(h *host) { h.config.Limits = c.limits })
				h.join(juliet, "garden", "Juliet")
				h.join(tybalt, "garden", "Tybalt")
				for _, who := range []string{romeo, juliet, tybalt} {
					h.join(who, "cellar", who[:6])
				}
				h.forget()
				release := h.hold("cellar")
				h.say(romeo, "cellar", "held")
				heavy := strings.Repeat("<x xmlns='urn:example:x'/>", 200)
				say := func(who, room string) bool {
					h.send(`<message type='groupchat' from='%s' to='%s@chat.example'><body>heavy</body>%s</message>`, who, room, heavy)
					got := h.got(who)
					for _, el := range got {
						if el.SelectAttrValue("type", "") == "error" {
							refused(t, el, "resource-constraint", "wait")
							return false
						}
					}
					return true
				}
				taken := 0
				for range 40 {
					if say(tybalt, "cellar") {
						taken++
					}
				}
				assert.Greater(t, taken, 0)
				assert.Less(t, taken, 4, "200 elements are more than 30000 bytes")
				assert.LessOrEqual(t, h.service.Stats().QueuedBytes, 100000)
				assert.Equal(t, c.own, say(juliet, "cellar"), "somebody else")
				assert.Equal(t, c.own || c.rooms, say(juliet, "garden"), "somewhere else")
				assert.Equal(t, c.rooms, say(tybalt, "garden"), "the same one somewhere else")
				h.send(`<presence type='unavailable' from='%s' to='cellar@chat.example/tybalt'>%s</presence>`, tybalt, heavy)
				assert.Empty(t, h.got(tybalt), "goodbyes have as much place again")
				release()
				synctest.Wait()
				h.forget()
				assert.Zero(t, h.service.Stats().QueuedBytes)
				assert.True(t, say(juliet, "cellar"))
			})
		})
	}
}

func TestFewWorkers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.Limits = service.Limits{Workers: 2, Batch: 1} })
		for i := range 50 {
			h.lasting(fmt.Sprint("room", i))
		}
		for n := range 3 {
			for i := range 50 {
				who := fmt.Sprintf("person%d@example.org/%d", i, n)
				require.NoError(t, handle(t.Context(), h.service, parse(fmt.Sprintf(
					`<presence from='%s' to='room%d@chat.example/N%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, who, i, n))))
			}
		}
		synctest.Wait()
		assert.Equal(t, service.Stats{Rooms: 50, Listed: 50, Occupants: 150, Sessions: 150}, h.counts())
	})
}

func TestRoomsInMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Limits = service.Limits{Rooms: 3}
			h.config.IdleAfter = time.Hour
		})
		for i := range 10 {
			h.lasting(fmt.Sprint("room", i))
		}
		assert.Equal(t, 3, h.service.Stats().Rooms, "idle ones make place")
		for i := range 3 {
			h.join(romeo, fmt.Sprint("room", i), "Romeo")
		}
		h.forget()
		h.join(romeo, "room3", "Romeo")
		refused(t, h.only(romeo), "resource-constraint", "wait")
		_, err := h.do("room3", muc.SetSubject{Subject: "x"})
		require.ErrorIs(t, err, &muc.StanzaError{Condition: stanza.ResourceConstraint})
		h.leave(romeo, "room1", "Romeo")
		h.forget()
		h.join(romeo, "room3", "Romeo")
		assert.Equal(t, "110", statuses(h.got(romeo)[0]))
		assert.Equal(t, "result", h.ask(romeo, "chat.example", info).SelectAttrValue("type", ""))
	})
}

// Many senders at once, in real time: all that they say arrives, in the order in
// which each of them says it.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const rooms, people, words = 5, 8, 30
	var mu sync.Mutex
	heard := map[string][]string{} // by room and speaker
	done := make(chan struct{}, rooms*people*words)
	s, err := service.New(t.Context(), service.Config{
		Domain: "chat.example", Store: new(service.Memory), Room: muc.Config{Secret: secret, Instant: true},
		Deliver: func(_ context.Context, s service.Stanza) {
			el := s.Stanza()
			body := el.SelectElement("body")
			if body == nil {
				return
			}
			for _, to := range s.To() {
				if to.Local() == "listener" {
					mu.Lock()
					from := el.SelectAttrValue("from", "")
					heard[from] = append(heard[from], body.Text())
					mu.Unlock()
					done <- struct{}{}
				}
			}
		},
	})
	require.NoError(t, err)
	handle := func(format string, args ...any) {
		assert.NoError(t, handle(t.Context(), s, parse(fmt.Sprintf(format, args...))))
	}
	for room := range rooms {
		handle(`<presence from='listener@example.org/x' to='room%d@chat.example/Listener'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, room)
	}
	var wg sync.WaitGroup
	for p := range people {
		wg.Go(func() {
			for room := range rooms {
				handle(`<presence from='p%d@example.org/x' to='room%d@chat.example/P%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, p, room, p)
			}
			for w := range words {
				for room := range rooms {
					handle(`<message type='groupchat' from='p%d@example.org/x' to='room%d@chat.example'><body>%d</body></message>`, p, room, w)
				}
			}
		})
	}
	wg.Wait()
	for range rooms * people * words {
		<-done
	}
	var want []string
	for w := range words {
		want = append(want, fmt.Sprint(w))
	}
	for room := range rooms {
		for p := range people {
			assert.Equal(t, want, heard[fmt.Sprintf("room%d@chat.example/P%d", room, p)])
		}
	}
	require.NoError(t, s.Shutdown(t.Context(), ""))
}
