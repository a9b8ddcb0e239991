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
		s.release(s.rooms[q.Room])
		creator := q.Creator.Bare()
		if s.created[creator] >= s.cfg.Limits.PersonCreated {
			return full("There are too many rooms that you have created.")
		}
		s.created[creator]++
		s.rooms[q.Room].reserved = creator
		return nil
	}
}

// release takes back what was counted for a room that was not created after all.
func (s *Service) release(r *room) {
	if !r.reserved.IsZero() {
		s.uncreate(r.reserved)
		r.reserved = muc.JID{}
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
		switch {
		case !created:
		case r.reserved == c.Creator:
			r.reserved = muc.JID{}
		default: // by the host
			s.created[c.Creator]++
		}
	}
	s.release(r)
	if b.Gone {
		s.uncreate(r.live.Creator())
		s.asks.drop(r)
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
		asker := q.JID.Bare()
		if s.asks[asker].all() >= s.cfg.Limits.PersonQuestions {
			return full("Too many of your requests are waiting.")
		}
		s.asks.add(asker, s.rooms[q.Room], 1)
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
