package service_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// Administrators see rooms that are hidden, asleep or of many pages.
func TestRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("garden")
		h.lasting("cellar", func(c *muc.RoomConfig) { c.Hidden = true })
		h.join(juliet, "balcony", "Juliet")
		var rooms []muc.JID
		for e, err := range h.service.Rooms(t.Context()) {
			require.NoError(t, err)
			assert.Equal(t, e.Room != at("cellar"), e.Public, e.Room)
			rooms = append(rooms, e.Room)
		}
		assert.Equal(t, []muc.JID{at("balcony"), at("cellar"), at("garden")}, rooms)
		for range h.service.Rooms(t.Context()) {
			break
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, err := range h.service.Rooms(ended) {
			require.ErrorIs(t, err, context.Canceled)
		}
		h.stop()
		n := 0
		for _, err := range h.service.Rooms(t.Context()) {
			require.ErrorIs(t, err, service.ErrClosed)
			n++
		}
		assert.Equal(t, 1, n)
	})
}

// All pages of the store are read; rooms of another domain and odd lines are not among them.
func TestRoomsOfManyPages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			s := &oddStore{faultyStore: h.store}
			for i := range 12000 {
				s.lines = append(s.lines, service.Entry{Room: stored(fmt.Sprintf("%06d@chat.example", i)), Lasting: true})
			}
			s.lines = append(s.lines, public("a@chat.dxample"), service.Entry{Err: errDisk}, public("b@chat.example"))
			h.config.Store = s
		})
		n, last := 0, muc.JID{}
		for e, err := range h.service.Rooms(t.Context()) {
			require.NoError(t, err)
			n, last = n+1, e.Room
		}
		assert.Equal(t, 12001, n)
		assert.Equal(t, at("b"), last)
	})
}

func TestWhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		where := func(who string) (rooms []string) {
			for _, room := range h.service.Where(muc.MustParseJID(who)) {
				rooms = append(rooms, room.Local())
			}
			return rooms
		}
		h.join(juliet, "garden", "Juliet")
		h.join(juliet, "cellar", "Juliet")
		h.join("juliet@example.org/phone", "balcony", "Juliet")
		h.join("iago@elsewhere.example/x", "cyprus", "Iago")
		h.join(romeo, "cellar", "Romeo")
		assert.Equal(t, []string{"cellar", "garden"}, where(juliet))
		assert.Equal(t, []string{"balcony", "cellar", "garden"}, where("juliet@example.org"))
		assert.Equal(t, []string{"balcony", "cellar", "garden"}, where("example.org"))
		assert.Equal(t, []string{"cyprus"}, where("elsewhere.example"))
		assert.Empty(t, where(tybalt))
		assert.Empty(t, h.service.Where(muc.JID{}))
		h.leave(juliet, "garden", "Juliet")
		assert.Equal(t, []string{"cellar"}, where(juliet))
	})
}
