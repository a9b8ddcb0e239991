package remote

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

const (
	nsStream  = "http://etherx.jabber.org/streams"
	nsClient  = "jabber:client"
	nsErrors  = "urn:ietf:params:xml:ns:xmpp-streams"
	nsTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL    = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind    = "urn:ietf:params:xml:ns:xmpp-bind"
	nsSession = "urn:ietf:params:xml:ns:xmpp-session"
	nsInBand  = "http://jabber.org/features/iq-register"
)

// stream is an XMPP stream (RFC 6120 §4), read as bytes: a player of scripts looks at what
// came as it was written.
type stream struct {
	conn  net.Conn
	bytes *recorder
	dec   *xml.Decoder
	// scope is what the root element declares besides the default namespace.
	scope []xml.Attr
}

// recorder keeps what was read since it was last emptied.
type recorder struct {
	r     *bufio.Reader
	kept  []byte
	limit int
}

// ReadByte lets the decoder read no further than what it decodes.
func (r *recorder) ReadByte() (byte, error) {
	if len(r.kept) >= r.limit {
		return 0, fmt.Errorf("the server sends a stanza of more than %d bytes", r.limit)
	}
	b, err := r.r.ReadByte()
	if err == nil {
		r.kept = append(r.kept, b)
	}
	return b, err
}

// Read is not called: the decoder reads bytes.
func (r *recorder) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// open opens a stream, a new one after each negotiation, and returns its features.
func (s *stream) open(conn net.Conn, domain string, limit int) (*features, error) {
	s.conn = conn
	s.bytes = &recorder{r: bufio.NewReader(conn), limit: limit}
	s.dec = xml.NewDecoder(s.bytes)
	s.dec.Strict = true
	err := s.write([]byte("<?xml version='1.0'?><stream:stream xmlns='" + nsClient + "' xmlns:stream='" + nsStream +
		"' version='1.0' to='" + escape(domain) + "'>"))
	if err != nil {
		return nil, err
	}
	for {
		token, err := s.dec.RawToken()
		if err != nil {
			return nil, unexpected(err)
		}
		root, ok := token.(xml.StartElement)
		if !ok {
			continue // the XML declaration, and blanks
		}
		if root.Name.Local != "stream" {
			return nil, fmt.Errorf("no XMPP stream but <%s>", root.Name.Local)
		}
		s.scope = nil
		for _, a := range root.Attr {
			if a.Name.Space == "xmlns" {
				s.scope = append(s.scope, a)
			}
		}
		if len(s.scope) > prefixes {
			return nil, fmt.Errorf("the server's stream declares more than %d prefixes", prefixes)
		}
		break
	}
	src, err := s.next()
	if err != nil {
		return nil, err
	}
	f := &features{}
	if err := xml.Unmarshal(src, f); err != nil {
		return nil, fmt.Errorf("the features of the stream: %w", err)
	}
	return f, nil
}

// features are what a stream offers (RFC 6120 §4.3.2).
type features struct {
	XMLName    xml.Name  `xml:"http://etherx.jabber.org/streams features"`
	StartTLS   *struct{} `xml:"urn:ietf:params:xml:ns:xmpp-tls starttls"`
	Mechanisms []string  `xml:"urn:ietf:params:xml:ns:xmpp-sasl mechanisms>mechanism"`
	Session    *struct {
		Optional *struct{} `xml:"optional"`
	} `xml:"urn:ietf:params:xml:ns:xmpp-session session"`
}

// next is the next element of the stream, as it was written, with the prefixes declared that
// it has from the root. An error of the stream is a Go error.
func (s *stream) next() ([]byte, error) {
	depth := 0
	s.bytes.kept = s.bytes.kept[:0]
	base := s.dec.InputOffset()
	var start int64
	for {
		before := s.dec.InputOffset()
		token, err := s.dec.RawToken()
		if err != nil {
			return nil, unexpected(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				start = before - base
			}
			depth++
		case xml.EndElement:
			if depth == 0 {
				return nil, errors.New("the server closed the stream")
			}
			if depth--; depth > 0 {
				continue
			}
			src := s.declare(s.bytes.kept[start : s.dec.InputOffset()-base])
			if t.Name.Local == "error" && t.Name.Space != "" {
				return nil, streamError(src)
			}
			return src, nil
		case xml.Comment, xml.Directive, xml.ProcInst:
			return nil, errors.New("the server sends what a stream must not hold (RFC 6120 §11.1)")
		}
	}
}

// declare copies an element and declares the prefixes in it that are declared at the root.
func (s *stream) declare(src []byte) []byte {
	name := 1 + bytes.IndexAny(src[1:], " \t\r\n/>")
	out := append([]byte{}, src[:name]...)
	for _, a := range s.scope {
		if bytes.Contains(src, []byte(a.Name.Local+":")) && !bytes.Contains(src, []byte("xmlns:"+a.Name.Local)) {
			out = append(out, " xmlns:"+a.Name.Local+"='"+escape(a.Value)+"'"...)
		}
	}
	return append(out, src[name:]...)
}

func (s *stream) write(p []byte) error {
	_, err := s.conn.Write(p)
	return err
}

// streamError says what a stream ended with (RFC 6120 §4.9).
func streamError(src []byte) error {
	var e condition
	if err := xml.Unmarshal(src, &e); err != nil {
		return err
	}
	return fmt.Errorf("the server ended the stream: %s", e)
}

// condition is an error of a stream or a stanza, or a failure of SASL: the first element that
// is no text, and the text.
type condition struct {
	Any []struct {
		XMLName xml.Name
		Text    string `xml:",chardata"`
	} `xml:",any"`
}

func (c condition) String() string {
	name, text := "no reason", ""
	for i := len(c.Any) - 1; i >= 0; i-- {
		if c.Any[i].XMLName.Local == "text" {
			text = ": " + strings.Join(strings.Fields(c.Any[i].Text), " ")
		} else {
			name = c.Any[i].XMLName.Local
		}
	}
	return name + text
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the server closed the connection")
	}
	return err
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // which a Builder takes
	return b.String()
}
