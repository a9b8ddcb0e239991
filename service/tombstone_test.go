package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// A tombstone answers "gone" as long as the host wants, also over a restart, and leaves
// nothing: the address and its creator's share are free again.
func TestTombstoneTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.Tombstones, h.config.TombstoneTime = true, 24*time.Hour
			h.config.Limits.PersonCreated = 1
		})
		enter := func() (said string) {
			h.send(`<presence from='%s' to='cellar@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, romeo)
			for _, el := range h.got(romeo) {
				said += text(el)
			}
			return said
		}
		destroy := func() {
			h.lasting("cellar")
			_, err := h.do("cellar", muc.Destroy{Tombstone: true})
			require.NoError(t, err)
		}
		entries := func() (n int) {
			for _, err := range h.service.Rooms(t.Context()) {
				require.NoError(t, err)
				n++
			}
			return n
		}
		destroy()
		assert.Contains(t, enter(), "<gone")
		sleep(23 * time.Hour)
		assert.Contains(t, enter(), "<gone")
		assert.Equal(t, 1, entries())
		sleep(61 * time.Minute)
		assert.Zero(t, entries(), "it goes by itself")
		assert.Contains(t, enter(), "code=\"201\"", "and the creator may make another room")
		_, err := h.do("cellar", muc.Destroy{})
		require.NoError(t, err)

		destroy()
		require.NoError(t, h.service.Shutdown(t.Context(), ""))
		sleep(23 * time.Hour)
		h.start()
		assert.Contains(t, enter(), "<gone")
		require.NoError(t, h.service.Shutdown(t.Context(), ""))
		h.start()
		sleep(2 * time.Hour)
		assert.Zero(t, entries())
		assert.Equal(t, service.Stats{}, h.counts())

		h.config.TombstoneTime = 0
		require.NoError(t, h.service.Shutdown(t.Context(), ""))
		h.start()
		destroy()
		sleep(1000 * time.Hour)
		assert.Contains(t, enter(), "<gone", "for ever")
		require.NoError(t, h.service.Shutdown(t.Context(), ""))
		h.config.TombstoneTime = time.Hour
		h.start()
		assert.Contains(t, enter(), "<gone")
		sleep(0)
		assert.Zero(t, entries(), "it was asked for")
	})
}

// A tombstone that the store does not let go stays, and counts, until it does.
func TestTombstoneThatStays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.Tombstones, h.config.TombstoneTime = true, time.Hour
			h.config.Limits.PersonCreated = 1
		})
		enter := func(room string) (said string) {
			h.send(`<presence from='%s' to='%s@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, romeo, room)
			for _, el := range h.got(romeo) {
				said += text(el)
			}
			return said
		}
		h.lasting("cellar")
		_, err := h.do("cellar", muc.Destroy{Tombstone: true})
		require.NoError(t, err)
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		sleep(2 * time.Hour)
		assert.Contains(t, enter("garden"), "too many rooms that you have created")
		h.store.failAppends(nil)
		sleep(time.Hour)
		assert.Contains(t, enter("cellar"), `code="201"`)
	})
}

// A tombstone is freed early by the host, once: a room that is not destroyed stays, and so does the
// next tombstone at the address.
func TestFree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.Tombstones, h.config.Limits.PersonCreated = true, 1
			h.config.TombstoneTime = 24 * time.Hour
		})
		cellar := muc.MustParseJID("cellar@chat.example")
		free := func() error { return h.service.Free(t.Context(), cellar) }
		assert.ErrorIs(t, free(), muc.ErrNotOpen)
		for range 2 {
			h.lasting("cellar")
			assert.ErrorIs(t, free(), &muc.StanzaError{Condition: stanza.UnexpectedRequest})
			_, err := h.do("cellar", muc.Destroy{Tombstone: true})
			require.NoError(t, err)
			sleep(time.Hour)
			h.send(`<presence from='%s' to='cellar@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, romeo)
			assert.Contains(t, text(h.only(romeo)), "<gone")
			require.NoError(t, free())
			assert.ErrorIs(t, free(), muc.ErrNotOpen)
		}
		saved, err := h.config.Store.Load(t.Context(), cellar)
		require.NoError(t, err)
		assert.Equal(t, service.Saved{}, saved, "nothing is left")
		assert.Equal(t, service.Stats{}, h.counts())
		assert.ErrorIs(t, h.service.Free(t.Context(), muc.MustParseJID("cellar@other.example")), muc.ErrNotForRoom)
	})
}
