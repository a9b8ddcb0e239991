package main

import (
	"bufio"
	"context"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/server/c2stest"
)

const theLobby = "lobby@conference.localhost"

// running is a server that a test has started by its command line.
type running struct {
	tcp, websocket, metrics string
	stop                    func() error
}

// start runs the server until the test ends, or until it is stopped.
func start(t *testing.T, flags ...string) *running {
	t.Helper()
	flags = append([]string{"-listen", "127.0.0.1:0", "-http", "127.0.0.1:0", "-metrics", "127.0.0.1:0", "-login", "1h",
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

func (r *running) dial(t *testing.T) *c2stest.Peer { t.Helper(); return c2stest.Dial(t, r.tcp) }
func (r *running) dialWebSocket(t *testing.T) *c2stest.Peer {
	t.Helper()
	return c2stest.DialWebSocket(t, r.websocket)
}

// login logs somebody in, over TCP with TLS or over WebSocket.
func (r *running) login(t *testing.T, over, name string) *c2stest.Peer {
	t.Helper()
	if over == "tcp" {
		return r.dial(t).Login(name)
	}
	return r.dialWebSocket(t).Login(name)
}
