package service

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// A tally counts like a map, and however much is in it, no more than a few rooms are
// ever searched or moved.
func TestTally(t *testing.T) {
	rnd := rand.New(rand.NewPCG(24, 0))
	for _, n := range []int{1, fewRooms, fewRooms + 1, 40, 500} {
		rooms := make([]*room, n)
		for i := range rooms {
			rooms[i] = new(room)
		}
		var counted tally
		want := map[*room]int{}
		for range 20 * n {
			r := rooms[rnd.IntN(n)]
			if by := 1 + rnd.IntN(2); rnd.IntN(2) == 0 || want[r] < by {
				counted.add(r, by)
				want[r] += by
			} else if counted.add(r, -by); want[r] == by {
				delete(want, r)
			} else {
				want[r] -= by
			}
			require.LessOrEqual(t, cap(counted.few), fewRooms)
			require.Equal(t, len(want), counted.len())
			sum := 0
			for _, n := range want {
				sum += n
			}
			require.Equal(t, sum, counted.all())
		}
		got := map[*room]int{}
		for r := range counted.rooms() {
			got[r] = counted.of(r)
		}
		assert.Equal(t, want, got)
	}
}

// The rooms that a person leaves are looked up, not searched for: who is where is counted
// in tallies, which are empty in the end.
func TestLeavingManyRooms(t *testing.T) {
	s := &Service{sessions: tallies{}, persons: tallies{}, doubts: map[muc.JID]doubt{}}
	rooms := make([]*room, 40000)
	devices := []muc.JID{muc.MustParseJID("romeo@example.org/a"), muc.MustParseJID("romeo@example.org/b")}
	for i := range rooms {
		rooms[i] = new(room)
		for _, device := range devices {
			s.came(rooms[i], device)
		}
	}
	for _, device := range devices {
		require.Empty(t, s.sessions[device].few, "what is searched one by one")
		require.Len(t, s.sessions[device].many, len(rooms))
	}
	require.Empty(t, s.persons[devices[0].Bare()].few)
	for i, r := range rooms {
		s.gone(r, devices...)
		s.gone(r, devices...) // once more is nothing
		require.Zero(t, r.sessions)
		if i%1000 == 0 {
			require.Equal(t, len(rooms)-i-1, s.persons[devices[0].Bare()].len(), fmt.Sprint(i))
		}
	}
	assert.Empty(t, s.sessions)
	assert.Empty(t, s.persons)
}
