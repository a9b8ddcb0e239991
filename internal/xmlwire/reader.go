package xmlwire

import (
	"iter"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/internal/ns"
)

// Node is an element parsed from canonical XML. Its namespace is resolved; elements in a
// content namespace have none.
type Node struct {
	NS, Name string
	Attrs    attrs
	Text     string // of this element alone, concatenated
	Kids     []Node
}

// Attr is the value of an attribute; ok is false if there is none.
func (n *Node) Attr(name string) (string, bool) { return n.Attrs.Get(name) }

// AttrOr is the value of an attribute, or another value if there is none.
func (n *Node) AttrOr(name, otherwise string) string {
	if v, ok := n.Attr(name); ok {
		return v
	}
	return otherwise
}

// attrs are the attributes of a start tag as text, each after a blank. Few of them are
// ever asked for, so they are searched instead of being parsed into a map.
type attrs string

// All yields the attributes.
func (a attrs) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for rest := string(a); rest != ""; {
			name, tail, _ := strings.Cut(rest[len(" "):], "='")
			value, after, _ := strings.Cut(tail, "'")
			if !yield(name, Unescape(value)) {
				return
			}
			rest = after
		}
	}
}

// Get is the value of an attribute; ok is false if there is none.
func (a attrs) Get(name string) (value string, ok bool) {
	for key, value := range a.All() {
		if key == name {
			return value, true
		}
	}
	return "", false
}

// Child is the first child of that name and namespace, or nil.
func (n *Node) Child(ns, name string) *Node {
	for i := range n.Kids {
		if n.Kids[i].Name == name && n.Kids[i].NS == ns {
			return &n.Kids[i]
		}
	}
	return nil
}

// Reader reads canonical XML: what Encode or Writer wrote, and no other XML.
type Reader struct {
	Text string
	At   int // offset of the next byte
}

// ReadTag reads the start tag at the position; empty means that the element ends with it.
// Values hold no '>': it is escaped in them.
func (r *Reader) ReadTag() (name string, a attrs, empty bool) {
	end := r.At + strings.IndexByte(r.Text[r.At:], '>')
	name, empty = strings.CutSuffix(r.Text[r.At+1:end], "/")
	r.At = end + 1
	if blank := strings.IndexByte(name, ' '); blank >= 0 {
		name, a = name[:blank], attrs(name[blank:])
	}
	return name, a, empty
}

// ReadText reads the text up to the next tag, unescaped.
func (r *Reader) ReadText() string {
	end := strings.IndexByte(r.Text[r.At:], '<')
	if end < 0 {
		end = len(r.Text) - r.At
	}
	s := r.Text[r.At : r.At+end]
	r.At += end
	return Unescape(s)
}

// Done reports whether everything is read.
func (r *Reader) Done() bool { return r.At >= len(r.Text) }

// AtTag reports whether a tag is next, of either kind.
func (r *Reader) AtTag() bool { return r.Text[r.At] == '<' }

// AtClose reports whether an end tag is next.
func (r *Reader) AtClose() bool { return r.Text[r.At] == '<' && r.Text[r.At+1] == '/' }

func (r *Reader) skipClose() { r.At += strings.IndexByte(r.Text[r.At:], '>') + 1 }

var unescaper = func() *strings.Replacer {
	var pairs []string
	for c, reference := range references {
		if reference != "" {
			pairs = append(pairs, reference, string(rune(c)))
		}
	}
	return strings.NewReplacer(pairs...)
}()

// Unescape replaces the references in a text by their characters.
func Unescape(s string) string {
	if strings.IndexByte(s, '&') < 0 {
		return s
	}
	return unescaper.Replace(s)
}

// ParseNode parses canonical XML of one element. It recurses: Encode has bounded the depth.
func ParseNode(canonical string) Node {
	r := Reader{Text: canonical}
	return r.ReadNode("")
}

// ReadNode parses the element at the position, whose parent has the given namespace.
func (r *Reader) ReadNode(parent string) Node {
	name, a, empty := r.ReadTag()
	n := Node{NS: parent, Name: name, Attrs: a}
	if ns, own := n.Attr("xmlns"); own {
		n.NS = ns
	}
	if empty {
		return n
	}
	for !r.AtClose() {
		if r.AtTag() {
			n.Kids = append(n.Kids, r.ReadNode(n.NS))
		} else {
			n.Text += r.ReadText()
		}
	}
	r.skipClose()
	return n
}

// ChildText is the text of the child of that name, empty if there is none.
func (n *Node) ChildText(ns, name string) string {
	if c := n.Child(ns, name); c != nil {
		return c.Text
	}
	return ""
}

// Elements yields the elements of a canonical text, each with its own text.
func Elements(canonical string) iter.Seq2[*Node, string] {
	return func(yield func(*Node, string) bool) {
		for r := (Reader{Text: canonical}); !r.Done(); {
			start := r.At
			if n := r.ReadNode(""); !yield(&n, canonical[start:r.At]) {
				return
			}
		}
	}
}

// Filtered is the canonical XML of the elements that a function keeps, byte for byte.
func Filtered(canonical string, keep func(*Node) bool) string {
	var b []byte
	for n, text := range Elements(canonical) {
		if keep(n) {
			b = append(b, text...)
		}
	}
	return string(b)
}

// WithoutKids cuts child elements out of one element and counts those that are left. All
// else stays, byte for byte.
func WithoutKids(canonical string, cut func(*Node) bool) (kept string, left int) {
	r := Reader{Text: canonical}
	_, a, empty := r.ReadTag()
	if empty {
		return canonical, 0
	}
	ns, _ := a.Get("xmlns")
	var b []byte
	copied := 0
	for !r.AtClose() {
		start := r.At
		if !r.AtTag() {
			r.ReadText()
			continue
		}
		if n := r.ReadNode(ns); !cut(&n) {
			left++
			continue
		}
		b = append(b, canonical[copied:start]...)
		copied = r.At
	}
	return string(append(b, canonical[copied:]...)), left
}

// OnlyText reports whether an element has no child elements.
func OnlyText(canonical string) bool {
	_, inside, _ := strings.Cut(canonical, ">")
	tag := strings.IndexByte(inside, '<')
	return tag < 0 || inside[tag+1] == '/'
}

// noSpace stands for the namespace of an element where replacing left nothing of it: with none
// at all the element would be in that of stanzas.
const noSpace = "about:blank"

// ReplaceValues copies canonical XML, with a function applied to all attribute values and
// texts except those that people write (body, subject, status, XHTML). Attributes are left out
// whose namespace it would replace: it may be none then, or that of another attribute of the
// same name, and parsers refuse both.
func ReplaceValues(canonical string, replace func(value string) string) string {
	b := make([]byte, 0, len(canonical))
	depth, written := 0, false
	for r := (Reader{Text: canonical}); !r.Done(); {
		start := r.At
		switch {
		case r.AtClose():
			r.skipClose()
			b = append(b, canonical[start:r.At]...)
			depth--
		case r.AtTag():
			name, a, empty := r.ReadTag()
			if depth == 0 {
				written = writtenByPeople(name, a)
			}
			b = replaceAttrs(append(append(b, '<'), name...), a, replace)
			if empty {
				b = append(b, '/')
			} else {
				depth++
			}
			b = append(b, '>')
		case written:
			r.ReadText()
			b = append(b, canonical[start:r.At]...)
		default:
			b = AppendEscaped(b, replace(r.ReadText()), EscapedInText)
		}
	}
	return string(b)
}

func replaceAttrs(b []byte, a attrs, replace func(value string) string) []byte {
	var gone []string // prefixes
	for key, value := range a.All() {
		prefix, name, _ := strings.Cut(key, ":")
		now := replace(value)
		switch {
		case prefix == "xmlns" && name != "" && now != value:
			gone = append(gone, name)
		case name != "" && slices.Contains(gone, prefix):
		case key == "xmlns" && now == "" && value != "":
			b = AppendAttr(b, key, noSpace)
		default:
			b = AppendAttr(b, key, now)
		}
	}
	return b
}

// writtenByPeople reports whether the texts in a child of a stanza are written by people.
func writtenByPeople(name string, a attrs) bool {
	space, foreign := a.Get("xmlns")
	if foreign {
		return space == ns.XHTML && name == "html"
	}
	return name == "body" || name == "subject" || name == "status"
}

// maxStoredDepth bounds the depth of canonical XML from a store: deeper than any limit
// that a host sets, and safe for recursive readers.
const maxStoredDepth = 10000

// IsCanonical reports whether a text is such as Encode writes: elements, with no text
// beside them.
func IsCanonical(s string) bool {
	open := make([]string, 0, 8)
	for s != "" {
		switch {
		case s[0] != '<':
			end := strings.IndexByte(s, '<')
			if end < 0 || len(open) == 0 || !isEscaped(s[:end], EscapedInText) {
				return false
			}
			s = s[end:]
		case strings.HasPrefix(s, "</"):
			if len(open) == 0 {
				return false
			}
			name, rest := open[len(open)-1], s[2:]
			if len(rest) <= len(name) || rest[:len(name)] != name || rest[len(name)] != '>' {
				return false
			}
			s, open = rest[len(name)+1:], open[:len(open)-1]
		default:
			name, rest, empty, ok := canonicalTag(s[1:])
			if !ok || len(open) == maxStoredDepth {
				return false
			}
			if s = rest; !empty {
				open = append(open, name)
			}
		}
	}
	return len(open) == 0
}

var (
	endsTagName = CharsOf(" />")
	plainInName = CharsOf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") // anywhere in it
)

// canonicalTag checks and reads a start tag, after its '<'.
func canonicalTag(s string) (name, rest string, empty, ok bool) {
	end := 0
	for end < len(s) && plainInName[s[end]] {
		end++
	}
	if end == 0 || end == len(s) || !endsTagName[s[end]] {
		if end = endsTagName.index(s); end < 0 || !ValidName(s[:end]) {
			return "", "", false, false
		}
	}
	name, s = s[:end], s[end:]
	keys := make([]string, 0, 8)
	for strings.HasPrefix(s, " ") {
		key, tail, found := strings.Cut(s[1:], "='")
		value, tail, closed := strings.Cut(tail, "'")
		if !found || !closed || slices.Contains(keys, key) || !isCanonicalKey(key, keys) || !isEscaped(value, EscapedInAttr) {
			return "", "", false, false
		}
		if (key == "xmlns" || strings.HasPrefix(key, "xmlns:")) && !mayBind(Unescape(value)) {
			return "", "", false, false
		}
		keys, s = append(keys, key), tail
	}
	if rest, empty = strings.CutPrefix(s, "/>"); empty {
		return name, rest, true, true
	}
	rest, ok = strings.CutPrefix(s, ">")
	return name, rest, false, ok
}

// isCanonicalKey reports whether Encode would write an attribute so, after the others of
// its element: a prefix is declared before it is used.
func isCanonicalKey(key string, before []string) bool {
	prefix, local, prefixed := strings.Cut(key, ":")
	switch {
	case !prefixed:
		return ValidName(key)
	case prefix == "xml" || prefix == "xmlns":
		return ValidName(local)
	}
	return ValidName(local) && slices.Contains(before, "xmlns:"+prefix)
}

// isEscaped reports whether a text is such as AppendEscaped writes.
func isEscaped(s string, set *CharSet) bool {
	return !set.In(s) || string(AppendEscaped(nil, Unescape(s), set)) == s
}

// Element makes an etree element of canonical XML, for hosts that work on trees. It does
// not recurse.
func Element(canonical string) *etree.Element {
	r := Reader{Text: canonical}
	var root, at *etree.Element
	for !r.Done() {
		switch {
		case r.AtClose():
			r.skipClose()
			at = at.Parent()
		case r.AtTag():
			name, a, empty := r.ReadTag()
			el := etree.NewElement("")
			el.Tag = name
			for key, value := range a.All() {
				el.CreateAttr(key, value)
			}
			if at == nil {
				root = el
			} else {
				at.AddChild(el)
			}
			if !empty {
				at = el
			}
		default:
			at.CreateText(r.ReadText())
		}
	}
	return root
}

// Node writes a parsed element, without some of its attributes. Elements deeper than the
// writer's stack are left out; the rooms' own stanzas are not that deep.
func (w *Writer) Node(n *Node, without ...string) {
	if w.depth == maxWriterDepth {
		return
	}
	w.Start(n.Name, n.NS)
	for name, value := range n.Attrs.All() {
		if name != "xmlns" && !slices.Contains(without, name) {
			w.Attr(name, value)
		}
	}
	w.Text(n.Text)
	for i := range n.Kids {
		w.Node(&n.Kids[i])
	}
	w.End()
}
