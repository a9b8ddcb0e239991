package state

import (
	"iter"
)

// ring is a queue in a circular array: push and shift move nothing.
type ring[V any] struct {
	slots    []V
	first, n int
}

// Len is the number of values.
func (q *ring[V]) Len() int { return q.n }

// At is the i-th value, the oldest being 0. The pointer is valid until the ring changes.
func (q *ring[V]) At(i int) *V {
	if i += q.first; i >= len(q.slots) {
		i -= len(q.slots)
	}
	return &q.slots[i]
}

// All yields the values from the oldest to the newest.
func (q *ring[V]) All() iter.Seq[*V] {
	return func(yield func(*V) bool) {
		for i := range q.n {
			if !yield(q.At(i)) {
				return
			}
		}
	}
}

// push appends a value and returns the place for it. The array doubles when it is full,
// but not beyond most where that suffices.
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

// shift removes the oldest value.
func (q *ring[V]) shift() {
	var none V
	q.slots[q.first] = none
	if q.first++; q.first == len(q.slots) {
		q.first = 0
	}
	q.n--
}

// drop removes the values that a function matches; the others stay in order.
func (q *ring[V]) drop(named func(*V) bool) {
	for range q.n {
		v := *q.At(0)
		if q.shift(); !named(&v) {
			*q.push(len(q.slots)) = v
		}
	}
}
