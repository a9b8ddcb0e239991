package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// Rooms tell the time by the host's clock, and are woken by it.
func TestNow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const off = -5 * time.Hour
		h := newHost(t, func(h *host) {
			h.config.Now = func() time.Time { return time.Now().Add(off) }
			h.config.Room.Tombstones, h.config.TombstoneTime = true, time.Hour
		})
		h.lasting("cellar")
		h.send(`<presence from='%s' to='cellar@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, romeo)
		said := time.Now()
		h.send(`<message from='%s' to='cellar@chat.example' type='groupchat'><body>early</body></message>`, romeo)
		h.got(romeo)
		sleep(time.Hour)
		h.send(`<presence from='%s' to='cellar@chat.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, juliet)
		stamp := ""
		for _, el := range h.got(juliet) {
			if delay := el.SelectElement("delay"); delay != nil {
				stamp = delay.SelectAttrValue("stamp", "")
			}
		}
		at, err := time.Parse(time.RFC3339, stamp)
		require.NoError(t, err)
		assert.WithinDuration(t, said.Add(off), at, time.Second)

		_, err = h.do("cellar", muc.Destroy{Tombstone: true})
		require.NoError(t, err)
		entries := func() (n int) {
			for _, err := range h.service.Rooms(t.Context()) {
				require.NoError(t, err)
				n++
			}
			return n
		}
		sleep(59 * time.Minute)
		assert.Equal(t, 1, entries())
		sleep(2 * time.Minute)
		assert.Zero(t, entries())
	})
}
