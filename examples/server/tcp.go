package main

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

// tcpWire is a stream over TCP.
type tcpWire struct {
	raw  net.Conn
	conn net.Conn // raw, or TLS over it
	in   *bounded
	dec  *xml.Decoder
	lang string
}

// readBuffer is how much is read at once: as large as most stanzas are.
const readBuffer = 2048

func newTCPWire(conn net.Conn) *tcpWire {
	return &tcpWire{raw: conn, conn: conn, in: &bounded{r: bufio.NewReaderSize(conn, readBuffer)}}
}

// bounded counts bytes, of which one element may have most.
type bounded struct {
	r    *bufio.Reader
	left int
	most int
}

var errTooLong = streamError("policy-violation")

func (b *bounded) ReadByte() (byte, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	b.left--
	return b.r.ReadByte()
}

// Read is there because a decoder takes an io.Reader, which it does not use.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (w *tcpWire) opened() (to string, err error) {
	w.in.left, w.dec = w.in.most, xml.NewDecoder(w.in)
	for first := true; ; first = false {
		tok, err := w.dec.Token()
		if err != nil {
			return "", syntaxError(err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if t.Name.Local != "stream" || t.Name.Space != nsStream {
				return "", streamError("invalid-namespace")
			}
			return w.head(t)
		case xml.CharData:
		case xml.ProcInst:
			if !first || t.Target != "xml" {
				return "", streamError("restricted-xml")
			}
		default:
			return "", streamError("restricted-xml")
		}
	}
}

// head reads the start tag of a stream.
func (w *tcpWire) head(start xml.StartElement) (to string, err error) {
	err = streamError("invalid-namespace")
	for _, a := range start.Attr {
		switch {
		case a.Name.Space == "" && a.Name.Local == "to":
			to = a.Value
		case a.Name.Local == "lang":
			w.lang = language(a.Value)
		case a.Name.Space == "" && a.Name.Local == "xmlns" && a.Value == nsClient:
			err = nil
		}
	}
	return to, err
}

func (w *tcpWire) next() (*etree.Element, int, error) {
	w.in.left = w.in.most
	for {
		tok, err := w.dec.Token()
		if err != nil {
			return nil, 0, syntaxError(err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			el, err := stanza.Read(w.dec, t, stanza.Stream{Lang: w.lang, Limits: stanzaLimits})
			return el, w.in.most - w.in.left, syntaxError(err)
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
	switch {
	case err == nil:
		return nil
	case errors.As(err, &bad), errors.Is(err, stanza.ErrSyntax):
		return streamError("not-well-formed")
	}
	return err
}

func (w *tcpWire) write(batch [][]byte, _ []int) error {
	if err := w.raw.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if len(batch) == 1 {
		_, err := w.conn.Write(batch[0])
		return err
	}
	all := append(net.Buffers(nil), batch...) // which WriteTo changes
	_, err := all.WriteTo(w.conn)
	return err
}

func (w *tcpWire) opening(attrs string) string {
	return "<?xml version='1.0'?><stream:stream xmlns='" + nsClient + "' xmlns:stream='" + nsStream + "'" + attrs + ">"
}

func (w *tcpWire) closing() string { return "</stream:stream>" }

func (w *tcpWire) space() string { return "" }

func (w *tcpWire) encrypted() bool { return w.conn != w.raw }

func (w *tcpWire) startTLS(config *tls.Config) error {
	if w.in.r.Buffered() > 0 { // said before it was secret
		return streamError("policy-violation")
	}
	conn := tls.Server(w.raw, config)
	if err := conn.Handshake(); err != nil {
		return err
	}
	w.conn, w.in.r = conn, bufio.NewReaderSize(conn, readBuffer)
	return nil
}

func (w *tcpWire) limit(bytes int) { w.in.most = bytes }

func (w *tcpWire) readUntil(t time.Time) { _ = w.raw.SetReadDeadline(t) }

func (w *tcpWire) finish() {
	if c, ok := w.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	w.readUntil(time.Now().Add(finishTimeout))
}

func (w *tcpWire) abort() { abort(w.raw) }

func (w *tcpWire) linger() { _, _ = io.CopyN(io.Discard, w.raw, 1<<20) }
