package service

import (
	"container/heap"
	"time"
)

// timers are the rooms that want a tick, the next one in front.
type timers []*room

// Len is for package heap alone.
func (t timers) Len() int { return len(t) }

// Less is for package heap alone.
func (t timers) Less(i, j int) bool { return t[i].due.Before(t[j].due) }

// Swap is for package heap alone.
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].timer, t[j].timer = i, j
}

// Push is for package heap alone.
func (t *timers) Push(x any) {
	r := x.(*room)
	r.timer = len(*t)
	*t = append(*t, r)
}

// Pop is for package heap alone.
func (t *timers) Pop() any {
	last := len(*t) - 1
	r := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	return r
}

// setDue sets when a room wants a tick; the zero time is never.
func (s *Service) setDue(r *room, due time.Time) {
	was := r.due
	r.due = due
	switch {
	case was.IsZero() && due.IsZero():
	case was.IsZero():
		heap.Push(&s.timers, r)
	case due.IsZero():
		heap.Remove(&s.timers, r.timer)
	default:
		heap.Fix(&s.timers, r.timer)
	}
	s.arm(due)
}

// arm sees to it that the clock is looked at in time.
func (s *Service) arm(at time.Time) {
	if at.IsZero() || !s.armed.IsZero() && !at.Before(s.armed) {
		return
	}
	s.armed = at
	select {
	case s.rearm <- struct{}{}:
	default:
	}
}

// keepTime is the one clock of all rooms.
func (s *Service) keepTime() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if at := s.doDue(s.cfg.Now()); at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(at.Sub(s.cfg.Now()))
		}
		select {
		case <-timer.C:
		case <-s.rearm:
		case <-s.ctx.Done():
			return
		}
	}
}

// doDue gives rooms what is due, and returns when it has to be called again.
func (s *Service) doDue(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return time.Time{}
	}
	for len(s.timers) > 0 && !s.timers[0].due.After(now) {
		r := s.timers[0]
		s.setDue(r, time.Time{})
		switch {
		case r.busy: // it will say what it wants when it has done its work
		case r.failed != nil && isDamage(r.failed):
			s.forget(r) // until somebody asks for it
		default:
			s.add(r, call{task: tick})
		}
	}
	for front := s.idle.Front(); front != nil; front = s.idle.Front() {
		r := front.Value.(*room)
		if r.since.Add(s.cfg.IdleAfter).After(now) {
			break
		}
		s.add(r, call{aside: true})
	}
	s.armed = time.Time{}
	if len(s.timers) > 0 {
		s.armed = s.timers[0].due
	}
	if front := s.idle.Front(); front != nil {
		if at := front.Value.(*room).since.Add(s.cfg.IdleAfter); s.armed.IsZero() || at.Before(s.armed) {
			s.armed = at
		}
	}
	return s.armed
}
