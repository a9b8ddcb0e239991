package muc

import (
	"unicode"
	"unicode/utf8"
)

// charSet is a set of ASCII characters. A look into a table is what a walk through
// every text that comes in or goes out can afford.
type charSet [256]bool

func charsOf(chars string) *charSet {
	var set charSet
	for i := range len(chars) {
		set[chars[i]] = true
	}
	return &set
}

// in reports whether any character of the set stands in s.
func (set *charSet) in(s string) bool { return set.index(s) >= 0 }

// index is where the first character of the set stands in s, or negative.
func (set *charSet) index(s string) int {
	for i := range len(s) {
		if set[s[i]] {
			return i
		}
	}
	return -1
}

// What must be escaped, by place. Attribute values stand in single quotes.
var (
	escapedInAttr = charsOf("&<>'\"\t\n\r")
	escapedInText = charsOf("&<>\r")
)

// appendEscaped writes s with every character of set replaced by a reference.
func appendEscaped(dst []byte, s string, set *charSet) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !set[c] {
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '\'':
			dst = append(dst, "&apos;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		case '\t':
			dst = append(dst, "&#x9;"...)
		case '\n':
			dst = append(dst, "&#xA;"...)
		case '\r':
			dst = append(dst, "&#xD;"...)
		}
		start = i + 1
	}
	return append(dst, s[start:]...)
}

// escapedLen is how long a text is in XML, at most.
func escapedLen(s string) int {
	n := len(s)
	for i := range len(s) {
		if escapedInAttr[s[i]] {
			n += escaping - 1
		}
	}
	return n
}

// plainInXML are the ASCII characters that may stand in XML 1.0.
var plainInXML = func() (set charSet) {
	for c := range utf8.RuneSelf {
		set[c] = c >= ' ' || c == '\t' || c == '\n' || c == '\r'
	}
	return set
}()

// plainAnywhere are those of them that stand for themselves in texts and attributes.
var plainAnywhere = func() (set charSet) {
	for c := range utf8.RuneSelf {
		set[c] = plainInXML[c] && !escapedInAttr[c]
	}
	return set
}()

// validText reports whether s may stand in XML 1.0 at all.
func validText(s string) bool {
	for i := 0; i < len(s); {
		if plainInXML[s[i]] {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r < utf8.RuneSelf || r == utf8.RuneError && n == 1 || r == 0xFFFE || r == 0xFFFF {
			return false
		}
		i += n
	}
	return true
}

// nameLetters are the letters beyond ASCII that may stand in names. The editions of
// XML 1.0 differ in which those are, and so do parsers; a name that one of them
// refuses would end the stream of whoever gets it. These ranges are good for all.
var nameLetters = &unicode.RangeTable{LatinOffset: 3, R16: []unicode.Range16{
	{Lo: 0xC0, Hi: 0xD6, Stride: 1}, {Lo: 0xD8, Hi: 0xF6, Stride: 1}, {Lo: 0xF8, Hi: 0xFF, Stride: 1}, // Latin
	{Lo: 0x100, Hi: 0x131, Stride: 1}, {Lo: 0x14A, Hi: 0x17E, Stride: 1},
	{Lo: 0x388, Hi: 0x38A, Stride: 1}, {Lo: 0x38E, Hi: 0x3A1, Stride: 1}, {Lo: 0x3A3, Hi: 0x3CE, Stride: 1}, // Greek
	{Lo: 0x401, Hi: 0x40C, Stride: 1}, {Lo: 0x40E, Hi: 0x44F, Stride: 1}, {Lo: 0x451, Hi: 0x45C, Stride: 1}, // Cyrillic
	{Lo: 0x5D0, Hi: 0x5EA, Stride: 1}, {Lo: 0x621, Hi: 0x63A, Stride: 1}, {Lo: 0x641, Hi: 0x64A, Stride: 1}, // Hebrew, Arabic
	{Lo: 0x3041, Hi: 0x3094, Stride: 1}, {Lo: 0x30A1, Hi: 0x30FA, Stride: 1}, // Kana
	{Lo: 0x4E00, Hi: 0x9FA5, Stride: 1}, {Lo: 0xAC00, Hi: 0xD7A3, Stride: 1}, // Han, Hangul
}}

// validName reports whether s may name an element or attribute (an NCName).
func validName(s string) bool {
	for i, r := range s {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf && unicode.Is(nameLetters, r) {
			continue
		}
		if i == 0 || r != '-' && r != '.' && (r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// maxWriterDepth is deeper than any stanza that a room composes.
const maxWriterDepth = 10

// xmlWriter composes the stanzas of the room. It only appends: what it has
// written can be pointed at by offset, which is how the places where a stanza
// differs from reader to reader are found again (see rendered).
type xmlWriter struct {
	b     []byte
	names [maxWriterDepth]string
	space [maxWriterDepth]string
	depth int
	inTag bool
}

// writerWithin makes a writer of what stands inside an element of a namespace.
func writerWithin(ns string) xmlWriter {
	w := xmlWriter{depth: 1}
	w.space[0] = ns
	return w
}

// emptyTo is the place of whoever a stanza goes to: appendXML puts the address
// between the quotes, or leaves all of it out.
const (
	emptyTo = " to=''"
	openTo  = " to='"
)

// stanza opens a stanza; its bytes are set when the writer is done.
func (w *xmlWriter) stanza(name string) *rendered {
	w.start(name, "")
	d := &rendered{head: w.pos()}
	w.b = append(w.b, emptyTo...)
	return d
}

// start opens an element. An empty ns means the parent's.
func (w *xmlWriter) start(name, ns string) {
	w.closeTag()
	w.b = append(append(w.b, '<'), name...)
	parent := ""
	if w.depth > 0 {
		parent = w.space[w.depth-1]
	}
	if ns == "" {
		ns = parent
	}
	if ns != parent {
		w.b = append(appendEscaped(append(w.b, " xmlns='"...), ns, escapedInAttr), '\'')
	}
	w.names[w.depth], w.space[w.depth] = name, ns
	w.depth++
	w.inTag = true
}

func (w *xmlWriter) attr(name, value string) {
	w.b = append(append(append(w.b, ' '), name...), "='"...)
	w.b = append(appendEscaped(w.b, value, escapedInAttr), '\'')
}

// attrIf writes an attribute that is left out when empty.
func (w *xmlWriter) attrIf(name, value string) {
	if value != "" {
		w.attr(name, value)
	}
}

// address writes a JID that is nobody's secret: the room's, an occupant's, or
// one that the reader named himself. Real JIDs are written by visibility.go.
func (w *xmlWriter) address(name string, j JID) {
	w.b = append(append(append(w.b, ' '), name...), "='"...)
	w.b = append(j.appendTo(w.b), '\'')
}

// occupant writes the address of a nick in a room, or the room's own for none: the
// same as address would, without making a JID of it.
func (w *xmlWriter) occupant(name string, room JID, nick string) {
	w.b = append(append(append(w.b, ' '), name...), "='"...)
	w.b = room.appendTo(w.b)
	if nick != "" {
		w.b = appendEscaped(append(w.b, '/'), nick, escapedInAttr)
	}
	w.b = append(w.b, '\'')
}

func (w *xmlWriter) text(s string) {
	w.closeTag()
	w.b = appendEscaped(w.b, s, escapedInText)
}

// raw writes children that the door has made canonical.
func (w *xmlWriter) raw(canonical string) {
	if canonical != "" {
		w.closeTag()
		w.b = append(w.b, canonical...)
	}
}

func (w *xmlWriter) closeTag() {
	if w.inTag {
		w.b = append(w.b, '>')
		w.inTag = false
	}
}

func (w *xmlWriter) end() {
	w.depth--
	if w.inTag {
		w.b = append(w.b, "/>"...)
		w.inTag = false
		return
	}
	w.b = append(append(append(w.b, "</"...), w.names[w.depth]...), '>')
}

// element writes one element that holds only text, or nothing.
func (w *xmlWriter) element(name, ns, text string) {
	w.start(name, ns)
	if text != "" {
		w.text(text)
	}
	w.end()
}

// elementIf writes an element that is left out when its text is empty.
func (w *xmlWriter) elementIf(name, text string) {
	if text != "" {
		w.element(name, "", text)
	}
}

// openTag closes the current start tag, so that something can be spliced in before
// the element's end tag even when it has no children.
func (w *xmlWriter) openTag() uint32 {
	w.closeTag()
	return w.pos()
}

// pos is how much is written.
func (w *xmlWriter) pos() uint32 { return uint32(len(w.b)) }

// emptyElement is an element of the content namespace without anything in it.
func emptyElement(name string) string {
	w := xmlWriter{}
	w.element(name, "", "")
	return string(w.b)
}
