package xmppcomp

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// ErrTooLarge is what a [Queue] says of a stanza that is larger than servers take.
var ErrTooLarge = errors.New("the stanza is too large to be sent")

// ErrFull is what [Queue.Offer] says when there is no place.
var ErrFull = errors.New("too much waits to be sent")

// Bounds are those of a [Queue], in bytes. Zero fields get defaults.
type Bounds struct {
	// Bytes may wait, and one stanza more, before who has something to say has to
	// wait: 4 MiB.
	Bytes int
	// Stanza is how large one stanza may be: 256 KiB. Servers end the stream for a
	// larger one.
	Stanza int
	// Offered are, of what [Queue.Offer] added, as much as may wait beside the rest:
	// 1 MiB; Person, how much of it for one person: 128 KiB.
	Offered, Person int
}

func (b Bounds) withDefaults() Bounds {
	for _, f := range [...]struct {
		bound     *int
		otherwise int
	}{{&b.Bytes, 4 << 20}, {&b.Stanza, 256 << 10}, {&b.Offered, 1 << 20}, {&b.Person, 128 << 10}} {
		if *f.bound <= 0 {
			*f.bound = f.otherwise
		}
	}
	return b
}

// Queue holds the stanzas that wait for a stream, in order. It is bounded by bytes:
// when it is full, who uses [Queue.Append] waits, and who uses [Queue.Offer] is refused.
// It may be used by several goroutines.
type Queue struct {
	bounds Bounds

	mu      sync.Mutex
	space   sync.Cond     // there is space again, or the queue is closed
	waiting chan struct{} // holds a token while something may wait
	batches []batch       // none is empty
	bytes   int           // of all batches
	stanzas int
	offered int            // bytes of Offer among them
	persons map[string]int // of these, for whom
	spare   []batch        // empty ones, to be filled again
	closed  bool
}

// batch is stanzas one after the other, and where each of them ends.
type batch struct {
	bytes  []byte
	ends   []int
	offers []offer
	// tried: a stream has ended in the middle of the first stanza.
	tried bool
}

// offer is what one stanza of a batch counts for a person.
type offer struct {
	person string
	bytes  int
}

const (
	// batchBytes is how much is written at once. A server that takes so little in
	// Config.WriteTimeout is one that takes nothing.
	batchBytes = 64 << 10
	// batchFull is when a batch is not filled further.
	batchFull = 56 << 10
	// spares is how many empty batches are kept.
	spares = 16
)

// NewQueue makes a queue.
func NewQueue(bounds Bounds) *Queue {
	q := &Queue{bounds: bounds.withDefaults(), waiting: make(chan struct{}, 1), persons: map[string]int{}}
	q.space.L = &q.mu
	return q
}

// Append adds one stanza, which write appends to the bytes that it is given. It
// waits as long as the queue is full, but not longer than ctx. An error, which is
// that of ctx, [ErrTooLarge] or [ErrClosed], means that the stanza was not added.
func (q *Queue) Append(ctx context.Context, write func(dst []byte) []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full() {
		q.waitForSpace(ctx)
	}
	switch {
	case q.closed:
		return ErrClosed
	case q.full():
		return ctx.Err()
	}
	_, err := q.add(write)
	return err
}

// Offer adds a stanza for somebody at once or not at all: then the error is [ErrFull],
// [ErrTooLarge] or [ErrClosed]. It is for who must not wait because everybody waits for
// them. What is offered has a place of its own beside what [Queue.Append] fills, of which
// each person (the bare address of to) has a share.
func (q *Queue) Offer(to string, write func(dst []byte) []byte) error {
	person, _, _ := strings.Cut(to, "/")
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case q.offered >= q.bounds.Offered, q.persons[person] >= q.bounds.Person:
		return ErrFull
	}
	n, err := q.add(write)
	if err != nil {
		return err
	}
	last := &q.batches[len(q.batches)-1]
	last.offers = append(last.offers, offer{person, n})
	q.offered += n
	q.persons[person] += n
	return nil
}

// full reports whether Append has to wait.
func (q *Queue) full() bool { return q.bytes-q.offered >= q.bounds.Bytes }

// add appends to the last batch.
func (q *Queue) add(write func(dst []byte) []byte) (n int, err error) {
	if i := len(q.batches) - 1; i < 0 || len(q.batches[i].bytes) >= batchFull {
		q.batches = append(q.batches, q.empty())
	}
	last := &q.batches[len(q.batches)-1]
	before := len(last.bytes)
	filled := write(last.bytes)
	n = len(filled) - before
	if n > q.bounds.Stanza {
		if before == 0 {
			q.batches = q.batches[:len(q.batches)-1]
		}
		return n, ErrTooLarge
	}
	last.bytes, last.ends = filled, append(last.ends, len(filled))
	q.bytes += n
	q.stanzas++
	q.wake()
	return n, nil
}

// empty is a batch to be filled.
func (q *Queue) empty() batch {
	if i := len(q.spare) - 1; i >= 0 {
		b := q.spare[i]
		q.spare = q.spare[:i]
		return b
	}
	return batch{bytes: make([]byte, 0, batchBytes)}
}

// waitForSpace returns when there is space, the queue is closed, or ctx has ended.
func (q *Queue) waitForSpace(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.space.Broadcast()
	})
	defer stop()
	for q.full() && !q.closed && ctx.Err() == nil {
		q.space.Wait()
	}
}

func (q *Queue) wake() {
	select {
	case q.waiting <- struct{}{}:
	default:
	}
}

// take is the first batch that waits; it has no stanzas if nothing does. The memory of
// one that is done with is used for what comes later.
func (q *Queue) take(done batch) batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c := cap(done.bytes); c > 0 && c <= 2*batchBytes && len(q.spare) < spares {
		clear(done.offers)
		q.spare = append(q.spare, batch{bytes: done.bytes[:0], ends: done.ends[:0], offers: done.offers[:0]})
	}
	if len(q.batches) == 0 {
		return batch{}
	}
	taken := q.batches[0]
	q.batches[0] = batch{}
	if q.batches = q.batches[1:]; len(q.batches) == 0 {
		q.batches = nil
	} else {
		q.wake()
	}
	q.count(taken, -1)
	// Those who wait are not woken for each batch: they are many.
	if q.bytes-q.offered <= q.bounds.Bytes*3/4 {
		q.space.Broadcast()
	}
	return taken
}

// count adds a batch to what waits, or takes it away.
func (q *Queue) count(b batch, sign int) {
	q.bytes += sign * len(b.bytes)
	q.stanzas += sign * len(b.ends)
	for _, o := range b.offers {
		q.offered += sign * o.bytes
		if q.persons[o.person] += sign * o.bytes; q.persons[o.person] == 0 {
			delete(q.persons, o.person)
		}
	}
}

// giveBack puts a batch of which only the first bytes were written in front of what
// waits, without the stanzas that were written whole. It returns how many those are.
//
// A stanza in the middle of which the stream ended may be why it ended, which condemn
// tells. If it is the second stream that ends in it, it is left out and returned: it must
// not end all streams to come.
func (q *Queue) giveBack(taken batch, written int) (whole int, dropped []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	from := 0
	for whole < len(taken.ends) && taken.ends[whole] <= written {
		from = taken.ends[whole]
		whole++
	}
	rest := taken.ends[whole:]
	tried := len(rest) > 0 && written > from
	if tried && taken.tried && whole == 0 {
		dropped = taken.bytes[from:rest[0]]
		from, rest, tried = rest[0], rest[1:], false
	}
	if len(rest) == 0 {
		return whole, dropped
	}
	// What is left is no offer any more: it waits with the rest, of which it is a part
	// that does not grow.
	left := batch{bytes: append([]byte(nil), taken.bytes[from:]...), tried: tried || whole == 0 && dropped == nil && taken.tried}
	for _, end := range rest {
		left.ends = append(left.ends, end-from)
	}
	q.batches = append([]batch{left}, q.batches...)
	q.count(left, 1)
	q.wake()
	return whole, dropped
}

// condemn takes out the stanza in the middle of which the last stream ended, if there is
// one, and returns it.
func (q *Queue) condemn() (dropped []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 || !q.batches[0].tried {
		return nil
	}
	first := q.batches[0]
	q.count(first, -1)
	q.batches = q.batches[1:]
	end := first.ends[0]
	if len(first.ends) > 1 {
		left := batch{bytes: first.bytes[end:]}
		for _, e := range first.ends[1:] {
			left.ends = append(left.ends, e-end)
		}
		q.batches = append([]batch{left}, q.batches...)
		q.count(left, 1)
	}
	return first.bytes[:end]
}

// Len is how many bytes and stanzas wait.
func (q *Queue) Len() (bytes, stanzas int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes, q.stanzas
}

// Close lets nothing more in and frees who waits. What is in it stays.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.space.Broadcast()
}
