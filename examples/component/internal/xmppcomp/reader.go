package xmppcomp

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/beevik/etree"
)

// Limits bound what one stanza may be. A stanza over Bytes, Depth or Elements is
// read to its end but not kept, and reported as a [*TooLargeError]: the stream
// goes on. One over Hard ends the stream.
type Limits struct {
	Bytes    int64 // on the wire: 256 KiB
	Depth    int   // elements in elements: 64
	Elements int   // in one stanza: 4000
	Attrs    int   // of one element, with its namespaces: 64
	Hard     int64 // on the wire: 16 MiB
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 256 << 10
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	if l.Elements == 0 {
		l.Elements = 4000
	}
	if l.Attrs == 0 {
		l.Attrs = 64
	}
	if l.Hard == 0 {
		l.Hard = 16 << 20
	}
	return l
}

// TooLargeError reports a stanza beyond the [Limits]. Head is what an answer needs of it:
// its name, its addresses, its id and its type, as far as these are not too large
// themselves.
type TooLargeError struct{ Head *etree.Element }

// Error names the stanza.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("a %s from %s is too large", e.Head.Tag, e.Head.SelectAttrValue("from", "nobody"))
}

// hardError ends a stream: the server sends something without end.
type hardError struct{ limit int64 }

func (e *hardError) Error() string {
	return fmt.Sprintf("the server sends a stanza of more than %d bytes", e.limit)
}

// bounded reads bytes and stops when one stanza has too many. The XML decoder
// takes bytes from it one by one, so the count is exact.
type bounded struct {
	*bufio.Reader
	left, hard int64
}

func (b *bounded) ReadByte() (byte, error) {
	if b.left <= 0 {
		return 0, &hardError{b.hard}
	}
	b.left--
	return b.Reader.ReadByte()
}

// reader makes elements of a stream. Elements hold their namespaces themselves, in
// xmlns attributes: nothing is inherited from the stream any more but its
// default namespace.
type reader struct {
	limits Limits
	bytes  *bounded
	dec    *xml.Decoder
	lang   string // of the stream
	from   int64  // where the last element began
}

// size is how many bytes the last element had on the wire.
func (r *reader) size() int { return int(r.dec.InputOffset() - r.from) }

func newReader(r io.Reader, limits Limits) *reader {
	limits = limits.withDefaults()
	b := &bounded{Reader: bufio.NewReaderSize(r, 16<<10), hard: limits.Hard}
	return &reader{limits: limits, bytes: b, dec: xml.NewDecoder(b)}
}

// token is the next token, and never one that XMPP forbids (RFC 6120 §11.1).
func (r *reader) token() (xml.Token, error) {
	tok, err := r.dec.Token()
	var hard *hardError
	if errors.As(err, &hard) {
		return nil, hard
	}
	switch tok.(type) {
	case xml.Comment, xml.Directive, xml.ProcInst:
		return nil, errDirective
	}
	return tok, err
}

// open reads the stream's own start tag and returns the id that the server gave it
// (XEP-0114 §3).
func (r *reader) open() (id string, err error) {
	r.bytes.left = r.limits.Hard
	if first, err := r.bytes.Peek(2); err == nil && string(first) == "<?" {
		if _, err := r.dec.Token(); err != nil { // the XML declaration
			return "", err
		}
	}
	for {
		tok, err := r.token()
		if err != nil {
			return "", err
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Space != nsStream || start.Name.Local != "stream" {
			return "", errors.New("what answers there is no XMPP server: its stream does not open with <stream:stream>")
		}
		for _, a := range start.Attr {
			switch {
			case a.Name.Space == "" && a.Name.Local == "id":
				id = a.Value
			case a.Name.Space == nsXML && a.Name.Local == "lang":
				r.lang = a.Value
			}
		}
		return id, nil
	}
}

// next is the next element of the stream. After a [*TooLargeError] the stream goes
// on; after any other error it does not.
func (r *reader) next() (*etree.Element, error) {
	r.bytes.left = r.limits.Hard
	for {
		r.from = r.dec.InputOffset()
		tok, err := r.token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			return r.element(t)
		case xml.EndElement:
			return nil, errEnded
		case xml.CharData:
			r.bytes.left = r.limits.Hard // whitespace keeps a stream alive
		}
	}
}

// element reads one element to its end. It does not recurse.
func (r *reader) element(start xml.StartElement) (*etree.Element, error) {
	depth, elements, tooLarge := 1, 1, r.tooLarge(start)
	var root *etree.Element
	if !tooLarge {
		root = r.start(nil, nsComponent, start)
		r.inherit(root)
	}
	// spaces are the namespaces of the elements that are open.
	spaces := []string{start.Name.Space}
	at := root
	for depth > 0 {
		tok, err := r.token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			elements++
			tooLarge = tooLarge || depth > r.limits.Depth || elements > r.limits.Elements || r.tooLarge(t)
			if !tooLarge {
				at = r.start(at, spaces[len(spaces)-1], t)
				spaces = append(spaces, t.Name.Space)
			}
		case xml.EndElement:
			depth--
			if !tooLarge {
				at, spaces = at.Parent(), spaces[:len(spaces)-1]
			}
		case xml.CharData:
			if !tooLarge && len(t) > 0 {
				at.CreateText(string(t))
			}
		}
		if tooLarge = tooLarge || r.tooLong(); tooLarge {
			at, root, spaces = nil, nil, nil // it is not kept
		}
	}
	if tooLarge {
		return nil, &TooLargeError{Head: r.head(start)}
	}
	return root, nil
}

// tooLarge reports whether a start tag is beyond the limits.
func (r *reader) tooLarge(start xml.StartElement) bool {
	return len(start.Attr) > r.limits.Attrs || r.tooLong()
}

// tooLong reports whether more bytes have come of the element than there may be.
func (r *reader) tooLong() bool { return r.dec.InputOffset()-r.from > r.limits.Bytes }

// maxHeadAttr bounds what of a stanza that is too large is repeated in the answer: as
// much as an address has.
const maxHeadAttr = 3071

// head is the beginning of a stanza, as far as an answer needs it.
func (r *reader) head(start xml.StartElement) *etree.Element {
	el := etree.NewElement("")
	el.Tag = start.Name.Local
	for _, a := range start.Attr {
		if a.Name.Space != "" || len(a.Value) > maxHeadAttr {
			continue
		}
		switch a.Name.Local {
		case "from", "to", "id", "type":
			el.Attr = append(el.Attr, etree.Attr{Key: a.Name.Local, Value: a.Value})
		}
	}
	r.inherit(el)
	return el
}

// inherit gives an element the language of the stream if it says none.
func (r *reader) inherit(el *etree.Element) {
	if r.lang != "" && el.SelectAttr("xml:lang") == nil {
		el.CreateAttr("xml:lang", r.lang)
	}
}

// start makes an element of a start tag. Its prefixes are gone: an element that is
// in another namespace than its parent says so.
func (r *reader) start(parent *etree.Element, space string, start xml.StartElement) *etree.Element {
	el := etree.NewElement("")
	el.Tag = start.Name.Local // not by NewElement, which looks for a prefix in it
	if parent != nil {
		parent.AddChild(el)
	}
	if start.Name.Space != space {
		el.Attr = append(el.Attr, etree.Attr{Key: "xmlns", Value: start.Name.Space})
	}
	for i, a := range start.Attr {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns":
		case a.Name.Space == "":
			el.Attr = append(el.Attr, etree.Attr{Key: a.Name.Local, Value: a.Value})
		case a.Name.Space == nsXML:
			el.Attr = append(el.Attr, etree.Attr{Space: "xml", Key: a.Name.Local, Value: a.Value})
		default:
			prefix := "a" + strconv.Itoa(i)
			el.Attr = append(el.Attr,
				etree.Attr{Space: "xmlns", Key: prefix, Value: a.Name.Space},
				etree.Attr{Space: prefix, Key: a.Name.Local, Value: a.Value})
		}
	}
	return el
}
