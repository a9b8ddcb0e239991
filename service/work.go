package service

import (
	"context"
	"errors"
	"fmt"
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
	at  int64 // when it was done, in ms since 1970
	// skip: it had been done before, by its number. refused: a limit of the service did not
	// allow it.
	skip, refused bool
}

// work is a worker: it serves one room after the other, as long as there is one
// with something to do.
func (s *Service) work(r *room) {
	for r != nil {
		runtime.Gosched() // a worker that always has something to do lets others run first
		calls := s.nextCalls(r)
		for rest := calls; len(rest) > 0; {
			rest = s.serveCalls(r, rest)
		}
		leave := slices.IndexFunc(calls, func(c call) bool { return c.leave })
		switch {
		case leave >= 0:
			s.leave(r, calls[leave].take)
		case slices.ContainsFunc(calls, func(c call) bool { return c.last }):
			s.resolve(r, ErrClosed) // whether it is stored, the next service finds out
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
	if err := s.need(r); err != nil {
		for _, c := range calls {
			s.failLater(r, &outcome{call: c}, err)
		}
		return nil
	}
	if r.ended {
		return s.endLoaded(r, calls)
	}
	calls = s.resume(r, r.withUndone(calls))
	var done []outcome
	for i, c := range calls {
		o := outcome{call: c}
		if err := guarded(func() error { s.step(r, &o); return nil }); err != nil {
			return s.crash(r, append(done, o), calls[i+1:], Position{}, err)
		}
		done = append(done, o)
		if r.live.State() == muc.Destroyed && len(o.fx.Durable) > 0 {
			rest = calls[i+1:]
			break
		}
	}
	if !s.cfg.Live {
		s.watch(r, done)
	}
	var b Batch
	err := guarded(func() (err error) {
		var write bool
		if b, write = s.batch(r, done); write {
			err = s.keep(r, b)
		}
		return err
	})
	var at Position
	if len(b.Events) > 0 {
		at = b.At()
	}
	if err != nil {
		return s.crash(r, done, rest, at, err)
	}
	if s.cfg.Live { // until it is stored, those are inside who were
		s.watch(r, done)
	}
	s.settleQuota(r, &b)
	s.publish(r, done, false)
	s.noteActivity(r, done)
	gone := b.Gone || s.tidy(r, done)
	if gone || calls[0].aside && len(calls) == 1 && r.live.Idle() {
		r.live = nil
	}
	return rest
}

// endLoaded ends a room of which was found, when it was loaded, that it has ended, and returns the calls:
// they are for a new room at its address.
func (s *Service) endLoaded(r *room, calls []call) (rest []call) {
	s.tidy(r, nil)
	if r.live = nil; !r.ended {
		return slices.DeleteFunc(calls, func(c call) bool { return c.task == tick })
	}
	err := errNotEnded
	if r.left {
		err = fmt.Errorf("%w: %s", ErrNotOwner, r.jid)
	}
	for _, c := range calls {
		s.failLater(r, &outcome{call: c}, err)
	}
	return nil
}

var errNotEnded = errors.New("service: that a room has ended could not be stored")

// need loads a room that is not in memory.
func (s *Service) need(r *room) error {
	switch {
	case r.left:
		return fmt.Errorf("%w: %s", ErrNotOwner, r.jid)
	case r.live != nil:
		s.noteLoaded(r, true)
		return nil
	case s.cfg.Live && s.ctx.Err() != nil:
		s.resolve(r, ErrClosed)
		return ErrClosed
	}
	err := s.load(r)
	r.freed = false
	s.noteLoaded(r, err == nil)
	switch {
	case errors.Is(err, ErrNotOwner):
		s.lose(r)
		s.resolve(r, err)
		s.lost(r)
	case err != nil && isDamage(err): // nobody will know
		s.resolve(r, err)
	}
	again := r.redone
	r.redone = nil
	for _, done := range again {
		s.publish(r, done, true)
		s.noteActivity(r, done)
	}
	if err == nil {
		s.delivered(r, r.stored) // also what could not be done again
		s.resolve(r, nil)
	}
	return err
}

// noteLoaded notes that a room was loaded, or could not be.
func (s *Service) noteLoaded(r *room, loaded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.endWait(); loaded {
		delete(s.unloaded, r)
	}
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
	r.stored, r.tail, r.resumed = b.At(), r.tail.and(r.coming), false
	if len(b.Inputs) > 0 {
		r.answered = nil
	}
	if b.Snapshot != nil {
		r.tail, r.shot, r.unshot, r.replace = weight{}, len(b.Snapshot), 0, false
	}
}

// needsRoom reports whether a call is a reason to load a room.
func (c call) needsRoom() bool { return !c.last && !c.aside && !c.leave }

// step has a room do one call, unless it has done it before.
func (s *Service) step(r *room, o *outcome) {
	if o.stanza != nil && o.stanza.source != nil {
		from := o.stanza.source
		if o.skip = noted(r.sources, from.Name) >= from.Number; o.skip {
			return
		}
		r.sources = note(r.sources, from.Name, from.Number, s.cfg.Limits.Sources)
	}
	now := s.cfg.Now()
	o.at, r.refused = now.UnixMilli(), false
	o.do(now, r.live, r.jid)
	if o.refused = r.refused; s.cfg.Live {
		o.task = o.task.settled(r.live)
	}
}

// do has a room do one call.
func (o *outcome) do(now time.Time, live *muc.Room, room muc.JID) {
	switch {
	case o.stanza != nil:
		o.fx, o.err = live.Handle(now, o.stanza.el)
	case o.task != nil:
		o.fx, o.err = o.task.do(now, live, room)
	}
}

// batch is what has to be stored of what a room did, if anything.
func (s *Service) batch(r *room, done []outcome) (b Batch, write bool) {
	if s.cfg.Live {
		return s.liveBatch(r, done)
	}
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
	if b.Gone = s.isOver(r); !b.Gone && (tail.events == 0 || len(b.Events) == 0 && !compact) && !suspend && !r.resumed {
		return b, false
	}
	if len(b.Events) > 0 {
		b.Gone = endsWithoutTrace(b.Events)
	}
	b.Entry = s.entry(r)
	if b.Gone {
		b.Entry = Entry{Room: r.jid}
	} else if compact || r.replace || tail.long(r.shot, s.cfg.CompactAfter) {
		b.Snapshot = r.live.Snapshot(muc.Durable)
	}
	if suspend {
		b.Live, b.Entry.Suspended = r.live.Snapshot(muc.Live), s.cfg.Now()
	}
	return b, true
}

// isOver reports whether the time of a tombstone is up.
func (s *Service) isOver(r *room) bool {
	return r.live.State() == muc.Destroyed && (r.freed || s.cfg.TombstoneTime > 0 && !s.dueOf(r).After(s.cfg.Now()))
}

// publish lets out what calls brought, now that it is stored. Again: it may have been let out
// before.
func (s *Service) publish(r *room, done []outcome, again bool) {
	if s.cfg.DeliverBatch != nil {
		s.publishBatch(r, done, again)
		return
	}
	for i := range done {
		s.report(r, &done[i])
		for _, out := range done[i].fx.Outbound {
			s.send(s.ctx, out)
		}
		s.conclude(r, &done[i])
	}
	if ev := lastEvent(done); ev != nil {
		s.delivered(r, positionOf(ev))
	}
}

// lastEvent is the last event that calls brought; nil for none.
func lastEvent(done []outcome) (last *event.Event) {
	for i := range slices.Backward(done) {
		for _, list := range [...][]event.Event{done[i].fx.Durable, done[i].fx.Volatile} {
			if n := len(list); n > 0 && (last == nil || positionOf(last).Compare(positionOf(&list[n-1])) < 0) {
				last = &list[n-1]
			}
		}
		if last != nil {
			break
		}
	}
	return last
}

// publishBatch is publish, all at once.
func (s *Service) publishBatch(r *room, done []outcome, again bool) {
	d := Delivery{Room: r.jid, Again: again}
	if ev := lastEvent(done); ev != nil {
		d.At, d.Time = positionOf(ev), ev.Time
	}
	var batch []Stanza
	for i := range done {
		s.report(r, &done[i])
		for _, out := range done[i].fx.Outbound {
			batch = append(batch, out)
		}
	}
	if len(batch) > 0 {
		d.Stanzas = batch
		s.cfg.DeliverBatch(s.ctx, d)
	}
	s.delivered(r, d.At)
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
// goes out, and those who believe to be inside are put out, so that they know. Calls are left if
// the room goes on with them.
func (s *Service) crash(r *room, done []outcome, rest []call, at Position, err error) (left []call) {
	switch {
	case errors.Is(err, ErrNotOwner):
		s.lose(r)
		for _, c := range rest {
			done = append(done, outcome{call: c})
		}
		for i := range done {
			s.fail(&done[i], err)
		}
		s.lost(r)
		return nil
	case s.cfg.Live:
		s.reload(r, done, at, err)
		return rest
	}
	s.cfg.Log.Error("a room is made again from what is stored", "room", r.jid, "error", err)
	live := r.live
	r.live, r.failed, r.retry = nil, nil, s.cfg.Now().Add(pause)
	for i := range done {
		s.fail(&done[i], err)
	}
	for _, c := range rest {
		s.fail(&outcome{call: c}, err)
	}
	s.farewell(r, live, done, err)
	s.outsideAgain(s.unwatch(r, live)...)
	return nil
}

// fail ends a call of which nothing came. Who sent a stanza is told, unless another service may
// do it.
func (s *Service) fail(o *outcome, err error) {
	if o.stanza != nil && !errors.Is(err, ErrNotOwner) && !errors.Is(err, ErrClosed) {
		if err = nil; !o.stanza.isAnswer() {
			s.refuse(s.ctx, o.stanza, broken())
		}
	}
	if o.done != nil {
		o.done(muc.Effects{}, err)
	}
}

// broken is what somebody is told whose stanza came to nothing by no fault of their own.
func broken() *muc.StanzaError {
	return &muc.StanzaError{Type: stanza.TypeWait, Condition: stanza.InternalServerError, Text: "The service could not do this."}
}
