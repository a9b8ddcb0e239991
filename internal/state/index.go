package state

import (
	"maps"
	"slices"
)

// SmallIndex is how many entries an index holds in a slice before it becomes a map: most
// rooms are small, and a map of one entry takes more memory than the room.
const SmallIndex = 8

// index is a map that is a slice while it is small, and whose values know their keys.
type index[K comparable, V keyed[K]] struct {
	few  []V
	many map[K]V
}

// keyed is a value that knows its key. The key must not change while it is in an index.
type keyed[K comparable] interface{ indexKey() K }

// get is the value of a key, the zero value if there is none.
func (x *index[K, V]) get(k K) V {
	if i := x.place(k); i >= 0 {
		return x.few[i]
	}
	return x.many[k]
}

func (x *index[K, V]) place(k K) int {
	for i := range x.few {
		if x.few[i].indexKey() == k {
			return i
		}
	}
	return -1
}

// put adds a value, in place of one with the same key.
func (x *index[K, V]) put(v V) {
	i := x.place(v.indexKey())
	switch {
	case i >= 0:
		x.few[i] = v
		return
	case x.many == nil && len(x.few) < SmallIndex:
		x.few = append(x.few, v)
		return
	case x.many == nil:
		x.many = make(map[K]V, 2*SmallIndex)
		for _, old := range x.few {
			x.many[old.indexKey()] = old
		}
		x.few = nil
	}
	x.many[v.indexKey()] = v
}

func (x *index[K, V]) drop(k K) {
	if i := x.place(k); i >= 0 {
		x.few = slices.Delete(x.few, i, i+1)
	}
	delete(x.many, k)
}

func (x *index[K, V]) len() int { return len(x.few) + len(x.many) }

// sorted lists the values. It is the one place where a map is ranged: nothing that a room
// writes may depend on the order of a map.
func (x *index[K, V]) sorted(compare func(a, b V) int) []V {
	list := slices.AppendSeq(slices.Clone(x.few), maps.Values(x.many))
	slices.SortFunc(list, compare)
	return list
}
