package state

import (
	"errors"
	"fmt"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// ErrOtherRoom is the error for a snapshot of a room with another address.
var ErrOtherRoom = errors.New("muc: log belongs to another room")

// LoadSnapshot applies the events of a snapshot to a room that was reset. They are checked
// as those of a log are, except for their numbers: the snapshot's header says where the
// log stands. The function belongs checks each body first, as whether it was created with
// this room's secret. An error wraps [event.ErrCorrupt], is an
// [*event.UnknownEventError], [ErrOtherRoom] or the function's.
func (s *Room) LoadSnapshot(b []byte, room jid.JID, base *Base, belongs func(event.Body) error) error {
	var shot Snapshot
	if err := shot.read(b); err != nil {
		return fmt.Errorf("%w: snapshot: %w", event.ErrCorrupt, err)
	}
	switch {
	case shot.Version != snapshotVersion:
		return &event.UnknownEventError{Type: "snapshot", Version: shot.Version}
	case shot.Room != room:
		return ErrOtherRoom
	}
	if err := shot.check(); err != nil {
		return fmt.Errorf("%w: snapshot: %w", event.ErrCorrupt, err)
	}
	sessions := map[uint32]bool{}
	for i := range shot.Events {
		stored := event.Stored(shot.Events[i])
		ev, err := stored.Event()
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		if err := belongs(ev.Body); err != nil {
			return err
		}
		if err := s.loadEvent(&ev, &shot, sessions, base); err != nil {
			return fmt.Errorf("%w: snapshot: %s: %w", event.ErrCorrupt, ev.Type(), err)
		}
	}
	if s.life == event.Unborn && shot.Seq > 0 || shot.LastOccupant < s.lastOccupant || shot.LastSession < s.lastSession {
		return fmt.Errorf("%w: snapshot: numbers", event.ErrCorrupt)
	}
	s.lastOccupant, s.lastSession = shot.LastOccupant, shot.LastSession
	s.seq, s.sub, s.at, s.durableAt = shot.Seq, shot.Sub, InstantOf(shot.At.Time), InstantOf(shot.DurableAt.Time)
	return nil
}

// check checks the header of a snapshot, before its events are applied.
func (shot *Snapshot) check() error {
	switch {
	case shot.Kind != kindLive && shot.Kind != kindDurable:
		return badEvent("neither durable nor live")
	case shot.Kind == kindDurable && (shot.Sub > 0 || shot.LastOccupant > 0 || shot.LastSession > 0):
		return badEvent("of people in a durable one")
	case shot.At.After(LastTime) || shot.At.Before(shot.DurableAt.Time):
		return badEvent("time")
	}
	return nil
}

// loadEvent applies an event of a snapshot. An event without a time has the snapshot's.
func (s *Room) loadEvent(ev *event.Event, shot *Snapshot, sessions map[uint32]bool, base *Base) error {
	if ev.Time.IsZero() {
		ev.Time = shot.At.Time
	}
	switch {
	case shot.Kind == kindDurable && !ev.Durable():
		return badEvent("in a durable snapshot")
	case ev.Seq > shot.Seq || ev.Time.After(shot.At.Time):
		return badEvent("later than the snapshot")
	}
	joined, ok := ev.Body.(*event.Joined)
	if !ok || joined.Session == 0 {
		return s.applyBody(ev, base)
	}
	// Sessions are grouped by occupant, so their numbers need not rise. Each is there
	// once.
	if sessions[joined.Session] {
		return badEvent("a session number twice")
	}
	sessions[joined.Session] = true
	highest := s.lastSession
	s.lastSession = 0
	err := s.applyBody(ev, base)
	s.lastSession = max(highest, joined.Session)
	return err
}
