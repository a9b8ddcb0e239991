package fakeserver

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// connect is the handshake of a component.
func connect(t *testing.T, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	// The hash of fake-1geheim.
	fmt.Fprint(conn, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='rooms.example'>"+
		"<handshake>aa1b3db28393a3d4a24ad6e43eb6b7b405ac8c73</handshake>")
	return conn
}

func TestSplitter(t *testing.T) {
	const in = " <a/> <b x='>\"/'>1<c/><d>2</d></b>\n<e x=\"'/>\"/></stream:stream>"
	for size := 1; size < len(in); size++ {
		var got []string
		s, said := splitter{}, goesOn
		for from := 0; from < len(in); from += size {
			require.Equal(t, goesOn, said)
			said = s.feed([]byte(in[from:min(from+size, len(in))]), func(b []byte) { got = append(got, string(b)) })
		}
		assert.Equal(t, streamEnds, said)
		assert.Equal(t, []string{"<a/>", "<b x='>\"/'>1<c/><d>2</d></b>", "<e x=\"'/>\"/>"}, got)
	}
	s := splitter{max: 10}
	assert.Equal(t, goesOn, s.feed([]byte("<a>45678/>"), func([]byte) {}))
	assert.Equal(t, tooLarge, s.feed([]byte("x"), func([]byte) {}))
}

// What the component sends is found whatever comes between, each stanza once.
func TestExpect(t *testing.T) {
	s := New(t, "rooms.example", "geheim")
	conn := connect(t, s)
	link := s.Next()
	link.Send("<a/>", "<b/>")
	go func() {
		for i := range 20000 {
			fmt.Fprintf(conn, "<iq id=\"%d\"><x/></iq>", i)
		}
	}()
	assert.Equal(t, "<iq id='19999'><x/></iq>", link.Expect("id='19999'"))
	assert.Equal(t, "<iq id='7'><x/></iq>", link.Expect("id='7'", "<x/>"))
	_, ok := link.Wait(0, "id='7'")
	assert.False(t, ok, "it is taken")
	stanzas, bytes, largest := link.Counts()
	assert.Equal(t, []int{20000, 20000*19 + 10 + 90*2 + 900*3 + 9000*4 + 10000*5, 24}, []int{stanzas, int(bytes), largest})
	assert.Equal(t, 19998, link.Forget())
	fmt.Fprint(conn, "</stream:stream>")
	assert.True(t, link.Ended(), "it said goodbye")
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Contains(t, string(got), "<handshake/><a/><b/></stream:stream>")
}

func TestMaxStanza(t *testing.T) {
	s := New(t, "rooms.example", "geheim")
	s.MaxStanza = 1000
	conn := connect(t, s)
	link := s.Next()
	fmt.Fprint(conn, "<a/><b>", strings.Repeat("x", 1000))
	assert.False(t, link.Ended())
	got, _ := io.ReadAll(conn)
	assert.Contains(t, string(got), "<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
	stanzas, _, _ := link.Counts()
	assert.Equal(t, 1, stanzas)
}

func TestStopReading(t *testing.T) {
	s := New(t, "rooms.example", "geheim")
	conn := connect(t, s)
	link := s.Next()
	s.StopReading()
	fmt.Fprint(conn, "<b/>") // what the server was about to read
	sent := make(chan error)
	go func() {
		_, err := conn.Write([]byte("<c>" + strings.Repeat("x", 8<<20) + "</c>"))
		sent <- err
	}()
	link.Send("<d/>")
	select {
	case <-sent:
		t.Fatal("it reads")
	default:
	}
	s.StartReading()
	require.NoError(t, <-sent)
	link.Expect("<c>")
}

func TestCut(t *testing.T) {
	s := New(t, "rooms.example", "geheim")
	conn := connect(t, s)
	link := s.Next()
	link.Cut()
	assert.False(t, link.Ended())
	_, err := io.ReadAll(conn)
	assert.Error(t, err, "no goodbye")
	conn = connect(t, s)
	s.Next().End("system-shutdown")
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Contains(t, string(got), "<system-shutdown ")
}

// A component with another secret is not one.
func TestSecret(t *testing.T) {
	s := New(t, "rooms.example", "other")
	conn := connect(t, s)
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Contains(t, string(got), "<not-authorized ")
}
