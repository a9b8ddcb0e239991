package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// Forget has the rooms of all nodes forget a deleted account, as [service.Service.Forget] does, and returns how many of
// them knew it. It goes on until each shard was gone through by a node that had it all the time: so rooms that change
// their node meanwhile are not left out, and where a node dies, it waits for the next one. All nodes have to be of
// a version that knows Forget.
//
// Errors of rooms do not end it; it can be called again, and what is forgotten stays so. [ErrClosed], and an error of the
// context, end it.
func (n *Node) Forget(ctx context.Context, who, heir muc.JID) (rooms int, err error) {
	if who.Local() == "" || !heir.IsZero() && heir.Local() == "" {
		return 0, &muc.StanzaError{Condition: stanza.JIDMalformed, Text: "Only accounts are forgotten and inherit."}
	}
	left, failed := map[int]bool{}, map[string]error{} // by node: what went wrong there last
	for shard := range Shards {
		left[shard] = true
	}
	for {
		answers := make(chan *forgetFrame, Shards)
		asked := 0
		for of := range n.ownersOf(left) {
			asked++
			go func() { answers <- n.askToForget(ctx, of, who, heir) }()
		}
		for range asked {
			a := <-answers
			if a == nil { // it is no more
				continue
			}
			rooms += a.Rooms
			failed[a.of] = a.errors()
			for _, shard := range a.Shards {
				delete(left, shard)
			}
		}
		switch {
		case len(left) == 0:
			var all []error
			for _, err := range failed {
				all = append(all, err)
			}
			return rooms, errors.Join(all...)
		case n.ctx.Err() != nil:
			return rooms, ErrClosed
		}
		select {
		case <-ctx.Done():
			return rooms, ctx.Err()
		case <-n.ctx.Done():
		case <-time.After(beatEvery):
		}
	}
}

// ownersOf are the nodes that live and have some of these shards.
func (n *Node) ownersOf(shards map[int]bool) map[string]bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	owners := map[string]bool{}
	for shard := range shards {
		if of := n.owners[shard].id(); n.peers.lives(of, time.Now()) {
			owners[of] = true
		}
	}
	return owners
}

// askToForget has a node go through its rooms; nil if it does not answer any more.
func (n *Node) askToForget(ctx context.Context, of string, who, heir muc.JID) *forgetFrame {
	if of == n.id {
		return n.forgetHere(ctx, who, heir)
	}
	answer := make(chan *forgetFrame, 1)
	n.mu.Lock()
	n.forgets.last++
	id := n.forgets.last
	if n.forgets.waiting == nil {
		n.forgets.waiting = map[uint64]chan *forgetFrame{}
	}
	n.forgets.waiting[id] = answer
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.forgets.waiting, id)
	}()
	n.pipeTo(of).send(ctx, &outBody{Forget: &forgetFrame{ID: id, Who: who, Heir: heir}}, nil, true)
	for {
		select {
		case a := <-answer:
			a.of = of
			return a
		case <-ctx.Done():
			return nil
		case <-n.ctx.Done():
			return nil
		case <-time.After(beatEvery):
		}
		n.mu.Lock()
		lives := n.peers.lives(of, time.Now())
		n.mu.Unlock()
		if !lives {
			return nil
		}
	}
}

// forgetHere goes through the rooms of this node, and tells which shards it had all the time.
func (n *Node) forgetHere(ctx context.Context, who, heir muc.JID) *forgetFrame {
	var epochs [Shards]Epoch
	for shard := range Shards {
		if epoch, has := n.store.epochOf(shard); has && n.owned[shard].Load() {
			epochs[shard] = epoch
		}
	}
	a := &forgetFrame{Done: true, of: n.id}
	var err error
	a.Rooms, err = n.rooms.Forget(ctx, who, heir)
	a.take(err)
	if ctx.Err() != nil {
		return a
	}
	for shard, was := range epochs {
		if epoch, has := n.store.epochOf(shard); was != 0 && has && epoch == was && n.owned[shard].Load() {
			a.Shards = append(a.Shards, shard)
		}
	}
	return a
}

// onForget is asked by another node, or hears its answer.
func (n *Node) onForget(from string, f *forgetFrame) {
	if !f.Done {
		n.tasks.Go(func() {
			a := n.forgetHere(n.ctx, f.Who, f.Heir)
			a.ID = f.ID
			n.pipeTo(from).send(n.ctx, &outBody{Forget: a}, nil, true)
		})
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if answer := n.forgets.waiting[f.ID]; answer != nil {
		delete(n.forgets.waiting, f.ID)
		answer <- f
	}
}

// forgets are the answers that are waited for. Node.mu guards them.
type forgets struct {
	last    uint64
	waiting map[uint64]chan *forgetFrame
}

type (
	// forgetFrame has another node forget somebody, or is its answer.
	forgetFrame struct {
		ID     uint64        `json:"i"`
		Who    muc.JID       `json:"w,omitzero"`
		Heir   muc.JID       `json:"h,omitzero"`
		Done   bool          `json:"d,omitempty"`
		Rooms  int           `json:"r,omitempty"`
		Shards []int         `json:"s,omitempty"` // those that the node had all the time
		Errors []forgetError `json:"e,omitempty"`

		of string // who answers
	}
	// forgetError is an error of a room, or of all of them.
	forgetError struct {
		Text      string           `json:"t"`
		Condition stanza.Condition `json:"c,omitempty"` // of a muc.StanzaError
	}
)

// take takes in an error, which may be several.
func (f *forgetFrame) take(err error) {
	if several, is := err.(interface{ Unwrap() []error }); is {
		for _, err := range several.Unwrap() {
			f.take(err)
		}
		return
	}
	if err == nil {
		return
	}
	e := forgetError{Text: err.Error()}
	var refused *muc.StanzaError
	if errors.As(err, &refused) {
		e.Condition = refused.Condition
	}
	f.Errors = append(f.Errors, e)
}

// errors are those that take took in, of this node or of another one.
func (f *forgetFrame) errors() error {
	var all []error
	for i := range f.Errors {
		all = append(all, &f.Errors[i])
	}
	return errors.Join(all...)
}

// Error is the text.
func (e *forgetError) Error() string { return e.Text }

// Unwrap is the muc.StanzaError, if it is one.
func (e *forgetError) Unwrap() error {
	if e.Condition == "" {
		return nil
	}
	return &muc.StanzaError{Condition: e.Condition}
}
