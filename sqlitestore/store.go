package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

// statements of the writer, prepared once.
type statements struct {
	find, add, change, forget *sql.Stmt
	addEvent, dropEvents      *sql.Stmt
	putSnapshot, dropSnapshot *sql.Stmt
	putLive, dropLive         *sql.Stmt
	addStep, dropSteps        *sql.Stmt
	putSources, mark          *sql.Stmt
	addGone, dropGone         *sql.Stmt
	addMessage, findMessage   *sql.Stmt
	changeMessage             *sql.Stmt
	findSaid, dropMessages    *sql.Stmt
	weigh, archived           *sql.Stmt
	oldest, dropOldest        *sql.Stmt
}

// queries are what they do.
func (s *statements) queries() map[**sql.Stmt]string {
	return map[**sql.Stmt]string{
		&s.find: `SELECT id, seq, sub, suspended FROM room WHERE jid = ?`,
		&s.add: `INSERT INTO room (jid, seq, sub, name, public, lasting, due, creator, about, suspended, inhabited, sources)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, coalesce((SELECT sources FROM gone WHERE jid = ?1), ''))`,
		&s.change:       `UPDATE room SET seq = ?, sub = ?, name = ?, public = ?, lasting = ?, due = ?, creator = ?, about = ?, suspended = ?, inhabited = ? WHERE id = ?`,
		&s.forget:       `DELETE FROM room WHERE id = ?`,
		&s.addEvent:     `INSERT INTO event (room, seq, body) VALUES (?, ?, ?)`,
		&s.dropEvents:   `DELETE FROM event WHERE room = ?`,
		&s.putSnapshot:  `INSERT OR REPLACE INTO snapshot (room, seq, body) VALUES (?, ?, ?)`,
		&s.dropSnapshot: `DELETE FROM snapshot WHERE room = ?`,
		&s.putLive:      `INSERT OR REPLACE INTO live (room, body) VALUES (?, ?)`,
		&s.addStep:      `INSERT INTO step (room, seq, sub, body) VALUES (?, ?, ?, ?)`,
		&s.dropSteps:    `DELETE FROM step WHERE room = ?`,
		&s.putSources:   `UPDATE room SET sources = ? WHERE id = ?`,
		&s.mark:         `UPDATE room SET sent_seq = ?1, sent_sub = ?2 WHERE jid = ?3 AND (sent_seq, sent_sub) < (?1, ?2)`,
		&s.addGone:      `INSERT OR REPLACE INTO gone (jid, sources) VALUES (?, ?)`,
		&s.dropGone:     `DELETE FROM gone WHERE id <= (SELECT max(id) FROM gone) - ?`,
		&s.dropLive:     `DELETE FROM live WHERE room = ?`,
		&s.addMessage: `INSERT INTO archive (room, seq, stanza_id, at, nick, jid, bare, body) VALUES (?1, ?2, ?3,
			max(?4, coalesce((SELECT at FROM archive WHERE room = ?1 ORDER BY seq DESC LIMIT 1), 0)), ?5, ?6, ?7, ?8)`,
		&s.findMessage:   `SELECT body FROM archive WHERE room = ? AND stanza_id = ?`,
		&s.changeMessage: `UPDATE archive SET body = ? WHERE room = ? AND stanza_id = ?`,
		&s.findSaid:      `SELECT body FROM archive WHERE room = ? AND bare = ? AND seq > ? ORDER BY seq DESC`,
		&s.dropMessages:  `DELETE FROM archive WHERE room = ?`,
		&s.weigh:         `UPDATE room SET archived = max(0, archived + ?) WHERE id = ?`,
		&s.archived:      `SELECT archived FROM room WHERE id = ?`,
		&s.oldest:        `SELECT seq, ` + weight + ` FROM archive WHERE room = ? ORDER BY seq LIMIT ?`,
		&s.dropOldest:    `DELETE FROM archive WHERE room = ? AND seq <= ?`,
	}
}

func (s *Store) prepare(ctx context.Context) error {
	for into, query := range s.stmts.queries() {
		var err error
		if *into, err = s.writer.PrepareContext(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// Append stores batches in one transaction, which is on the disk when it returns, and, with
// [Options.Archive], what was said in them into the archive. When ctx ends before it has
// begun, nothing is stored; once begun it is not interrupted. Errors are
// [service.ErrConflict] and [*Error], of which [ErrFull] is worth trying again.
func (s *Store) Append(ctx context.Context, batches []service.Batch) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	// A transaction that has begun is not interrupted: it is short.
	ctx = context.WithoutCancel(ctx)
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	sent := s.sent.take()
	defer func() {
		if err != nil {
			s.sent.putBack(sent)
		}
	}()
	w := writing{ctx: ctx, tx: newTransaction(tx)}
	if s.writeMarks(&w, sent); w.err != nil {
		return s.explain(w.err)
	}
	if err := s.appendAll(ctx, w.tx, batches); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return s.explain(err)
	}
	s.log.shorten(ctx, s.writer)
	return nil
}

func (s *Store) appendAll(ctx context.Context, tx *transaction, batches []service.Batch) error {
	for i := range batches {
		if err := s.appendBatch(ctx, tx, &batches[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) appendBatch(ctx context.Context, tx *transaction, b *service.Batch) error {
	var id, suspended int64
	var is service.Position
	err := tx.stmt(ctx, s.stmts.find).QueryRowContext(ctx, b.Room.String()).Scan(&id, &is.Seq, &is.Sub, &suspended)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s.explain(err)
	}
	known := err == nil
	if is != b.After {
		return fmt.Errorf("%w: %s: event %s is the last, not %s", service.ErrConflict, b.Room, is, b.After)
	}
	w := writing{ctx: ctx, tx: tx}
	switch {
	case b.Gone && !known:
		return nil
	case b.Gone:
		for _, drop := range []*sql.Stmt{s.stmts.dropEvents, s.stmts.dropSnapshot, s.stmts.dropLive, s.stmts.dropSteps, s.stmts.dropMessages, s.stmts.forget} {
			w.exec(drop, id)
		}
		if len(b.Sources) > 0 {
			w.exec(s.stmts.addGone, b.Room.String(), sourcesText(b.Sources))
			w.exec(s.stmts.dropGone, manyGone)
		}
		return s.explain(w.err)
	case known:
		w.exec(s.stmts.change, b.At().Seq, b.At().Sub, b.Entry.Name, b.Entry.Public, b.Entry.Lasting, milliseconds(b.Entry.Due), b.Entry.Creator.String(), aboutText(b.Entry.About), milliseconds(b.Entry.Suspended), b.Entry.Inhabited, id)
	default:
		id = w.exec(s.stmts.add, b.Room.String(), b.At().Seq, b.At().Sub, b.Entry.Name, b.Entry.Public, b.Entry.Lasting, milliseconds(b.Entry.Due), b.Entry.Creator.String(), aboutText(b.Entry.About), milliseconds(b.Entry.Suspended), b.Entry.Inhabited)
	}
	switch {
	case b.Live != nil:
		w.exec(s.stmts.putLive, id, string(b.Live))
	case suspended != 0:
		w.exec(s.stmts.dropLive, id)
	}
	if len(b.Inputs) > 0 {
		w.step(&s.stmts, id, b)
	}
	for i := range b.Events {
		s.appendEvent(&w, id, &b.Events[i], b.Snapshot == nil && len(b.Inputs) == 0)
	}
	if s.options.Archive {
		w.trim(&s.stmts, id, s.options.RoomBytes)
	}
	if b.Snapshot != nil {
		w.exec(s.stmts.dropEvents, id)
		w.exec(s.stmts.dropSteps, id)
		w.exec(s.stmts.putSources, sourcesText(b.Sources), id)
		w.exec(s.stmts.putSnapshot, id, b.At().Seq, string(b.Snapshot))
	}
	return s.explain(w.err)
}

// appendEvent stores what an event says was spoken, and the event itself unless a snapshot
// takes its place.
func (s *Store) appendEvent(w *writing, room int64, ev *event.Event, itself bool) {
	body, err := json.Marshal(ev)
	if err != nil {
		w.fail(err)
		return
	}
	if s.options.Archive {
		w.archive(&s.stmts, room, ev, body)
	}
	if itself {
		w.exec(s.stmts.addEvent, room, ev.Seq, string(body))
	}
}

// writing is statements in a transaction, up to the first that fails.
type writing struct {
	ctx context.Context
	tx  *transaction
	err error
}

// transaction is one of the writer. It makes a statement its own once: each that it makes, also of
// the same one, is kept until it ends.
type transaction struct {
	*sql.Tx
	own map[*sql.Stmt]*sql.Stmt
}

func newTransaction(tx *sql.Tx) *transaction {
	return &transaction{tx, map[*sql.Stmt]*sql.Stmt{}}
}

// stmt is a statement in the transaction.
func (t *transaction) stmt(ctx context.Context, of *sql.Stmt) *sql.Stmt {
	if t.own[of] == nil {
		t.own[of] = t.StmtContext(ctx, of)
	}
	return t.own[of]
}

// fail is the first error.
func (w *writing) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writing) exec(stmt *sql.Stmt, args ...any) (id int64) {
	if w.err != nil {
		return 0
	}
	var result sql.Result
	if result, w.err = w.tx.stmt(w.ctx, stmt).ExecContext(w.ctx, args...); w.err != nil {
		return 0
	}
	id, w.err = result.LastInsertId()
	return id
}

// run is exec for a statement that is not prepared.
func (w *writing) run(query string, args ...any) {
	if w.err == nil {
		_, w.err = w.tx.ExecContext(w.ctx, query, args...)
	}
}

func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMilliseconds(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// Load reads a room, as it is at one moment. An event that cannot be read is an [*Error] that
// matches [muc.ErrCorrupt] or a [*muc.UnknownEventError].
func (s *Store) Load(ctx context.Context, room muc.JID) (service.Saved, error) {
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return service.Saved{}, s.explain(err)
	}
	defer tx.Rollback() //nolint:errcheck // it has written nothing
	return s.load(ctx, tx, room)
}

// load reads a room in a transaction.
func (s *Store) load(ctx context.Context, tx *sql.Tx, room muc.JID) (saved service.Saved, err error) {
	var id int64
	var shot, live sql.NullString
	var sources string
	err = tx.QueryRowContext(ctx,
		`SELECT id, sent_seq, sent_sub, sources, snapshot.body, live.body FROM room LEFT JOIN snapshot ON snapshot.room = id LEFT JOIN live ON live.room = id WHERE jid = ?`,
		room.String()).Scan(&id, &saved.Delivered.Seq, &saved.Delivered.Sub, &sources, &shot, &live)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return s.loadGone(ctx, tx, room)
	case err != nil:
		return saved, s.explain(err)
	}
	if at := s.sent.of(room); at.Compare(saved.Delivered) > 0 {
		saved.Delivered = at
	}
	if saved.Sources, err = readSources(sources); err != nil {
		return saved, s.explain(err)
	}
	if shot.Valid {
		saved.Snapshot = []byte(shot.String)
	}
	if live.Valid {
		saved.Live = []byte(live.String)
	}
	if saved.Events, err = s.loadEvents(ctx, tx, id); err == nil {
		saved.Steps, err = s.loadSteps(ctx, tx, id)
	}
	return saved, err
}

func (s *Store) loadEvents(ctx context.Context, tx *sql.Tx, id int64) ([]event.Event, error) {
	rows, err := tx.QueryContext(ctx, `SELECT seq, body FROM event WHERE room = ? ORDER BY seq`, id)
	if err != nil {
		return nil, s.explain(err)
	}
	defer rows.Close()
	var events []event.Event
	for rows.Next() {
		var seq uint64
		var body []byte
		if err := rows.Scan(&seq, &body); err != nil {
			return nil, s.explain(err)
		}
		var ev event.Event
		if err := ev.UnmarshalJSON(body); err != nil {
			return nil, s.explain(fmt.Errorf("event %d: %w", seq, err))
		}
		events = append(events, ev)
	}
	return events, s.explain(rows.Err())
}

// List reads entries in order of address. Addresses are as they were stored, and are not
// normalised again. A line that cannot be read is an entry whose Err matches
// [muc.ErrCorrupt].
func (s *Store) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	return s.list(ctx, s.reader, after, limit)
}

// querier is a database, or a transaction in one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s *Store) list(ctx context.Context, in querier, after muc.JID, limit int) ([]service.Entry, error) {
	rows, err := in.QueryContext(ctx,
		`SELECT id, jid, name, public, lasting, due, creator, about, suspended, inhabited OR EXISTS (
			SELECT 1 FROM step WHERE step.room = room.id AND (step.seq, step.sub) > (room.sent_seq, room.sent_sub))
		FROM room WHERE jid > ? ORDER BY jid`, after.String())
	if err != nil {
		return nil, s.explain(err)
	}
	defer rows.Close()
	var list []service.Entry
	for readable := 0; readable < limit && rows.Next(); {
		e := s.entry(rows)
		if e.Err == nil {
			readable++
		}
		list = append(list, e)
	}
	return list, s.explain(rows.Err())
}

// entry reads one line of the list. What is wrong with it is in the entry.
func (s *Store) entry(rows *sql.Rows) (e service.Entry) {
	var id, due, suspended int64
	var jid, creator, about string
	err := rows.Scan(&id, &jid, &e.Name, &e.Public, &e.Lasting, &due, &creator, &about, &suspended, &e.Inhabited)
	if err == nil {
		err = e.Room.UnmarshalText([]byte(jid))
	}
	if err != nil {
		return service.Entry{Err: s.explain(fmt.Errorf("%w: room %d with the address %q: %v", muc.ErrCorrupt, id, jid, err))}
	}
	if creator != "" && e.Creator.UnmarshalText([]byte(creator)) != nil {
		e.Creator = muc.JID{} // whose the room is counted as is not worth losing it
	}
	if about != "" && json.Unmarshal([]byte(about), &e.About) != nil {
		e.About = service.About{} // nor is what a search finds it by
	}
	e.Due, e.Suspended = fromMilliseconds(due), fromMilliseconds(suspended)
	return e
}

// aboutText is what a search tells of a room as it is stored: nothing for nothing.
func aboutText(a service.About) string {
	if a == (service.About{}) {
		return ""
	}
	text, _ := json.Marshal(a) // flags and texts, which can always be written
	return string(text)
}
