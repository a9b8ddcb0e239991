package xmppcomp

import (
	"bufio"
	"bytes"
	"io"
)

// cutter cuts a stream into its elements, by their bytes alone. So an element that cannot
// be read, such as one with a name that the server's parser takes and Go's does not, is lost
// by itself, and not the stream with all rooms in it.
type cutter struct {
	in         *bufio.Reader
	keep, hard int64 // how much of an element is kept, and how much of it there may be

	text []byte // of the element, as far as it is kept
	size int64  // of the whole element
}

var blanks = []byte(" \t\r\n")

// byte takes a byte of the element.
func (c *cutter) byte() (byte, error) {
	if c.size >= c.hard {
		return 0, &hardError{c.hard}
	}
	b, err := c.in.ReadByte()
	if err != nil {
		return 0, err
	}
	if c.size++; c.size <= c.keep {
		c.text = append(c.text, b)
	}
	return b, nil
}

// until takes bytes up to and including an ending.
func (c *cutter) until(ending string) error {
	last := make([]byte, 0, 2*len(ending))
	for {
		b, err := c.byte()
		if err != nil {
			return err
		}
		if len(last) == cap(last) {
			last = append(last[:0], last[len(ending):]...)
		}
		if last = append(last, b); bytes.HasSuffix(last, []byte(ending)) {
			return nil
		}
	}
}

// tag takes the rest of a tag behind its "<" and first byte, and tells whether it is that
// of an empty element.
func (c *cutter) tag(first byte) (empty bool, err error) {
	for b := first; b != '>'; {
		empty = b == '/'
		if b == '"' || b == '\'' {
			if err := c.until(string(b)); err != nil {
				return false, err
			}
		}
		if b, err = c.byte(); err != nil {
			return false, err
		}
	}
	return empty, nil
}

// opening is all up to the end of the stream's own start tag.
func (c *cutter) opening() ([]byte, error) {
	for {
		b, err := c.byte()
		switch {
		case err != nil:
			return nil, err
		case bytes.ContainsRune(blanks, rune(b)):
			continue
		case b != '<':
			return nil, errNoStream
		}
		if b, err = c.byte(); err == nil && b == '?' { // the XML declaration
			err = c.until("?>")
		} else if err == nil {
			_, err = c.tag(b)
			return c.text, unexpected(err, 1)
		}
		if err != nil {
			return nil, err
		}
	}
}

// element takes the next element, and what is between elements, which is blank. The end
// of the stream is errEnded.
func (c *cutter) element() error {
	for depth := 0; ; {
		if depth == 0 {
			c.text, c.size = c.text[:0], 0
		}
		b, err := c.byte()
		if err != nil {
			return unexpected(err, depth)
		}
		if b != '<' {
			if depth == 0 && !bytes.ContainsRune(blanks, rune(b)) {
				return errText
			}
			continue
		}
		if b, err = c.byte(); err != nil {
			return unexpected(err, 1)
		}
		switch {
		case depth == 0 && (b == '!' || b == '?'):
			return errDirective
		case depth == 0 && b == '/':
			return errEnded
		case b == '!':
			err = c.declaration()
		case b == '?':
			err = c.until("?>")
		case b == '/':
			if _, err = c.tag(b); err == nil {
				depth--
			}
		default:
			var empty bool
			if empty, err = c.tag(b); err == nil && !empty {
				depth++
			}
		}
		if err != nil {
			return unexpected(err, 1)
		}
		if depth == 0 {
			return nil
		}
	}
}

// declaration takes a CDATA section, or what may not be in an element, behind "<!".
func (c *cutter) declaration() error {
	b, err := c.byte()
	switch {
	case err != nil:
		return err
	case b == '[':
		return c.until("]]>")
	case b == '-':
		return c.until("-->")
	}
	return c.until(">")
}

// unexpected is an error within an element.
func unexpected(err error, depth int) error {
	if err == io.EOF && depth > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}
