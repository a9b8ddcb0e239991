package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/service/storetest"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) service.Store {
		return open(t, filepath.Join(t.TempDir(), "rooms.db"))
	})
}

func TestLiveStore(t *testing.T) {
	storetest.RunLive(t, func(t *testing.T) service.LiveStore {
		return open(t, filepath.Join(t.TempDir(), "rooms.db"))
	})
}

func TestStoreReopened(t *testing.T) {
	storetest.RunReopened(t, func(t *testing.T, dir string) service.Store {
		return open(t, filepath.Join(dir, "rooms.db"))
	})
}

func TestStoreDamaged(t *testing.T) {
	for _, damage := range []string{
		`UPDATE room SET jid = CAST(jid || x'ff' AS TEXT) WHERE jid = ?`,
		`UPDATE room SET jid = jid || '/' WHERE jid = ?`,
		`UPDATE room SET due = 'soon', jid = jid || '' WHERE jid = ?`,
		`UPDATE room SET public = 7 WHERE jid = ?`,
	} {
		storetest.RunDamaged(t, func(t *testing.T) service.Store {
			s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
			loosen(t, s)
			return s
		}, func(t *testing.T, s service.Store, room muc.JID) {
			_, err := s.(*Store).writer.Exec(damage, room.String())
			require.NoError(t, err)
		})
	}
}

// A line that cannot be read says which it is, and that it is damage.
func TestDamagedLine(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	b := created(t, s, "cellar")
	require.NoError(t, s.Append(t.Context(), []service.Batch{b}))
	_, err := s.writer.Exec(`UPDATE room SET jid = 'cellar@'`)
	require.NoError(t, err)
	list, err := s.List(t.Context(), muc.JID{}, 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
	var failed *Error
	require.ErrorAs(t, list[0].Err, &failed)
	assert.ErrorIs(t, list[0].Err, muc.ErrCorrupt)
	assert.ErrorContains(t, list[0].Err, `room 1 with the address "cellar@"`)
}

// loosen lets the columns of the list hold what a damaged file may hold.
func loosen(t *testing.T, s *Store) {
	t.Helper()
	for _, query := range []string{`PRAGMA writable_schema=1`,
		`UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'room'`, `PRAGMA writable_schema=RESET`} {
		_, err := s.writer.Exec(query)
		require.NoError(t, err)
	}
	require.NoError(t, s.reader.Close())
	var err error
	s.reader, err = connect(s.path, readers)
	require.NoError(t, err)
}

// The names of files are not all as simple as one would like.
func TestNames(t *testing.T) {
	for _, name := range []string{"rooms.db", "a b?c=d&e#f%41.db", "ü.db", "-"} {
		dir := t.TempDir()
		s := open(t, filepath.Join(dir, name))
		require.NoError(t, s.Append(t.Context(), []service.Batch{created(t, s, "cellar")}))
		assert.FileExists(t, filepath.Join(dir, name))
	}
}

// created is the first batch of a room.
func created(t *testing.T, s *Store, local string) service.Batch {
	t.Helper()
	address := muc.MustParseJID(local + "@chat.example")
	room, err := muc.New(muc.Config{Room: address, Secret: s.Secret()})
	require.NoError(t, err)
	fx, err := room.Do(time.Unix(2e9, 0), muc.Create{Owner: muc.MustParseJID("romeo@example.org"),
		Config: muc.RoomConfig{Name: strings.Repeat("n", 100), Persistent: true}})
	require.NoError(t, err)
	return service.Batch{Room: address, Events: fx.Durable, Entry: service.Entry{Room: address, Lasting: true}}
}

// The secret is made once, and a file of its own has another one.
func TestSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rooms.db")
	s := open(t, path)
	secret := s.Secret()
	assert.Len(t, secret, 32)
	require.NoError(t, s.Close())
	assert.Equal(t, secret, open(t, path).Secret())
	assert.NotEqual(t, secret, open(t, filepath.Join(t.TempDir(), "rooms.db")).Secret())
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it is for its owner alone")
}

// What Append returned for is on the disk, also when nobody closes the store.
func TestDurable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "rooms.db"))
	for query, want := range map[string]string{"PRAGMA journal_mode": "wal", "PRAGMA synchronous": "2"} {
		var got string
		require.NoError(t, s.writer.QueryRow(query).Scan(&got))
		assert.Equal(t, want, got, query)
	}
	b := created(t, s, "cellar")
	require.NoError(t, s.Append(t.Context(), []service.Batch{b}))
	// The files as they would be found after a crash.
	crashed := t.TempDir()
	require.NoError(t, os.CopyFS(crashed, os.DirFS(dir)))
	saved, err := open(t, filepath.Join(crashed, "rooms.db")).Load(t.Context(), b.Room)
	require.NoError(t, err)
	assert.Equal(t, b.Events, saved.Events)
}

// The sqlite3 command, or any other reader, may look into a store that is in use.
func TestReadByOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rooms.db")
	s := open(t, path)
	b := created(t, s, "cellar")
	require.NoError(t, s.Append(t.Context(), []service.Batch{b}))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	var name string
	require.NoError(t, db.QueryRow(`SELECT body ->> '$.data.creator' FROM event`).Scan(&name))
	assert.Equal(t, "romeo@example.org", name)
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	other := filepath.Join(dir, "other.db")
	db, err := sql.Open("sqlite", other)
	require.NoError(t, err)
	_, err = db.Exec(`CREATE TABLE cats (name TEXT)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	newer := filepath.Join(dir, "newer.db")
	s := open(t, newer)
	_, err = s.writer.Exec(`PRAGMA user_version=6`)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	busy := filepath.Join(dir, "busy.db")
	open(t, busy)

	damaged := filepath.Join(dir, "damaged.db")
	require.NoError(t, open(t, damaged).Close())
	whole, err := os.ReadFile(damaged)
	require.NoError(t, err)
	for i := 100; i < 4096; i++ {
		whole[i] ^= 0x5a
	}
	write("damaged.db", string(whole))

	hard := filepath.Join(dir, "hard.db")
	require.NoError(t, open(t, hard).Close())
	require.NoError(t, os.Link(hard, filepath.Join(dir, "hard2.db")))

	special := filepath.Join(dir, "socket")
	t.Chdir(dir)
	l, err := net.Listen("unix", filepath.Base(special)) // the names of sockets are short
	require.NoError(t, err)
	defer l.Close()

	for path, want := range map[string]struct {
		text   string
		reason error
		sqlite bool
	}{
		filepath.Join(dir, "none", "rooms.db"):         {"there is no directory " + filepath.Join(dir, "none") + ": make it, or name another file", fs.ErrNotExist, false},
		write("text.db", strings.Repeat("cat\n", 999)): {"it is no SQLite database: name another file, or bring back a copy", muc.ErrCorrupt, true},
		damaged: {"the file is damaged: bring back a copy", muc.ErrCorrupt, true},
		other:   {"it is a database of another program: name another file", ErrForeign, false},
		newer:   {"it is of version 6, and this program knows version 5: take the program that wrote it", ErrNewer, false},
		busy:    {"another process works on it: stop that one, or name another file", ErrLocked, false},
		hard:    {"the file has several names (hard links)", ErrNames, false},
		dir:     {"it is a directory: name a file in it", syscall.EISDIR, false},
		special: {"it is no file, but something special: name another one", fs.ErrInvalid, false},
	} {
		before, _ := os.ReadFile(path)
		_, err := Open(t.Context(), path, Options{})
		require.ErrorContains(t, err, want.text, path)
		assert.Contains(t, err.Error(), "store "+path)
		assert.NotContains(t, err.Error(), "\n", "one line")
		var failed *Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, path, failed.Path)
		assert.ErrorIs(t, failed.Reason, want.reason, path)
		assert.Equal(t, want.sqlite, failed.SQLite != nil, path)
		for _, other := range []error{ErrForeign, ErrNewer, ErrLocked, ErrNames, ErrFull, muc.ErrCorrupt, fs.ErrNotExist, fs.ErrPermission} {
			assert.Equal(t, other == want.reason, errors.Is(err, other), "%s: %v", path, other)
		}
		after, _ := os.ReadFile(path)
		assert.Equal(t, before, after, "%s is left as it was", path)
	}
}

// What SQLite reports is there to be looked at, and what an operator can do about it.
func TestErrors(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	b := created(t, s, "cellar")
	_, err := s.writer.Exec(`PRAGMA query_only(1)`)
	require.NoError(t, err)
	err = s.Append(t.Context(), []service.Batch{b})
	require.ErrorIs(t, err, fs.ErrPermission)
	var code *sqlite.Error
	require.ErrorAs(t, err, &code)
	assert.Equal(t, sqlite3.SQLITE_READONLY, code.Code())
	assert.Contains(t, err.Error(), "store "+s.path+": this user may only read it: change the permissions of the file and its directory (SQLite: ")
	_, err = s.writer.Exec(`DROP TABLE no_such_table`)
	require.Error(t, err)
	assert.ErrorContains(t, s.explain(err), "SQLite fails (SQLite: ")
}

// A store is closed once; what is asked of it later is an error.
func TestClosed(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	b := created(t, s, "cellar")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	var failed *Error
	assert.ErrorAs(t, s.Append(t.Context(), []service.Batch{b}), &failed)
	_, err := s.Load(t.Context(), b.Room)
	assert.ErrorAs(t, err, &failed)
	_, err = s.List(t.Context(), muc.JID{}, 1)
	assert.ErrorAs(t, err, &failed)
	_, err = s.Archive(t.Context(), b.Room, muc.ArchiveQuery{})
	assert.ErrorAs(t, err, &failed)
	assert.ErrorAs(t, s.Forget(t.Context(), time.Now()), &failed)
}

// Zero and negative options are the defaults, and take nothing away.
func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {RoomBytes: -1, PageBytes: -1, LogBytes: -1}} {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "rooms.db"), o)
		require.NoError(t, err)
		assert.Equal(t, Options{Keep: o.Keep, RoomBytes: 64 << 20, PageBytes: 128 << 10, LogBytes: 32 << 20}, s.options)
		assert.EqualValues(t, 32<<20, s.log.next)
		require.NoError(t, s.Close())
	}
}

// A full disk is an error that says so; nothing is stored of that call, and when
// there is space again the store goes on.
func TestDiskFull(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	var pages int
	require.NoError(t, s.writer.QueryRow(`PRAGMA page_count`).Scan(&pages))
	limit := func(n int) {
		require.NoError(t, s.writer.QueryRow(`PRAGMA max_page_count=`+strconv.Itoa(n)).Scan(&n))
	}
	limit(pages)
	var batches []service.Batch
	for i := range 200 {
		batches = append(batches, created(t, s, "cellar"+strconv.Itoa(i)))
	}
	err := s.Append(t.Context(), batches)
	require.ErrorIs(t, err, ErrFull)
	list, err := s.List(t.Context(), muc.JID{}, 10)
	require.NoError(t, err)
	assert.Empty(t, list, "nothing half-written")
	limit(1 << 30)
	require.NoError(t, s.Append(t.Context(), batches))
}

// An event that cannot be read is its room's trouble alone.
func TestUnreadableEvents(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	good, bad := created(t, s, "good"), created(t, s, "bad")
	require.NoError(t, s.Append(t.Context(), []service.Batch{good, bad}))
	for _, body := range []string{"cat", "{}", `{"seq":1,"sub":0,"time":"2030-01-01T12:00:00.000Z","type":"created","v":1,"data":7}`} {
		_, err := s.writer.Exec(`UPDATE event SET body = ? WHERE room = (SELECT id FROM room WHERE jid = ?)`, body, bad.Room.String())
		require.NoError(t, err)
		_, err = s.Load(t.Context(), bad.Room)
		var unknown *muc.UnknownEventError
		assert.True(t, errors.Is(err, muc.ErrCorrupt) || errors.As(err, &unknown), "%s: %v", body, err)
		var failed *Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, s.path, failed.Path)
		saved, err := s.Load(t.Context(), good.Room)
		require.NoError(t, err)
		assert.Len(t, saved.Events, len(good.Events))
	}
}

// A call whose time is over stores nothing.
func TestCancelled(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := created(t, s, "cellar")
	assert.ErrorIs(t, s.Append(ctx, []service.Batch{b}), context.Canceled)
	_, err := s.Load(ctx, b.Room)
	assert.ErrorIs(t, err, context.Canceled)
	_, err = s.List(ctx, muc.JID{}, 1)
	assert.ErrorIs(t, err, context.Canceled)
}
