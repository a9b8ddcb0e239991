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
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		var x Index[string, pair[string]]
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
			keys := sortedKeys(&x, cmp.Compare[string])
			require.True(t, slices.IsSorted(keys))
			require.Len(t, keys, len(truth))
			for k, v := range truth {
				got, ok := x.Get(k)
				require.True(t, ok)
				require.Equal(t, v, got.val)
			}
			_, ok := x.Get("nowhere")
			require.False(t, ok)
		}
		if x.many == nil {
			assert.LessOrEqual(t, len(x.few), SmallIndex, "small ones are no map")
		}
	}
	var empty Index[string, pair[string]]
	assert.Empty(t, sortedKeys(&empty, cmp.Compare[string]))
	empty.drop("nothing")
	assert.Zero(t, empty.len())
	assert.Nil(t, empty.many)
}

// The same keys in whatever order make the same list.
func TestSortedKeysHaveOneOrder(t *testing.T) {
	jids := []jid.JID{jid.MustParse("b@x"), jid.MustParse("a@x"), jid.MustParse("x"), jid.MustParse("a@y"), jid.MustParse("b@x/r")}
	var want []jid.JID
	for range 20 {
		var x Index[jid.JID, pair[jid.JID]]
		for i, at := range rand.Perm(len(jids)) {
			x.put(pair[jid.JID]{jids[at], i})
		}
		got := sortedKeys(&x, jid.Compare)
		if want == nil {
			want = got
		}
		assert.Equal(t, want, got)
	}
}
