// Package luadata reads what Prosody stores: Lua source that is nothing but data. It knows
// literals alone, so that there is nothing in a file that could run, loop or grow.
package luadata

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrNotData is wrapped by the error for source that is more than data, or is no Lua.
var ErrNotData = errors.New("it is not what Prosody stores")

// maxDepth is how deep tables may be in each other: Prosody writes no deeper ones. maxValues is
// how many values there may be in all, of which a table counts as many as it needs memory for.
const (
	maxDepth  = 128
	maxValues = 2_000_000
	tableCost = 6
)

// Table is a Lua table.
type Table struct {
	Fields map[string]any // by the keys that are strings
	Items  []any          // those of the keys 1, 2, 3…, up to the first that is missing
}

// Read reads a table of source that returns it, as a file of Prosody's does:
//
//	return { ["name"] = "cellar"; 1; true; };
//
// Values are nil, bool, float64, string and [*Table].
func Read(source []byte) (*Table, error) {
	return read(source, func(p *parser) any {
		p.expect("return")
		return p.value(0)
	})
}

// Item reads a table of source that is an entry in a list of Prosody's:
//
//	item({ … });
func Item(source []byte) (*Table, error) {
	return read(source, func(p *parser) any {
		p.expect("item")
		p.expect("(")
		v := p.value(0)
		p.expect(")")
		return v
	})
}

func read(source []byte, statement func(p *parser) any) (t *Table, err error) {
	p := &parser{text: string(source)}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case syntaxError:
			line := 1 + strings.Count(p.text[:min(p.at, len(p.text))], "\n")
			t, err = nil, fmt.Errorf("%w: line %d: %s", ErrNotData, line, string(e))
		default:
			panic(e)
		}
	}()
	v := statement(p)
	p.take(";")
	if p.peek() != 0 || p.at < len(p.text) {
		p.fail("something is behind it")
	}
	t, ok := v.(*Table)
	if !ok {
		p.fail("it is no table")
	}
	return t, nil
}

// syntaxError is what the parser panics with, for read to catch.
type syntaxError string

type parser struct {
	text   string
	at     int
	values int
}

func (p *parser) fail(why string) { panic(syntaxError(why)) }

// peek is the next byte that is not space or in a comment; 0 at the end.
func (p *parser) peek() byte {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			p.at++
		case strings.HasPrefix(p.text[p.at:], "--"):
			if strings.HasPrefix(p.text[p.at:], "--[") {
				p.fail("a comment is longer than a line")
			}
			end := strings.IndexByte(p.text[p.at:], '\n')
			if end < 0 {
				end = len(p.text) - p.at
			}
			p.at += end
		default:
			return c
		}
	}
	return 0
}

// take takes a sign, or a whole word, if it is next.
func (p *parser) take(token string) bool {
	c := p.peek()
	switch {
	case !strings.HasPrefix(p.text[p.at:], token):
		return false
	case isLetter(c) && len(p.word()) != len(token):
		return false
	}
	p.at += len(token)
	return true
}

func (p *parser) expect(token string) {
	if !p.take(token) {
		p.fail("“" + token + "” is missing")
	}
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// word is the name or keyword that is next.
func (p *parser) word() string {
	end := p.at
	for end < len(p.text) && (isLetter(p.text[end]) || isDigit(p.text[end])) {
		end++
	}
	return p.text[p.at:end]
}

func (p *parser) value(depth int) any {
	if p.values++; p.values > maxValues {
		p.fail("there is too much in it")
	}
	switch c := p.peek(); {
	case c == '"' || c == '\'':
		return p.quoted(c)
	case c == '-' || isDigit(c):
		return p.number()
	case c == '(':
		return p.quotient()
	case c == '{':
		if depth == maxDepth {
			p.fail("it is too deep")
		}
		return p.table(depth + 1)
	case p.take("true"):
		return true
	case p.take("false"):
		return false
	case p.take("nil"):
		return nil
	}
	p.fail("it is more than data")
	return nil
}

func (p *parser) number() float64 {
	p.peek()
	end := p.at
	for end < len(p.text) && (isDigit(p.text[end]) || strings.IndexByte("+-.eE", p.text[end]) >= 0) {
		end++
	}
	n, err := strconv.ParseFloat(p.text[p.at:end], 64)
	if err != nil {
		p.fail("it is no number")
	}
	p.at = end
	return n
}

// quotient reads what is not finite, as Prosody writes it: (1/0), (-1/0) or (0/0).
func (p *parser) quotient() float64 {
	p.expect("(")
	n := p.number()
	p.expect("/")
	if p.number() != 0 {
		p.fail("it is more than data")
	}
	p.expect(")")
	if n == 0 {
		return math.NaN()
	}
	return math.Inf(int(math.Copysign(1, n)))
}

func (p *parser) table(depth int) *Table {
	if p.values += tableCost; p.values > maxValues {
		p.fail("there is too much in it")
	}
	t := new(Table)
	var numbered map[float64]any
	p.expect("{")
	for !p.take("}") {
		switch key := p.key(depth).(type) {
		case nil:
			t.Items = append(t.Items, p.value(depth))
		case string:
			if t.Fields == nil {
				t.Fields = map[string]any{}
			}
			t.Fields[key] = p.value(depth)
		case float64:
			if numbered == nil {
				numbered = map[float64]any{}
			}
			numbered[key] = p.value(depth)
		default:
			p.fail("a key is neither text nor number")
		}
		if !p.take(";") && !p.take(",") && p.peek() != '}' {
			p.fail("a table is not closed")
		}
	}
	for v := numbered[float64(len(t.Items)+1)]; v != nil; v = numbered[float64(len(t.Items)+1)] {
		t.Items = append(t.Items, v)
	}
	for i, v := range t.Items {
		if v == nil { // as Lua counts
			t.Items = t.Items[:i]
			break
		}
	}
	return t
}

// key is the key of the next field, nil if it has none.
func (p *parser) key(depth int) (key any) {
	if p.take("[") {
		key = p.value(maxDepth)
		p.expect("]")
		p.expect("=")
		if key == nil {
			p.fail("a key is neither text nor number")
		}
		return key
	}
	from := p.at
	if !isLetter(p.peek()) {
		return nil
	}
	name := p.word()
	p.at += len(name)
	if !p.take("=") {
		p.at = from // it is a value
		return nil
	}
	return name
}

var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\', '"': '"', '\'': '\'', '\n': '\n'}

func (p *parser) quoted(quote byte) string {
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case quote:
			p.at++
			return b.String()
		case '\n':
			p.fail("a text has no end")
		case '\\':
			b.WriteByte(p.escaped())
		default:
			b.WriteByte(c)
		}
	}
	p.fail("a text has no end")
	return ""
}

// escaped reads what is behind a backslash, up to its last byte.
func (p *parser) escaped() byte {
	if p.at++; p.at == len(p.text) {
		p.fail("a text has no end")
	}
	c := p.text[p.at]
	if e, ok := escapes[c]; ok {
		return e
	}
	if !isDigit(c) {
		p.fail("there is no such character")
	}
	end := p.at + 1
	for end < len(p.text) && end < p.at+3 && isDigit(p.text[end]) {
		end++
	}
	n, err := strconv.ParseUint(p.text[p.at:end], 10, 8)
	if err != nil {
		p.fail("there is no such character")
	}
	p.at = end - 1
	return byte(n)
}
