package muc

import (
	"slices"
	"strings"

	"github.com/gomuc/muc/internal/ns"

	"github.com/beevik/etree"
)

// node is an element read back from canonical bytes: the form in which handlers
// look into a payload. Its namespace is resolved; content elements have none.
type node struct {
	ns, name string
	attrs    attrs
	text     string // of this element alone, concatenated
	kids     []node
}

func (n *node) attr(name string) (string, bool) { return n.attrs.get(name) }

func (n *node) attrOr(name, otherwise string) string {
	if v, ok := n.attr(name); ok {
		return v
	}
	return otherwise
}

// attrs are the attributes of a start tag as they stand there, each behind a blank.
// Few of them are ever asked for, so they are looked through rather than taken apart.
type attrs string

// next takes the first attribute off, with its value as it is written.
func (a *attrs) next() (name, escaped string, ok bool) {
	if *a == "" {
		return "", "", false
	}
	s := string(*a)
	eq := strings.IndexByte(s, '=')
	value := eq + len("='")
	end := value + strings.IndexByte(s[value:], '\'')
	*a = attrs(s[end+1:])
	return s[1:eq], s[value:end], true
}

func (a attrs) get(name string) (value string, ok bool) {
	for {
		key, escaped, more := a.next()
		if !more || key == name {
			return unescape(escaped), more
		}
	}
}

// without is the attributes but one.
func (a attrs) without(name string) attrs {
	before := a
	for rest := a; ; {
		key, _, more := rest.next()
		if !more {
			return a
		}
		if key == name {
			return a[:len(a)-len(before)] + rest
		}
		before = rest
	}
}

// child is the first child of that name, or nil.
func (n *node) child(ns, name string) *node {
	for i := range n.kids {
		if n.kids[i].name == name && n.kids[i].ns == ns {
			return &n.kids[i]
		}
	}
	return nil
}

// xmlReader walks canonical bytes: what the door or the room itself wrote. It
// knows no more of XML than they write.
type xmlReader struct {
	s   string
	pos int
}

// tag reads the start tag at the position and reports whether it is also the
// end of the element. Values hold no '>': it is escaped in them.
func (r *xmlReader) tag() (name string, a attrs, empty bool) {
	end := r.pos + strings.IndexByte(r.s[r.pos:], '>')
	name, empty = strings.CutSuffix(r.s[r.pos+1:end], "/")
	r.pos = end + 1
	if blank := strings.IndexByte(name, ' '); blank >= 0 {
		name, a = name[:blank], attrs(name[blank:])
	}
	return name, a, empty
}

// text reads up to the next tag.
func (r *xmlReader) text() string {
	end := strings.IndexByte(r.s[r.pos:], '<')
	if end < 0 {
		end = len(r.s) - r.pos
	}
	s := r.s[r.pos : r.pos+end]
	r.pos += end
	return unescape(s)
}

func (r *xmlReader) done() bool    { return r.pos >= len(r.s) }
func (r *xmlReader) atTag() bool   { return r.s[r.pos] == '<' }
func (r *xmlReader) atClose() bool { return r.s[r.pos] == '<' && r.s[r.pos+1] == '/' }
func (r *xmlReader) skipClose()    { r.pos += strings.IndexByte(r.s[r.pos:], '>') + 1 }

// references are those that appendEscaped writes, and what they stand for.
var references = []string{"&amp;", "&", "&lt;", "<", "&gt;", ">", "&apos;", "'", "&quot;", `"`,
	"&#x9;", "\t", "&#xA;", "\n", "&#xD;", "\r"}

var unescaper = strings.NewReplacer(references...)

func unescape(s string) string {
	if strings.IndexByte(s, '&') < 0 {
		return s
	}
	return unescaper.Replace(s)
}

// readNode reads the one element that canonical bytes hold. The door has
// bounded its depth, so recursion is safe here.
func readNode(canonical string) node {
	r := xmlReader{s: canonical}
	return r.node("")
}

func (r *xmlReader) node(parent string) node {
	name, a, empty := r.tag()
	n := node{ns: parent, name: name, attrs: a}
	if ns, own := n.attr("xmlns"); own {
		n.ns = ns
	}
	if empty {
		return n
	}
	for !r.atClose() {
		if r.atTag() {
			n.kids = append(n.kids, r.node(n.ns))
		} else {
			n.text += r.text()
		}
	}
	r.skipClose()
	return n
}

// filtered keeps some of the elements in canonical bytes; what it keeps stays as it
// is to the byte.
func filtered(canonical string, keep func(*node) bool) string {
	var b []byte
	for r := (xmlReader{s: canonical}); !r.done(); {
		start := r.pos
		if n := r.node(""); keep(&n) {
			b = append(b, canonical[start:r.pos]...)
		}
	}
	return string(b)
}

// withoutKids cuts child elements out of one element and counts those that are
// left; all else stays as it is to the byte.
func withoutKids(canonical string, cut func(*node) bool) (kept string, left int) {
	r := xmlReader{s: canonical}
	_, a, empty := r.tag()
	if empty {
		return canonical, 0
	}
	ns, _ := a.get("xmlns")
	var b []byte
	copied := 0
	for !r.atClose() {
		start := r.pos
		if !r.atTag() {
			r.text()
			continue
		}
		if n := r.node(ns); !cut(&n) {
			left++
			continue
		}
		b = append(b, canonical[copied:start]...)
		copied = r.pos
	}
	return string(append(b, canonical[copied:]...)), left
}

// onlyText reports whether an element has no elements in it.
func onlyText(canonical string) bool {
	_, inside, _ := strings.Cut(canonical, ">")
	tag := strings.IndexByte(inside, '<')
	return tag < 0 || inside[tag+1] == '/'
}

// replaceValues writes canonical bytes anew, with every attribute value and every text
// handed to a function, but for the texts that people write.
func replaceValues(canonical string, replace func(value string) string) string {
	b := make([]byte, 0, len(canonical))
	depth, written := 0, false
	for r := (xmlReader{s: canonical}); !r.done(); {
		start := r.pos
		switch {
		case r.atClose():
			r.skipClose()
			b = append(b, canonical[start:r.pos]...)
			depth--
		case r.atTag():
			name, a, empty := r.tag()
			if depth == 0 {
				written = writtenByPeople(name, a)
			}
			b = append(append(b, '<'), name...)
			for key, escaped, more := a.next(); more; key, escaped, more = a.next() {
				b = append(append(append(b, ' '), key...), "='"...)
				b = append(appendEscaped(b, replace(unescape(escaped)), escapedInAttr), '\'')
			}
			if empty {
				b = append(b, '/')
			} else {
				depth++
			}
			b = append(b, '>')
		case written:
			r.text()
			b = append(b, canonical[start:r.pos]...)
		default:
			b = appendEscaped(b, replace(r.text()), escapedInText)
		}
	}
	return string(b)
}

// writtenByPeople tells the children of a stanza whose texts are for people, in their
// own words.
func writtenByPeople(name string, a attrs) bool {
	space, foreign := a.get("xmlns")
	if foreign {
		return space == ns.XHTML && name == "html"
	}
	return name == "body" || name == "subject" || name == "status"
}

// maxStoredDepth bounds how deep canonical bytes from a store may be: deeper than
// any limit that a host sets, and no danger to those who read them recursively.
const maxStoredDepth = 10000

// isCanonical reports whether a text is what the door writes: elements, and
// nothing else beside them.
func isCanonical(s string) bool {
	open := make([]string, 0, 8)
	for s != "" {
		switch {
		case s[0] != '<':
			end := strings.IndexByte(s, '<')
			if end < 0 || len(open) == 0 || !isEscapedText(s[:end]) {
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
	endsTagName = charsOf(" />")
	plainInName = charsOf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") // anywhere in it
)

// canonicalTag reads a start tag behind its '<'.
func canonicalTag(s string) (name, rest string, empty, ok bool) {
	end := 0
	for end < len(s) && plainInName[s[end]] {
		end++
	}
	if end == 0 || end == len(s) || !endsTagName[s[end]] {
		if end = endsTagName.index(s); end < 0 || !validName(s[:end]) {
			return "", "", false, false
		}
	}
	name, s = s[:end], s[end:]
	keys := make([]string, 0, 8)
	for strings.HasPrefix(s, " ") {
		key, tail, found := strings.Cut(s[1:], "='")
		value, tail, closed := strings.Cut(tail, "'")
		if !found || !closed || slices.Contains(keys, key) || !isCanonicalKey(key, keys) || !isEscaped(value, escapedInAttr) {
			return "", "", false, false
		}
		if (key == "xmlns" || strings.HasPrefix(key, "xmlns:")) && !mayBind(unescape(value)) {
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

// isCanonicalKey reports whether the door would write an attribute so, behind the
// others of its element: a prefix is declared just before it is used.
func isCanonicalKey(key string, before []string) bool {
	prefix, local, prefixed := strings.Cut(key, ":")
	switch {
	case !prefixed:
		return validName(key)
	case prefix == "xml" || prefix == "xmlns":
		return validName(local)
	}
	return validName(local) && slices.Contains(before, "xmlns:"+prefix)
}

// isEscapedText is isEscaped for what stands before the next tag, and mostly has none
// of the few characters that matter there.
func isEscapedText(s string) bool {
	return strings.IndexByte(s, '&') < 0 && strings.IndexByte(s, '>') < 0 && strings.IndexByte(s, '\r') < 0 ||
		isEscaped(s, escapedInText)
}

// isEscaped reports whether a text is as appendEscaped leaves it.
func isEscaped(s string, set *charSet) bool {
	for at := set.index(s); at >= 0; at = set.index(s) {
		n := referenceLen(s[at:], set)
		if n == 0 {
			return false
		}
		s = s[at+n:]
	}
	return true
}

// referenceLen is how long the reference is that a text begins with, 0 if it is none
// to a character of the set.
func referenceLen(s string, set *charSet) int {
	for i := 0; i < len(references); i += 2 {
		if strings.HasPrefix(s, references[i]) && set.in(references[i+1]) {
			return len(references[i])
		}
	}
	return 0
}

// buildElement makes an etree element of the room's own bytes, for hosts that
// work on trees. Iterative: etree needs no recursion to be built.
func buildElement(canonical string) *etree.Element {
	r := xmlReader{s: canonical}
	var root, at *etree.Element
	for !r.done() {
		switch {
		case r.atClose():
			r.skipClose()
			at = at.Parent()
		case r.atTag():
			name, a, empty := r.tag()
			el := etree.NewElement("")
			el.Tag = name
			for key, escaped, more := a.next(); more; key, escaped, more = a.next() {
				el.CreateAttr(key, unescape(escaped))
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
			at.CreateText(r.text())
		}
	}
	return root
}

// node writes an element back as canonical bytes. It is for what the door has
// let in, whose depth is bounded by Limits.StanzaDepth; deeper elements than the
// writer's own stack are not written by it.
func (w *xmlWriter) node(n *node) {
	if w.depth == maxWriterDepth {
		return
	}
	w.start(n.name, n.ns)
	for a := n.attrs; a != ""; {
		if name, escaped, _ := a.next(); name != "xmlns" {
			w.attr(name, unescape(escaped))
		}
	}
	if n.text != "" {
		w.text(n.text)
	}
	for i := range n.kids {
		w.node(&n.kids[i])
	}
	w.end()
}
