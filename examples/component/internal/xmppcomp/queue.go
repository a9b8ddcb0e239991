package xmppcomp

import (
	"context"
	"sync"
)

// Queue holds the stanzas that wait for a stream, in order. It is bounded by
// bytes: when it is full, whoever has something to say waits. It may be used by
// several goroutines.
type Queue struct {
	max int

	mu      sync.Mutex
	space   sync.Cond     // there is space again, or the queue is closed
	waiting chan struct{} // holds a token while something may wait
	batch   batch
	closed  bool
}

// batch is stanzas one after the other, and where each of them ends.
type batch struct {
	bytes []byte
	ends  []int
}

// NewQueue makes a queue of at most max bytes and one stanza more.
func NewQueue(max int) *Queue {
	q := &Queue{max: max, waiting: make(chan struct{}, 1)}
	q.space.L = &q.mu
	return q
}

// Append adds one stanza, which write appends to the bytes that it is given. It
// waits as long as the queue is full, but not longer than ctx. An error, which is
// that of ctx or [ErrClosed], means that the stanza was not added.
func (q *Queue) Append(ctx context.Context, write func(dst []byte) []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batch.bytes) >= q.max {
		q.waitForSpace(ctx)
	}
	switch {
	case q.closed:
		return ErrClosed
	case len(q.batch.bytes) >= q.max:
		return ctx.Err()
	}
	q.batch.bytes = write(q.batch.bytes)
	q.batch.ends = append(q.batch.ends, len(q.batch.bytes))
	q.wake()
	return nil
}

// waitForSpace returns when there is space, the queue is closed, or ctx has ended.
func (q *Queue) waitForSpace(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.space.Broadcast()
	})
	defer stop()
	for len(q.batch.bytes) >= q.max && !q.closed && ctx.Err() == nil {
		q.space.Wait()
	}
}

func (q *Queue) wake() {
	select {
	case q.waiting <- struct{}{}:
	default:
	}
}

// take is all that waits. The memory of a batch that is done with is used for what
// comes next.
func (q *Queue) take(done batch) batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.batch
	q.batch = batch{done.bytes[:0], done.ends[:0]}
	q.space.Broadcast()
	return taken
}

// giveBack puts a batch of which only the first bytes were written in front of
// what waits, without the stanzas that were written whole. It returns how many
// those are.
func (q *Queue) giveBack(taken batch, written int) (whole int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	from := 0
	for whole < len(taken.ends) && taken.ends[whole] <= written {
		from = taken.ends[whole]
		whole++
	}
	var joined batch
	joined.bytes = append(append(joined.bytes, taken.bytes[from:]...), q.batch.bytes...)
	for _, end := range taken.ends[whole:] {
		joined.ends = append(joined.ends, end-from)
	}
	for _, end := range q.batch.ends {
		joined.ends = append(joined.ends, end+len(taken.bytes)-from)
	}
	q.batch = joined
	if len(joined.ends) > 0 {
		q.wake()
	}
	return whole
}

// Len is how many bytes and stanzas wait.
func (q *Queue) Len() (bytes, stanzas int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.batch.bytes), len(q.batch.ends)
}

// Close lets nothing more in and frees whoever waits. What is in it stays.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.space.Broadcast()
}
