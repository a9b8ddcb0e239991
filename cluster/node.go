package cluster

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/service"
)

// Node is one of the nodes that together run the rooms of a domain. All methods may be called by
// several goroutines at once.
type Node struct {
	cfg       Config
	id, life  string
	log       *slog.Logger
	rooms     *service.Service
	store     *store
	gateway   gateway
	intake    intake
	seen      [Shards]seenShard
	local     mailbox // stanzas from this node's clients for rooms of this node
	ctx       context.Context
	stop      context.CancelFunc
	tasks     tasks
	limit     chan struct{} // one for each task that waits for the engine
	moves     moves
	lines     lines
	unhear    []func()
	began     time.Time
	owned     [Shards]atomic.Bool // the service takes stanzas for its rooms
	telling   chan struct{}       // has one while it is found out, and the host told, who is the active node
	holding   holding
	domain    string
	normalize func(string) (string, error)

	// mu guards what follows. It is held for moments.
	mu        sync.Mutex
	peers     peers
	pipes     map[string]*pipe
	incoming  map[string]uint64    // number of the next message of each other node
	askedOut  map[string]time.Time // when a message of one that was lost was asked for
	owners    [Shards]Owner
	shards    [Shards]shardState
	heard     time.Time // when this node heard itself last
	checking  bool      // whether it has lost shards while it did not
	looking   bool
	expelling bool // others are being given up
	looked    time.Time
	counted   time.Time // when others were told how many occupants rooms have
	sweep     bool      // somebody may be inside whose node is gone
	swept     time.Time
	homeless  map[muc.JID]bool // whom it found without a node then
	active    string           // who is the active node
	forgets   forgets
	closing   bool
	retired   bool // it takes no shards, or none any more
	expelled  bool
	ended     chan struct{} // closed when it has stopped
}

// shardState is what becomes of a shard here.
type shardState struct {
	busy int   // how often it is being taken, moved or given up
	used Epoch // under which it was opened last
}

// New starts a node. It listens first, and takes its share of the shards in the first seconds:
// [Node.Ready] waits for that. The context bounds the start only.
func New(ctx context.Context, cfg Config) (*Node, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, retired: cfg.Gateway, life: cfg.life, log: cfg.Service.Log, limit: make(chan struct{}, atOnce), telling: make(chan struct{}, 1), moves: newMoves(), pipes: map[string]*pipe{},
		incoming: map[string]uint64{}, askedOut: map[string]time.Time{}, ended: make(chan struct{}), peers: peers{known: map[string]*peer{}}}
	if n.life == "" {
		n.life = strings.ToLower(rand.Text()[:10])
	}
	if n.log == nil {
		n.log = slog.Default()
	}
	n.id, n.began, n.heard, n.looked = id(cfg.Node, n.life), time.Now(), time.Now(), time.Now()
	n.ctx, n.stop = context.WithCancel(context.Background())
	n.normalize = cfg.Service.Room.NormalizeDomain
	if n.normalize == nil {
		n.normalize = jid.NormalizeDomain
	}
	if n.domain, err = n.normalize(cfg.Service.Domain); err != nil {
		return nil, fmt.Errorf("%w: Service.Domain: %w", ErrConfig, err)
	}
	n.store = newStore(n)
	n.gateway.start(n)
	n.intake.n = n
	if n.rooms, err = service.New(ctx, n.serviceConfig()); err != nil {
		n.stop()
		return nil, err
	}
	owners, err := cfg.Owners.All(ctx)
	if err == nil {
		for shard, o := range owners {
			n.setOwner(shard, o)
		}
		err = n.subscribe()
	}
	if err != nil {
		n.halt()
		return nil, fmt.Errorf("cluster: start: %w", err)
	}
	n.tasks.Go(n.keepTime)
	n.tasks.Go(n.readDirectory)
	return n, nil
}

// serviceConfig is that of the rooms on this node.
func (n *Node) serviceConfig() service.Config {
	c := n.cfg.Service
	c.Store, c.Live, c.Owns, c.Lost = n.store, true, n.owns, nil
	c.Deliver, c.DeliverBatch = n.deliver, n.deliverStep
	announced := c.Announced
	c.Announced = func(text string) {
		n.tellAll(&outBody{Announce: text})
		if announced != nil {
			announced(text)
		}
	}
	c.Limits.StoreBatch = 1
	if c.Limits.Workers <= 0 {
		c.Limits.Workers = 1000
	}
	c.Limits.Writers = c.Limits.Workers // an append that waits holds up its own room only
	// What is said while a room has no owner comes to the next one at once.
	c.Limits.RoomQueue = cmp.Or(c.Limits.RoomQueue, 5000)
	c.Limits.SenderShare = cmp.Or(c.Limits.SenderShare, 250)
	return c
}

func (n *Node) subscribe() error {
	for subject, f := range map[string]func([]byte){
		"in." + n.id: n.onIn, "ack." + n.id: n.gateway.onAck, "out." + n.id: n.onOut, "got." + n.id: n.onGot,
		"hand." + n.id: n.onHand, "beat": n.onBeat, "owner": n.onOwner,
	} {
		stop, err := n.cfg.Bus.Subscribe(subject, n.guarded(f))
		if err != nil {
			return err
		}
		n.unhear = append(n.unhear, stop)
	}
	return nil
}

// guarded sees to it that a hook which panics ends no process.
func (n *Node) guarded(f func([]byte)) func([]byte) {
	return func(data []byte) {
		defer n.caught("a message of another node")
		f(data)
	}
}

// caught is deferred around what calls hooks.
func (n *Node) caught(what string) {
	if p := recover(); p != nil {
		n.log.Error("a hook of the host panicked", "in", what, "error", p)
	}
}

// ID is by which other nodes know this life of the node: see [Config].Home.
func (n *Node) ID() string { return n.id }

// Service has the rooms of this node: to give them commands, to look at them, to list them.
// Rooms of other nodes are [service.ErrNotOwner] to it: see [Node.Owner]. Announce, Vanished and
// KickBlocked of the node are for all nodes, those of the service for its own rooms.
func (n *Node) Service() *service.Service { return n.rooms }

// Owner is the [Node.ID] of the node that has a room, as far as this one knows; "" if none has.
func (n *Node) Owner(room muc.JID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.owners[ShardOf(room)].id()
}

// Active is the [Node.ID] of the active node, the one that has shard 0: behind an external
// component's link it is the one that should hold the link. "" if there is none.
func (n *Node) Active() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.active
}

// Nodes are the [Node.ID] of the nodes that are not suspected to be dead.
func (n *Node) Nodes() (list []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for of := range n.peers.known {
		if n.peers.lives(of, time.Now()) {
			list = append(list, of)
		}
	}
	slices.Sort(list)
	return list
}

// Stats are numbers of this moment.
type Stats struct {
	// Nodes are those that are not suspected to be dead, this one too.
	Nodes int
	// Owned is how many shards this node has, Orphans how many have no owner that lives.
	Owned, Orphans int
	// Open are the stanzas of this node's clients of which it is not known that they are done,
	// OpenBytes their bytes.
	Open, OpenBytes int
	// OutBytes waits for other nodes.
	OutBytes int
	// Cut says that the node does not hear itself, and answers nothing.
	Cut bool
}

// Stats counts.
func (n *Node) Stats() Stats {
	now := time.Now()
	n.mu.Lock()
	s := Stats{Cut: n.isCut(now)}
	for of := range n.peers.known {
		if n.peers.lives(of, now) {
			s.Nodes++
		}
	}
	for shard := range n.owners {
		if n.owned[shard].Load() {
			s.Owned++
		} else if !n.peers.lives(n.owners[shard].id(), now) {
			s.Orphans++
		}
	}
	pipes := make([]*pipe, 0, len(n.pipes))
	for _, p := range n.pipes {
		pipes = append(pipes, p)
	}
	n.mu.Unlock()
	for _, p := range pipes {
		p.mu.Lock()
		s.OutBytes += p.waits()
		p.mu.Unlock()
	}
	s.Open, s.OpenBytes = n.gateway.load()
	return s
}

// Ready waits until every shard has an owner that lives.
func (n *Node) Ready(ctx context.Context) error {
	for {
		if s := n.Stats(); s.Orphans == 0 && !s.Cut {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.ended:
			return ErrClosed
		case <-time.After(beatEvery / 10):
		}
	}
}

// Handle takes a stanza of one of this node's clients, as [service.Service.Handle] does: for the
// domain, for a room of any node, or for somebody in one. It is kept until the owner of the room
// has done it. Errors are those of service.Service.Handle, and [ErrClosed].
func (n *Node) Handle(ctx context.Context, from muc.JID, el *etree.Element) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n.mu.Lock()
	closing := n.closing
	n.mu.Unlock()
	if closing {
		return ErrClosed
	}
	room, err := n.roomOf(from, el)
	switch {
	case err != nil:
		return err
	case room.IsZero():
		return n.rooms.Handle(ctx, from, el)
	}
	return n.gateway.handle(ctx, from, room, el)
}

// roomOf finds out which room a stanza is for; none if it is not for a room, or for one that
// cannot be. A command of an administrator, for the domain, is for the room that it names.
func (n *Node) roomOf(from muc.JID, el *etree.Element) (room muc.JID, err error) {
	if el == nil {
		return room, muc.ErrNilStanza
	}
	bare, _, _ := strings.Cut(el.SelectAttrValue("to", ""), "/")
	local, domain, has := strings.Cut(bare, "@")
	if from.IsZero() || el.Tag != "message" && el.Tag != "presence" && el.Tag != "iq" {
		return room, nil // as the service says
	}
	if !has {
		if domain, err = n.normalize(bare); err == nil && domain == n.domain {
			room = n.rooms.CommandRoom(el)
		}
		return room, nil
	}
	if domain, err = n.normalize(domain); err != nil || domain != n.domain {
		return room, muc.ErrNotForRoom
	}
	if room, err = muc.ParseJID(local + "@" + domain); err != nil {
		return muc.JID{}, nil
	}
	return room, nil
}

// Vanished ends sessions, as [service.Service.Vanished] does, in the rooms of all nodes: after the
// stanzas that this node has taken of them. Of a full JID that has entered rooms through this node
// it is kept until it is done, as a stanza is; others are told to all nodes once, and one that
// begins to be the owner of a room at that moment may not hear it.
func (n *Node) Vanished(ctx context.Context, who muc.JID) error {
	switch known, err := n.gateway.leave(ctx, who, nil); {
	case err != nil:
		return err
	case known:
		return n.leaveDomain(ctx, who)
	}
	if err := n.rooms.Vanished(ctx, who); err != nil {
		return err
	}
	n.tellAll(&outBody{Vanished: who})
	return nil
}

// Offline ends a session that logs out, as [service.Service.Offline] does: with its last
// presence, nil for none, in each room that it has entered through this node. Errors are the same.
func (n *Node) Offline(ctx context.Context, session muc.JID, presence *etree.Element) error {
	switch {
	case session.IsZero() || session.IsBare():
		return fmt.Errorf("%w: %q is not the full JID of a session", muc.ErrNoFrom, session)
	case presence != nil && presence.Tag != "presence":
		return muc.ErrNotStanza
	}
	if _, err := n.gateway.leave(ctx, session, presence); err != nil {
		return err
	}
	return n.leaveDomain(ctx, session)
}

// leaveDomain tells the domain itself that a session is no more, which may want to be told of activity (XEP-0437).
func (n *Node) leaveDomain(ctx context.Context, session muc.JID) error {
	el := etree.NewElement("presence")
	el.CreateAttr("type", "unavailable")
	el.CreateAttr("to", n.domain)
	return n.rooms.Handle(ctx, session, el)
}

// Announce has all rooms of all nodes in which somebody is say something.
func (n *Node) Announce(ctx context.Context, text string) error {
	if _, err := n.rooms.Announce(ctx, text); err != nil {
		return err
	}
	n.tellAll(&outBody{Announce: text})
	return nil
}

// KickBlocked has the rooms of all nodes put out whom Room.IsBlocked names now.
func (n *Node) KickBlocked(ctx context.Context, reason string) error {
	if _, err := n.rooms.KickBlocked(ctx, reason); err != nil {
		return err
	}
	n.tellAll(&outBody{Blocked: &reason})
	return nil
}

// Tell sends something to the host of another node: see [Config].Heard. It arrives once, after what
// was sent before, unless that node is no more, or more than Limits.OutBytes waits for it. Tell does
// not wait.
func (n *Node) Tell(node string, data []byte) {
	n.pipeTo(node).send(n.ctx, &outBody{Host: data}, nil, false)
}

// TellAll sends something to the hosts of all other nodes, as [Node.Tell] does.
func (n *Node) TellAll(data []byte) { n.tellAll(&outBody{Host: data}) }

// hear does what another node says.
func (n *Node) hear(from string, b *outBody) {
	defer n.caught("Heard")
	var err error
	switch {
	case b.Speech != nil:
		n.receive(b.Speech)
	case !b.Vanished.IsZero():
		err = n.rooms.Vanished(n.ctx, b.Vanished)
	case b.Announce != "":
		_, err = n.rooms.Announce(n.ctx, b.Announce)
	case b.Blocked != nil:
		_, err = n.rooms.KickBlocked(n.ctx, *b.Blocked)
	case b.Listed != nil:
		n.list(b.Listed)
	case b.Counts != nil:
		n.rooms.ListedOccupants(b.Counts)
	case b.Forget != nil:
		n.onForget(from, b.Forget)
	case b.Hold != nil:
		n.onHold(from, b.Hold)
	case b.Owner != nil:
		n.hearOwner(b.Owner)
	case b.Host != nil && n.cfg.Heard != nil:
		n.cfg.Heard(from, b.Host)
	}
	if err != nil {
		n.log.Warn("what another node says could not be done", "error", err)
	}
}

// isCut reports whether this node may be cut off, or was a moment ago. Node.mu is held.
func (n *Node) isCut(now time.Time) bool { return n.checking || now.Sub(n.heard) > cutAfter }

// cut is isCut.
func (n *Node) cut() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.isCut(time.Now())
}

// onBeat hears that a node lives.
func (n *Node) onBeat(data []byte) {
	var b beatFrame
	if json.Unmarshal(data, &b) != nil || !nodeName.MatchString(b.Node) || !nodeName.MatchString(b.Life) {
		return
	}
	now, of := time.Now(), id(b.Node, b.Life)
	n.mu.Lock()
	for _, x := range b.Expelled {
		if x == n.id && of != n.id {
			n.mu.Unlock()
			go n.end()
			return
		}
	}
	if of == n.id {
		cut := n.isCut(now)
		if !n.checking {
			n.heard = now
		}
		if cut && !n.checking {
			n.checking = true
			n.tasks.Go(n.check)
		}
	}
	isNew := n.peers.heard(&b, now)
	n.mu.Unlock()
	switch {
	case b.Bye && of != n.id:
		n.leave(of)
	case isNew && of != n.id:
		n.log.Info("another node is there", "node", of)
		n.beat(false) // so that it knows this one
		n.tellCounts(n.rooms.Occupants(true), func(body *outBody) { n.pipeTo(of).send(n.ctx, body, nil, false) })
		if n.cfg.Came != nil {
			n.cfg.Came(of)
		}
	}
}

// beat says that this node lives.
func (n *Node) beat(bye bool) {
	n.mu.Lock()
	b := beatFrame{Node: n.cfg.Node, Life: n.life, Bye: bye, Expelled: append([]string(nil), n.peers.expelled...),
		Ready: !n.closing && !n.retired && time.Since(n.began) >= learnFor}
	n.mu.Unlock()
	_ = n.cfg.Bus.Publish("beat", encode(b))
}

// keepTime does what has to be done again and again.
func (n *Node) keepTime() {
	beats, marks := time.NewTicker(beatEvery), time.NewTicker(n.cfg.MarkEvery)
	defer beats.Stop()
	defer marks.Stop()
	n.beat(false)
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-marks.C:
			n.store.markAll()
		case <-beats.C:
			n.beat(false)
			n.tick(time.Now())
		}
	}
}

// tick looks at everything.
func (n *Node) tick(now time.Time) {
	n.giveUpSilent(now)
	n.assign(now)
	n.gateway.again(now)
	n.mu.Lock()
	pipes := make([]*pipe, 0, len(n.pipes))
	for _, p := range n.pipes {
		pipes = append(pipes, p)
	}
	look := !n.looking && now.Sub(n.looked) >= lookEvery
	n.looking = n.looking || look
	counts := now.Sub(n.counted) >= countEvery
	if counts {
		n.counted = now
	}
	sweeps := n.sweep && now.Sub(n.began) >= n.cfg.GoneAfter && now.Sub(n.swept) >= lookEvery && !n.isCut(now)
	if sweeps {
		n.sweep, n.swept = false, now
	}
	n.mu.Unlock()
	for _, p := range pipes {
		p.again(now, false)
	}
	if look {
		n.tasks.Go(n.look)
	}
	if counts {
		n.tellCounts(n.rooms.Occupants(false), n.tellAll)
	}
	if sweeps {
		n.sweepOut()
	}
}

// giveUpSilent gives up nodes that have been silent for too long, and those that are silent and
// have too much waiting for them.
func (n *Node) giveUpSilent(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.isCut(now) { // it is this one that hears nothing
		for _, p := range n.peers.known {
			p.seen = now
		}
		return
	}
	gone := n.peers.silent(now, n.cfg.GoneAfter)
	for to, p := range n.pipes {
		if n.isGone(to, now) || n.peers.known[to] != nil && !n.peers.lives(to, now) && p.isFull() {
			gone = append(gone, to)
		}
	}
	slices.Sort(gone)
	gone = slices.Compact(gone)
	if len(gone) > 0 && !n.expelling {
		n.expelling = true
		n.tasks.Go(func() { n.expel(gone) })
	}
}

// expel gives up nodes, if this one belongs to the majority: it can write to the log. So no part of
// the nodes that was cut off gives up the others.
func (n *Node) expel(gone []string) {
	err := n.store.prove()
	n.mu.Lock()
	n.expelling = false
	if err == nil {
		for _, of := range gone {
			if p := n.peers.known[of]; p == nil || time.Since(p.seen) > suspectAfter {
				n.peers.expel(of)
			}
		}
	}
	gone = slices.DeleteFunc(gone, func(of string) bool { return !n.peers.isExpelled(of) })
	n.mu.Unlock()
	for _, of := range gone {
		n.log.Error("another node is given up: those whose clients it has are put out", "node", of)
		n.leave(of)
		n.cfg.Observer.Expelled(of)
	}
}

// isGone reports whether a node that is not known has had the time to make itself known. Node.mu is
// held.
func (n *Node) isGone(of string, now time.Time) bool {
	return n.peers.known[of] == nil && (n.peers.isExpelled(of) || now.Sub(n.began) >= n.cfg.GoneAfter)
}

// leave forgets a node that is no more.
func (n *Node) leave(of string) {
	n.mu.Lock()
	p := n.pipes[of]
	delete(n.pipes, of)
	delete(n.peers.known, of)
	delete(n.incoming, of)
	delete(n.askedOut, of)
	n.sweep, n.swept = true, time.Time{}
	active := n.active
	n.mu.Unlock()
	n.intake.forget(of)
	if n.cfg.Gone != nil {
		defer func() {
			defer n.caught("Gone")
			n.cfg.Gone(of)
		}()
	}
	if p == nil {
		return
	}
	if n.cfg.Home == nil && active != of && active != "" {
		p.redirect(n.sayer(active, p))
	}
	p.giveUp()
}

// sweepLater has it looked who is inside and has no node any more.
func (n *Node) sweepLater() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sweep = true
}

// sweepOut puts out those who are inside and have no node any more: not now, and not when it was
// looked before, since a client that is new may be heard of in a room first.
func (n *Node) sweepOut() {
	if n.cfg.Home == nil {
		return
	}
	n.mu.Lock()
	known, before, now := map[string]bool{}, n.homeless, map[muc.JID]bool{}
	for of := range n.peers.known {
		known[of] = true
	}
	n.mu.Unlock()
	err := n.rooms.VanishedIf(n.ctx, func(session muc.JID) bool {
		defer n.caught("Home")
		if slices.ContainsFunc(n.cfg.Home(session), func(of string) bool { return known[of] }) {
			return false
		}
		if before[session] {
			return true
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		now[session] = true
		n.sweep = true // and look again
		return false
	})
	n.mu.Lock()
	n.homeless = now
	n.mu.Unlock()
	if err != nil && n.ctx.Err() == nil {
		n.log.Warn("those whose node is gone cannot be put out", "error", err)
	}
}
