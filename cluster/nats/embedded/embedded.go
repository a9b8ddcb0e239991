// Package embedded runs a NATS server in the process of a node: for small sites and for tests. It
// writes each message to the disk before it says that it is stored (sync_interval: always).
//
// Three nodes with a server each need no other process, but the loss of a node is then also the
// loss of a server: where that led a stream, its rooms wait for an election (5 to 10 s). With
// servers as processes of their own they do not.
package embedded

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Config is of one server.
type Config struct {
	// Name is that of the server; it must stay the same, and each server of a cluster has another
	// one.
	Name string
	// Dir is where it keeps what it stores.
	Dir string
	// StoreBytes is how much it stores at most; zero is 10 GiB. What does not fit is refused.
	StoreBytes int64
	// Listen is the address for clients other than this process; empty is 127.0.0.1 and a port
	// that the system chooses. Their user is "muc", that of the system account "system", both
	// with Password; where that is empty there are no such clients.
	Listen   string
	Password string

	// Cluster is the name of the cluster; empty for a server on its own.
	Cluster string
	// RouteListen is the address for the other servers.
	RouteListen string
	// RouteAdvertise is the address (host:port) that servers tell each other for this one; empty is
	// RouteListen.
	RouteAdvertise string
	// Routes are the addresses (host:port) of all servers of the cluster; this server's own
	// may be among them.
	Routes []string
	// RoutePassword is what servers of the cluster show each other; all have the same.
	RoutePassword string
	// RouteTLS, unless nil, is for connections between the servers. Without it only a network that
	// nobody else can read is safe.
	RouteTLS *tls.Config
}

// ErrConfig: the Config cannot be used.
var ErrConfig = errors.New("embedded: configuration")

// Users of the server.
const (
	user   = "muc"
	system = "system"
)

// Text is the configuration as a file for nats-server: what an embedded server works with, for
// those that are processes of their own.
func (c Config) Text() (string, error) {
	plain := func(s string) bool {
		return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r == 0x7f })
	}
	quote := func(s string) string { return strconv.Quote(s) }
	var b strings.Builder
	if !plain(c.Name) || c.Dir == "" || strings.ContainsAny(c.Dir, "\"\\\n") {
		return "", fmt.Errorf("%w: Name %q, Dir %q", ErrConfig, c.Name, c.Dir)
	}
	store := c.StoreBytes
	if store == 0 {
		store = 10 << 30
	}
	if store < 0 {
		return "", fmt.Errorf("%w: StoreBytes is %d", ErrConfig, store)
	}
	fmt.Fprintf(&b, "server_name: %s\n", quote(c.Name))
	b.WriteString("max_payload: 4MB\n") // of what nodes tell each other; large rooms are cut in pieces
	fmt.Fprintf(&b, "jetstream {\n  store_dir: %s\n  max_file_store: %d\n  max_memory_store: 64MB\n  sync_interval: always\n}\n", quote(c.Dir), store)
	if !plain(c.Password) {
		return "", fmt.Errorf("%w: Password", ErrConfig)
	}
	fmt.Fprintf(&b, "accounts {\n  ROOMS { jetstream: enabled, users: [ { user: %s, password: %s } ] }\n", user, quote(c.Password))
	fmt.Fprintf(&b, "  SYS { users: [ { user: %s, password: %s } ] }\n}\nsystem_account: SYS\n", system, quote(c.Password))
	listen := c.Listen
	if listen == "" {
		listen = "127.0.0.1:-1"
	}
	fmt.Fprintf(&b, "listen: %s\n", quote(listen))
	if c.Cluster == "" {
		return b.String(), nil
	}
	if !plain(c.Cluster) || !plain(c.RouteListen) || !plain(c.RoutePassword) || strings.ContainsAny(c.RoutePassword, "@:/?#%") {
		return "", fmt.Errorf("%w: Cluster %q needs RouteListen and RoutePassword (without @ : / ? # %%)", ErrConfig, c.Cluster)
	}
	fmt.Fprintf(&b, "cluster {\n  name: %s\n  listen: %s\n  no_advertise: true\n", quote(c.Cluster), quote(c.RouteListen))
	if c.RouteAdvertise != "" {
		if !plain(c.RouteAdvertise) {
			return "", fmt.Errorf("%w: RouteAdvertise %q", ErrConfig, c.RouteAdvertise)
		}
		fmt.Fprintf(&b, "  cluster_advertise: %s\n", quote(c.RouteAdvertise))
	}
	fmt.Fprintf(&b, "  authorization { user: route, password: %s, timeout: 2 }\n  routes: [\n", quote(c.RoutePassword))
	for _, r := range c.Routes {
		if _, _, err := net.SplitHostPort(r); err != nil || !plain(r) {
			return "", fmt.Errorf("%w: route %q", ErrConfig, r)
		}
		fmt.Fprintf(&b, "    %s\n", quote("nats://route:"+c.RoutePassword+"@"+r))
	}
	b.WriteString("  ]\n}\n")
	return b.String(), nil
}

// Server is a running server.
type Server struct {
	s        *server.Server
	password string
}

// Start starts a server and waits until it takes connections. JetStream in a cluster needs a
// majority of the servers: package nats waits for that.
func Start(ctx context.Context, c Config) (*Server, error) {
	if c.Password == "" {
		c.Password = rand.Text()
	}
	text, err := c.Text()
	if err != nil {
		return nil, err
	}
	options := &server.Options{NoSigs: true, NoLog: true}
	if err := options.ProcessConfigString(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	// Clients that are still there when the server stops are closed at once: they are this process's.
	options.LameDuckGracePeriod, options.LameDuckDuration = time.Millisecond, time.Second
	options.Cluster.TLSConfig = c.RouteTLS
	s, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	s.Start()
	for !s.ReadyForConnections(100 * time.Millisecond) {
		if err := ctx.Err(); err != nil {
			s.Shutdown()
			return nil, fmt.Errorf("embedded: the server does not start: %w", err)
		}
	}
	return &Server{s: s, password: c.Password}, nil
}

// Options are for connections of this process, for the Options of package nats.
func (s *Server) Options() []nats.Option {
	return []nats.Option{nats.InProcessServer(s.s), nats.UserInfo(user, s.password)}
}

// System is the same for the system account.
func (s *Server) System() []nats.Option {
	return []nats.Option{nats.InProcessServer(s.s), nats.UserInfo(system, s.password)}
}

// Addr is where clients connect.
func (s *Server) Addr() net.Addr { return s.s.Addr() }

// RouteAddr is where the other servers connect; nil without a Cluster.
func (s *Server) RouteAddr() net.Addr { return s.s.ClusterAddr() }

// Stop hands over the streams that the server leads, so that nobody waits for an election, and
// ends it.
func (s *Server) Stop() { s.s.LameDuckShutdown(); s.s.WaitForShutdown() }

// Kill ends the server at once.
func (s *Server) Kill() { s.s.Shutdown(); s.s.WaitForShutdown() }
