package scansion

import (
	"bytes"
	"fmt"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// replay checks that a room is what its events say it is.
func (r *room) replay() error {
	var durable []event.Event
	for _, e := range r.events {
		if e.Durable() {
			durable = append(durable, e)
		}
	}
	if err := r.restored("all events", r.events, muc.Live); err != nil {
		return err
	}
	return r.restored("the durable events alone", durable, muc.Durable)
}

func (r *room) restored(from string, events []event.Event, kind muc.SnapshotKind) error {
	twin, err := muc.Restore(r.cfg, nil, events)
	if err != nil {
		return fmt.Errorf("room %s cannot be restored from %s: %w", r.cfg.Room, from, err)
	}
	live, rebuilt := r.live.Snapshot(kind), twin.Snapshot(kind)
	if bytes.Equal(live, rebuilt) {
		return nil
	}
	at := firstDifference(live, rebuilt)
	return fmt.Errorf("room %s restored from %s has another snapshot, from byte %d on:\n    live:     %s\n    restored: %s",
		r.cfg.Room, from, at, excerpt(live, at), excerpt(rebuilt, at))
}

// move puts a room away and takes it out again.
func (r *room) move() error {
	moved, err := muc.Restore(r.cfg, r.live.Snapshot(muc.Live), nil)
	if err != nil {
		return fmt.Errorf("room %s cannot be restored from its live snapshot: %w", r.cfg.Room, err)
	}
	r.live = moved
	return nil
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// excerpt is what stands around a place, on one line.
func excerpt(b []byte, at int) string {
	const before, after = 40, 80
	return fmt.Sprintf("%q", b[max(0, at-before):min(len(b), at+after)])
}
