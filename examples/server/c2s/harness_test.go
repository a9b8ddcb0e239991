package c2s

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/server/c2stest"
	"github.com/gomuc/muc/service"
)

const lobby = "lobby@conference.localhost"

// running is a server of a test, with rooms in memory.
type running struct {
	server         *Server
	tcp, websocket string
}

// start runs a server until the test ends: romeo, who owns the lobby, juliet and guests may log
// in. The pages of origins may connect.
func start(t *testing.T, cfg Config, origins ...string) *running {
	t.Helper()
	cfg.Domain, cfg.Guests, cfg.Log = "localhost", true, slog.New(slog.NewTextHandler(t.Output(), nil))
	cfg.Bounds.Login = cmp.Or(cfg.Bounds.Login, time.Hour) // on a busy machine some need long
	cfg.Accounts = NewAccounts(cfg.Domain, nil)
	for _, name := range []string{"romeo", "juliet"} {
		require.NoError(t, cfg.Accounts.Add(name, name))
	}
	if cfg.TLS == nil {
		secret, err := TLSConfig("", "", cfg.Domain, cfg.Log)
		require.NoError(t, err)
		cfg.TLS = secret
	}
	services := map[string]Service{}
	s := New(cfg, services)
	rooms, err := service.New(t.Context(), service.Config{Domain: "conference.localhost", DeliverBatch: s.Deliver, Log: cfg.Log,
		Deliver: func(ctx context.Context, out service.Stanza) {
			s.Deliver(ctx, service.Delivery{Stanzas: []service.Stanza{out}})
		},
		Store: new(service.Memory), Room: muc.Config{Secret: []byte(strings.Repeat("s", 32))}})
	require.NoError(t, err)
	services["conference.localhost"] = rooms
	_, err = rooms.Do(t.Context(), muc.MustParseJID(lobby), muc.Create{Owner: muc.MustParseJID("romeo@localhost"),
		Config: muc.RoomConfig{Persistent: true}})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	web := httptest.NewUnstartedServer(s.WebSocket(origins))
	web.Config.ConnState = s.ConnState
	web.Start()
	go s.Serve(l)
	t.Cleanup(func() {
		l.Close()
		web.Close()
		require.NoError(t, rooms.Shutdown(context.Background(), ""))
		require.NoError(t, s.Stop(context.Background()))
	})
	return &running{s, l.Addr().String(), "ws" + strings.TrimPrefix(web.URL, "http")}
}

func (r *running) dial(t *testing.T) *c2stest.Peer { t.Helper(); return c2stest.Dial(t, r.tcp) }
func (r *running) dialWebSocket(t *testing.T) *c2stest.Peer {
	t.Helper()
	return c2stest.DialWebSocket(t, r.websocket)
}
func (r *running) guest(t *testing.T) *c2stest.Peer { t.Helper(); return r.dial(t).Guest() }

// login logs somebody in, over TCP with TLS or over WebSocket.
func (r *running) login(t *testing.T, over, name string) *c2stest.Peer {
	t.Helper()
	if over == "tcp" {
		return r.dial(t).Login(name)
	}
	return r.dialWebSocket(t).Login(name)
}
