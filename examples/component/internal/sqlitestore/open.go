package sqlitestore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver
)

const (
	// applicationID stands in the head of the file: "muc1".
	applicationID = 0x6d756331
	schemaVersion = 1
	secretBytes   = 32
	readers       = 4
)

const schema = `
CREATE TABLE secret (value BLOB NOT NULL) STRICT;
CREATE TABLE room (
	id      INTEGER PRIMARY KEY,
	jid     TEXT    NOT NULL UNIQUE,
	seq     INTEGER NOT NULL, -- of its last event
	name    TEXT    NOT NULL,
	public  INTEGER NOT NULL, -- 1: in the list of rooms
	lasting INTEGER NOT NULL, -- 1: there after a restart
	due     INTEGER NOT NULL  -- when it wants to be woken, in ms since 1970; 0: never
) STRICT;
CREATE TABLE snapshot (
	room INTEGER PRIMARY KEY REFERENCES room (id),
	seq  INTEGER NOT NULL, -- of the last event in it
	body TEXT    NOT NULL  -- JSON
) STRICT;
CREATE TABLE event (
	room INTEGER NOT NULL REFERENCES room (id),
	seq  INTEGER NOT NULL,
	body TEXT    NOT NULL, -- JSON
	PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE archive ( -- what was said (XEP-0313)
	id        INTEGER PRIMARY KEY,
	room      INTEGER NOT NULL REFERENCES room (id),
	seq       INTEGER NOT NULL,
	stanza_id TEXT    NOT NULL,
	at        INTEGER NOT NULL, -- ms since 1970
	nick      TEXT    NOT NULL,
	jid       TEXT    NOT NULL,
	bare      TEXT    NOT NULL,
	body      TEXT    NOT NULL, -- the event, JSON
	UNIQUE (room, seq),
	UNIQUE (room, stanza_id)
) STRICT;
CREATE INDEX archive_at ON archive (at);
`

// Options are what a store is to do beyond keeping rooms.
type Options struct {
	// Archive keeps what is said in rooms, for queries.
	Archive bool
}

// Store keeps rooms in a file. It is a service.Store.
type Store struct {
	path    string
	options Options
	lock    *lock
	secret  []byte
	// One connection writes, a few read.
	writer, reader *sql.DB
	stmts          statements
}

// Open opens the store in a file, which it makes if it is not there; the directory
// must be. Errors say in one line what to do.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	if err := create(full); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	s := &Store{path: path, options: options}
	if s.lock, err = lockFile(full + ".lock"); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	if err := s.open(ctx, full); err != nil {
		return nil, errors.Join(s.explain(err), s.Close())
	}
	return s, nil
}

// create makes an empty file for its owner alone, unless there is one.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no directory %s: make it, or name another file", filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission):
		return errors.New("this user may not write there: change the permissions, or name another file")
	case err != nil:
		return err
	}
	return f.Close()
}

func (s *Store) open(ctx context.Context, path string) error {
	known, err := inspect(ctx, path)
	if err != nil {
		return err
	}
	s.writer, err = connect(path, 1, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)")
	if err != nil {
		return err
	}
	if !known {
		if err := s.populate(ctx); err != nil {
			return err
		}
	}
	if s.reader, err = connect(path, readers, "_pragma=query_only(1)"); err != nil {
		return err
	}
	if err := s.reader.QueryRowContext(ctx, `SELECT value FROM secret`).Scan(&s.secret); err != nil {
		return fmt.Errorf("its secret: %w", err)
	}
	return s.prepare(ctx)
}

// connect opens connections to the file. They wait a little for somebody who is
// looking at it.
func connect(path string, most int, options ...string) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: path, RawQuery: "mode=rw&_pragma=busy_timeout(5000)"}
	for _, o := range options {
		u.RawQuery += "&" + o
	}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// inspect tells a store from an empty file, and both from anything else, which it
// leaves as it is.
func inspect(ctx context.Context, path string) (known bool, err error) {
	db, err := connect(path, 1)
	if err != nil {
		return false, err
	}
	defer db.Close()
	var id, version, tables int
	for query, into := range map[string]*int{
		`PRAGMA application_id`:              &id,
		`PRAGMA user_version`:                &version,
		`SELECT count(*) FROM sqlite_schema`: &tables,
	} {
		if err := db.QueryRowContext(ctx, query).Scan(into); err != nil {
			return false, err
		}
	}
	switch {
	case id == 0 && tables == 0:
		return false, nil
	case id != applicationID:
		return false, errors.New("it is a database of another program: name another file")
	case version != schemaVersion:
		return false, fmt.Errorf("it is of version %d, and this program knows version %d: take the program that wrote it", version, schemaVersion)
	}
	return true, nil
}

// populate makes the tables and the secret, all or nothing.
func (s *Store) populate(ctx context.Context) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	secret := make([]byte, secretBytes)
	rand.Read(secret)
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO secret VALUES (?)`, secret); err != nil {
		return err
	}
	head := fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", applicationID, schemaVersion)
	if _, err := tx.ExecContext(ctx, head); err != nil {
		return err
	}
	return tx.Commit()
}

// Secret is what all ids of the rooms are made with: muc.Config.Secret. It belongs
// to the file for ever.
func (s *Store) Secret() []byte { return s.secret }

// Close closes the file, which others may open then.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.reader, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, s.lock.release())...)
}
