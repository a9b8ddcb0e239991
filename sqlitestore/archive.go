package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/gomuc/muc/event"
)

// atOnce is how many messages go at once, where many are to: nobody who wants to
// write shall wait for long.
const atOnce = 500

// archive writes into the archive what an event says was spoken (XEP-0313): in the
// transaction that stores the event itself, of which body is the JSON.
func (w *writing) archive(s *statements, room int64, ev *event.Event, body []byte) {
	switch b := ev.Body.(type) {
	case *event.MessageArchived:
		w.keep(s, room, ev, &b.Message, body)
	case *event.SubjectChanged:
		w.keep(s, room, ev, &b.Message, body)
	case *event.MessageRetracted:
		w.retract(s, room, ev, b)
	case *event.RoomDestroyed:
		w.exec(s.dropMessages, room)
		w.exec(s.weigh, int64(-1<<62), room)
	}
}

func (w *writing) keep(s *statements, room int64, ev *event.Event, m *event.Message, body []byte) {
	if m.StanzaID == "" {
		return
	}
	w.exec(s.addMessage, room, ev.Seq, m.StanzaID, ev.Time.UnixMilli(), m.Nick, m.JID.String(), m.JID.Bare().String(), string(body))
	w.exec(s.weigh, weigh(body), room)
}

// retract puts a tombstone in the place of a message (XEP-0424 §4, XEP-0425 §4). A message that is
// not there any more needs none.
func (w *writing) retract(s *statements, room int64, ev *event.Event, b *event.MessageRetracted) {
	old, size := w.meant(s, room, ev.Seq, b)
	if w.err != nil || old == nil {
		return
	}
	said := old.Body.(*event.MessageArchived).Message
	old.Body = &event.MessageArchived{Message: b.Tombstone(said, ev.Time)}
	body, err := json.Marshal(old)
	if err != nil {
		w.fail(err)
		return
	}
	w.exec(s.changeMessage, string(body), room, said.StanzaID)
	w.exec(s.weigh, int64(len(body)-size), room)
}

// A retraction by an id of the author's own is looked for among what was said lately:
// among the author's messages in so many events of the room, and no more of them than
// so many bytes. One by the id that the room gave finds it however old it is.
const (
	retractEvents = 10_000
	retractBytes  = 4 << 20
)

// meant finds the message that is taken back, or nil, and its size.
func (w *writing) meant(s *statements, room int64, seq uint64, b *event.MessageRetracted) (said *event.Event, size int) {
	id := b.StanzaID
	if id == "" {
		id = b.Named
	}
	if said, size = w.latest(b, s.findMessage, room, id); said != nil || w.err != nil || b.StanzaID != "" || b.Moderated != nil {
		return said, size // moderators name what is archived by its stanza-id
	}
	return w.latest(b, s.findSaid, room, b.JID.Bare().String(), int64(seq)-retractEvents)
}

// latest is the first message of a query that is taken back, or nil, and its size.
func (w *writing) latest(b *event.MessageRetracted, query *sql.Stmt, args ...any) (said *event.Event, size int) {
	if w.err != nil {
		return nil, 0
	}
	rows, err := w.tx.stmt(w.ctx, query).QueryContext(w.ctx, args...)
	if err != nil {
		w.fail(err)
		return nil, 0
	}
	defer rows.Close()
	for read := 0; read < retractBytes && rows.Next(); {
		var body []byte
		var ev event.Event
		if err = rows.Scan(&body); err != nil {
			w.fail(err)
			return nil, 0
		}
		read += len(body)
		if ev.UnmarshalJSON(body) != nil {
			continue // it is damaged, and shown to nobody
		}
		if said, ok := ev.Body.(*event.MessageArchived); ok && b.Means(&said.Message) {
			return &ev, len(body)
		}
	}
	if err = rows.Err(); err != nil {
		w.fail(err)
	}
	return nil, 0
}

// trim takes the oldest messages of a room out of the archive, as long as it holds
// more than so many bytes; at most atOnce of them.
func (w *writing) trim(s *statements, room, most int64) {
	if w.err != nil {
		return
	}
	var have int64
	if err := w.tx.stmt(w.ctx, s.archived).QueryRowContext(w.ctx, room).Scan(&have); err != nil || have <= most {
		w.fail(err)
		return
	}
	rows, err := w.tx.stmt(w.ctx, s.oldest).QueryContext(w.ctx, room, atOnce)
	if err != nil {
		w.fail(err)
		return
	}
	var last, gone int64
	for have-gone > most && rows.Next() {
		var size int64
		if err := rows.Scan(&last, &size); err != nil {
			w.fail(err)
			break
		}
		gone += size
	}
	w.fail(errors.Join(rows.Err(), rows.Close()))
	w.exec(s.dropOldest, room, last)
	w.exec(s.weigh, -gone, room)
}

// Forget takes out of the archive what was said before a time, in all rooms, and what
// rooms keep beyond [Options.RoomBytes]; a zero time takes out the latter alone. It works
// in steps of 500 messages, between which others write. [Answers] calls it once an hour.
func (s *Store) Forget(ctx context.Context, before time.Time) error {
	for more := true; more; {
		err := s.write(ctx, func(w *writing) { more = w.forget(&s.stmts, before.UnixMilli()) })
		if err != nil {
			return s.explain(err)
		}
	}
	for {
		var room, have int64
		err := s.reader.QueryRowContext(ctx,
			`SELECT id, archived FROM room WHERE archived > ? AND EXISTS (SELECT 1 FROM archive WHERE room = room.id) LIMIT 1`,
			s.options.RoomBytes).Scan(&room, &have)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = s.write(ctx, func(w *writing) { w.trim(&s.stmts, room, s.options.RoomBytes) })
		}
		if err != nil {
			return s.explain(err)
		}
	}
}

// forget takes out some of what is too old, and tells whether there may be more.
func (w *writing) forget(s *statements, before int64) (more bool) {
	rows, err := w.tx.QueryContext(w.ctx, `DELETE FROM archive WHERE id IN (SELECT id FROM archive WHERE at < ? ORDER BY at LIMIT ?)
		RETURNING room, `+weight, before, atOnce)
	if err != nil {
		w.fail(err)
		return false
	}
	gone, n := map[int64]int64{}, 0
	for rows.Next() {
		var room, size int64
		if err := rows.Scan(&room, &size); err != nil {
			w.fail(err)
			break
		}
		gone[room] += size
		n++
	}
	w.fail(errors.Join(rows.Err(), rows.Close()))
	for room, size := range gone {
		w.exec(s.weigh, -size, room)
	}
	return n == atOnce
}
