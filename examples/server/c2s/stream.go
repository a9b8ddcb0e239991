package c2s

import (
	"bufio"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/stanza"
)

// stream is what differs between TCP (RFC 6120) and WebSocket (RFC 7395). One goroutine
// reads, one at a time writes.
type stream interface {
	// opened reads the element by which the client opens a stream, for the first time or
	// again, and returns the domain that it is for.
	opened() (to string, err error)
	// next reads the next element and says how many bytes it had. After a
	// [stanza.TooLargeError] the stream goes on.
	next() (*etree.Element, int, error)
	// opening and closing are what opens and closes the server's stream.
	opening(attrs string) string
	closing() string
	// framed reports whether each element is a frame, and has to name its namespace.
	framed() bool
	startTLS(config *tls.Config) error
	// limit bounds the bytes of one element.
	limit(bytes int)
	// finish says that nothing more is written, and gives the client a moment to close.
	finish()

	// What is the same, of a connection.
	encrypted() bool
	write(batch net.Buffers) error
	readUntil(time.Time) // the zero time is never
	linger()
	abort()
}

// errClosed: the client has closed its stream.
var errClosed = errors.New("the client closed the stream")

const (
	writeTimeout  = 30 * time.Second // for one write
	finishTimeout = 2 * time.Second  // for the client to close after us
)

// connection is a connection, with TLS or not, and the language of the stream on it.
type connection struct {
	net.Conn
	lang string
}

func (c *connection) encrypted() bool {
	_, is := c.Conn.(*tls.Conn)
	return is
}

func (c *connection) write(batch net.Buffers) error {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if len(batch) == 1 {
		_, err := c.Conn.Write(batch[0])
		return err
	}
	whole := append(net.Buffers(nil), batch...) // which WriteTo changes
	_, err := whole.WriteTo(c.Conn)
	return err
}

func (c *connection) readUntil(t time.Time) { _ = c.SetReadDeadline(t) }

// linger reads what a client still says: who hangs up on that takes back what was written.
func (c *connection) linger() { _, _ = io.CopyN(io.Discard, c.raw(), 1<<20) }

// abort closes the connection without a word, which with TLS would wait for who does not read.
func (c *connection) abort() { _ = c.raw().Close() }

func (c *connection) raw() net.Conn {
	if t, ok := c.Conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c.Conn
}

// setLang takes a language that a stream says its stanzas are in, which goes with each of them:
// none if it is longer than any is (RFC 5646 §4.4.1).
func (c *connection) setLang(tag string) {
	if c.lang = tag; len(tag) > 35 {
		c.lang = ""
	}
}

// tcp is a stream over TCP.
type tcp struct {
	connection
	in  bounded
	dec *xml.Decoder
}

// readBuffer is how much is read at once: as large as most stanzas are.
const readBuffer = 2048

func newTCP(conn net.Conn) *tcp {
	return &tcp{connection: connection{Conn: conn}, in: bounded{Reader: bufio.NewReaderSize(conn, readBuffer)}}
}

// bounded counts bytes, of which one element may have most. Of its methods the decoder uses
// ReadByte alone.
type bounded struct {
	*bufio.Reader
	left, most int
}

var errTooLong = streamError("policy-violation")

func (b *bounded) ReadByte() (byte, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	b.left--
	return b.Reader.ReadByte()
}

func (t *tcp) opened() (to string, err error) {
	t.in.left, t.dec = t.in.most, xml.NewDecoder(&t.in)
	for first := true; ; first = false {
		tok, err := t.dec.Token()
		if err != nil {
			return "", syntaxError(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			return t.head(tok)
		case xml.CharData:
		case xml.ProcInst:
			if !first || tok.Target != "xml" {
				return "", streamError("restricted-xml")
			}
		default:
			return "", streamError("restricted-xml")
		}
	}
}

// head reads the start tag of a stream.
func (t *tcp) head(start xml.StartElement) (to string, err error) {
	space := ""
	for _, a := range start.Attr {
		switch {
		case a.Name.Local == "lang":
			t.setLang(a.Value)
		case a.Name == xml.Name{Local: "to"}:
			to = a.Value
		case a.Name == xml.Name{Local: "xmlns"}:
			space = a.Value
		}
	}
	if start.Name != (xml.Name{Space: nsStream, Local: "stream"}) || space != nsClient {
		err = streamError("invalid-namespace")
	}
	return to, err
}

func (t *tcp) next() (*etree.Element, int, error) {
	t.in.left = t.in.most
	for {
		tok, err := t.dec.Token()
		if err != nil {
			return nil, 0, syntaxError(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			el, err := stanza.Read(t.dec, tok, stanza.Stream{Lang: t.lang, Limits: Limits})
			return el, t.in.most - t.in.left, syntaxError(err)
		case xml.EndElement:
			return nil, 0, errClosed
		case xml.CharData: // blanks between stanzas keep connections alive
		default:
			return nil, 0, streamError("restricted-xml")
		}
	}
}

// syntaxError tells what is wrong with XML from what is wrong with the connection.
func syntaxError(err error) error {
	var bad *xml.SyntaxError
	if errors.As(err, &bad) || errors.Is(err, stanza.ErrSyntax) {
		return streamError("not-well-formed")
	}
	return err
}

func (t *tcp) opening(attrs string) string {
	return "<?xml version='1.0'?><stream:stream xmlns='" + nsClient + "' xmlns:stream='" + nsStream + "'" + attrs + ">"
}

func (t *tcp) closing() string { return "</stream:stream>" }

func (t *tcp) framed() bool { return false }

func (t *tcp) limit(bytes int) { t.in.most = bytes }

func (t *tcp) startTLS(config *tls.Config) error {
	if t.in.Buffered() > 0 { // said before it was secret
		return streamError("policy-violation")
	}
	conn := tls.Server(t.Conn, config)
	if err := conn.Handshake(); err != nil {
		return err
	}
	t.Conn, t.in.Reader = conn, bufio.NewReaderSize(conn, readBuffer)
	return nil
}

func (t *tcp) finish() {
	if c, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	t.readUntil(time.Now().Add(finishTimeout))
}
