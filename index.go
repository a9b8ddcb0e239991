package muc

import (
	"maps"
	"slices"
)

// smallIndex is how many entries an index keeps in a slice before it becomes a
// map: most rooms are small, and a map of one entry costs more than the room.
const smallIndex = 8

// index is a map that costs nothing while it is small. It is only looked up,
// never ranged: order comes from elsewhere.
type index[K comparable, V any] struct {
	few  []indexEntry[K, V]
	many map[K]V
}

type indexEntry[K comparable, V any] struct {
	key K
	val V
}

func (x *index[K, V]) get(k K) (V, bool) {
	if x.many != nil {
		v, ok := x.many[k]
		return v, ok
	}
	for i := range x.few {
		if x.few[i].key == k {
			return x.few[i].val, true
		}
	}
	var none V
	return none, false
}

func (x *index[K, V]) put(k K, v V) {
	if x.many != nil {
		x.many[k] = v
		return
	}
	for i := range x.few {
		if x.few[i].key == k {
			x.few[i].val = v
			return
		}
	}
	if len(x.few) < smallIndex {
		x.few = append(x.few, indexEntry[K, V]{k, v})
		return
	}
	x.many = make(map[K]V, 2*smallIndex)
	for _, e := range x.few {
		x.many[e.key] = e.val
	}
	x.many[k] = v
	x.few = nil
}

func (x *index[K, V]) drop(k K) {
	if x.many != nil {
		delete(x.many, k)
		return
	}
	for i := range x.few {
		if x.few[i].key == k {
			x.few = slices.Delete(x.few, i, i+1)
			return
		}
	}
}

func (x *index[K, V]) len() int {
	if x.many != nil {
		return len(x.many)
	}
	return len(x.few)
}

// sortedKeys is the one place where a map is ranged: nothing that a room writes
// may depend on the order of a map.
func sortedKeys[K comparable, V any](x *index[K, V], less func(a, b K) int) []K {
	keys := make([]K, 0, x.len())
	if x.many != nil {
		keys = slices.AppendSeq(keys, maps.Keys(x.many))
	}
	for i := range x.few {
		keys = append(keys, x.few[i].key)
	}
	slices.SortFunc(keys, less)
	return keys
}
