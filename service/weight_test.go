package service_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// fill makes a room large: it remembers people with long reasons.
func (h *host) fill(room string, n int) error {
	for i := range n {
		_, err := h.do(room, muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("p%d@example.org", i)), Affiliation: muc.Outcast,
			Reason: strings.Repeat("because ", 100)})
		if err != nil {
			return err
		}
	}
	for range 60 { // what comes in has the room weighed again
		if err := h.service.Read(h.t.Context(), at(room), func(*muc.Room) {}); err != nil {
			return err
		}
	}
	synctest.Wait()
	return nil
}

// What rooms hold together is bounded: idle ones make place; then nobody enters, and
// nothing is loaded or changed. Those who are inside talk on, and leave.
func TestMemoryOfAllRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Limits = service.Limits{Memory: 300000}
			h.config.IdleAfter = time.Hour
		})
		for i := range 6 { // each takes 80000
			h.lasting(fmt.Sprint("room", i))
			require.NoError(t, h.fill(fmt.Sprint("room", i), 80))
			assert.LessOrEqual(t, h.service.Stats().Memory, 400000)
		}
		assert.Less(t, h.service.Stats().Rooms, 6, "idle ones made place")
		for i := range 4 {
			h.join(romeo, fmt.Sprint("room", i), "Romeo")
		}
		assert.Greater(t, h.service.Stats().Memory, 300000)
		h.forget()
		refuses := func(who, format string, args ...any) {
			t.Helper()
			h.send(format, args...)
			refused(t, last(h.got(who)), "resource-constraint", "wait")
		}
		const join = `<presence from='%s' to='%s@chat.example/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>`
		refuses(juliet, join, juliet, "room5", "Juliet")
		refuses(juliet, join, juliet, "room0", "Juliet")
		refuses(juliet, join, juliet, "new", "Juliet")
		refuses(romeo, destroy, romeo, "room0")
		_, err := h.do("room5", muc.Say{Body: "x"})
		require.ErrorIs(t, err, &muc.StanzaError{Condition: stanza.ResourceConstraint})
		h.say(romeo, "room0", "still here")
		assert.Equal(t, []string{"still here"}, h.bodies(romeo))
		h.join(romeo, "room0", "Romeo")
		assert.True(t, entered(h.got(romeo)), "who is inside already")
		require.NoError(t, h.fill("room0", 160), "the host goes on")
		refuses(romeo, `<message type='groupchat' from='%s' to='room1@chat.example'><body>x</body></message>`, romeo)
		assert.Equal(t, "result", h.ask(juliet, "chat.example", info).SelectAttrValue("type", ""))
		for i := range 4 {
			h.leave(romeo, fmt.Sprint("room", i), "Romeo")
		}
		h.forget()
		h.join(juliet, "room5", "Juliet")
		assert.True(t, entered(h.got(juliet)))
		assert.LessOrEqual(t, h.service.Stats().Memory, 400000)
		h.leave(juliet, "room5", "Juliet")
		sleep(2 * time.Hour)
		assert.Zero(t, h.service.Stats().Memory)
	})
}

// One person's rooms that hold too much are no matter in those of others.
func TestMemoryOfAPersonsRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.Limits = service.Limits{PersonMemory: 100000} })
		h.join(romeo, "his", "Romeo")
		h.join(romeo, "his-too", "Romeo")
		h.join(juliet, "hers", "Juliet")
		require.NoError(t, h.fill("his", 118))
		h.forget()
		for _, room := range []string{"his", "his-too"} {
			h.join(tybalt, room, "Tybalt")
			refused(t, h.only(tybalt), "resource-constraint", "wait")
		}
		h.join(tybalt, "hers", "Tybalt")
		assert.True(t, entered(h.got(tybalt)))
		h.say(romeo, "his-too", "still here")
		assert.Equal(t, []string{"still here"}, h.bodies(romeo))
		require.NoError(t, h.fill("his", 200))
		h.say(romeo, "his-too", "too much")
		refused(t, last(h.got(romeo)), "resource-constraint", "wait")
		_, err := h.do("his", muc.Destroy{})
		require.NoError(t, err)
		h.forget()
		h.join(tybalt, "his-too", "Tybalt")
		assert.True(t, entered(h.got(tybalt)))
	})
}

// An avatar is in what the rooms of the service hold, from when it is set until it is removed.
//
// rows: V7
func TestMemoryOfAvatars(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		set := func(photo string) int {
			h.send(`<iq type='set' id='v1' from='%s' to='cellar@chat.example'><vCard xmlns='vcard-temp'>%s</vCard></iq>`, romeo, photo)
			require.NoError(t, h.fill("cellar", 0))
			return h.service.Stats().Memory
		}
		before := set("")
		with := set("<PHOTO><BINVAL>" + strings.Repeat("AAAA", 25000) + "</BINVAL></PHOTO>")
		assert.Greater(t, with, before+100_000)
		assert.Less(t, with, before+120_000)
		assert.Less(t, set(""), before+2000)
	})
}
