package service_test

import (
	"context"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// rows: N5
func TestForgetEverywhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		account, heir := muc.MustParseJID("romeo@example.org"), muc.MustParseJID("admin@example.org")
		for _, room := range []string{"cellar", "garden", "grave"} {
			h.lasting(room)
		}
		_, err := h.do("tomb", muc.Create{Owner: heir, Config: muc.RoomConfig{Persistent: true}})
		require.NoError(t, err)
		_, err = h.do("grave", muc.Destroy{Tombstone: true})
		require.NoError(t, err)
		h.join(juliet, "garden", "Juliet")
		h.join(romeo, "garden", "Romeo")
		h.stop()
		h.start()
		h.join(romeo, "balcony", "Romeo")
		h.join(juliet, "balcony", "Juliet")
		affiliation := func(room string, who muc.JID) (got muc.Affiliation) {
			require.NoError(t, h.service.Read(t.Context(), at(room), func(r *muc.Room) { got = maps.Collect(r.Affiliations())[who] }))
			return got
		}

		n, err := h.service.Forget(t.Context(), account, muc.JID{})
		require.ErrorIs(t, err, &muc.StanzaError{Condition: stanza.Conflict})
		assert.ErrorContains(t, err, "cellar@chat.example")
		assert.ErrorContains(t, err, "garden@chat.example", "one does not keep the others from it")
		assert.Zero(t, n)
		sleep(0)
		assert.Equal(t, 1, h.service.Stats().Rooms, "those that were loaded for it are put aside")

		n, err = h.service.Forget(t.Context(), account, heir)
		require.NoError(t, err)
		assert.Equal(t, 3, n)
		for _, room := range []string{"cellar", "garden", "balcony"} {
			assert.Equal(t, muc.AffiliationNone, affiliation(room, account), room)
			assert.Equal(t, muc.Owner, affiliation(room, heir), room)
		}
		assert.Empty(t, h.service.Where(account))
		n, err = h.service.Forget(t.Context(), account, heir)
		require.NoError(t, err)
		assert.Zero(t, n, "they know it no more")
	})
}

func TestForgetEverywhereErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		account, domain := muc.MustParseJID("romeo@example.org"), muc.MustParseJID("example.org")
		for _, pair := range [][2]muc.JID{{{}, account}, {domain, account}, {account, domain}} {
			_, err := h.service.Forget(t.Context(), pair[0], pair[1])
			require.ErrorIs(t, err, &muc.StanzaError{Condition: stanza.JIDMalformed})
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := h.service.Forget(ended, account, muc.JID{})
		require.ErrorIs(t, err, context.Canceled)
		h.stop()
		_, err = h.service.Forget(t.Context(), account, muc.JID{})
		require.ErrorIs(t, err, service.ErrClosed)
	})
}
