package service

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gomuc/muc"
)

// Several services of one domain, each with rooms of its own (Config.Owns). Who owns what is
// decided elsewhere; the store is what refuses the writes of a service that is mistaken.

// owns reports whether a room is this service's.
func (s *Service) owns(room muc.JID) bool { return s.cfg.Owns == nil || s.cfg.Owns(room) }

// Adopt takes over rooms, of which Config.Owns says yes from now on: with their entries as the
// store lists them. Those with somebody inside are loaded at once, and what may not have been
// delivered of them is delivered (see Config.Live); the others come when they are needed or due.
// Entries of other rooms, and those that make no sense, are passed over.
//
// It returns when all that have somebody inside are loaded, or could not be. An error is
// [ErrClosed] or that of the context; when that ends first, the rest goes on without anybody
// waiting. Vanished reaches rooms that are not loaded yet.
func (s *Service) Adopt(ctx context.Context, entries []Entry) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return ErrClosed
	}
	var mine, restless []Entry
	for _, e := range entries {
		if err := e.check(); err != nil {
			s.cfg.Log.Error("a room cannot be taken over", "room", e.Room, "error", err)
		} else if e.Room.Domain() == s.cfg.Domain && s.owns(e.Room) {
			s.countCreated(e.Room, e.Creator)
			s.countAnew(e.Room)
			if mine = append(mine, e); s.isRestless(&e) {
				restless = append(restless, e)
			}
		}
	}
	s.mu.Unlock()
	s.dir.setAll(mine, s.owns, true)
	return waitLoaded(ctx, s.loadInhabited(restless))
}

// Release gives up rooms, those for which a function says so: Config.Owns says no to them before
// it is called. They do what waits, and are forgotten without a word to anybody; what the host
// was asked and has not answered is refused. With Config.Live the next owner finds them as they
// are, without it as after [Service.Suspend]. The function is called with a lock held, and must
// return at once.
//
// Release returns when all of them are stored and nothing of them is under way. An error is
// [ErrClosed] or that of the context; when that ends first, the rest goes on.
func (s *Service) Release(ctx context.Context, gone func(room muc.JID) bool) error {
	return s.HandOver(ctx, gone, nil)
}

// Handed is a room with somebody inside as one service gives it to another one: see
// [Service.HandOver].
type Handed struct {
	// Entry is the line of the list of rooms, for [Service.Adopt].
	Entry Entry
	// Saved is the room as it is, with everybody inside: what [Store].Load of the next owner may
	// return in the place of what is stored, which is the same.
	Saved Saved
}

// HandOver is [Service.Release] for rooms whose next owner is known (with Config.Live only): of
// each room with somebody inside, that is in memory and of which nothing is in doubt, a function
// is given what that needs to go on without reading it. The function is called by several
// goroutines at once, before HandOver returns. Nil is Release.
func (s *Service) HandOver(ctx context.Context, gone func(room muc.JID) bool, take func(Handed)) error {
	var leaving []chan struct{}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return ErrClosed
	}
	for jid, r := range s.rooms {
		if !gone(jid) {
			continue
		}
		if r.leaving == nil {
			r.leaving = make(chan struct{})
			s.add(r, call{leave: true, take: take, suspend: !s.cfg.Live, task: byHost(muc.Shutdown{Stay: true})})
		}
		leaving = append(leaving, r.leaving)
	}
	for jid := range s.creators {
		if gone(jid) {
			s.uncountCreated(jid, muc.JID{})
		}
	}
	s.mu.Unlock()
	for _, left := range leaving {
		select {
		case <-left:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Listed puts public rooms of other services of the domain into the list that people are shown
// and search in. An entry of a room that is not Public takes it away. Rooms of this service are
// passed over.
func (s *Service) Listed(entries ...Entry) {
	s.dir.setAll(slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
		return e.check() != nil || e.Room.Domain() != s.cfg.Domain
	}), s.owns, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		if people := s.counted[e.Room]; people > 0 && !s.owns(e.Room) {
			s.dir.count(e.Room, people)
		}
	}
}

// Occupants is how many occupants rooms of this service have, for the other services of the domain, which are to be told
// ([Service.ListedOccupants]): those rooms in which that has changed since the last call, or, with all, those of which
// was told that somebody is inside.
func (s *Service) Occupants(all bool) map[muc.JID]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[muc.JID]int{}
	if all {
		maps.Copy(counts, s.counted)
		maps.DeleteFunc(counts, func(room muc.JID, _ int) bool { return !s.owns(room) })
		return counts
	}
	for room := range s.recount {
		r, people := s.roomAt(room), 0
		if r != nil {
			people = r.people
		}
		if s.unloaded[r] {
			continue
		}
		if delete(s.recount, room); s.owns(room) && people != s.counted[room] {
			s.noteCount(room, people)
			counts[room] = people
		}
	}
	return counts
}

// ListedOccupants is told how many occupants rooms of other services of the domain have: for the list that people
// search in, and that administrators see.
func (s *Service) ListedOccupants(counts map[muc.JID]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for room, people := range counts {
		switch s.noteCount(room, people); {
		case !s.owns(room):
			s.dir.count(room, people)
		case s.recount != nil: // by who had it before
			s.recount[room] = true
		}
	}
}

// noteCount notes how many occupants a room has, as all services know it.
func (s *Service) noteCount(room muc.JID, people int) {
	if s.counted[room] = people; people <= 0 {
		delete(s.counted, room)
	}
}

// countAnew has it looked how many occupants a room has that was another service's.
func (s *Service) countAnew(room muc.JID) {
	if s.counted[room] > 0 && s.roomAt(room) == nil {
		s.recount[room] = true
		s.dir.count(room, 0)
	}
}

// lose forgets a room that another service has, as if it had never been here. Nobody is told.
func (s *Service) lose(r *room) {
	live, people := r.live, r.people
	r.live, r.failed, r.retry = nil, nil, time.Time{}
	if live != nil {
		s.unwatch(r, live)
	}
	s.dir.count(r.jid, people) // somewhere else
	s.mu.Lock()
	defer s.mu.Unlock()
	r.left = true
	if live != nil || s.creators != nil {
		creator := muc.JID{}
		if live != nil {
			creator = live.Creator()
		}
		s.uncountCreated(r.jid, creator)
	}
}

// leave forgets a room that is given up. Of what could not be stored nobody knows here.
func (s *Service) leave(r *room, take func(Handed)) {
	if take != nil && s.isSure(r) {
		take(Handed{s.entry(r), Saved{Snapshot: r.live.Snapshot(muc.Live), Sources: r.sources, Unshot: r.tail.events, UnshotBytes: r.tail.bytes}})
	}
	if !r.left {
		s.lose(r)
	}
	s.resolve(r, ErrNotOwner)
}

// isSure reports whether a room with somebody inside is what is stored, and nothing is left to do.
func (s *Service) isSure(r *room) bool {
	return s.cfg.Live && !r.left && r.live != nil && !r.live.Idle() && !r.ended && len(r.undone) == 0 && len(r.doubt) == 0 &&
		r.stored == Position{r.live.Seq(), r.live.Sub()}
}

// lost tells the host of a room that another service has.
func (s *Service) lost(r *room) {
	s.cfg.Log.Info("another service has a room", "room", r.jid)
	if s.cfg.Lost != nil {
		s.cfg.Lost(r.jid)
	}
}

// loadInhabited has rooms that do not last end, loads those with somebody inside, and sets the time for
// the others. What it returns is closed when they are loaded.
func (s *Service) loadInhabited(entries []Entry) <-chan struct{} {
	var loading sync.WaitGroup
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		r := s.roomAt(e.Room)
		if r == nil {
			r = newRoom(e.Room)
			r.suspended = e.Suspended
			s.rooms[e.Room] = r
		}
		// Of a room at work only its worker knows whether it is loaded, which says so then.
		switch loaded := !r.busy && r.live != nil; {
		case loaded && r.suspended.IsZero():
		case e.Inhabited && s.cfg.Live, !e.Suspended.IsZero():
			if !loaded {
				s.unloaded[r] = true
				if r.waited == nil {
					loading.Add(1)
					r.waited = loading.Done
				}
			}
			s.add(r, call{task: tick})
		case !e.Lasting:
			s.add(r, call{task: tick})
		default:
			s.setDue(r, e.Due)
		}
	}
	all := make(chan struct{})
	go func() { loading.Wait(); close(all) }()
	return all
}

// roomAt is the room in memory at an address, unless another service has had it since.
func (s *Service) roomAt(jid muc.JID) *room {
	if r := s.rooms[jid]; r != nil && !r.left {
		return r
	}
	return nil
}

// endWait tells who waits for it that a room is loaded, or cannot be.
func (r *room) endWait() {
	if r.waited != nil {
		r.waited()
		r.waited = nil
	}
}
