package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/nats"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

// A snapshot takes the place of what the log of a room held. A consumer of the stream may be behind and
// never see that; so the node that writes a snapshot tells first what there was, in a line of its output, which is
// not lost when the node is killed. The fence holds for the snapshot too: nothing else can have come before it. In
// the end the whole log is known: from record to record, and what the log holds now.

// line is a message of a room, as it was stored or heard.
type line struct{ ID, Body string }

// record is what a snapshot took the place of, if it was stored.
type record struct {
	Room  muc.JID
	First string // the Muc-Id of the snapshot that it begins with; "" if it is the beginning of the room
	Next  string // the Muc-Id of the snapshot that takes its place
	Lines []line
	Wrong string // what must not be in a log
}

// tail is what the log of a room holds from its last snapshot on.
type tail struct {
	first string
	last  cluster.Pos
	kind  cluster.Kind
	epoch cluster.Epoch
	lines []line
	wrong string
}

// take takes in a message. A node that writes under a later epoch has claimed the room before, and then nobody writes
// under an earlier one.
func (t *tail) take(m cluster.Message) error {
	switch {
	case t.last == 0:
	case m.Epoch < t.epoch:
		t.wrong = fmt.Sprintf("message %d is of epoch %d and comes after one of epoch %d", m.Pos, m.Epoch, t.epoch)
	case m.Epoch > t.epoch && m.Kind != cluster.Claim && t.kind != cluster.Gone:
		t.wrong = fmt.Sprintf("message %d, a %s, begins epoch %d without a claim", m.Pos, m.Kind, m.Epoch)
	}
	t.last, t.epoch, t.kind = m.Pos, m.Epoch, m.Kind
	switch m.Kind {
	case cluster.Snapshot, cluster.Gone:
		t.first, t.lines = m.ID, nil
	case cluster.Step:
		var step service.Step
		if err := json.Unmarshal(m.Body, &step); err != nil {
			return fmt.Errorf("%s: message %d: %w", m.Room, m.Pos, err)
		}
		for _, e := range step.Events {
			if said, is := e.Body.(*event.MessageArchived); is {
				t.lines = append(t.lines, line{said.StanzaID, bodyOf(said.Payload)})
			}
		}
	}
	return nil
}

func bodyOf(payload string) string {
	doc := etree.NewDocument()
	if err := doc.ReadFromString("<x>" + payload + "</x>"); err != nil {
		return err.Error()
	}
	if body := doc.Root().SelectElement("body"); body != nil {
		return body.Text()
	}
	return ""
}

// recorder is an engine that tells what snapshots take the place of.
type recorder struct {
	*nats.Engine
	keep func(record)

	mu    sync.Mutex
	tails map[muc.JID]*tail // as this node knows them: so that a snapshot seldom costs a read
}

// Append tells first, if the message is a snapshot.
func (r *recorder) Append(ctx context.Context, m cluster.Message, after cluster.Pos) (cluster.Pos, error) {
	r.mu.Lock()
	t := r.tails[m.Room]
	delete(r.tails, m.Room) // until it is known what became of this
	r.mu.Unlock()
	if t == nil || t.last != after {
		t = nil
	}
	if m.Kind == cluster.Snapshot || m.Kind == cluster.Gone {
		if t == nil {
			var err error
			if t, err = tailOf(ctx, r.Engine, m.Room, after); err != nil {
				return 0, err
			}
		}
		r.keep(record{m.Room, t.first, m.ID, t.lines, t.wrong})
	}
	pos, err := r.Engine.Append(ctx, m, after)
	if err == nil && t != nil {
		if m.Pos = pos; t.take(m) == nil {
			r.know(m.Room, t)
		}
	}
	return pos, err
}

// Read takes in what is read.
func (r *recorder) Read(ctx context.Context, room muc.JID, upTo cluster.Pos) iter.Seq2[cluster.Message, error] {
	return func(yield func(cluster.Message, error) bool) {
		t := new(tail)
		for m, err := range r.Engine.Read(ctx, room, upTo) {
			if err == nil && t != nil && t.take(m) != nil {
				t = nil
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
		if t != nil {
			r.know(room, t)
		}
	}
}

func (r *recorder) know(room muc.JID, t *tail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tails == nil {
		r.tails = map[muc.JID]*tail{}
	}
	r.tails[room] = t
}

// tailOf reads what the log of a room holds up to a position.
func tailOf(ctx context.Context, e *nats.Engine, room muc.JID, upTo cluster.Pos) (*tail, error) {
	t := new(tail)
	for m, err := range e.Read(ctx, room, upTo) {
		if err == nil {
			err = t.take(m)
		}
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// logOf is all that the log of a room ever held.
func (w *world) logOf(ctx context.Context, room muc.JID) ([]line, error) {
	last, err := w.engine.Last(ctx, room)
	if err != nil {
		return nil, err
	}
	now, err := tailOf(ctx, w.engine, room, last.Pos)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return whole(now, w.records[room])
}

// whole puts a log together. Records of snapshots that were not stored are passed over.
func whole(now *tail, records map[string]record) ([]line, error) {
	parts, wrong := [][]line{now.lines}, now.wrong
	for id := now.first; id != ""; {
		r, is := records[id]
		if !is {
			return nil, fmt.Errorf("nobody knows what the snapshot %s took the place of", id)
		}
		parts = append(parts, r.Lines)
		if id = r.First; len(parts) > len(records)+1 {
			return nil, fmt.Errorf("the records of %s go round in a circle", r.Room)
		}
		wrong = cmp.Or(r.Wrong, wrong)
	}
	if wrong != "" {
		return nil, errors.New(wrong)
	}
	slices.Reverse(parts)
	return slices.Concat(parts...), nil
}

// record notes what a snapshot may take the place of.
func (w *world) record(r record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.records[r.Room] == nil {
		w.records[r.Room] = map[string]record{}
	}
	w.records[r.Room][r.Next] = r
	w.counts["snapshots"]++
}
