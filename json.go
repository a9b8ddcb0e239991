package muc

import (
	"bytes"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// JSON is read without a tree: the members of an object come as they stand, and the
// fields of a body, which mostly stand in the same order, take theirs.

// jsonReader is where a reader is, in one object or in none.
type jsonReader struct {
	// inside says that the reader is before a member or, if that is taken, behind its
	// value. taken counts the members that were, since goOn.
	inside, behind bool
	// named says that the reader is behind the name of the next member already: nobody
	// took that as it stands.
	named bool
	name  []byte
	taken int
	// depth is how many objects and lists the reader is in.
	depth int
	// shares says that strings may share memory, which is texts.
	shares bool
	texts  strings.Builder
}

// ends reports whether nothing is left, and nothing was wrong.
func (c *codec) ends() bool {
	c.space()
	return !c.bad && c.pos == len(c.buf)
}

// space passes over blanks.
func (c *codec) space() {
	for c.pos < len(c.buf) && c.buf[c.pos] <= ' ' && isBlank[c.buf[c.pos]] {
		c.pos++
	}
}

var isBlank = charsOf(" \n\t\r")

// found reports whether a character of the syntax comes next, and passes over it.
func (c *codec) found(char byte) bool {
	c.space()
	if c.pos == len(c.buf) || c.buf[c.pos] != char {
		return false
	}
	c.pos++
	return true
}

func (c *codec) expect(char byte) {
	if !c.found(char) {
		c.fail()
	}
}

// null reports whether null comes next, and passes over it.
func (c *codec) null() bool {
	c.space()
	return c.pos < len(c.buf) && c.buf[c.pos] == 'n' && c.word("null")
}

func (c *codec) word(word string) bool {
	if !bytes.HasPrefix(c.buf[c.pos:], []byte(word)) {
		c.fail()
		return false
	}
	c.pos += len(word)
	return true
}

// readObject reads members. The fields are asked for those that come, again and
// again as long as they take any; what they do not take is passed over. Of two with
// one name the later one counts.
func (c *codec) readObject(fields func(c *codec)) {
	for c.open(); c.js.inside; c.goOn() {
		fields(c)
	}
}

// readWithin reads the members of a value.
func (c *codec) readWithin(fields func(c *codec)) {
	inner := c.within(c.buf, c.pos)
	inner.readObject(fields)
	c.after(inner)
}

// open begins an object.
func (c *codec) open() {
	c.expect('{')
	if c.js.inside = !c.bad && !c.found('}'); c.js.inside {
		c.js.depth++
	}
}

// goOn comes when all fields were asked for the next member.
func (c *codec) goOn() {
	switch {
	case c.js.taken > 0:
		c.js.taken = 0
	case !c.js.named:
		c.nameNext() // it may be in another form than ours
	default:
		c.value()
		c.js.named, c.js.behind = false, true
	}
	if c.js.behind {
		c.nextMember()
	}
}

// nextMember goes on to the next member, or out of the object.
func (c *codec) nextMember() {
	c.js.behind = false
	switch {
	case c.found(','):
		c.space()
	case c.found('}'):
		c.js.inside = false
		c.js.depth--
	default:
		c.fail()
	}
}

func (c *codec) nameNext() {
	c.js.name, c.js.named = c.readName(), true
	c.expect(':')
}

// hasValue reports whether the value comes next that is to be read: that of the
// member with the name, or what stands in a list.
func (c *codec) hasValue(name string) bool {
	if name != bare {
		if c.js.behind {
			c.nextMember()
		}
		if !c.js.inside || !c.passName(name) {
			return false
		}
		c.js.behind = true
		c.js.taken++
	}
	c.space()
	return true
}

// passName passes over the name of the next member, if it is this one. First it has
// to stand there as we write it; if no field took it so, any letters will do that mean
// the same, in capitals or not, as in encoding/json.
func (c *codec) passName(name string) bool {
	if isOptional(name) {
		name = name[:len(name)-1]
	}
	if c.js.named {
		c.js.named = !strings.EqualFold(string(c.js.name), name)
		return !c.js.named
	}
	b, end := c.buf[c.pos:], len(`"`)+len(name)
	if len(b) < end+len(`":`) || b[0] != '"' || string(b[1:end]) != name || b[end] != '"' || b[end+1] != ':' {
		return false
	}
	c.pos += end + len(`":`)
	return true
}

// has is hasValue but for null, which says nothing.
func (c *codec) has(name string) bool { return c.hasValue(name) && !c.null() }

// longEscapes are the characters that short escapes stand for.
var longEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

var hexDigit = charsOf("0123456789abcdefABCDEF")

// plainStart is how much of the beginning of a text stands for itself.
func plainStart(b []byte) int {
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		if marks := special(eight(b[i:])); marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// rawString takes what stands between quotes. It is plain if it is ASCII and has no
// escapes, which are all good.
func (c *codec) rawString() (raw []byte, plain bool) {
	if c.pos == len(c.buf) || c.buf[c.pos] != '"' {
		c.fail()
		return nil, false
	}
	b := c.buf[c.pos+1:]
	i := plainStart(b)
	for plain = true; i < len(b) && b[i] >= ' '; i += plainStart(b[i:]) {
		switch b[i] {
		case '"':
			c.pos += len(`"`) + i + len(`"`)
			return b[:i], plain
		case '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				c.fail()
				return nil, false
			}
			i += n
		default:
			i++
		}
		plain = false
	}
	c.fail()
	return nil, false
}

// escapeLen is how long the escape is that a text begins with, 0 for a bad one.
func escapeLen(b []byte) int {
	if len(b) < len(`\n`) {
		return 0
	}
	if longEscapes[b[1]] != 0 {
		return len(`\n`)
	}
	if b[1] != 'u' || len(b) < len(`\u0000`) {
		return 0
	}
	for _, char := range b[2:6] {
		if !hexDigit[char] {
			return 0
		}
	}
	return len(`\u0000`)
}

// decode writes what a raw string stands for. What is no UTF-8 becomes U+FFFD.
func decode(w *strings.Builder, raw []byte) {
	for i := 0; i < len(raw); {
		start := i
		i += plainStart(raw[i:])
		w.Write(raw[start:i])
		switch {
		case i == len(raw):
		case raw[i] != '\\':
			r, n := utf8.DecodeRune(raw[i:])
			w.WriteRune(r)
			i += n
		case raw[i+1] != 'u':
			w.WriteByte(longEscapes[raw[i+1]])
			i += len(`\n`)
		default:
			r := codeUnit(raw[i:])
			i += len(`\u0000`)
			if low := codeUnit(raw[i:]); r >= 0xD800 && r < 0xDC00 && low >= 0xDC00 && low < 0xE000 {
				r = 0x10000 + (r-0xD800)<<10 + (low - 0xDC00)
				i += len(`\u0000`)
			}
			w.WriteRune(r) // half a pair is U+FFFD
		}
	}
}

// codeUnit is what the escape means that a text begins with, or negative.
func codeUnit(b []byte) rune {
	if len(b) < len(`\u0000`) || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	r := rune(0)
	for _, char := range b[2:6] {
		r <<= 4
		switch {
		case char <= '9':
			r |= rune(char - '0')
		default:
			r |= rune(char|0x20-'a') + 10
		}
	}
	return r
}

// readText reads a string, and reports whether it was plain.
func (c *codec) readText() (text string, plain bool) {
	raw, plain := c.rawString()
	var own strings.Builder
	w := &own
	if shared := &c.js.texts; shared.Cap() > 0 {
		if shared.Cap()-shared.Len() < len(raw) { // more of them than whole thought
			shared.Reset()
			shared.Grow(len(c.buf) - c.pos + len(raw))
		}
		w = shared
	} else if plain {
		return string(raw), true
	} else {
		w.Grow(len(raw))
	}
	start := w.Len()
	if plain {
		w.Write(raw)
	} else {
		decode(w, raw)
	}
	return w.String()[start:], plain
}

// readName reads a string that is the name of something, and not kept.
func (c *codec) readName() []byte {
	raw, plain := c.rawString()
	if !plain {
		var name strings.Builder
		decode(&name, raw)
		raw = []byte(name.String())
	}
	return raw
}

// number takes a number.
func (c *codec) number() []byte {
	b, i := c.buf[c.pos:], 0
	digits := func() bool {
		start := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > start
	}
	in := func(set string) bool { return i < len(b) && strings.IndexByte(set, b[i]) >= 0 }
	if in("-") {
		i++
	}
	start := i
	good := digits() && (b[start] != '0' || i == start+1)
	if good && in(".") {
		i++
		good = digits()
	}
	if good && in("eE") {
		if i++; in("+-") {
			i++
		}
		good = digits()
	}
	if !good {
		c.fail()
		return nil
	}
	c.pos += i
	return b[:i]
}

func (c *codec) readNumber(p *uint64) {
	v, err := strconv.ParseUint(string(c.number()), 10, 64)
	if *p = v; err != nil {
		c.fail()
	}
}

func (c *codec) readInt(p *int) {
	v, err := strconv.Atoi(string(c.number()))
	if *p = v; err != nil {
		c.fail()
	}
}

func (c *codec) readBool(p *bool) {
	if *p = c.pos < len(c.buf) && c.buf[c.pos] == 't'; *p {
		c.word("true")
	} else {
		c.word("false")
	}
}

// readStamp reads a time in its one form.
func (c *codec) readStamp(p *Stamp) {
	if p.UnmarshalJSON(c.value()) != nil {
		c.fail()
	}
}

// readList reads the elements of a list.
func (c *codec) readList(element func()) {
	c.js.depth++
	c.expect('[')
	if c.found(']') {
		return
	}
	for !c.bad {
		element()
		if c.found(']') {
			return
		}
		c.expect(',')
	}
}

// value takes the value of a member, of any kind, as it stands.
func (c *codec) value() []byte {
	c.space()
	start := c.pos
	c.pass(c.js.depth - 1)
	return c.buf[start:c.pos]
}

// pass goes past a value.
func (c *codec) pass(depth int) {
	c.space()
	if c.pos == len(c.buf) || depth > maxStoredDepth {
		c.fail()
		return
	}
	switch c.buf[c.pos] {
	case '"':
		c.rawString()
	case '{':
		c.passAll('{', '}', depth)
	case '[':
		c.passAll('[', ']', depth)
	case 't':
		c.word("true")
	case 'f':
		c.word("false")
	case 'n':
		c.word("null")
	default:
		c.number()
	}
}

func (c *codec) passAll(open, end byte, depth int) {
	c.expect(open)
	if c.found(end) {
		return
	}
	for !c.bad {
		if open == '{' {
			c.space()
			c.rawString()
			c.expect(':')
		}
		c.pass(depth + 1)
		if c.found(end) {
			return
		}
		c.expect(',')
	}
}
