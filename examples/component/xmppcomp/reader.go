package xmppcomp

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/stanza"
)

// Limits bound what one stanza may be. One over Bytes, Depth, Elements or Attrs is
// reported as a [*StanzaError]: the stream goes on. One over Hard ends the stream.
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

// StanzaError reports a stanza that cannot be read. The stream goes on.
type StanzaError struct {
	// Head is what an answer needs of the stanza: its name, its addresses, its id and its
	// type, as far as these can be read and are not too large themselves.
	Head *etree.Element
	// Err is stanza.ErrTooLarge, or wraps stanza.ErrSyntax.
	Err error
}

// Error names the stanza.
func (e *StanzaError) Error() string {
	return fmt.Sprintf("a %s from %s: %v", e.Head.Tag, e.Head.SelectAttrValue("from", "nobody"), e.Err)
}

// Unwrap is Err.
func (e *StanzaError) Unwrap() error { return e.Err }

// hardError ends a stream: the server sends something without end.
type hardError struct{ limit int64 }

func (e *hardError) Error() string {
	return fmt.Sprintf("the server sends a stanza of more than %d bytes", e.limit)
}

// reader makes elements of a stream. Elements hold their namespaces themselves, in
// xmlns attributes: nothing is inherited from the stream any more but its
// default namespace.
type reader struct {
	cut    cutter
	stream stanza.Stream
}

// size is how many bytes the last element had on the wire.
func (r *reader) size() int { return int(r.cut.size) }

func newReader(in io.Reader, limits Limits) *reader {
	l := limits.withDefaults()
	return &reader{
		cut: cutter{in: bufio.NewReaderSize(in, 16<<10), keep: max(l.Bytes, minKept), hard: l.Hard},
		stream: stanza.Stream{Limits: stanza.Limits{Bytes: int(l.Bytes), Depth: l.Depth, Elements: l.Elements, Attrs: l.Attrs},
			Prefixes: map[string]string{}},
	}
}

// open reads the stream's own start tag and returns the id that the server gave it
// (XEP-0114 §3).
func (r *reader) open() (id string, err error) {
	text, err := r.cut.opening()
	if err != nil {
		return "", err
	}
	dec := xml.NewDecoder(bytes.NewReader(text))
	var start xml.StartElement
	for found := false; !found; {
		tok, err := dec.RawToken()
		if err != nil {
			return "", errNoStream
		}
		start, found = tok.(xml.StartElement)
	}
	for _, a := range start.Attr {
		switch {
		case a.Name.Space == "xmlns":
			r.stream.Prefixes[a.Name.Local] = a.Value
		case a.Name.Space == "" && a.Name.Local == "id":
			id = a.Value
		case a.Name.Space == "xml" && a.Name.Local == "lang":
			r.stream.Lang = a.Value
		}
	}
	if r.stream.Prefixes[start.Name.Space] != nsStream || start.Name.Local != "stream" {
		return "", errNoStream
	}
	return id, nil
}

// next is the next element of the stream. After a [*StanzaError] the stream goes
// on; after any other error it does not.
func (r *reader) next() (*etree.Element, error) {
	if err := r.cut.element(); err != nil {
		return nil, err
	}
	if r.cut.size > int64(r.stream.Limits.Bytes) {
		return nil, &StanzaError{r.head(), stanza.ErrTooLarge}
	}
	el, err := stanza.Parse(r.cut.text, r.stream)
	if err != nil {
		if errors.Is(err, stanza.ErrTooLarge) {
			err = stanza.ErrTooLarge // without the head, which is said once
		}
		return nil, &StanzaError{r.head(), err}
	}
	if el.SelectAttrValue("xmlns", "") == nsComponent {
		el.RemoveAttr("xmlns")
	}
	return el, nil
}

// minKept is how much of a stanza is kept at the least, for its head.
const minKept = 16 << 10

// maxHeadAttr bounds what of a stanza that cannot be read is repeated in the answer: as
// much as an address has.
const maxHeadAttr = 3071

// head is the beginning of the last stanza, as far as an answer needs it and it can be read.
func (r *reader) head() *etree.Element {
	el := etree.NewElement("")
	el.Tag = "stanza"
	tok, err := xml.NewDecoder(bytes.NewReader(r.cut.text)).RawToken()
	start, ok := tok.(xml.StartElement)
	if err != nil || !ok {
		return el
	}
	el.Tag = start.Name.Local
	for _, a := range start.Attr {
		if a.Name.Space == "xml" && a.Name.Local == "lang" {
			el.CreateAttr("xml:lang", a.Value)
		}
		if a.Name.Space != "" || len(a.Value) > maxHeadAttr {
			continue
		}
		switch a.Name.Local {
		case "from", "to", "id", "type":
			el.Attr = append(el.Attr, etree.Attr{Key: a.Name.Local, Value: a.Value})
		}
	}
	if r.stream.Lang != "" && el.SelectAttr("xml:lang") == nil {
		el.CreateAttr("xml:lang", r.stream.Lang)
	}
	return el
}
