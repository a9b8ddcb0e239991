package state

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/jid"
)

type pair[K comparable] struct {
	key K
	val int
}

func (p pair[K]) indexKey() K { return p.key }

// An index is a map, whatever its size and whatever way it got there.
func TestIndex(t *testing.T) {
	byKey := func(a, b pair[string]) int { return cmp.Compare(a.key, b.key) }
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		var x index[string, pair[string]]
		truth := map[string]int{}
		for i := range 200 {
			k := fmt.Sprint(random.IntN(4 + round%20))
			if random.IntN(3) == 0 {
				x.drop(k)
				delete(truth, k)
			} else {
				x.put(pair[string]{k, i})
				truth[k] = i
			}
			require.Equal(t, len(truth), x.len())
			sorted := x.sorted(byKey)
			require.True(t, slices.IsSortedFunc(sorted, byKey))
			require.Len(t, sorted, len(truth))
			for k, v := range truth {
				require.Equal(t, pair[string]{k, v}, x.get(k))
			}
			require.Zero(t, x.get("nowhere"))
		}
		if x.many == nil {
			assert.LessOrEqual(t, len(x.few), SmallIndex, "small ones are no map")
		}
	}
	var empty index[string, pair[string]]
	assert.Empty(t, empty.sorted(byKey))
	empty.drop("nothing")
	assert.Zero(t, empty.len())
	assert.Nil(t, empty.many)
}

// The same keys in whatever order make the same list.
func TestSortedHasOneOrder(t *testing.T) {
	jids := []jid.JID{jid.MustParse("b@x"), jid.MustParse("a@x"), jid.MustParse("x"), jid.MustParse("a@y"), jid.MustParse("b@x/r")}
	var want []jid.JID
	for range 20 {
		var x index[jid.JID, pair[jid.JID]]
		for i, at := range rand.Perm(len(jids)) {
			x.put(pair[jid.JID]{jids[at], i})
		}
		var got []jid.JID
		for _, p := range x.sorted(func(a, b pair[jid.JID]) int { return jid.Compare(a.key, b.key) }) {
			got = append(got, p.key)
		}
		if want == nil {
			want = got
		}
		assert.Equal(t, want, got)
	}
}
