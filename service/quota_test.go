package service_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

const (
	atHome  = "romeo@example.org/home"
	destroy = `<iq type='set' id='d' from='%s' to='%s@chat.example'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>`
)

// A person in many rooms enters no more, with any session, until they leave one.
// Others enter, and the same person goes on where they are.
func TestPersonRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.Limits = service.Limits{PersonRooms: 3} })
		for i := range 5 {
			h.join(juliet, fmt.Sprint("room", i%3), "Juliet")
			h.lasting(fmt.Sprint("other", i))
		}
		h.forget()
		for i, who := range []string{romeo, atHome, romeo, atHome} {
			h.join(who, fmt.Sprint("other", i), "Romeo")
		}
		refused(t, last(h.got(atHome)), "resource-constraint", "wait")
	})
}

// What waits counts too: many at once do not slip through.
func TestPersonRoomsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.Limits = service.Limits{PersonRooms: 3} })
		for i := range 10 {
			h.lasting(fmt.Sprint("room", i))
		}
		for i := range 10 {
			who := []string{romeo, atHome}[i%2]
			require.NoError(t, handle(t.Context(), h.service, parse(fmt.Sprintf(
				`<presence from='%s' to='room%d@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, who, i))))
		}
		synctest.Wait()
		assert.Equal(t, 3, h.service.Stats().Occupants)
		h.forget()
		h.join(atHome, "room0", "Romeo")
		assert.True(t, entered(h.got(atHome)), "another session in a room where the person is")
		h.join(juliet, "room9", "Juliet")
		assert.True(t, entered(h.got(juliet)))
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(romeo).Bare()))
		synctest.Wait()
		h.forget()
		h.join(romeo, "room9", "Romeo")
		assert.True(t, entered(h.got(romeo)), "after leaving")
	})
}

// A person creates so many rooms; those that are gone, or came to nothing, count no more,
// those that lie in the store do, also after a restart.
func TestPersonCreated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Limits = service.Limits{PersonCreated: 3}
			h.config.Room.Defaults = muc.RoomConfig{Persistent: true}
		})
		create := func(who, room string) bool {
			h.forget()
			h.join(who, room, who[:5])
			got := h.got(who)
			if len(got) == 1 && got[0].SelectAttrValue("type", "") == "error" {
				refused(t, got[0], "resource-constraint", "wait")
				return false
			}
			require.True(t, entered(got))
			return true
		}
		for i := range 3 {
			h.join(romeo, fmt.Sprint("bad", i), "") // comes to nothing
		}
		assert.True(t, create(romeo, "room0"))
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		for i := range 3 {
			h.join(romeo, fmt.Sprint("lost", i), "Romeo")
		}
		h.store.failAppends(nil)
		assert.True(t, create(atHome, "room1"))
		assert.True(t, create(romeo, "room2"))
		assert.False(t, create(romeo, "room3"))
		assert.False(t, create(atHome, "room3"))
		assert.True(t, create(juliet, "room3"), "somebody else")
		assert.True(t, create(romeo, "room3"), "who only enters")
		for i := range 3 {
			h.leave(romeo, fmt.Sprint("room", i), "romeo")
			h.leave(atHome, fmt.Sprint("room", i), "romeo")
		}
		assert.False(t, create(romeo, "room4"), "they are still there")
		h.stop()
		h.start()
		assert.False(t, create(romeo, "room4"), "they are still there")
		h.send(destroy, romeo, "room1")
		assert.True(t, create(romeo, "room4"))
		assert.False(t, create(romeo, "room5"))
		h.send(destroy, romeo, "room4")
		h.join(romeo, "room4", "romeo")
		h.send(destroy, romeo, "room4")
		_, err := h.do("given", muc.Create{Owner: muc.MustParseJID(romeo).Bare(), Config: muc.RoomConfig{Persistent: true}})
		require.NoError(t, err)
		assert.False(t, create(romeo, "room5"), "what the host made for somebody counts")
		_, err = h.do("given-too", muc.Create{Owner: muc.MustParseJID(romeo).Bare(), Config: muc.RoomConfig{Persistent: true}})
		require.NoError(t, err, "and the host is not asked")
	})
}

// A person's questions to the host are bounded over all rooms, until they are answered,
// have expired, or their room has ended.
func TestPersonAsks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var questions []string
		var rooms []muc.JID
		h := newHost(t, func(h *host) {
			h.config.Limits = service.Limits{PersonQuestions: 3}
			h.config.Room.AnswersIQ = func(space, _ string) bool { return space == "urn:example:asked" }
			h.config.Question = func(_ context.Context, room muc.JID, ask muc.Question) {
				questions, rooms = append(questions, ask.ID), append(rooms, room)
			}
		})
		asks := func(who string, room int) bool {
			h.forget()
			h.send(`<iq type='get' id='q' from='%s' to='room%d@chat.example'><x xmlns='urn:example:asked'/></iq>`, who, room)
			if got := h.got(who); len(got) > 0 {
				refused(t, got[0], "resource-constraint", "wait")
				return false
			}
			return true
		}
		for i := range 5 {
			h.join(romeo, fmt.Sprint("room", i), "Romeo")
			h.join(atHome, fmt.Sprint("room", i), "Romeo")
			h.join(juliet, fmt.Sprint("room", i), "Juliet")
		}
		assert.True(t, asks(romeo, 0))
		assert.True(t, asks(romeo, 1))
		assert.True(t, asks(atHome, 2))
		assert.False(t, asks(romeo, 3))
		assert.False(t, asks(atHome, 0))
		assert.True(t, asks(juliet, 0), "somebody else")
		_, err := h.service.Do(t.Context(), rooms[0], muc.Answer{ID: questions[0]})
		require.NoError(t, err)
		assert.True(t, asks(romeo, 3), "one is answered")
		assert.False(t, asks(romeo, 4))
		h.send(destroy, romeo, "room3")
		assert.True(t, asks(romeo, 4), "one room has ended")
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		h.say(romeo, "room4", "lost")
		h.store.failAppends(nil)
		h.join(romeo, "room4", "Romeo")
		assert.True(t, asks(romeo, 4), "one room crashed")
		assert.False(t, asks(romeo, 4))
		sleep(2 * 60 * 1e9)
		for range 3 {
			assert.True(t, asks(romeo, 1), "their time is up")
		}
		assert.False(t, asks(romeo, 1))
	})
}
