package cluster

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

var (
	// ErrConfig: a Config that cannot make a node.
	ErrConfig = errors.New("cluster: bad config")
	// ErrExpelled: the node was cut off from the others for so long that they have put out those
	// whose clients it has. It cannot go on: see [Config].GoneAfter.
	ErrExpelled = errors.New("cluster: the other nodes have given up this one")
	// ErrClosed: the node stops, or has stopped.
	ErrClosed = errors.New("cluster: closed")
)

// Config is what a host decides about a node. Functions in it are called by several goroutines at
// once, but for Active, of which one call comes after the other.
type Config struct {
	// Node is the name of this node, for people: letters, digits, - and _, 32 at most. Required.
	Node string
	// Gateway says that the node takes no shards: it has clients, and no rooms. Others have to have them.
	Gateway bool
	// Log, Owners and Bus are the engine. Required.
	Log    Log
	Owners Owners
	Bus    Bus
	// Service is what the host decides about rooms, the same on all nodes, but for its hooks.
	//
	// Deliver and DeliverBatch get what goes to the clients that this node has; of a
	// [service.Delivery] for DeliverBatch only Room, Again and Stanzas are set. They should not
	// block for long: what other nodes send to this one waits meanwhile.
	//
	// Store, Live, Owns and Lost are set by the node. Room.NewID must be nil, and functions in
	// Room must say the same on all nodes: what a node that died may not have said is done again
	// by another. Where Limits.RoomQueue and SenderShare are zero they are 5,000 and 250, five times
	// as much as of a service alone: what is said while a room has no owner comes to the next one at
	// once.
	Service service.Config
	// Home tells which nodes have the clients of an address, by their [Node.ID]: of a full JID
	// one at most, of a bare one all that have clients of it, or one that sees to them. A stanza to
	// nobody's client is dropped. Who is inside a room and has had no node for some seconds is put
	// out of it, so it should know the clients of all nodes. It is called with locks held, and must
	// return at once without calling the node. Nil: all are reached through the active node, as
	// behind one link of an external component (XEP-0114): see [Node.Active].
	Home func(to muc.JID) []string
	// Came is told of another node that is there, and Gone of one that is no more: it said goodbye, or
	// was silent for GoneAfter. Heard gets what its host sent by [Node.Tell], in order. Nil
	// functions are not called.
	Came, Gone func(node string)
	Heard      func(node string, data []byte)
	// Active is told when this node becomes the active one, before Deliver gets what rooms say, and
	// when it is it no more. It must return at once. Nil is not told.
	Active func(is bool)
	// Yield is called before another node becomes the active one in a planned move: with Home nil. All
	// that rooms have said has been given to Deliver by then, and they say nothing until there is another
	// active node. It returns when the server has what was delivered, so that nobody hears of it after
	// what the next one says, or when the context ends, after some seconds. What comes from
	// the server is for this node until the next one is connected. Nil does nothing.
	Yield func(ctx context.Context)
	// GoneAfter is how long a node may be silent until those whose clients it has are put out
	// (as by [service.Service.Vanished]): 0 means 30 seconds. Its rooms go on elsewhere after two seconds
	// already. A node that was silent for longer, and comes back, is told that it was expelled.
	GoneAfter time.Duration
	// MarkEvery is how often it is noted what was delivered: 0 means 250 ms. What was
	// delivered after that is done again when a node dies, and dropped by nodes that have
	// delivered it already.
	MarkEvery time.Duration
	// Limits bound what the node holds. Zero fields get defaults.
	Limits Limits
	// Observer counts; nil functions in it are not called. Steps that were done again are told
	// to Service.Observer.Redone.
	Observer Observer

	// life is of this process; tests set it.
	life string
}

// Limits bound what a node holds for others. A zero field has the default that its comment
// names.
type Limits struct {
	// Open is how many stanzas of its clients a node keeps until the owner of the room has stored
	// what came of them: 100000, and OpenBytes how many bytes of them: 64 MiB. SenderOpen and
	// SenderBytes bound those of one person: 1000 and 1 MiB. More is refused with
	// resource-constraint. What it would not help to refuse, such as goodbyes, has as much
	// place again.
	Open, OpenBytes, SenderOpen, SenderBytes int
	// Inside is how many rooms all sessions of a node may have entered, or have asked to enter: for each
	// session its rooms, together 1000000. More is refused with resource-constraint. Of one person no more than
	// 10000 are remembered.
	Inside int
	// StanzaBytes is how large a stanza may be, as text: 384 KiB. A larger one is refused with
	// policy-violation. The bus has to take messages of twice that, and some more.
	StanzaBytes int
	// OutBytes is how much waits for one other node until that has delivered it: 64 MiB. If it is
	// more, rooms wait, and what nobody waits for is dropped from twice as much on; if that node has been silent for two seconds, it is given up.
	OutBytes int
	// Rooms is of how many rooms it is remembered what the log holds: 400000. Beyond that it is
	// asked again.
	Rooms int
}

// Observer is told what happens, to be counted. The functions must return at once, and are
// called by several goroutines at once.
type Observer struct {
	// Owned: so many shards are this node's now.
	Owned func(shards int)
	// Took: this node has taken a shard over, because it had no owner that lives, and how long
	// that took until its rooms had been loaded.
	Took func(shard int, took time.Duration)
	// Moved: this node has handed a shard over to another one, and for how long the shard took
	// nothing: until the other had loaded its rooms with somebody inside.
	Moved func(shard int, took time.Duration)
	// Lag is how long it took from when a step was stored until all nodes had delivered it.
	Lag func(lag time.Duration)
	// Fenced: the log refused what this node wanted to write, because another node has the room.
	Fenced func()
	// Copies: this node has dropped what it had delivered before, or what came from a node that
	// is the owner no more.
	Copies func(frames int)
	// Resent: so many stanzas were sent again to the owner of their room.
	Resent func(stanzas int)
	// Expelled: this node has given up another one.
	Expelled func(id string)
	// Dropped: what this node had to say to another one, and no room waits for, was dropped: twice
	// Limits.OutBytes waited for that node already.
	Dropped func()
}

const (
	// beatEvery is how often a node says that it lives, and suspectAfter how long it may be
	// silent before others take its shards.
	beatEvery    = 250 * time.Millisecond
	suspectAfter = 2 * time.Second
	// cutAfter is after which time without hearing itself a node answers nothing any more: it
	// may have been cut off.
	cutAfter = 3 * time.Second
	// learnFor is how long a node listens before it takes shards.
	learnFor = 3 * beatEvery
	// lookEvery is how often the owners of all shards are read.
	lookEvery = 5 * time.Second
	// resendAfter is after which silence what is open is sent again, and resendMost how long that
	// takes at most, where it was of no help.
	resendAfter = time.Second
	resendMost  = 4 * time.Second
	// mostDeaths is with how many nodes that died a stanza may have been before it is refused: it
	// may be what they died of.
	mostDeaths = 3
	// atOnce is how many shards are taken or marked at the same time.
	atOnce = 16
)

var nodeName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// complete checks a configuration and fills in defaults.
func (c Config) complete() (Config, error) {
	switch {
	case !nodeName.MatchString(c.Node):
		return c, fmt.Errorf("%w: Node: %q is no name", ErrConfig, c.Node)
	case c.Log == nil || c.Owners == nil || c.Bus == nil:
		return c, fmt.Errorf("%w: Log, Owners and Bus are required", ErrConfig)
	case c.Service.Deliver == nil:
		return c, fmt.Errorf("%w: Service.Deliver is required", ErrConfig)
	case c.Service.Store != nil || c.Service.Owns != nil || c.Service.Lost != nil:
		return c, fmt.Errorf("%w: Service.Store, Owns and Lost are the node's", ErrConfig)
	}
	for _, f := range [...]struct {
		limit     *int
		otherwise int
	}{
		{&c.Limits.Open, 100000},
		{&c.Limits.OpenBytes, 64 << 20},
		{&c.Limits.SenderOpen, 1000},
		{&c.Limits.SenderBytes, 1 << 20},
		{&c.Limits.Inside, 1_000_000},
		{&c.Limits.StanzaBytes, 384 << 10},
		{&c.Limits.OutBytes, 64 << 20},
		{&c.Limits.Rooms, 400000},
	} {
		if *f.limit <= 0 {
			*f.limit = f.otherwise
		}
	}
	if c.Service.Now == nil {
		c.Service.Now = time.Now
	}
	if c.GoneAfter <= 0 {
		c.GoneAfter = 30 * time.Second
	}
	c.GoneAfter = max(c.GoneAfter, 2*cutAfter)
	if c.MarkEvery <= 0 {
		c.MarkEvery = 250 * time.Millisecond
	}
	c.Observer = c.Observer.complete()
	return c, nil
}

// complete has all functions, so that nobody has to look.
func (o Observer) complete() Observer {
	if o.Owned == nil {
		o.Owned = func(int) {}
	}
	if o.Took == nil {
		o.Took = func(int, time.Duration) {}
	}
	if o.Moved == nil {
		o.Moved = func(int, time.Duration) {}
	}
	if o.Lag == nil {
		o.Lag = func(time.Duration) {}
	}
	if o.Fenced == nil {
		o.Fenced = func() {}
	}
	if o.Copies == nil {
		o.Copies = func(int) {}
	}
	if o.Resent == nil {
		o.Resent = func(int) {}
	}
	if o.Expelled == nil {
		o.Expelled = func(string) {}
	}
	if o.Dropped == nil {
		o.Dropped = func() {}
	}
	return o
}
