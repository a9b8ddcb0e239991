package xmlwire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CharSet is a set of ASCII characters as a table: every text that comes in or goes out is
// searched by it.
type CharSet [256]bool

// CharsOf is the set of the characters in a text.
func CharsOf(chars string) *CharSet {
	return CharsThat(func(c byte) bool { return strings.IndexByte(chars, c) >= 0 })
}

// CharsThat is the set of the ASCII characters that a function matches.
func CharsThat(match func(c byte) bool) *CharSet {
	var set CharSet
	for c := range byte(utf8.RuneSelf) {
		set[c] = match(c)
	}
	return &set
}

// All reports whether s consists of characters of the set.
func (set *CharSet) All(s string) bool {
	for i := range len(s) {
		if !set[s[i]] {
			return false
		}
	}
	return true
}

// In reports whether s contains a character of the set.
func (set *CharSet) In(s string) bool { return set.index(s) >= 0 }

// index is the index of the first character of the set in s, or negative.
func (set *CharSet) index(s string) int {
	for i := range len(s) {
		if set[s[i]] {
			return i
		}
	}
	return -1
}

// references stand for the characters that must be escaped.
var references = [...]string{'&': "&amp;", '<': "&lt;", '>': "&gt;", '\'': "&apos;", '"': "&quot;",
	'\t': "&#x9;", '\n': "&#xA;", '\r': "&#xD;"}

// What must be escaped, by place. Attribute values stand in single quotes.
var (
	EscapedInAttr = CharsThat(func(c byte) bool { return int(c) < len(references) && references[c] != "" })
	EscapedInText = CharsOf("&<>\r")
)

// Escaping is the factor by which escaping can lengthen a text.
const Escaping = 6

// AppendEscaped appends s with every character of set, one of the two above, replaced by a
// reference.
func AppendEscaped(dst []byte, s string, set *CharSet) []byte {
	start := 0
	for i := range len(s) {
		if c := s[i]; set[c] {
			dst = append(append(dst, s[start:i]...), references[c]...)
			start = i + 1
		}
	}
	return append(dst, s[start:]...)
}

// AppendAttr appends an attribute, its value escaped.
func AppendAttr(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, ' '), name...), "='"...)
	return append(AppendEscaped(dst, value, EscapedInAttr), '\'')
}

// EscapedLen is the greatest length of a text in XML, in bytes.
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
var plainInXML = CharsThat(func(c byte) bool { return c >= ' ' || c == '\t' || c == '\n' || c == '\r' })

// plainAnywhere are those of them that stand for themselves in texts and attributes.
var plainAnywhere = CharsThat(func(c byte) bool { return plainInXML[c] && !EscapedInAttr[c] })

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

// nameLetters are the letters beyond ASCII that may stand in names. The editions of XML
// 1.0 differ, and so do parsers; a name that a recipient's parser refuses would end that
// stream. These ranges are valid in all editions.
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

// maxWriterDepth is greater than the depth of any stanza that a room composes.
const maxWriterDepth = 10

// Writer writes canonical XML. It only appends, so an offset in Bytes stays valid: so the
// places where a stanza differs between readers are marked (see package splice).
type Writer struct {
	Bytes []byte
	names [maxWriterDepth]string
	space [maxWriterDepth]string
	depth int
	inTag bool
}

// Start writes a start tag. An empty ns means the parent's. Attributes are names and values
// in turn; one whose value is empty is left out.
func (w *Writer) Start(name, ns string, attrs ...string) {
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
		w.Bytes = AppendAttr(w.Bytes, "xmlns", ns)
	}
	w.names[w.depth], w.space[w.depth] = name, ns
	w.depth++
	w.inTag = true
	for i := 0; i < len(attrs); i += 2 {
		w.AttrIf(attrs[i], attrs[i+1])
	}
}

// Attr writes an attribute of the current start tag.
func (w *Writer) Attr(name, value string) { w.Bytes = AppendAttr(w.Bytes, name, value) }

// AttrIf writes an attribute unless its value is empty.
func (w *Writer) AttrIf(name, value string) {
	if value != "" {
		w.Attr(name, value)
	}
}

// Text writes a text, escaped.
func (w *Writer) Text(s string) {
	if s != "" {
		w.closeTag()
		w.Bytes = AppendEscaped(w.Bytes, s, EscapedInText)
	}
}

// Raw writes children that are canonical XML already.
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

// End writes the end tag of the current element.
func (w *Writer) End() {
	w.depth--
	if w.inTag {
		w.Bytes = append(w.Bytes, "/>"...)
		w.inTag = false
		return
	}
	w.Bytes = append(append(append(w.Bytes, "</"...), w.names[w.depth]...), '>')
}

// Element writes an element that holds a text or nothing.
func (w *Writer) Element(name, ns, text string) {
	w.Start(name, ns)
	w.Text(text)
	w.End()
}

// ElementIf writes an element unless its text is empty.
func (w *Writer) ElementIf(name, text string) {
	if text != "" {
		w.Element(name, "", text)
	}
}

// Empty writes an element without content, with attributes as for Start.
func (w *Writer) Empty(name, ns string, attrs ...string) {
	w.Start(name, ns, attrs...)
	w.End()
}

// OpenTag completes the current start tag and returns the offset after it, so that content
// can be inserted there even if the element turns out to be empty.
func (w *Writer) OpenTag() uint32 {
	w.closeTag()
	return w.Pos()
}

// Pos is the number of bytes written.
func (w *Writer) Pos() uint32 { return uint32(len(w.Bytes)) }
