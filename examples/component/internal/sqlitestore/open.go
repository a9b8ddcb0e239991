package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver
)

const (
	// applicationID stands in the head of the file: "muc1".
	applicationID = 0x6d756331
	schemaVersion = 2
	secretBytes   = 32
	// readers are the connections that load rooms, searchers those that look into the
	// archive: these take long, and loading must not wait for them.
	readers   = 4
	searchers = 4
	// busyTime is how long a connection waits for somebody who has the file.
	busyTime = 5 * time.Second
)

// Options are what a store is to do beyond keeping rooms.
type Options struct {
	// Archive keeps what is said in rooms, for queries.
	Archive bool
	// RoomBytes bounds the archive of one room; 0 means DefaultRoomBytes. The oldest
	// messages go first.
	RoomBytes int64
	// PageBytes bounds what Store.Archive returns at once, but for the first message
	// of a page; 0 means DefaultPageBytes.
	PageBytes int
}

const (
	// DefaultRoomBytes is how much of what is said in a room is kept: 64 MiB.
	DefaultRoomBytes = 64 << 20
	// DefaultPageBytes is the size of a page of the archive: 128 KiB.
	DefaultPageBytes = 128 << 10
)

// Store keeps rooms in a file. It is a service.Store.
type Store struct {
	path    string
	options Options
	lock    *lock
	secret  []byte
	// One connection writes, a few read, a few others look into the archive.
	writer, reader, searcher *sql.DB
	stmts                    statements
	log                      writeAhead
}

// Open opens the store in a file, which it makes if it is not there; the directory
// must be. Errors say in one line what to do.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	if options.RoomBytes == 0 {
		options.RoomBytes = DefaultRoomBytes
	}
	if options.PageBytes == 0 {
		options.PageBytes = DefaultPageBytes
	}
	s := &Store{path: path, options: options}
	if s.lock, full, err = lockFile(full); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	if err := s.open(ctx, full); err != nil {
		return nil, errors.Join(s.explain(err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	version, err := inspect(ctx, path)
	if err != nil {
		return err
	}
	s.log = writeAhead{path: path + "-wal", most: logBytes, next: logBytes}
	s.writer, err = connect(path, 1, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)")
	if err != nil {
		return err
	}
	switch version {
	case 0:
		err = s.populate(ctx)
	case 1:
		err = s.migrate(ctx)
	}
	if err != nil {
		return err
	}
	if s.reader, err = connect(path, readers, "_pragma=query_only(1)"); err != nil {
		return err
	}
	if s.searcher, err = connect(path, searchers, "_pragma=query_only(1)"); err != nil {
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
	u := url.URL{Scheme: "file", Path: path, RawQuery: fmt.Sprintf("mode=rw&_pragma=busy_timeout(%d)", busyTime.Milliseconds())}
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

// Secret is what all ids of the rooms are made with: muc.Config.Secret. It belongs
// to the file for ever.
func (s *Store) Secret() []byte { return s.secret }

// Close closes the file, which others may open then.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.searcher, s.reader, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, s.lock.release())...)
}
