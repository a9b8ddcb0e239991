package state

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// However many shares of rates a room remembers, one more moves few of the others:
// counted, because how long it takes says little.
func TestSpentSharesMoveFew(t *testing.T) {
	const people = 50000
	rnd := rand.New(rand.NewPCG(19, 0))
	start := time.Unix(1e9, 0).UTC()
	m, lim := new(Sparse), &Base{RateShares: people}
	who := func(i int) jid.JID { return jid.MustParse(fmt.Sprintf("p%d@example.org", i)) }
	moved := func(spend func()) int {
		before := slices.Clone(m.soonest)
		spend()
		n := 0
		for i, x := range m.soonest {
			if i >= len(before) || before[i] != x {
				n++
			}
		}
		return n
	}
	for i := range people { // in the order in which a snapshot has them
		m.applySpent(who(i), event.RateMessages, start.Add(time.Duration(1+rnd.IntN(1e9))), start, lim)
	}
	require.Len(t, m.soonest, people)
	most := 2 * bits.Len(people)
	for range 300 {
		until, now := start.Add(time.Duration(1+rnd.IntN(1e9))), start
		require.LessOrEqual(t, moved(func() { m.applySpent(who(rnd.IntN(2*people)), event.RateMessages, until, now, lim) }), most)
	}
	requireHeap(t, m)
	all := slices.Clone(m.soonest)
	slices.SortFunc(all, compareSpendings)
	now := all[people/2].until
	m.applySpent(who(0), event.RatePresence, start.Add(time.Hour), now, lim)
	requireHeap(t, m)
	require.Len(t, m.soonest, people-people/2, "those after the middle, and one more")
}

// The heap and the index hold the same, whatever happened, and the first is in front.
func requireHeap(t *testing.T, m *Sparse) {
	t.Helper()
	require.Equal(t, m.spent.len(), len(m.soonest))
	for i, x := range m.soonest {
		require.Equal(t, i, x.place)
		require.Same(t, x, m.spent.get(x.RateKey))
		if i > 0 {
			require.Negative(t, compareSpendings(m.soonest[(i-1)/2], x))
		}
	}
}

// What a room forgets is what a sorted list would forget.
func TestSpentSharesAreForgottenInOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(19, 1))
	start := time.Unix(1e9, 0).UTC()
	for range 50 {
		m, lim := new(Sparse), &Base{RateShares: 1 + rnd.IntN(30)}
		want := map[RateKey]time.Time{}
		for i := range 200 {
			k := RateKey{JID: jid.MustParse(fmt.Sprintf("p%d@example.org", rnd.IntN(40))), Kind: event.RateMessages}
			now := start.Add(time.Duration(i) * time.Second)
			until := now.Add(time.Duration(1+rnd.IntN(20)) * time.Second)
			m.applySpent(k.JID, k.Kind, until, now, lim)
			want[k] = until
			for {
				var first *spending
				for k, until := range want {
					if x := (&spending{RateKey: k, until: until}); first == nil || compareSpendings(x, first) < 0 {
						first = x
					}
				}
				if first == nil || first.until.After(now) && len(want) <= lim.RateShares {
					break
				}
				delete(want, first.indexKey())
			}
			requireHeap(t, m)
			require.Len(t, m.soonest, len(want))
			for _, x := range m.soonest {
				require.Equal(t, want[x.indexKey()], x.until)
			}
		}
	}
}
