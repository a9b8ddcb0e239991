package muc

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// codec writes the fields of a body or reads them, in either of the two forms, by the
// same list of calls: each names a field's number and name, and where its value is.
//
// What is wrong with what is read is noted in bad, and reading goes on with nothing.
// A text that cannot stand in XML is wrong, a payload that the door would not have
// made, a value that is not among those that there are.
//
// Whoever reads or writes an event has its codec on the stack, which spares an
// allocation for each. So it goes to no function that the compiler does not know; what
// stands in values has a codec of its own, see within.
type codec struct {
	buf   []byte // what was written, or what is read
	pos   int    // where the reader is. Moving a slice on would cost a write barrier each time
	mode  codecMode
	bad   bool
	bin   binaryReader
	js    jsonReader
	inner *codec // of what stands in values, made when there is something
}

type codecMode uint8

const (
	writesBinary codecMode = iota
	readsBinary
	writesJSON
	readsJSON
)

func (c *codec) reads() bool { return c.mode == readsBinary || c.mode == readsJSON }

// fail notes that something is wrong, and leaves nothing to be read.
func (c *codec) fail() {
	c.bad = true
	if c.reads() {
		c.pos, c.bin.key, c.js.inside = len(c.buf), 0, false
	}
}

// within is a codec for what stands in a value. It is good until it is asked for again.
func (c *codec) within(buf []byte, pos int) *codec {
	if c.inner == nil {
		c.inner = new(codec)
	}
	*c.inner = codec{mode: c.mode, buf: buf, pos: pos, js: jsonReader{depth: c.js.depth}, inner: c.inner.inner}
	return c.inner
}

// after goes on behind a value.
func (c *codec) after(inner *codec) {
	switch c.mode {
	case writesBinary, writesJSON:
		c.buf = inner.buf
	case readsJSON:
		c.pos = inner.pos
	}
	if inner.bad {
		c.fail()
	}
}

// whole has all strings that follow share their memory, as one allocation: for
// what is kept and forgotten together. In JSON some of what follows is no text: syntax
// is how much at least.
func (c *codec) whole(syntax int) {
	switch {
	case c.mode == readsBinary:
		c.bin.text, c.bin.textAt = string(c.buf[c.pos:]), c.pos
	case c.mode == readsJSON && c.js.shares && c.js.texts.Cap() == 0:
		c.js.texts.Grow(max(len(c.buf)-c.pos-syntax, 1))
	}
}

// little is whole for texts of which some are kept longer than others, if they are so
// short that it does not matter.
func (c *codec) little(syntax int) {
	if len(c.buf)-c.pos <= littleText {
		c.whole(syntax)
	}
}

const littleText = 128

func (c *codec) uint(field uint64, name string, p *uint64) {
	switch c.mode {
	case writesBinary:
		if *p != 0 {
			c.key(field, kindNumber)
			c.buf = binary.AppendUvarint(c.buf, *p)
		}
	case readsBinary:
		if c.at(field, kindNumber) {
			*p = c.uvarint()
			c.next()
		}
	case writesJSON:
		if c.member(name, *p == 0) {
			c.buf = strconv.AppendUint(c.buf, *p, 10)
		}
	case readsJSON:
		if c.has(name) {
			c.readNumber(p)
		}
	}
}

// int is for numbers that may be negative: in binary they are written zigzag.
func (c *codec) int(field uint64, name string, p *int) {
	switch c.mode {
	case writesJSON:
		if c.member(name, *p == 0) {
			c.buf = strconv.AppendInt(c.buf, int64(*p), 10)
		}
		return
	case readsJSON:
		if c.has(name) {
			c.readInt(p)
		}
		return
	}
	v := uint64(*p)<<1 ^ uint64(*p>>63)
	if c.uint(field, name, &v); c.reads() {
		*p = int(v>>1) ^ -int(v&1)
	}
}

func (c *codec) uint32(field uint64, name string, p *uint32) {
	v := uint64(*p)
	if c.uint(field, name, &v); c.reads() {
		if *p = uint32(v); uint64(*p) != v {
			c.fail()
		}
	}
}

// bool is 0 or 1 in binary.
func (c *codec) bool(field uint64, name string, p *bool) {
	switch c.mode {
	case writesJSON:
		if c.member(name, !*p) {
			c.buf = strconv.AppendBool(c.buf, *p)
		}
		return
	case readsJSON:
		if c.has(name) {
			c.readBool(p)
		}
		return
	}
	v := uint64(0)
	if *p {
		v = 1
	}
	if c.uint(field, name, &v); c.reads() {
		if *p = v == 1; v > 1 {
			c.fail()
		}
	}
}

// stamp is in binary milliseconds since 1970, zigzag.
func (c *codec) stamp(field uint64, name string, p *Stamp) {
	switch c.mode {
	case writesBinary:
		if !p.IsZero() {
			c.key(field, kindNumber)
			c.buf = binary.AppendVarint(c.buf, p.UnixMilli())
		}
	case readsBinary:
		if c.at(field, kindNumber) {
			p.Time = c.moment()
			c.next()
		}
	case writesJSON:
		if c.member(name, p.IsZero()) {
			c.buf = p.appendJSON(c.buf)
		}
	case readsJSON:
		if c.hasValue(name) {
			c.readStamp(p)
		}
	}
}

// textField is a string of any type. It reports whether one was read, and whether it
// is plain: ASCII that can stand in XML.
func textField[S ~string](c *codec, field uint64, name string, p *S) (read, plain bool) {
	switch c.mode {
	case writesBinary:
		if *p != "" {
			c.key(field, kindBytes)
			c.buf = binary.AppendUvarint(c.buf, uint64(len(*p)))
			c.buf = append(c.buf, *p...)
		}
	case readsBinary:
		if c.at(field, kindBytes) {
			text, plain := c.text()
			*p = S(text)
			c.next()
			return true, plain
		}
	case writesJSON:
		if c.member(name, *p == "") {
			c.buf = appendQuoted(c.buf, string(*p))
		}
	case readsJSON:
		if c.has(name) {
			text, plain := c.readText()
			*p = S(text)
			return true, plain
		}
	}
	return false, false
}

// stringField is a string of any type that can stand in XML. It reports whether one
// was read.
func stringField[S ~string](c *codec, field uint64, name string, p *S) bool {
	read, plain := textField(c, field, name, p)
	if read && !plain && !validText(string(*p)) {
		c.fail()
	}
	return read
}

func (c *codec) str(field uint64, name string, p *string) { stringField(c, field, name, p) }

// payload is a string of canonical XML.
func (c *codec) payload(field uint64, name string, p *string) {
	if stringField(c, field, name, p) && !isCanonical(*p) {
		c.fail()
	}
}

// named are values that have names.
type named interface {
	comparable
	String() string
}

// enum is one of a list of values. In binary it is the place in the list, which may
// only ever grow at its end. The first is the zero value.
func enum[E named](c *codec, field uint64, name string, p *E, values []E) {
	v := uint64(0)
	switch c.mode {
	case readsBinary:
		c.uint(field, name, &v)
	case readsJSON:
		if !c.has(name) {
			return
		}
		text := c.readName()
		for v < uint64(len(values)) && values[v].String() != string(text) {
			v++
		}
	default:
		v = uint64(slices.Index(values, *p))
	}
	switch {
	case v >= uint64(len(values)):
		c.fail() // there is no such value
	case c.reads():
		*p = values[v]
	case c.mode == writesBinary:
		c.uint(field, name, &v)
	case c.member(name, v == 0):
		c.buf = appendQuoted(c.buf, (*p).String())
	}
}

// roles is a set: in binary with a bit for each role, in JSON their names.
func (c *codec) roles(field uint64, name string, p *RoleSet) {
	switch c.mode {
	case writesJSON:
		if c.member(name, *p == 0) {
			c.buf = appendQuoted(c.buf, p.String())
		}
		return
	case readsJSON:
		if c.has(name) {
			if p.UnmarshalText(c.readName()) != nil {
				c.fail()
			}
		}
		return
	}
	v := uint64(*p)
	if c.uint(field, name, &v); v >= 1<<len(roleNames) {
		c.fail()
	} else if c.reads() {
		*p = RoleSet(v)
	}
}

// nest is a value with fields of its own.
func (c *codec) nest(field uint64, name string, fields func(c *codec)) {
	c.object(field, name, false, fields)
}

// object is a nest that is written though none of its fields is, if that means
// something.
func (c *codec) object(field uint64, name string, there bool, fields func(c *codec)) {
	before := len(c.buf)
	switch c.mode {
	case writesBinary:
		c.key(field, kindBytes)
		start := len(c.buf)
		inner := c.within(c.buf, 0)
		fields(inner)
		if c.after(inner); there || len(c.buf) > start {
			c.size(start)
		} else {
			c.buf = c.buf[:before]
		}
	case readsBinary:
		if c.at(field, kindBytes) {
			inner := c.within(c.bytes(), 0)
			inner.readFields(fields)
			c.after(inner)
			c.next()
		}
	case writesJSON:
		c.member(name, false)
		empty := len(c.buf) + len("{}")
		inner := c.within(c.buf, 0)
		inner.writeObject(fields)
		if c.after(inner); isOptional(name) && !there && len(c.buf) == empty {
			c.buf = c.buf[:before]
		}
	case readsJSON:
		if c.has(name) {
			c.readWithin(fields)
		}
	}
}

// optional is a nest that may not be there.
func optional[T any](c *codec, field uint64, name string, p **T, fields func(p *T, c *codec)) {
	switch c.mode {
	case readsBinary:
		if c.at(field, kindBytes) {
			*p = new(T)
		}
	case readsJSON:
		if c.has(name) {
			if *p == nil {
				*p = new(T)
			}
			c.readWithin(func(c *codec) { fields(*p, c) })
		}
		return
	}
	if *p != nil {
		c.object(field, name, true, func(c *codec) { fields(*p, c) })
	}
}

// list holds values with fields of their own. An empty list is there, a nil one is
// not.
func list[T any](c *codec, field uint64, name string, p *[]T, fields func(p *T, c *codec)) {
	elements(c, field, name, p, func(c *codec, v *T) {
		switch c.mode {
		case writesJSON:
			c.member(bare, false)
			c.writeObject(func(c *codec) { fields(v, c) })
		case readsJSON:
			if !c.null() {
				c.readObject(func(c *codec) { fields(v, c) })
			}
		default:
			fields(v, c)
		}
	})
}

// values is a list of values without fields. In binary each is field 1 of itself.
func values[T any](c *codec, field uint64, name string, p *[]T, value func(c *codec, field uint64, name string, p *T)) {
	elements(c, field, name, p, func(c *codec, v *T) { value(c, 1, bare, v) })
}

func elements[T any](c *codec, field uint64, name string, p *[]T, element func(c *codec, p *T)) {
	switch c.mode {
	case writesBinary:
		if *p != nil {
			c.key(field, kindBytes)
			start := len(c.buf)
			inner := c.within(c.buf, 0)
			for i := range *p {
				inner.sized(func(c *codec) { element(c, &(*p)[i]) })
			}
			c.after(inner)
			c.size(start)
		}
	case readsBinary:
		if c.at(field, kindBytes) {
			*p = []T{}
			inner := c.within(c.bytes(), 0)
			inner.eachWithin(func(c *codec) { element(c, added(p)) })
			c.after(inner)
			c.next()
		}
	case writesJSON:
		if c.member(name, len(*p) == 0) {
			inner := c.within(c.buf, 0)
			inner.writeList(*p == nil, len(*p), func(i int) { element(inner, &(*p)[i]) })
			c.after(inner)
		}
	case readsJSON:
		if c.hasValue(name) {
			if *p = nil; c.null() {
				return
			}
			*p = []T{}
			inner := c.within(c.buf, c.pos)
			inner.readList(func() { element(inner, added(p)) })
			c.after(inner)
		}
	}
}

// added is a new element of a list.
func added[T any](p *[]T) *T {
	var zero T
	*p = append(*p, zero)
	return &(*p)[len(*p)-1]
}
