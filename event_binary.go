package muc

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"
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
	fieldsOf(e.Body, &c)
	if c.size(len(dst)); c.bad {
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
	c := codec{buf: b, mode: readsBinary}
	if len(b) > 0 && b[0] != binaryFormat {
		return &UnknownEventError{Type: "binary", Version: int(b[0])}
	}
	c.uvarint() // the format
	number, version := c.uvarint(), c.uvarint()
	var ev Event
	ev.Seq, ev.Sub, ev.Time = c.uvarint(), c.uvarint(), c.moment()
	data := c.bytes()
	if c.bad || c.pos < len(b) {
		return fmt.Errorf("%w: no event", ErrCorrupt)
	}
	at := typeOfNumber(number)
	if at < 0 || version != uint64(bodyTypes[at].version) {
		return &UnknownEventError{Type: fmt.Sprintf("number %d", number), Version: int(min(version, math.MaxInt32))}
	}
	ev.Body = newBodies[at]()
	c.buf, c.pos = data, 0
	c.next()
	fieldsOf(ev.Body, &c)
	if c.skipRest(); c.bad {
		return fmt.Errorf("%w: %s", ErrCorrupt, ev.Type())
	}
	*e = ev
	return nil
}

// In binary, fields come in the order of their numbers. A field that has its zero
// value is not written; a number that is not asked for is passed over.

// binaryReader is where a reader is.
type binaryReader struct {
	// key is that of the field whose value comes next, 0 at the end.
	key uint64
	// text is what stands in buf from textAt on, if strings are to be parts of it.
	text   string
	textAt int
}

// A key is the number of a field and the kind of its value.
const (
	kindNumber = 0 // one varint
	kindBytes  = 1 // a length and as many bytes
)

// The times that the room can write as text.
var (
	firstMilli = time.Time{}.UnixMilli()
	lastMilli  = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli()
)

func (c *codec) key(field, kind uint64) { c.buf = binary.AppendUvarint(c.buf, field<<1|kind) }

func (c *codec) uvarint() uint64 {
	v, ok := c.oneByte()
	if !ok {
		v = c.longUvarint()
	}
	return v
}

// oneByte takes a number of one byte, as nearly all are.
func (c *codec) oneByte() (v uint64, ok bool) {
	if c.pos < len(c.buf) {
		if b := c.buf[c.pos]; b < 0x80 {
			c.pos++
			return uint64(b), true
		}
	}
	return 0, false
}

func (c *codec) longUvarint() uint64 {
	v, n := binary.Uvarint(c.buf[c.pos:])
	if n <= 0 {
		c.fail()
		return 0
	}
	c.pos += n
	return v
}

func (c *codec) moment() time.Time {
	v := c.uvarint()
	ms := int64(v>>1) ^ -int64(v&1)
	if ms < firstMilli || ms > lastMilli {
		c.fail()
		ms = firstMilli
	}
	return time.UnixMilli(ms).UTC()
}

// length takes one, and reports where what it is of begins and ends.
func (c *codec) length() (start, end int) {
	n, ok := c.oneByte()
	if !ok {
		n = c.longUvarint()
	}
	if start = c.pos; n > uint64(len(c.buf)-start) {
		c.fail()
		return len(c.buf), len(c.buf)
	}
	c.pos += int(n)
	return start, c.pos
}

// bytes takes a length and as many bytes.
func (c *codec) bytes() []byte {
	start, end := c.length()
	return c.buf[start:end]
}

// text takes a string, and reports whether it is plain: printable ASCII, and good.
func (c *codec) text() (text string, plain bool) {
	start, end := c.length()
	b := c.buf[start:]
	plain = isPrintable(b, end-start)
	if c.bin.text == "" {
		return string(b[:end-start]), plain
	}
	return c.bin.text[start-c.bin.textAt : end-c.bin.textAt], plain
}

// next reads the key of the next field, which must be higher than the one before.
func (c *codec) next() {
	if c.pos == len(c.buf) {
		c.bin.key = 0
		return
	}
	key, ok := c.oneByte()
	if !ok {
		key = c.longUvarint()
	}
	if before := c.bin.key; key>>1 > before>>1 {
		c.bin.key = key
	} else {
		c.fail()
	}
}

// at moves to the field of a number, and reports whether it is there.
func (c *codec) at(field, kind uint64) bool {
	return c.bin.key == field<<1|kind || c.find(field, kind)
}

// find passes over fields that were not asked for.
func (c *codec) find(field, kind uint64) bool {
	for c.bin.key != 0 && c.bin.key>>1 < field {
		c.skip()
	}
	if c.bin.key>>1 != field {
		return false
	}
	if c.bin.key&1 != kind {
		c.fail()
		return false
	}
	return true
}

// skip passes over the value of the next field.
func (c *codec) skip() {
	if c.bin.key&1 == kindBytes {
		c.bytes()
	} else {
		c.uvarint()
	}
	c.next()
}

// skipRest passes over what nobody asks for.
func (c *codec) skipRest() {
	for c.bin.key != 0 {
		c.skip()
	}
}

// readFields reads all fields that there are.
func (c *codec) readFields(fields func(c *codec)) {
	c.next()
	fields(c)
	c.skipRest()
}

// eachWithin reads the elements of a list.
func (c *codec) eachWithin(fields func(c *codec)) {
	for c.pos < len(c.buf) {
		one := c.within(c.bytes(), 0)
		one.readFields(fields)
		c.after(one)
	}
}

// sized writes what a function writes, with the length before it.
func (c *codec) sized(fields func(c *codec)) {
	start := len(c.buf)
	fields(c)
	c.size(start)
}

// size puts the length before what was written from a place on.
func (c *codec) size(start int) {
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(c.buf)-start))
	c.buf = slices.Insert(c.buf, start, length[:n]...)
}
