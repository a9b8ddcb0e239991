package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver
)

const (
	// applicationID stands in the head of the file: "muc1".
	applicationID = 0x6d756331
	schemaVersion = 5
	secretBytes   = 32
	// readers are the connections that load rooms, searchers those that look into the
	// archive: these take long, and loading must not wait for them.
	readers   = 4
	searchers = 4
	// busyTime is how long a connection waits for somebody who has the file.
	busyTime = 5 * time.Second
)

// Options are what a store is to do beyond keeping rooms, and how much it may hold. A
// field that is zero or negative has the default that its comment names.
type Options struct {
	// Archive keeps what is said in rooms, for queries (XEP-0313). Without it nothing more
	// is kept; what was kept before stays, and can be asked for, until it is older than
	// Keep.
	Archive bool
	// Keep is how long messages are kept: by default without an end. Older ones are taken
	// out by [Answers], once an hour, or by [Store.Forget].
	Keep time.Duration
	// RoomBytes bounds the archive of one room: 64 MiB. The oldest messages go first. A
	// message counts 600 bytes beside its own, for its columns and indexes.
	RoomBytes int64
	// PageBytes bounds the messages that one call of [Store.Archive] returns: 128 KiB. The
	// first message of a page may be larger.
	PageBytes int
	// LogBytes is how large SQLite's write-ahead log may become: 32 MiB. At the next commit
	// it is written into the file and emptied, for which readers are waited for 250 ms;
	// if one reads for longer, that is tried again when the log has grown by as much.
	LogBytes int64
}

const (
	defaultRoomBytes = 64 << 20
	defaultPageBytes = 128 << 10
	defaultLogBytes  = 32 << 20
)

func (o Options) withDefaults() Options {
	if o.RoomBytes <= 0 {
		o.RoomBytes = defaultRoomBytes
	}
	if o.PageBytes <= 0 {
		o.PageBytes = defaultPageBytes
	}
	if o.LogBytes <= 0 {
		o.LogBytes = defaultLogBytes
	}
	return o
}

// Store keeps rooms in a file: it is a [service.Store]. Open makes it. Its methods may be
// called from several goroutines.
type Store struct {
	path    string
	options Options
	lock    *lock
	secret  []byte
	// One connection writes, a few read, a few others look into the archive.
	writer, reader, searcher *sql.DB
	stmts                    statements
	log                      writeAhead
	sent                     marks
	closing                  sync.Once
	closed                   error // what became of closing it
}

// Open opens the store in a file, which it makes if it is not there, readable for its owner
// alone; the directory must be there. A file that an earlier version has written is
// converted. One that is no store is left as it is.
//
// The error is an [*Error]: by its Reason the file is in use ([ErrLocked]), of another
// program ([ErrForeign]) or a later version ([ErrNewer]), damaged ([muc.ErrCorrupt]), and so on.
// When ctx ends first, the error is that of ctx.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	s := &Store{path: path, options: options.withDefaults()}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, s.explain(err)
	}
	if s.lock, full, err = lockFile(full); err != nil {
		return nil, s.explain(err)
	}
	if err := s.open(ctx, full); err != nil {
		err = s.explain(err)
		_ = s.Close() // of what was opened for nothing
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	version, err := inspect(ctx, path)
	if err != nil {
		return err
	}
	s.log = writeAhead{path: path + "-wal", most: s.options.LogBytes, next: s.options.LogBytes}
	s.writer, err = connect(path, 1, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)")
	if err != nil {
		return err
	}
	switch version {
	case 0:
		err = s.populate(ctx)
	case schemaVersion:
	default:
		err = s.migrate(ctx, version)
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

// Secret is what all ids of the rooms are made with: [muc.Config.Secret]. It was made at
// random together with the file and belongs to it for ever. The caller must not change it.
func (s *Store) Secret() []byte { return s.secret }

// Close closes the file, which others may open then. What [Store.Append] has returned for
// is stored in any case. Close a store after the service that works on it has shut down;
// a second call does nothing.
func (s *Store) Close() error {
	s.closing.Do(func() {
		if s.sent.stop(); s.writer != nil {
			s.flush()
		}
		var errs []error
		for _, db := range []*sql.DB{s.searcher, s.reader, s.writer} {
			if db != nil {
				errs = append(errs, db.Close())
			}
		}
		s.closed = s.explain(errors.Join(append(errs, s.lock.release())...))
	})
	return s.closed
}
