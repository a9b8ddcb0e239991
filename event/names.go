package event

import (
	"fmt"
	"slices"
	"strings"
)

// names are the names of the values of a type, from the lowest value on: those that the
// protocol has for them. They stand in JSON too, so that people can read it.
type names[T ~int8 | ~uint8] struct {
	what   string // a value of the type is called
	lowest T
	list   []string
}

func (n *names[T]) find(v T) (name string, known bool) {
	i := int(v) - int(n.lowest)
	if i < 0 || i >= len(n.list) {
		return "", false
	}
	return n.list[i], true
}

// of is the name of a value, or its number where there is no such value.
func (n *names[T]) of(v T) string {
	if name, known := n.find(v); known {
		return name
	}
	return fmt.Sprintf("%s(%d)", n.what, int(v))
}

func (n *names[T]) marshal(v T) ([]byte, error) {
	name, known := n.find(v)
	if !known {
		return nil, fmt.Errorf("%w: no %s: %d", ErrCorrupt, n.what, int(v))
	}
	return []byte(name), nil
}

func (n *names[T]) parse(name string) (v T, known bool) {
	i := slices.Index(n.list, name)
	if i < 0 {
		return v, false
	}
	return n.lowest + T(i), true
}

// ofSet is the names of the values in a set, in which the lowest value is the lowest bit,
// with blanks between them.
func (n *names[T]) ofSet(set uint8) string {
	var list []string
	for i, name := range n.list {
		if set&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, " ")
}

func (n *names[T]) marshalSet(set uint8) ([]byte, error) {
	if set >= 1<<len(n.list) {
		return nil, fmt.Errorf("%w: %ss %b", ErrCorrupt, n.what, set)
	}
	return []byte(n.ofSet(set)), nil
}

func (n *names[T]) unmarshalSet(text []byte) (uint8, error) {
	set, known := n.parseSet(strings.Fields(string(text)))
	if !known {
		return 0, fmt.Errorf("%w: %ss %q", ErrCorrupt, n.what, text)
	}
	return set, nil
}

// parseSet makes a set of names; known is false if one is not.
func (n *names[T]) parseSet(list []string) (set uint8, known bool) {
	for _, name := range list {
		i := slices.Index(n.list, name)
		if i < 0 {
			return 0, false
		}
		set |= 1 << i
	}
	return set, true
}

func (n *names[T]) unmarshal(text []byte, v *T) error {
	found, known := n.parse(string(text))
	if !known {
		return fmt.Errorf("%w: unknown %s %q", ErrCorrupt, n.what, text)
	}
	*v = found
	return nil
}
