package service

import (
	"context"
	"time"

	"github.com/gomuc/muc"
)

// Suspend stops the service as [Service.Shutdown] does, but nobody is put out or told: rooms
// are stored with everybody inside, and [New] over the same store, within
// Config.SuspendedFor, goes on with them. So an upgrade is a pause. What comes meanwhile is the
// host's to keep or to refuse, and so is telling the new service who left in the meantime,
// as far as the host knows ([Service.Vanished]). Everybody else is asked by a ping, fifty a
// second; who is not there any more is put out.
//
// A room whose store fails puts everybody out (332), as it always does. What
// [Config.Question] was given and nobody has answered is refused.
func (s *Service) Suspend(ctx context.Context) error {
	return s.end(ctx, call{last: true, suspend: true, task: byHost(muc.Shutdown{Stay: true})})
}

// loadSuspended loads the rooms that were suspended, so that it is known who is where before
// anything else happens. When the context ends, so does the service, which has done nothing yet.
func (s *Service) loadSuspended(ctx context.Context, entries []Entry) error {
	lives := context.AfterFunc(ctx, s.stop)
	for _, e := range entries {
		if e.Suspended.IsZero() || ctx.Err() != nil || s.cfg.Live {
			continue
		}
		r := newRoom(e.Room)
		r.suspended = e.Suspended
		if s.load(r) == nil { // if not, it is tried again by the first call
			s.rooms[e.Room] = r
		}
	}
	if !lives() {
		return ctx.Err()
	}
	return nil
}

// comeBack puts those into a room who were inside when it was suspended. That is done once:
// afterwards the service has told everybody what became of them, even if the store could not
// take away what it has of them.
func (s *Service) comeBack(r *room, snapshot []byte) {
	var live *muc.Room
	err := guarded(func() (err error) {
		live, err = s.template.Restore(r.jid, snapshot, nil)
		return err
	})
	if err != nil || live.Seq() != r.live.Seq() {
		s.cfg.Log.Error("nobody is inside a room that was suspended", "room", r.jid, "error", err)
		return
	}
	r.live = live
	s.mu.Lock()
	defer s.mu.Unlock()
	for o := range live.Occupants() {
		for _, session := range o.Sessions {
			if s.came(r, session); s.sessions[session].all() == 1 {
				s.toAsk = append(s.toAsk, membership{session, r.jid})
			}
		}
	}
	s.inhabit(r, live.Summary().Occupants)
}

// dismiss tells those that they are out who were inside when a room was suspended by a service
// that did not store them live, as this one does: their places in the log are not stored.
func (s *Service) dismiss(r *room, snapshot []byte) {
	_ = guarded(func() error {
		live, err := s.template.Restore(r.jid, snapshot, nil)
		if err != nil {
			return err
		}
		fx, err := live.Do(s.cfg.Now(), muc.Shutdown{Reason: startsAgain})
		r.redone = append(r.redone, []outcome{{fx: muc.Effects{Outbound: fx.Outbound}}})
		return err
	})
}

// resume puts the first call of a room that was suspended before others, whenever it could be
// loaded. Before anything of it goes out, what was stored of those inside is taken away: it is
// no longer true.
func (s *Service) resume(r *room, calls []call) []call {
	since := r.suspended
	if r.suspended = (time.Time{}); since.IsZero() || s.cfg.Live {
		return calls
	}
	first := tick
	if age := s.cfg.Now().Sub(since); age < -s.cfg.SuspendedFor || age > s.cfg.SuspendedFor {
		first = byHost(muc.Shutdown{Reason: startsAgain})
	} else {
		s.askThem()
	}
	return append([]call{{task: first}}, calls...)
}
