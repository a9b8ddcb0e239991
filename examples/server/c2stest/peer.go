// Package c2stest is an XMPP client for tests: as simple as can be, it sends text and keeps what
// comes. What must come is waited for; what does not come fails the test.
package c2stest

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"

	"github.com/gomuc/muc/stanza"
)

// Patience is how long a test waits for what must come; nothing takes as long.
const Patience = 2 * time.Minute

// Peer is a client of localhost.
type Peer struct {
	Conn net.Conn        // nil with a WebSocket
	WS   *websocket.Conn // nil with TCP
	JID  string          // once it is bound
	Lang string          // of streams that are opened

	t    *testing.T
	dec  *xml.Decoder
	came chan *etree.Element
	end  error // why nothing comes any more, once came is closed
}

// Dial connects over TCP and opens a stream.
func Dial(t *testing.T, address string) *Peer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	p := &Peer{t: t, Conn: conn}
	p.Open()
	return p
}

// DialWebSocket connects over WebSocket and opens a stream.
func DialWebSocket(t *testing.T, url string) *Peer {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"xmpp"}})
	require.NoError(t, err)
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	p := &Peer{t: t, WS: ws}
	p.Open()
	return p
}

// Login logs somebody in, whose password is the name, after Dial: over TCP with TLS.
func (p *Peer) Login(name string) *Peer {
	p.t.Helper()
	if p.WS == nil {
		require.NotNil(p.t, p.Read().FindElement("starttls"))
		p.StartTLS()
	}
	require.NotNil(p.t, p.Read().FindElement("mechanisms"))
	require.Equal(p.t, "success", p.Scram("SCRAM-SHA-256", name, name, "").Tag)
	return p.Bind("test")
}

// Guest logs in without an account and without TLS, after Dial.
func (p *Peer) Guest() *Peer {
	p.t.Helper()
	p.Read()
	require.Equal(p.t, "success", p.Auth("ANONYMOUS", "").Tag)
	return p.Bind("")
}

// Came is the next of what has come since Bind, nil for nothing yet.
func (p *Peer) Came() *etree.Element {
	select {
	case el := <-p.came:
		return el
	default:
		return nil
	}
}

// Text is an element as text.
func Text(el *etree.Element) string {
	doc := etree.NewDocumentWithRoot(el.Copy())
	s, err := doc.WriteToString()
	if err != nil {
		panic(err) // memory takes all that is written
	}
	return s
}

// Send sends text, as fmt.Sprintf makes it.
func (p *Peer) Send(format string, args ...any) {
	p.t.Helper()
	require.NoError(p.t, p.TrySend(fmt.Sprintf(format, args...)))
}

// TrySend sends text; the connection may be closed.
func (p *Peer) TrySend(text string) error {
	if p.WS != nil {
		return p.WS.Write(context.Background(), websocket.MessageText, []byte(text))
	}
	_, err := io.WriteString(p.Conn, text)
	return err
}

// Open opens a stream, for the first time or again.
func (p *Peer) Open() {
	p.t.Helper()
	if p.WS != nil {
		p.Send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>")
		require.Equal(p.t, "open", p.Read().Tag)
		return
	}
	p.Send("<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xml:lang='%s'>", p.Lang)
	p.dec = xml.NewDecoder(p.Conn)
	for {
		tok, err := p.dec.Token()
		require.NoError(p.t, err)
		if _, is := tok.(xml.StartElement); is {
			return
		}
	}
}

// Next reads an element, before Bind, unless the stream is at its end.
func (p *Peer) Next() (*etree.Element, error) {
	if p.WS != nil {
		_, text, err := p.WS.Read(context.Background())
		if err != nil {
			return nil, err
		}
		return stanza.Parse(text, stanza.Stream{})
	}
	for {
		tok, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			return stanza.Read(p.dec, tok, stanza.Stream{})
		case xml.EndElement:
			return nil, io.EOF
		}
	}
}

// Read reads an element, before Bind.
func (p *Peer) Read() *etree.Element {
	p.t.Helper()
	el, err := p.Next()
	require.NoError(p.t, err)
	return el
}

// StartTLS encrypts the stream, and opens it again.
func (p *Peer) StartTLS() {
	p.t.Helper()
	p.Send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	require.Equal(p.t, "proceed", p.Read().Tag)
	p.Conn = tls.Client(p.Conn, &tls.Config{InsecureSkipVerify: true})
	p.Open()
}

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// Auth begins to log in, and returns what the server says.
func (p *Peer) Auth(mechanism, first string) *etree.Element {
	p.t.Helper()
	p.Send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>%s</auth>", mechanism, encode64(first))
	return p.Read()
}

// Scram logs in and returns the last that the server says.
func (p *Peer) Scram(mechanism, name, password, authzid string) *etree.Element {
	p.t.Helper()
	hash := map[string]scram.HashGeneratorFcn{"SCRAM-SHA-1": scram.SHA1, "SCRAM-SHA-256": scram.SHA256}[mechanism]
	client, err := hash.NewClient(name, password, authzid)
	require.NoError(p.t, err)
	talk := client.NewConversation()
	first, err := talk.Step("")
	require.NoError(p.t, err)
	challenge := p.Auth(mechanism, first)
	if challenge.Tag != "challenge" {
		return challenge
	}
	second, err := talk.Step(p.decode64(challenge.Text()))
	require.NoError(p.t, err)
	p.Send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</response>", encode64(second))
	end := p.Read()
	if end.Tag == "success" {
		_, err = talk.Step(p.decode64(end.Text()))
		require.NoError(p.t, err)
		require.True(p.t, talk.Valid(), "the server knows the password")
	}
	return end
}

func (p *Peer) decode64(s string) string {
	p.t.Helper()
	raw, err := base64.StdEncoding.DecodeString(s)
	require.NoError(p.t, err)
	return string(raw)
}

// Bind opens a stream after a login, and binds a resource; what comes then is kept.
func (p *Peer) Bind(resource string) *Peer {
	p.t.Helper()
	p.Open()
	require.NotNil(p.t, p.Read().FindElement("bind"))
	p.Send("<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%s</resource></bind></iq>", resource)
	bound := p.Read()
	require.Equal(p.t, "result", bound.SelectAttrValue("type", ""), Text(bound))
	p.JID = bound.FindElement("bind/jid").Text()
	p.came = make(chan *etree.Element, 10000)
	go func() {
		defer close(p.came)
		for {
			el, err := p.Next()
			if err != nil {
				p.end = err
				return
			}
			p.came <- el
		}
	}()
	return p
}

// Gets waits for a stanza and returns it; what comes before is dropped.
func (p *Peer) Gets(what string, is func(*etree.Element) bool) *etree.Element {
	p.t.Helper()
	last := []string{}
	for limit := time.After(Patience); ; {
		select {
		case el, ok := <-p.came:
			if !ok {
				require.FailNow(p.t, p.JID+" does not get "+what, "%v; the last of what came: %v", p.end, last)
			}
			if is(el) {
				return el
			}
			last = append(last[max(0, len(last)-4):], Text(el))
		case <-limit:
			require.FailNow(p.t, p.JID+" does not get "+what, "the last of what came: %v", last)
		}
	}
}

// GetsTag waits for a stanza of a name, with attributes.
func (p *Peer) GetsTag(tag string, attrs ...string) *etree.Element {
	p.t.Helper()
	return p.Gets(fmt.Sprint(tag, attrs), func(el *etree.Element) bool {
		for i := 0; i < len(attrs); i += 2 {
			if el.SelectAttrValue(attrs[i], "") != attrs[i+1] {
				return false
			}
		}
		return el.Tag == tag
	})
}

// Hears waits for a message of a body, and returns it.
func (p *Peer) Hears(body string) *etree.Element {
	p.t.Helper()
	return p.Gets("the message "+body, func(el *etree.Element) bool {
		said := el.SelectElement("body")
		return el.Tag == "message" && said != nil && said.Text() == body
	})
}

// Ended waits for the end of the stream, and returns the stream error, "" for none.
func (p *Peer) Ended() (condition string) {
	p.t.Helper()
	for limit := time.After(Patience); ; {
		select {
		case el, ok := <-p.came:
			if !ok {
				return condition
			}
			if el.Tag == "error" {
				condition = el.ChildElements()[0].Tag
			}
		case <-limit:
			require.FailNow(p.t, "the stream does not end")
		}
	}
}

// Enters enters a room, until its subject comes; the history is returned.
func (p *Peer) Enters(room, nick string) (history []string) {
	p.t.Helper()
	p.Send("<presence xmlns='jabber:client' to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room, nick)
	p.Gets("its own presence in "+room, func(el *etree.Element) bool {
		require.NotEqual(p.t, "error", el.SelectAttrValue("type", ""), Text(el))
		return el.Tag == "presence" && el.FindElement("x/status[@code='110']") != nil
	})
	p.Gets("the subject of "+room, func(el *etree.Element) bool {
		if body := el.SelectElement("body"); body != nil {
			history = append(history, body.Text())
		}
		return el.Tag == "message" && el.SelectElement("subject") != nil
	})
	return history
}

// Says says something in a room.
func (p *Peer) Says(room, body string) {
	p.t.Helper()
	p.Send("<message xmlns='jabber:client' type='groupchat' to='%s'><body>%s</body></message>", room, body)
}

// Online sends presence, and waits until the server has seen it.
func (p *Peer) Online() {
	p.t.Helper()
	p.Send("<presence xmlns='jabber:client'/>")
	p.GetsTag("presence", "from", p.JID)
}

// StatusCode reports whether a presence has a status code of rooms.
func StatusCode(el *etree.Element, code string) bool {
	return el.FindElement("x/status[@code='"+code+"']") != nil
}
