package xmlwire

import (
	"errors"
	"strconv"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/internal/ns"
)

// Bounds limit one element.
type Bounds struct {
	Bytes    int // of its content, as canonical text; also of its own attributes
	Depth    int // of the elements in it
	Elements int // in it
	Attrs    int // on one element
}

// The errors of Encode.
var (
	ErrMalformed = errors.New("not well-formed XML")
	ErrTooWide   = errors.New("too deep or too wide")
	ErrTooLarge  = errors.New("too large")
)

// Payload is the content of an element as canonical text, with the places of its children
// in it.
type Payload struct {
	Text string
	Kids []Child
}

// Child is one child element of a Payload.
type Child struct {
	NS, Name string
	From, To int // in Payload.Text
}

// XML is the canonical text of one of the payload's children.
func (p *Payload) XML(c *Child) string { return p.Text[c.From:c.To] }

// Find returns the first child of that name, or nil.
func (p *Payload) Find(ns, name string) *Child {
	for i := range p.Kids {
		if p.Kids[i].Name == name && p.Kids[i].NS == ns {
			return &p.Kids[i]
		}
	}
	return nil
}

// Encode encodes the content of an element as canonical XML, once. It does not recurse and is
// bounded, so a tree of any shape is safe. On an error, which is one of those above, the
// payload has no text, but the names of the children before the fault.
func (d *Encoder) Encode(root *etree.Element, lim Bounds) (Payload, error) {
	d.lim = lim
	d.b, d.kids, d.binds, d.stack, d.spaces = d.room.b[:0], d.room.kids[:0], d.room.binds[:0], d.room.stack[:0], d.room.spaces[:0]
	if err := d.checkRoot(root); err != nil {
		return Payload{}, err
	}
	d.bind(root)
	if err := d.children(root); err != nil {
		return Payload{Kids: d.kids}, err
	}
	return Payload{string(d.b), d.kids}, nil
}

// PayloadOf is the payload of a text that is canonical already.
func PayloadOf(canonical string) Payload {
	p := Payload{Text: canonical}
	at := 0
	for n, text := range Elements(canonical) {
		p.Kids = append(p.Kids, Child{NS: n.NS, Name: n.Name, From: at, To: at + len(text)})
		at += len(text)
	}
	return p
}

// RootSpace is the namespace of an element without a parent; ok is false if its prefix is
// not declared on it.
func RootSpace(el *etree.Element) (space string, ok bool) {
	if el.Space == "xml" {
		return ns.XML, true
	}
	for i := len(el.Attr) - 1; i >= 0; i-- {
		if a := &el.Attr[i]; a.Space == "" && a.Key == "xmlns" && el.Space == "" || a.Space == "xmlns" && a.Key == el.Space {
			return a.Value, true
		}
	}
	return "", el.Space == ""
}

// Encoder encodes the content of one element. Its memory is the payload's, too.
type Encoder struct {
	lim      Bounds
	b        []byte
	kids     []Child
	binds    []binding
	stack    []frame
	elements int
	spaces   []string // of the attributes of an element
	// room is for what stanzas usually come to, in one piece of memory.
	room struct {
		b      [256]byte
		kids   [4]Child
		binds  [4]binding
		stack  [4]frame
		spaces [4]string
	}
}

type binding struct{ prefix, uri string }

type frame struct {
	el    *etree.Element
	next  int    // child to look at next
	ns    string // as written: "" inside the content namespace
	binds int    // bindings to return to
	empty bool   // the start tag is not closed yet
}

// IsContent reports whether a namespace is a content namespace, which stands for the
// stream's own (RFC 6120 §4.8.2).
func IsContent(space string) bool {
	return space == "" || space == ns.Client || space == ns.Server || space == ns.Component
}

func (d *Encoder) bind(el *etree.Element) {
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
func (d *Encoder) resolve(prefix string) (string, bool) {
	if prefix == "xml" {
		return ns.XML, true
	}
	for i := len(d.binds) - 1; i >= 0; i-- {
		if d.binds[i].prefix == prefix {
			return d.binds[i].uri, true
		}
	}
	return "", prefix == ""
}

// checkRoot bounds the attributes of the stanza element itself. They are not written, but
// each name below it may look for its namespace among them.
func (d *Encoder) checkRoot(root *etree.Element) error {
	size := 0
	for i := range root.Attr {
		size += len(root.Attr[i].Key) + len(root.Attr[i].Value)
	}
	switch {
	case len(root.Attr) > d.lim.Attrs:
		return ErrTooWide
	case size > d.lim.Bytes:
		return ErrTooLarge
	}
	return nil
}

// children writes the content of the stanza.
func (d *Encoder) children(root *etree.Element) error {
	d.stack = append(d.stack, frame{el: root, binds: len(d.binds)})
	for len(d.stack) > 0 && len(d.b) <= d.lim.Bytes {
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
			if !d.write(t.Data, EscapedInText) {
				return ErrMalformed
			}
		case *etree.Element:
			if err := d.enter(top, t); err != nil {
				return err
			}
		}
	}
	if len(d.b) > d.lim.Bytes {
		return ErrTooLarge
	}
	return nil
}

func (d *Encoder) closeTag(f *frame) {
	if f.empty {
		d.b = append(d.b, '>')
		f.empty = false
	}
}

func (d *Encoder) leave(top *frame) {
	if len(d.stack) > 1 {
		if top.empty {
			d.b = append(d.b, "/>"...)
		} else {
			d.b = append(append(append(d.b, "</"...), top.el.Tag...), '>')
		}
		if len(d.stack) == 2 {
			d.kids[len(d.kids)-1].To = len(d.b)
		}
	}
	d.binds = d.binds[:top.binds]
	d.stack = d.stack[:len(d.stack)-1]
}

// write escapes a text, and reports whether it may stand in XML at all.
func (d *Encoder) write(s string, set *CharSet) bool {
	plain := 0 // mostly all of it, checked and escaped with one look at each character
	for plain < len(s) && plainAnywhere[s[plain]] {
		plain++
	}
	d.b = AppendEscaped(append(d.b, s[:plain]...), s[plain:], set)
	return ValidText(s[plain:])
}

// enter writes the start tag of an element.
func (d *Encoder) enter(parent *frame, el *etree.Element) error {
	d.elements++
	if len(d.stack) > d.lim.Depth || d.elements > d.lim.Elements || len(el.Attr) > d.lim.Attrs {
		return ErrTooWide
	}
	d.closeTag(parent)
	binds := len(d.binds)
	d.bind(el)
	if len(d.binds) > d.lim.Attrs+d.lim.Depth {
		return ErrTooWide // each name is looked up among all declarations around it
	}
	space, ok := d.resolve(el.Space)
	if !ok || !ValidName(el.Tag) || !mayBind(space) {
		return ErrMalformed
	}
	switch {
	case parent.ns == "" && IsContent(space):
		space = ""
	case space == "":
		space = ns.Client
	}
	if len(d.stack) == 1 {
		d.kids = append(d.kids, Child{NS: space, Name: el.Tag, From: len(d.b)})
	}
	d.b = append(append(d.b, '<'), el.Tag...)
	if space != parent.ns {
		d.b = AppendAttr(d.b, "xmlns", space)
	}
	if err := d.attrs(el); err != nil {
		return err
	}
	d.stack = append(d.stack, frame{el: el, ns: space, binds: binds, empty: true})
	return nil
}

func (d *Encoder) attrs(el *etree.Element) error {
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
		if !ValidName(a.Key) {
			return ErrMalformed
		}
		for k := range i {
			// Parsers refuse two attributes that are one by their namespace, however they
			// are written.
			if b := &el.Attr[k]; b.Key == a.Key && (b.Space == "") == (a.Space == "") && (b.Space == a.Space || d.spaces[k] == uri) {
				return ErrMalformed
			}
		}
		prefix := a.Space
		if prefix != "" && prefix != "xml" { // declared just before it, under a prefix made from its index
			if prefix = "ns" + strconv.Itoa(i); uri == "" || !mayBind(uri) {
				return ErrMalformed
			}
			d.b = AppendAttr(d.b, "xmlns:"+prefix, uri)
		}
		d.b = append(d.b, ' ')
		if prefix != "" {
			d.b = append(append(d.b, prefix...), ':')
		}
		d.b = append(append(d.b, a.Key...), "='"...)
		if !d.write(a.Value, EscapedInAttr) {
			return ErrMalformed
		}
		d.b = append(d.b, '\'')
	}
	return nil
}

// mayBind reports whether a namespace may be declared. Those of XML itself must not be
// (Namespaces in XML §3).
func mayBind(space string) bool { return ValidText(space) && space != ns.XML && space != ns.XMLNS }
