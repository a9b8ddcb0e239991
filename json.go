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
	// inside says that there are members to come, behind that the reader is behind the
	// value of one, and taken that a field took one since goOn.
	inside, behind, taken bool
	// named says that the reader is behind the name of the next member already: nobody
	// took that as it stands.
	named bool
	name  []byte
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
	case c.js.taken:
		c.js.taken = false
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
	case c.found('}'):
		c.js.inside = false
		c.js.depth--
	default:
		c.fail()
	}
}

func (c *codec) nameNext() {
	c.space()
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
		c.js.behind, c.js.taken = true, true
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
	if len(b) < end+len(`":`) || b[end] != '"' || b[end+1] != ':' || b[0] != '"' || string(b[1:end]) != name {
		return false
	}
	c.pos += end + len(`":`)
	return true
}

// has is hasValue but for null, which says nothing.
func (c *codec) has(name string) bool {
	return c.hasValue(name) && (c.pos == len(c.buf) || c.buf[c.pos] != 'n' || !c.null())
}

// plainStart is how much of the beginning of a text stands for itself.
func plainStart(b []byte) int {
	i := 0
	for ; i < len(b)-7; i += 8 {
		if marks := special(eight(b, i)); marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// plainString takes what stands between quotes, if it is ASCII and has no escapes, which
// are all good. If not, it takes nothing.
func (c *codec) plainString() (text []byte, plain bool) {
	if c.pos == len(c.buf) || c.buf[c.pos] != '"' {
		return nil, false
	}
	b := c.buf[c.pos+len(`"`):]
	n := plainStart(b)
	if n == len(b) || b[n] != '"' {
		return nil, false
	}
	c.pos += len(`"`) + n + len(`"`)
	return b[:n], true
}

// decode takes any string, and writes what it stands for. What is no UTF-8 becomes
// U+FFFD.
func (c *codec) decode(w *strings.Builder) {
	if c.expect('"'); c.bad {
		return
	}
	w.Grow(max(bytes.IndexByte(c.buf[c.pos:], '"'), 0)) // enough, if no quote stands within
	for c.pos < len(c.buf) {
		b := c.buf[c.pos:]
		n := plainStart(b)
		w.Write(b[:n])
		if b = b[n:]; len(b) == 0 || b[0] < ' ' {
			break
		}
		c.pos += n
		r, n := rune(0), 0
		switch b[0] {
		case '"':
			c.pos++
			return
		case '\\':
			r, n = escaped(b)
		default:
			r, n = utf8.DecodeRune(b)
		}
		if n == 0 {
			break
		}
		w.WriteRune(r)
		c.pos += n
	}
	c.fail()
}

// shortEscaped are the characters that short escapes stand for.
var shortEscaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped is what an escape stands for that a text begins with, and how long that is;
// 0 for a bad one. Half a pair is written as U+FFFD.
func escaped(b []byte) (r rune, n int) {
	if len(b) < len(`\n`) {
		return 0, 0
	}
	if short := shortEscaped[b[1]]; short != 0 {
		return rune(short), len(`\n`)
	}
	r = codeUnit(b)
	if r < 0 {
		return 0, 0
	}
	n = len(`\u0000`)
	if r >= 0xD800 && r < 0xDC00 {
		if low := codeUnit(b[n:]); low >= 0xDC00 && low < 0xE000 {
			return 0x10000 + (r-0xD800)<<10 + (low - 0xDC00), 2 * n
		}
	}
	return r, n
}

// codeUnit is what the long escape means that a text begins with, negative for none.
func codeUnit(b []byte) rune {
	if len(b) < len(`\u0000`) || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	r := rune(0)
	for _, char := range b[2:6] {
		digit := hexValue[char]
		if digit == 0 {
			return -1
		}
		r = r<<4 | rune(digit-1)
	}
	return r
}

// hexValue has the values of hexadecimal digits and 1.
var hexValue = func() (values [256]byte) {
	for i := range len(hexDigits) {
		values[hexDigits[i]] = byte(i + 1)
		values[strings.ToUpper(hexDigits)[i]] = byte(i + 1)
	}
	return values
}()

// readText reads a string, and reports whether it was plain.
func (c *codec) readText() (text string, plain bool) {
	raw, plain := c.plainString()
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
	}
	start := w.Len()
	if plain {
		w.Write(raw)
	} else {
		c.decode(w)
	}
	return w.String()[start:], plain
}

// readName reads a string that is the name of something, and not kept.
func (c *codec) readName() []byte {
	raw, plain := c.plainString()
	if !plain {
		var name strings.Builder
		c.decode(&name)
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
	if v, n := shortNumber(c.buf[c.pos:]); n > 0 {
		*p = v
		c.pos += n
		return
	}
	v, err := strconv.ParseUint(string(c.number()), 10, 64)
	if *p = v; err != nil {
		c.fail()
	}
}

// shortNumber is a number as we write it, of so few digits that it is none too large,
// and how many there are; 0 if it may be more than that.
func shortNumber(b []byte) (v uint64, n int) {
	for n < len(b) && n < 18 && b[n] >= '0' && b[n] <= '9' {
		v = 10*v + uint64(b[n]-'0')
		n++
	}
	if n == len(b) || b[n] != ',' && b[n] != '}' || n > 1 && b[0] == '0' {
		return 0, 0
	}
	return v, n
}

func (c *codec) readInt(p *int) {
	if v, n := shortNumber(c.buf[c.pos:]); n > 0 {
		*p = int(v)
		c.pos += n
		return
	}
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

// readStamp reads a time, which has one form only.
func (c *codec) readStamp(p *Stamp) {
	b := c.buf[c.pos:]
	at, ok := parseStamp(b[:min(len(b), len(stampForm))])
	if !ok {
		c.fail()
		return
	}
	p.Time = at
	c.pos += len(stampForm)
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
		c.readName()
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
			c.readName()
			c.expect(':')
		}
		c.pass(depth + 1)
		if c.found(end) {
			return
		}
		c.expect(',')
	}
}
