package stanza

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/internal/xmlwire"
)

// The namespaces that are bound without being declared.
const (
	xmlSpace   = "http://www.w3.org/XML/1998/namespace"
	xmlnsSpace = "http://www.w3.org/2000/xmlns/"
)

// Parse reads a stanza from bytes, which hold nothing else but blanks around it. An
// error wraps [ErrSyntax], or is a [*TooLargeError].
func Parse(text []byte, s Stream) (*etree.Element, error) {
	s.Limits = s.Limits.withDefaults()
	if len(text) > s.Limits.Bytes {
		return nil, &TooLargeError{Head: headOf(text, s)}
	}
	r := newTokens(bytes.NewReader(text), s.Prefixes)
	start, err := r.firstStart()
	if err != nil {
		return nil, err
	}
	el, err := Read(r, start, s)
	if err != nil {
		return nil, err
	}
	return el, r.onlyBlanks()
}

// headOf is the start tag of a stanza that is too large to be read, nil if that is not
// what the bytes begin with.
func headOf(text []byte, s Stream) *etree.Element {
	start, err := newTokens(bytes.NewReader(text), s.Prefixes).firstStart()
	if err != nil || len(start.Attr) > s.Limits.Attrs || check(start) != nil {
		return nil
	}
	return begin(start, s)
}

func begin(start xml.StartElement, s Stream) *etree.Element {
	root := element(start, "")
	if s.Lang != "" && root.SelectAttr("xml:lang") == nil {
		root.CreateAttr("xml:lang", s.Lang)
	}
	return root
}

// Read reads a stanza from tokens: start is its start tag, which the caller has taken
// off the stream, and the rest, up to the end tag, comes from r. Names in the tokens
// hold their namespaces, as those of [xml.Decoder.Token] do. An error is r's own, wraps
// [ErrSyntax], or is a [*TooLargeError], after which r stands behind the stanza.
func Read(r xml.TokenReader, start xml.StartElement, s Stream) (*etree.Element, error) {
	lim := s.Limits.withDefaults()
	if len(start.Attr) > lim.Attrs {
		return nil, skip(r, 1, &TooLargeError{})
	}
	if err := check(start); err != nil {
		return nil, err
	}
	root := begin(start, s)
	open := []string{start.Name.Space} // the namespaces of the elements that are open
	at, elements := root, 1
	for len(open) > 0 {
		tok, err := r.Token()
		switch t := tok.(type) {
		case xml.StartElement:
			elements++
			if len(open) >= lim.Depth || elements > lim.Elements || len(t.Attr) > lim.Attrs {
				root.Child = nil
				return nil, skip(r, len(open)+1, &TooLargeError{Head: root})
			}
			if err := check(t); err != nil {
				return nil, err
			}
			child := element(t, open[len(open)-1])
			at.AddChild(child)
			at, open = child, append(open, t.Name.Space)
		case xml.EndElement:
			at, open = at.Parent(), open[:len(open)-1]
		case xml.CharData:
			at.CreateText(string(t))
		case nil:
		default:
			return nil, syntax("a comment, processing instruction or DTD")
		}
		if err != nil && len(open) > 0 {
			return nil, ended(err)
		}
	}
	return root, nil
}

// skip reads to the end of a stanza of which so many elements are open, and says what
// was wrong with it, if its end can be found.
func skip(r xml.TokenReader, open int, reason error) error {
	for open > 0 {
		tok, err := r.Token()
		switch tok.(type) {
		case xml.StartElement:
			open++
		case xml.EndElement:
			open--
		}
		if err != nil && open > 0 {
			return ended(err)
		}
	}
	return reason
}

// ended is what the end of tokens in the middle of a stanza means.
func ended(err error) error {
	var bad *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return syntax("it has no end")
	case errors.As(err, &bad):
		return syntax("%s", bad.Msg)
	}
	return err
}

// check refuses what [xml.Decoder] lets pass although it is not well-formed by Namespaces in
// XML. A server that passes such an element on would end the stream of the one who gets it.
func check(start xml.StartElement) error {
	if !mayStand(start.Name) || start.Name.Space == xmlSpace {
		return syntax("a name that is none, or is reserved")
	}
	for i, a := range start.Attr {
		if _, is := declaredPrefix(a.Name); is {
			continue
		}
		if !mayStand(a.Name) {
			return syntax("an attribute with a name that is none, or is reserved")
		}
		for _, b := range start.Attr[:i] {
			if a.Name == b.Name {
				return syntax("an attribute stands twice")
			}
		}
	}
	return nil
}

func mayStand(name xml.Name) bool {
	return xmlwire.ValidName(name.Local) && name.Space != xmlnsSpace && name.Space != "xmlns"
}

// element makes an element of a start tag, without a prefix of its own.
func element(start xml.StartElement, parentSpace string) *etree.Element {
	el := etree.NewElement("")
	el.Tag = start.Name.Local // not by NewElement, which looks for a prefix in it
	if start.Name.Space != parentSpace {
		el.Attr = append(el.Attr, etree.Attr{Key: "xmlns", Value: start.Name.Space})
	}
	foreign := 0
	for _, a := range start.Attr {
		_, declares := declaredPrefix(a.Name)
		switch {
		case declares:
		case a.Name.Space == "":
			el.Attr = append(el.Attr, etree.Attr{Key: a.Name.Local, Value: a.Value})
		case a.Name.Space == xmlSpace || a.Name.Space == "xml":
			el.Attr = append(el.Attr, etree.Attr{Space: "xml", Key: a.Name.Local, Value: a.Value})
		default:
			prefix := "a" + strconv.Itoa(foreign)
			foreign++
			el.Attr = append(el.Attr,
				etree.Attr{Space: "xmlns", Key: prefix, Value: a.Name.Space},
				etree.Attr{Space: prefix, Key: a.Name.Local, Value: a.Value})
		}
	}
	return el
}
