package muc

import (
	"time"

	"github.com/gomuc/muc/event"
)

// Deadlines: what a room does when a time has come.

// Deadline is when [Room.Tick] has something to do; zero for nothing due. A
// deadline in the past is due at once.
func (r *Room) Deadline() time.Time { return r.DeadlineAt(r.st.At().Time()) }

// DeadlineAt is Deadline for a host whose clock may have been ahead: what was set by
// that, and lies further away than it can from now, is due now.
func (r *Room) DeadlineAt(now time.Time) time.Time {
	s := &r.st
	now = clock(now)
	if !s.Alive() {
		return time.Time{}
	}
	if s.Deserted() {
		return earlier(s.At().Time(), now)
	}
	var due time.Time
	soonest := func(at time.Time, timeout time.Duration) {
		if r.due(at, timeout, now) {
			at = earlier(at, now)
		}
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	if s.Life() == Locked && s.LockedUntil().Time() != never {
		soonest(s.LockedUntil().Time(), r.cfg.LockTimeout)
	}
	rare := s.Sparse()
	if n := len(rare.Invites()); n > 0 {
		soonest(rare.Invites()[0].Expires.Time, r.cfg.InviteTimeout)
		soonest(rare.Invites()[n-1].Expires.Time, r.cfg.InviteTimeout) // by a clock that was ahead
	}
	for _, a := range rare.Asks() {
		soonest(a.Deadline.Time, r.cfg.QuestionTimeout)
	}
	for _, b := range rare.Requests() {
		if !b.Deadline.IsZero() {
			soonest(b.Deadline.Time, r.cfg.RegistrationTimeout)
		}
	}
	return due
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// due reports whether a time that was set by a timeout has come: by the clock, or because
// it is further away than the timeout while the clock is behind the last event. Then it was
// set by a clock that was ahead.
func (r *Room) due(at time.Time, timeout time.Duration, now time.Time) bool {
	return !at.After(now) || timeout > 0 && at != never && now.Before(r.st.At().Time()) && at.After(now.Add(timeout))
}

// Tick does what is due: it opens a room whose creator has not configured it in time with
// the default configuration (XEP-0045 §10.1.1), or ends it, if Config.EndUnconfigured says
// so; it ends a deserted one, forgets invitations and requests to register whose time is
// up, and refuses requests that the host has not answered in time.
func (r *Room) Tick(now time.Time) (Effects, error) {
	r.enter()
	defer r.leave()
	t := new(step).begin(r, now)
	s := &r.st
	if !s.Alive() {
		return *t.fx, nil
	}
	unconfigured := s.Life() == Locked && r.due(s.LockedUntil().Time(), r.cfg.LockTimeout, t.now)
	if s.Deserted() || unconfigured && r.cfg.EndUnconfigured {
		t.destroy(&event.RoomDestroyed{})
		t.commit()
		return *t.fx, nil
	}
	t.expireInvites()
	t.expireAsks()
	t.expireRequests()
	if unconfigured {
		t.propose(&event.Unlocked{})
	}
	t.commit()
	return *t.fx, nil
}
