package scansion

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gomuc/muc"
)

// ParseFile reads and parses a script.
func ParseFile(name string) (*Script, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return Parse(name, src)
}

// Parse reads a script. The name is for messages, and the files that the script
// includes are looked for beside it. Everything that can be judged without playing
// is judged here; the error is a [*SyntaxError].
func Parse(name string, src []byte) (*Script, error) {
	p := &parser{script: &Script{Name: name}, file: name, known: map[string]bool{}, includes: new(int)}
	if err := p.split(src); err != nil {
		return nil, err
	}
	for _, part := range []func() error{p.headers, p.clients, p.actions, p.complete} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	return p.script, nil
}

// parser reads one file into a script: the script's own, or one that it includes.
type parser struct {
	script *Script
	file   string
	lines  []string
	// at is the index of the next line.
	at int
	// known is what `${…}` may name so far.
	known map[string]bool

	// above is the parser of the file that includes this one, at the line
	// aboveLine; nil for the script's own file.
	above     *parser
	aboveLine int
	// includes counts the files that the whole script includes.
	includes *int
	// inActions is that the clients are behind the parser.
	inActions bool
	// own are the names of the clients of this very file.
	own []string
}

// split reads the lines of a file.
func (p *parser) split(src []byte) error {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	for i, line := range strings.Split(string(src), "\n") {
		if !utf8.ValidString(line) {
			return p.fail(i+1, "not UTF-8")
		}
		p.lines = append(p.lines, strings.TrimRight(line, " \t\r"))
	}
	return nil
}

// complete checks what a script needs, whichever file it comes from.
func (p *parser) complete() error {
	if len(p.script.actions) == 0 {
		return p.fail(len(p.lines), "a script without actions")
	}
	return nil
}

// fail blames a line, counted from 1.
func (p *parser) fail(line int, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if p.above != nil {
		msg += fmt.Sprintf(" (included at %s)", p.includedAt())
	}
	return &SyntaxError{p.file, line, msg}
}

// next is the next line that is not blank.
func (p *parser) next() (line string, ok bool) {
	for p.at < len(p.lines) {
		line = p.lines[p.at]
		p.at++
		if line != "" {
			return line, true
		}
	}
	return "", false
}

// comment is the text of a comment line.
func comment(line string) (text string, ok bool) {
	text, ok = strings.CutPrefix(line, "#")
	return strings.TrimSpace(text), ok
}

var headerLine = regexp.MustCompile(`^([a-z][a-z0-9-]*):(?:[ \t]+(.*))?$`)

// headers reads the comments before anything else, and what they include.
func (p *parser) headers() error {
	s := p.script
	var all []Header
	title := ""
	for first := true; ; first = false {
		line, ok := p.next()
		text, isComment := comment(line)
		if !ok {
			break
		}
		if !isComment {
			p.at--
			break
		}
		if m := headerLine.FindStringSubmatch(text); m != nil {
			all = append(all, Header{m[1], strings.TrimSpace(m[2]), p.at})
		} else if first {
			title = text
		}
	}
	if p.above == nil {
		s.Headers, s.Title = all, title
		if title := s.Header("title"); title != "" {
			s.Title = title
		}
	}
	for _, h := range all {
		switch {
		case h.Name == "include":
			if err := p.include(h.Line, h.Value); err != nil {
				return err
			}
			continue
		case p.above != nil && (h.Name == "match" || h.Name == "config" || h.Name == "asks"):
			return p.fail(h.Line, "a header line %s belongs in the script that includes this file", h.Name)
		case h.Name == "asks":
			mark, err := parseAsks(h.Value)
			if err != nil {
				return p.fail(h.Line, "%v", err)
			}
			s.Asks = append(s.Asks, mark)
			continue
		case h.Name != "match":
			continue
		}
		mode, err := ParseMode(h.Value)
		if err != nil {
			return p.fail(h.Line, "%v", err)
		}
		if s.mode != nil {
			return p.fail(h.Line, "a second header line match")
		}
		s.mode = &mode
	}
	return nil
}

var (
	clientLine    = regexp.MustCompile(`^\[([^\[\]]*)\](.*)$`)
	separatorLine = regexp.MustCompile(`^-{3,}$`)
)

// clients reads the [Client] blocks and the line of dashes after them. A file that
// is included may end here.
func (p *parser) clients() error {
	started := 0
	for {
		line, ok := p.next()
		if !ok && p.above != nil {
			if started > 0 {
				return p.finishClient(started)
			}
			return nil
		}
		if !ok {
			return p.fail(len(p.lines), "no line ----- between the clients and the actions")
		}
		if _, ok := comment(line); ok {
			continue
		}
		block := clientLine.FindStringSubmatch(line)
		end := separatorLine.MatchString(line)
		if (block != nil || end) && started > 0 {
			if err := p.finishClient(started); err != nil {
				return err
			}
		}
		var err error
		switch {
		case end && p.above == nil && len(p.script.Clients) == 0:
			err = p.fail(p.at, "a script needs a [Client]")
		case end:
			return nil
		case block != nil:
			started = p.at
			err = p.startClient(block[1], strings.TrimSpace(block[2]))
		case started == 0:
			err = p.fail(p.at, "expected [Client], a comment or -----, got %q", line)
		default:
			err = p.clientSetting(line)
		}
		if err != nil {
			return err
		}
	}
}

func (p *parser) startClient(kind, name string) error {
	switch {
	case kind != "Client":
		return p.fail(p.at, "no block [%s], only [Client]", kind)
	case name == "":
		return p.fail(p.at, "a [Client] needs a name")
	case strings.ContainsAny(name, ":{}$"):
		return p.fail(p.at, "the name of a client must be without : { } $")
	case slices.Contains(p.own, name):
		return p.fail(p.at, "a second client %s", name)
	}
	p.own = append(p.own, name)
	p.script.Clients = append(p.script.Clients, Client{Name: name})
	return nil
}

// clientSetting reads `jid: …` or `password: …`. Others mean something to tools
// with a network, and nothing here.
func (p *parser) clientSetting(line string) error {
	key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
	if !ok {
		return p.fail(p.at, "expected a setting such as jid: user@host, got %q", strings.TrimSpace(line))
	}
	value = strings.TrimSpace(value)
	c := &p.script.Clients[len(p.script.Clients)-1]
	switch strings.TrimSpace(key) {
	case "password":
		c.Password = value
	case "jid":
		jid, err := muc.ParseJID(value)
		if err == nil && jid.IsBare() {
			jid, err = muc.ParseJID(value + "/" + strings.ToLower(c.Name))
		}
		if err != nil {
			return p.fail(p.at, "%v", err)
		}
		c.JID = jid
	}
	return nil
}

// finishClient checks the block that began in the given line.
func (p *parser) finishClient(line int) error {
	clients := p.script.Clients
	c, others := clients[len(clients)-1], clients[:len(clients)-1]
	if c.JID.IsZero() {
		return p.fail(line, "client %s has no jid", c.Name)
	}
	for _, other := range others {
		if other == c {
			// Two of the files have the same client: that is one.
			p.script.Clients = others
			return nil
		}
		if other.Name == c.Name {
			return p.fail(line, "a second client %s, with another JID or password", c.Name)
		}
		if other.JID == c.JID {
			return p.fail(line, "clients %s and %s have the same JID %s", other.Name, c.Name, c.JID)
		}
	}
	bare, full := jidNames(c.Name)
	p.known[bare], p.known[full] = true, true
	return nil
}

// jidNames are the names by which a script refers to a client's JIDs.
func jidNames(client string) (bare, full string) {
	return client + "'s JID", client + "'s full JID"
}

// actions reads the rest of the file.
func (p *parser) actions() error {
	p.inActions = true
	var above []string
	for {
		line, ok := p.next()
		if !ok {
			break
		}
		if text, ok := comment(line); ok {
			m := headerLine.FindStringSubmatch(text)
			if m == nil || m[1] != "include" {
				above = append(above, text)
				continue
			}
			if err := p.noAsks(above, "before an include"); err != nil {
				return err
			}
			first := len(p.script.actions)
			if err := p.include(p.at, strings.TrimSpace(m[2])); err != nil {
				return err
			}
			if first < len(p.script.actions) {
				a := &p.script.actions[first]
				a.comment = append(above, a.comment...)
				above = nil
			}
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			return p.fail(p.at, "an indented line that belongs to no action")
		}
		a := action{file: p.file, line: p.at, includedAt: p.includedAt(), text: line, comment: above}
		if err := p.action(&a); err != nil {
			return err
		}
		if err := p.asks(&a); err != nil {
			return err
		}
		p.script.actions = append(p.script.actions, a)
		above = nil
	}
	return p.noAsks(above, "at the end of a file")
}

// block takes the indented lines that follow and removes the indentation of
// the first from each. It returns the number of the first line.
func (p *parser) block() (text string, first int) {
	var lines []string
	var indent string
	for p.at < len(p.lines) {
		line := p.lines[p.at]
		trimmed := strings.TrimLeft(line, " \t")
		if line != "" && trimmed == line {
			break
		}
		p.at++
		if len(lines) == 0 {
			if line == "" {
				continue
			}
			indent, first = line[:len(line)-len(trimmed)], p.at
		}
		lines = append(lines, strings.TrimPrefix(line, indent))
	}
	return strings.Join(lines, "\n"), first
}

// stanza takes the one element of an action.
func (p *parser) stanza() (src string, n *node, first int, err error) {
	line := p.at
	src, first = p.block()
	if first == 0 {
		return "", nil, 0, p.fail(line, "no stanza follows")
	}
	n, err = p.element(src, first)
	return src, n, first, err
}

// element reads XML that begins in the line first.
func (p *parser) element(src string, first int) (*node, error) {
	n, err := parseXML([]byte(src), nsClient, written)
	var bad *xmlError
	if errors.As(err, &bad) {
		return nil, p.fail(first+bad.line-1, "%s", bad.msg)
	}
	if err != nil {
		return nil, p.fail(first, "%v", err)
	}
	return n, nil
}
