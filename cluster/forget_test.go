package cluster_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// affiliations are those in a room, as the node that has it knows them.
func (w *world) affiliations(room string) map[muc.JID]muc.Affiliation {
	jid := muc.MustParseJID(room + "@chat.example")
	var got map[muc.JID]muc.Affiliation
	for _, m := range w.nodes {
		if m.Owner(jid) == m.ID() {
			require.NoError(w.t, m.Service().Read(w.t.Context(), jid, func(r *muc.Room) { got = maps.Collect(r.Affiliations()) }))
		}
	}
	return got
}

// The rooms of all nodes forget an account, also those whose node dies meanwhile. What a room of another node cannot do is
// told.
func TestForgetEverywhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		romeo := w.at("a", "romeo")
		account, heir := romeo.jid.Bare(), muc.MustParseJID("heir@example.org")
		var rooms []string
		for i := range 30 {
			rooms = append(rooms, fmt.Sprint("room", i))
			jid := muc.MustParseJID(rooms[i] + "@chat.example")
			for _, m := range w.nodes {
				if m.Owner(jid) == m.ID() {
					_, err := m.Service().Do(t.Context(), jid, muc.Create{Owner: account, Config: muc.RoomConfig{Persistent: true}})
					require.NoError(t, err)
				}
			}
			if i%2 == 0 {
				w.send(romeo, joinText, rooms[i], "romeo")
			}
		}
		w.settle()
		for _, room := range rooms {
			require.Equal(t, map[muc.JID]muc.Affiliation{account: muc.Owner}, w.affiliations(room))
		}

		n, err := w.nodes["a"].Forget(t.Context(), account, muc.JID{})
		require.ErrorIs(t, err, &muc.StanzaError{Condition: stanza.Conflict})
		assert.Zero(t, n)
		assert.Equal(t, len(rooms), strings.Count(err.Error(), "@chat.example"), err.Error())

		n, err = w.nodes["a"].Forget(t.Context(), account, heir)
		require.NoError(t, err)
		assert.Equal(t, len(rooms), n)

		w.nodes["b"].engine.freeze()
		done := make(chan error, 1)
		go func() {
			_, err := w.nodes["a"].Forget(t.Context(), heir, account)
			done <- err
		}()
		time.Sleep(time.Second)
		assert.Empty(t, done, "b has not answered")
		w.nodes["b"].kill()
		delete(w.nodes, "b")
		time.Sleep(5 * time.Second)
		w.settle()
		require.NoError(t, <-done)
		for _, room := range rooms {
			assert.Equal(t, map[muc.JID]muc.Affiliation{account: muc.Owner}, w.affiliations(room))
		}

		w.nodes["c"].engine.put(&w.nodes["c"].engine.unlisted, true)
		go func() {
			_, err := w.nodes["a"].Forget(t.Context(), account, heir)
			done <- err
		}()
		time.Sleep(time.Second)
		w.nodes["c"].engine.put(&w.nodes["c"].engine.unlisted, false)
		require.NoError(t, <-done)
		for _, room := range rooms {
			assert.Equal(t, map[muc.JID]muc.Affiliation{heir: muc.Owner}, w.affiliations(room))
		}

		_, err = w.nodes["a"].Forget(t.Context(), muc.JID{}, heir)
		require.ErrorIs(t, err, &muc.StanzaError{Condition: stanza.JIDMalformed})
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = w.nodes["a"].Forget(ended, account, heir)
		require.ErrorIs(t, err, context.Canceled)
	})
}
