package cluster

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// What rooms say: from the node that has the room to those that have the clients.

// partBytes is after how many bytes a part of what a room says at once ends, and whoBytes after how
// many those do to whom one stanza of it goes: with the largest stanza that a room says by default,
// however much of it JSON escapes, it fits into 1 MiB, which a bus takes.
const (
	partBytes = 128 << 10
	whoBytes  = 64 << 10
)

// homes are the nodes that have the clients of an address.
func (n *Node) homes(to muc.JID) []string {
	if n.cfg.Home != nil {
		return n.cfg.Home(to)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.active == "" {
		return []string{n.id}
	}
	return []string{n.active}
}

// piece is a stanza for some of those it goes to.
type piece struct {
	whole
	at    int // which one it is
	who   []muc.JID
	bytes int // of them
}

type whole = service.Stanza

// To lists where it goes.
func (p *piece) To() []muc.JID { return p.who }

// split finds out which stanza goes to which node.
func (n *Node) split(stanzas []service.Stanza) (byNode map[string][]*piece, nodes []string) {
	byNode = map[string][]*piece{}
	for at, s := range stanzas {
		for _, to := range s.To() {
			for _, of := range n.homes(to) {
				list, is := byNode[of]
				if !is {
					nodes = append(nodes, of)
				}
				if last := len(list) - 1; last < 0 || list[last].at != at || list[last].bytes >= whoBytes {
					list = append(list, &piece{whole: s, at: at})
				}
				p := list[len(list)-1]
				p.who, p.bytes = append(p.who, to), p.bytes+len(to.String())
				byNode[of] = list
			}
		}
	}
	slices.Sort(nodes)
	return byNode, nodes
}

// deliver takes what the domain itself answers, and what is refused.
func (n *Node) deliver(ctx context.Context, s service.Stanza) {
	if n.isHeld(s) {
		return
	}
	byNode, nodes := n.split([]service.Stanza{s})
	for _, of := range nodes {
		for _, p := range byNode[of] {
			if of == n.id {
				n.cfg.Service.Deliver(ctx, p)
				continue
			}
			n.pipeTo(of).send(n.ctx, &outBody{Speech: &speech{Says: []*says{saysOf(p.whole, p.who)}}}, &delivery{}, false)
		}
	}
}

// deliverStep takes what a room says at once.
func (n *Node) deliverStep(ctx context.Context, d service.Delivery) {
	said := speech{Room: d.Room, Shard: ShardOf(d.Room), Again: d.Again}
	said.Epoch, said.Pos, said.Mark = n.store.placeOf(d.Room, d.At)
	switch isAnswer := d.At == (service.Position{}); {
	case isAnswer && !n.store.waitUncut(ctx, said.Shard): // of one who is not the owner any more
		return
	case !isAnswer && said.Pos == 0: // stored by one who is not the owner any more: the next one says it
		return
	}
	due := n.store.deliveryOf(d.Room, said.Pos)
	defer due.done()
	defer n.speaks(ctx)()
	byNode, nodes := n.split(d.Stanzas)
	for _, of := range nodes {
		for part := range parts(&said, byNode[of]) {
			if of == n.id {
				n.say(ctx, part)
			} else {
				n.pipeTo(of).send(ctx, &outBody{Speech: part}, due, true)
			}
		}
	}
}

// parts cuts what is said into parts that the bus takes. What is said again is cut the same way,
// by whichever node.
func parts(said *speech, pieces []*piece) func(yield func(*speech) bool) {
	return func(yield func(*speech) bool) {
		part, bytes := *said, 0
		part.Says = nil
		for i, p := range pieces {
			s := saysOf(p.whole, p.who)
			part.Says = append(part.Says, s)
			if bytes += s.size(); bytes < partBytes && i < len(pieces)-1 {
				continue
			}
			this := part
			if !yield(&this) {
				return
			}
			part.Part, part.Says, bytes = part.Part+1, nil, 0
		}
	}
}

// seenShard is what this node has delivered of the rooms of a shard.
type seenShard struct {
	mu     sync.Mutex
	epoch  Epoch
	rooms  map[muc.JID]*seenRoom
	pruned Pos
}

// seenRoom is up to where this node has delivered what a room said.
type seenRoom struct {
	mu   sync.Mutex // held while it is delivered
	pos  Pos
	part int
}

// mostSeen is for how many rooms of a shard it is remembered, before those are forgotten of which
// nothing will be said again.
const mostSeen = 64

// of is what was delivered of a room; nil if what is said comes from a node that is the owner no
// more. What comes up to a mark is delivered.
func (s *seenShard) of(said *speech) *seenRoom {
	s.mu.Lock()
	defer s.mu.Unlock()
	if said.Epoch < s.epoch {
		return nil
	}
	s.epoch = said.Epoch
	if said.Pos == 0 {
		return new(seenRoom)
	}
	if len(s.rooms) >= mostSeen && said.Mark > s.pruned {
		s.pruned = said.Mark
		for room, r := range s.rooms {
			if r.isUpTo(said.Mark) {
				delete(s.rooms, room)
			}
		}
	}
	r := s.rooms[said.Room]
	if r == nil {
		r = &seenRoom{part: -1}
		if s.rooms == nil {
			s.rooms = map[muc.JID]*seenRoom{}
		}
		s.rooms[said.Room] = r
	}
	return r
}

// last is under which epoch rooms of the shard have spoken last.
func (s *seenShard) last() Epoch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// isUpTo reports whether nothing after a mark was delivered, and nothing is being delivered now.
func (r *seenRoom) isUpTo(mark Pos) bool {
	if !r.mu.TryLock() {
		return false
	}
	defer r.mu.Unlock()
	return r.pos <= mark
}

// isNew notes that something is delivered, and reports whether it was not before. It is locked.
func (r *seenRoom) isNew(said *speech) bool {
	switch {
	case said.Pos == 0:
		return true
	case said.Pos < r.pos, said.Pos == r.pos && said.Part <= r.part:
		return false
	}
	r.pos, r.part = said.Pos, said.Part
	return true
}

// receive delivers what a room of another node says.
func (n *Node) receive(said *speech) {
	if said.Shard < 0 || said.Shard >= Shards {
		return
	}
	if said.Room.IsZero() { // of the domain itself
		for _, s := range said.Says {
			n.cfg.Service.Deliver(n.ctx, s)
		}
		return
	}
	n.say(n.ctx, said)
}

// say delivers what a room says to this node's clients, unless they have heard it before.
func (n *Node) say(ctx context.Context, said *speech) {
	r := n.seen[said.Shard].of(said)
	if r == nil {
		n.cfg.Observer.Copies(1)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.isNew(said) {
		n.cfg.Observer.Copies(1)
		return
	}
	defer n.caught("Deliver")
	if batch := n.cfg.Service.DeliverBatch; batch != nil {
		stanzas := make([]service.Stanza, len(said.Says))
		for i, s := range said.Says {
			stanzas[i] = s
		}
		batch(ctx, service.Delivery{Room: said.Room, Again: said.Again, Stanzas: stanzas})
		return
	}
	for _, s := range said.Says {
		n.cfg.Service.Deliver(ctx, s)
	}
}

// sayer is how a node is told what rooms say that another one, to which a pipe leads, may not have said.
func (n *Node) sayer(of string, instead *pipe) func(body []byte, d *delivery) {
	if of != n.id {
		return n.pipeTo(of).take
	}
	return instead.sayHere
}

// findActive notes who is the active node now: the owner of shard 0. One call is done after the
// other, so that the last one sees the last owner.
func (n *Node) findActive() {
	n.telling <- struct{}{}
	defer func() { <-n.telling }()
	n.mu.Lock()
	owner := n.owners[0]
	was, of := n.active, owner.id()
	if was == of {
		n.mu.Unlock()
		n.goOn(owner.Epoch)
		return
	}
	old, next, dead := n.pipes[was], n.pipes[of], !n.peers.lives(was, time.Now())
	n.mu.Unlock()
	if next != nil {
		next.endRedirect() // it may have been the active one before
	}
	switch { // it has to know before it is to say something
	case of == n.id:
		n.told(true)
	case of != "" && n.cfg.Home == nil:
		n.pipeTo(of).send(n.ctx, &outBody{Owner: &ownerFrame{Node: owner.Node, Life: owner.Life, Epoch: owner.Epoch}}, nil, false)
	}
	if n.cfg.Home == nil && old != nil && dead {
		old.redirect(n.sayer(of, old))
	}
	n.mu.Lock()
	n.active = of
	n.mu.Unlock()
	if was == n.id {
		n.told(false)
	}
	n.goOn(owner.Epoch)
}

// told tells the host whether this node is the active one.
func (n *Node) told(is bool) {
	if n.cfg.Active == nil {
		return
	}
	defer n.caught("Active")
	n.cfg.Active(is)
}

// mailbox takes messages from this node to itself, in order.
type mailbox struct {
	mu      sync.Mutex
	waiting []*inFrame
	busy    bool
}

// put has a function called for a message, after those before it.
func (m *mailbox) put(f *inFrame, take func(*inFrame)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, f)
	if m.busy {
		return
	}
	m.busy = true
	go func() {
		for f := m.next(); f != nil; f = m.next() {
			take(f)
		}
	}()
}

func (m *mailbox) next() *inFrame {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		m.waiting, m.busy = nil, false
		return nil
	}
	f := m.waiting[0]
	m.waiting = m.waiting[1:]
	return f
}
