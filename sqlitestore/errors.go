package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gomuc/muc"
)

// What [Error.Reason] may be. Besides these, a damaged file and one that is no SQLite
// database match [muc.ErrCorrupt], a missing directory [fs.ErrNotExist], and missing
// permissions [fs.ErrPermission].
var (
	// ErrLocked: another process, or another [Store] of this one, works on the file.
	ErrLocked = errors.New("another process works on it: stop that one, or name another file")
	// ErrFull: the disk has no space. Nothing was stored; it works again when there is some.
	ErrFull = errors.New("the disk is full: make space and try again; nothing was stored")
	// ErrForeign: the file is a database, but not one that this package has made.
	ErrForeign = errors.New("it is a database of another program: name another file")
	// ErrNewer: a later version of this package has written the file.
	ErrNewer = errors.New("take the program that wrote it")
	// ErrNames: several hard links lead to the file. SQLite keeps its log beside one of
	// them alone, so opened by another one the file would lack what is in the log.
	ErrNames = errors.New("the file has several names (hard links), and SQLite keeps its log beside one of them alone: " +
		"remove the other names, or name a copy")
)

// Error is what went wrong with a store: all errors of a [Store] are one, but for those of
// contexts, [service.ErrConflict], and an [*muc.StanzaError] of [Store.Archive]. Its text is
// one line that names the file and says what to do.
type Error struct {
	// Path is the file, as it was given to Open.
	Path string
	// Reason is what the operator has to know.
	Reason error
	// SQLite is the error that SQLite reported, with its code, or nil.
	SQLite *sqlite.Error
}

// Error names the file and says what to do.
func (e *Error) Error() string {
	if e.SQLite == nil {
		return fmt.Sprintf("store %s: %v", e.Path, e.Reason)
	}
	return fmt.Sprintf("store %s: %v (SQLite: %v)", e.Path, e.Reason, e.SQLite)
}

// Unwrap is Reason, and SQLite's own error if there is one.
func (e *Error) Unwrap() []error {
	if e.SQLite == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.SQLite}
}

// remedy is an error that says what to do, and matches one that says what it is.
type remedy struct {
	text string
	is   error
}

func (r *remedy) Error() string { return r.text }
func (r *remedy) Unwrap() error { return r.is }

// remedies says what to do about an error of SQLite, by its primary code.
var remedies = map[int]error{
	sqlite3.SQLITE_FULL:     ErrFull,
	sqlite3.SQLITE_BUSY:     ErrLocked,
	sqlite3.SQLITE_LOCKED:   ErrLocked,
	sqlite3.SQLITE_NOTADB:   &remedy{"it is no SQLite database: name another file, or bring back a copy", muc.ErrCorrupt},
	sqlite3.SQLITE_CORRUPT:  &remedy{"the file is damaged: bring back a copy, or save what is left with `sqlite3 FILE .recover`", muc.ErrCorrupt},
	sqlite3.SQLITE_READONLY: &remedy{"this user may only read it: change the permissions of the file and its directory", fs.ErrPermission},
	sqlite3.SQLITE_CANTOPEN: errors.New("it cannot be opened: see to its directory and permissions"),
	sqlite3.SQLITE_IOERR:    errors.New("the disk fails, or is full: look at df and at the system's log"),
}

var errUnknown = errors.New("SQLite fails")

// explain makes an [Error] of an error, unless it is that of a context.
func (s *Store) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := &Error{Path: s.path, Reason: err}
	if !errors.As(err, &e.SQLite) {
		return e
	}
	const primary = 0xff // the rest of a code says more about it
	var known bool
	if e.Reason, known = remedies[e.SQLite.Code()&primary]; !known {
		e.Reason = errUnknown
	}
	if e.SQLite.Code() == sqlite3.SQLITE_IOERR_SHMSIZE { // the file beside it found no space
		e.Reason = ErrFull
	}
	return e
}
