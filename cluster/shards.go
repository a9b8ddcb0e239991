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

// Who has which shard. A record of the engine says it, changed by compare-and-set; it only routes:
// what a node writes that is mistaken is refused by the log.

// owns reports whether the service takes stanzas for a room.
func (n *Node) owns(room muc.JID) bool { return n.owned[ShardOf(room)].Load() }

// task runs a function that calls the engine; only so many at a time.
func (n *Node) task(f func()) {
	n.tasks.Go(func() {
		select {
		case n.limit <- struct{}{}:
			defer func() { <-n.limit }()
			f()
		case <-n.ctx.Done():
		}
	})
}

// warn tells of what is tried again, unless the node stops.
func (n *Node) warn(what string, shard int, err error) {
	if n.ctx.Err() == nil {
		n.log.Warn(what, "shard", shard, "error", err)
	}
}

// engineFor is how long one call of the engine may take before it is tried again.
const engineFor = 15 * time.Second

func (n *Node) engineCtx() (context.Context, context.CancelFunc) {
	return context.WithTimeout(n.ctx, engineFor)
}

// setOwner takes in who has a shard, if that is news.
func (n *Node) setOwner(shard int, o Owner) {
	n.mu.Lock()
	was := n.owners[shard]
	if o.Epoch <= was.Epoch {
		n.mu.Unlock()
		if shard == 0 && o.Epoch == was.Epoch { // the host may be about to be told: who is heard next counts on it
			n.findActive()
		}
		return
	}
	n.owners[shard] = o
	dead := !n.peers.lives(was.id(), time.Now())
	n.mu.Unlock()
	n.lose(shard, o.Epoch)
	if shard == 0 {
		n.findActive()
	}
	n.gateway.moved(shard, was, o, dead)
}

// onOwner hears that a shard has another owner.
func (n *Node) onOwner(data []byte) {
	var f ownerFrame
	if json.Unmarshal(data, &f) == nil {
		n.hearOwner(&f)
	}
}

func (n *Node) hearOwner(f *ownerFrame) {
	if f.Shard < 0 || f.Shard >= Shards {
		return
	}
	n.setOwner(f.Shard, Owner{Node: f.Node, Life: f.Life, Epoch: f.Epoch})
	if f.Loaded {
		n.moves.loaded(f.Shard, f.Epoch)
	}
	if id(f.Node, f.Life) == n.id {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.assignShard(f.Shard, time.Now())
	}
}

// tellOwner tells all nodes, this one too, who has a shard.
func (n *Node) tellOwner(shard int, o Owner) {
	n.sayOwner(shard, o, false)
	n.setOwner(shard, o)
}

func (n *Node) sayOwner(shard int, o Owner, loaded bool) {
	_ = n.cfg.Bus.Publish("owner", encode(ownerFrame{shard, o.Node, o.Life, o.Epoch, loaded}))
}

// verify asks the engine who has a shard.
func (n *Node) verify(shard int) {
	n.task(func() {
		ctx, cancel := n.engineCtx()
		defer cancel()
		if o, err := n.cfg.Owners.Get(ctx, shard); err == nil {
			n.setOwner(shard, o)
		}
	})
}

// look reads the owners of all shards.
func (n *Node) look() {
	ctx, cancel := n.engineCtx()
	defer cancel()
	owners, err := n.cfg.Owners.All(ctx)
	if err == nil {
		for shard, o := range owners {
			n.setOwner(shard, o)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looking, n.looked = false, time.Now()
}

// check finds out what this node has lost while it did not hear itself. It waits for nothing else: shards that are being
// taken over wait for it.
func (n *Node) check() {
	left := make(chan int, Shards)
	for shard := range Shards {
		if n.owned[shard].Load() {
			left <- shard
		}
	}
	close(left)
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for shard := range left {
				n.askOwner(shard)
			}
		})
	}
	all.Wait()
	if n.ctx.Err() != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.checking, n.heard = false, time.Now()
}

// askOwner asks the engine who has a shard until it answers.
func (n *Node) askOwner(shard int) {
	for n.ctx.Err() == nil {
		ctx, cancel := n.engineCtx()
		o, err := n.cfg.Owners.Get(ctx, shard)
		cancel()
		if err == nil {
			n.setOwner(shard, o)
			return
		}
		select {
		case <-n.ctx.Done():
		case <-time.After(beatEvery):
		}
	}
}

// assign takes the shards that should be this node's and have no owner that lives, and hands over
// those of its own that should be another's.
func (n *Node) assign(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.isCut(now) || now.Sub(n.began) < learnFor {
		return
	}
	for shard := range n.shards {
		n.assignShard(shard, now)
	}
}

// assignShard is assign for one shard. Node.mu is held.
func (n *Node) assignShard(shard int, now time.Time) {
	o, successor := n.owners[shard], n.peers.successors(now, n.without())[shard]
	switch mine := o.id() == n.id; {
	case n.shards[shard].busy > 0:
	case mine && !n.owned[shard].Load() && n.shards[shard].used < o.Epoch:
		n.begin(shard, func() { n.adopt(shard, o) })
	case mine && !n.owned[shard].Load(): // under each epoch a shard is opened once: what came of it then may be unknown
		n.begin(shard, func() { n.take(shard, o, now) })
	case successor == "":
	case mine && successor != n.id:
		n.beginMove(shard, o)
	case !mine && successor == n.id && !n.peers.lives(o.id(), now):
		n.begin(shard, func() { n.take(shard, o, now) })
	}
}

// without is who takes no shards: this node, if it stops. Node.mu is held.
func (n *Node) without() string {
	if n.closing || n.retired {
		return n.id
	}
	return ""
}

// begin has something done with a shard. Node.mu is held.
func (n *Node) begin(shard int, f func()) {
	n.shards[shard].busy++
	n.task(func() {
		defer n.isDone(shard)
		f()
	})
}

func (n *Node) isDone(shard int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shards[shard].busy--
}

// take takes a shard whose owner is dead, or that has none.
func (n *Node) take(shard int, was Owner, began time.Time) {
	ctx, cancel := n.engineCtx()
	defer cancel()
	epoch, err := n.cfg.Owners.CompareAndSet(ctx, shard, was.Epoch, n.cfg.Node, n.life)
	switch {
	case errors.Is(err, ErrConflict):
		if o, err := n.cfg.Owners.Get(ctx, shard); err == nil {
			n.setOwner(shard, o)
		}
	case err != nil:
		n.warn("a shard cannot be taken over for now", shard, err)
		n.verify(shard) // it may have been
	default:
		if n.adopt(shard, Owner{n.cfg.Node, n.life, epoch}) {
			n.cfg.Observer.Took(shard, time.Since(began))
		}
	}
}

// adopt begins to work on a shard that is this node's, and reports whether it does.
func (n *Node) adopt(shard int, o Owner) bool {
	ctx, cancel := n.engineCtx()
	defer cancel()
	n.mu.Lock()
	n.shards[shard].used = o.Epoch
	n.mu.Unlock()
	entries, err := n.openShard(ctx, shard, o.Epoch)
	if err != nil {
		n.warn("a shard cannot be read for now", shard, err)
		n.verify(shard)
		return false
	}
	if !n.work(shard, o) {
		return false
	}
	n.adoptRooms(shard, entries)
	n.sayOwner(shard, o, true)
	return true
}

// work takes stanzas for a shard, which the store has opened, unless it is another's by now.
func (n *Node) work(shard int, o Owner) bool {
	n.mu.Lock()
	mine := n.owners[shard].Epoch <= o.Epoch
	if mine {
		n.owned[shard].Store(true)
	}
	n.mu.Unlock()
	if !mine {
		n.store.close(shard, o.Epoch+1)
		return false
	}
	n.intake.pause(shard, false)
	n.countOwned()
	n.tellOwner(shard, o) // stanzas come from now on
	n.wantAgain(shard, o.Epoch)
	return true
}

// adoptRooms has the service take rooms over, and waits for those with somebody inside.
func (n *Node) adoptRooms(shard int, entries []service.Entry) {
	if err := n.rooms.Adopt(n.ctx, entries); err != nil && n.ctx.Err() == nil {
		n.log.Warn("rooms cannot be taken over", "shard", shard, "error", err)
	}
}

// openShard reads what has to be known of a shard, after it was made sure that nobody who had it
// moves its mark any more.
func (n *Node) openShard(ctx context.Context, shard int, epoch Epoch) ([]service.Entry, error) {
	log := n.cfg.Log
	pos, rev, err := log.Mark(ctx, shard)
	if err == nil {
		rev, err = log.SetMark(ctx, shard, rev, pos)
	}
	if err != nil {
		return nil, err
	}
	var redo []muc.JID
	left := map[muc.JID]bool{}
	for room, err := range log.Since(ctx, shard, pos) {
		switch {
		case errors.Is(err, muc.ErrCorrupt):
			n.log.Error("what is stored under no room's name is passed over", "shard", shard, "error", err)
			continue
		case err != nil:
			return nil, err
		}
		redo, left[room] = append(redo, room), true
	}
	entries, err := n.entries(ctx, shard, left)
	if err != nil {
		return nil, err
	}
	n.store.open(newShard(shard, epoch, pos, pos, rev, redo))
	return entries, nil
}

// entries are the lines of the list of a shard, with the rooms that have to be loaded whatever the
// list says of them.
func (n *Node) entries(ctx context.Context, shard int, left map[muc.JID]bool) (entries []service.Entry, err error) {
	for e, err := range n.cfg.Log.Entries(ctx, shard) {
		switch {
		case err != nil && errors.Is(err, muc.ErrCorrupt):
			n.log.Error("a line of the list of rooms is passed over", "shard", shard, "error", err)
			continue
		case err != nil:
			return nil, err
		case left[e.Room]:
			delete(left, e.Room)
			e.Inhabited = true // so that it is loaded
		case e.Gone:
			continue
		}
		entries = append(entries, e.Entry)
	}
	for room := range left {
		entries = append(entries, service.Entry{Room: room, Inhabited: true, Lasting: true})
	}
	return entries, nil
}

// lose gives up a shard if this node has it under an earlier epoch. Nobody is told.
func (n *Node) lose(shard int, epoch Epoch) {
	if !n.store.close(shard, epoch) {
		return
	}
	n.mu.Lock()
	had := n.owned[shard].Swap(false)
	n.mu.Unlock()
	n.intake.reset(shard)
	if !had {
		return
	}
	n.log.Info("another node has a shard", "shard", shard)
	n.countOwned()
	n.mu.Lock()
	n.shards[shard].busy++
	n.mu.Unlock()
	n.tasks.Go(func() {
		defer n.isDone(shard)
		_ = n.rooms.Release(n.ctx, func(room muc.JID) bool { return ShardOf(room) == shard })
	})
}

func (n *Node) countOwned() {
	count := 0
	for shard := range n.owned {
		if n.owned[shard].Load() {
			count++
		}
	}
	n.cfg.Observer.Owned(count)
}
