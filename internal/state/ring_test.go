package state

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A ring is a queue, whatever its size and whatever way it got there.
func TestRing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		var q ring[int]
		var truth []int
		for i := range 300 {
			switch random.IntN(4 + round%7) {
			case 0:
				if len(truth) > 0 {
					require.Equal(t, truth[0], *q.At(0))
					q.shift()
					truth = truth[1:]
				}
			case 1:
				named := func(v int) bool { return v%5 == i%5 }
				q.drop(func(v *int) bool { return named(*v) })
				truth = slices.DeleteFunc(slices.Clone(truth), named)
			default:
				*q.push(20) = i
				truth = append(truth, i)
			}
			require.Equal(t, len(truth), q.Len())
			i := 0
			for v := range q.All() {
				require.Equal(t, truth[i], *v)
				require.Equal(t, truth[i], *q.At(i))
				i++
			}
			require.Len(t, truth, i)
		}
	}
}

// A ring that is kept at a size has no place for more.
func TestRingStaysSmall(t *testing.T) {
	var q ring[int]
	for i := range 1000 {
		if q.Len() == 10 {
			q.shift()
		}
		*q.push(10) = i
	}
	require.Len(t, q.slots, 10)
}
