package cluster

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/service"
)

// The list of rooms spans nodes: each tells the others what changes in its own, and reads what
// there is when it starts, and again from time to time, since what is told may be lost.

// readEvery is how often one shard of the list is read.
const readEvery = 2 * time.Second

// countEvery is how often nodes tell each other how many occupants their rooms have, where that has changed.
const countEvery = 5 * time.Second

// tellCounts tells others how many occupants rooms have, in parts that the bus takes.
func (n *Node) tellCounts(counts map[muc.JID]int, tell func(*outBody)) {
	part, bytes := map[muc.JID]int{}, 0
	for room, people := range counts {
		part[room] = people
		if bytes += len(room.String()); bytes >= whoBytes {
			tell(&outBody{Counts: part})
			part, bytes = map[muc.JID]int{}, 0
		}
	}
	if len(part) > 0 {
		tell(&outBody{Counts: part})
	}
}

// lines are those of the list that this node took in last, so that an older one, which was read before or was
// long under way, takes no newer one's place.
type lines struct {
	mu sync.Mutex
	at map[muc.JID]Pos
}

// list takes in what another node says of its rooms, or what was read.
func (n *Node) list(entries []Entry) {
	l := &n.lines
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil || len(l.at) > n.cfg.Limits.Rooms { // what is old is put right when it is read again
		l.at = map[muc.JID]Pos{}
	}
	var news []service.Entry
	for _, e := range entries {
		switch was, known := l.at[e.Room]; {
		case known && e.At < was:
			continue
		case e.Gone:
			e.Entry = service.Entry{Room: e.Room}
		}
		l.at[e.Room] = e.At
		news = append(news, e.Entry)
	}
	n.rooms.Listed(news...)
}

// readDirectory reads the list of rooms, at first all of it, then shard by shard, for ever.
func (n *Node) readDirectory() {
	read := func(most time.Duration, list func(ctx context.Context) iter.Seq2[Entry, error]) {
		ctx, cancel := context.WithTimeout(n.ctx, most)
		defer cancel()
		var entries []Entry
		for e, err := range list(ctx) {
			if err == nil { // also one that is not public any more
				entries = append(entries, e)
			}
		}
		n.list(entries)
	}
	read(20*engineFor, n.cfg.Log.AllEntries)
	for shard := 0; ; shard = (shard + 1) % Shards {
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(readEvery):
		}
		if !n.owned[shard].Load() {
			read(engineFor, func(ctx context.Context) iter.Seq2[Entry, error] { return n.cfg.Log.Entries(ctx, shard) })
		}
	}
}

// listing is the list of all rooms of all nodes, sorted, as it was read for somebody who goes through it.
type listing struct {
	entries []service.Entry
	read    time.Time
}

// listFor is how long a list that was read is good for those who go on with it.
const listFor = time.Minute

// List lists the rooms of all nodes. The first page reads the list, those after it go on in it.
func (s *store) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	all := s.listing.Load()
	if after.IsZero() || all == nil {
		entries, err := s.readAll(ctx)
		if err != nil {
			return nil, err
		}
		all = &listing{entries, time.Now()}
		s.listing.Store(all)
		time.AfterFunc(listFor, s.forgetListing)
	}
	at, is := slices.BinarySearchFunc(all.entries, after, func(e service.Entry, room muc.JID) int { return jid.Compare(e.Room, room) })
	if is {
		at++
	}
	page := all.entries[at:]
	if len(page) <= limit {
		s.listing.CompareAndSwap(all, nil)
	}
	return slices.Clone(page[:min(limit, len(page))]), nil
}

// forgetListing forgets the list if it is too old. Those that were gone through, or have another one in their place,
// are forgotten already.
func (s *store) forgetListing() {
	if all := s.listing.Load(); all != nil && time.Since(all.read) >= listFor {
		s.listing.CompareAndSwap(all, nil)
	}
}

// readAll reads the list. Like all calls of the store it waits while the engine is not there.
func (s *store) readAll(ctx context.Context) ([]service.Entry, error) {
	for {
		all, err := s.readOnce(ctx)
		if err == nil {
			slices.SortFunc(all, func(a, b service.Entry) int { return jid.Compare(a.Room, b.Room) })
			return all, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-s.n.ctx.Done():
			return nil, err
		case <-time.After(beatEvery):
		}
	}
}

func (s *store) readOnce(ctx context.Context) (all []service.Entry, err error) {
	for e, err := range s.n.cfg.Log.AllEntries(ctx) {
		switch {
		case err != nil && errors.Is(err, muc.ErrCorrupt):
			all = append(all, service.Entry{Err: err})
		case err != nil:
			return nil, err
		case !e.Gone:
			all = append(all, e.Entry)
		}
	}
	return all, nil
}
