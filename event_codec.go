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
type codec struct {
	buf  []byte // what was written, or what is still to be read
	mode codecMode
	bad  bool
	bin  binaryReader
	js   *jsonReader // of a reader of JSON
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
		c.buf, c.bin.key = nil, 0
		if c.mode == readsJSON {
			c.js.inside = false
		}
	}
}

// whole has all strings that follow share their memory, as one allocation: for
// what is kept and forgotten together.
func (c *codec) whole() {
	switch c.mode {
	case readsBinary:
		c.bin.text = string(c.buf)
	case readsJSON:
		if c.js.depth == 1 && c.js.texts.Cap() == 0 { // not for a part of a snapshot
			c.js.texts.Grow(len(c.buf))
		}
	}
}

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
		if c.hasValue(name) && p.UnmarshalJSON(c.value()) != nil {
			c.fail()
		}
	}
}

// stringField is a string of any type. It reports whether one was read.
func stringField[S ~string](c *codec, field uint64, name string, p *S) bool {
	switch c.mode {
	case writesBinary:
		if *p != "" {
			c.key(field, kindBytes)
			c.buf = binary.AppendUvarint(c.buf, uint64(len(*p)))
			c.buf = append(c.buf, *p...)
		}
		return false
	case readsBinary:
		if !c.at(field, kindBytes) {
			return false
		}
		*p = S(c.string())
		c.next()
	case writesJSON:
		if c.member(name, *p == "") {
			c.buf = appendQuoted(c.buf, string(*p))
		}
		return false
	case readsJSON:
		if !c.has(name) {
			return false
		}
		text, plain := c.readText()
		if *p = S(text); plain {
			return true // no need to look again
		}
	}
	if !validText(string(*p)) {
		c.fail()
	}
	return true
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
	if c.mode == readsJSON {
		if c.has(name) {
			text, _ := c.readText()
			found := slices.IndexFunc(values, func(v E) bool { return v.String() == text })
			if found < 0 {
				c.fail()
				return
			}
			*p = values[found]
		}
		return
	}
	v := uint64(slices.Index(values, *p))
	if v >= uint64(len(values)) {
		c.fail() // no room has such a value
		return
	}
	if c.mode == writesJSON {
		if c.member(name, v == 0) {
			c.buf = appendQuoted(c.buf, (*p).String())
		}
		return
	}
	if c.uint(field, name, &v); !c.reads() {
		return
	}
	if v >= uint64(len(values)) {
		c.fail()
		return
	}
	*p = values[v]
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
			if text, _ := c.readText(); p.UnmarshalText([]byte(text)) != nil {
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
		empty := len(c.buf) + 1
		if c.sized(fields); !there && len(c.buf) == empty {
			c.buf = c.buf[:before]
		}
	case readsBinary:
		if c.at(field, kindBytes) {
			c.within(c.bytes(), fields)
			c.next()
		}
	case writesJSON:
		c.member(name, false)
		empty := len(c.buf) + len("{}")
		if c.writeObject(fields); isOptional(name) && !there && len(c.buf) == empty {
			c.buf = c.buf[:before]
		}
	case readsJSON:
		if c.has(name) {
			c.readObject(fields)
		}
	}
}

// optional is a nest that may not be there.
func optional[T any](c *codec, field uint64, name string, p **T, fields func(p *T, c *codec)) {
	if c.mode == readsBinary && c.at(field, kindBytes) || c.mode == readsJSON && *p == nil && c.comes(name) {
		*p = new(T)
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
			c.sized(func(c *codec) {
				for i := range *p {
					c.sized(func(c *codec) { element(c, &(*p)[i]) })
				}
			})
		}
	case readsBinary:
		if c.at(field, kindBytes) {
			*p = []T{}
			c.eachWithin(c.bytes(), func(c *codec) { element(c, added(p)) })
			c.next()
		}
	case writesJSON:
		if c.member(name, len(*p) == 0) {
			c.writeList(*p == nil, len(*p), func(i int) { element(c, &(*p)[i]) })
		}
	case readsJSON:
		if c.hasValue(name) {
			if *p = nil; c.null() {
				return
			}
			*p = []T{}
			c.readList(func() { element(c, added(p)) })
		}
	}
}

// added is a new element of a list.
func added[T any](p *[]T) *T {
	var zero T
	*p = append(*p, zero)
	return &(*p)[len(*p)-1]
}
