package sqlitestore

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// host is a service over a store, until the process dies.
type host struct {
	*service.Service
	t  *testing.T
	mu sync.Mutex
	to map[string][]string // bodies, by session
}

func newHost(t *testing.T, s *Store) *host {
	t.Helper()
	h := &host{t: t, to: map[string][]string{}}
	var err error
	h.Service, err = service.New(t.Context(), service.Config{Domain: "chat.example", Store: s, Live: true, Room: muc.Config{Secret: s.Secret(), Instant: true},
		Deliver: func(_ context.Context, st service.Stanza) {
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, to := range st.To() {
				if body := st.Stanza().SelectElement("body"); body != nil {
					h.to[to.String()] = append(h.to[to.String()], body.Text())
				}
			}
		}})
	require.NoError(t, err)
	return h
}

// told is what was delivered to a session.
func (h *host) told(session string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.to[session])
}

// send waits until all of it is delivered.
func (h *host) send(from string, number uint64, text string) {
	h.t.Helper()
	el, err := stanza.Parse([]byte(text), stanza.Stream{})
	require.NoError(h.t, err)
	done := make(chan error, 1)
	require.NoError(h.t, h.Submit(h.t.Context(), muc.MustParseJID(from), el, "link", number, func(err error) { done <- err }))
	require.NoError(h.t, <-done)
}

// noted waits until all that is stored of a room is noted as delivered, which is a moment after
// its sender knows.
func noted(t *testing.T, s *Store, room muc.JID) {
	t.Helper()
	require.Eventually(t, func() bool {
		saved, err := s.Load(t.Context(), room)
		return err == nil && len(saved.Steps) > 0 && saved.Delivered == saved.Steps[len(saved.Steps)-1].At()
	}, time.Minute, 5*time.Millisecond)
}

// Everybody is inside after the death of the process, of which the file is all that is left.
func TestProcessDies(t *testing.T) {
	const romeo, juliet = "romeo@example.org/pda", "juliet@example.org/balcony"
	dir, room := t.TempDir(), muc.MustParseJID("cellar@chat.example")
	s := open(t, filepath.Join(dir, "rooms.db"))
	s.sent.stop() // what was delivered is in the file when the test says so, not after a second
	h := newHost(t, s)
	join := "<presence to='cellar@chat.example/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
	say := "<message to='cellar@chat.example' type='groupchat'><body>%s</body></message>"
	h.send(romeo, 1, fmt.Sprintf(join, "Romeo"))
	h.send(juliet, 2, fmt.Sprintf(join, "Juliet"))
	h.send(romeo, 3, fmt.Sprintf(say, "first"))
	assert.Equal(t, []string{"first"}, h.told(juliet))
	noted(t, s, room)
	s.flush()
	h.send(romeo, 4, fmt.Sprintf(say, "second"))
	noted(t, s, room)

	// The file as it is found after a crash: what was noted since the last call is not in it.
	dead := filepath.Join(dir, "dead.db")
	_, err := s.writer.Exec("VACUUM INTO ?", dead)
	require.NoError(t, err)
	heir := newHost(t, open(t, dead))
	assert.Equal(t, 2, heir.Stats().Occupants)
	heir.send(romeo, 4, fmt.Sprintf(say, "second"))
	assert.Equal(t, []string{"second"}, heir.told(juliet), "perhaps it was not delivered")
	heir.send(romeo, 5, fmt.Sprintf(say, "third"))
	assert.Equal(t, []string{"second", "third"}, heir.told(juliet))
	require.NoError(t, heir.Shutdown(t.Context(), ""))

	// What was noted is in the file when it is closed.
	h.send(romeo, 5, fmt.Sprintf(say, "third"))
	noted(t, s, room)
	require.NoError(t, s.Close())
	again := newHost(t, open(t, filepath.Join(dir, "rooms.db")))
	assert.Equal(t, 2, again.Stats().Occupants)
	again.send(romeo, 6, fmt.Sprintf(say, "fourth"))
	assert.Equal(t, []string{"fourth"}, again.told(juliet), "all else was delivered")
}

// What was delivered is in the file after a while, without any other call.
func TestMarksAreWritten(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	b := created(t, s, "cellar")
	b.Inputs = []service.Input{{Time: time.Unix(2e9, 0).UTC(), Command: []byte(`{}`)}}
	require.NoError(t, s.Append(t.Context(), []service.Batch{b}))
	s.Delivered(b.Room, b.At())
	require.Eventually(t, func() bool {
		var at service.Position
		err := s.reader.QueryRow(`SELECT sent_seq, sent_sub FROM room`).Scan(&at.Seq, &at.Sub)
		return err == nil && at == b.At()
	}, time.Minute, 50*time.Millisecond)
}

// What was noted of a room is not taken for that of the one that takes its place, and is not lost
// with a call that fails.
func TestMarks(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	b := created(t, s, "cellar")
	b.Inputs = []service.Input{{Time: time.Unix(2e9, 0).UTC(), Command: []byte(`{}`)}}
	require.NoError(t, s.Append(t.Context(), []service.Batch{b}))
	s.Delivered(b.Room, b.At())
	wrong := b
	wrong.After.Seq = 99
	require.ErrorIs(t, s.Append(t.Context(), []service.Batch{wrong}), service.ErrConflict)
	saved, err := s.Load(t.Context(), b.Room)
	require.NoError(t, err)
	assert.Equal(t, b.At(), saved.Delivered)
	require.NoError(t, s.Append(t.Context(), []service.Batch{{Room: b.Room, After: b.At(), Gone: true}}))
	require.NoError(t, s.Append(t.Context(), []service.Batch{b}))
	saved, err = s.Load(t.Context(), b.Room)
	require.NoError(t, err)
	assert.Zero(t, saved.Delivered)
}

// A step that cannot be read is damage, and names where it is; of an event that is not known it
// says so.
func TestDamagedSteps(t *testing.T) {
	for damage, want := range map[string]any{
		`UPDATE step SET body = '{'`:                                                                  muc.ErrCorrupt,
		`UPDATE step SET body = replace(body, '"created"', '"levitated"')`:                            &muc.UnknownEventError{Type: "levitated", Version: 1},
		`UPDATE room SET sources = '{'`:                                                               muc.ErrCorrupt,
		`DELETE FROM step; DELETE FROM room; INSERT INTO gone VALUES (1, 'cellar@chat.example', '{')`: muc.ErrCorrupt,
	} {
		s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
		b := created(t, s, "cellar")
		b.Inputs = []service.Input{{Time: time.Unix(2e9, 0).UTC(), Command: []byte(`{}`)}}
		require.NoError(t, s.Append(t.Context(), []service.Batch{b}))
		_, err := s.writer.Exec(damage)
		require.NoError(t, err)
		_, err = s.Load(t.Context(), b.Room)
		if unknown, is := want.(*muc.UnknownEventError); is {
			var got *muc.UnknownEventError
			require.ErrorAs(t, err, &got)
			assert.Equal(t, unknown, got)
		} else {
			require.ErrorIs(t, err, want.(error), damage)
		}
	}
}
