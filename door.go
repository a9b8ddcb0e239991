package muc

import (
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// kind is the sort of a stanza.
type kind uint8

const (
	kindMessage kind = iota
	kindPresence
	kindIQ
)

var kindNames = [...]string{"message", "presence", "iq"}

// stanza is what came through the door: addresses checked, children canonical.
// Nothing in it points into the element that the host gave.
type stanza struct {
	kind     kind
	typ      string // "" where the protocol has a default
	id, lang string
	from     JID
	// nick is the resource of the `to` address as it was written; toNick tells
	// an occupant's address from the room's own.
	nick   string
	toNick bool
	kids   []child
	body   string // the children, canonical
}

// child is one child element of a stanza.
type child struct {
	ns, name string
	from, to int // in stanza.body
}

// xml is the canonical text of a child.
func (in *stanza) xml(c *child) string { return in.body[c.from:c.to] }

// find returns the first child of that name, or nil.
func (in *stanza) find(ns, name string) *child {
	for i := range in.kids {
		if in.kids[i].name == name && in.kids[i].ns == ns {
			return &in.kids[i]
		}
	}
	return nil
}

// isAnswer reports whether a stanza must never be answered (RFC 6120 §8.2.3,
// §8.3.1).
func (in *stanza) isAnswer() bool {
	return in.typ == "error" || in.kind == kindIQ && in.typ == "result"
}

// admit reads a stanza into a place that is empty. A Go error is the host's fault; a
// refusal is the sender's, and then the stanza holds what is needed to answer it.
func (r *Room) admit(in *stanza, el *etree.Element) (refused *StanzaError, err error) {
	// Room for what stanzas usually come to, which stands on the stack.
	d := door{lim: &r.cfg.Limits, in: in, b: make([]byte, 0, 512), binds: make([]binding, 0, 4), stack: make([]frame, 0, 8)}
	if err := d.head(el); err != nil {
		return nil, err
	}
	if err := r.addressed(in, el); err != nil {
		return nil, err
	}
	from, ok := rootAttr(el, "from")
	if !ok {
		return refuse(BadRequest, "RFC 6120 §8.1.2.1", "the stanza does not say who sent it"), nil
	}
	if in.from, err = parseJID(from, r.cfg.NormalizeDomain); err != nil {
		in.from = JID{}
		return refuse(JIDMalformed, "RFC 6120 §8.1.2.1", "the sender's address is malformed"), nil
	}
	longest := maxPartSize
	if in.isAnswer() {
		longest += maxWayBack
	}
	if refused := in.checkHead(longest); refused != nil {
		return refused, nil
	}
	return d.children(el), nil
}

// checkHead judges the attributes that the room hands on.
func (in *stanza) checkHead(longestID int) *StanzaError {
	if !validText(in.id) || !validText(in.lang) || len(in.id) > longestID || len(in.lang) > 64 {
		in.id, in.lang = "", ""
		return refuse(BadRequest, "RFC 6120 §8.1.3", "the id or language of the stanza is malformed")
	}
	return nil
}

// addressed checks that a stanza is for this room and takes the nick out of the
// address.
func (r *Room) addressed(in *stanza, el *etree.Element) error {
	to, _ := rootAttr(el, "to")
	bare, nick, hasNick := strings.Cut(to, "/")
	if bare != r.jid.s {
		j, err := parseJID(bare, r.cfg.NormalizeDomain)
		if err != nil || j != r.jid {
			return ErrNotForRoom
		}
	}
	in.nick, in.toNick = nick, hasNick && nick != ""
	return nil
}

func rootAttr(el *etree.Element, key string) (string, bool) {
	for i := range el.Attr {
		if el.Attr[i].Key == key && el.Attr[i].Space == "" {
			return el.Attr[i].Value, true
		}
	}
	return "", false
}

// door walks one element from the host and writes its children canonically:
// namespaces explicit, no prefixes, no comments, no processing instructions.
// It is iterative and bounded: a tree of any shape is safe.
type door struct {
	lim      *Limits
	in       *stanza
	b        []byte
	binds    []binding
	stack    []frame
	elements int
	spaces   []string // of the attributes of an element
}

type binding struct{ prefix, uri string }

type frame struct {
	el    *etree.Element
	next  int    // child to look at next
	ns    string // as written: "" inside the content namespace
	binds int    // bindings to return to
	empty bool   // the start tag is not closed yet
}

// isContent tells the namespaces that stand for the stream's own.
func isContent(ns string) bool {
	return ns == "" || ns == nsClient || ns == nsServer || ns == nsComponent
}

// head reads the stanza element itself.
func (d *door) head(el *etree.Element) error {
	if el == nil {
		return ErrNilStanza
	}
	switch el.Tag {
	case "message":
		d.in.kind = kindMessage
	case "presence":
		d.in.kind = kindPresence
	case "iq":
		d.in.kind = kindIQ
	default:
		return ErrNotStanza
	}
	d.bind(el)
	if ns, ok := d.resolve(el.Space); !ok || !isContent(ns) {
		return ErrNotStanza
	}
	for i := range el.Attr {
		switch a := &el.Attr[i]; {
		case a.Space == "" && a.Key == "type":
			d.in.typ = a.Value
		case a.Space == "" && a.Key == "id":
			d.in.id = a.Value
		case a.Space == "xml" && a.Key == "lang":
			d.in.lang = a.Value
		}
	}
	if d.in.kind == kindMessage && d.in.typ == "normal" {
		d.in.typ = ""
	}
	return nil
}

func (d *door) bind(el *etree.Element) {
	for i := range el.Attr {
		switch a := &el.Attr[i]; {
		case a.Space == "" && a.Key == "xmlns":
			d.binds = append(d.binds, binding{"", a.Value})
		case a.Space == "xmlns":
			d.binds = append(d.binds, binding{a.Key, a.Value})
		}
	}
}

// resolve finds what a prefix stands for. The empty prefix is always bound.
func (d *door) resolve(prefix string) (string, bool) {
	if prefix == "xml" {
		return nsXML, true
	}
	for i := len(d.binds) - 1; i >= 0; i-- {
		if d.binds[i].prefix == prefix {
			return d.binds[i].uri, true
		}
	}
	return "", prefix == ""
}

func malformed() *StanzaError {
	return refuse(BadRequest, "RFC 6120 §4.9.3.13", "the stanza is not well-formed XML")
}

// checkRoot bounds what stands on the stanza element itself, which nothing of is
// written: each name below it may look for its namespace there.
func (d *door) checkRoot(root *etree.Element) *StanzaError {
	size := 0
	for i := range root.Attr {
		size += len(root.Attr[i].Key) + len(root.Attr[i].Value)
	}
	switch {
	case len(root.Attr) > d.lim.StanzaAttrs:
		d.binds = nil // too many to be kept for later
		return tooWide()
	case size > d.lim.StanzaBytes:
		return tooLarge()
	}
	return nil
}

func tooWide() *StanzaError {
	return refuse(PolicyViolation, "14.6", "the stanza is too deep or too wide")
}

func tooLarge() *StanzaError { return refuse(PolicyViolation, "14.6", "the stanza is too large") }

// children writes everything below the stanza.
func (d *door) children(root *etree.Element) *StanzaError {
	if refused := d.checkRoot(root); refused != nil {
		return refused
	}
	d.stack = append(d.stack, frame{el: root, binds: len(d.binds)})
	for len(d.stack) > 0 {
		top := &d.stack[len(d.stack)-1]
		if top.next >= len(top.el.Child) {
			d.leave(top)
			continue
		}
		token := top.el.Child[top.next]
		top.next++
		switch t := token.(type) {
		case *etree.CharData:
			if len(d.stack) == 1 {
				continue // a stanza has no text of its own
			}
			d.closeTag(top)
			if !d.write(t.Data, escapedInText) {
				return malformed()
			}
		case *etree.Element:
			if refused := d.enter(top, t); refused != nil {
				return refused
			}
		}
		if refused := d.checkSize(); refused != nil {
			return refused
		}
	}
	d.in.body = string(d.b)
	return d.checkSize() // the end tags were not counted yet
}

func (d *door) checkSize() *StanzaError {
	if len(d.b) > d.lim.StanzaBytes {
		return tooLarge()
	}
	return nil
}

func (d *door) closeTag(f *frame) {
	if f.empty {
		d.b = append(d.b, '>')
		f.empty = false
	}
}

func (d *door) leave(top *frame) {
	if len(d.stack) > 1 {
		if top.empty {
			d.b = append(d.b, "/>"...)
		} else {
			d.b = append(append(append(d.b, "</"...), top.el.Tag...), '>')
		}
		if len(d.stack) == 2 {
			d.in.kids[len(d.in.kids)-1].to = len(d.b)
		}
	}
	d.binds = d.binds[:top.binds]
	d.stack = d.stack[:len(d.stack)-1]
}

// write escapes a text, and reports whether it may stand in XML at all.
func (d *door) write(s string, set *charSet) bool {
	plain := 0 // most of it, and there it is one look at each character
	for plain < len(s) && plainAnywhere[s[plain]] {
		plain++
	}
	d.b = appendEscaped(append(d.b, s[:plain]...), s[plain:], set)
	return validText(s[plain:])
}

// enter writes the start tag of an element.
func (d *door) enter(parent *frame, el *etree.Element) *StanzaError {
	d.elements++
	if len(d.stack) > d.lim.StanzaDepth || d.elements > d.lim.StanzaElements || len(el.Attr) > d.lim.StanzaAttrs {
		return tooWide()
	}
	d.closeTag(parent)
	binds := len(d.binds)
	d.bind(el)
	if len(d.binds) > d.lim.StanzaAttrs+d.lim.StanzaDepth {
		return tooWide() // each name is looked for among all that are declared around it
	}
	ns, ok := d.resolve(el.Space)
	if !ok || !validName(el.Tag) || !mayBind(ns) {
		return malformed()
	}
	switch {
	case parent.ns == "" && isContent(ns):
		ns = ""
	case ns == "":
		ns = nsClient
	}
	if len(d.stack) == 1 {
		d.in.kids = append(d.in.kids, child{ns: ns, name: el.Tag, from: len(d.b)})
	}
	d.b = append(append(d.b, '<'), el.Tag...)
	if ns != parent.ns {
		d.b = append(appendEscaped(append(d.b, " xmlns='"...), ns, escapedInAttr), '\'')
	}
	if refused := d.attrs(el); refused != nil {
		return refused
	}
	d.stack = append(d.stack, frame{el: el, ns: ns, binds: binds, empty: true})
	return nil
}

func (d *door) attrs(el *etree.Element) *StanzaError {
	d.spaces = d.spaces[:0]
	for i := range el.Attr {
		a := &el.Attr[i]
		uri := ""
		if a.Space != "" {
			uri, _ = d.resolve(a.Space)
		}
		d.spaces = append(d.spaces, uri)
		if a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns" {
			continue
		}
		if !validName(a.Key) {
			return malformed()
		}
		for k := range i {
			// Parsers refuse two attributes that are one by their namespace, however they
			// are written.
			if b := &el.Attr[k]; b.Key == a.Key && (b.Space == "") == (a.Space == "") && (b.Space == a.Space || d.spaces[k] == uri) {
				return malformed()
			}
		}
		d.b = append(d.b, ' ')
		switch a.Space {
		case "":
		case "xml":
			d.b = append(d.b, "xml:"...)
		default:
			if refused := d.foreignAttr(i, uri); refused != nil {
				return refused
			}
		}
		d.b = append(append(d.b, a.Key...), "='"...)
		if !d.write(a.Value, escapedInAttr) {
			return malformed()
		}
		d.b = append(d.b, '\'')
	}
	return nil
}

// mayBind reports whether a namespace may be declared. Those of XML itself are
// bound already and must not be again (Namespaces in XML §3).
func mayBind(ns string) bool { return validText(ns) && ns != nsXML && ns != nsXMLNS }

// foreignAttr declares the namespace of a prefixed attribute where it stands,
// under a prefix of the room's own.
func (d *door) foreignAttr(i int, uri string) *StanzaError {
	if uri == "" || !mayBind(uri) {
		return malformed()
	}
	own := "ns" + strconv.Itoa(i)
	d.b = append(append(append(d.b, "xmlns:"...), own...), "='"...)
	d.b = append(appendEscaped(d.b, uri, escapedInAttr), "' "...)
	d.b = append(append(d.b, own...), ':')
	return nil
}
