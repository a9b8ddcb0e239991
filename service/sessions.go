package service

import (
	"context"
	"slices"

	"github.com/gomuc/muc"
)

// Vanished tells all rooms in which somebody is that a session is no more: its
// connection broke, or its server is unreachable. A bare JID stands for all
// sessions of the account, a domain for all of its accounts. It returns when the
// rooms know that they have to do it; who is not inside is no error.
func (s *Service) Vanished(ctx context.Context, who muc.JID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return ErrClosed
	}
	vanished := call{run: command(muc.Vanished{JID: who})}
	if !who.IsBare() {
		for _, r := range s.sessions[who] {
			s.add(r, vanished)
		}
		return nil
	}
	told := map[*room]bool{}
	for jid, rooms := range s.sessions {
		if jid.Bare() != who && (who.Local() != "" || jid.Domain() != who.Domain()) {
			continue
		}
		for _, r := range rooms {
			if !told[r] {
				told[r] = true
				s.add(r, vanished)
			}
		}
	}
	return nil
}

// watch keeps account of who is inside where.
func (s *Service) watch(r *room, done []outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range done {
		for _, ev := range done[i].fx.Events {
			switch b := ev.Body.(type) {
			case *muc.Joined:
				if b.Session != 0 {
					s.sessions[b.JID] = append(s.sessions[b.JID], r)
				}
			case *muc.Left:
				s.gone(r, b.JID)
			case *muc.Removed:
				s.gone(r, b.JIDs...)
			case *muc.RoomDestroyed: // which everybody inside is told
				for _, out := range done[i].fx.Outbound {
					s.gone(r, out.To()...)
				}
			}
		}
	}
	s.people += r.live.Summary().Occupants - r.people
	r.people = r.live.Summary().Occupants
}

// gone notes that sessions are not in a room.
func (s *Service) gone(r *room, sessions ...muc.JID) {
	for _, jid := range sessions {
		rooms := s.sessions[jid]
		i := slices.Index(rooms, r)
		switch {
		case i < 0:
		case len(rooms) == 1:
			delete(s.sessions, jid)
		default:
			s.sessions[jid] = slices.Delete(rooms, i, i+1)
		}
	}
}

// unwatch notes that nobody is in a room that crashed.
func (s *Service) unwatch(r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for jid, rooms := range s.sessions {
		if slices.Contains(rooms, r) {
			s.gone(r, jid)
		}
	}
	s.people -= r.people
	r.people = 0
}
