package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/beevik/etree"
	"github.com/coder/websocket"

	"github.com/gomuc/muc/stanza"
)

// wsWire is a stream over WebSocket: each message is one element.
type wsWire struct {
	raw    *corked
	conn   *websocket.Conn
	secure bool
	lang   string
}

// acceptWebSocket makes a stream of a request. Pages of other origins than the server's own
// may connect if a pattern says so.
func acceptWebSocket(rw http.ResponseWriter, r *http.Request, origins []string) (*wsWire, error) {
	hijack := &hijacker{ResponseWriter: rw}
	conn, err := websocket.Accept(hijack, r, &websocket.AcceptOptions{Subprotocols: []string{"xmpp"}, OriginPatterns: origins})
	if err != nil {
		return nil, err
	}
	if conn.Subprotocol() != "xmpp" {
		return nil, errors.Join(errors.New("the subprotocol is not xmpp"), conn.CloseNow())
	}
	return &wsWire{raw: hijack.conn, conn: conn, secure: r.TLS != nil}, nil
}

// hijacker puts a corked connection under a WebSocket.
type hijacker struct {
	http.ResponseWriter
	conn *corked
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := h.ResponseWriter.(http.Hijacker).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &corked{Conn: conn}
	rw.Writer.Reset(h.conn)
	return h.conn, rw, nil
}

// corked is a connection that can hold back what is written and write it at once:
// many messages of a WebSocket in one write.
type corked struct {
	net.Conn
	mu   sync.Mutex
	held []byte // nil if nothing is held back
}

func (c *corked) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		return c.Conn.Write(p)
	}
	c.held = append(c.held, p...)
	return len(p), nil
}

func (c *corked) cork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = large.take()
}

func (c *corked) uncork() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.Conn.Write(c.held)
	large.give(c.held)
	c.held = nil
	return err
}

func (w *wsWire) opened() (to string, err error) {
	el, _, err := w.read()
	switch {
	case err != nil:
		return "", err
	case !is(el, nsFraming, "open"):
		return "", streamError("invalid-namespace")
	}
	w.lang = language(el.SelectAttrValue("xml:lang", ""))
	return el.SelectAttrValue("to", ""), nil
}

func (w *wsWire) next() (*etree.Element, int, error) {
	el, n, err := w.read()
	if err == nil && is(el, nsFraming, "close") {
		return nil, 0, errClosed
	}
	return el, n, err
}

func (w *wsWire) read() (*etree.Element, int, error) {
	kind, text, err := w.conn.Read(context.Background())
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return nil, 0, errTooLong
	case err != nil:
		return nil, 0, err
	case kind != websocket.MessageText:
		return nil, 0, streamError("not-well-formed")
	}
	el, err := stanza.Parse(text, stanza.Stream{Lang: w.lang, Limits: stanzaLimits})
	return el, len(text), syntaxError(err)
}

func (w *wsWire) write(batch [][]byte, ends []int) error {
	if err := w.raw.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	w.raw.cork()
	from := 0
	for _, end := range ends {
		if err := w.conn.Write(context.Background(), websocket.MessageText, batch[0][from:end]); err != nil {
			return errors.Join(err, w.raw.uncork())
		}
		from = end
	}
	return w.raw.uncork()
}

func (w *wsWire) opening(attrs string) string {
	return "<open xmlns='" + nsFraming + "'" + attrs + "/>"
}

func (w *wsWire) closing() string { return "<close xmlns='" + nsFraming + "'/>" }

func (w *wsWire) space() string { return nsClient }

func (w *wsWire) encrypted() bool { return w.secure }

func (w *wsWire) startTLS(*tls.Config) error { return streamError("unsupported-feature") }

func (w *wsWire) limit(bytes int) { w.conn.SetReadLimit(int64(bytes)) }

func (w *wsWire) readUntil(t time.Time) { _ = w.raw.SetReadDeadline(t) }

func (w *wsWire) finish() {
	w.readUntil(time.Now().Add(finishTimeout))
	_ = w.conn.Close(websocket.StatusNormalClosure, "")
}

func (w *wsWire) linger() {}

func (w *wsWire) abort() { abort(w.raw.Conn) }

// abort closes a connection without a word, which with TLS would wait for who does not read.
func abort(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	_ = conn.Close()
}
