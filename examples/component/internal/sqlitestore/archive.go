package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gomuc/muc"
)

// forgetAtOnce bounds how long Forget holds up who wants to write.
const forgetAtOnce = 1000

// archive writes into the archive what an event says was spoken (XEP-0313): in the
// transaction that stores the event itself.
func (w *writing) archive(s *statements, room int64, ev *muc.Event) {
	switch b := ev.Body.(type) {
	case *muc.MessageArchived:
		w.keep(s, room, ev, &b.Message)
	case *muc.SubjectChanged:
		w.keep(s, room, ev, &b.Message)
	case *muc.MessageRetracted:
		w.retract(s, room, ev, b)
	case *muc.RoomDestroyed:
		w.exec(s.dropMessages, room)
	}
}

func (w *writing) keep(s *statements, room int64, ev *muc.Event, m *muc.Message) {
	if m.StanzaID == "" {
		return
	}
	body, err := json.Marshal(ev)
	if err != nil {
		w.fail(err)
		return
	}
	w.exec(s.addMessage, room, ev.Seq, m.StanzaID, ev.Time.UnixMilli(), m.Nick, m.JID.String(), m.JID.Bare().String(), string(body))
}

// retract puts a tombstone in the place of a message (XEP-0424 §4). A message that is
// not there any more needs none.
func (w *writing) retract(s *statements, room int64, ev *muc.Event, b *muc.MessageRetracted) {
	old := w.meant(s, room, ev.Seq, b)
	if w.err != nil || old == nil {
		return
	}
	said := old.Body.(*muc.MessageArchived).Message
	old.Body = &muc.MessageArchived{Message: b.Tombstone(said, ev.Time)}
	body, err := json.Marshal(old)
	if err != nil {
		w.fail(err)
		return
	}
	w.exec(s.changeMessage, string(body), room, said.StanzaID)
}

// A retraction by an id of the author's own is looked for among what was said lately:
// among the author's messages in so many events of the room, and no more of them than
// so many bytes. One by the id that the room gave finds it however old it is.
const (
	retractEvents = 10_000
	retractBytes  = 4 << 20
)

// meant finds the message that is taken back, or nil.
func (w *writing) meant(s *statements, room int64, seq uint64, b *muc.MessageRetracted) *muc.Event {
	id := b.StanzaID
	if id == "" {
		id = b.Named
	}
	if said := w.latest(b, s.findMessage, room, id); said != nil || w.err != nil || b.StanzaID != "" {
		return said
	}
	return w.latest(b, s.findSaid, room, b.JID.Bare().String(), int64(seq)-retractEvents)
}

// latest is the first message of a query that is taken back, or nil.
func (w *writing) latest(b *muc.MessageRetracted, query *sql.Stmt, args ...any) *muc.Event {
	if w.err != nil {
		return nil
	}
	rows, err := w.tx.StmtContext(w.ctx, query).QueryContext(w.ctx, args...)
	if err != nil {
		w.fail(err)
		return nil
	}
	defer rows.Close()
	for read := 0; read < retractBytes && rows.Next(); {
		var body []byte
		var ev muc.Event
		if err = rows.Scan(&body); err != nil {
			w.fail(err)
			return nil
		}
		read += len(body)
		if ev.UnmarshalJSON(body) != nil {
			continue // it is damaged, and shown to nobody
		}
		if said, ok := ev.Body.(*muc.MessageArchived); ok && b.Means(said) {
			return &ev
		}
	}
	if err = rows.Err(); err != nil {
		w.fail(err)
	}
	return nil
}

// Archive finds what a query asks for (XEP-0313): what muc.ArchiveQuery.Page says,
// but that messages are counted only for a page of none, which asks for nothing
// else. An id that is not there is a *muc.StanzaError.
func (s *Store) Archive(ctx context.Context, room muc.JID, q muc.ArchiveQuery) (muc.ArchivePage, error) {
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return muc.ArchivePage{}, s.explain(err)
	}
	defer tx.Rollback() //nolint:errcheck // it has written nothing
	r := reading{ctx: ctx, tx: tx, store: s}
	err = tx.QueryRowContext(ctx, `SELECT id FROM room WHERE jid = ?`, room.String()).Scan(&r.room)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return muc.ArchivePage{}, s.explain(err)
	}
	if q.Metadata {
		return r.ends()
	}
	return r.page(&q)
}

// reading is one query of the archive, at one moment.
type reading struct {
	ctx   context.Context
	tx    *sql.Tx
	store *Store
	room  int64
}

// ends is the first and the last message.
func (r *reading) ends() (muc.ArchivePage, error) {
	page := muc.ArchivePage{Complete: true}
	for _, order := range []string{"ASC", "DESC"} {
		found, err := r.messages(`room = ? ORDER BY seq `+order+` LIMIT 1`, r.room)
		if err != nil {
			return page, err
		}
		if len(page.Messages) == 0 || len(found) > 0 && found[0].Seq != page.Messages[0].Seq {
			page.Messages = append(page.Messages, found...)
		}
	}
	return page, nil
}

// page is one page of what passes the filters.
func (r *reading) page(q *muc.ArchiveQuery) (muc.ArchivePage, error) {
	where, args, err := r.filters(q)
	if err != nil {
		return muc.ArchivePage{}, err
	}
	for _, edge := range []struct{ id, compare string }{{q.After, ">"}, {q.Before, "<"}} {
		if edge.id == "" || q.Max == 0 {
			continue
		}
		seq, err := r.seq(edge.id)
		if err != nil {
			return muc.ArchivePage{}, err
		}
		where, args = where+" AND seq "+edge.compare+" ?", append(args, seq)
	}
	if q.Max == 0 {
		return r.count(where, args)
	}
	order := "ASC"
	if q.Backward {
		order = "DESC"
	}
	found, err := r.messages(where+" ORDER BY seq "+order+" LIMIT ?", append(args, q.Max+1)...)
	if err != nil {
		return muc.ArchivePage{}, err
	}
	page := muc.ArchivePage{Messages: found, Complete: len(found) <= q.Max}
	page.Messages = found[:min(len(found), q.Max)]
	if q.Backward {
		slices.Reverse(page.Messages)
	}
	return page, nil
}

func (r *reading) count(where string, args []any) (muc.ArchivePage, error) {
	page := muc.ArchivePage{Counted: true}
	err := r.tx.QueryRowContext(r.ctx, `SELECT count(*) FROM archive WHERE `+where, args...).Scan(&page.Count)
	page.Complete = page.Count == 0
	return page, r.store.explain(err)
}

// filters are what a message has to pass, and that all ids of the query are there.
func (r *reading) filters(q *muc.ArchiveQuery) (where string, args []any, err error) {
	where, args = "room = ?", []any{r.room}
	add := func(condition string, values ...any) {
		where, args = where+" AND "+condition, append(args, values...)
	}
	for _, edge := range []struct{ id, condition string }{{q.AfterID, "seq > ?"}, {q.BeforeID, "seq < ?"}} {
		if edge.id == "" {
			continue
		}
		seq, err := r.seq(edge.id)
		if err != nil {
			return "", nil, err
		}
		add(edge.condition, seq)
	}
	if len(q.IDs) > 0 {
		var ids []any
		for _, id := range q.IDs {
			if _, err := r.seq(id); err != nil {
				return "", nil, err
			}
			ids = append(ids, id)
		}
		add("stanza_id IN (?"+strings.Repeat(", ?", len(ids)-1)+")", ids...)
	}
	if !q.Start.IsZero() {
		add("at >= ?", ceilMilli(q.Start))
	}
	if !q.End.IsZero() {
		add("at <= ?", q.End.UnixMilli())
	}
	if q.Nick != "" {
		add("nick = ?", q.Nick)
	}
	if !q.JID.IsZero() {
		add("(jid = ? OR bare = ?)", q.JID.String(), q.JID.String())
	}
	return where, args, nil
}

// ceilMilli is the first whole millisecond that is not before t.
func ceilMilli(t time.Time) int64 {
	return t.Add(time.Millisecond - 1).UnixMilli()
}

// seq is the place of a message.
func (r *reading) seq(id string) (seq int64, err error) {
	err = r.tx.QueryRowContext(r.ctx, `SELECT seq FROM archive WHERE room = ? AND stanza_id = ?`, r.room, id).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, &muc.StanzaError{Condition: muc.ItemNotFound, Text: "there is no message " + id, Section: "XEP-0313 §4.1.3"}
	}
	return seq, r.store.explain(err)
}

func (r *reading) messages(where string, args ...any) ([]muc.Event, error) {
	rows, err := r.tx.QueryContext(r.ctx, `SELECT body FROM archive WHERE `+where, args...)
	if err != nil {
		return nil, r.store.explain(err)
	}
	defer rows.Close()
	var found []muc.Event
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, r.store.explain(err)
		}
		var ev muc.Event
		if err := ev.UnmarshalJSON(body); err != nil {
			return nil, err
		}
		found = append(found, ev)
	}
	return found, r.store.explain(rows.Err())
}

// Forget takes out of the archive what was said before a time. It works in small
// steps, so that nobody waits for it.
func (s *Store) Forget(ctx context.Context, before time.Time) error {
	for {
		result, err := s.writer.ExecContext(ctx,
			`DELETE FROM archive WHERE id IN (SELECT id FROM archive WHERE at < ? LIMIT ?)`, before.UnixMilli(), forgetAtOnce)
		if err != nil {
			return s.explain(err)
		}
		if n, err := result.RowsAffected(); err != nil || n < forgetAtOnce {
			return err
		}
	}
}
