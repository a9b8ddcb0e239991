package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// The list of rooms spans nodes: each tells the others what changes in its own, and reads what
// there is when it starts, and again from time to time, since what is told may be lost.

// readEvery is how often one shard of the list is read.
const readEvery = 2 * time.Second

// list takes in what another node says of its rooms.
func (n *Node) list(entries []Entry) {
	lines := make([]service.Entry, len(entries))
	for i, e := range entries {
		if lines[i] = e.Entry; e.Gone {
			lines[i] = service.Entry{Room: e.Room}
		}
	}
	n.rooms.Listed(lines...)
}

// readDirectory reads the list of rooms, shard by shard, for ever.
func (n *Node) readDirectory() {
	first := true
	for {
		for shard := range Shards {
			if !first {
				select {
				case <-n.ctx.Done():
				case <-time.After(readEvery):
				}
			}
			if n.ctx.Err() != nil {
				return
			}
			if n.owned[shard].Load() {
				continue
			}
			ctx, cancel := n.engineCtx()
			var entries []Entry
			for e, err := range n.cfg.Log.Entries(ctx, shard) {
				if err == nil { // also one that is not public any more
					entries = append(entries, e)
				}
			}
			cancel()
			n.list(entries)
		}
		first = false
	}
}

// listing is the list of all rooms of all nodes, sorted, as it was read for somebody who goes
// through it.
type listing struct {
	mu      sync.Mutex
	entries []service.Entry
	since   time.Time
}

// listFor is how long a list that was read is good for those who go on with it.
const listFor = time.Minute

// List lists the rooms of all nodes. The first page reads the list, those after it go on in it.
func (s *store) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	s.listing.mu.Lock()
	defer s.listing.mu.Unlock()
	if after.IsZero() || time.Since(s.listing.since) > listFor {
		entries, err := s.readAll(ctx)
		if err != nil {
			return nil, err
		}
		s.listing.entries, s.listing.since = entries, time.Now()
	}
	at, is := slices.BinarySearchFunc(s.listing.entries, after, func(e service.Entry, room muc.JID) int { return compareJIDs(e.Room, room) })
	if is {
		at++
	}
	page := s.listing.entries[at:]
	if len(page) <= limit {
		s.listing.entries, s.listing.since = nil, time.Time{}
		return page, nil
	}
	return slices.Clone(page[:limit]), nil
}

func (s *store) readAll(ctx context.Context) (all []service.Entry, err error) {
	for shard := range Shards {
		for e, err := range s.n.cfg.Log.Entries(ctx, shard) {
			switch {
			case err != nil && errors.Is(err, muc.ErrCorrupt):
				all = append(all, service.Entry{Err: err})
			case err != nil:
				return nil, err
			case !e.Gone:
				all = append(all, e.Entry)
			}
		}
	}
	slices.SortFunc(all, func(a, b service.Entry) int { return compareJIDs(a.Room, b.Room) })
	return all, nil
}
