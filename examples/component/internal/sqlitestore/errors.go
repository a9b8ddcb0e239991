package sqlitestore

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gomuc/muc"
)

// ErrLocked: another process works on the store.
var ErrLocked = errors.New("another process works on it: stop that one, or name another file")

// ErrFull: the disk has no space. Nothing was stored.
var ErrFull = errors.New("the disk is full: make space and try again; nothing was stored")

// remedies says what to do about an error of SQLite, by its primary code.
var remedies = map[int]error{
	sqlite3.SQLITE_FULL:     ErrFull,
	sqlite3.SQLITE_BUSY:     ErrLocked,
	sqlite3.SQLITE_LOCKED:   ErrLocked,
	sqlite3.SQLITE_NOTADB:   errors.New("it is no SQLite database: name another file, or bring back a copy"),
	sqlite3.SQLITE_CORRUPT:  errors.New("the file is damaged: bring back a copy, or save what is left with `sqlite3 FILE .recover`"),
	sqlite3.SQLITE_READONLY: errors.New("this user may only read it: change the permissions of the file and its directory"),
	sqlite3.SQLITE_CANTOPEN: errors.New("it cannot be opened: see to its directory and permissions"),
	sqlite3.SQLITE_IOERR:    errors.New("the disk fails, or is full: look at df and at the system's log"),
}

// explain puts an error into one line that names the file and says what to do.
func (s *Store) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	const primary = 0xff // the rest of a code says more about it
	code := failed.Code() & primary
	remedy, ok := remedies[code]
	switch {
	case !ok:
		return fmt.Errorf("store %s: %w", s.path, err)
	case failed.Code() == sqlite3.SQLITE_IOERR_SHMSIZE: // the file beside it found no space
		remedy = ErrFull
	}
	if code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB {
		remedy = damaged{remedy}
	}
	return fmt.Errorf("store %s: %w (SQLite: %s)", s.path, remedy, failed.Error())
}

// damaged is an error that is muc.ErrCorrupt without saying so: it has better words.
type damaged struct{ error }

// Is matches muc.ErrCorrupt.
func (damaged) Is(target error) bool { return target == muc.ErrCorrupt }
