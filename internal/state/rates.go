package state

import (
	"cmp"
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
	jid   jid.JID
	kind  event.RateKind
	until time.Time // when it will be full again
	place int       // in Sparse.soonest
}

func (x spending) indexKey() RateKey { return RateKey{JID: x.jid, Kind: x.kind} }

func compareRateKeys(a, b RateKey) int {
	return cmp.Or(jid.Compare(a.JID, b.JID), cmp.Compare(a.Kind, b.Kind))
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
func (m *Sparse) applySpent(jid jid.JID, kind event.RateKind, until, now time.Time, base *Base) {
	x, known := m.spent.Get(RateKey{JID: jid, Kind: kind})
	if !known {
		x = &spending{jid: jid, kind: kind, place: len(m.soonest)}
		m.spent.put(x)
		m.soonest = append(m.soonest, x)
	}
	x.until = until
	m.place(x)
	m.forgetSpent(now)
	for len(m.soonest) > base.RateShares {
		m.dropSoonest()
	}
}

// forgetSpent forgets the buckets that are full at a time.
func (m *Sparse) forgetSpent(now time.Time) {
	for len(m.soonest) > 0 && !m.soonest[0].until.After(now) {
		m.dropSoonest()
	}
}

// soonest is a binary heap: the parent of entry i, at (i-1)/2, is full no later than it.

// place restores the heap after the time of one bucket changed.
func (m *Sparse) place(x *spending) {
	h := m.soonest
	for x.place > 0 {
		parent := h[(x.place-1)/2]
		if compareSpendings(parent, x) < 0 {
			break
		}
		m.swap(x, parent)
	}
	for {
		least := x
		for child := 2*x.place + 1; child <= 2*x.place+2 && child < len(h); child++ {
			if compareSpendings(h[child], least) < 0 {
				least = h[child]
			}
		}
		if least == x {
			return
		}
		m.swap(x, least)
	}
}

func (m *Sparse) swap(a, b *spending) {
	a.place, b.place = b.place, a.place
	m.soonest[a.place], m.soonest[b.place] = a, b
}

func (m *Sparse) dropSoonest() {
	first, last := m.soonest[0], m.soonest[len(m.soonest)-1]
	m.swap(first, last)
	m.soonest[first.place] = nil
	m.soonest = m.soonest[:first.place]
	m.spent.drop(first.indexKey())
	if last != first {
		m.place(last)
	}
}

func compareSpendings(a, b *spending) int {
	return cmp.Or(a.until.Compare(b.until), compareRateKeys(a.indexKey(), b.indexKey()))
}
