package xmlwire

import (
	"unicode"
	"unicode/utf8"
)

// CharSet is a set of ASCII characters. A look into a table is what a walk through
// every text that comes in or goes out can afford.
type CharSet [256]bool

// CharsOf makes a set of the characters in a text.
func CharsOf(chars string) *CharSet {
	var set CharSet
	for i := range len(chars) {
		set[chars[i]] = true
	}
	return &set
}

// In reports whether any character of the set stands in s.
func (set *CharSet) In(s string) bool { return set.index(s) >= 0 }

// index is where the first character of the set stands in s, or negative.
func (set *CharSet) index(s string) int {
	for i := range len(s) {
		if set[s[i]] {
			return i
		}
	}
	return -1
}

// What must be escaped, by place. Attribute values stand in single quotes.
var (
	EscapedInAttr = CharsOf("&<>'\"\t\n\r")
	EscapedInText = CharsOf("&<>\r")
)

// Escaping is how many times as long a text can be in XML as it is.
const Escaping = 6

// AppendEscaped writes s with every character of set replaced by a reference.
func AppendEscaped(dst []byte, s string, set *CharSet) []byte {
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

// EscapedLen is how long a text is in XML, at most.
func EscapedLen(s string) int {
	n := len(s)
	for i := range len(s) {
		if EscapedInAttr[s[i]] {
			n += Escaping - 1
		}
	}
	return n
}

// plainInXML are the ASCII characters that may stand in XML 1.0.
var plainInXML = func() (set CharSet) {
	for c := range utf8.RuneSelf {
		set[c] = c >= ' ' || c == '\t' || c == '\n' || c == '\r'
	}
	return set
}()

// plainAnywhere are those of them that stand for themselves in texts and attributes.
var plainAnywhere = func() (set CharSet) {
	for c := range utf8.RuneSelf {
		set[c] = plainInXML[c] && !EscapedInAttr[c]
	}
	return set
}()

// ValidText reports whether s may stand in XML 1.0 at all.
func ValidText(s string) bool {
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

// ValidName reports whether s may name an element or attribute (an NCName).
func ValidName(s string) bool {
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

// Writer composes the stanzas of the room. It only appends: what it has
// written can be pointed at by offset, which is how the places where a stanza
// differs from reader to reader are found again (see rendered).
type Writer struct {
	Bytes []byte
	names [maxWriterDepth]string
	space [maxWriterDepth]string
	depth int
	inTag bool
}

// WriterWithin makes a writer of what stands inside an element of a namespace.
func WriterWithin(ns string) Writer {
	w := Writer{depth: 1}
	w.space[0] = ns
	return w
}

// Start opens an element. An empty ns means the parent's.
func (w *Writer) Start(name, ns string) {
	w.closeTag()
	w.Bytes = append(append(w.Bytes, '<'), name...)
	parent := ""
	if w.depth > 0 {
		parent = w.space[w.depth-1]
	}
	if ns == "" {
		ns = parent
	}
	if ns != parent {
		w.Bytes = append(AppendEscaped(append(w.Bytes, " xmlns='"...), ns, EscapedInAttr), '\'')
	}
	w.names[w.depth], w.space[w.depth] = name, ns
	w.depth++
	w.inTag = true
}

func (w *Writer) Attr(name, value string) {
	w.Bytes = append(append(append(w.Bytes, ' '), name...), "='"...)
	w.Bytes = append(AppendEscaped(w.Bytes, value, EscapedInAttr), '\'')
}

// AttrIf writes an attribute that is left out when empty.
func (w *Writer) AttrIf(name, value string) {
	if value != "" {
		w.Attr(name, value)
	}
}

func (w *Writer) Text(s string) {
	w.closeTag()
	w.Bytes = AppendEscaped(w.Bytes, s, EscapedInText)
}

// Raw writes children that the door has made canonical.
func (w *Writer) Raw(canonical string) {
	if canonical != "" {
		w.closeTag()
		w.Bytes = append(w.Bytes, canonical...)
	}
}

func (w *Writer) closeTag() {
	if w.inTag {
		w.Bytes = append(w.Bytes, '>')
		w.inTag = false
	}
}

func (w *Writer) End() {
	w.depth--
	if w.inTag {
		w.Bytes = append(w.Bytes, "/>"...)
		w.inTag = false
		return
	}
	w.Bytes = append(append(append(w.Bytes, "</"...), w.names[w.depth]...), '>')
}

// Element writes one element that holds only text, or nothing.
func (w *Writer) Element(name, ns, text string) {
	w.Start(name, ns)
	if text != "" {
		w.Text(text)
	}
	w.End()
}

// ElementIf writes an element that is left out when its text is empty.
func (w *Writer) ElementIf(name, text string) {
	if text != "" {
		w.Element(name, "", text)
	}
}

// OpenTag closes the current start tag, so that something can be spliced in before
// the element's end tag even when it has no children.
func (w *Writer) OpenTag() uint32 {
	w.closeTag()
	return w.Pos()
}

// Pos is how much is written.
func (w *Writer) Pos() uint32 { return uint32(len(w.Bytes)) }

// EmptyElement is an element of the content namespace without anything in it.
func EmptyElement(name string) string {
	w := Writer{}
	w.Element(name, "", "")
	return string(w.Bytes)
}
