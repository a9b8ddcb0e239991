package service

import (
	"iter"

	"github.com/gomuc/muc"
)

// tally counts something by room. As long as the rooms are few, as they are for most
// people, it is a slice; beyond that a map, so that nothing is ever searched among many.
type tally struct {
	few  []share
	many map[*room]int
	sum  int // of all
}

// share is what a tally counts of one room.
type share struct {
	room *room
	n    int
}

// fewRooms is how many rooms are searched one by one.
const fewRooms = 8

// of is what is counted of a room; nothing in no tally at all.
func (t *tally) of(r *room) int {
	if t == nil {
		return 0
	}
	if t.many != nil {
		return t.many[r]
	}
	for _, sh := range t.few {
		if sh.room == r {
			return sh.n
		}
	}
	return 0
}

// add changes what is counted of a room; a room of which nothing is left is not in it.
func (t *tally) add(r *room, n int) {
	n = max(n, -t.of(r))
	t.sum += n
	if t.many != nil {
		if t.many[r] += n; t.many[r] <= 0 {
			delete(t.many, r)
		}
		return
	}
	for i := range t.few {
		if t.few[i].room != r {
			continue
		}
		if t.few[i].n += n; t.few[i].n <= 0 {
			last := len(t.few) - 1
			t.few[i], t.few[last] = t.few[last], share{}
			t.few = t.few[:last]
		}
		return
	}
	switch {
	case n <= 0:
	case len(t.few) < fewRooms:
		t.few = append(t.few, share{r, n})
	default:
		t.many = make(map[*room]int, 2*fewRooms)
		for _, sh := range t.few {
			t.many[sh.room] = sh.n
		}
		t.many[r], t.few = n, nil
	}
}

// len is how many rooms are counted, all how much of all of them.
func (t *tally) len() int {
	if t == nil {
		return 0
	}
	return len(t.few) + len(t.many)
}

func (t *tally) all() int {
	if t == nil {
		return 0
	}
	return t.sum
}

// rooms are those that are counted, in no order.
func (t *tally) rooms() iter.Seq[*room] {
	return func(yield func(*room) bool) {
		for _, sh := range t.few {
			if !yield(sh.room) {
				return
			}
		}
		for r := range t.many {
			if !yield(r) {
				return
			}
		}
	}
}

// tallies are those of many people or sessions. Of whom nothing is counted is not there.
type tallies map[muc.JID]*tally

// add changes what is counted of somebody in a room.
func (ts tallies) add(who muc.JID, r *room, n int) {
	t := ts[who]
	if t == nil {
		t = new(tally)
		ts[who] = t
	}
	if t.add(r, n); t.len() == 0 {
		delete(ts, who)
	}
}

// drop counts nothing of a room any more, of nobody.
func (ts tallies) drop(r *room) {
	for who, t := range ts {
		ts.add(who, r, -t.of(r))
	}
}
