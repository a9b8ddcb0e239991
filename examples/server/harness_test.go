package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/stanza"
)

// patience is how long a test waits for what must come; nothing takes as long.
const patience = 30 * time.Second

// running is a server that a test has started by its command line.
type running struct {
	tcp, websocket, metrics string
	stop                    func() error
}

// start runs the server until the test ends, or until it is stopped.
func start(t *testing.T, flags ...string) *running {
	t.Helper()
	flags = append([]string{"-listen", "127.0.0.1:0", "-http", "127.0.0.1:0", "-metrics", "127.0.0.1:0",
		"-store", filepath.Join(t.TempDir(), "rooms.db")}, flags...)
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, flags, strings.NewReader(""), in, t.Output())
		_ = in.CloseWithError(io.EOF)
		ended <- err
	}()
	r := &running{}
	said := bufio.NewScanner(out)
	for said.Scan() {
		for address, of := range map[*string]string{&r.tcp: `^XMPP at (\S+)`, &r.websocket: `^WebSocket at (\S+)`, &r.metrics: `^Metrics at (\S+)`} {
			if m := regexp.MustCompile(of).FindStringSubmatch(said.Text()); m != nil {
				*address = m[1]
			}
		}
		if r.metrics != "" {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { require.NoError(t, r.stop()) })
	if r.metrics == "" {
		stopped = true
		cancel()
		require.FailNow(t, "the server does not start", "%v", <-ended)
	}
	return r
}

// peer is a client as simple as can be: it sends text and keeps what comes.
type peer struct {
	t    *testing.T
	conn net.Conn
	dec  *xml.Decoder    // nil with a WebSocket
	ws   *websocket.Conn // nil with TCP
	came chan *etree.Element
	jid  string
	lang string // of streams that are opened
	end  error  // why nothing comes any more, once came is closed
}

// dial connects over TCP and opens a stream.
func (r *running) dial(t *testing.T) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", r.tcp)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	p := &peer{t: t, conn: conn}
	p.open()
	return p
}

// dialWebSocket connects over WebSocket and opens a stream.
func (r *running) dialWebSocket(t *testing.T) *peer {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), r.websocket, &websocket.DialOptions{Subprotocols: []string{"xmpp"}})
	require.NoError(t, err)
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	p := &peer{t: t, ws: ws}
	p.open()
	return p
}

func (p *peer) send(format string, args ...any) {
	p.t.Helper()
	require.NoError(p.t, p.trySend(fmt.Sprintf(format, args...)))
}

func (p *peer) trySend(text string) error {
	if p.ws != nil {
		return p.ws.Write(context.Background(), websocket.MessageText, []byte(text))
	}
	_, err := io.WriteString(p.conn, text)
	return err
}

// open opens a stream, for the first time or again.
func (p *peer) open() {
	p.t.Helper()
	if p.ws != nil {
		p.send("<open xmlns='%s' to='localhost' version='1.0'/>", nsFraming)
		require.Equal(p.t, "open", p.read().Tag)
		return
	}
	p.send("<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='%s' xml:lang='%s'>", nsStream, p.lang)
	p.dec = xml.NewDecoder(p.conn)
	for {
		tok, err := p.dec.Token()
		require.NoError(p.t, err)
		if _, is := tok.(xml.StartElement); is {
			return
		}
	}
}

// next reads an element.
func (p *peer) next() (*etree.Element, error) {
	if p.ws != nil {
		_, text, err := p.ws.Read(context.Background())
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

func (p *peer) read() *etree.Element {
	p.t.Helper()
	el, err := p.next()
	require.NoError(p.t, err)
	return el
}

func (p *peer) startTLS() {
	p.t.Helper()
	p.send("<starttls xmlns='%s'/>", nsTLS)
	require.Equal(p.t, "proceed", p.read().Tag)
	p.conn = tls.Client(p.conn, &tls.Config{InsecureSkipVerify: true})
	p.open()
}

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// auth begins to log in, and returns what the server says.
func (p *peer) auth(mechanism, first string) *etree.Element {
	p.t.Helper()
	p.send("<auth xmlns='%s' mechanism='%s'>%s</auth>", nsSASL, mechanism, encode64(first))
	return p.read()
}

// scram logs in and returns the last that the server says.
func (p *peer) scram(mechanism, name, password, authzid string) *etree.Element {
	p.t.Helper()
	for _, h := range hashes {
		if h.mechanism != mechanism {
			continue
		}
		client, err := h.hash.NewClient(name, password, authzid)
		require.NoError(p.t, err)
		talk := client.NewConversation()
		first, err := talk.Step("")
		require.NoError(p.t, err)
		challenge := p.auth(mechanism, first)
		if challenge.Tag != "challenge" {
			return challenge
		}
		said, err := decodeSASL(challenge)
		require.NoError(p.t, err)
		second, err := talk.Step(said)
		require.NoError(p.t, err)
		p.send("<response xmlns='%s'>%s</response>", nsSASL, encode64(second))
		end := p.read()
		if end.Tag == "success" {
			said, err := decodeSASL(end)
			require.NoError(p.t, err)
			_, err = talk.Step(said)
			require.NoError(p.t, err)
			require.True(p.t, talk.Valid(), "the server knows the password")
		}
		return end
	}
	require.FailNow(p.t, "no such mechanism")
	return nil
}

// bind opens a stream after a login, and binds a resource; what comes then is kept.
func (p *peer) bind(resource string) *peer {
	p.t.Helper()
	p.open()
	require.NotNil(p.t, p.read().FindElement("bind"))
	p.send("<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='%s'><resource>%s</resource></bind></iq>", nsBind, resource)
	bound := p.read()
	require.Equal(p.t, "result", bound.SelectAttrValue("type", ""), text(bound))
	p.jid = bound.FindElement("bind/jid").Text()
	p.came = make(chan *etree.Element, 10000)
	go func() {
		defer close(p.came)
		for {
			el, err := p.next()
			if err != nil {
				p.end = err
				return
			}
			p.came <- el
		}
	}()
	return p
}

// login logs somebody in, whose password is the name, over TCP with TLS or over WebSocket.
func (r *running) login(t *testing.T, over, name string) *peer {
	t.Helper()
	p := (*peer)(nil)
	if over == "tcp" {
		p = r.dial(t)
		require.NotNil(t, p.read().FindElement("starttls"))
		p.startTLS()
	} else {
		p = r.dialWebSocket(t)
	}
	require.NotNil(t, p.read().FindElement("mechanisms"))
	require.Equal(t, "success", p.scram("SCRAM-SHA-256", name, name, "").Tag)
	return p.bind("test")
}

// guest logs in without an account and without TLS.
func (r *running) guest(t *testing.T) *peer {
	t.Helper()
	p := r.dial(t)
	p.read()
	require.Equal(t, "success", p.auth("ANONYMOUS", "").Tag)
	return p.bind("")
}

// gets waits for a stanza and returns it; what comes before is dropped.
func (p *peer) gets(what string, is func(*etree.Element) bool) *etree.Element {
	p.t.Helper()
	last := []string{}
	for limit := time.After(patience); ; {
		select {
		case el, ok := <-p.came:
			if !ok {
				require.FailNow(p.t, p.jid+" does not get "+what, "%v; the last of what came: %v", p.end, last)
			}
			if is(el) {
				return el
			}
			last = append(last[max(0, len(last)-4):], text(el))
		case <-limit:
			require.FailNow(p.t, p.jid+" does not get "+what, "the last of what came: %v", last)
		}
	}
}

// getsTag waits for a stanza of a name, with attributes.
func (p *peer) getsTag(tag string, attrs ...string) *etree.Element {
	p.t.Helper()
	return p.gets(fmt.Sprint(tag, attrs), func(el *etree.Element) bool {
		for i := 0; i < len(attrs); i += 2 {
			if el.SelectAttrValue(attrs[i], "") != attrs[i+1] {
				return false
			}
		}
		return el.Tag == tag
	})
}

func (p *peer) hears(body string) *etree.Element {
	p.t.Helper()
	return p.gets("the message "+body, func(el *etree.Element) bool {
		said := el.SelectElement("body")
		return el.Tag == "message" && said != nil && said.Text() == body
	})
}

// ended waits for the end of the stream, and returns the stream error, "" for none.
func (p *peer) ended() (condition string) {
	p.t.Helper()
	for limit := time.After(patience); ; {
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

const lobby = "lobby@conference.localhost"

// enters enters a room, until its subject comes; the history is returned.
func (p *peer) enters(room, nick string) (history []string) {
	p.t.Helper()
	p.send("<presence xmlns='jabber:client' to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room, nick)
	p.gets("its own presence in "+room, func(el *etree.Element) bool {
		require.NotEqual(p.t, "error", el.SelectAttrValue("type", ""), text(el))
		return el.Tag == "presence" && el.FindElement("x/status[@code='110']") != nil
	})
	p.gets("the subject of "+room, func(el *etree.Element) bool {
		if body := el.SelectElement("body"); body != nil {
			history = append(history, body.Text())
		}
		return el.Tag == "message" && el.SelectElement("subject") != nil
	})
	return history
}

func (p *peer) says(room, body string) {
	p.t.Helper()
	p.send("<message xmlns='jabber:client' type='groupchat' to='%s'><body>%s</body></message>", room, body)
}

// online sends presence, and waits until the server has seen it.
func (p *peer) online() {
	p.t.Helper()
	p.send("<presence xmlns='jabber:client'/>")
	p.getsTag("presence", "from", p.jid)
}

// statusCode reports whether a presence has a status code of rooms.
func statusCode(el *etree.Element, code string) bool {
	return el.FindElement("x/status[@code='"+code+"']") != nil
}
