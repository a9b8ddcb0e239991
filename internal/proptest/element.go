package proptest

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// element is what a client reads of a stanza. Names are those in the text, ns is
// the namespace that counts for an element without prefix.
type element struct {
	name, ns string
	attrs    []attr
	kids     []*element
	text     string
}

type attr struct{ name, value string }

// attr is an attribute's value; of no element, none.
func (e *element) attr(name string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

// child finds a child element; without a namespace, one that inherits its own.
func (e *element) child(ns, name string) *element {
	for _, k := range e.kids {
		if k.name == name && (k.ns == ns || ns == "" && k.ns == e.ns) {
			return k
		}
	}
	return nil
}

// reader reads the one form in which a room writes XML, and takes nothing else:
// no comments, no declarations, single quotes, one space before an attribute.
type reader struct {
	s   string
	pos int
}

var errXML = errors.New("not well-formed")

// readElement reads one stanza.
func readElement(s string) (*element, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%w: not UTF-8", errXML)
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return nil, fmt.Errorf("%w: a control character", errXML)
		}
	}
	r := reader{s: s}
	e, err := r.element("")
	if err == nil && r.pos != len(s) {
		err = fmt.Errorf("%w: something follows the stanza", errXML)
	}
	return e, err
}

func (r *reader) wrong(what string) error {
	return fmt.Errorf("%w: %s at %d", errXML, what, r.pos)
}

func (r *reader) take(token string) bool {
	if !strings.HasPrefix(r.s[r.pos:], token) {
		return false
	}
	r.pos += len(token)
	return true
}

func (r *reader) name() string {
	n := strings.IndexAny(r.s[r.pos:], " =/><'\"&")
	if n <= 0 {
		return ""
	}
	r.pos += n
	return r.s[r.pos-n : r.pos]
}

func (r *reader) element(ns string) (*element, error) {
	if !r.take("<") {
		return nil, r.wrong("no element")
	}
	e := &element{name: r.name(), ns: ns}
	if e.name == "" || strings.Contains(e.name, ":") {
		return nil, r.wrong("no name")
	}
	for r.take(" ") {
		a, err := r.attribute()
		if err != nil {
			return nil, err
		}
		for _, other := range e.attrs {
			if other.name == a.name {
				return nil, r.wrong("an attribute twice")
			}
		}
		if a.name == "xmlns" {
			e.ns = a.value
		}
		e.attrs = append(e.attrs, a)
	}
	if fault := e.namespaces(); fault != "" {
		return nil, r.wrong(fault)
	}
	if r.take("/>") {
		return e, nil
	}
	if !r.take(">") {
		return nil, r.wrong("an open tag")
	}
	return e, r.content(e)
}

const (
	nsXML   = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS = "http://www.w3.org/2000/xmlns/"
)

// namespaces is what is wrong with the namespaces of an element, which are to be
// declared where they are used.
func (e *element) namespaces() string {
	seen := map[string]bool{}
	for _, a := range e.attrs {
		prefix, name, prefixed := strings.Cut(a.name, ":")
		switch {
		case a.name == "xmlns" || prefix == "xmlns":
			if a.value == nsXML || a.value == nsXMLNS || prefixed && a.value == "" {
				return "a namespace that nobody may declare"
			}
		case prefixed && prefix != "xml":
			ns := e.attr("xmlns:" + prefix)
			if ns == "" {
				return "no such prefix: " + prefix
			}
			if seen[ns+" "+name] {
				return "an attribute twice"
			}
			seen[ns+" "+name] = true
		}
	}
	return ""
}

func (r *reader) attribute() (attr, error) {
	a := attr{name: r.name()}
	if a.name == "" || !r.take("='") {
		return a, r.wrong("no attribute")
	}
	end := strings.IndexByte(r.s[r.pos:], '\'')
	if end < 0 {
		return a, r.wrong("an open value")
	}
	var err error
	a.value, err = r.unescape(r.s[r.pos : r.pos+end])
	r.pos += end + 1
	return a, err
}

func (r *reader) content(e *element) error {
	for {
		end := strings.IndexByte(r.s[r.pos:], '<')
		if end < 0 {
			return r.wrong("no end of " + e.name)
		}
		text, err := r.unescape(r.s[r.pos : r.pos+end])
		if err != nil {
			return err
		}
		e.text += text
		r.pos += end
		if r.take("</") {
			if r.name() != e.name || !r.take(">") {
				return r.wrong("another end than that of " + e.name)
			}
			return nil
		}
		kid, err := r.element(e.ns)
		if err != nil {
			return err
		}
		e.kids = append(e.kids, kid)
	}
}

var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&apos;", "'", "&quot;", `"`, "&amp;", "&",
	"&#xD;", "\r", "&#13;", "\r", "&#xA;", "\n", "&#10;", "\n", "&#x9;", "\t", "&#9;", "\t")

// unescape reads text, in which only the five entities of XML may stand, and
// numbers of white space.
func (r *reader) unescape(s string) (string, error) {
	if strings.IndexByte(s, '<') >= 0 || strings.Contains(s, "]]>") {
		return s, r.wrong("raw markup in a text")
	}
	if strings.IndexByte(s, '&') < 0 {
		return s, nil
	}
	for rest := s; ; {
		i := strings.IndexByte(rest, '&')
		if i < 0 {
			break
		}
		rest = rest[i:]
		end := strings.IndexByte(rest, ';')
		if end < 0 {
			return s, r.wrong("an open entity")
		}
		switch rest[:end+1] {
		case "&lt;", "&gt;", "&apos;", "&quot;", "&amp;", "&#xD;", "&#xA;", "&#x9;", "&#13;", "&#10;", "&#9;":
		default:
			return s, r.wrong("an unknown entity " + rest[:end+1])
		}
		rest = rest[end:]
	}
	return entities.Replace(s), nil
}
