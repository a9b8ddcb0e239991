package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"time"
)

// cutTime is how long a cut waits for those who read: others wait to write meanwhile.
const cutTime = 250 * time.Millisecond

// writeAhead is the file in which SQLite keeps what is written until it stands in the
// store itself. SQLite begins it anew only when nobody is reading, which never happens
// while somebody searches the archive all the time: then it grows for ever.
type writeAhead struct {
	path string
	most int64

	mu   sync.Mutex
	next int64 // how large it may be before it is cut: more if it could not be
}

// shorten cuts the log if it is too long. It waits a little for readers
// of an older state; if they do not end, it is tried again later.
func (l *writeAhead) shorten(ctx context.Context, writer *sql.DB) {
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := os.Stat(l.path)
	if err != nil || file.Size() < l.next {
		return
	}
	l.next = file.Size() + l.most
	if cut(ctx, writer) == nil {
		l.next = l.most
	}
}

// cut puts all of the log into the store, and empties it.
func cut(ctx context.Context, writer *sql.DB) (err error) {
	conn, err := writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout=%d", cutTime.Milliseconds())); err != nil {
		return err
	}
	var busy, pages, done int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done)
	if _, back := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout=%d", busyTime.Milliseconds())); back != nil {
		return back
	}
	if err == nil && busy != 0 {
		err = context.DeadlineExceeded
	}
	return err
}
