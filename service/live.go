package service

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// Rooms whose store keeps them with everybody inside (Config.Live). What became of a room is
// stored with what it was given, in one batch, before anybody is told. A service that finds such
// a step which may not have been delivered does it again: rooms are deterministic, so it says the
// same, byte for byte. If it does not, as after a change of the library or of a hook, what is
// stored holds, and nothing is said: two versions of a thing are worse than none.

// liveBatch is what has to be stored of what a room did, if anything.
func (s *Service) liveBatch(r *room, done []outcome) (b Batch, write bool) {
	b = Batch{Room: r.jid, After: r.stored}
	for i := range done {
		for ev := range done[i].fx.Events() {
			b.Events = append(b.Events, ev)
		}
	}
	if len(b.Events) == 0 && s.cfg.Owns == nil {
		return b, false
	}
	for i := range done {
		if in, is := done[i].input(); is {
			b.Inputs = append(b.Inputs, in)
		}
	}
	if len(b.Events) == 0 {
		r.noteAnswered(b.Inputs)
		return b, false
	}
	b.Before = r.answered
	r.ended = endsWithoutTrace(b.Events)
	r.coming = (&Step{b.Inputs, b.Events}).weigh()
	b.Entry = s.entry(r)
	return b, true
}

// mostAnswered and answeredBytes are how many inputs of which nothing is stored a room keeps for the next batch.
const (
	mostAnswered  = 32
	answeredBytes = 32 << 10
)

// noteAnswered keeps inputs of which nothing is stored.
func (r *room) noteAnswered(inputs []Input) {
	for _, in := range inputs {
		if in.Source != "" {
			r.answered = append(r.answered, in)
		}
	}
	bytes := 0
	for i := range slices.Backward(r.answered) {
		if bytes += len(r.answered[i].Stanza); bytes > answeredBytes || len(r.answered)-i > mostAnswered {
			r.answered = slices.Clone(r.answered[i+1:])
			return
		}
	}
}

// weigh weighs what is stored of a step.
func (step *Step) weigh() weight {
	w := weigh(step.Events)
	for i := range step.Inputs {
		w.bytes += len(step.Inputs[i].Stanza) + len(step.Inputs[i].Command)
	}
	return w
}

// endsWithoutTrace reports whether the last of events is the end of a room that leaves nothing.
func endsWithoutTrace(events []event.Event) bool {
	if len(events) == 0 {
		return false
	}
	end, ended := events[len(events)-1].Body.(*event.RoomDestroyed)
	return ended && !end.Tombstone
}

// delivered notes what was given to the host.
func (s *Service) delivered(r *room, at Position) {
	if s.cfg.Live && at != (Position{}) {
		defer caught(s.cfg.Log, "Store.Delivered")
		s.live.Delivered(r.jid, at)
	}
}

// tidy stores what takes the place of all that was delivered: that a room is gone, or a
// snapshot, if it is time. Without a snapshot nothing is lost.
func (s *Service) tidy(r *room, done []outcome) (gone bool) {
	if !s.cfg.Live {
		return false
	}
	b := Batch{Room: r.jid, After: r.stored, Sources: r.sources}
	compact := false
	for i := range done {
		compact = compact || done[i].aside || done[i].last || done[i].leave && done[i].take == nil
	}
	switch tail := r.tail; {
	case r.ended || s.isOver(r):
		b.Gone, b.Entry = true, Entry{Room: r.jid}
	case tail.events > 0 && tail.events >= r.unshot && (tail.long(r.shot, s.cfg.CompactAfter) || compact && tail.worth(r.shot)):
		b.Snapshot, b.Entry = r.live.Snapshot(muc.Live), s.entry(r)
	default:
		return false
	}
	switch err := s.save(b); {
	case errors.Is(err, ErrNotOwner):
		s.lose(r)
		s.lost(r)
		return true
	case err != nil && b.Gone: // it may be gone all the same
		s.cfg.Log.Warn("that a room has ended could not be stored", "room", r.jid, "error", err)
		r.retry = s.cfg.Now().Add(pause)
		return true
	case err != nil:
		r.unshot = r.tail.events + max(1, s.cfg.CompactAfter/4)
		if !errors.Is(err, ErrNotYet) {
			s.cfg.Log.Warn("no snapshot of a room could be stored", "room", r.jid, "error", err)
		}
		return false
	case b.Gone:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leaveNothing(r)
		r.ended, r.uncounted = false, false
		return true
	}
	r.tail, r.shot, r.unshot = weight{}, len(b.Snapshot), 0
	return false
}

// restore makes a room of what is stored, without doing anything again.
func (s *Service) restore(jid muc.JID, saved *Saved) (*muc.Room, error) {
	live, err := s.template.Restore(jid, saved.Snapshot, saved.Events)
	for i := 0; i < len(saved.Steps) && err == nil; i++ {
		err = apply(live, saved.Steps[i].Events)
	}
	return live, err
}

func apply(live *muc.Room, events []event.Event) error {
	for i := range events {
		if err := live.Apply(events[i]); err != nil {
			return err
		}
	}
	return nil
}

// rebuild makes a room of what is stored, and does again what may not have been delivered.
func (s *Service) rebuild(r *room, saved *Saved) (err error) {
	if s.cfg.Live {
		r.redone, err = s.redo(r, saved)
	} else {
		r.live, err = s.restore(r.jid, saved)
	}
	if err != nil {
		return err
	}
	r.stored = Position{r.live.Seq(), r.live.Sub()}
	r.tail = weigh(saved.Events).and(weight{saved.Unshot, saved.UnshotBytes})
	for i := range saved.Steps {
		r.tail = r.tail.and(saved.Steps[i].weigh())
	}
	if r.replace = !s.cfg.Live && (r.live.Sub() > 0 || !r.live.Idle()); r.replace {
		// It was kept live until now: after a restart nobody is inside.
		r.live, err = s.template.Restore(r.jid, r.live.Snapshot(muc.Durable), nil)
	}
	return err
}

// redo makes a room of its snapshot and of the steps after it.
func (s *Service) redo(r *room, saved *Saved) (again [][]outcome, err error) {
	rest := saved.Steps
	before := Saved{Snapshot: saved.Snapshot, Events: saved.Events}
	r.sources, r.ended = saved.Sources, false
	if r.live, err = s.restore(r.jid, &before); err != nil {
		return nil, err
	}
	for len(rest) > 0 {
		step := &rest[0]
		before.Steps, rest = saved.Steps[:len(saved.Steps)-len(rest)+1], rest[1:]
		for _, in := range step.Inputs {
			r.sources = note(r.sources, in.Source, in.Number, s.cfg.Limits.Sources)
		}
		r.ended = endsWithoutTrace(step.Events)
		if step.At().Compare(saved.Delivered) <= 0 {
			if err := apply(r.live, step.Events); err != nil {
				return nil, err
			}
			continue
		}
		done, same := s.doAgain(r, step)
		if s.cfg.Observer.Redone(same); same {
			again = append(again, done)
			continue
		}
		s.cfg.Log.Error("a step that may not have been delivered cannot be done again; its events hold, and nobody is told", "room", r.jid, "events up to", step.At().String())
		if r.live, err = s.restore(r.jid, &before); err != nil {
			return nil, err
		}
	}
	return again, nil
}

// doAgain has a room do a step again, and reports whether the same happened.
func (s *Service) doAgain(r *room, step *Step) (done []outcome, same bool) {
	r.again = true
	defer func() { r.again = false }()
	var events []event.Event
	err := guarded(func() error {
		for i := range step.Inputs {
			o := step.Inputs[i].outcome()
			r.refused = o.refused
			o.do(step.Inputs[i].Time, r.live, r.jid)
			done = append(done, o)
			for ev := range o.fx.Events() {
				events = append(events, ev)
			}
		}
		return nil
	})
	return done, err == nil && equal(events, step.Events)
}

// equal reports whether events are the same, as they are stored.
func equal(a, b []event.Event) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, errX := a[i].MarshalJSON()
		y, errY := b[i].MarshalJSON()
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			return false
		}
	}
	return true
}

// reinhabit takes account of who is inside a room that was loaded with everybody.
func (s *Service) reinhabit(r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for o := range r.live.Occupants() {
		for _, session := range o.Sessions {
			s.came(r, session)
		}
	}
	for ask := range r.live.Waiting() {
		if ask.Join != nil { // counts as inside
			s.came(r, ask.JID)
		} else {
			s.asks.add(ask.JID.Bare(), r, 1)
		}
	}
	s.inhabit(r, r.live.Summary().Occupants)
	if r.ended {
		s.leaveNothing(r)
	}
}

// reload is what becomes of a room of which a step could not be stored, or may have been stored
// all the same: it is made again from what is stored, with everybody inside. Up to a position
// the step reaches, if it is stored.
func (s *Service) reload(r *room, done []outcome, at Position, cause error) {
	s.cfg.Log.Error("a room is made again from what is stored", "room", r.jid, "error", cause)
	live := r.live
	r.live, r.failed = nil, nil
	s.unwatch(r, live)
	s.mu.Lock()
	s.unloaded[r] = true // until it is loaded
	s.mu.Unlock()
	r.doubt, r.doubtAt, r.cause = done, at, cause
	_ = s.need(r) // it is tried again by the next call
}

// resolve ends the calls of which nobody knew whether they were stored, now that the room is
// loaded or, by an error, another service's.
func (s *Service) resolve(r *room, err error) {
	done, stored := r.doubt, r.doubtAt != Position{} && r.stored == r.doubtAt && !errors.Is(r.cause, ErrConflict)
	r.doubt = nil
	for i := range done {
		switch o := &done[i]; {
		case err != nil:
			s.fail(o, err)
		case stored:
			o.fx.Questions = nil // they were asked when it was done again
			s.conclude(r, o)
		default:
			s.failLater(r, o, r.cause)
		}
	}
}

// failLater is fail, but for that somebody has gone: nobody will say so again, so it is kept for
// later if the room goes on with everybody inside.
func (s *Service) failLater(r *room, o *outcome, err error) {
	if s.cfg.Live && o.done == nil && o.task != nil {
		r.remember(o.task)
	}
	s.fail(o, err)
}

// remember keeps for later that somebody has gone, once for each.
func (r *room) remember(d *task) {
	same := func(x *task) bool { return x.as == d.as && x.cmd == d.cmd }
	if _, vanished := d.cmd.(muc.Vanished); (vanished || d.goodbye != nil) && !slices.ContainsFunc(r.undone, same) {
		r.undone = append(r.undone, d)
	}
}

// withUndone puts before calls what could not be stored earlier.
func (r *room) withUndone(calls []call) []call {
	if len(r.undone) == 0 {
		return calls
	}
	var first []call
	for _, d := range r.undone {
		first = append(first, call{task: d})
	}
	r.undone = nil
	return append(first, calls...)
}

// waitLoaded waits until rooms are loaded that have somebody inside, or until the context ends.
func waitLoaded(ctx context.Context, loading <-chan struct{}) error {
	select {
	case <-loading:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
