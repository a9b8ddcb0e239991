package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/stanza"
)

// Archive finds what a query asks for (XEP-0313): what [muc.ArchiveQuery.Page] says,
// except that messages are not counted if there are more than 10,000, but for a page of none (Max 0),
// which asks for nothing else; that a page ends when it is as large as [Options.PageBytes], and is not complete
// then; and that a message which cannot be read is left out. An id that is not there is a
// [*muc.StanzaError] with item-not-found. Whether the asker may read it is not judged here:
// rooms do that before they ask. [Answers] calls it for them.
func (s *Store) Archive(ctx context.Context, room muc.JID, q muc.ArchiveQuery) (muc.ArchivePage, error) {
	tx, err := s.searcher.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return muc.ArchivePage{}, s.explain(err)
	}
	defer tx.Rollback() //nolint:errcheck // it has written nothing
	r := reading{ctx: ctx, tx: tx, most: s.options.PageBytes}
	err = tx.QueryRowContext(ctx, `SELECT id FROM room WHERE jid = ?`, room.String()).Scan(&r.room)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return muc.ArchivePage{}, s.explain(err)
	}
	page, err := r.answer(&q)
	var refused *muc.StanzaError
	switch {
	case errors.As(err, &refused):
		return page, refused
	case err != nil && ctx.Err() != nil: // SQLite says only that it was interrupted
		return page, ctx.Err()
	}
	return page, s.explain(err)
}

// What finds the numbers of messages.
const (
	firstAt = `SELECT seq FROM archive INDEXED BY archive_time WHERE room = ? AND at >= ? ORDER BY at, seq LIMIT 1`
	lastAt  = `SELECT seq FROM archive INDEXED BY archive_time WHERE room = ? AND at <= ? ORDER BY at DESC, seq DESC LIMIT 1`
	withID  = `SELECT seq FROM archive WHERE room = ? AND stanza_id = ?`
	withIDs = `SELECT value, seq FROM json_each(?) LEFT JOIN archive ON room = ? AND stanza_id = value`
)

// countMost is up to how many messages all are counted beside a page of them.
const countMost = 10_000

// span is what is between two numbers, exclusive.
type span struct{ from, to int64 }

// cut cuts off what is not behind from and before to.
func (s *span) cut(from, to int64) { s.from, s.to = max(s.from, from), min(s.to, to) }

func (s span) has(seq int64) bool { return seq > s.from && seq < s.to }

// reading is one query of the archive, at one moment.
type reading struct {
	ctx  context.Context
	tx   *sql.Tx
	room int64
	most int // bytes of a page
	// all is between which numbers the messages are that are asked for, part between which those of
	// the page are.
	all, part span
	// filter is one more condition, or empty, with its values; index has the messages
	// that fulfil it, or its first part, in order.
	filter, index string
	values        []any
	// ids are the numbers of the messages that are wanted, in order, if they are named.
	named bool
	ids   []int64
}

func (r *reading) answer(q *muc.ArchiveQuery) (muc.ArchivePage, error) {
	r.all = span{to: math.MaxInt64}
	if r.part = r.all; q.Metadata {
		return r.ends()
	}
	if !q.JID.IsZero() {
		column := "jid"
		if q.JID.IsBare() {
			column = "bare"
		}
		r.sift(column, q.JID.String())
	}
	if q.Nick != "" {
		r.sift("nick", q.Nick)
	}
	if err := errors.Join(r.bound(q), r.name(q.IDs)); err != nil {
		return muc.ArchivePage{}, err
	}
	if q.Max == 0 {
		var page muc.ArchivePage
		err := r.number(&page, math.MaxInt-1)
		page.Complete = page.Count == 0
		return page, err
	}
	page, err := r.page(q.Max, q.Backward)
	if err == nil {
		err = r.number(&page, countMost)
	}
	return page, err
}

// sift adds a filter.
func (r *reading) sift(column, value string) {
	if r.index == "" {
		r.index = ` INDEXED BY archive_` + column
	}
	r.filter, r.values = r.filter+` AND `+column+` = ?`, append(r.values, value)
}

// bound finds between which messages the page is.
func (r *reading) bound(q *muc.ArchiveQuery) error {
	err := r.between(&r.all, q.AfterID, q.BeforeID)
	if !q.Start.IsZero() && err == nil {
		var first int64
		first, err = r.find(firstAt, ceilMilli(q.Start), math.MaxInt64)
		r.all.cut(first-1, math.MaxInt64)
	}
	if !q.End.IsZero() && err == nil {
		var last int64
		last, err = r.find(lastAt, q.End.UnixMilli(), -1)
		r.all.cut(0, last+1)
	}
	if r.part = r.all; err != nil || q.Max == 0 { // where a page of none begins is no matter
		return err
	}
	return r.between(&r.part, q.After, q.Before)
}

// between cuts off what is not behind one message and before another, where they are named.
func (r *reading) between(s *span, after, before string) error {
	if after != "" {
		seq, err := r.seq(after)
		if err != nil {
			return err
		}
		s.cut(seq, math.MaxInt64)
	}
	if before != "" {
		seq, err := r.seq(before)
		if err != nil {
			return err
		}
		s.cut(0, seq)
	}
	return nil
}

// ceilMilli is the first whole millisecond that is not before t.
func ceilMilli(t time.Time) int64 {
	return t.Add(time.Millisecond - 1).UnixMilli()
}

// find is the number of the message that a query finds.
func (r *reading) find(query string, arg any, otherwise int64) (seq int64, err error) {
	err = r.tx.QueryRowContext(r.ctx, query, r.room, arg).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return otherwise, nil
	}
	return seq, err
}

// seq is the number of a message with an id.
func (r *reading) seq(id string) (int64, error) {
	seq, err := r.find(withID, id, -1)
	if err == nil && seq < 0 {
		err = notThere(id)
	}
	return seq, err
}

func notThere(id string) error {
	return &muc.StanzaError{Condition: stanza.ItemNotFound, Text: "There is no message " + id + ".", Section: "XEP-0313 §4.1.3"}
}

// name finds the messages that are wanted by their ids.
func (r *reading) name(ids []string) error {
	if r.named = len(ids) > 0; !r.named {
		return nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	rows, err := r.tx.QueryContext(r.ctx, withIDs,
		string(list), r.room)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var seq sql.NullInt64
		if err := rows.Scan(&id, &seq); err != nil {
			return err
		}
		switch {
		case seq.Valid:
			r.ids = append(r.ids, seq.Int64)
		case id != "":
			return notThere(id)
		}
	}
	slices.Sort(r.ids)
	r.ids = slices.Compact(r.ids)
	r.ids = slices.DeleteFunc(r.ids, func(seq int64) bool { return !r.all.has(seq) })
	return rows.Err()
}

// where is the condition for the messages of the query that are in a span.
func (r *reading) where(in span) (query string, args []any) {
	return ` FROM archive` + r.index + ` WHERE room = ? AND seq > ? AND seq < ?` + r.filter,
		append([]any{r.room, in.from, in.to}, r.values...)
}

// count is how many messages of the query are in a span: as many as most, if there are more.
func (r *reading) count(in span, most int) (n int, err error) {
	if r.named {
		err = r.each(r.within(in), `1`, func([]byte) bool { n++; return n < most })
		return n, err
	}
	query, args := r.counting(in)
	err = r.tx.QueryRowContext(r.ctx, query, append(args, most)...).Scan(&n)
	return n, err
}

func (r *reading) counting(in span) (query string, args []any) {
	where, args := r.where(in)
	return `SELECT count(*) FROM (SELECT 1` + where + ` LIMIT ?)`, args
}

// within are the messages that are wanted by their ids and are in a span.
func (r *reading) within(in span) (ids []int64) {
	for _, seq := range r.ids {
		if in.has(seq) {
			ids = append(ids, seq)
		}
	}
	return ids
}

// number tells how many messages the query finds, up to most, and how many of them are before
// the page.
func (r *reading) number(page *muc.ArchivePage, most int) (err error) {
	if page.Count, err = r.count(r.all, most+1); err != nil || page.Count > most {
		page.Count = 0
		return err
	}
	page.Counted = true
	first := r.part.from + 1 // where an empty page stands
	if len(page.Messages) > 0 {
		first = int64(page.Messages[0].Seq)
	}
	page.Index, err = r.count(span{r.all.from, min(first, r.all.to)}, most)
	return err
}

// ends is the first and the last message.
func (r *reading) ends() (page muc.ArchivePage, err error) {
	page.Complete = true
	for _, backward := range []bool{false, true} {
		end, err := r.page(1, backward)
		if err != nil {
			return page, err
		}
		if n := len(page.Messages); n == 0 || len(end.Messages) > 0 && end.Messages[0].Seq != page.Messages[0].Seq {
			page.Messages = append(page.Messages, end.Messages...)
		}
	}
	return page, nil
}

// page is one page of what passes the filters.
func (r *reading) page(most int, backward bool) (page muc.ArchivePage, err error) {
	page.Complete = true
	size := 0
	take := func(body []byte) bool {
		ev, readable := message(body)
		if !readable {
			return true
		}
		size += len(body)
		if n := len(page.Messages); n == most || n > 0 && size > r.most {
			page.Complete = false
			return false
		}
		page.Messages = append(page.Messages, ev)
		return true
	}
	if r.named {
		ids := r.within(r.part)
		if backward {
			slices.Reverse(ids)
		}
		err = r.each(ids, `body`, take)
	} else {
		err = r.scan(backward, take)
	}
	if backward {
		slices.Reverse(page.Messages)
	}
	return page, err
}

// ordered reads all messages of the query; an index has them in that order.
func (r *reading) ordered(backward bool) (query string, args []any) {
	query, args = r.where(r.part)
	if query = `SELECT body` + query + ` ORDER BY seq`; backward {
		query += ` DESC`
	}
	return query, args
}

// scan reads the messages of the query one after the other, as long as they are
// taken.
func (r *reading) scan(backward bool, take func(body []byte) bool) error {
	query, args := r.ordered(backward)
	rows, err := r.tx.QueryContext(r.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		if !take(body) {
			return nil
		}
	}
	return rows.Err()
}

// each reads the messages with given numbers, of those that pass the filter.
func (r *reading) each(ids []int64, column string, take func(body []byte) bool) error {
	one, err := r.tx.PrepareContext(r.ctx, `SELECT `+column+` FROM archive WHERE room = ? AND seq = ?`+r.filter)
	if err != nil {
		return err
	}
	defer one.Close()
	for _, seq := range ids {
		var body []byte
		err := one.QueryRowContext(r.ctx, append([]any{r.room, seq}, r.values...)...).Scan(&body)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case !take(body):
			return nil
		}
	}
	return nil
}

// message reads what was said, if it can be read.
func message(body []byte) (ev event.Event, readable bool) {
	if err := ev.UnmarshalJSON(body); err != nil {
		return ev, false
	}
	switch ev.Body.(type) {
	case *event.MessageArchived, *event.SubjectChanged:
		return ev, true
	}
	return ev, false
}
