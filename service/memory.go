package service

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gomuc/muc"
)

// Memory is a [Store] that forgets everything when the process ends: for tests,
// and for services whose rooms need not outlive them. The zero value is an empty
// store.
type Memory struct {
	mu    sync.Mutex
	rooms map[muc.JID]*kept
}

// kept is what is stored of one room.
type kept struct {
	saved Saved
	seq   uint64
	entry Entry
}

// Append stores all batches or none.
func (m *Memory) Append(ctx context.Context, batches []Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range batches {
		var seq uint64
		if k := m.rooms[b.Room]; k != nil {
			seq = k.seq
		}
		if seq != b.After {
			return fmt.Errorf("%w: %s: event %d is the last, not %d", ErrConflict, b.Room, seq, b.After)
		}
	}
	if m.rooms == nil {
		m.rooms = map[muc.JID]*kept{}
	}
	for _, b := range batches {
		if b.Gone {
			delete(m.rooms, b.Room)
			continue
		}
		k := m.rooms[b.Room]
		if k == nil {
			k = new(kept)
			m.rooms[b.Room] = k
		}
		k.seq, k.entry, k.saved.Live = b.Seq(), b.Entry, slices.Clone(b.Live)
		if b.Snapshot != nil {
			k.saved.Snapshot, k.saved.Events = slices.Clone(b.Snapshot), nil
		} else {
			k.saved.Events = append(k.saved.Events, b.Events...)
		}
	}
	return nil
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
		return Saved{}, nil
	}
	return Saved{Snapshot: slices.Clone(k.saved.Snapshot), Events: slices.Clone(k.saved.Events), Live: slices.Clone(k.saved.Live)}, nil
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
			list = append(list, k.entry)
		}
	}
	slices.SortFunc(list, compareEntries)
	return list[:min(limit, len(list))], nil
}

func compareEntries(a, b Entry) int { return compareJIDs(a.Room, b.Room) }
