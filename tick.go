package muc

import "time"

// lockEnd is when a room that is born now gives up waiting to be configured;
// zero for never.
func (t *turn) lockEnd() time.Time {
	if t.r.cfg.LockTimeout < 0 {
		return never
	}
	return t.now.Add(t.r.cfg.LockTimeout)
}

// never stands for a lock without end in an event: a locked room has a time.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// Deadline is when [Room.Tick] has something to do; zero for nothing due. A
// deadline in the past is due at once.
func (r *Room) Deadline() time.Time {
	s := &r.st
	if !s.alive() {
		return time.Time{}
	}
	if s.deserted() {
		return s.at.time()
	}
	var due time.Time
	soonest := func(at time.Time) {
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	if s.life == Locked && s.lockedUntil.time() != never {
		soonest(s.lockedUntil.time())
	}
	rare := s.rare()
	if len(rare.invites) > 0 {
		soonest(rare.invites[0].Expires.Time)
	}
	for _, a := range rare.asks {
		soonest(a.Deadline.Time)
	}
	for _, b := range rare.requests {
		if !b.Deadline.IsZero() {
			soonest(b.Deadline.Time)
		}
	}
	return due
}

// deserted reports whether a room has lost its reason to exist while nobody
// could see it: a temporary or never configured one, after a restart.
func (s *state) deserted() bool {
	return len(s.occupants) == 0 && (s.life == Locked || !s.conf.Persistent)
}

// Tick does what is due: it opens a room whose creator has not configured it in
// time with the default configuration (XEP-0045 §10.1.1), or ends it, if
// Config.EndUnconfigured says so; it ends a deserted one, forgets invitations and
// requests to register whose time is up, and refuses what the host was asked and
// did not answer.
func (r *Room) Tick(now time.Time) (Effects, error) {
	var fx Effects
	t := turn{r: r, now: r.clock(now), fx: &fx}
	s := &r.st
	if !s.alive() {
		return fx, nil
	}
	unconfigured := s.life == Locked && !s.lockedUntil.time().After(t.now)
	if s.deserted() || unconfigured && r.cfg.EndUnconfigured {
		t.destroy(&RoomDestroyed{})
		t.commit()
		return fx, nil
	}
	t.expireInvites()
	t.expireAsks()
	t.expireRequests()
	if unconfigured {
		t.propose(&Unlocked{})
	}
	t.commit()
	return fx, nil
}
