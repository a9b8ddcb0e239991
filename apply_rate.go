package muc

import (
	"cmp"
	"slices"
	"time"
)

// applySpent notes how much of a rate is used up, and forgets what means nothing any
// more. Where there are more people than a room may remember, those go who would have
// to wait the shortest. What is forgotten depends on what counts now and on nothing
// else, so a room that was moved forgets the same.
func (m *rarities) applySpent(x spending, now time.Time, lim *Limits) {
	if was, known := m.spent.get(x.indexKey()); known {
		i, _ := slices.BinarySearchFunc(m.soonest, was, compareSpendings)
		m.soonest = slices.Delete(m.soonest, i, i+1)
	}
	m.spent.put(x)
	i, _ := slices.BinarySearchFunc(m.soonest, x, compareSpendings)
	m.soonest = slices.Insert(m.soonest, i, x)
	for len(m.soonest) > 0 && (!m.soonest[0].until.After(now) || len(m.soonest) > lim.RateShares) {
		m.spent.drop(m.soonest[0].indexKey())
		m.soonest = m.soonest[1:]
	}
}

func compareSpendings(a, b spending) int {
	return cmp.Or(a.until.Compare(b.until), compareRateKeys(a.indexKey(), b.indexKey()))
}
