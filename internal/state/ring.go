package state

import (
	"iter"
)

// ring is a queue in one array: nothing moves when something comes in at the end or
// goes out at the front.
type ring[V any] struct {
	slots    []V
	first, n int
}

func (q *ring[V]) Len() int { return q.n }

// At is the i-th, the oldest being 0. It is good until the ring changes.
func (q *ring[V]) At(i int) *V {
	if i += q.first; i >= len(q.slots) {
		i -= len(q.slots)
	}
	return &q.slots[i]
}

// All goes from the oldest to the newest.
func (q *ring[V]) All() iter.Seq[*V] {
	return func(yield func(*V) bool) {
		for i := range q.n {
			if !yield(q.At(i)) {
				return
			}
		}
	}
}

// push makes place for one more at the end, and returns it. The array grows with
// what is in it, but where it can not beyond what will ever be in it at once.
func (q *ring[V]) push(most int) *V {
	if q.n == len(q.slots) {
		size := min(max(2*q.n, 4), most)
		grown := make([]V, max(size, q.n+1))
		for i := range q.n {
			grown[i] = *q.At(i)
		}
		q.slots, q.first = grown, 0
	}
	q.n++
	return q.At(q.n - 1)
}

// shift takes out the oldest.
func (q *ring[V]) shift() {
	var none V
	q.slots[q.first] = none
	if q.first++; q.first == len(q.slots) {
		q.first = 0
	}
	q.n--
}

// drop takes out all that a function names, and keeps the others in their order.
func (q *ring[V]) drop(named func(*V) bool) {
	for range q.n {
		v := *q.At(0)
		if q.shift(); !named(&v) {
			*q.push(len(q.slots)) = v
		}
	}
}
