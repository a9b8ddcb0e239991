package service

import (
	"context"
	"maps"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// Vanished tells all rooms in which somebody is that a session is no more: its
// connection broke, or its server is unreachable. A bare JID stands for all
// sessions of the account, a domain for all of its accounts. Rooms do it after what
// they were given before, and Vanished does not wait for them. Who is not inside is
// no error. A session that logs out has not vanished: see [Service.Offline].
func (s *Service) Vanished(ctx context.Context, who muc.JID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.unwatchActivity(who)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return ErrClosed
	}
	for r := range s.reached(who) {
		s.add(r, call{task: byHost(muc.Vanished{JID: who})})
	}
	return nil
}

// VanishedIf tells all rooms that those sessions are no more for which a function says so, as
// [Service.Vanished] does of one: for a host that has lost a connection, or a machine, that many
// had in common. The function is called from any goroutine, also later, for rooms that have
// something to do before, and with a lock held: it must return at once.
func (s *Service) VanishedIf(ctx context.Context, gone func(session muc.JID) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return ErrClosed
	}
	var later []*room // somebody may have come in there when they have done what waits
	for _, r := range s.rooms {
		if r.busy {
			later = append(later, r)
		}
	}
	for session, rooms := range s.sessions {
		if gone(session) {
			for r := range rooms.rooms() {
				s.add(r, call{task: byHost(muc.Vanished{JID: session})})
			}
		}
	}
	for _, r := range later {
		s.add(r, call{task: &task{read: func(live *muc.Room) { s.vanishFrom(r, live, gone) }}})
	}
	return nil
}

// vanishFrom has sessions vanish from a room as it is.
func (s *Service) vanishFrom(r *room, live *muc.Room, gone func(session muc.JID) bool) {
	var sessions []muc.JID
	for o := range live.Occupants() {
		sessions = append(sessions, o.Sessions...)
	}
	for ask := range live.Waiting() {
		sessions = append(sessions, ask.JID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range sessions {
		if gone(session) {
			s.add(r, call{task: byHost(muc.Vanished{JID: session})})
		}
	}
}

// reached are the rooms in which a session, an account or a domain is, may be, or will be when
// they have done what waits.
func (s *Service) reached(who muc.JID) map[*room]bool {
	rooms := maps.Clone(s.unloaded)
	switch {
	case !who.IsBare():
		s.reach(rooms, s.sessions[who], s.senders[who.Bare()])
	case who.Local() != "":
		s.reach(rooms, s.persons[who], s.senders[who])
	default:
		for jid, inside := range s.persons {
			if jid.Domain() == who.Domain() {
				s.reach(rooms, inside, nil)
			}
		}
		for jid, p := range s.senders {
			if jid.Domain() == who.Domain() {
				s.reach(rooms, nil, p)
			}
		}
	}
	return rooms
}

// reach adds the rooms in which somebody is, or will be when they have done what
// waits.
func (s *Service) reach(rooms map[*room]bool, inside *tally, p *sender) {
	if inside != nil {
		for r := range inside.rooms() {
			rooms[r] = true
		}
	}
	if p != nil {
		for r := range p.in.rooms() {
			rooms[r] = true
		}
	}
}

// watch keeps account of who is inside where.
func (s *Service) watch(r *room, done []outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range done {
		for ev := range done[i].fx.Events() {
			switch b := ev.Body.(type) {
			case *event.Joined:
				if b.Session != 0 {
					s.came(r, b.JID)
				}
			case *event.Asked:
				if b.Join != nil { // counts as inside
					s.came(r, b.JID)
				}
			case *event.Answered:
				if b.Nick != "" {
					s.gone(r, b.JID)
				} else {
					s.asks.add(b.JID.Bare(), r, -1)
				}
			case *event.Left:
				if b.Session != 0 { // no puppet, which may be known by somebody's own address
					s.gone(r, b.JID)
				}
			case *event.Removed:
				s.gone(r, b.JIDs...)
			}
		}
		s.hasEntered(done[i].stanza)
	}
	s.inhabit(r, r.live.Summary().Occupants)
}

// inhabit notes how many occupants a room has.
func (s *Service) inhabit(r *room, people int) {
	if people == r.people {
		return
	}
	s.people += people - r.people
	if r.people = people; s.recount != nil {
		s.recount[r.jid] = true
	}
	s.dir.count(r.jid, people)
}

// came notes that a session is in a room, once more than before.
func (s *Service) came(r *room, jid muc.JID) {
	s.sessions.add(jid, r, 1)
	s.persons.add(jid.Bare(), r, 1)
	r.sessions++
}

// gone notes that sessions are in a room once less.
func (s *Service) gone(r *room, sessions ...muc.JID) {
	for _, jid := range sessions {
		if s.sessions[jid].of(r) == 0 {
			continue
		}
		r.sessions--
		s.persons.add(jid.Bare(), r, -1)
		if s.sessions.add(jid, r, -1); s.sessions[jid] == nil {
			delete(s.doubts, jid)
		}
	}
}

// unwatch notes that nobody is in a room that crashed, and returns the sessions that were.
// That is said by the room, as far as it still can.
func (s *Service) unwatch(r *room, live *muc.Room) (inside []muc.JID) {
	_ = guarded(func() error {
		for o := range live.Occupants() {
			inside = append(inside, o.Sessions...)
		}
		return nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(r)
	s.asks.drop(r)
	s.gone(r, inside...)
	if r.sessions > 0 { // some wait to be let in, or left in the step that crashed
		for jid, rooms := range s.sessions {
			if rooms.of(r) > 0 {
				inside = append(inside, jid)
			}
			for range rooms.of(r) {
				s.gone(r, jid)
			}
		}
	}
	s.inhabit(r, 0)
	return inside
}
