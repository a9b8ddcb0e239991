package sqlitestore

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Somebody always reads, the next one from before the last one ends: the log of what
// is written stays short all the same.
func TestLogStaysShort(t *testing.T) {
	const most = 1 << 20
	a := newArchived(t)
	a.store.log.most, a.store.log.next = most, most
	stop, stopped := make(chan struct{}), make(chan struct{})
	defer func() {
		close(stop)
		<-stopped
	}()
	go func() {
		defer close(stopped)
		ended := func() {}
		defer func() { ended() }()
		for {
			tx, err := a.store.searcher.Begin()
			if !assert.NoError(t, err) {
				return
			}
			var n int
			if err = tx.QueryRow(`SELECT count(*) FROM room`).Scan(&n); !assert.NoError(t, err) {
				return
			}
			ended()
			ended = func() { _ = tx.Rollback() }
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	for range 200 {
		a.sends("Romeo", "<message type='groupchat' to='cellar@chat.example'><body>%s</body></message>", strings.Repeat("x", 10000))
	}
	file, err := os.Stat(a.store.log.path)
	require.NoError(t, err)
	assert.Less(t, file.Size(), int64(8*most))
}

// Who reads for long is not waited for: the log is cut another time.
func TestLogIsCutLater(t *testing.T) {
	const most = 1 << 20
	a := newArchived(t)
	a.store.log.most, a.store.log.next = most, most
	tx, err := a.store.searcher.Begin()
	require.NoError(t, err)
	var n int
	require.NoError(t, tx.QueryRow(`SELECT count(*) FROM room`).Scan(&n))
	grow := func() int64 {
		for range 30 {
			a.sends("Romeo", "<message type='groupchat' to='cellar@chat.example'><body>%s</body></message>", strings.Repeat("x", 10000))
		}
		file, err := os.Stat(a.store.log.path)
		require.NoError(t, err)
		return file.Size()
	}
	assert.Greater(t, grow(), int64(most))
	assert.Greater(t, a.store.log.next, int64(most))
	require.NoError(t, tx.Rollback())
	for a.store.log.next > most {
		grow()
	}
	file, err := os.Stat(a.store.log.path)
	require.NoError(t, err)
	assert.Less(t, file.Size(), int64(most))
}
