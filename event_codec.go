package muc

import (
	"encoding/binary"
	"slices"
	"time"
)

// codec writes the fields of a body in binary, reads them, or checks those of a body
// that came in another form, by the same list of calls: each names a field's number
// and where its value is. Fields come in the order of their numbers. A field that has
// its zero value is not written; a number that is not asked for is passed over.
//
// What is wrong with the bytes is noted in bad, and reading goes on with nothing.
type codec struct {
	buf  []byte // what was written, or what is still to be read
	mode codecMode
	bad  bool
	// key is that of the field which buf goes on with, 0 at the end.
	key uint64
	// text is buf and what was before it, if strings are to be parts of it.
	text string
}

type codecMode uint8

const (
	codecWrites codecMode = iota
	codecReads
	codecChecks
)

// accepts checks a body: texts can stand in XML, payloads are what the door has
// made, values are among those that there are.
func (c *codec) accepts(b EventBody) bool {
	b.fields(c)
	return !c.bad
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

func (c *codec) fail() {
	if c.bad = true; c.mode == codecReads {
		c.buf, c.key = nil, 0
	}
}

func (c *codec) uvarint() uint64 {
	v, n := binary.Uvarint(c.buf)
	if n <= 0 {
		c.fail()
		return 0
	}
	c.buf = c.buf[n:]
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

// bytes takes a length and as many bytes.
func (c *codec) bytes() []byte {
	n := c.uvarint()
	if n > uint64(len(c.buf)) {
		c.fail()
		return nil
	}
	b := c.buf[:n]
	c.buf = c.buf[n:]
	return b
}

// whole has all strings that follow share their memory, as one allocation: for
// what is kept and forgotten together.
func (c *codec) whole() {
	if c.mode == codecReads {
		c.text = string(c.buf)
	}
}

func (c *codec) string() string {
	b := c.bytes()
	if c.text == "" {
		return string(b)
	}
	end := len(c.text) - len(c.buf)
	return c.text[end-len(b) : end]
}

// next reads the key of the next field, which must be higher than the one before.
func (c *codec) next() {
	if len(c.buf) == 0 {
		c.key = 0
		return
	}
	before := c.key
	if c.key = c.uvarint(); c.key>>1 <= before>>1 {
		c.fail()
	}
}

// skip passes over the value of the next field.
func (c *codec) skip() {
	if c.key&1 == kindBytes {
		c.bytes()
	} else {
		c.uvarint()
	}
	c.next()
}

// at moves to the field of a number, and reports whether it is there.
func (c *codec) at(field, kind uint64) bool {
	for c.key != 0 && c.key>>1 < field {
		c.skip()
	}
	if c.key>>1 != field {
		return false
	}
	if c.key&1 != kind {
		c.fail()
		return false
	}
	return true
}

// rest passes over all fields that were not asked for.
func (c *codec) rest() {
	for c.key != 0 {
		c.skip()
	}
}

func (c *codec) write(field, kind uint64) { c.buf = binary.AppendUvarint(c.buf, field<<1|kind) }

func (c *codec) uint(field uint64, p *uint64) {
	if c.mode == codecReads {
		if c.at(field, kindNumber) {
			*p = c.uvarint()
			c.next()
		}
	} else if *p != 0 && c.mode == codecWrites {
		c.write(field, kindNumber)
		c.buf = binary.AppendUvarint(c.buf, *p)
	}
}

// int is for numbers that may be negative: they are written zigzag.
func (c *codec) int(field uint64, p *int) {
	v := uint64(*p)<<1 ^ uint64(*p>>63)
	c.uint(field, &v)
	if c.mode == codecReads {
		*p = int(v>>1) ^ -int(v&1)
	}
}

func (c *codec) uint32(field uint64, p *uint32) {
	v := uint64(*p)
	c.uint(field, &v)
	if c.mode == codecReads {
		if *p = uint32(v); uint64(*p) != v {
			c.fail()
		}
	}
}

func (c *codec) bool(field uint64, p *bool) { enum(c, field, p, []bool{false, true}) }

// stamp is written as milliseconds since 1970, zigzag, and the zero time not at all.
func (c *codec) stamp(field uint64, p *Stamp) {
	if c.mode == codecReads {
		if c.at(field, kindNumber) {
			p.Time = c.moment()
			c.next()
		}
	} else if !p.IsZero() && c.mode == codecWrites {
		c.write(field, kindNumber)
		c.buf = binary.AppendVarint(c.buf, p.UnixMilli())
	}
}

// stringField is a string of any type.
func stringField[S ~string](c *codec, field uint64, p *S) {
	if c.mode == codecReads && c.at(field, kindBytes) {
		*p = S(c.string())
		c.next()
	}
	if c.mode != codecWrites {
		if !validText(string(*p)) {
			c.fail()
		}
	} else if *p != "" {
		c.write(field, kindBytes)
		c.buf = binary.AppendUvarint(c.buf, uint64(len(*p)))
		c.buf = append(c.buf, *p...)
	}
}

func (c *codec) str(field uint64, p *string) { stringField(c, field, p) }

// payload is a string of canonical XML.
func (c *codec) payload(field uint64, p *string) {
	if stringField(c, field, p); c.mode != codecWrites && !isCanonical(*p) {
		c.fail()
	}
}

// enum is written as the place of the value in a list, which may only ever grow at
// its end. The first is the zero value.
func enum[E comparable](c *codec, field uint64, p *E, values []E) {
	v := uint64(slices.Index(values, *p))
	if v >= uint64(len(values)) {
		c.fail() // no room has such a value
		return
	}
	c.uint(field, &v)
	if c.mode != codecReads {
		return
	}
	if v >= uint64(len(values)) {
		c.fail()
		return
	}
	*p = values[v]
}

// roles is a set, with a bit for each role.
func (c *codec) roles(field uint64, p *RoleSet) {
	v := uint64(*p)
	c.uint(field, &v)
	if v >= 1<<len(roleNames) {
		c.fail()
	} else if c.mode == codecReads {
		*p = RoleSet(v)
	}
}

// nest is a value with fields of its own. It is not written if none of them is,
// unless it is said to be there.
func (c *codec) nest(field uint64, there bool, fields func(c *codec)) {
	switch c.mode {
	case codecChecks:
		fields(c)
		return
	case codecReads:
		if c.at(field, kindBytes) {
			c.within(c.bytes(), fields)
			c.next()
		}
		return
	}
	before := len(c.buf)
	c.write(field, kindBytes)
	empty := len(c.buf) + 1
	if c.sized(fields); !there && len(c.buf) == empty {
		c.buf = c.buf[:before]
	}
}

// within reads what is inside of a value.
func (c *codec) within(b []byte, fields func(c *codec)) {
	inner := codec{buf: b, mode: codecReads}
	inner.next()
	fields(&inner)
	if inner.rest(); inner.bad {
		c.fail()
	}
}

// sized writes what a function writes, with the length before it.
func (c *codec) sized(fields func(c *codec)) {
	start := len(c.buf)
	fields(c)
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(c.buf)-start))
	c.buf = slices.Insert(c.buf, start, length[:n]...)
}

// list is written as one value that holds its elements, each with its length. An
// empty list is there, a nil one is not.
func list[T any](c *codec, field uint64, p *[]T, element func(c *codec, p *T)) {
	switch c.mode {
	case codecChecks:
		for i := range *p {
			element(c, &(*p)[i])
		}
		return
	case codecWrites:
		if *p != nil {
			c.write(field, kindBytes)
			c.sized(func(c *codec) {
				for i := range *p {
					c.sized(func(c *codec) { element(c, &(*p)[i]) })
				}
			})
		}
		return
	}
	if !c.at(field, kindBytes) {
		return
	}
	*p = []T{}
	elements := codec{buf: c.bytes(), mode: codecReads}
	for len(elements.buf) > 0 {
		var v T
		elements.within(elements.bytes(), func(c *codec) { element(c, &v) })
		*p = append(*p, v)
	}
	if elements.bad {
		c.fail()
	}
	c.next()
}
