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
	"flag"
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

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/gomuc/muc/examples/server/c2s"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
)

const (
	drain     = 30 * time.Second // how long a stop may take
	operators = 20               // connections for metrics
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
	case errors.Is(err, flag.ErrHelp):
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
	return errors.Join(serve(ctx, &set, store, log, stdout), store.Close())
}

// serve runs a server over an open store until ctx ends, or until it cannot go on.
func serve(ctx context.Context, set *settings, store *sqlitestore.Store, log *slog.Logger, stdout io.Writer) error {
	people, admins, err := set.people(store.Secret())
	if err != nil {
		return err
	}
	secret, err := c2s.TLSConfig(set.cert, set.key, set.domain, log)
	if err != nil {
		return fmt.Errorf("-cert, -key: %w", err)
	}
	services := map[string]c2s.Service{}
	clients := c2s.New(c2s.Config{Domain: set.domain, Accounts: people, Guests: set.guests || set.demo(), TLS: secret,
		Bounds: set.bounds, Log: log}, services)
	answers := sqlitestore.NewAnswers(store, log)
	registry := prometheus.NewRegistry()
	rooms, err := service.New(ctx, roomsConfig(set, store, answers, admins, clients, observer(registry), log))
	if err != nil {
		return err
	}
	services[set.rooms] = rooms
	answers.Start(rooms)
	if set.demo() {
		err = lobby(ctx, rooms, set)
	}
	if err == nil {
		err = listen(ctx, set, clients, operating(registry, clients, rooms), secret, log, stdout)
	}
	answers.Stop()
	end, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	return errors.Join(err, rooms.Shutdown(end, "The server goes down."), clients.Stop(end))
}

// listen serves at all addresses, and says how to connect, until ctx ends or one of them fails.
func listen(ctx context.Context, set *settings, clients *c2s.Server, metrics http.Handler, secret *tls.Config, log *slog.Logger, stdout io.Writer) error {
	pages := http.NewServeMux()
	pages.Handle("GET /xmpp-websocket", clients.WebSocket(strings.FieldsFunc(set.origins, func(r rune) bool { return r == ',' })))
	if set.web {
		if err := page(ctx, set, pages, log); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	begin := func(address *string, flag string, serve func(net.Listener) error) error {
		if *address == "" {
			return nil
		}
		l, err := net.Listen("tcp", *address)
		if err != nil {
			return fmt.Errorf("%s: %w: name another address, or stop what uses it", flag, err)
		}
		*address = l.Addr().String()
		context.AfterFunc(ctx, func() { _ = l.Close() })
		group.Go(func() error { return serve(l) })
		return nil
	}
	err := errors.Join(begin(&set.listen, "-listen", clients.Serve),
		begin(&set.http, "-http", serveHTTP(&http.Server{Handler: pages, ConnState: clients.ConnState}, set.request, httpTLS(set.http, secret), log)),
		begin(&set.metrics, "-metrics", func(l net.Listener) error {
			return serveHTTP(&http.Server{Handler: metrics}, set.request, nil, log)(netutil.LimitListener(l, operators))
		}))
	if err == nil {
		fmt.Fprint(stdout, set.explain())
		<-ctx.Done()
	}
	cancel()
	return errors.Join(err, group.Wait())
}

// httpTLS is for the address of the pages: what stays on this machine, or comes through a proxy
// on it, is not encrypted.
func httpTLS(address string, secret *tls.Config) *tls.Config {
	if loopback(address) {
		return nil
	}
	return secret
}

// serveHTTP serves each request for so long.
func serveHTTP(server *http.Server, request time.Duration, secret *tls.Config, log *slog.Logger) func(net.Listener) error {
	server.ReadTimeout, server.WriteTimeout, server.IdleTimeout = request, request, time.Minute
	server.ReadHeaderTimeout, server.MaxHeaderBytes = 10*time.Second, 16<<10
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug) // such as of those who speak no TLS
	return func(l net.Listener) error {
		if secret != nil {
			l = tls.NewListener(l, secret)
		}
		if err := server.Serve(l); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// explain says how to connect.
func (s *settings) explain() string {
	text := fmt.Sprintf("XMPP at %s for clients of %s, rooms at %s\n", s.listen, s.domain, s.rooms)
	url := "http://" + s.http
	if !loopback(s.http) {
		url = "https://" + s.http
	}
	if s.http != "" {
		text += fmt.Sprintf("WebSocket at ws%s/xmpp-websocket\n", strings.TrimPrefix(url, "http"))
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
		text += fmt.Sprintf("\nWith a browser: %s/\n", url)
	} else if s.demo() && s.http != "" {
		text += "\nWith a browser: start it with -web, and there is a page to chat on.\n"
	}
	return text
}
