package service

import (
	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/policy"
)

// What one person may have, over all rooms and with all sessions together, is bounded,
// so that a person who takes all there is takes only their own share.

// mayCreate judges the name of a new room first, then who creates it, and at last whether
// the person has too many. What is admitted is counted at once, though the room may
// still refuse: settleQuota takes that back.
func (s *Service) mayCreate(name func(string) *muc.StanzaError, who func(policy.Create) *muc.StanzaError) func(policy.Create) *muc.StanzaError {
	return func(q policy.Create) *muc.StanzaError {
		if name != nil {
			if e := name(q.Room.Local()); e != nil {
				return e
			}
		}
		if who != nil {
			if e := who(q); e != nil {
				return e
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		r, creator := s.rooms[q.Room], q.Creator.Bare()
		s.release(r)
		if r.refuses(s.created[creator] >= s.cfg.Limits.PersonCreated) {
			return full("There are too many rooms that you have created.")
		}
		if !r.again {
			s.created[creator]++
			r.reserved = creator
		}
		return nil
	}
}

// refuses notes whether the step of a room is refused by a limit of the service. One that is
// done again is refused if it was the first time, whatever has changed since.
func (r *room) refuses(tooMany bool) bool {
	if !r.again {
		r.refused = tooMany
	}
	return r.refused
}

// release takes back what was counted for a room that was not created after all.
func (s *Service) release(r *room) {
	if !r.reserved.IsZero() {
		s.uncreate(r.reserved)
		r.reserved = muc.JID{}
	}
}

// leaveNothing counts a room less that has ended, once.
func (s *Service) leaveNothing(r *room) {
	if !r.uncounted {
		s.uncountCreated(r.jid, r.live.Creator())
		s.asks.drop(r)
	}
	r.uncounted = r.ended
}

// countCreated counts a room for who created it, once.
func (s *Service) countCreated(room, creator muc.JID) {
	if creator.IsZero() {
		return
	}
	if s.creators != nil {
		if !s.creators[room].IsZero() {
			return
		}
		s.creators[room] = creator
	}
	s.created[creator]++
}

// uncountCreated counts a room less that is gone, or another service's.
func (s *Service) uncountCreated(room, creator muc.JID) {
	if s.creators != nil {
		creator = s.creators[room]
		delete(s.creators, room)
	}
	if !creator.IsZero() {
		s.uncreate(creator)
	}
}

// uncreate counts a person's room less.
func (s *Service) uncreate(creator muc.JID) {
	if s.created[creator]--; s.created[creator] <= 0 {
		delete(s.created, creator)
	}
}

// settleQuota counts whose room was created or has ended, now that it is stored.
func (s *Service) settleQuota(r *room, b *Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range b.Events {
		c, created := ev.Body.(*event.Created)
		r.uncounted = r.uncounted && !created
		switch {
		case !created:
		case r.reserved == c.Creator:
			if r.reserved = (muc.JID{}); s.creators != nil {
				s.creators[r.jid] = c.Creator
			}
		default: // by the host
			s.countCreated(r.jid, c.Creator)
		}
	}
	s.release(r)
	if b.Gone || r.ended {
		s.leaveNothing(r)
	}
}

// mayAsk judges who puts a question to the host, after the host itself, and counts it.
// It is the last that is judged: what is admitted is asked.
func (s *Service) mayAsk(who func(policy.Ask) *muc.StanzaError) func(policy.Ask) *muc.StanzaError {
	return func(q policy.Ask) *muc.StanzaError {
		if who != nil {
			if e := who(q); e != nil {
				return e
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		r, asker := s.rooms[q.Room], q.JID.Bare()
		if r.refuses(s.asks[asker].all() >= s.cfg.Limits.PersonQuestions) {
			return full("Too many of your requests are waiting.")
		}
		if !r.again {
			s.asks.add(asker, r, 1)
		}
		return nil
	}
}

// mayEnter judges whether somebody who wants to enter a room is in too many already, or
// will be when what waits is done.
func (s *Service) mayEnter(p *sender, in *incoming) *muc.StanzaError {
	if s.persons[in.from.Bare()].len()+p.entering >= s.cfg.Limits.PersonRooms {
		return full("You are in too many rooms.")
	}
	return nil
}

// enters reports whether a stanza asks to enter a room.
func (in *incoming) enters() bool {
	return in.el.Tag == "presence" && in.typ == "" && childNamed(in.el, ns.MUC, "x") != nil
}
