package scansion

import (
	"encoding/xml"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// action reads the action that begins with the current line.
func (p *parser) action(a *action) error {
	if rest, ok := strings.CutPrefix(a.text, "time passes:"); ok {
		return p.timePasses(a, strings.TrimSpace(rest))
	}
	if head, rest, ok := strings.Cut(a.text, ":"); ok && (head == "host" || strings.HasPrefix(head, "host ")) {
		return p.host(a, strings.TrimSpace(strings.TrimPrefix(head, "host")), strings.TrimSpace(rest))
	}
	for _, v := range [...]struct {
		suffix string
		verb   verb
		read   func(*action) error
	}{
		{" receives: nothing", verbReceivesNothing, nil},
		{" disconnects", verbDisconnects, nil},
		{" connects", verbConnects, nil},
		{" sends:", verbSends, p.sends},
		{" receives:", verbReceives, p.receives},
	} {
		name, ok := strings.CutSuffix(a.text, v.suffix)
		if !ok {
			continue
		}
		a.verb = v.verb
		a.client = slices.IndexFunc(p.script.Clients, func(c Client) bool { return c.Name == name })
		if a.client < 0 {
			return p.fail(a.line, "no client is called %q", name)
		}
		if v.read == nil {
			return nil
		}
		return v.read(a)
	}
	return p.fail(a.line, "not an action: %q", a.text)
}

func (p *parser) timePasses(a *action, duration string) error {
	d, err := time.ParseDuration(duration)
	if err != nil || d < 0 {
		return p.fail(a.line, "%q is no duration such as 90s, 5m or 24h", duration)
	}
	a.verb, a.pause = verbTimePasses, d
	return nil
}

// host reads what the host does: `host: …`, `host at ROOM: …`, `host answers:`
// or `host refuses: …`.
func (p *parser) host(a *action, how, rest string) error {
	address, atRoom := strings.CutPrefix(how, "at ")
	switch {
	case how == "answers" && rest == "nothing":
		a.verb = verbAnswers
		return nil
	case how == "answers" && rest == "archive":
		a.verb, a.archive = verbAnswers, true
		return nil
	case how == "answers" && rest == "":
		a.verb = verbAnswers
		return p.sends(a)
	case how == "refuses":
		a.verb, a.condition = verbRefuses, stanza.Condition(rest)
		if rest == "" {
			return p.fail(a.line, "host refuses: needs a condition such as forbidden")
		}
		return nil
	case how != "" && !atRoom:
		return p.fail(a.line, "not an action: %q", a.text)
	}
	a.verb = verbHost
	if atRoom {
		var err error
		a.room, err = muc.ParseJID(strings.TrimSpace(address))
		if err != nil || !a.room.IsBare() || a.room.Local() == "" {
			return p.fail(a.line, "%q is not the address of a room", strings.TrimSpace(address))
		}
	}
	// A command is written as the inside of a tag, and so it can be read as one.
	n, err := parseXML([]byte("<"+rest+"/>"), "", written)
	if err != nil || !n.isEmpty() {
		return p.fail(a.line, "%q is no command: that is a name, and arguments like attributes", rest)
	}
	a.command, a.args = n.name.Local, n.attrs
	for _, arg := range n.attrs {
		if arg.Name.Space != "" {
			return p.fail(a.line, "no argument is called %q", lexical(arg.Name))
		}
		if err := p.sendable(a.line, arg.Value); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) sends(a *action) error {
	src, n, first, err := p.stanza()
	if err != nil {
		return err
	}
	err = n.walk(func(n *node) error {
		line := first + n.line - 1
		for _, attr := range n.attrs {
			if attr.Name.Space == nsScansion {
				return p.fail(line, "scansion:%s is for what is received", attr.Name.Local)
			}
			if err := p.sendable(line, attr.Value); err != nil {
				return err
			}
		}
		return p.sendable(line, n.text())
	})
	if err != nil {
		return err
	}
	// What is sent keeps its prefixes as they are written: how the room reads
	// them is for the room to show.
	doc := etree.NewDocument()
	err = doc.ReadFromString(src)
	root := doc.Root()
	if err != nil || root == nil {
		return p.fail(first, "XML that cannot be sent: %v", err)
	}
	a.send = root.Copy()
	stripLayout(a.send)
	return nil
}

// stripLayout is what dropLayout is for a node.
func stripLayout(el *etree.Element) {
	children := el.ChildElements()
	var text strings.Builder
	for _, token := range el.Child {
		if data, ok := token.(*etree.CharData); ok {
			text.WriteString(data.Data)
		}
	}
	if isLayout(text.String(), len(children) > 0) {
		el.Child = slices.DeleteFunc(el.Child, func(token etree.Token) bool {
			_, isText := token.(*etree.CharData)
			return isText
		})
		el.ReindexChildren()
	}
	for _, child := range children {
		stripLayout(child)
	}
}

// sendable checks a value that the script itself gives: there is nothing to
// match, and what it refers to must be known.
func (p *parser) sendable(line int, value string) error {
	t, err := p.template(line, value)
	if err != nil {
		return err
	}
	for _, piece := range t {
		if piece.kind == pieceAny || piece.kind == pieceCapture {
			return p.fail(line, "a wildcard is for what is received")
		}
	}
	return nil
}

func (p *parser) receives(a *action) error {
	_, n, first, err := p.stanza()
	if err != nil {
		return err
	}
	a.expect = n
	return p.expected(n, first)
}

// expected checks what is expected, from its first line on. What it captures is known
// afterwards.
func (p *parser) expected(n *node, first int) error {
	n.dropLayout()
	captured := map[string]bool{}
	value := func(line int, value string) error {
		t, err := p.template(line, value)
		if err != nil {
			return err
		}
		for _, piece := range t {
			if piece.kind != pieceCapture {
				continue
			}
			if captured[piece.text] {
				return p.fail(line, "a second capture %s in one stanza", piece.text)
			}
			captured[piece.text] = true
		}
		return nil
	}
	err := n.walk(func(n *node) error {
		line := first + n.line - 1
		for _, attr := range n.attrs {
			if err := p.instruction(line, attr); err != nil {
				return err
			}
			if err := value(line, attr.Value); err != nil {
				return err
			}
		}
		for _, text := range n.texts {
			if err := value(line, text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Known only from here on: within its own stanza a name still means what it
	// meant before.
	for name := range captured {
		p.known[name] = true
	}
	return nil
}

// instruction checks an attribute that tells how to match.
func (p *parser) instruction(line int, attr xml.Attr) error {
	switch {
	case attr.Name.Space != nsScansion:
		return nil
	case attr.Name != strictName:
		return p.fail(line, "no instruction scansion:%s, only scansion:strict", attr.Name.Local)
	case attr.Value != "true" && attr.Value != "false":
		return p.fail(line, "scansion:strict is 'true' or 'false', not %q", attr.Value)
	}
	return nil
}

// template reads a value and checks what it refers to.
func (p *parser) template(line int, value string) (template, error) {
	t, err := parseTemplate(value)
	if err != nil {
		return nil, p.fail(line, "%v", err)
	}
	for _, piece := range t {
		if piece.kind == pieceReference && !p.known[piece.text] {
			return nil, p.fail(line, "${%s} is not known: neither a client's JID or full JID nor captured above", piece.text)
		}
	}
	return t, nil
}
