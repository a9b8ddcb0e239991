package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// Rooms that are kept with everybody inside (service.Config.Live).

const (
	// markTime is how long what was delivered may be unknown to the file: if the process dies, so
	// much is delivered twice at the most.
	markTime = time.Second
	// manyGone is of how many rooms that are gone it is kept where their inputs came from.
	manyGone = 1000
)

// marks are what was delivered, until that is in the file.
type marks struct {
	mu      sync.Mutex
	rooms   map[string]service.Position
	timer   *time.Timer
	stopped bool
}

// Delivered notes what was delivered of a room: see [service.LiveStore]. It is in the file with
// the next call of Append, or after a second.
func (s *Store) Delivered(room muc.JID, at service.Position) {
	m := &s.sent
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.note(room.String(), at); m.timer == nil && !m.stopped {
		m.timer = time.AfterFunc(markTime, s.flush)
	}
}

// take takes out what is not in the file, for a transaction that has begun: what is noted of a
// room is not to be that of another one that takes its place.
func (m *marks) take() map[string]service.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	rooms := m.rooms
	if m.rooms = nil; m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	return rooms
}

// of is what is noted of a room and not in the file.
func (m *marks) of(room muc.JID) service.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rooms[room.String()]
}

// stop ends it: nothing is noted any more.
func (m *marks) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
}

// putBack takes in again what could not be written, before its transaction has ended.
func (m *marks) putBack(rooms map[string]service.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for room, at := range rooms {
		m.note(room, at)
	}
}

// note takes in what was delivered of a room.
func (m *marks) note(room string, at service.Position) {
	if m.rooms == nil {
		m.rooms = map[string]service.Position{}
	}
	if at.Compare(m.rooms[room]) > 0 {
		m.rooms[room] = at
	}
}

// flush writes what was delivered. If that fails, so much is delivered twice after a crash.
func (s *Store) flush() {
	_ = s.write(context.Background(), func(w *writing) { s.writeMarks(w, s.sent.take()) })
}

func (s *Store) writeMarks(w *writing, sent map[string]service.Position) {
	for room, at := range sent {
		w.exec(s.stmts.mark, at.Seq, at.Sub, room)
	}
}

// step stores what a room was given and what happened.
func (w *writing) step(stmts *statements, room int64, b *service.Batch) {
	body, err := json.Marshal(service.Step{Inputs: b.Inputs, Events: b.Events})
	if err != nil {
		w.fail(err)
		return
	}
	w.exec(stmts.addStep, room, b.At().Seq, b.At().Sub, string(body))
}

// sourcesText is where inputs came from as it is stored: nothing for nothing.
func sourcesText(sources []service.Source) string {
	if len(sources) == 0 {
		return ""
	}
	text, _ := json.Marshal(sources) // texts and numbers, which can always be written
	return string(text)
}

// readSources is what sourcesText wrote.
func readSources(text string) (sources []service.Source, err error) {
	if text == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(text), &sources); err != nil {
		return nil, fmt.Errorf("%w: sources: %v", muc.ErrCorrupt, err)
	}
	return sources, nil
}

// loadGone is what is known of a room of which nothing is stored.
func (s *Store) loadGone(ctx context.Context, tx *sql.Tx, room muc.JID) (saved service.Saved, err error) {
	var sources string
	err = tx.QueryRowContext(ctx, `SELECT sources FROM gone WHERE jid = ?`, room.String()).Scan(&sources)
	if err == nil {
		saved.Sources, err = readSources(sources)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return saved, s.explain(err)
}

// loadSteps reads the steps of a room.
func (s *Store) loadSteps(ctx context.Context, tx *sql.Tx, id int64) ([]service.Step, error) {
	rows, err := tx.QueryContext(ctx, `SELECT seq, sub, body FROM step WHERE room = ? ORDER BY seq, sub`, id)
	if err != nil {
		return nil, s.explain(err)
	}
	defer rows.Close()
	var steps []service.Step
	for rows.Next() {
		var at service.Position
		var body []byte
		if err := rows.Scan(&at.Seq, &at.Sub, &body); err != nil {
			return nil, s.explain(err)
		}
		var step service.Step
		if err := json.Unmarshal(body, &step); err != nil {
			var unknown *muc.UnknownEventError
			if !errors.Is(err, muc.ErrCorrupt) && !errors.As(err, &unknown) {
				err = fmt.Errorf("%w: %w", muc.ErrCorrupt, err)
			}
			return nil, s.explain(fmt.Errorf("the step up to event %s: %w", at, err))
		}
		steps = append(steps, step)
	}
	return steps, s.explain(rows.Err())
}
