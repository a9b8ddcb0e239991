package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
)

// What is no XMPP ends the stream, and says why.
func TestStreamErrors(t *testing.T) {
	r := start(t)
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
		if p.send("%s", text); text == "<message" {
			require.NoError(t, p.conn.(*net.TCPConn).CloseWrite())
		}
		require.Equal(t, want, p.ended(), text[:min(len(text), 100)])
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
		_ = p.trySend(text) // the server may close the connection in the middle of it
		require.Equal(t, want, p.ended(), text[:min(len(text), 100)])
	}
}

// A stanza that is too large in another way than by its bytes is refused, and the stream goes
// on.
func TestTooLargeStanza(t *testing.T) {
	r := start(t)
	for _, over := range []string{"tcp", "ws"} {
		p := r.login(t, over, "juliet")
		p.send("<iq xmlns='jabber:client' type='get' id='big' to='%s'><q xmlns='x'>%s</q></iq>", lobby, strings.Repeat("<x/>", 2000))
		e := p.getsTag("iq", "type", "error", "id", "big", "from", lobby)
		require.NotNil(t, e.FindElement("error/policy-violation"), text(e))
		p.send("<iq xmlns='jabber:client' type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>")
		p.getsTag("iq", "type", "result", "id", "ping")
	}
}

// So many connections there may be, so many of them not logged in, and so many of one account.
func TestCrowd(t *testing.T) {
	r := start(t, "-strangers", "2", "-sessions", "2")
	refused := func() {
		conn, err := net.Dial("tcp", r.tcp)
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience/2))) // before the server gives up waiting
		_, err = conn.Read(make([]byte, 1))
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	bind := func(resource string) *peer {
		p := r.dial(t)
		p.read()
		require.Equal(t, "success", p.scram("SCRAM-SHA-1", "juliet", "juliet", "").Tag)
		p.open()
		p.read()
		p.send("<iq type='set' id='bind'><bind xmlns='%s'><resource>%s</resource></bind></iq>", nsBind, resource)
		return p
	}
	for _, resource := range []string{"one", "two", "two"} { // the third takes the place of the second
		require.Equal(t, "result", bind(resource).read().SelectAttrValue("type", ""))
	}
	require.NotNil(t, bind("three").read().FindElement("error/resource-constraint"))
	require.NotNil(t, r.dial(t).read().SelectElement("mechanisms"))
	refused() // would be the third that is not logged in

	r = start(t, "-connections", "2")
	r.guest(t)
	r.guest(t)
	refused()
}

// Who does not log in is not waited for.
func TestLoginTakesTooLong(t *testing.T) {
	r := start(t, "-login", "3s")
	quick := r.guest(t)
	conn, err := net.Dial("tcp", r.tcp)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.ReadAll(conn) // until the server closes it
	require.NoError(t, err)
	quick.online() // whose time would have been over before
}

// Who asks for a page and does not send all of the request, or does not read the answer, keeps
// no connection; a WebSocket that came by a request is another matter.
func TestRequestsTakeNotForEver(t *testing.T) {
	r := start(t, "-request", "2s")
	socket := r.dialWebSocket(t)
	address := strings.TrimSuffix(strings.TrimPrefix(r.websocket, "ws://"), "/xmpp-websocket")
	for _, said := range []string{"GET /", "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"} {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, said)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience/2)))
		_, err = io.ReadAll(conn) // until the server closes it
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, said)
	}
	socket.read()
	require.Equal(t, "success", socket.scram("SCRAM-SHA-1", "juliet", "juliet", "").Tag)
}

// Who sends much is read no faster than so many bytes a second.
func TestTraffic(t *testing.T) {
	r := start(t, "-traffic", "4000")
	guest := r.guest(t)
	began := time.Now()
	for range 10 { // 40000 bytes, of which 32000 at once
		guest.send("<message to='nobody@localhost' type='headline'><body>%s</body></message>", strings.Repeat("x", 4000))
	}
	guest.online()
	require.GreaterOrEqual(t, time.Since(began), time.Second)
}

// Nothing is done in the name of a session that is over.
func TestOver(t *testing.T) {
	el := etree.NewElement("message")
	el.CreateAttr("xmlns", nsClient)
	require.NoError(t, (&client{over: true}).pass(el, false))
}

// fakeWire counts writes, which wait until they may go on.
type fakeWire struct {
	*tcpWire
	mu      sync.Mutex
	writes  []string
	entered chan bool
	goOn    chan error
	aborted atomic.Bool
}

func (w *fakeWire) write(batch [][]byte, _ []int) error {
	w.mu.Lock()
	w.writes = append(w.writes, string(bytes.Join(batch, nil)))
	w.mu.Unlock()
	w.entered <- true
	return <-w.goOn
}

func (w *fakeWire) space() string { return "" }
func (w *fakeWire) finish()       {}
func (w *fakeWire) abort()        { w.aborted.Store(true) }

func newFakeOutbox(most int) (*fakeWire, *outbox, *atomic.Int64) {
	w, o, total := &fakeWire{entered: make(chan bool, 10), goOn: make(chan error)}, new(outbox), new(atomic.Int64)
	o.init(w, most, total)
	return w, o, total
}

// All that waits goes out in one write, in order, and nothing is kept when nothing waits.
func TestOneWrite(t *testing.T) {
	w, o, total := newFakeOutbox(100)
	o.text("a")
	<-w.entered
	for _, s := range []string{"b", "c", "d"} {
		o.text(s)
	}
	w.goOn <- nil
	<-w.entered
	o.finish("e", "f")
	o.text("nothing after the end")
	w.goOn <- nil
	<-w.entered
	w.goOn <- nil
	o.wait()
	require.Equal(t, []string{"a", "bcd", "ef"}, w.writes)
	require.Zero(t, total.Load())
	require.Empty(t, o.pending)
	require.Zero(t, o.waiting)
	require.False(t, w.aborted.Load())
}

// words are a stanza to anybody.
type words struct{ stanzaOfRoom }

type stanzaOfRoom = service.Stanza

func (words) AppendXML(dst []byte, _ muc.JID, _ string) []byte { return append(dst, "words"...) }

// What is held is written when it is released, all of it; or before, when it becomes much.
func TestHold(t *testing.T) {
	w, o, _ := newFakeOutbox(1 << 20)
	require.True(t, o.hold(words{}, muc.JID{}), "has to be released")
	require.False(t, o.hold(words{}, muc.JID{}))
	require.Empty(t, w.entered)
	o.release()
	<-w.entered
	require.False(t, o.hold(words{}, muc.JID{}), "is written after what is being written")
	w.goOn <- nil
	<-w.entered
	w.goOn <- nil
	o.wait()
	require.Equal(t, []string{"wordswords", "words"}, w.writes)
	for range heldMost/len("words") + 1 { // the last is one too many
		o.hold(words{}, muc.JID{})
	}
	<-w.entered
	w.goOn <- nil
	o.wait()
	require.Len(t, w.writes, 3)
}

// Beyond the bound the connection ends, whatever is being written, and nothing waits any more.
func TestOutboxIsBounded(t *testing.T) {
	w, o, total := newFakeOutbox(10)
	o.text("12345")
	<-w.entered
	o.text("67890")
	require.False(t, w.aborted.Load())
	o.text("x")
	require.True(t, w.aborted.Load())
	require.Equal(t, errSlow, o.err)
	w.goOn <- errors.New("closed")
	o.wait()
	o.text("y")
	require.Equal(t, []string{"12345"}, w.writes)
	require.Zero(t, total.Load())
}

// When all clients together have too much waiting, each has a small share only.
func TestTotalIsBounded(t *testing.T) {
	w, o, total := newFakeOutbox(1 << 20)
	o.text("a")
	<-w.entered
	total.Add(totalMost)
	o.text(strings.Repeat("x", smallShare/2))
	require.False(t, w.aborted.Load())
	o.text(strings.Repeat("x", smallShare))
	require.True(t, w.aborted.Load())
	w.goOn <- nil
	o.wait()
	require.Equal(t, int64(totalMost), total.Load())
}

func (w *fakeWire) startTLS(*tls.Config) error { return nil }

// All who are connected may enter one room at once, as after a restart: none is refused for
// want of place in its queue.
func TestAllMayEnterAtOnce(t *testing.T) {
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "rooms.db"), sqlitestore.Options{})
	require.NoError(t, err)
	defer store.Close()
	for connections, place := range map[int]int{20: 1000, 7000: 7000} {
		s := &server{metrics: newMetrics(), bounds: bounds{connections: connections}}
		assert.Equal(t, place, s.roomsConfig(store, sqlitestore.NewAnswers(store, nil), nil).Limits.RoomQueue)
	}
}
