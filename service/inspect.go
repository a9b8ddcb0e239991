package service

import (
	"context"
	"iter"
	"slices"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/jid"
)

// Rooms goes through the entries of all rooms of the domain that are stored, hidden ones and
// tombstones too, sorted by the bytes of the address. It reads them from the store by
// pages while it goes, and loads no room: what changes meanwhile may be seen or not. Lines
// that the store cannot read are passed over, as at the start, where they are logged.
//
// An error ends it: [ErrClosed], or that of the store or the context.
func (s *Service) Rooms(ctx context.Context) iter.Seq2[Entry, error] {
	return s.roomsAfter(ctx, muc.JID{})
}

// roomsAfter goes through those after an address.
func (s *Service) roomsAfter(ctx context.Context, after muc.JID) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for {
			entries, err := s.page(ctx, after)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			lines, _ := s.sift(entries, after)
			if len(lines) == 0 {
				return
			}
			after = lines[len(lines)-1].Room
			for _, e := range lines {
				if e.Room.Domain() == s.cfg.Domain && !yield(e, nil) {
					return
				}
			}
		}
	}
}

// page reads a page of the store's list, as long as the service is not closed.
func (s *Service) page(ctx context.Context, after muc.JID) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	if closing {
		return nil, ErrClosed
	}
	return s.cfg.Store.List(ctx, after, listPage)
}

// Where tells in which rooms somebody is inside, sorted by address: a full JID is one
// session, a bare one all sessions of an account, a domain all of its accounts. A session
// that waits for the host to admit it counts as inside. What waits in queues does not
// count yet.
func (s *Service) Where(who muc.JID) []muc.JID {
	s.mu.Lock()
	defer s.mu.Unlock()
	inside := map[*room]bool{}
	switch {
	case !who.IsBare():
		s.reach(inside, s.sessions[who], nil)
	case who.Local() != "":
		s.reach(inside, s.persons[who], nil)
	default:
		for jid, rooms := range s.persons {
			if jid.Domain() == who.Domain() {
				s.reach(inside, rooms, nil)
			}
		}
	}
	list := make([]muc.JID, 0, len(inside))
	for r := range inside {
		list = append(list, r.jid)
	}
	slices.SortFunc(list, jid.Compare)
	return list
}

// Entry is what the list of rooms should say of a room now, for a store that does not know what it
// says. Errors are as for [Service.Do].
func (s *Service) Entry(ctx context.Context, room muc.JID) (e Entry, err error) {
	err = s.Read(ctx, room, func(*muc.Room) {
		s.mu.Lock()
		r := s.rooms[room]
		s.mu.Unlock()
		e = s.entry(r)
	})
	return e, err
}
