package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/gomuc/muc"
)

// Close stops the node for good: it takes nothing more ([ErrClosed]), hands its shards over to the
// other nodes, waits until what its clients said is done, and says goodbye. Who is inside stays
// inside; where there is no other node, rooms are found as they are by those that come. Clients
// of this node should have left before ([Node.Offline]), or be reachable through another one.
//
// When the context ends before that, the rest is given up, and its error returned: it is as if
// the process had died.
func (n *Node) Close(ctx context.Context) error {
	n.mu.Lock()
	if n.closing {
		n.mu.Unlock()
		select {
		case <-n.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	n.closing = true
	n.mu.Unlock()
	err := n.handAllOver(ctx)
	if err == nil {
		n.beat(true)
	}
	n.halt()
	return err
}

// Retire hands the node's shards over to the other nodes, for good, and returns when it has none any
// more. It goes on to take and to deliver what its clients say and hear, until [Node.Close]. It is for
// the host of a link: what the server sent before it knew of the next active node is still done. Where
// there is no other node, it returns at once, and the node keeps its shards until it is closed.
func (n *Node) Retire(ctx context.Context) error {
	n.mu.Lock()
	n.retired = true
	n.mu.Unlock()
	_, err := n.handOverUntil(ctx, func() bool { return true })
	return err
}

// handAllOver waits until this node has no shard, and nothing is open.
func (n *Node) handAllOver(ctx context.Context) error {
	alone, err := n.handOverUntil(ctx, func() bool { return !n.hasToSay() && n.gateway.close() })
	if alone {
		return n.rest(ctx)
	}
	return err
}

// handOverUntil waits until this node has no shard, and something is done; or until it is alone.
func (n *Node) handOverUntil(ctx context.Context, done func() bool) (alone bool, err error) {
	n.beat(false)
	for {
		n.assign(time.Now())
		if !n.hasOthers() {
			return true, nil
		}
		if !n.hasShards() && !n.isBusy() && done() {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-n.ctx.Done():
			return false, ErrExpelled
		case <-time.After(beatEvery / 10):
		}
	}
}

// hasOthers reports whether another node lives that takes shards.
func (n *Node) hasOthers() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.peers.successors(time.Now(), n.id)[0] != ""
}

// hasToSay reports whether something waits for a node that lives. What rooms say is not among it:
// it was delivered before they were handed over.
func (n *Node) hasToSay() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for to, p := range n.pipes {
		p.mu.Lock()
		waits := len(p.frames) > 0
		p.mu.Unlock()
		if waits && n.peers.lives(to, time.Now()) {
			return true
		}
	}
	return false
}

// hasShards reports whether this node is the owner of a shard, whether it works on it or not.
func (n *Node) hasShards() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.owners[:], func(o Owner) bool { return o.id() == n.id })
}

func (n *Node) isBusy() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.shards {
		if n.shards[i].busy > 0 {
			return true
		}
	}
	return false
}

// rest puts all rooms aside where nobody takes them.
func (n *Node) rest(ctx context.Context) error {
	for !n.gateway.close() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.ctx.Done():
			return ErrExpelled
		case <-time.After(beatEvery / 10):
		}
	}
	for shard := range Shards {
		n.intake.pause(shard, true)
		n.owned[shard].Store(false)
	}
	if err := n.rooms.Release(ctx, func(muc.JID) bool { return true }); err != nil {
		return err
	}
	// Where all stop at once the engine may be gone by now: then what was delivered is done again by
	// those that come.
	marking, cancel := context.WithTimeout(ctx, suspectAfter)
	defer cancel()
	for shard := range Shards {
		if _, has := n.store.epochOf(shard); has && n.store.drained(marking, shard) != nil {
			break
		}
	}
	return ctx.Err()
}

// Done is closed when the node has stopped: by Close, or because the others have given it up
// ([Node.Err]).
func (n *Node) Done() <-chan struct{} { return n.ended }

// Err is why the node has stopped by itself: [ErrExpelled]. The host ends the streams of its
// clients then, which have been put out of all rooms, and may start another node. Nil as long as
// it runs, and after a Close that was done before.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.expelled {
		return ErrExpelled
	}
	return nil
}

// end stops the node because the others have given it up.
func (n *Node) end() {
	n.mu.Lock()
	was := n.expelled || n.closing
	n.expelled, n.closing = true, true
	n.mu.Unlock()
	if was {
		n.stop() // Close waits for nothing more
		return
	}
	n.log.Error("the other nodes have given up this one: it was silent for too long")
	n.halt()
}

// halt stops everything, in whatever state it is.
func (n *Node) halt() {
	n.stop()
	for _, stop := range n.unhear {
		stop()
	}
	for shard := range Shards {
		if epoch, has := n.store.epochOf(shard); has {
			n.owned[shard].Store(false)
			n.store.close(shard, epoch+1)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.rooms.Shutdown(ended, "")
	n.tasks.Wait()
	close(n.ended)
}
