package state

import (
	"maps"
	"slices"
)

// SmallIndex is how many entries an index holds in a slice before it becomes a map: most
// rooms are small, and a map of one entry takes more memory than the room.
const SmallIndex = 8

// Index is a map that is a slice while it is small, and whose values know their keys.
// Nothing ranges over it but sortedKeys.
type Index[K comparable, V keyed[K]] struct {
	few  []V
	many map[K]V
}

// keyed is a value that knows its key. The key must not change while it is in an index.
type keyed[K comparable] interface{ indexKey() K }

// Get finds the value of a key.
func (x *Index[K, V]) Get(k K) (V, bool) {
	if x.many != nil {
		v, ok := x.many[k]
		return v, ok
	}
	for _, v := range x.few {
		if v.indexKey() == k {
			return v, true
		}
	}
	var none V
	return none, false
}

// put adds a value, in place of one with the same key.
func (x *Index[K, V]) put(v V) {
	k := v.indexKey()
	if x.many != nil {
		x.many[k] = v
		return
	}
	for i := range x.few {
		if x.few[i].indexKey() == k {
			x.few[i] = v
			return
		}
	}
	if len(x.few) < SmallIndex {
		x.few = append(x.few, v)
		return
	}
	x.many = make(map[K]V, 2*SmallIndex)
	for _, old := range x.few {
		x.many[old.indexKey()] = old
	}
	x.many[k] = v
	x.few = nil
}

func (x *Index[K, V]) drop(k K) {
	if x.many != nil {
		delete(x.many, k)
		return
	}
	for i := range x.few {
		if x.few[i].indexKey() == k {
			x.few = slices.Delete(x.few, i, i+1)
			return
		}
	}
}

func (x *Index[K, V]) len() int {
	if x.many != nil {
		return len(x.many)
	}
	return len(x.few)
}

// sortedKeys is the one place where a map is ranged: nothing that a room writes may
// depend on the order of a map.
func sortedKeys[K comparable, V keyed[K]](x *Index[K, V], less func(a, b K) int) []K {
	keys := make([]K, 0, x.len())
	if x.many != nil {
		keys = slices.AppendSeq(keys, maps.Keys(x.many))
	}
	for _, v := range x.few {
		keys = append(keys, v.indexKey())
	}
	slices.SortFunc(keys, less)
	return keys
}
