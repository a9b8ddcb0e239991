package sqlitestore

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/service"
)

// storeVar names the store that TestOpenedByAnother opens, in a process of its own.
const storeVar = "SQLITESTORE_OTHER"

func TestOpenedByAnother(t *testing.T) {
	if path := os.Getenv(storeVar); path != "" {
		_, err := Open(t.Context(), path, Options{})
		require.NoError(t, err)
	}
}

// otherOpens has another process open a store, and returns what it says.
func otherOpens(t *testing.T, path string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestOpenedByAnother$")
	cmd.Env = append(os.Environ(), storeVar+"="+path)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// By whatever name a store is opened, it is one: neither another process nor this one
// opens it twice.
func TestLockIsOfTheFile(t *testing.T) {
	for name, link := range map[string]func(dir, store string) (other string, err error){
		"the same name": func(_, store string) (string, error) { return store, nil },
		"a symbolic link": func(dir, store string) (string, error) {
			other := filepath.Join(dir, "link.db")
			return other, os.Symlink(store, other)
		},
		"a symbolic link to its folder": func(dir, store string) (string, error) {
			other := filepath.Join(dir, "folder")
			return filepath.Join(other, "rooms.db"), os.Symlink(filepath.Dir(store), other)
		},
		"a hard link": func(dir, store string) (string, error) {
			other := filepath.Join(dir, "hard.db")
			return other, os.Link(store, other)
		},
		"moved away": func(dir, store string) (string, error) {
			other := filepath.Join(dir, "moved.db")
			return other, os.Rename(store, other)
		},
		"another in its place": func(dir, store string) (string, error) {
			return store, os.Rename(store, filepath.Join(dir, "moved.db"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			store := filepath.Join(dir, "store", "rooms.db")
			require.NoError(t, os.Mkdir(filepath.Dir(store), 0o700))
			s := open(t, store)
			other, err := link(dir, store)
			require.NoError(t, err)
			for range 2 { // to be refused takes no lock away
				said, err := otherOpens(t, other)
				require.Error(t, err, "two processes work on one store")
				assert.Contains(t, said, ErrLocked.Error())
				_, err = Open(t.Context(), other, Options{})
				require.ErrorIs(t, err, ErrLocked)
			}
			require.NoError(t, s.Append(t.Context(), []service.Batch{created(t, s, "cellar")}))
			require.NoError(t, s.Close())
			said, err := otherOpens(t, other)
			if name == "a hard link" {
				assert.Contains(t, said, "the file has several names")
				return
			}
			assert.NoError(t, err, said)
		})
	}
}

// A store that is opened by a link is the one that the link leads to, with SQLite's
// files beside it.
func TestOpenByLink(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "store"), 0o700))
	require.NoError(t, os.Symlink(filepath.Join("store", "rooms.db"), filepath.Join(dir, "link.db")))
	s := open(t, filepath.Join(dir, "link.db"))
	require.NoError(t, s.Append(t.Context(), []service.Batch{created(t, s, "cellar")}))
	for _, name := range []string{"rooms.db", "rooms.db-wal", "rooms.db.lock"} {
		assert.FileExists(t, filepath.Join(dir, "store", name))
	}
}
