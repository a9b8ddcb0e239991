package c2s

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/beevik/etree"
	"github.com/coder/websocket"

	"github.com/gomuc/muc/stanza"
)

// stream is the stream of a client over TCP (RFC 6120) or over WebSocket (RFC 7395), where each
// element is a message. One goroutine reads, one at a time writes.
type stream struct {
	net.Conn                 // with TLS or not
	raw      net.Conn        // the same without
	traffic  *traffic        // what is read from it
	ws       *websocket.Conn // over it, nil over TCP
	in       bounded         // of TCP
	dec      *xml.Decoder    // of in
	lang     string
}

const (
	readBuffer    = 2048            // is read at once: as large as most stanzas are
	finishTimeout = 2 * time.Second // for the client to close after us
	languageBytes = 35              // of a language (RFC 5646 §4.4.1)
)

var (
	errClosed  = errors.New("the client closed the stream")
	errTooLong = streamError("policy-violation")
)

// bounded counts bytes, of which one element may have most. Of its methods the decoder uses
// ReadByte alone.
type bounded struct {
	*bufio.Reader
	left, most int
}

func (b *bounded) ReadByte() (byte, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	b.left--
	return b.Reader.ReadByte()
}

func overTCP(conn net.Conn, t *traffic) *stream {
	s := &stream{raw: conn, traffic: t}
	s.over(conn)
	return s
}

// over has a stream over TCP read from a connection.
func (s *stream) over(conn net.Conn) {
	s.Conn, s.in.Reader = conn, bufio.NewReaderSize(metered{conn, s.traffic}, readBuffer)
}

// overWebSocket makes a stream of a request.
func overWebSocket(rw http.ResponseWriter, r *http.Request, origins []string, t *traffic) (*stream, error) {
	h := &hijacker{ResponseWriter: rw, traffic: t}
	ws, err := websocket.Accept(h, r, &websocket.AcceptOptions{Subprotocols: []string{"xmpp"}, OriginPatterns: origins,
		OnPingReceived: func(context.Context, []byte) bool { t.costs(leastCost); return true }})
	if err != nil {
		return nil, err
	}
	if ws.Subprotocol() != "xmpp" {
		return nil, errors.Join(errors.New("the subprotocol is not xmpp"), ws.CloseNow())
	}
	s := &stream{Conn: h.conn, raw: h.conn, traffic: t, ws: ws}
	if secret := s.encrypted(); secret != nil {
		s.raw = secret.NetConn()
	}
	return s, nil
}

// hijacker keeps the connection of a request that becomes a WebSocket, from which that
// reads as much as the client may send.
type hijacker struct {
	http.ResponseWriter
	traffic *traffic
	conn    net.Conn
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return metered{conn, h.traffic}, rw, err
}

// opened reads what opens a stream, for the first time or again, and returns the domain that
// it is for.
func (s *stream) opened() (to string, err error) {
	space, lang := "", ""
	if s.ws != nil {
		el, _, err := s.message()
		if err != nil {
			return "", err
		}
		if is(el, nsFraming, "open") {
			space = nsClient
		}
		to, lang = el.SelectAttrValue("to", ""), el.SelectAttrValue("xml:lang", "")
	} else {
		s.dec = xml.NewDecoder(&s.in)
		start, err := s.start(true)
		for _, a := range start.Attr {
			switch {
			case a.Name.Local == "lang":
				lang = a.Value
			case a.Name == xml.Name{Local: "to"}:
				to = a.Value
			case a.Name == xml.Name{Local: "xmlns"} && start.Name == xml.Name{Space: nsStream, Local: "stream"}:
				space = a.Value
			}
		}
		if err != nil {
			return "", err
		}
	}
	if s.lang = lang; len(lang) > languageBytes {
		s.lang = ""
	}
	if space != nsClient {
		return "", streamError("invalid-namespace")
	}
	return to, nil
}

// next reads the next element and says how many bytes it had. After a [stanza.TooLargeError] the
// stream goes on.
func (s *stream) next() (*etree.Element, int, error) {
	if s.ws != nil {
		el, n, err := s.message()
		if err == nil && is(el, nsFraming, "close") {
			return nil, 0, errClosed
		}
		return el, n, err
	}
	start, err := s.start(false)
	if err != nil {
		return nil, 0, err
	}
	el, err := stanza.Read(s.dec, start, stanza.Stream{Lang: s.lang, Limits: Limits})
	return el, s.in.most - s.in.left, syntaxError(err)
}

// start reads a start tag, over TCP: that of the stream, or of an element.
func (s *stream) start(ofStream bool) (none xml.StartElement, err error) {
	for s.in.left = s.in.most; ; {
		tok, err := s.dec.Token()
		switch tok := tok.(type) {
		case nil:
			return none, syntaxError(err)
		case xml.StartElement:
			return tok, nil
		case xml.EndElement:
			return none, errClosed
		case xml.CharData: // blanks between stanzas keep connections alive
		case xml.ProcInst:
			if !ofStream || tok.Target != "xml" {
				return none, streamError("restricted-xml")
			}
		default:
			return none, streamError("restricted-xml")
		}
	}
}

// message reads an element over WebSocket.
func (s *stream) message() (*etree.Element, int, error) {
	kind, text, err := s.ws.Read(context.Background())
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return nil, 0, errTooLong
	case err != nil:
		return nil, 0, err
	case kind != websocket.MessageText:
		return nil, 0, streamError("not-well-formed")
	}
	el, err := stanza.Parse(text, stanza.Stream{Lang: s.lang, Limits: Limits})
	return el, len(text), syntaxError(err)
}

// syntaxError tells what is wrong with XML from what is wrong with the connection.
func syntaxError(err error) error {
	var bad *xml.SyntaxError
	if errors.As(err, &bad) || errors.Is(err, stanza.ErrSyntax) {
		return streamError("not-well-formed")
	}
	return err
}

// space is what stanzas have to name, because the stream does not.
func (s *stream) space() string {
	if s.ws != nil {
		return nsClient
	}
	return ""
}

// opening and closing are what opens and closes the server's own stream.
func (s *stream) opening(domain string) string {
	attrs := " from='" + domain + "' id='" + rand.Text() + "' version='1.0' xml:lang='en'"
	if s.ws != nil {
		return "<open xmlns='" + nsFraming + "'" + attrs + "/>"
	}
	return "<?xml version='1.0'?><stream:stream xmlns='" + nsClient + "' xmlns:stream='" + nsStream + "'" + attrs + ">"
}

func (s *stream) closing() string {
	if s.ws != nil {
		return "<close xmlns='" + nsFraming + "'/>"
	}
	return "</stream:stream>"
}

// limit bounds the bytes of one element.
func (s *stream) limit(bytes int) {
	if s.in.most = bytes; s.ws != nil {
		s.ws.SetReadLimit(int64(bytes))
	}
}

// encrypted returns the connection of TLS, nil if there is none.
func (s *stream) encrypted() *tls.Conn {
	conn, _ := s.Conn.(*tls.Conn)
	return conn
}

// local reports whether a client is on this machine.
func (s *stream) local() bool {
	from, ok := s.RemoteAddr().(*net.TCPAddr)
	return ok && from.IP.IsLoopback()
}

// startTLS encrypts a stream over TCP.
func (s *stream) startTLS(config *tls.Config) error {
	if s.in.Buffered() > 0 { // said before it was secret
		return streamError("policy-violation")
	}
	conn := tls.Server(s.Conn, config)
	if err := conn.Handshake(); err != nil {
		return err
	}
	s.over(conn)
	return nil
}

// frame makes a message of a WebSocket of what stands in a buffer from somewhere: a header goes
// before it (RFC 6455 §5.2: the last frame of a text, not masked). The library writes each
// message at once; here all that waits goes out in one write.
func frame(b []byte, from int) []byte {
	const text, of16, of64 = 0x81, 126, 127
	head := []byte{text, of64}
	switch n := len(b) - from; {
	case n < of16:
		head[1] = byte(n)
	case n < 1<<16:
		head[1] = of16
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	return slices.Insert(b, from, head...)
}

// write writes buffers of whole elements. No deadline of the connection is set: that takes half as long as the
// write, and would be there later when the WebSocket answers a ping, or TLS changes its keys. See [Server.watch].
func (s *stream) write(batch net.Buffers) error {
	if len(batch) == 1 { // as of each who hears one message: a vector costs as much again
		_, err := s.Write(batch[0])
		return err
	}
	whole := slices.Clone(batch) // which WriteTo changes
	_, err := whole.WriteTo(s.Conn)
	return err
}

// finish says that nothing more is written, and gives the client a moment to close.
func (s *stream) finish() {
	raw := s.raw // all else is not kept for as long
	time.AfterFunc(finishTimeout, func() { _ = raw.Close() })
	if s.ws != nil {
		_ = s.ws.Close(websocket.StatusNormalClosure, "")
	} else if c, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// linger reads what a client still says: who hangs up on that takes back what was written.
func (s *stream) linger() {
	if s.ws == nil {
		_, _ = io.CopyN(io.Discard, s.raw, 1<<20)
	}
}

// abort closes the connection without a word, which with TLS would wait for who does not read.
func (s *stream) abort() { _ = s.raw.Close() }
