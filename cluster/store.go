package cluster

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// store is the store of this node's rooms: a [service.LiveStore] over a [Log]. It writes under the
// epoch of the shard's ownership, and what it writes comes after the message that it knows to be
// the last, so that of two nodes one is refused. Its calls wait while the engine is not there: a
// room stands still then.
type store struct {
	n *Node

	mu     sync.Mutex
	shards [Shards]*logShard // those that this node has
	warned time.Time         // when it was said last that the engine fails

	lines   chan struct{} // one for each line of the list that is being put
	listing atomic.Pointer[listing]
}

// logShard is a shard while this node has it.
type logShard struct {
	number int
	epoch  Epoch
	lost   chan struct{} // closed when this node has it no more
	// changed has something when less is under way.
	changed chan struct{}
	// from is up to where all was delivered when this node took the shard over. What others wrote
	// after it is done again.
	from Pos

	// store.mu guards what follows.
	rev     uint64 // of the mark
	marked  Pos
	marking bool
	top     Pos // the last position that is known
	rooms   map[muc.JID]*logRoom
	writing map[*logRoom]Pos     // appends under way, and top when they began
	open    map[Pos]*openStep    // stored, and not delivered or listed yet
	redo    map[muc.JID]*logRoom // rooms with something of others that is not delivered yet; nil until it is loaded
	redone  map[muc.JID]bool     // rooms of which that was delivered
	handed  map[muc.JID]*handed  // rooms as the last owner gave them to this one; until they are loaded
	answers map[muc.JID]*answers // what rooms said of which nothing is stored, until it was delivered
	leaving bool                 // it is being handed over: its mark stays where it is
	taken   time.Time            // since when this node has it
}

// openStep is a message of which something is left to do before the mark may pass it.
type openStep struct {
	stored    time.Time
	left      int
	delivered bool // by this node, or it is on its way to those that have to
}

// answers are deliveries of a room of which nothing is stored.
type answers struct {
	open int
	last *delivery
	said time.Time // when that began
}

// logRoom is what is known of the log of a room. service calls the store for a room once at a time.
type logRoom struct {
	room muc.JID
	gone bool // when it was loaded

	// store.mu guards these.

	// owed is that the room is gone, where the log does not know it yet because what it said last
	// is still on its way; else nil. The calls for its room alone change it.
	owed   *service.Batch
	last   Pos // of its last message
	steps  []placed
	due    *delivery // what it said last
	listed Entry     // as the list has it; the zero Entry if that is not known
}

// placed is a step that is stored and was not delivered.
type placed struct {
	at  service.Position
	pos Pos
	due *delivery // nil until it is being delivered
	old bool      // of another owner
}

func newStore(n *Node) *store {
	return &store{n: n, lines: make(chan struct{}, mostLines)}
}

// newShard is a shard under a new epoch, of which all up to a position was delivered, and rooms
// have something after it.
func newShard(shard int, epoch Epoch, pos, marked Pos, rev uint64, redo []muc.JID) *logShard {
	sh := &logShard{number: shard, epoch: epoch, lost: make(chan struct{}), changed: make(chan struct{}, 1), from: pos, rev: rev, marked: marked, top: pos,
		taken: time.Now(), rooms: map[muc.JID]*logRoom{}, writing: map[*logRoom]Pos{}, open: map[Pos]*openStep{}, redo: map[muc.JID]*logRoom{}, redone: map[muc.JID]bool{}, answers: map[muc.JID]*answers{}}
	for _, room := range redo {
		sh.redo[room] = nil
	}
	return sh
}

// open has a shard from now on.
func (s *store) open(sh *logShard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shards[sh.number] = sh
}

// close has a shard no more, if this node has it under an earlier epoch.
func (s *store) close(shard int, epoch Epoch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shards[shard]
	if sh == nil || sh.epoch >= epoch {
		return false
	}
	close(sh.lost)
	s.shards[shard] = nil
	return true
}

// epochOf is under which epoch this node has a shard.
func (s *store) epochOf(shard int) (epoch Epoch, has bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.shards[shard]; sh != nil {
		return sh.epoch, true
	}
	return 0, false
}

// get is a shard that this node has, nil if it has it not, and a room in it.
func (s *store) get(room muc.JID) (*logShard, *logRoom) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shards[ShardOf(room)]
	if sh == nil {
		return nil, nil
	}
	return sh, sh.rooms[room]
}

func notOwner(room muc.JID) error { return fmt.Errorf("%w: %s", service.ErrNotOwner, room) }

// pause waits before something is tried again. It is longer each time.
func (sh *logShard) pause(ctx context.Context, try int) error {
	select {
	case <-sh.lost:
		return service.ErrNotOwner
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(20*time.Millisecond<<min(try, 10), time.Second)):
		return nil
	}
}

// again is pause after a call of the engine that failed. Rooms stand still meanwhile: where that
// lasts, the log says so now and then.
func (s *store) again(ctx context.Context, sh *logShard, try int, err error) error {
	if try >= warnAfter {
		s.mu.Lock()
		now := time.Now()
		tell := now.Sub(s.warned) >= warnEvery
		if tell {
			s.warned = now
		}
		s.mu.Unlock()
		if tell {
			s.n.warn("rooms wait for the engine", sh.number, err)
		}
	}
	return sh.pause(ctx, try)
}

// The first warning comes after as many tries, which takes 5 seconds, and others not more often.
const (
	warnAfter = 8
	warnEvery = 30 * time.Second
)

// waitUncut waits while this node may be cut off, and reports whether it has the shard then.
func (s *store) waitUncut(ctx context.Context, shard int) bool {
	s.mu.Lock()
	sh := s.shards[shard]
	s.mu.Unlock()
	for try := 0; sh != nil && s.n.cut(); try++ {
		if sh.pause(ctx, try) != nil {
			return false
		}
	}
	return sh != nil && ctx.Err() == nil
}

// Append stores what became of rooms.
func (s *store) Append(ctx context.Context, batches []service.Batch) error {
	for i := range batches { // one: see Limits.StoreBatch
		if err := s.append(ctx, &batches[i]); err != nil {
			return err
		}
	}
	return nil
}

// messageOf is a batch as it is stored.
func messageOf(b *service.Batch) Message {
	m := Message{Room: b.Room, ID: rand.Text(), Kind: Step}
	switch {
	case b.Gone && len(b.Sources) > 0:
		m.Kind, m.Body = Gone, encode(snapshotBody{Sources: b.Sources})
	case b.Gone:
		m.Kind = Gone
	case b.Snapshot != nil:
		m.Kind, m.Body = Snapshot, encode(snapshotBody{b.Snapshot, b.Sources})
	default:
		m.Body = encode(stepBody{b.Inputs, b.Events})
	}
	return m
}

func (s *store) append(ctx context.Context, b *service.Batch) error {
	sh, r := s.get(b.Room)
	switch {
	case sh == nil:
		return notOwner(b.Room)
	case r == nil:
		var err error
		if r, err = s.recall(ctx, sh, b.Room); err != nil {
			return err
		}
	}
	b.Inputs = append(s.n.intake.underWay(sh.number, b.Before), b.Inputs...)
	m := messageOf(b)
	m.Epoch = sh.epoch
	switch {
	case m.Kind == Step && r.owed != nil: // the room is made again
		if err := s.pay(ctx, sh, r); err != nil {
			return err
		}
	case m.Kind == Step || s.settled(ctx, sh, r, settleFor):
	case m.Kind == Gone:
		s.owe(r, &service.Batch{Room: b.Room, Gone: true, Entry: service.Entry{Room: b.Room}, Sources: slices.Clone(b.Sources)})
		return nil
	default:
		return fmt.Errorf("%w: %s: not all of it has been delivered", service.ErrNotYet, b.Room)
	}
	return s.store(ctx, sh, r, m, b)
}

// owe notes that a room is gone, or that the log knows that.
func (s *store) owe(r *logRoom, gone *service.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.owed = gone
}

// pay stores that a room is gone when what it said last has been delivered everywhere.
func (s *store) pay(ctx context.Context, sh *logShard, r *logRoom) error {
	for try := 0; !s.settled(ctx, sh, r, settleFor); try++ {
		if err := sh.pause(ctx, try); err != nil {
			return err
		}
	}
	gone := r.owed
	m := messageOf(gone)
	m.Epoch = sh.epoch
	s.owe(r, nil)
	return s.store(ctx, sh, r, m, gone)
}

// mostLines is how many lines of the list are being put at the same time. Where the engine does not take them, further
// rooms of which another line is to be put wait.
const mostLines = 1000

// store stores a message, and what the list says of the room then.
func (s *store) store(ctx context.Context, sh *logShard, r *logRoom, m Message, b *service.Batch) error {
	e := Entry{Entry: b.Entry, Gone: b.Gone}
	s.mu.Lock()
	changes := e.differs(&r.listed, s.n.cfg.Service.Now())
	s.mu.Unlock()
	if changes {
		select {
		case s.lines <- struct{}{}:
		case <-sh.lost:
			return notOwner(r.room)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	after := r.last
	sh.writing[r] = sh.top
	s.mu.Unlock()
	pos, err := s.write(ctx, sh, m, after)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(sh.writing, r)
	sh.less()
	if err != nil {
		if changes {
			<-s.lines
		}
		if sh.rooms[r.room] == r && !errors.Is(err, ErrTooLarge) {
			delete(sh.rooms, r.room) // what is the last is not known any more
		}
		return err
	}
	r.last, sh.top = pos, max(sh.top, pos)
	left := 0
	if m.Kind == Step {
		left++ // to be delivered
		r.steps = append(r.steps, placed{at: b.At(), pos: pos})
	}
	if changes {
		left++
		e.At = pos
		r.listed = e
		s.n.tasks.Go(func() {
			defer func() { <-s.lines }()
			s.put(sh, e)
		})
	}
	if left > 0 {
		sh.open[pos] = &openStep{stored: time.Now(), left: left, delivered: m.Kind != Step}
	}
	return nil
}

// settled waits a moment until all that a room said was delivered everywhere, and reports whether
// it was.
func (s *store) settled(ctx context.Context, sh *logShard, r *logRoom, most time.Duration) bool {
	s.mu.Lock()
	due, open := r.due, len(r.steps) > 0
	s.mu.Unlock()
	return !open && (due == nil || isDone(ctx, due, most)) && s.answered(ctx, sh, r.room, most)
}

// answered waits until all is delivered that a room said and of which nothing is stored, until some
// time after it was said, and reports whether it was.
func (s *store) answered(ctx context.Context, sh *logShard, room muc.JID, most time.Duration) bool {
	for {
		s.mu.Lock()
		a := sh.answers[room]
		if a == nil {
			s.mu.Unlock()
			return true
		}
		last, rest := a.last, most-time.Since(a.said)
		s.mu.Unlock()
		if rest <= 0 || !isDone(ctx, last, rest) {
			return false
		}
	}
}

// isDone waits a moment until something is delivered everywhere, and reports whether it is.
func isDone(ctx context.Context, d *delivery, most time.Duration) bool {
	done := make(chan struct{})
	d.whenDone(func() { close(done) })
	select {
	case <-done:
		return true
	case <-time.After(most):
	case <-ctx.Done():
	}
	return false
}

// settleFor is how long a snapshot waits for other nodes to deliver what was before it.
const settleFor = 500 * time.Millisecond

// write appends a message, and finds out what became of it however often that takes.
func (s *store) write(ctx context.Context, sh *logShard, m Message, after Pos) (Pos, error) {
	for try := 0; ; try++ {
		if !s.waitUncut(ctx, sh.number) {
			return 0, cmp.Or(ctx.Err(), notOwner(m.Room))
		}
		pos, err := s.n.cfg.Log.Append(ctx, m, after)
		if err == nil || errors.Is(err, ErrTooLarge) {
			return pos, err
		}
		last, lastErr := s.n.cfg.Log.Last(ctx, m.Room)
		switch {
		case lastErr != nil:
		case last.ID == m.ID:
			return last.Pos, nil
		case last.Epoch > sh.epoch:
			s.fenced(sh)
			return 0, notOwner(m.Room)
		case last.Pos != after: // it was written before this node took the room, or the log has forgotten that it is gone
			return 0, notOwner(m.Room)
		}
		if err := s.again(ctx, sh, try, err); err != nil {
			return 0, err
		}
	}
}

// fenced gives up a shard of which the log says that another node has it.
func (s *store) fenced(sh *logShard) {
	s.n.cfg.Observer.Fenced()
	s.n.lose(sh.number, sh.epoch+1)
	s.n.verify(sh.number)
}

// differs reports whether the list has to be changed. When a room wants to be woken matters only
// while nobody is inside; being woken too early does no harm.
func (e *Entry) differs(listed *Entry, now time.Time) bool {
	if e.Inhabited {
		e.Due = time.Time{}
	}
	a, b := *e, *listed
	a.At, b.At = 0, 0
	if a.Due.IsZero() || !b.Due.IsZero() && !b.Due.After(a.Due) && b.Due.After(now) {
		a.Due, b.Due = time.Time{}, time.Time{}
	}
	return a != b
}

// put writes an entry, and tells the other nodes if it is in the directory.
func (s *store) put(sh *logShard, e Entry) {
	for try := 0; ; try++ {
		err := s.n.cfg.Log.PutEntry(s.n.ctx, sh.number, e)
		if err == nil {
			break
		}
		if s.again(s.n.ctx, sh, try, err) != nil {
			return
		}
	}
	s.n.tellAll(&outBody{Listed: []Entry{e}})
	s.finish(sh, e.At)
}

// finish notes that one thing less is left to do of a message.
func (s *store) finish(sh *logShard, pos Pos) {
	s.mu.Lock()
	step := sh.open[pos]
	if step == nil {
		s.mu.Unlock()
		return
	}
	step.left--
	done := step.left == 0
	if done {
		delete(sh.open, pos)
		sh.less()
	}
	s.mu.Unlock()
	if done {
		s.n.cfg.Observer.Lag(time.Since(step.stored))
	}
}

// Load reads a room, after a claim if another node wrote to it last.
func (s *store) Load(ctx context.Context, room muc.JID) (service.Saved, error) {
	sh, r := s.get(room)
	switch {
	case sh == nil:
		return service.Saved{}, notOwner(room)
	case r != nil && r.owed != nil:
		return service.Saved{Sources: slices.Clone(r.owed.Sources)}, nil
	}
	for try := 0; ; try++ {
		if !s.waitUncut(ctx, sh.number) {
			return service.Saved{}, cmp.Or(ctx.Err(), notOwner(room))
		}
		saved, r, err := s.load(ctx, sh, room)
		switch {
		case err == nil:
			s.keep(sh, r)
			return saved, nil
		case errors.Is(err, service.ErrNotOwner):
			return saved, err
		case errors.Is(err, muc.ErrCorrupt), errors.Is(err, ErrTooLarge): // than this node takes
			s.mu.Lock()
			delete(sh.redo, room) // it is left alone
			s.mu.Unlock()
			return saved, err
		}
		if err := s.again(ctx, sh, try, err); err != nil {
			return saved, err
		}
	}
}

// claim writes that the log of a room, up to its last message, is this node's now.
func (s *store) claim(ctx context.Context, sh *logShard, room muc.JID, last Pos) (Pos, error) {
	return s.n.cfg.Log.Append(ctx, Message{Room: room, ID: rand.Text(), Epoch: sh.epoch, Kind: Claim}, last)
}

// load is Load, once.
func (s *store) load(ctx context.Context, sh *logShard, room muc.JID) (saved service.Saved, r *logRoom, err error) {
	if saved, r := s.receive(ctx, sh, room); r != nil {
		return saved, r, nil
	}
	log := s.n.cfg.Log
	last, err := log.Last(ctx, room)
	r = &logRoom{room: room, last: last.Pos}
	switch {
	case err != nil:
		return saved, nil, err
	case last.Epoch > sh.epoch:
		s.fenced(sh)
		return saved, nil, notOwner(room)
	case last.Kind == "":
		r.gone = true
		return saved, r, nil
	case last.Kind == Gone:
		r.gone = true
		saved, err = s.assemble(sh, r, []Message{last})
		return saved, r, err
	}
	// What is up to the last message does not change any more once a claim is stored after that.
	claimed := make(chan error, 1)
	go func() {
		if last.Epoch == sh.epoch {
			claimed <- nil
			return
		}
		pos, err := s.claim(ctx, sh, room, last.Pos)
		r.last = pos
		claimed <- err
	}()
	var messages []Message
	for m, err := range log.Read(ctx, room, last.Pos) {
		if err != nil {
			<-claimed
			return saved, nil, err
		}
		messages = append(messages, m)
	}
	if err := <-claimed; err != nil {
		return saved, nil, err // and look again
	}
	saved, err = s.assemble(sh, r, messages)
	return saved, r, err
}

// assemble makes of messages what the service wants to know.
func (s *store) assemble(sh *logShard, r *logRoom, messages []Message) (saved service.Saved, err error) {
	s.mu.Lock()
	redone := sh.redone[r.room]
	s.mu.Unlock()
	for _, m := range messages {
		switch m.Kind {
		case Snapshot:
			var body snapshotBody
			err = json.Unmarshal(m.Body, &body)
			saved, r.steps = service.Saved{Snapshot: body.Snapshot, Sources: body.Sources}, nil
		case Gone:
			var body snapshotBody
			if len(m.Body) > 0 {
				err = json.Unmarshal(m.Body, &body)
			}
			saved, r.steps = service.Saved{Sources: body.Sources}, nil
		case Step:
			var body stepBody
			if err = json.Unmarshal(m.Body, &body); err != nil {
				break
			}
			step := service.Step{Inputs: body.Inputs, Events: body.Events}
			if len(step.Events) == 0 {
				err = errors.New("a step without events")
				break
			}
			saved.Steps = append(saved.Steps, step)
			if old := m.Epoch < sh.epoch; old && m.Pos > sh.from && !redone || !old && s.isUndelivered(sh, m.Pos) {
				r.steps = append(r.steps, placed{at: step.At(), pos: m.Pos, old: old})
			} else {
				saved.Delivered = step.At()
			}
		}
		if err != nil {
			return saved, fmt.Errorf("%w: %s: message %d: %w", muc.ErrCorrupt, r.room, m.Pos, err)
		}
	}
	return saved, nil
}

// isUndelivered reports whether a step that this node has stored was not let out.
func (s *store) isUndelivered(sh *logShard, pos Pos) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := sh.open[pos]
	return step != nil && !step.delivered
}

// keep remembers a room that was loaded.
func (s *store) keep(sh *logShard, r *logRoom) {
	s.n.sweepLater()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shards[sh.number] != sh {
		return
	}
	s.forgetSome()
	if was := sh.rooms[r.room]; was != nil {
		r.listed = was.listed
	}
	sh.rooms[r.room] = r
	sh.top = max(sh.top, r.last)
	_, redo := sh.redo[r.room]
	switch {
	case len(r.steps) > 0 && r.steps[0].old:
		sh.redo[r.room] = r
	case redo:
		s.settleRedo(sh, r)
	}
}

// settleRedo notes that nothing is left of a room that others may not have delivered, once the
// list says what the log says: who wrote that may not have come to it. store.mu is held.
func (s *store) settleRedo(sh *logShard, r *logRoom) {
	if sh.redone[r.room] {
		return
	}
	sh.redone[r.room] = true
	e := Entry{Entry: service.Entry{Room: r.room}, At: r.last, Gone: true}
	s.n.tasks.Go(func() {
		if !r.gone {
			var err error
			if e.Entry, err = s.n.rooms.Entry(s.n.ctx, r.room); err != nil {
				return // it is another node's, or cannot be loaded
			}
			e.Gone = false
		}
		s.put(sh, e)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(sh.redo, r.room)
		sh.less()
	})
}

// recall asks the log for the end of a room that was forgotten since there were too many.
func (s *store) recall(ctx context.Context, sh *logShard, room muc.JID) (*logRoom, error) {
	for try := 0; ; try++ {
		if !s.waitUncut(ctx, sh.number) {
			return nil, cmp.Or(ctx.Err(), notOwner(room))
		}
		last, err := s.n.cfg.Log.Last(ctx, room)
		switch {
		case err != nil:
		case last.Epoch != sh.epoch:
			return nil, notOwner(room)
		default:
			r := &logRoom{room: room, last: last.Pos}
			s.keep(sh, r)
			return r, nil
		}
		if err := s.again(ctx, sh, try, err); err != nil {
			return nil, err
		}
	}
}

// forgetSome forgets rooms of which nothing is under way, if there are too many; the log knows them. store.mu is held.
func (s *store) forgetSome() {
	known := 0
	for _, sh := range s.shards {
		if sh != nil {
			known += len(sh.rooms)
		}
	}
	for _, sh := range s.shards {
		if known < s.n.cfg.Limits.Rooms || sh == nil {
			continue
		}
		n := len(sh.rooms)/10 + 1
		for room, r := range sh.rooms {
			if _, writing := sh.writing[r]; n > 0 && !writing && len(r.steps) == 0 && r.owed == nil {
				delete(sh.rooms, room)
				n--
			}
		}
	}
}
