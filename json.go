package muc

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// JSON is read without a tree: the members of an object come as they stand, and the
// fields of a body, which mostly stand in the same order, take theirs.

// jsonReader is where a reader is.
type jsonReader struct {
	// inside says that a member of an object comes next, name is its name, and taken
	// that its value was read.
	inside, taken bool
	name          []byte
	// depth is how many objects the reader is in.
	depth int
	// reads counts the members that were read.
	reads int
	// texts is the memory of all strings, if they share it.
	texts strings.Builder
}

// ends reports whether nothing is left, and nothing was wrong.
func (c *codec) ends() bool {
	c.space()
	return !c.bad && len(c.buf) == 0
}

// space passes over blanks.
func (c *codec) space() {
	for len(c.buf) > 0 && (c.buf[0] == ' ' || c.buf[0] == '\n' || c.buf[0] == '\t' || c.buf[0] == '\r') {
		c.buf = c.buf[1:]
	}
}

// found reports whether a character of the syntax comes next, and passes over it.
func (c *codec) found(char byte) bool {
	if len(c.buf) > 0 && c.buf[0] <= ' ' {
		c.space()
	}
	if len(c.buf) == 0 || c.buf[0] != char {
		return false
	}
	c.buf = c.buf[1:]
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
	return len(c.buf) > 0 && c.buf[0] == 'n' && c.word("null")
}

func (c *codec) word(word string) bool {
	if len(c.buf) < len(word) || string(c.buf[:len(word)]) != word {
		c.fail()
		return false
	}
	c.buf = c.buf[len(word):]
	return true
}

// readObject reads members. The fields are asked for those that come, again and
// again as long as they take any; what they do not take is passed over. Of two with
// one name the later one counts.
func (c *codec) readObject(fields func(c *codec)) {
	inside, taken, name := c.js.inside, c.js.taken, c.js.name
	c.js.depth++
	c.expect('{')
	c.js.inside = !c.bad && !c.found('}')
	if c.js.inside {
		c.nameNext()
	}
	for c.js.inside {
		before := c.js.reads
		fields(c)
		if c.js.taken {
			c.nextMember()
		} else if c.js.reads == before {
			c.value()
			c.nextMember()
		}
	}
	c.js.inside, c.js.taken, c.js.name = inside, taken, name
	c.js.depth--
}

// nextMember goes on to the next name, or out of the object.
func (c *codec) nextMember() {
	c.js.taken = false
	switch {
	case c.found(','):
		c.nameNext()
	case c.found('}'):
		c.js.inside = false
	default:
		c.fail()
	}
}

func (c *codec) nameNext() {
	c.space()
	raw, plain := c.rawString()
	if !plain {
		var name strings.Builder
		decode(&name, raw)
		raw = []byte(name.String())
	}
	c.js.name, c.js.taken = raw, false
	c.expect(':')
}

// isNext reports whether the next member has a name. As in encoding/json it may be
// in other letters than ours.
func (c *codec) isNext(name string) bool {
	if c.js.taken {
		c.nextMember()
	}
	if isOptional(name) {
		name = name[:len(name)-1]
	}
	return c.js.inside && len(c.js.name) == len(name) &&
		(string(c.js.name) == name || strings.EqualFold(string(c.js.name), name))
}

// comes reports whether the next member has a name, and a value that is not null.
func (c *codec) comes(name string) bool {
	if !c.isNext(name) {
		return false
	}
	c.space()
	return len(c.buf) > 0 && c.buf[0] != 'n'
}

// hasValue reports whether the value comes next that is to be read: that of the
// member with the name, or what stands in a list.
func (c *codec) hasValue(name string) bool {
	if name != bare {
		if !c.isNext(name) {
			return false
		}
		c.js.taken = true
		c.js.reads++
	}
	c.space()
	return true
}

// has is hasValue but for null, which says nothing.
func (c *codec) has(name string) bool { return c.hasValue(name) && !c.null() }

// runsInText are the characters that stand for themselves in what is read.
var runsInText = func() (set charSet) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		set[c] = c != '"' && c != '\\'
	}
	return set
}()

// longEscapes are the characters that short escapes stand for.
var longEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

var hexDigit = charsOf("0123456789abcdefABCDEF")

// rawString takes what stands between quotes. It is plain if it is ASCII and has no
// escapes, which are all good.
func (c *codec) rawString() (raw []byte, plain bool) {
	b := c.buf
	plain = true
	if len(b) == 0 || b[0] != '"' {
		c.fail()
		return nil, plain
	}
	for i := 1; i < len(b); i++ {
		for i < len(b) && runsInText[b[i]] {
			i++
		}
		switch {
		case i == len(b) || b[i] < ' ':
			c.fail()
			return nil, plain
		case b[i] == '"':
			c.buf = b[i+1:]
			return b[1:i], plain
		case b[i] == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				c.fail()
				return nil, plain
			}
			i += n - 1
		}
		plain = false
	}
	c.fail()
	return nil, plain
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
		for i < len(raw) && runsInText[raw[i]] {
			i++
		}
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
	shared := &c.js.texts
	if shared.Cap() == 0 {
		if plain {
			return string(raw), true
		}
		shared = new(strings.Builder)
		shared.Grow(len(raw))
	}
	start := shared.Len()
	if plain {
		shared.Write(raw)
	} else {
		decode(shared, raw)
	}
	return shared.String()[start:], plain
}

// number takes a number.
func (c *codec) number() []byte {
	b, i := c.buf, 0
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
	c.buf = b[i:]
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
	if *p = len(c.buf) > 0 && c.buf[0] == 't'; *p {
		c.word("true")
	} else {
		c.word("false")
	}
}

// readList reads the elements of a list.
func (c *codec) readList(element func()) {
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

// value takes a value of any kind, as it stands.
func (c *codec) value() []byte {
	c.space()
	b := c.buf
	c.pass(0)
	return b[:len(b)-len(c.buf)]
}

// pass goes past a value.
func (c *codec) pass(depth int) {
	c.space()
	switch {
	case len(c.buf) == 0 || depth > maxStoredDepth:
		c.fail()
	case c.buf[0] == '"':
		c.rawString()
	case c.buf[0] == '{':
		c.passAll('{', '}', depth)
	case c.buf[0] == '[':
		c.passAll('[', ']', depth)
	case c.buf[0] == 't':
		c.word("true")
	case c.buf[0] == 'f':
		c.word("false")
	case c.buf[0] == 'n':
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
