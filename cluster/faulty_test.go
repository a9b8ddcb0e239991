package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
)

// errFault: the engine did not answer.
var errFault = errors.New("no answer")

// faulty is an engine as one node has it, which loses calls, answers and messages.
type faulty struct {
	*cluster.Memory
	mu    sync.Mutex
	rnd   *rand.Rand
	rate  int           // in percent: calls that fail
	gate  chan struct{} // unless nil, closed when the node goes on: until then it stands still
	cut   bool          // calls fail, nothing is heard
	dead  bool          // for ever
	eaten int           // answers
	alone bool          // calls fail, and of messages only its own are heard
	hears map[string][]func([]byte)
	// marks is how many answers to SetMark are lost, entries whether those to the list get lost.
	marks   int
	entries bool
	// unshot: no snapshot is small enough. unclaimed: claims get lost.
	unshot, unclaimed bool
	// unset: owners cannot be changed. unlisted: the list of all rooms cannot be read.
	unset, unlisted bool
	// deaf is a subject of which nothing is heard.
	deaf string
	// unsent is what was published while it stood still.
	unsent []func()
	// edit makes of a message that hands a shard over another one; nil loses it.
	edit func(data []byte) []byte
	// reads is how often a room was read, gives how many shards are being given to somebody now, and mostGives
	// how many these were at most.
	reads, gives, mostGives int
	lists                   int // how often a shard of the list was read
}

func newFaulty(m *cluster.Memory, seed uint64) *faulty {
	return &faulty{Memory: m, rnd: rand.New(rand.NewPCG(seed, 7))}
}

// freeze has the node stand still, as far as it wants something of others.
func (f *faulty) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gate == nil {
		f.gate = make(chan struct{})
	}
}

func (f *faulty) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gate == nil {
		return
	}
	for _, publish := range f.unsent {
		publish()
	}
	close(f.gate)
	f.gate, f.unsent = nil, nil
}

func (f *faulty) set(rate int, cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rate, f.cut = rate, cut
}

// startMoves begins to count, and to edit what hands shards over.
func (f *faulty) startMoves(edit func(data []byte) []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.edit, f.reads, f.mostGives = edit, 0, 0
}

// counts is how often rooms were read since then, and how many shards were given away at once.
func (f *faulty) counts() (reads, gives int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads, f.mostGives
}

// put has the node have one of the faults, or no more.
func (f *faulty) put(fault *bool, is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*fault = is
}

// is reports one of the faults.
func (f *faulty) is(fault *bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *fault
}

func (f *faulty) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
	if f.gate != nil {
		close(f.gate)
		f.gate = nil
	}
}

// pass is what becomes of a call: it is not made, or made without an answer, or nothing.
func (f *faulty) pass() (lost, eaten bool) {
	f.mu.Lock()
	gate := f.gate
	f.mu.Unlock()
	if gate != nil {
		<-gate
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.dead || f.cut || f.alone:
		return true, true
	case f.rnd.IntN(100) < f.rate:
		f.eaten++
		lost = f.rnd.IntN(2) == 0
		return lost, true
	}
	return false, false
}

// way is how long a call, or its answer, is under way.
func (f *faulty) way() {
	f.mu.Lock()
	d := time.Duration(f.rnd.IntN(2000)) * time.Microsecond
	f.mu.Unlock()
	time.Sleep(d)
}

func (f *faulty) isDead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

// try makes a call, as far as it passes. Who asks waits a moment for an answer that is lost.
func try[T any](ctx context.Context, f *faulty, call func() (T, error)) (answer T, err error) {
	f.way()
	lost, eaten := f.pass()
	if !lost {
		answer, err = call()
	}
	f.way()
	if eaten || f.isDead() {
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
		return *new(T), errFault
	}
	return answer, err
}

func (f *faulty) Last(ctx context.Context, room muc.JID) (cluster.Message, error) {
	return try(ctx, f, func() (cluster.Message, error) { return f.Memory.Last(ctx, room) })
}

func (f *faulty) Append(ctx context.Context, m cluster.Message, after cluster.Pos) (cluster.Pos, error) {
	return try(ctx, f, func() (cluster.Pos, error) {
		switch {
		case m.Kind == cluster.Snapshot && f.is(&f.unshot):
			return 0, cluster.ErrTooLarge
		case m.Kind == cluster.Claim && f.is(&f.unclaimed):
			return 0, errFault
		}
		return f.Memory.Append(ctx, m, after)
	})
}

func (f *faulty) Read(ctx context.Context, room muc.JID, upTo cluster.Pos) iter.Seq2[cluster.Message, error] {
	f.mu.Lock()
	f.reads++
	f.mu.Unlock()
	return sequence(ctx, f, f.Memory.Read(ctx, room, upTo))
}

func (f *faulty) Since(ctx context.Context, shard int, after cluster.Pos) iter.Seq2[muc.JID, error] {
	return sequence(ctx, f, f.Memory.Since(ctx, shard, after))
}

func (f *faulty) Entries(ctx context.Context, shard int) iter.Seq2[cluster.Entry, error] {
	f.mu.Lock()
	f.lists++
	f.mu.Unlock()
	return sequence(ctx, f, f.Memory.Entries(ctx, shard))
}

func (f *faulty) AllEntries(ctx context.Context) iter.Seq2[cluster.Entry, error] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unlisted {
		return func(yield func(cluster.Entry, error) bool) { yield(cluster.Entry{}, errFault) }
	}
	return sequence(ctx, f, f.Memory.AllEntries(ctx))
}

// sequence may end with an error at its begin.
func sequence[T any](ctx context.Context, f *faulty, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if _, err := try(ctx, f, func() (bool, error) { return true, nil }); err != nil {
			yield(*new(T), err)
			return
		}
		seq(yield)
	}
}

func (f *faulty) Mark(ctx context.Context, shard int) (pos cluster.Pos, rev uint64, err error) {
	_, err = try(ctx, f, func() (bool, error) {
		pos, rev, err = f.Memory.Mark(ctx, shard)
		return true, err
	})
	return pos, rev, err
}

func (f *faulty) SetMark(ctx context.Context, shard int, rev uint64, pos cluster.Pos) (uint64, error) {
	rev, err := try(ctx, f, func() (uint64, error) { return f.Memory.SetMark(ctx, shard, rev, pos) })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.marks > 0 {
		f.marks--
		return 0, errFault
	}
	return rev, err
}

func (f *faulty) PutEntry(ctx context.Context, shard int, e cluster.Entry) error {
	_, err := try(ctx, f, func() (bool, error) {
		if f.is(&f.entries) {
			return false, errFault
		}
		return true, f.Memory.PutEntry(ctx, shard, e)
	})
	return err
}

func (f *faulty) Get(ctx context.Context, shard int) (cluster.Owner, error) {
	return try(ctx, f, func() (cluster.Owner, error) { return f.Memory.Get(ctx, shard) })
}

func (f *faulty) All(ctx context.Context) ([]cluster.Owner, error) {
	return try(ctx, f, func() ([]cluster.Owner, error) { return f.Memory.All(ctx) })
}

func (f *faulty) CompareAndSet(ctx context.Context, shard int, was cluster.Epoch, node, life string) (cluster.Epoch, error) {
	if f.is(&f.unset) {
		return 0, errFault
	}
	f.mu.Lock()
	f.gives++
	f.mostGives = max(f.mostGives, f.gives)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.gives--
	}()
	return try(ctx, f, func() (cluster.Epoch, error) { return f.Memory.CompareAndSet(ctx, shard, was, node, life) })
}

// busBytes is how large a message of the bus may be: what NATS takes without being told otherwise.
const busBytes = 1 << 20

// Publish may lose a message. What a frozen node publishes is sent when it goes on.
func (f *faulty) Publish(subject string, data []byte) error {
	if len(data) > busBytes {
		return cluster.ErrTooLarge
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.edit != nil && strings.HasPrefix(subject, "hand.") {
		if data = f.edit(data); data == nil {
			return nil
		}
	}
	switch {
	case f.dead || f.cut || f.rnd.IntN(100) < f.rate:
	case f.alone:
		for _, hear := range f.hears[subject] {
			go hear(bytes.Clone(data))
		}
	case f.gate != nil:
		f.unsent = append(f.unsent, func() { _ = f.Memory.Publish(subject, bytes.Clone(data)) })
	default:
		return f.Memory.Publish(subject, data)
	}
	return nil
}

// hearNothingOf loses all messages of a subject, until hearAll.
func (f *faulty) hearNothingOf(subject string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deaf = subject
}

func (f *faulty) hearAll() { f.hearNothingOf("") }

// isDeafTo reports whether messages of a subject are lost.
func (f *faulty) isDeafTo(subject string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deaf == subject
}

// Subscribe may lose messages, too; a frozen node hears them when it goes on.
func (f *faulty) Subscribe(subject string, hear func([]byte)) (stop func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hears == nil {
		f.hears = map[string][]func([]byte){}
	}
	f.hears[subject] = append(f.hears[subject], hear)
	return f.Memory.Subscribe(subject, func(data []byte) {
		if lost, eaten := f.pass(); !lost && !eaten && !f.isDeafTo(subject) {
			hear(data)
		}
	})
}
