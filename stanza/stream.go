package stanza

import (
	"errors"
	"fmt"

	"github.com/beevik/etree"
)

var (
	// ErrSyntax: bytes or tokens that are not one well-formed element, or that hold what
	// RFC 6120 §11.1 forbids in streams. The stream they came on cannot go on.
	ErrSyntax = errors.New("stanza: not a well-formed stanza")
	// ErrTooLarge: a stanza over the [Limits]. The error is a [*TooLargeError].
	ErrTooLarge = errors.New("stanza: too large")
)

// Stream is what a stanza inherits from the stream that it came on. The zero value
// is a stream that declares nothing.
type Stream struct {
	// Lang is the stream's xml:lang (RFC 6120 §4.7.4), given to stanzas that have none
	// of their own. Empty means none.
	Lang string
	// Prefixes are the namespaces that the stream's start tag declares, by prefix. The
	// default namespace is not among them: it is the one that stanzas are in. Only
	// [Parse] needs them: a decoder that has read the start tag knows them.
	Prefixes map[string]string
	// Limits bound one stanza. Zero fields get defaults.
	Limits Limits
}

// Limits bound what one stanza may be. A stanza over them is read to its end but not
// kept.
type Limits struct {
	Bytes    int // of the stanza as text, counted by [Parse] alone: 512 KiB
	Depth    int // elements in elements: 64
	Elements int // in one stanza: 4000
	Attrs    int // on one element, namespace declarations among them: 64
}

func (l Limits) withDefaults() Limits {
	for _, f := range [...]struct {
		limit     *int
		otherwise int
	}{
		{&l.Bytes, 512 << 10},
		{&l.Depth, 64},
		{&l.Elements, 4000},
		{&l.Attrs, 64},
	} {
		if *f.limit <= 0 {
			*f.limit = f.otherwise
		}
	}
	return l
}

// TooLargeError reports a stanza over the [Limits]. It wraps [ErrTooLarge], and the
// stream that the stanza came on may go on.
type TooLargeError struct {
	// Head is the stanza without its children, for an answer. It is nil if not even the
	// start tag is within the limits.
	Head *etree.Element
}

// Error names the stanza.
func (e *TooLargeError) Error() string {
	if e.Head == nil {
		return ErrTooLarge.Error()
	}
	return fmt.Sprintf("%v: a %s from %q", ErrTooLarge, e.Head.Tag, e.Head.SelectAttrValue("from", ""))
}

// Unwrap is ErrTooLarge.
func (e *TooLargeError) Unwrap() error { return ErrTooLarge }

func syntax(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrSyntax}, args...)...)
}
