// Package erlterm reads Erlang terms as text, as `ejabberdctl dump` writes them: one after the
// other, each with a full stop at its end.
package erlterm

import (
	"bufio"
	"errors"
	"io"
)

// Scanner splits text into terms, without reading what is in them.
type Scanner struct {
	r    *bufio.Reader
	most int
	term []byte
	at   int64 // how much was read
}

// NewScanner begins to read terms, of which those with more than most bytes are skipped.
func NewScanner(r io.Reader, most int) *Scanner {
	return &Scanner{r: bufio.NewReaderSize(r, 256<<10), most: most}
}

// ErrTooLarge is the error for a term that is larger than allowed. The next call goes on behind
// it.
var ErrTooLarge = errors.New("it is too large")

// Next is where the next term begins, and its text without the full stop, which is good until the
// next call. The error is io.EOF at the end, io.ErrUnexpectedEOF where text ends in the
// middle of a term, [ErrTooLarge], or the reader's.
func (s *Scanner) Next() (at int64, text []byte, err error) {
	s.term = s.term[:0]
	c, err := s.skipSpace()
	at = s.at - 1
	var in state
	for ; err == nil; c, err = s.read() {
		if in == dotted && isSpace(c) {
			return at, s.text(at), s.size(at)
		}
		if in = in.next(c); len(s.term) <= s.most {
			s.term = append(s.term, c)
		}
	}
	switch {
	case !errors.Is(err, io.EOF):
		return at, nil, err
	case in == dotted: // the end of the file is one, too
		s.at++
		return at, s.text(at), s.size(at)
	case len(s.term) == 0:
		return at, nil, io.EOF
	}
	return at, nil, io.ErrUnexpectedEOF
}

func (s *Scanner) read() (byte, error) {
	c, err := s.r.ReadByte()
	if err == nil {
		s.at++
	}
	return c, err
}

func (s *Scanner) skipSpace() (c byte, err error) {
	for {
		if c, err = s.read(); err != nil || !isSpace(c) {
			return c, err
		}
	}
}

// size tells whether a term that began there is too large.
func (s *Scanner) size(at int64) error {
	if s.at-at-2 > int64(s.most) {
		return ErrTooLarge
	}
	return nil
}

// text is a term without its full stop, nil if it is too large.
func (s *Scanner) text(at int64) []byte {
	if s.size(at) != nil {
		return nil
	}
	return s.term[:len(s.term)-1]
}

func isSpace(c byte) bool { return c <= ' ' }

// state is in what the scanner is.
type state uint8

const (
	plain   state = iota
	dotted        // behind a full stop
	dollar        // behind $, where any character is one
	slashed       // behind $\
	quoted        // in 'an atom'
	quotedX       // behind a backslash in it
	text          // in "a text"
	textX         // behind a backslash in it
	comment       // to the end of the line
)

func (in state) next(c byte) state {
	switch in {
	case dollar:
		if c == '\\' {
			return slashed
		}
		return plain
	case slashed:
		return plain
	case quotedX:
		return quoted
	case textX:
		return text
	case comment:
		if c == '\n' {
			return plain
		}
		return comment
	case quoted, text:
		switch {
		case c == '\\':
			return in + 1
		case in == quoted && c == '\'', in == text && c == '"':
			return plain
		}
		return in
	}
	switch c {
	case '.':
		return dotted
	case '$':
		return dollar
	case '\'':
		return quoted
	case '"':
		return text
	case '%':
		return comment
	}
	return plain
}
