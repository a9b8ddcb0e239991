package service

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/stanza"
)

// outcome is what became of one call.
type outcome struct {
	call
	fx  muc.Effects
	err error
}

// work is a worker: it serves one room after the other, as long as there is one
// with something to do.
func (s *Service) work(r *room) {
	for r != nil {
		runtime.Gosched() // a worker that always has something to do lets others run first
		calls := s.take(r)
		for rest := calls; len(rest) > 0; {
			rest = s.serveCalls(r, rest)
		}
		s.reweigh(r, calls)
		r = s.next(r, calls)
	}
}

// serveCalls has a room do calls, and returns those that are left if one of them ended the
// room.
func (s *Service) serveCalls(r *room, calls []call) (rest []call) {
	if r.live == nil && !calls[0].needsRoom() {
		return calls[1:]
	}
	if r.live == nil {
		if err := s.load(r); err != nil {
			for _, c := range calls {
				s.fail(&outcome{call: c}, err)
			}
			return nil
		}
	}
	calls = s.resume(r, calls)
	var done []outcome
	for i, c := range calls {
		o := outcome{call: c}
		if err := guarded(func() error { s.step(r, &o); return nil }); err != nil {
			s.crash(r, append(done, o), calls[i+1:], err)
			return nil
		}
		done = append(done, o)
		if r.live.State() == muc.Destroyed && len(o.fx.Durable) > 0 {
			rest = calls[i+1:]
			break
		}
	}
	s.watch(r, done)
	var b Batch
	err := guarded(func() (err error) {
		var write bool
		if b, write = s.batch(r, done); write {
			err = s.keep(r, b)
		}
		return err
	})
	if err != nil {
		s.crash(r, done, rest, err)
		return nil
	}
	s.settleQuota(r, &b)
	s.publish(r, done)
	s.noteActivity(r, done)
	if b.Gone || calls[0].aside && len(calls) == 1 && r.live.Idle() {
		r.live = nil
	}
	return rest
}

// keep stores what became of a room. A durable snapshot alone can wait: without it nothing
// is lost.
func (s *Service) keep(r *room, b Batch) error {
	err := s.save(b)
	switch {
	case err != nil && (len(b.Events) > 0 || b.Live != nil || b.Gone):
		return err
	case err != nil:
		s.cfg.Log.Warn("no snapshot of a room could be stored", "room", r.jid, "error", err)
		return nil
	}
	r.noteStored(b)
	if len(b.Events) > 0 {
		s.dir.set(b.Entry, r.people)
	}
	return nil
}

// noteStored notes that a batch is stored.
func (r *room) noteStored(b Batch) {
	r.stored, r.tail, r.resumed = b.Seq(), r.tail.and(r.coming), false
	if b.Snapshot != nil {
		r.tail, r.shot = weight{}, len(b.Snapshot)
	}
}

// needsRoom reports whether a call is a reason to load a room.
func (c call) needsRoom() bool { return !c.last && !c.aside }

// step has a room do one call.
func (s *Service) step(r *room, o *outcome) {
	now := time.Now()
	switch {
	case o.stanza != nil:
		o.fx, o.err = r.live.Handle(now, o.stanza.el)
	case o.run != nil:
		o.fx, o.err = o.run(now, r.live)
	}
}

// batch is what has to be stored of what a room did, if anything.
func (s *Service) batch(r *room, done []outcome) (b Batch, write bool) {
	b = Batch{Room: r.jid, After: r.stored}
	compact, suspend := false, false
	for i := range done {
		suspend = suspend || done[i].suspend
		b.Events = append(b.Events, done[i].fx.Durable...)
		compact = compact || done[i].aside || done[i].last
	}
	r.coming = weigh(b.Events)
	tail := r.tail.and(r.coming)
	compact = compact && tail.worth(r.shot)
	suspend = suspend && !r.live.Idle()
	if b.Gone = s.isOver(r.live); !b.Gone && (tail.events == 0 || len(b.Events) == 0 && !compact) && !suspend && !r.resumed {
		return b, false
	}
	if n := len(b.Events); n > 0 {
		end, ended := b.Events[n-1].Body.(*event.RoomDestroyed)
		b.Gone = ended && !end.Tombstone
	}
	b.Entry = s.entry(r)
	if b.Gone {
		b.Entry = Entry{Room: r.jid}
	} else if compact || tail.long(r.shot, s.cfg.CompactAfter) {
		b.Snapshot = r.live.Snapshot(muc.Durable)
	}
	if suspend {
		b.Live, b.Entry.Suspended = r.live.Snapshot(muc.Live), time.Now()
	}
	return b, true
}

// isOver reports whether the time of a tombstone is up.
func (s *Service) isOver(live *muc.Room) bool {
	return live.State() == muc.Destroyed && s.cfg.TombstoneTime > 0 && !s.dueOf(live).After(time.Now())
}

// publish lets out what calls brought, now that it is stored.
func (s *Service) publish(r *room, done []outcome) {
	if s.cfg.DeliverBatch == nil {
		for i := range done {
			s.report(r, &done[i])
			for _, out := range done[i].fx.Outbound {
				s.send(s.ctx, out)
			}
			s.conclude(r, &done[i])
		}
		return
	}
	var batch []Stanza
	for i := range done {
		s.report(r, &done[i])
		for _, out := range done[i].fx.Outbound {
			batch = append(batch, out)
		}
	}
	if len(batch) > 0 {
		s.cfg.DeliverBatch(s.ctx, batch)
	}
	for _, out := range batch {
		s.cfg.Observer.Delivered(len(out.To()))
	}
	for i := range done {
		s.conclude(r, &done[i])
	}
}

// report tells the host what happened in a call.
func (s *Service) report(r *room, o *outcome) {
	if s.cfg.Events == nil {
		return
	}
	if events := slices.Collect(o.fx.Events()); len(events) > 0 {
		s.cfg.Events(s.ctx, r.jid, events)
	}
}

// conclude does what is left of a call when others have been told.
func (s *Service) conclude(r *room, o *outcome) {
	if o.fx.Refused != nil {
		s.cfg.Observer.Refused(o.fx.Refused)
	}
	if s.cfg.Question != nil {
		for _, ask := range o.fx.Questions {
			s.cfg.Question(s.ctx, r.jid, ask)
		}
	}
	switch {
	case o.done != nil:
		o.done(o.fx, o.err)
	case o.err != nil && !errors.Is(o.err, muc.ErrNotOpen): // there may be nothing to say goodbye to
		s.cfg.Log.Warn("a room refused what it was given", "room", r.jid, "error", o.err)
	}
}

// send has the host deliver a stanza, with the context of who called: that of Handle, or the
// service's own for what rooms say.
func (s *Service) send(ctx context.Context, out Stanza) {
	s.cfg.Deliver(ctx, out)
	s.cfg.Observer.Delivered(len(out.To()))
}

// crash ends a room in memory that is not what is stored: nothing of what it did
// goes out, and those who believe to be inside are put out, so that they know.
func (s *Service) crash(r *room, done []outcome, rest []call, err error) {
	s.cfg.Log.Error("a room is made again from what is stored", "room", r.jid, "error", err)
	live := r.live
	r.live, r.failed, r.retry = nil, nil, time.Now().Add(pause)
	for i := range done {
		s.fail(&done[i], err)
	}
	for _, c := range rest {
		s.fail(&outcome{call: c}, err)
	}
	s.farewell(r, live, done, err)
	s.outsideAgain(s.unwatch(r, live)...)
}

// fail answers a call of which nothing came.
func (s *Service) fail(o *outcome, err error) {
	switch {
	case o.done != nil:
		o.done(muc.Effects{}, err)
	case o.stanza != nil && !o.stanza.isAnswer():
		s.refuse(s.ctx, o.stanza, broken())
	}
}

// broken is what somebody is told whose stanza came to nothing by no fault of their own.
func broken() *muc.StanzaError {
	return &muc.StanzaError{Type: stanza.TypeWait, Condition: stanza.InternalServerError, Text: "The service could not do this."}
}
