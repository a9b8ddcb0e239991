package fakeserver

// splitter cuts the bytes of a stream, behind its start tag, into stanzas. It counts
// tags and knows quotes, which is all that it takes: what a component writes has no
// comments, no CDATA and no DTD.
type splitter struct {
	max int // bytes of a stanza; 0 bounds nothing

	stanza []byte // what has come of it
	depth  int
	tag    tagKind
	quote  byte // the one that is open in a tag, or 0
	last   byte
}

type tagKind byte

const (
	noTag tagKind = iota
	newTag
	startTag
	endTag
)

// verdict says how a stream goes on.
type verdict byte

const (
	goesOn verdict = iota
	streamEnds
	tooLarge
)

// feed takes bytes, and calls take with each stanza that is whole. The stanza is
// only good during the call.
func (s *splitter) feed(b []byte, take func(stanza []byte)) verdict {
	for _, c := range b {
		if s.depth > 0 || s.tag != noTag || c == '<' {
			s.stanza = append(s.stanza, c)
			if s.max > 0 && len(s.stanza) > s.max {
				return tooLarge
			}
		}
		switch {
		case s.tag == noTag:
			if c == '<' {
				s.tag = newTag
			}
		case s.tag == newTag:
			s.tag = startTag
			if c == '/' {
				s.tag = endTag
			}
		case s.quote != 0:
			if c == s.quote {
				s.quote = 0
			}
		case c == '\'' || c == '"':
			s.quote = c
		case c == '>':
			if s.tag == endTag {
				s.depth--
			} else if s.last != '/' {
				s.depth++
			}
			s.tag = noTag
			if s.depth < 0 {
				return streamEnds
			}
			if s.depth == 0 {
				take(s.stanza)
				s.stanza = s.stanza[:0]
			}
		}
		s.last = c
	}
	return goesOn
}
