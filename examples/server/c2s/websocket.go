package c2s

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/beevik/etree"
	"github.com/coder/websocket"

	"github.com/gomuc/muc/stanza"
)

// socket is a stream over WebSocket: each message is one element. The library does all but
// write messages: they stand in the outbox as frames, so that many go out in one write.
type socket struct {
	connection
	ws *websocket.Conn
}

// hijacker keeps the connection of a request that becomes a WebSocket.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacker) Hijack() (conn net.Conn, rw *bufio.ReadWriter, err error) {
	h.conn, rw, err = http.NewResponseController(h.ResponseWriter).Hijack()
	return h.conn, rw, err
}

// acceptWebSocket makes a stream of a request. Pages of other origins than the server's own
// may connect if a pattern says so.
func acceptWebSocket(rw http.ResponseWriter, r *http.Request, origins []string) (*socket, error) {
	h := &hijacker{ResponseWriter: rw}
	ws, err := websocket.Accept(h, r, &websocket.AcceptOptions{Subprotocols: []string{"xmpp"}, OriginPatterns: origins})
	if err != nil {
		return nil, err
	}
	if ws.Subprotocol() != "xmpp" {
		return nil, errors.Join(errors.New("the subprotocol is not xmpp"), ws.CloseNow())
	}
	return &socket{connection{Conn: h.conn}, ws}, nil
}

// frame makes a message of what stands in a buffer from somewhere: a header goes before it
// (RFC 6455 §5.2: the last frame of a text, not masked).
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

func (s *socket) opened() (to string, err error) {
	el, _, err := s.read()
	switch {
	case err != nil:
		return "", err
	case !is(el, nsFraming, "open"):
		return "", streamError("invalid-namespace")
	}
	s.setLang(el.SelectAttrValue("xml:lang", ""))
	return el.SelectAttrValue("to", ""), nil
}

func (s *socket) next() (*etree.Element, int, error) {
	el, n, err := s.read()
	if err == nil && is(el, nsFraming, "close") {
		return nil, 0, errClosed
	}
	return el, n, err
}

func (s *socket) read() (*etree.Element, int, error) {
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

func (s *socket) opening(attrs string) string {
	return "<open xmlns='" + nsFraming + "'" + attrs + "/>"
}

func (s *socket) closing() string { return "<close xmlns='" + nsFraming + "'/>" }

func (s *socket) framed() bool { return true }

func (s *socket) limit(bytes int) { s.ws.SetReadLimit(int64(bytes)) }

func (s *socket) startTLS(*tls.Config) error { return streamError("unsupported-feature") }

func (s *socket) finish() {
	s.readUntil(time.Now().Add(finishTimeout))
	_ = s.ws.Close(websocket.StatusNormalClosure, "")
}

// linger: finish has read what was still said.
func (s *socket) linger() {}
