package c2s

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/server/c2stest"
)

// What is no XMPP ends the stream, and says why.
func TestStreamErrors(t *testing.T) {
	r := start(t, Config{})
	for text, want := range map[string]string{
		"<message":                         "not-well-formed", // the connection ends in the middle
		"<message></iq>":                   "not-well-formed",
		"<message a='1' a='2'/>":           "not-well-formed",
		"<message><!-- x --></message>":    "not-well-formed",
		"<!DOCTYPE x>":                     "restricted-xml",
		"<?pi?>":                           "restricted-xml",
		"<!-- x -->":                       "restricted-xml",
		"<message xmlns='jabber:server'/>": "invalid-namespace",
		"<hello/>":                         "unsupported-stanza-type",
		"<message><body>" + strings.Repeat("x", 300<<10): "policy-violation",
	} {
		p := r.guest(t)
		if p.Send("%s", text); text == "<message" {
			require.NoError(t, p.Conn.(*net.TCPConn).CloseWrite())
		}
		require.Equal(t, want, p.Ended(), text[:min(len(text), 100)])
	}
	for text, want := range map[string]string{
		"<message></iq>":                                      "not-well-formed",
		"<message xmlns='jabber:client'/><iq/>":               "not-well-formed",
		"<message/>":                                          "invalid-namespace",
		"<hello xmlns='jabber:client'/>":                      "unsupported-stanza-type",
		"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>": "invalid-namespace",
		"<message xmlns='jabber:client'><body>" + strings.Repeat("x", 300<<10): "",
	} {
		p := r.login(t, "ws", "juliet")
		_ = p.TrySend(text) // the server may close the connection in the middle of it
		require.Equal(t, want, p.Ended(), text[:min(len(text), 100)])
	}
}

// A stanza that is too large in another way than by its bytes is refused, and the stream goes
// on.
func TestTooLargeStanza(t *testing.T) {
	r := start(t, Config{})
	for _, over := range []string{"tcp", "ws"} {
		p := r.login(t, over, "juliet")
		p.Send("<iq xmlns='jabber:client' type='get' id='big' to='%s'><q xmlns='x'>%s</q></iq>", lobby, strings.Repeat("<x/>", 2000))
		e := p.GetsTag("iq", "type", "error", "id", "big", "from", lobby)
		require.NotNil(t, e.FindElement("error/policy-violation"), c2stest.Text(e))
		p.Send("<iq xmlns='jabber:client' type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>")
		p.GetsTag("iq", "type", "result", "id", "ping")
	}
}

// So many connections there may be, so many of them not logged in, and so many of one account.
func TestTooManyConnections(t *testing.T) {
	r := start(t, Config{Bounds: Bounds{Strangers: 2, Sessions: 2, Login: time.Hour}})
	refused := func() {
		t.Helper()
		require.Contains(t, hangsUp(t, r.tcp), "<resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
	}
	bind := func(resource string) *c2stest.Peer {
		p := r.dial(t)
		p.Read()
		require.Equal(t, "success", p.Scram("SCRAM-SHA-1", "juliet", "juliet", "").Tag)
		p.Open()
		p.Read()
		p.Send("<iq type='set' id='bind'><bind xmlns='%s'><resource>%s</resource></bind></iq>", nsBind, resource)
		return p
	}
	for _, resource := range []string{"one", "two", "two"} { // the third takes the place of the second
		require.Equal(t, "result", bind(resource).Read().SelectAttrValue("type", ""))
	}
	require.NotNil(t, bind("three").Read().FindElement("error/resource-constraint"))
	require.NotNil(t, r.dial(t).Read().SelectElement("mechanisms"))
	refused() // would be the third that is not logged in
	ws, _, err := websocket.Dial(t.Context(), r.websocket, &websocket.DialOptions{Subprotocols: []string{"xmpp"}})
	require.NoError(t, err)
	defer ws.CloseNow()
	for _, want := range []string{"<open ", "<resource-constraint ", "<close "} {
		_, text, err := ws.Read(t.Context())
		require.NoError(t, err)
		require.Contains(t, string(text), want)
	}

	r = start(t, Config{Bounds: Bounds{Connections: 2, Login: time.Hour}})
	r.guest(t)
	guest := r.guest(t)
	refused()
	require.Equal(t, 1, r.server.Stats().Refused)
	guest.Send("</stream:stream>")
	guest.Ended()
	require.Eventually(t, func() bool { return r.server.Stats().Connections == 1 }, c2stest.Patience, time.Millisecond)
	r.guest(t)
}

// hangsUp is what a server says to a connection before it closes it.
func hangsUp(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(c2stest.Patience))) // before the server gives up waiting
	said, err := io.ReadAll(conn)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	return string(said)
}

// Who asks for pages has connections that count like all others, as long as they are there.
func TestRequestsAreConnections(t *testing.T) {
	r := start(t, Config{Bounds: Bounds{Connections: 2}})
	web := strings.TrimSuffix(strings.TrimPrefix(r.websocket, "ws://"), "/xmpp-websocket")
	socket := r.login(t, "ws", "juliet")
	conn, err := net.Dial("tcp", web)
	require.NoError(t, err)
	defer conn.Close()
	require.Eventually(t, func() bool { return r.server.counted(netip.Prefix{}) == counts{all: 2} }, c2stest.Patience, time.Millisecond)
	require.Empty(t, hangsUp(t, web))
	require.Contains(t, hangsUp(t, r.tcp), "resource-constraint")
	require.NoError(t, conn.Close())
	require.NoError(t, socket.WS.CloseNow())
	require.Eventually(t, func() bool { return r.server.counted(netip.Prefix{}) == counts{} }, c2stest.Patience, time.Millisecond)
	r.guest(t)
}

func (s *Server) counted(from netip.Prefix) counts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.counts[from]
}

// One machine alone does not keep all others out, whether it logs in or not, unless it is a proxy on this one.
func TestConnectionsOfOneAddress(t *testing.T) {
	s := New(Config{Bounds: Bounds{Strangers: 10, Connections: 20}}, nil)
	comes := func(ip string) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.admit(origin(from{IP: net.ParseIP(ip)}), counts{all: 1, strangers: 1})
	}
	count := func(more counts) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.count(origin(from{IP: net.ParseIP("192.0.2.1")}), more)
	}
	in, out := counts{strangers: -1}, counts{all: -1}
	require.True(t, comes("192.0.2.1"))
	count(in)
	count(out)
	require.Empty(t, s.counts, "nothing is kept of who is not there")

	require.True(t, comes("192.0.2.1"))
	require.True(t, comes("::ffff:192.0.2.1"))
	require.False(t, comes("192.0.2.1"), "a fifth of those that are not logged in")
	count(in)
	require.True(t, comes("192.0.2.1"), "there is a place again")
	count(in)
	require.True(t, comes("192.0.2.1"))
	count(in)
	require.False(t, comes("192.0.2.1"), "a fifth of all")
	count(out)
	require.True(t, comes("192.0.2.1"))
	for i, want := range []bool{true, true, false} {
		require.Equal(t, want, comes(fmt.Sprintf("2001:db8::%d", i)), "who has one address of IPv6 has many")
	}
	for i := range 10 {
		require.Equal(t, i < 6, comes("127.0.0.1"), i)
	}
	for i := range 5 {
		page := &from{IP: net.ParseIP("192.0.2.2")}
		s.ConnState(page, http.StateNew)
		require.Equal(t, i < 4, s.requests[page], "a fifth of all, for pages")
	}
}

// near is a connection from this machine.
type near struct{ net.Conn }

func (near) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv6loopback} }

// Who does not log in is not waited for; who has logged in may say nothing for long.
func TestLoginTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Domain: "localhost", Accounts: NewAccounts("localhost", nil), Guests: true, Log: slog.New(slog.DiscardHandler)}, nil)
		connect := func() net.Conn {
			client, conn := net.Pipe()
			go s.serve(overTCP(near{conn}, newTraffic(1<<20)))
			return client
		}
		began, slow, quick := time.Now(), connect(), connect()
		go io.Copy(io.Discard, quick)
		const open = "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='" + nsStream + "'>"
		_, err := io.WriteString(quick, open+"<auth xmlns='"+nsSASL+"' mechanism='ANONYMOUS'/>"+open+"<iq type='set' id='b'><bind xmlns='"+nsBind+"'/></iq>")
		require.NoError(t, err)
		_, err = io.ReadAll(slow) // until the server closes it, with or without the beginning of a stream
		require.NoError(t, err)
		require.Equal(t, s.Bounds.Login, time.Since(began))
		time.Sleep(time.Hour)
		require.Equal(t, 1, s.Stats().Sessions)
		require.Equal(t, 1, s.Stats().Connections)
		quick.Close()
		require.NoError(t, s.Stop(t.Context()))
		time.Sleep(writeTimeout) // until nothing watches any more
	})
}

// Who sends much is read no faster than so many bytes a second: of stanzas, and of what is none. What gives
// the server more to do counts for more.
func TestTraffic(t *testing.T) {
	r := start(t, Config{Bounds: Bounds{Traffic: 4000}}) // 32000 at once
	for name, flood := range map[string]struct {
		over  string
		times int
		text  string
	}{
		"bytes":         {"tcp", 10, "<message to='nobody@localhost' type='headline'><body>" + strings.Repeat("x", 4000) + "</body></message>"},
		"blanks":        {"tcp", 10, strings.Repeat(" ", 4000)},
		"small stanzas": {"ws", 40, "<message xmlns='jabber:client' to='nobody@localhost' type='headline'/>"},
		"presence":      {"tcp", 3, "<presence/>"},
		"rosters":       {"tcp", 3, "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p *c2stest.Peer
			if flood.over == "ws" {
				p = r.login(t, "ws", "juliet")
			} else {
				p = r.guest(t)
			}
			began := time.Now()
			for range flood.times {
				p.Send("%s", flood.text)
			}
			p.Send("<iq xmlns='jabber:client' type='get' id='last'><ping xmlns='urn:xmpp:ping'/></iq>")
			p.GetsTag("iq", "id", "last")
			require.GreaterOrEqual(t, time.Since(began), time.Second)
		})
	}
	t.Run("pings of a WebSocket", func(t *testing.T) {
		t.Parallel()
		ws, _, err := websocket.Dial(t.Context(), r.websocket, &websocket.DialOptions{Subprotocols: []string{"xmpp"}})
		require.NoError(t, err)
		defer ws.CloseNow()
		ws.CloseRead(t.Context())
		began := time.Now()
		for range 40 {
			require.NoError(t, ws.Ping(t.Context()))
		}
		require.GreaterOrEqual(t, time.Since(began), time.Second)
	})
}

// Nothing is done in the name of a session that is over.
func TestOver(t *testing.T) {
	el := etree.NewElement("message")
	el.CreateAttr("xmlns", nsClient)
	require.NoError(t, (&client{over: true}).pass(el, false))
}

// Who does not read loses the connection, and slows nobody.
func TestSlowReader(t *testing.T) {
	r := start(t, Config{Bounds: Bounds{Unsent: 300000, Traffic: 100000000}})
	romeo := r.login(t, "tcp", "romeo") // who owns the room, and may say as much as he likes
	romeo.Enters(lobby, "Romeo")
	deaf := r.dial(t)
	require.NoError(t, deaf.Conn.(*net.TCPConn).SetReadBuffer(4096))
	deaf.Read()
	require.Equal(t, "success", deaf.Auth("ANONYMOUS", "").Tag)
	deaf.Open()
	deaf.Read()
	deaf.Send("<iq type='set' id='b'><bind xmlns='%s'/></iq>", nsBind)
	deaf.Send("<presence to='%s/Deaf'><x xmlns='http://jabber.org/protocol/muc'/></presence>", lobby)
	listens := r.guest(t)
	listens.Enters(lobby, "Listener")
	long := strings.Repeat("x", 15000)
	for i := range 3000 { // more than a socket and the server hold
		body := fmt.Sprint(i, long)
		romeo.Says(lobby, body)
		listens.Hears(body)
		if romeoSees(romeo, "Deaf") {
			require.Eventually(t, func() bool { return r.server.Stats().Slow == 1 }, c2stest.Patience, time.Millisecond)
			return
		}
	}
	require.FailNow(t, "who does not read is still there")
}

// romeoSees looks, without waiting, whether somebody was put out as lost.
func romeoSees(p *c2stest.Peer, nick string) bool {
	for {
		switch el := p.Came(); {
		case el == nil:
			return false
		case el.Tag == "presence" && el.SelectAttrValue("from", "") == lobby+"/"+nick && c2stest.StatusCode(el, "333"):
			return true
		}
	}
}

// Pages of others may not connect in the name of who looks at them, unless they may.
func TestOrigins(t *testing.T) {
	r := start(t, Config{}, "chat.example", "*.trusted.example")
	for origin, want := range map[string]bool{
		"": true, "http://127.0.0.1": false, "https://evil.example": false, "https://chat.example": true, "https://a.trusted.example": true,
		strings.TrimSuffix(strings.Replace(r.websocket, "ws", "http", 1), "/xmpp-websocket"): true,
	} {
		head := http.Header{}
		if origin != "" {
			head.Set("Origin", origin)
		}
		ws, _, err := websocket.Dial(t.Context(), r.websocket, &websocket.DialOptions{Subprotocols: []string{"xmpp"}, HTTPHeader: head})
		require.Equal(t, want, err == nil, origin)
		if err == nil {
			require.NoError(t, ws.CloseNow())
		}
	}
	ws, _, err := websocket.Dial(t.Context(), r.websocket, nil)
	require.NoError(t, err)
	_ = ws.Write(t.Context(), websocket.MessageText, []byte("<open xmlns='"+nsFraming+"' to='localhost' version='1.0'/>"))
	_, _, err = ws.Read(t.Context())
	require.Error(t, err, "the subprotocol is missing")
}
