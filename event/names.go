package event

import (
	"fmt"
	"slices"
	"strings"
)

// names are the names of the values of a type, from the lowest value on: those that the
// protocol has for them. They stand in JSON too, so that people can read it.
type names[T ~int8 | ~uint8] struct {
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
	return fmt.Sprintf("%T(%d)", v, int(v))
}

func (n *names[T]) marshal(v T) ([]byte, error) {
	name, known := n.find(v)
	if !known {
		return nil, fmt.Errorf("%w: no %T: %d", ErrCorrupt, v, int(v))
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
		kind := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", *v), "event."))
		return fmt.Errorf("%w: unknown %s %q", ErrCorrupt, kind, text)
	}
	*v = found
	return nil
}
