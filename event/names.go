package event

import (
	"fmt"
	"slices"
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

func (n *names[T]) unmarshal(text []byte, v *T) error {
	found, known := n.parse(string(text))
	if !known {
		return fmt.Errorf("%w: unknown %s %q", ErrCorrupt, n.what, text)
	}
	*v = found
	return nil
}
