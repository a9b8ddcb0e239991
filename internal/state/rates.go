package state

import (
	"cmp"
	"container/heap"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// RateKey names a token bucket: of which JID, and of which rate.
type RateKey struct {
	JID  jid.JID
	Kind event.RateKind
}

// spending is a token bucket that is not full.
type spending struct {
	RateKey
	until time.Time // when it will be full again
	place int       // in Sparse.soonest
}

func (x *spending) indexKey() RateKey { return x.RateKey }

func compareRates(a, b *spending) int {
	return cmp.Or(jid.Compare(a.JID, b.JID), cmp.Compare(a.Kind, b.Kind))
}

func compareSpendings(a, b *spending) int {
	return cmp.Or(a.until.Compare(b.until), compareRates(a, b))
}

// spendings is a heap (see container/heap): in front is the bucket that is full again the
// soonest.
type spendings []*spending

func (h spendings) Len() int           { return len(h) }
func (h spendings) Less(i, j int) bool { return compareSpendings(h[i], h[j]) < 0 }

func (h spendings) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push is for container/heap.
func (h *spendings) Push(x any) { *h = append(*h, x.(*spending)) }

// Pop is for container/heap.
func (h *spendings) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return x
}

// SpentUntil is when a bucket will be full again, the zero time if it is full.
func (m *Sparse) SpentUntil(key RateKey) time.Time {
	if x := m.spent.get(key); x != nil {
		return x.until
	}
	return time.Time{}
}

// applyRateSpent notes how much of a rate is used up. Which buckets are full again is
// decided by the host's clock, also while that is behind the room.
func (s *Room) applyRateSpent(b *event.RateSpent, at time.Time, base *Base) {
	m := s.mutableSparse()
	m.forgetSpent(HostTime(s.at.Time(), m.clock)) // as in a room restored before the clock went back
	m.clock = b.Now
	m.applySpent(b.JID, b.Kind, b.Until.Time, HostTime(at, b.Now), base)
}

// applySpent notes until when a bucket is not full, and forgets those that are full
// again. Beyond the limit those are forgotten that are full the soonest. What is
// forgotten depends on the buckets and the time alone, so a restored room forgets the
// same.
func (m *Sparse) applySpent(who jid.JID, kind event.RateKind, until, now time.Time, base *Base) {
	x := m.spent.get(RateKey{who, kind})
	if x == nil {
		x = &spending{RateKey: RateKey{who, kind}, until: until, place: len(m.soonest)}
		m.spent.put(x)
		heap.Push(&m.soonest, x)
	} else {
		x.until = until
		heap.Fix(&m.soonest, x.place)
	}
	m.forgetSpent(now)
	for len(m.soonest) > base.RateShares {
		m.forgetSoonest()
	}
}

// forgetSpent forgets the buckets that are full at a time.
func (m *Sparse) forgetSpent(now time.Time) {
	for len(m.soonest) > 0 && !m.soonest[0].until.After(now) {
		m.forgetSoonest()
	}
}

func (m *Sparse) forgetSoonest() { m.spent.drop(heap.Pop(&m.soonest).(*spending).RateKey) }
