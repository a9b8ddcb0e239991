package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"
	"mellium.im/sasl"
	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"

	"github.com/gomuc/muc/stanza"
)

// patience is how long a client waits for what has to come.
const patience = 2 * time.Minute

// client is a session of an account, logged in over TLS.
type client struct {
	t    *testing.T
	conn net.Conn
	s    *xmpp.Session
	got  chan *etree.Element
}

// login logs in, with the certificate checked against the one that the server has made.
func login(t *testing.T, s *running, port, name string) *client {
	t.Helper()
	pem, err := os.ReadFile(s.certificate())
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	require.NoError(t, err)
	c := &client{t: t, conn: conn, got: make(chan *etree.Element, 1000)}
	t.Cleanup(c.vanish)
	c.s, err = xmpp.NewClientSession(t.Context(), jid.MustParse(name+"@localhost"), conn,
		xmpp.StartTLS(&tls.Config{ServerName: "localhost", RootCAs: roots}),
		xmpp.SASL("", "secret-of-"+name, sasl.ScramSha256), xmpp.BindResource())
	require.NoError(t, err)
	require.True(t, c.s.ConnectionState().HandshakeComplete, "over TLS")
	go func() {
		_ = c.s.Serve(xmpp.HandlerFunc(func(r xmlstream.TokenReadEncoder, start *xml.StartElement) error {
			el, err := stanza.Read(r, *start, stanza.Stream{})
			if err == nil {
				c.got <- el
			}
			return err
		}))
		close(c.got)
	}()
	c.sends("<presence/>")
	return c
}

// sends sends a stanza as it is written.
func (c *client) sends(text string) {
	c.t.Helper()
	raw := xml.NewDecoder(strings.NewReader(text))
	require.NoError(c.t, c.s.Send(c.t.Context(), xmlstream.ReaderFunc(raw.RawToken)))
}

// gets waits for a stanza that has something in it, which is a path of etree, and passes
// over the others.
func (c *client) gets(path string) *etree.Element {
	c.t.Helper()
	late := time.After(patience)
	for {
		select {
		case el, open := <-c.got:
			require.True(c.t, open, "the stream has ended before %s", path)
			doc := etree.NewDocument()
			doc.SetRoot(el)
			if found := doc.FindElement(path); found != nil {
				return el
			}
		case <-late:
			require.Fail(c.t, "it does not come", path)
		}
	}
}

// vanish breaks the connection, without a word.
func (c *client) vanish() { _ = c.conn.Close() }
