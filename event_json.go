package muc

import (
	"fmt"
	"unicode/utf8"
)

// eventHead is what stands before an event's body in JSON.
type eventHead struct {
	seq, sub uint64
	at       Stamp
	name     string
	version  int
	place    int // of the type in the lists of types, negative for none
}

func (h *eventHead) fields(c *codec) {
	c.uint(1, "seq", &h.seq)
	c.uint(2, "sub", &h.sub)
	c.stamp(3, "time", &h.at)
	if c.mode == writesJSON {
		c.str(4, "type", &h.name)
	} else if c.has("type") {
		h.readType(c)
	}
	c.int(5, "v", &h.version)
}

// readType reads the name of a type, which takes no memory if it is known.
func (h *eventHead) readType(c *codec) {
	name := c.readName()
	if place, known := typesByName[string(name)]; known {
		h.name, h.place = bodyTypes[place].name, place
		return
	}
	h.name, h.place = string(name), -1
	if !validText(h.name) {
		c.fail()
	}
}

// known reports whether this type is, in this version.
func (h *eventHead) known() bool { return h.place >= 0 && h.version == bodyTypes[h.place].version }

const bodyName = "data"

// MarshalJSON writes {"seq","sub","time","type","v","data"}. It fails only for what
// no room writes: an event without body, an affiliation that there is not.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Body == nil {
		return nil, fmt.Errorf("%w: event without body", ErrCorrupt)
	}
	t := e.Body.eventType()
	h := eventHead{seq: e.Seq, sub: e.Sub, at: Stamp{e.Time}, name: t.name, version: t.version}
	c := codec{mode: writesJSON, buf: make([]byte, 0, 512)}
	c.buf = append(c.buf, '{')
	h.fields(&c)
	c.member(bodyName, false)
	c.buf = append(c.buf, '{')
	fieldsOf(e.Body, &c)
	if c.buf = append(c.buf, "}}"...); c.bad {
		return nil, fmt.Errorf("%w: %s", ErrCorrupt, t.name)
	}
	return c.buf, nil
}

// UnmarshalJSON reads what [Event.MarshalJSON] wrote, and keeps nothing of b. A type
// or version that it does not know is an [*UnknownEventError], anything else that is
// not an event wraps [ErrCorrupt]. Fields that it does not know are ignored.
func (e *Event) UnmarshalJSON(b []byte) error {
	h := eventHead{place: -1}
	var body EventBody
	data, place := len(b), -1 // where the body begins, and the type that it was read as
	c := codec{mode: readsJSON, buf: b}
	for c.open(); c.js.inside; c.goOn() {
		h.fields(&c)
		if c.hasValue(bodyName) {
			data, body = c.pos, nil
			if h.known() {
				place = h.place
				body, c.pos = readJSONBody(b, data, place)
			}
			if body == nil { // the type comes later, or it is another
				c.value()
			}
		}
	}
	switch {
	case !c.ends():
		return fmt.Errorf("%w: no event", ErrCorrupt)
	case !h.known():
		return &UnknownEventError{Type: h.name, Version: h.version}
	case body == nil || place != h.place:
		body, _ = readJSONBody(b, data, h.place)
	}
	if body == nil {
		return fmt.Errorf("%w: %s", ErrCorrupt, h.name)
	}
	*e = Event{Seq: h.seq, Sub: h.sub, Time: h.at.Time, Body: body}
	return nil
}

// readJSONBody reads the body in an event, and where it ends; nil if it is none.
func readJSONBody(event []byte, start, place int) (body EventBody, end int) {
	body = newBodies[place]()
	c := codec{mode: readsJSON, buf: event, pos: start, js: jsonReader{depth: 1, shares: true}}
	if !c.null() {
		for c.open(); c.js.inside; c.goOn() {
			fieldsOf(body, &c)
		}
	}
	if c.bad {
		return nil, start
	}
	return body, c.pos
}

// Objects and lists are written as they come, without blanks.

// bare is the name of what stands in a list.
const bare = ""

func isOptional(name string) bool { return name != bare && name[len(name)-1] == '?' }

// member writes the name of what comes next, unless that is empty and to be left out.
func (c *codec) member(name string, empty bool) bool {
	if isOptional(name) {
		if empty {
			return false
		}
		name = name[:len(name)-1]
	}
	if last := c.buf[len(c.buf)-1]; last != '{' && last != '[' {
		c.buf = append(c.buf, ',')
	}
	if name != bare {
		c.buf = append(append(append(c.buf, '"'), name...), '"', ':')
	}
	return true
}

func (c *codec) writeObject(fields func(c *codec)) {
	c.buf = append(c.buf, '{')
	fields(c)
	c.buf = append(c.buf, '}')
}

func (c *codec) writeList(null bool, n int, element func(i int)) {
	if null {
		c.buf = append(c.buf, "null"...)
		return
	}
	c.buf = append(c.buf, '[')
	for i := range n {
		element(i)
	}
	c.buf = append(c.buf, ']')
}

// plainInJSON are the characters that stand for themselves in a JSON string. What XML
// escapes is escaped here too, as encoding/json does, so that JSON can stand in a page.
var plainInJSON = func() (set charSet) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		set[c] = c != '"' && c != '\\' && !escapedInText[c]
	}
	return set
}()

const hexDigits = "0123456789abcdef"

// shortEscapes are the letters for characters that have one.
var shortEscapes = [utf8.RuneSelf]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

// appendQuoted writes a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		if plainInJSON[s[i]] {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r >= utf8.RuneSelf && r != '\u2028' && r != '\u2029' && (r != utf8.RuneError || n > 1) {
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		if r < utf8.RuneSelf && shortEscapes[r] != 0 {
			dst = append(dst, '\\', shortEscapes[r])
		} else {
			dst = append(dst, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		}
		i += n
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
