package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/gomuc/muc/service"
)

// Behind one link, what a room says goes to the active node. When another node becomes that in a
// planned move, nobody may hear what was said later before what was said earlier: so all nodes hold up
// what rooms say, the active node has the server told what was said by then, and only then there is
// another one.

const (
	// yieldFor is how long that may take before the move goes on without it.
	yieldFor = moveFor / 2
	// mostLater is how many answers of the domain itself may wait meanwhile; more are lost.
	mostLater = 1000
)

// holding holds up what rooms say.
type holding struct {
	mu     sync.Mutex
	saying int             // so much is being said
	until  chan struct{}   // closed when it goes on; nil if nothing is held up
	epoch  Epoch           // of the active node that yields
	held   map[string]bool // at that node: who holds up what it says
	later  []func()        // what is done when it goes on
}

// speaks waits as long as what rooms say is held up. Until done is called, it will not be held up.
func (n *Node) speaks(ctx context.Context) (done func()) {
	h := &n.holding
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.until != nil && ctx.Err() == nil {
		until := h.until
		h.mu.Unlock()
		select {
		case <-until:
		case <-ctx.Done():
		}
		h.mu.Lock()
	}
	h.saying++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.saying--
	}
}

// isHeld reports whether what rooms say is held up: then something is said later. It is for what must
// not wait.
func (n *Node) isHeld(s service.Stanza) bool {
	h := &n.holding
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.until != nil && len(h.later) < mostLater {
		h.later = append(h.later, func() { n.deliver(n.ctx, s) })
	}
	return h.until != nil
}

// hold holds up what rooms say, if it is the active node that yields, and returns when nothing is being
// said any more.
func (n *Node) hold(ctx context.Context, active string, epoch Epoch) bool {
	n.mu.Lock()
	o := n.owners[0]
	n.mu.Unlock()
	if o.Epoch != epoch || o.id() != active {
		return false
	}
	h := &n.holding
	h.mu.Lock()
	if h.until == nil {
		h.until = make(chan struct{})
	}
	until := h.until
	h.epoch, h.held = epoch, map[string]bool{}
	h.mu.Unlock()
	n.mu.Lock()
	is := n.owners[0].Epoch
	n.mu.Unlock()
	n.goOn(is) // if there is another active node by now
	time.AfterFunc(moveFor, func() { n.goOnIf(func() bool { return h.until == until }) })
	return eventually(ctx, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.saying == 0
	})
}

// eventually waits until something is so, and reports whether it is.
func eventually(ctx context.Context, is func() bool) bool {
	for !is() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(beatEvery / 100):
		}
	}
	return true
}

// goOn ends what was held up for an active node before this epoch.
func (n *Node) goOn(epoch Epoch) { n.goOnIf(func() bool { return n.holding.epoch < epoch }) }

func (n *Node) goOnIf(is func() bool) {
	h := &n.holding
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.until == nil || !is() {
		return
	}
	close(h.until)
	later := h.later
	h.until, h.later, h.held = nil, nil, nil
	if len(later) > 0 && n.ctx.Err() == nil {
		n.tasks.Go(func() {
			for _, f := range later {
				f()
			}
		})
	}
}

// onHold takes in what the active node, or one that holds up what it says for it, tells.
func (n *Node) onHold(from string, f *holdFrame) {
	switch h := &n.holding; {
	case f.GoOn:
		n.goOn(f.Epoch + 1)
	case f.Held:
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.held != nil && h.epoch == f.Epoch {
			h.held[from] = true
		}
	default:
		n.tasks.Go(func() {
			if n.hold(n.ctx, from, f.Epoch) { // it hears that after all that was said before
				n.pipeTo(from).send(n.ctx, &outBody{Hold: &holdFrame{Epoch: f.Epoch, Held: true}}, nil, false)
			}
		})
	}
}

// yield has all nodes hold up what rooms say, and the host say what it was told before. What takes too
// long is not waited for.
func (n *Node) yield(ctx context.Context, epoch Epoch) {
	ctx, cancel := context.WithTimeout(ctx, yieldFor)
	defer cancel()
	held := n.hold(ctx, n.id, epoch)
	n.tellAll(&outBody{Hold: &holdFrame{Epoch: epoch}})
	if held = eventually(ctx, n.allHold) && held; !held {
		n.log.Warn("another node becomes the active one though not all hold up what their rooms say")
	}
	if n.cfg.Yield != nil {
		defer n.caught("Yield")
		n.cfg.Yield(ctx)
	}
}

// allHold reports whether all other nodes that live hold up what they say.
func (n *Node) allHold() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.holding.mu.Lock()
	defer n.holding.mu.Unlock()
	for of := range n.peers.known {
		if of != n.id && !n.holding.held[of] && n.peers.lives(of, time.Now()) {
			return false
		}
	}
	return true
}

// keepOn ends a yield after which this node is the active one still.
func (n *Node) keepOn(epoch Epoch) {
	n.goOn(epoch + 1)
	n.tellAll(&outBody{Hold: &holdFrame{Epoch: epoch, GoOn: true}})
}
