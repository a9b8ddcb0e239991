package scansion

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A template is an attribute value or a text of a script: literal characters,
// references `${…}`, and, where something is expected, the wildcards
// `{scansion:any}` and `{scansion:capture:NAME}`.
type template []piece

type piece struct {
	kind pieceKind
	// text is the literal, or what is referred to, or the name to capture by.
	text string
}

type pieceKind int

const (
	pieceLiteral pieceKind = iota
	pieceReference
	pieceAny
	pieceCapture
)

const (
	openReference = "${"
	openWildcard  = "{scansion:"
)

var captureName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// vars is what references stand for: `Romeo's JID`, `Romeo's full JID`, and
// what was captured.
type vars map[string]string

// parseTemplate reads a value. Whether its references are known is for the
// caller to judge.
func parseTemplate(s string) (template, error) {
	var t template
	for s != "" {
		start, open := nextMark(s)
		if start > 0 {
			t = append(t, piece{pieceLiteral, s[:start]})
		}
		if open == "" {
			break
		}
		inner, rest, closed := strings.Cut(s[start+len(open):], "}")
		if !closed {
			return nil, fmt.Errorf("%q is never closed with }", open)
		}
		p, err := parseMark(open, inner)
		if err != nil {
			return nil, err
		}
		t, s = append(t, p), rest
	}
	return t, nil
}

// nextMark finds what opens first; without any, start is the end of s.
func nextMark(s string) (start int, open string) {
	start = len(s)
	for _, mark := range [...]string{openReference, openWildcard} {
		if i := strings.Index(s, mark); i >= 0 && i < start {
			start, open = i, mark
		}
	}
	return start, open
}

func parseMark(open, inner string) (piece, error) {
	if open == openReference {
		if inner == "" {
			return piece{}, errors.New("${} refers to nothing")
		}
		return piece{pieceReference, inner}, nil
	}
	if inner == "any" {
		return piece{pieceAny, ""}, nil
	}
	name, ok := strings.CutPrefix(inner, "capture:")
	if !ok {
		return piece{}, fmt.Errorf("no wildcard {scansion:%s}: there are {scansion:any} and {scansion:capture:NAME}", inner)
	}
	if !captureName.MatchString(name) {
		return piece{}, fmt.Errorf("%q cannot be the name of a capture", name)
	}
	return piece{pieceCapture, name}, nil
}

// mustTemplate is parseTemplate for what the parser has accepted already. What
// could not be read stands for itself, so that nothing else matches it.
func mustTemplate(s string) template {
	t, err := parseTemplate(s)
	if err != nil {
		return template{{pieceLiteral, s}}
	}
	return t
}

// expand puts in what the references stand for and leaves wildcards as they
// are written.
func (t template) expand(v vars) string {
	var b strings.Builder
	for _, p := range t {
		switch p.kind {
		case pieceLiteral:
			b.WriteString(p.text)
		case pieceReference:
			b.WriteString(v[p.text])
		case pieceAny:
			b.WriteString(openWildcard + "any}")
		case pieceCapture:
			b.WriteString(openWildcard + "capture:" + p.text + "}")
		}
	}
	return b.String()
}

// isWild reports whether there is a wildcard in the template.
func (t template) isWild() bool {
	return slices.ContainsFunc(t, func(p piece) bool { return p.kind == pieceAny || p.kind == pieceCapture })
}

// match compares a template with a value that came and says what it captured.
// A wildcard takes as little as it can; no characters will do. Those that took none
// are in empty, as they are written.
func (t template) match(v vars, got string) (captured vars, empty []string, ok bool) {
	if !t.isWild() {
		return nil, nil, t.expand(v) == got
	}
	var expr strings.Builder
	var wild template
	for _, p := range t {
		switch p.kind {
		case pieceLiteral:
			expr.WriteString(regexp.QuoteMeta(p.text))
		case pieceReference:
			expr.WriteString(regexp.QuoteMeta(v[p.text]))
		case pieceAny, pieceCapture:
			expr.WriteString(`(.*?)`)
			wild = append(wild, p)
		}
	}
	re, err := regexp.Compile(`(?s)^` + expr.String() + `$`)
	if err != nil {
		return nil, nil, false
	}
	groups := re.FindStringSubmatch(got)
	if groups == nil {
		return nil, nil, false
	}
	captured = vars{}
	for i, p := range wild {
		if groups[i+1] == "" {
			empty = append(empty, template{p}.expand(nil))
		}
		if p.kind == pieceCapture {
			captured[p.text] = groups[i+1]
		}
	}
	return captured, empty, true
}
