package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// How a shard is handed over while all is well. Its rooms take nothing meanwhile, so the new owner is told
// what it would have to ask the engine for: how far all was delivered, and the rooms as they are. It
// still writes a claim to each of them, after the message that it was told is the last: if that is
// not true, it reads the room from the log, as it does where the message that hands the shard over is lost.

const (
	// moveFor is how long a move may take before it is given up.
	moveFor = 10 * time.Second
	// movesAtOnce is how many shards a node hands over at the same time. More of them are done sooner
	// together, but each takes nothing for longer, as it waits for the others.
	movesAtOnce = 1
	// handFor is how long the new owner has to say that it is that, until all nodes are told so.
	handFor = 250 * time.Millisecond
	// handBytes is how much goes into the message that hands a shard over, which the bus takes. The new
	// owner reads other rooms, and finds those in the list for which there is no place at all.
	handBytes = 768 << 10
)

// moves are the shards that are being handed over.
type moves struct {
	limit chan struct{}
	mu    sync.Mutex
	waits map[int]*moveWait
}

// moveWait waits until the new owner has loaded the rooms.
type moveWait struct {
	epoch  Epoch
	loaded chan struct{} // closed then
	took   bool          // under that epoch
}

func newMoves() moves {
	return moves{limit: make(chan struct{}, movesAtOnce), waits: map[int]*moveWait{}}
}

// loaded hears that a shard has an owner who has loaded its rooms.
func (m *moves) loaded(shard int, epoch Epoch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.waits[shard]; w != nil && epoch >= w.epoch {
		w.took = epoch == w.epoch
		close(w.loaded)
		delete(m.waits, shard)
	}
}

// expect is what loaded closes.
func (m *moves) expect(shard int, epoch Epoch) *moveWait {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := &moveWait{epoch: epoch, loaded: make(chan struct{})}
	m.waits[shard] = w
	return w
}

// beginMove hands a shard over, when it comes to it. Node.mu is held.
func (n *Node) beginMove(shard int, o Owner) {
	n.shards[shard].busy++
	n.tasks.Go(func() {
		defer n.isDone(shard)
		ctx, cancel := context.WithTimeout(n.ctx, moveFor)
		n.store.redoDone(ctx, shard)
		cancel()
		select {
		case n.moves.limit <- struct{}{}:
			defer func() { <-n.moves.limit }()
		case <-n.ctx.Done():
			return
		}
		n.mu.Lock()
		successor := n.peers.successors(time.Now(), n.without())[shard]
		is := n.owners[shard].Epoch == o.Epoch && n.owned[shard].Load()
		n.mu.Unlock()
		if is && successor != n.id && successor != "" {
			n.move(shard, o, successor)
		}
	})
}

// move hands a shard over: what came before is done and delivered first.
func (n *Node) move(shard int, o Owner, successor string) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(n.ctx, moveFor)
	defer cancel()
	n.intake.pause(shard, true)
	n.owned[shard].Store(false)
	f := handFrame{Shard: shard}
	err := n.collect(ctx, shard, &f)
	n.store.close(shard, o.Epoch+1)
	n.intake.reset(shard)
	n.countOwned()
	next, notGiven := n.giveUp(ctx, shard, o, successor, err)
	if notGiven != nil {
		n.warn("a shard cannot be handed over for now", shard, notGiven)
		ctx, cancel := n.engineCtx()
		defer cancel()
		if is, err := n.cfg.Owners.Get(ctx, shard); err == nil {
			n.setOwner(shard, is)
		}
		return // assign takes it again, if it is still this node's
	}
	if err != nil { // the new owner finds out what became of that
		n.warn("a shard was handed over before all of it had been delivered", shard, err)
		n.tellOwner(shard, next)
		return
	}
	f.Epoch = next.Epoch
	wait := n.moves.expect(shard, next.Epoch)
	most := handFor
	if n.cfg.Bus.Publish("hand."+successor, encode(&f)) != nil {
		most = 0
	}
	select {
	case <-wait.loaded:
	case <-time.After(most):
		n.tellOwner(shard, next)
		select {
		case <-wait.loaded:
		case <-ctx.Done():
			return
		}
	case <-ctx.Done():
		return
	}
	if wait.took {
		n.cfg.Observer.Moved(shard, time.Since(began))
	}
}

var errSuccessorGone = errors.New("the node that should have it is not there any more")

// giveUp makes a shard another node's, after it was collected or could not be. Not before: what the next owner says
// goes before what this one has said and is still on its way.
func (n *Node) giveUp(ctx context.Context, shard int, o Owner, successor string, collected error) (next Owner, err error) {
	if ctx.Err() != nil { // there was no time to collect all of it
		var cancel context.CancelFunc
		ctx, cancel = n.engineCtx()
		defer cancel()
	}
	if shard > 0 || n.cfg.Home != nil {
		return n.give(ctx, shard, o, successor)
	}
	if collected != nil {
		return Owner{}, collected
	}
	n.yield(ctx, o.Epoch)
	if next, err = n.give(ctx, shard, o, successor); next.Epoch == 0 {
		n.keepOn(o.Epoch)
	}
	return next, err
}

// give writes that a shard is another node's.
func (n *Node) give(ctx context.Context, shard int, o Owner, successor string) (Owner, error) {
	n.mu.Lock()
	to := n.peers.known[successor]
	lives := n.peers.lives(successor, time.Now())
	n.mu.Unlock()
	if !lives {
		return Owner{}, errSuccessorGone
	}
	epoch, err := n.cfg.Owners.CompareAndSet(ctx, shard, o.Epoch, to.node, to.life)
	return Owner{to.node, to.life, epoch}, err
}

// collect ends what is under way in a shard, and writes down what the next owner wants to know.
func (n *Node) collect(ctx context.Context, shard int, f *handFrame) error {
	var mu sync.Mutex
	var rooms []handed
	err := n.rooms.HandOver(ctx, func(room muc.JID) bool { return ShardOf(room) == shard }, func(h service.Handed) {
		mu.Lock()
		defer mu.Unlock()
		rooms = append(rooms, handed{Entry: Entry{Entry: h.Entry}, Snapshot: h.Saved.Snapshot, Sources: h.Saved.Sources,
			Unshot: h.Saved.Unshot, UnshotBytes: h.Saved.UnshotBytes})
	})
	if err != nil {
		return err
	}
	sh, err := n.store.quiet(ctx, shard)
	if err != nil {
		return err
	}
	f.fill(n.store.describe(sh, f, rooms), handBytes)
	return nil
}

// describe tells where the log of a shard is, and that of its rooms.
func (s *store) describe(sh *logShard, f *handFrame, rooms []handed) (known []handed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.Pos, f.Mark, f.Rev = sh.upTo(), sh.marked, sh.rev
	for _, h := range rooms {
		if r := sh.rooms[h.Entry.Room]; r != nil {
			h.Last, h.Listed = r.last, !h.Entry.differs(&r.listed, s.n.cfg.Service.Now())
			known = append(known, h)
		}
	}
	return known
}

// fill takes in rooms, as far as there is place.
func (f *handFrame) fill(rooms []handed, place int) {
	for _, h := range rooms {
		text := encode(h)
		if len(text) > place {
			h.Snapshot, h.Sources = nil, nil
			text = encode(h)
		}
		if len(text) <= place {
			f.Rooms, place = append(f.Rooms, text), place-len(text)
		}
	}
}

// onHand takes a shard that the node which had it hands over, unless it takes it already.
func (n *Node) onHand(data []byte) {
	var f handFrame
	if json.Unmarshal(data, &f) != nil || f.Shard < 0 || f.Shard >= Shards {
		return
	}
	if had, has := n.store.epochOf(f.Shard); has && had < f.Epoch { // it did not hear that it lost the shard meanwhile
		n.setOwner(f.Shard, Owner{n.cfg.Node, n.life, f.Epoch})
		return // assign takes it, when what it had is forgotten
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	state := &n.shards[f.Shard]
	if n.isCut(time.Now()) || state.busy > 0 || state.used >= f.Epoch || n.owners[f.Shard].Epoch > f.Epoch {
		return
	}
	state.used = f.Epoch
	state.busy++
	n.tasks.Go(func() {
		defer n.isDone(f.Shard)
		n.takeHanded(&f)
	})
}

// takeHanded begins to work on a shard that was handed over to this node.
func (n *Node) takeHanded(f *handFrame) {
	o := Owner{n.cfg.Node, n.life, f.Epoch}
	sh := newShard(f.Shard, f.Epoch, f.Pos, f.Mark, f.Rev, nil)
	sh.handed = map[muc.JID]*handed{}
	var entries []service.Entry
	for _, text := range f.Rooms {
		h := new(handed)
		if json.Unmarshal(text, h) != nil || ShardOf(h.Entry.Room) != f.Shard {
			continue // it is found in the list
		}
		if entries = append(entries, h.Entry.Entry); h.Snapshot != nil {
			sh.handed[h.Entry.Room] = h
		}
	}
	n.store.open(sh)
	if !n.work(f.Shard, o) {
		return
	}
	n.adoptRooms(f.Shard, entries)
	n.sayOwner(f.Shard, o, true)
	n.store.forgetHanded(sh)
	for n.owned[f.Shard].Load() { // what else there is
		ctx, cancel := n.engineCtx()
		entries, err := n.entries(ctx, f.Shard, map[muc.JID]bool{})
		cancel()
		if err == nil {
			n.adoptRooms(f.Shard, entries)
			return
		}
		if n.warn("a list of rooms cannot be read for now", f.Shard, err); sh.pause(n.ctx, warnAfter) != nil {
			return
		}
	}
}

// receive is a room as the last owner gave it to this node, once; nil if it did not, or if what the
// log has is not that.
func (s *store) receive(ctx context.Context, sh *logShard, room muc.JID) (service.Saved, *logRoom) {
	s.mu.Lock()
	h := sh.handed[room]
	delete(sh.handed, room)
	s.mu.Unlock()
	if h == nil {
		return service.Saved{}, nil
	}
	last, err := s.claim(ctx, sh, room, h.Last)
	if err != nil {
		return service.Saved{}, nil
	}
	r := &logRoom{room: room, last: last}
	if h.Listed {
		r.listed = h.Entry
	}
	return service.Saved{Snapshot: h.Snapshot, Sources: h.Sources, Unshot: h.Unshot, UnshotBytes: h.UnshotBytes}, r
}

// forgetHanded forgets what was not needed of what the last owner gave.
func (s *store) forgetHanded(sh *logShard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.handed = nil
}
