package muc

import (
	"encoding/binary"
	"fmt"
	"math"
)

// binaryFormat is the first byte of an event in its binary form.
const binaryFormat = 1

// AppendBinary writes the event in the compact form that docs/events.md
// describes. Equal events give equal bytes. It fails only for what no room writes:
// an event without body, an affiliation that there is not.
func (e Event) AppendBinary(dst []byte) ([]byte, error) {
	if e.Body == nil {
		return dst, fmt.Errorf("%w: event without body", ErrCorrupt)
	}
	t := e.Body.eventType()
	dst = append(dst, binaryFormat)
	dst = binary.AppendUvarint(dst, t.number)
	dst = binary.AppendUvarint(dst, uint64(t.version))
	dst = binary.AppendUvarint(dst, e.Seq)
	dst = binary.AppendUvarint(dst, e.Sub)
	dst = binary.AppendVarint(dst, e.Time.UnixMilli())
	c := codec{buf: dst}
	if c.sized(e.Body.fields); c.bad {
		return dst, fmt.Errorf("%w: %s", ErrCorrupt, t.name)
	}
	return c.buf, nil
}

// MarshalBinary is [Event.AppendBinary] into new memory.
func (e Event) MarshalBinary() ([]byte, error) { return e.AppendBinary(nil) }

// UnmarshalBinary reads exactly one event that [Event.AppendBinary] wrote, and
// keeps nothing of b. A format, type or version that it does not know is an
// [*UnknownEventError], anything else that is not an event wraps [ErrCorrupt].
// Fields that it does not know are ignored.
func (e *Event) UnmarshalBinary(b []byte) error {
	c := codec{buf: b, mode: codecReads}
	if len(b) > 0 && b[0] != binaryFormat {
		return &UnknownEventError{Type: "binary", Version: int(b[0])}
	}
	c.uvarint() // the format
	number, version := c.uvarint(), c.uvarint()
	var ev Event
	ev.Seq, ev.Sub, ev.Time = c.uvarint(), c.uvarint(), c.moment()
	data := c.bytes()
	if c.bad || len(c.buf) > 0 {
		return fmt.Errorf("%w: no event", ErrCorrupt)
	}
	fresh := known(number, "", int(min(version, math.MaxInt32)))
	if fresh == nil {
		return &UnknownEventError{Type: fmt.Sprintf("number %d", number), Version: int(min(version, math.MaxInt32))}
	}
	ev.Body = fresh()
	if c.within(data, ev.Body.fields); c.bad {
		return fmt.Errorf("%w: %s", ErrCorrupt, ev.Type())
	}
	*e = ev
	return nil
}
