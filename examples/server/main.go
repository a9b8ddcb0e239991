// Command server is a small XMPP server with chat rooms: what package muc is for, with
// real sockets around it.
//
//	go run ./examples/server -web
//
// starts with accounts to try it with, on this machine alone, and says how to connect.
// README.md says what it leaves out, and how to make it real.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"github.com/gomuc/muc/examples/server/c2s"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// run is the command: it serves until ctx ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	set, err := parse(args, stdout)
	switch {
	case errors.Is(err, errHelp):
		return nil
	case err != nil:
		return err
	case set.newAccount != "":
		return printAccount(set.newAccount, stdin, stdout)
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: set.level}))
	store, err := sqlitestore.Open(ctx, set.store, sqlitestore.Options{Archive: true, Keep: 30 * 24 * time.Hour})
	if err != nil {
		return err
	}
	return errors.Join(serve(ctx, set, store, log, stdout), store.Close())
}

// drain is how long a stop may take.
const drain = 10 * time.Second

// serve runs a server over an open store until ctx ends, or until it cannot go on.
func serve(ctx context.Context, set settings, store *sqlitestore.Store, log *slog.Logger, stdout io.Writer) error {
	people, admins, err := set.people()
	if err != nil {
		return err
	}
	secret, err := c2s.TLSConfig(set.cert, set.key, set.domain, log)
	if err != nil {
		return err
	}
	services := map[string]c2s.Service{}
	clients := c2s.New(c2s.Config{Domain: set.domain, Accounts: people, Guests: set.guests || set.demo(), TLS: secret,
		Bounds: set.bounds, Log: log}, services)
	answers := sqlitestore.NewAnswers(store, log)
	m := newMetrics()
	rooms, err := service.New(ctx, roomsConfig(&set, store, answers, admins, clients, m, log))
	if err != nil {
		return err
	}
	answers.Start(rooms)
	services[set.rooms] = rooms
	m.observe(clients, rooms)
	var l listeners
	if err = l.open(ctx, &set, clients, rooms, m, secret, log); err == nil {
		fmt.Fprint(stdout, set.explain())
		select {
		case <-ctx.Done():
		case err = <-l.failed:
		}
	}
	l.close()
	answers.Stop()
	end, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	return errors.Join(err, rooms.Shutdown(end, "The server goes down."), clients.Stop(end))
}

// listeners are what a server listens on.
type listeners struct {
	all    []io.Closer
	failed chan error // why one of them cannot go on
}

// open begins to listen, and fills in at which ports.
func (l *listeners) open(ctx context.Context, set *settings, clients *c2s.Server, rooms *service.Service, m *metrics, secret *tls.Config, log *slog.Logger) error {
	l.failed = make(chan error, 3)
	if set.demo() {
		if err := lobby(ctx, rooms, set); err != nil {
			return err
		}
	}
	tcp, err := l.listen(&set.listen, "-listen")
	if err != nil {
		return err
	}
	l.run(func() error { return clients.Serve(tcp) })
	web := http.NewServeMux()
	web.Handle("GET /xmpp-websocket", clients.WebSocket(strings.FieldsFunc(set.origins, func(r rune) bool { return r == ',' })))
	if set.web {
		if err := page(ctx, set, web, log); err != nil {
			return err
		}
	}
	return errors.Join(l.serve(&set.http, "-http", web, httpTLS(set.http, secret), set.bounds.Connections, set.request),
		l.serve(&set.metrics, "-metrics", m.handler(), nil, operators, set.request))
}

// httpTLS is for the address of the pages: what stays on this machine, or comes through a proxy
// on it, is not encrypted.
func httpTLS(address string, secret *tls.Config) *tls.Config {
	if loopback(address) {
		return nil
	}
	return secret
}

func (l *listeners) listen(address *string, flag string) (net.Listener, error) {
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: name another address, or stop what uses it", flag, err)
	}
	l.all, *address = append(l.all, listener), listener.Addr().String()
	return listener, nil
}

func (l *listeners) run(serve func() error) {
	go func() {
		if err := serve(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			l.failed <- err
		}
	}()
}

// operators are how many connections there may be for metrics.
const operators = 20

// serve serves HTTP at an address; without one it does nothing.
func (l *listeners) serve(address *string, flag string, h http.Handler, secret *tls.Config, most int, request time.Duration) error {
	if *address == "" {
		return nil
	}
	listener, err := l.listen(address, flag)
	if err != nil {
		return err
	}
	listener = netutil.LimitListener(listener, most)
	if secret != nil {
		listener = tls.NewListener(listener, secret)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ReadTimeout: request, WriteTimeout: request}
	l.run(func() error { return server.Serve(listener) })
	return nil
}

func (l *listeners) close() {
	for _, o := range l.all {
		_ = o.Close()
	}
}

// explain says how to connect.
func (s *settings) explain() string {
	text := fmt.Sprintf("XMPP at %s for clients of %s, rooms at %s\n", s.listen, s.domain, s.rooms)
	if s.http != "" {
		text += fmt.Sprintf("WebSocket at ws%s/xmpp-websocket\n", strings.TrimPrefix(s.url(), "http"))
	}
	if s.metrics != "" {
		text += fmt.Sprintf("Metrics at http://%s/metrics\n", s.metrics)
	}
	if s.demo() {
		_, port, _ := net.SplitHostPort(s.listen)
		text += fmt.Sprintf(`
With a terminal client, where the password of each is the name:
  profanity
  /connect %s@%s server 127.0.0.1 port %s tls trust
  /join lobby@%s
`, demoPeople[0], s.domain, port, s.rooms)
	}
	if s.web {
		text += fmt.Sprintf("\nWith a browser: %s/\n", s.url())
	}
	return text
}

// url is where the server speaks HTTP.
func (s *settings) url() string {
	if loopback(s.http) {
		return "http://" + s.http
	}
	return "https://" + s.http
}
