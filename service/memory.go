package service

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/jid"
)

// Memory is a [Store] that forgets everything when the process ends: for tests,
// and for services whose rooms need not outlive them. The zero value is an empty
// store.
type Memory struct {
	mu    sync.Mutex
	rooms map[muc.JID]*kept
	gone  []sourcesOf // of rooms that are gone, the latest at the end
}

// sourcesOf is what a room that is gone remembered of its inputs.
type sourcesOf struct {
	room    muc.JID
	sources []Source
}

// manyGone is of how many rooms that are gone it is remembered.
const manyGone = 1000

// kept is what is stored of one room.
type kept struct {
	saved Saved
	at    Position
	entry Entry
}

// undelivered reports whether something of the room may not be delivered.
func (k *kept) undelivered() bool {
	n := len(k.saved.Steps)
	return n > 0 && k.saved.Steps[n-1].At().Compare(k.saved.Delivered) > 0
}

// Append stores all batches or none.
func (m *Memory) Append(ctx context.Context, batches []Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range batches {
		var at Position
		if k := m.rooms[b.Room]; k != nil {
			at = k.at
		}
		if at != b.After {
			return fmt.Errorf("%w: %s: event %s is the last, not %s", ErrConflict, b.Room, at, b.After)
		}
	}
	if m.rooms == nil {
		m.rooms = map[muc.JID]*kept{}
	}
	for _, b := range batches {
		if b.Gone {
			delete(m.rooms, b.Room)
			if len(b.Sources) > 0 {
				m.gone = append(m.gone, sourcesOf{b.Room, slices.Clone(b.Sources)})
				m.gone = slices.Delete(m.gone, 0, max(0, len(m.gone)-manyGone))
			}
			continue
		}
		k := m.rooms[b.Room]
		if k == nil {
			k = &kept{saved: Saved{Sources: m.goneSources(b.Room)}}
			m.rooms[b.Room] = k
		}
		k.at, k.entry, k.saved.Live = b.At(), b.Entry, slices.Clone(b.Live)
		switch {
		case b.Snapshot != nil:
			k.saved = Saved{Snapshot: slices.Clone(b.Snapshot), Live: k.saved.Live, Sources: slices.Clone(b.Sources), Delivered: k.saved.Delivered}
		case len(b.Inputs) > 0:
			k.saved.Steps = append(k.saved.Steps, Step{slices.Clone(b.Inputs), slices.Clone(b.Events)})
		default:
			k.saved.Events = append(k.saved.Events, b.Events...)
		}
	}
	return nil
}

// Delivered notes what was delivered of a room: see [LiveStore].
func (m *Memory) Delivered(room muc.JID, at Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.rooms[room]; k != nil && at.Compare(k.saved.Delivered) > 0 {
		k.saved.Delivered = at
	}
}

// Load reads a room.
func (m *Memory) Load(ctx context.Context, room muc.JID) (Saved, error) {
	if err := ctx.Err(); err != nil {
		return Saved{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.rooms[room]
	if k == nil {
		return Saved{Sources: m.goneSources(room)}, nil
	}
	saved := k.saved
	saved.Snapshot, saved.Live = slices.Clone(saved.Snapshot), slices.Clone(saved.Live)
	saved.Events, saved.Steps, saved.Sources = slices.Clone(saved.Events), slices.Clone(saved.Steps), slices.Clone(saved.Sources)
	return saved, nil
}

// goneSources are those that the last room at an address has left.
func (m *Memory) goneSources(room muc.JID) []Source {
	for _, x := range slices.Backward(m.gone) {
		if x.room == room {
			return slices.Clone(x.sources)
		}
	}
	return nil
}

// List reads entries in order of address.
func (m *Memory) List(ctx context.Context, after muc.JID, limit int) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Entry
	for room, k := range m.rooms {
		if room.String() > after.String() {
			e := k.entry
			e.Inhabited = e.Inhabited || k.undelivered()
			list = append(list, e)
		}
	}
	slices.SortFunc(list, compareEntries)
	return list[:min(limit, len(list))], nil
}

func compareEntries(a, b Entry) int { return jid.Compare(a.Room, b.Room) }
