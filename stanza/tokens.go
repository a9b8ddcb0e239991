package stanza

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"strings"
)

// tokens reads the tokens of a part of a stream, whose prefixes the stream's start tag
// may have declared. A plain decoder, which has not seen that tag, would take a prefix
// that it does not know for a namespace.
type tokens struct {
	dec  *xml.Decoder
	open []openElement
	// bound is what prefixes stand for at this place, undo what they stood for before
	// the elements that are open.
	bound map[string]string
	undo  []binding
}

type openElement struct {
	name xml.Name // as written
	undo int      // how much of tokens.undo there was before
}

type binding struct {
	prefix, space string
	declared      bool
}

func newTokens(r io.Reader, prefixes map[string]string) *tokens {
	t := &tokens{dec: xml.NewDecoder(r), bound: map[string]string{"xml": xmlSpace}}
	maps.Copy(t.bound, prefixes)
	return t
}

// Token is the next token, its names with their namespaces.
func (t *tokens) Token() (xml.Token, error) {
	tok, err := t.dec.RawToken()
	switch tok := tok.(type) {
	case xml.StartElement:
		return t.start(tok)
	case xml.EndElement:
		return t.end(tok)
	}
	return tok, err
}

func (t *tokens) start(tag xml.StartElement) (xml.Token, error) {
	t.open = append(t.open, openElement{tag.Name, len(t.undo)})
	for _, a := range tag.Attr {
		if prefix, is := declaredPrefix(a.Name); is {
			space, declared := t.bound[prefix]
			t.undo = append(t.undo, binding{prefix, space, declared})
			t.bound[prefix] = a.Value
		}
	}
	out := xml.StartElement{Attr: make([]xml.Attr, 0, len(tag.Attr))}
	var err error
	if out.Name, err = t.resolve(tag.Name); err != nil {
		return nil, err
	}
	for _, a := range tag.Attr {
		if _, is := declaredPrefix(a.Name); !is && a.Name.Space != "" {
			if a.Name, err = t.resolve(a.Name); err != nil {
				return nil, err
			}
		}
		out.Attr = append(out.Attr, a)
	}
	return out, nil
}

func (t *tokens) end(tag xml.EndElement) (xml.Token, error) {
	last := len(t.open) - 1
	if last < 0 || t.open[last].name != tag.Name {
		return nil, syntax("an end tag without its start tag")
	}
	from := t.open[last].undo
	for i := len(t.undo) - 1; i >= from; i-- {
		if u := t.undo[i]; u.declared {
			t.bound[u.prefix] = u.space
		} else {
			delete(t.bound, u.prefix)
		}
	}
	t.open, t.undo = t.open[:last], t.undo[:from]
	return xml.EndElement{Name: xml.Name{Local: tag.Name.Local}}, nil
}

// declaredPrefix is the prefix that an attribute declares, empty for the default
// namespace, if it declares one.
func declaredPrefix(name xml.Name) (prefix string, is bool) {
	switch {
	case name.Space == "xmlns":
		return name.Local, true
	case name.Space == "" && name.Local == "xmlns":
		return "", true
	}
	return "", false
}

// resolve puts the namespace in the place of a prefix.
func (t *tokens) resolve(name xml.Name) (xml.Name, error) {
	space, known := t.bound[name.Space]
	if !known && name.Space != "" {
		return name, syntax("nobody declared the prefix %q", name.Space)
	}
	return xml.Name{Space: space, Local: name.Local}, nil
}

// firstStart is the start tag that the bytes begin with, but for blanks.
func (t *tokens) firstStart() (xml.StartElement, error) {
	for {
		tok, err := t.Token()
		if err != nil {
			return xml.StartElement{}, ended(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			return tok, nil
		case xml.CharData:
			if blank(tok) {
				continue
			}
		}
		return xml.StartElement{}, syntax("there is something before the stanza")
	}
}

// onlyBlanks checks that nothing else follows.
func (t *tokens) onlyBlanks() error {
	for {
		tok, err := t.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return ended(err)
		}
		if text, is := tok.(xml.CharData); !is || !blank(text) {
			return syntax("there is something behind the stanza")
		}
	}
}

func blank(text xml.CharData) bool {
	return strings.Trim(string(text), " \t\r\n") == ""
}
