package erlterm

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// The kinds of terms that Go has no type for. A binary is a string, an integer an int64, and a
// float a float64.
type (
	// Atom is an atom, without its quotes. What has no text that can be read, such as a
	// process, counts as one.
	Atom string
	// Chars is a list of characters that is written as text.
	Chars string
	// List is a list.
	List []any
	// Tuple is a tuple.
	Tuple []any
	// Map is the keys and values of a map, in turn.
	Map []any
)

// ErrSyntax is wrapped by the error for text that is no term.
var ErrSyntax = errors.New("it is no Erlang term")

// maxDepth is how deep a term may be, maxTerms how many there may be in it.
const (
	maxDepth = 200
	maxTerms = 2_000_000
)

// Parse reads a term.
func Parse(text []byte) (term any, err error) {
	p := parser{text: text}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case syntaxError:
			term, err = nil, fmt.Errorf("%w: at its byte %d: %s", ErrSyntax, p.at, string(e))
		default:
			panic(e)
		}
	}()
	term = p.term(0)
	if p.peek() != 0 || p.at < len(p.text) {
		p.fail("something is behind it")
	}
	return term, nil
}

// syntaxError is what the parser panics with, for Parse to catch.
type syntaxError string

type parser struct {
	text  []byte
	at    int
	count int
}

func (p *parser) fail(why string) { panic(syntaxError(why)) }

// peek is the next byte that is not space or in a comment; 0 at the end.
func (p *parser) peek() byte {
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '%':
			for p.at < len(p.text) && p.text[p.at] != '\n' {
				p.at++
			}
			p.at--
		case !isSpace(c):
			return c
		}
	}
	return 0
}

// take takes what is next, if it is that.
func (p *parser) take(token string) bool {
	p.peek()
	if p.at+len(token) > len(p.text) || string(p.text[p.at:p.at+len(token)]) != token {
		return false
	}
	p.at += len(token)
	return true
}

func (p *parser) term(depth int) any {
	if p.count++; depth > maxDepth || p.count > maxTerms {
		p.fail("it is too deep, or there is too much in it")
	}
	switch c := p.peek(); {
	case p.take("{"):
		return Tuple(p.terms("}", ",", depth))
	case p.take("["):
		return List(p.terms("]", ",", depth))
	case p.take("#{"):
		return Map(p.pairs(depth))
	case p.take("<<"):
		return p.binary()
	case c == '#' || c == '<':
		return p.opaque()
	case c == '"':
		return Chars(p.strings())
	case c == '\'':
		return Atom(p.quoted('\''))
	case c == '$':
		p.at++
		return int64(p.char())
	case c == '-' || isDigit(c):
		return p.number()
	case c >= 'a' && c <= 'z':
		return Atom(p.word())
	}
	p.fail("there is no term")
	return nil
}

// terms reads terms up to a bracket.
func (p *parser) terms(end, separator string, depth int) (list []any) {
	if p.take(end) {
		return nil
	}
	for {
		list = append(list, p.term(depth+1))
		switch {
		case p.take(end):
			return list
		case !p.take(separator):
			p.fail("a bracket is not closed")
		}
	}
}

func (p *parser) pairs(depth int) (list []any) {
	if p.take("}") {
		return nil
	}
	for {
		list = append(list, p.term(depth+1))
		if !p.take("=>") {
			p.fail("a key has no value")
		}
		list = append(list, p.term(depth+1))
		switch {
		case p.take("}"):
			return list
		case !p.take(","):
			p.fail("a bracket is not closed")
		}
	}
}

// binary reads what is between << and >>: texts and bytes.
func (p *parser) binary() string {
	var b []byte
	for !p.take(">>") {
		if p.peek() == '"' {
			b = append(b, p.strings()...)
			p.take("/utf8")
		} else {
			n, ok := p.number().(int64)
			if !ok || n < 0 || n > 255 {
				p.fail("it is no byte")
			}
			b = append(b, byte(n))
		}
		if !p.take(",") && !p.ahead(">>") {
			p.fail("a binary is not closed")
		}
	}
	return string(b)
}

func (p *parser) ahead(token string) bool {
	at := p.at
	ok := p.take(token)
	if ok {
		p.at = at
	}
	return ok
}

// strings reads a text, of which long ones are written in pieces.
func (p *parser) strings() string {
	s := []byte(p.quoted('"'))
	for p.peek() == '"' {
		s = append(s, p.quoted('"')...)
	}
	return string(s)
}

// quoted reads up to the quote. Bytes are taken as they are.
func (p *parser) quoted(quote byte) string {
	var b []byte
	for p.at++; p.at < len(p.text); {
		switch c := p.text[p.at]; c {
		case quote:
			p.at++
			return string(b)
		case '\\':
			if r := p.char(); r < 256 {
				b = append(b, byte(r))
			} else {
				b = utf8.AppendRune(b, r)
			}
		default:
			b = append(b, c)
			p.at++
		}
	}
	p.fail("a text has no end")
	return ""
}

var escapes = map[byte]rune{'b': '\b', 'd': 127, 'e': 27, 'f': '\f', 'n': '\n', 'r': '\r', 's': ' ', 't': '\t', 'v': '\v'}

// char reads a character, which may be escaped.
func (p *parser) char() rune {
	if p.at >= len(p.text) {
		p.fail("a character is missing")
	}
	if p.text[p.at] != '\\' {
		r, size := utf8.DecodeRune(p.text[p.at:])
		p.at += size
		return r
	}
	if p.at++; p.at >= len(p.text) {
		p.fail("a character is missing")
	}
	c := p.text[p.at]
	p.at++
	if r, ok := escapes[c]; ok {
		return r
	}
	from := p.at
	switch {
	case c == 'x' && p.at < len(p.text) && p.text[p.at] == '{':
		end := bytes.IndexByte(p.text[from:], '}')
		if end < 0 {
			p.fail("a character is missing")
		}
		p.at += end + 1
		return p.code(string(p.text[from+1:from+end]), 16)
	case c == 'x':
		p.at = min(p.at+2, len(p.text))
		return p.code(string(p.text[from:p.at]), 16)
	case c >= '0' && c <= '7':
		for p.at < len(p.text) && p.at < from+2 && p.text[p.at] >= '0' && p.text[p.at] <= '7' {
			p.at++
		}
		return p.code(string(p.text[from-1:p.at]), 8)
	}
	return rune(c)
}

func (p *parser) code(digits string, base int) rune {
	n, err := strconv.ParseUint(digits, base, 21)
	if err != nil {
		p.fail("there is no such character")
	}
	return rune(n)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || c == '_' || c == '@' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (p *parser) word() string {
	from := p.at
	for p.at < len(p.text) && isWord(p.text[p.at]) {
		p.at++
	}
	return string(p.text[from:p.at])
}

// number reads an integer or a float.
func (p *parser) number() any {
	p.peek()
	from := p.at
	for p.at < len(p.text) && (isDigit(p.text[p.at]) || p.text[p.at] == '-' || p.text[p.at] == '+' || p.text[p.at] == '.' || p.text[p.at] == 'e') {
		p.at++
	}
	digits := string(p.text[from:p.at])
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		p.fail("it is no number")
	}
	return f
}

// opaque reads a process, a port, a reference or a function, as <0.1.2> or #Ref<0.1.2.3>.
func (p *parser) opaque() Atom {
	from := p.at
	for p.at < len(p.text) && p.text[p.at] != '>' {
		p.at++
	}
	if p.at == len(p.text) {
		p.fail("there is no term")
	}
	p.at++
	return Atom(p.text[from:p.at])
}
