package cluster

import (
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// intake takes, for the rooms of this node, what the clients of all nodes say: of each node in the
// order of its numbers, each once.
type intake struct {
	n      *Node
	mu     sync.Mutex
	shards [Shards]struct {
		paused bool // it is being handed over
		from   map[string]*taken
	}
}

// taken is what was taken of one node for one shard under one epoch.
type taken struct {
	epoch Epoch
	last  uint64          // number of the last one
	asked time.Time       // when all that is open was asked for again
	under map[uint64]bool // those that are under way: taken and not done
	// failed are those that were not done: they are taken again when nothing is under way, so
	// that the order of a room holds.
	failed map[uint64]bool
	// ahead are those after last that are done all the same.
	ahead map[uint64]bool
}

// onIn takes a stanza from another node.
func (n *Node) onIn(data []byte) {
	var f inFrame
	if json.Unmarshal(data, &f) == nil && f.Shard >= 0 && f.Shard < Shards {
		n.intake.take(&f)
	}
}

// take takes a stanza, if it is the next one.
func (t *intake) take(f *inFrame) {
	if t.n.cut() {
		return
	}
	switch t.place(f) {
	case placeNone:
		return
	case placeDone:
		t.ack(f, f.Number)
		return
	case placeGap:
		t.ack(f, 0)
		return
	}
	el := elementOf(f.Text)
	err := muc.ErrNilStanza
	if el != nil {
		err = t.n.rooms.Submit(t.n.ctx, f.From, el, f.Gateway, f.Number, func(err error) {
			if err == nil {
				t.n.store.whenDelivered(f.Room, func() { t.done(f, nil) })
				return
			}
			t.done(f, err)
		})
	}
	if err != nil {
		t.done(f, err)
	}
}

// placement is what becomes of a stanza that has come.
type placement int

const (
	placeNone placement = iota // it comes again
	placeNext                  // it is taken
	placeDone                  // it was done before
	placeGap                   // one before it was lost
)

// gapEvery is how often it is asked again for what was lost, while more comes.
const gapEvery = 100 * time.Millisecond

// place decides what becomes of a stanza.
func (t *intake) place(f *inFrame) placement {
	epoch, has := t.n.store.epochOf(f.Shard)
	t.mu.Lock()
	defer t.mu.Unlock()
	sh := &t.shards[f.Shard]
	if !has || epoch != f.Epoch || sh.paused || !t.n.owned[f.Shard].Load() {
		return placeNone
	}
	if sh.from == nil {
		sh.from = map[string]*taken{}
	}
	x := sh.from[f.Gateway]
	if x == nil || x.epoch != epoch {
		x = &taken{epoch: epoch, under: map[uint64]bool{}, failed: map[uint64]bool{}, ahead: map[uint64]bool{}}
		sh.from[f.Gateway] = x
	}
	if f.Before == 0 { // nothing before it is open
		maps.DeleteFunc(x.ahead, func(number uint64, _ bool) bool { return number < f.Number })
	}
	switch {
	case len(x.failed) > 0, f.Number <= x.last && x.under[f.Number]:
		return placeNone
	case f.Number <= x.last:
		return placeDone
	case f.Before > x.last:
		if now := time.Now(); now.Sub(x.asked) >= gapEvery {
			x.asked = now
			return placeGap
		}
		return placeNone
	}
	x.last = f.Number
	if x.ahead[f.Number] {
		return placeDone
	}
	x.under[f.Number] = true
	return placeNext
}

// underWay are those of inputs whose answers may not have been delivered.
func (t *intake) underWay(shard int, inputs []service.Input) (open []service.Input) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, in := range inputs {
		if x := t.shards[shard].from[in.Source]; x != nil && x.under[in.Number] {
			open = append(open, in)
		}
	}
	return open
}

// done notes what became of a stanza.
func (t *intake) done(f *inFrame, err error) {
	undone := errors.Is(err, service.ErrNotOwner) || errors.Is(err, service.ErrClosed) || t.n.ctx.Err() != nil
	if err != nil && !undone {
		t.n.log.Warn("a stanza that another node has taken is none", "from", f.From, "error", err)
	}
	t.mu.Lock()
	x := t.shards[f.Shard].from[f.Gateway]
	if x == nil || x.epoch != f.Epoch {
		t.mu.Unlock()
		if !undone { // the shard is lost, but this was done before
			t.ack(f, f.Number)
		}
		return
	}
	delete(x.under, f.Number)
	if undone {
		x.failed[f.Number] = true
	}
	again := x.goBack()
	t.mu.Unlock()
	if !undone {
		t.ack(f, f.Number)
	}
	if again {
		t.ack(f, 0)
	}
}

// goBack begins again at the first that was not done, when nothing is under way.
func (x *taken) goBack() bool {
	if len(x.failed) == 0 || len(x.under) > 0 {
		return false
	}
	first := x.last
	for number := range x.failed {
		first = min(first, number)
	}
	for number := first; number <= x.last; number++ {
		if !x.failed[number] {
			x.ahead[number] = true
		}
	}
	x.last = first - 1
	clear(x.failed)
	return true
}

// ack tells a node that a stanza is done, or, with number 0, that all is wanted again.
func (t *intake) ack(f *inFrame, number uint64) {
	a := ackFrame{Shard: f.Shard, Epoch: f.Epoch, Number: number, Again: number == 0}
	if f.Gateway == t.n.id {
		t.n.gateway.acked(&a)
		return
	}
	_ = t.n.cfg.Bus.Publish("ack."+f.Gateway, encode(a))
}

// wantAgain asks all nodes for what is open for a shard.
func (n *Node) wantAgain(shard int, epoch Epoch) {
	n.mu.Lock()
	var all []string
	for of := range n.peers.known {
		all = append(all, of)
	}
	n.mu.Unlock()
	for _, of := range all {
		n.intake.ack(&inFrame{Gateway: of, Shard: shard, Epoch: epoch}, 0)
	}
}

// pause takes nothing for a shard, or takes again.
func (t *intake) pause(shard int, is bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shards[shard].paused = is
}

// reset forgets what was taken for a shard.
func (t *intake) reset(shard int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shards[shard].from = nil
}

// forget forgets a node that is no more.
func (t *intake) forget(of string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.shards {
		delete(t.shards[i].from, of)
	}
}
