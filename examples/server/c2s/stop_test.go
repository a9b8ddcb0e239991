package c2s

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/server/c2stest"
)

// A stop does not wait for who has not logged in, and writes nothing into the beginning of TLS.
func TestStopWhileTLSBegins(t *testing.T) {
	r := start(t, Config{})
	p := r.dial(t)
	p.Read()
	p.Send("<starttls xmlns='%s'/>", nsTLS)
	require.Equal(t, "proceed", p.Read().Tag)
	ctx, cancel := context.WithTimeout(t.Context(), c2stest.Patience)
	defer cancel()
	require.NoError(t, r.server.Stop(ctx))
	rest, _ := io.ReadAll(p.Conn)
	require.Empty(t, rest)
}

// A stop that takes too long cuts who is left.
func TestStopCuts(t *testing.T) {
	r := start(t, Config{Bounds: Bounds{Unsent: 64 << 20}})
	deaf := r.dial(t)
	deaf.Read()
	require.Equal(t, "success", deaf.Auth("ANONYMOUS", "").Tag)
	deaf.Open()
	deaf.Read()
	deaf.Send("<iq type='set' id='b'><bind xmlns='%s'/></iq>", nsBind)
	deaf.Read()
	var conn net.Conn
	r.server.mu.RLock()
	for c := range r.server.clients {
		conn = c.stream.raw
		c.out.text("<message><body>" + string(make([]byte, 32<<20)) + "</body></message>") // more than a socket holds
	}
	r.server.mu.RUnlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, r.server.Stop(ctx), context.Canceled)
	_, err := conn.Write(nil)
	require.ErrorIs(t, err, net.ErrClosed)
}

// Who does not close after the server has said its last is not waited for, whatever else is done with the
// connection meanwhile.
func TestFinish(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	conn, err := l.Accept()
	require.NoError(t, err)
	s := overTCP(conn, newTraffic(1<<20))
	s.finish()
	require.NoError(t, s.SetReadDeadline(time.Time{}))                       // as at the end of a login
	defer time.AfterFunc(c2stest.Patience, func() { client.Close() }).Stop() // which is another end
	_, err = s.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
}
