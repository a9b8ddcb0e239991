package scansion

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

const (
	nsClient = "jabber:client"
	nsXML    = "http://www.w3.org/XML/1998/namespace"
	// nsScansion is what the prefix scansion: stands for, declared or not.
	nsScansion = "scansion:"
	prefix     = "scansion"
)

// maxDepth bounds what is read, because the tree is walked recursively. It is
// just below the bound of etree, so that what is parsed here can be sent.
const maxDepth = 1000

// node is an element whose names are expanded: a prefix is gone, and what is
// left is what XML namespaces say it means.
type node struct {
	name  xml.Name
	attrs []xml.Attr // in the order written; no namespace declarations
	kids  []*node
	texts []string // texts[i] stands before kids[i], the last one after all
	line  int      // within the source, from 1

	// In mode [Spec]: left says that the element need not come, optional are the children that
	// were left, for what they capture, and never is what must not be wrong with what comes.
	left     bool
	optional []*node
	never    []func(got *node) string
}

// xmlError is XML that cannot be read, with a line within the source.
type xmlError struct {
	line int
	msg  string
}

// Error is what is wrong with the XML.
func (e *xmlError) Error() string { return e.msg }

// dialect is what XML may hold besides elements and text.
type dialect int

const (
	// written is XML in a script, where comments are welcome.
	written dialect = iota
	// wire is XML on a stream, which is restricted (RFC 6120 §11.1).
	wire
)

// parseXML reads exactly one element. Elements without a namespace inherit
// space, as they do on a stream.
func parseXML(src []byte, space string, d dialect) (*node, error) {
	r := &xmlReader{dec: xml.NewDecoder(bytes.NewReader(src)), dialect: d}
	r.scopes = []scope{{"": space, "xml": nsXML, prefix: nsScansion}}
	for {
		r.line, _ = r.dec.InputPos()
		token, err := r.dec.RawToken()
		if err == io.EOF {
			return r.finish()
		}
		if err != nil {
			r.line, _ = r.dec.InputPos()
			return nil, r.fail("%s", syntaxMessage(err))
		}
		if err := r.token(token); err != nil {
			return nil, err
		}
	}
}

func syntaxMessage(err error) string {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return "XML: " + syntax.Msg
	}
	return "XML: " + err.Error()
}

// scope is the namespace of each prefix.
type scope map[string]string

// xmlReader builds a tree out of raw tokens. encoding/xml would resolve
// prefixes itself, but takes an undeclared one for its own namespace and lets
// an attribute stand twice; both would hide a mistake of a script or a room.
type xmlReader struct {
	dec     *xml.Decoder
	line    int // where the token begins
	dialect dialect
	root    *node
	open    []*node
	names   []xml.Name // as written, to be closed
	scopes  []scope
}

func (r *xmlReader) fail(format string, args ...any) error {
	return &xmlError{r.line, fmt.Sprintf(format, args...)}
}

func (r *xmlReader) finish() (*node, error) {
	switch {
	case len(r.open) > 0:
		last := len(r.open) - 1
		r.line = r.open[last].line
		return nil, r.fail("XML: <%s> is never closed", lexical(r.names[last]))
	case r.root == nil:
		return nil, r.fail("XML: there is no element")
	}
	return r.root, nil
}

func (r *xmlReader) token(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return r.start(t)
	case xml.EndElement:
		return r.end(t)
	case xml.CharData:
		return r.text(string(t))
	case xml.Comment:
		if r.dialect == wire {
			return r.fail("XML: a comment, which a stream must not hold")
		}
		return nil
	default:
		return r.fail("XML: a directive or processing instruction, which a stream must not hold")
	}
}

func (r *xmlReader) start(t xml.StartElement) error {
	switch {
	case len(r.open) == 0 && r.root != nil:
		return r.fail("XML: a second element <%s>; there is one stanza to an action", lexical(t.Name))
	case len(r.open) >= maxDepth:
		return r.fail("XML: more than %d levels", maxDepth)
	}
	n := &node{texts: []string{""}, line: r.line}
	if err := r.declare(t.Attr); err != nil {
		return err
	}
	var err error
	if n.name, err = r.resolve(t.Name, true); err != nil {
		return err
	}
	for _, a := range t.Attr {
		if isDeclaration(a.Name) {
			continue
		}
		name, err := r.resolve(a.Name, false)
		if err != nil {
			return err
		}
		if _, twice := n.attr(name); twice {
			return r.fail("XML: attribute %s stands twice", lexical(a.Name))
		}
		n.attrs = append(n.attrs, xml.Attr{Name: name, Value: a.Value})
	}
	if len(r.open) == 0 {
		r.root = n
	} else {
		parent := r.open[len(r.open)-1]
		parent.kids = append(parent.kids, n)
		parent.texts = append(parent.texts, "")
	}
	r.open, r.names = append(r.open, n), append(r.names, t.Name)
	return nil
}

func (r *xmlReader) end(t xml.EndElement) error {
	last := len(r.open) - 1
	if last < 0 {
		return r.fail("XML: </%s> closes nothing", lexical(t.Name))
	}
	if r.names[last] != t.Name {
		return r.fail("XML: </%s> where <%s> is open", lexical(t.Name), lexical(r.names[last]))
	}
	r.open, r.names, r.scopes = r.open[:last], r.names[:last], r.scopes[:len(r.scopes)-1]
	return nil
}

func (r *xmlReader) text(s string) error {
	if len(r.open) == 0 {
		if strings.TrimSpace(s) != "" {
			return r.fail("XML: text outside of an element")
		}
		return nil
	}
	n := r.open[len(r.open)-1]
	n.texts[len(n.texts)-1] += s
	return nil
}

func isDeclaration(name xml.Name) bool {
	return name.Space == "xmlns" || name.Space == "" && name.Local == "xmlns"
}

// declare opens the scope of an element.
func (r *xmlReader) declare(attrs []xml.Attr) error {
	now := r.scopes[len(r.scopes)-1]
	copied := false
	for _, a := range attrs {
		if !isDeclaration(a.Name) {
			continue
		}
		key := a.Name.Local
		if a.Name.Space == "" {
			key = ""
		} else if a.Value == "" {
			return r.fail("XML: prefix %s: is declared as nothing", key)
		}
		if key == prefix {
			continue
		}
		if !copied {
			next := make(scope, len(now)+1)
			for k, v := range now {
				next[k] = v
			}
			now, copied = next, true
		}
		now[key] = a.Value
	}
	r.scopes = append(r.scopes, now)
	return nil
}

// resolve expands a name. An attribute without a prefix has no namespace.
func (r *xmlReader) resolve(name xml.Name, element bool) (xml.Name, error) {
	if strings.Contains(name.Local, ":") {
		return name, r.fail("XML: %q is no name", lexical(name))
	}
	if name.Space == "" && !element {
		return name, nil
	}
	space, declared := r.scopes[len(r.scopes)-1][name.Space]
	if !declared {
		return name, r.fail("XML: prefix %s: is not declared", name.Space)
	}
	return xml.Name{Space: space, Local: name.Local}, nil
}

// lexical is a raw name as it was written.
func lexical(name xml.Name) string {
	if name.Space == "" {
		return name.Local
	}
	return name.Space + ":" + name.Local
}

func (n *node) attr(name xml.Name) (value string, ok bool) {
	for _, a := range n.attrs {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// text is all character data directly inside the element.
func (n *node) text() string { return strings.Join(n.texts, "") }

// walk visits the element and everything below it until visit fails.
func (n *node) walk(visit func(*node) error) error {
	if err := visit(n); err != nil {
		return err
	}
	for _, kid := range n.kids {
		if err := kid.walk(visit); err != nil {
			return err
		}
	}
	return nil
}

// dropLayout removes the white space that a person put between elements.
func (n *node) dropLayout() {
	if isLayout(n.text(), len(n.kids) > 0) {
		n.texts = make([]string, len(n.texts))
	}
	for _, kid := range n.kids {
		kid.dropLayout()
	}
}

// isLayout reports whether the text of an element is there for the reader of a
// script only: blank beside elements, or blank with a line break inside an
// element that is otherwise empty.
func isLayout(text string, besideElements bool) bool {
	return strings.TrimSpace(text) == "" && (besideElements || strings.Contains(text, "\n"))
}

// same reports whether two elements are the same: names, the set of attributes,
// texts, and children in order.
func same(a, b *node) bool {
	if a.name != b.name || len(a.attrs) != len(b.attrs) || len(a.kids) != len(b.kids) || !slices.Equal(a.texts, b.texts) {
		return false
	}
	for _, attr := range a.attrs {
		if value, ok := b.attr(attr.Name); !ok || value != attr.Value {
			return false
		}
	}
	return slices.EqualFunc(a.kids, b.kids, same)
}

// fromElement reads an element of etree, in the namespace of the stream.
func fromElement(el *etree.Element) (*node, error) {
	if el == nil {
		return nil, errors.New("there is no element")
	}
	doc := etree.NewDocument()
	doc.SetRoot(el.Copy())
	src, err := doc.WriteToBytes()
	if err != nil {
		return nil, err
	}
	return parseXML(src, nsClient, written)
}
