package cluster

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// What was delivered, and where: of each room, and, as a mark in the engine, of each shard. The next owner
// does again what is after the mark.

// placeOf is under which epoch a room speaks, at which position of the log it is, and up to where
// all was delivered.
func (s *store) placeOf(room muc.JID, at service.Position) (epoch Epoch, pos, mark Pos) {
	sh, r := s.get(room)
	if sh == nil {
		return 0, 0, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r != nil && at != (service.Position{}) {
		for _, step := range r.steps {
			if step.at == at {
				pos = step.pos
			}
		}
	}
	return sh.epoch, pos, sh.marked
}

// deliveryOf begins to deliver what a room says; who does it calls done in the end.
func (s *store) deliveryOf(room muc.JID, pos Pos) *delivery {
	d := &delivery{left: 1}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shards[ShardOf(room)]
	if sh == nil {
		return d
	}
	if pos == 0 {
		s.answer(sh, room, d)
	} else if r := sh.rooms[room]; r != nil {
		r.due = d
		for i := range r.steps {
			if r.steps[i].pos == pos {
				r.steps[i].due = d
			}
		}
	}
	return d
}

// answer remembers what a room says, and nothing of it is stored, until it is delivered. store.mu is held.
func (s *store) answer(sh *logShard, room muc.JID, d *delivery) {
	a := sh.answers[room]
	if a == nil {
		a = new(answers)
		sh.answers[room] = a
	}
	a.open, a.last, a.said = a.open+1, d, time.Now()
	d.whenDone(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if a.open--; a.open == 0 {
			delete(sh.answers, room)
		}
		sh.less()
	})
}

// Delivered notes what was delivered by this node, or is on its way to those that have to.
func (s *store) Delivered(room muc.JID, at service.Position) {
	sh, r := s.get(room)
	if sh == nil || r == nil {
		return
	}
	s.mu.Lock()
	n := 0
	for n < len(r.steps) && r.steps[n].at.Compare(at) <= 0 {
		n++
	}
	steps := slices.Clone(r.steps[:n])
	r.steps = slices.Delete(r.steps, 0, n)
	isLast := len(r.steps) == 0
	for _, step := range steps {
		if open := sh.open[step.pos]; open != nil {
			open.delivered = true
		}
	}
	s.mu.Unlock()
	for i, step := range steps {
		end := func() {
			s.finish(sh, step.pos)
			if step.old && isLast && i == len(steps)-1 {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.settleRedo(sh, r)
			}
		}
		if step.due == nil {
			end()
		} else {
			step.due.whenDone(end)
		}
	}
}

// whenDelivered has a function called when what a room said last was delivered everywhere, unless
// the log has it: then another owner would say it.
func (s *store) whenDelivered(room muc.JID, f func()) {
	var last *delivery
	s.mu.Lock()
	if sh := s.shards[ShardOf(room)]; sh != nil && sh.answers[room] != nil {
		last = sh.answers[room].last
	}
	s.mu.Unlock()
	if last == nil {
		f()
		return
	}
	last.whenDone(f)
}

// redoFor is how long the mark of a shard waits for rooms that cannot be loaded.
const redoFor = 5 * time.Minute

// upTo is up to where all was delivered. store.mu is held.
func (sh *logShard) upTo() Pos {
	if len(sh.redo) > 0 {
		if time.Since(sh.taken) < redoFor {
			return sh.marked
		}
		clear(sh.redo)
	}
	pos := sh.top
	for at := range maps.Values(sh.writing) {
		pos = min(pos, at)
	}
	for at := range sh.open {
		pos = min(pos, at-1)
	}
	return max(pos, sh.marked)
}

// markAll moves the marks of all shards that have moved.
func (s *store) markAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shards {
		if sh != nil && !sh.marking && !sh.leaving && sh.upTo() > sh.marked {
			sh.marking = true
			s.n.task(func() { _ = s.mark(s.n.ctx, sh) })
		}
	}
}

// mark moves the mark of a shard. sh.marking is set.
func (s *store) mark(ctx context.Context, sh *logShard) error {
	s.mu.Lock()
	pos, rev := sh.upTo(), sh.rev
	s.mu.Unlock()
	rev, err := s.n.cfg.Log.SetMark(ctx, sh.number, rev, pos)
	if err != nil {
		pos, rev = s.readMark(ctx, sh)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.marking = false
	sh.less()
	if rev != 0 {
		sh.rev, sh.marked = rev, pos
	}
	return err
}

// readMark reads the mark of a shard after it could not be moved; zeros if it is not this
// node's. Who takes a shard over is its owner before it moves the mark: so if this node is the
// owner still, what was read before is of this node.
func (s *store) readMark(ctx context.Context, sh *logShard) (Pos, uint64) {
	pos, rev, err := s.n.cfg.Log.Mark(ctx, sh.number)
	if err != nil {
		return 0, 0
	}
	o, err := s.n.cfg.Owners.Get(ctx, sh.number)
	if err != nil {
		return 0, 0
	}
	s.n.setOwner(sh.number, o)
	if o.id() != s.n.id || o.Epoch != sh.epoch {
		return 0, 0
	}
	return pos, rev
}

// prove writes to the log, or, without a shard, asks a majority: an error if this node may not belong to it.
func (s *store) prove() error {
	ctx, cancel := context.WithTimeout(s.n.ctx, suspectAfter)
	defer cancel()
	s.mu.Lock()
	var mine *logShard
	for _, sh := range s.shards {
		if sh != nil && !sh.marking && !sh.leaving {
			mine = sh
			sh.marking = true
			break
		}
	}
	s.mu.Unlock()
	if mine == nil { // what a majority knows
		_, err := s.n.cfg.Owners.Get(ctx, 0)
		return err
	}
	return s.mark(ctx, mine)
}

// drained waits until all of a shard was delivered everywhere, and notes it.
func (s *store) drained(ctx context.Context, shard int) error {
	sh, err := s.quiet(ctx, shard)
	if err != nil {
		return err
	}
	s.mu.Lock()
	moved := sh.upTo() > sh.marked
	sh.marking = sh.marking || moved
	s.mu.Unlock()
	if moved {
		return s.mark(ctx, sh)
	}
	return nil
}

// quiet waits until all of a shard was delivered everywhere, and nothing is under way. Its mark is not moved
// any more, but by the caller.
func (s *store) quiet(ctx context.Context, shard int) (*logShard, error) {
	s.mu.Lock()
	sh := s.shards[shard]
	if sh != nil {
		sh.leaving = true
	}
	s.mu.Unlock()
	for sh != nil {
		s.mu.Lock()
		sh.upTo() // waits no longer for rooms that cannot be loaded
		busy := len(sh.redo)+len(sh.open)+len(sh.writing)+len(sh.answers) > 0 || sh.marking
		s.mu.Unlock()
		if !busy {
			return sh, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-sh.lost:
			return nil, service.ErrNotOwner
		case <-sh.changed:
		}
	}
	return nil, service.ErrNotOwner
}

// redoDone waits until what others left to do again in a shard is done, delivered and listed, while the shard is
// worked on: for the list, rooms are asked, which say nothing any more when it is handed over.
func (s *store) redoDone(ctx context.Context, shard int) {
	eventually(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		sh := s.shards[shard]
		return sh == nil || len(sh.redo) == 0
	})
}

// less notes that less is under way. store.mu is held.
func (sh *logShard) less() {
	select {
	case sh.changed <- struct{}{}:
	default:
	}
}
