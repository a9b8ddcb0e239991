package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/nats"
	"github.com/gomuc/muc/cluster/nats/embedded"
	"github.com/gomuc/muc/service"
)

const (
	// nodeCommand begins the arguments of a process that is one node.
	nodeCommand = "node"
	domain      = "localhost"
	// drain is how long a stop may take.
	drain = 30 * time.Second
)

// settings are those of one node.
type settings struct {
	name, dir, listen, routes string
	// component is where an XMPP server listens for components, rooms the domain that it lets in there with
	// the password. Without it a node has clients of its own.
	component, rooms, password string
	gone                       time.Duration
	level                      slog.Level
	secret                     []byte
}

func parse(args []string, help io.Writer) (s settings, err error) {
	f := flag.NewFlagSet(nodeCommand, flag.ContinueOnError)
	f.SetOutput(help)
	f.StringVar(&s.name, "name", "", "the `name` of the node")
	f.StringVar(&s.dir, "dir", "", "the `folder` of all nodes")
	f.StringVar(&s.listen, "listen", "", "the `address` for clients")
	f.StringVar(&s.routes, "routes", "", "the `addresses` of the NATS servers of all nodes, in the order of their names")
	f.StringVar(&s.component, "component", "", "the `address` of a server for components")
	f.StringVar(&s.rooms, "domain", "", "the `domain` of the rooms")
	file := f.String("secret-file", "", "the `file` with the component's secret")
	f.DurationVar(&s.gone, "gone", 0, "how long a node may be silent")
	f.TextVar(&s.level, "log", slog.LevelWarn, "the least `level` of what is logged")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	s.secret, err = os.ReadFile(secretFile(s.dir))
	s.secret = bytes.TrimSpace(s.secret)
	if err == nil && s.component != "" {
		var password []byte
		password, err = os.ReadFile(*file)
		s.password = string(bytes.TrimSpace(password))
	}
	return s, err
}

// runNode is one node: it serves until ctx ends, or until it cannot go on.
func runNode(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set, err := parse(args, stdout)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: set.level})).With("node", set.name)
	server, engine, err := openEngine(ctx, &set, log)
	if server != nil {
		defer server.Stop()
	}
	if err != nil {
		return err
	}
	defer engine.Close()
	operators, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer operators.Close()
	counts := newMetrics()
	var f front = newLink(&set, counts, log)
	if set.component == "" {
		if f, err = newClients(&set, log); err != nil {
			return err
		}
	}
	n, err := start(ctx, &set, engine, f, counts, log)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- f.serve() }()
	watch := http.Server{Handler: counts.handler(n), ReadHeaderTimeout: 10 * time.Second}
	go func() { failed <- watch.Serve(operators) }()
	fmt.Fprintf(stdout, "node %s: %s, metrics at http://%s/metrics, kill -9 %d\n", set.name, f.place(), operators.Addr(), os.Getpid())
	select {
	case <-ctx.Done():
	case <-n.Done():
		err = n.Err()
	case err = <-failed:
	}
	end, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	return errors.Join(err, f.stop(end))
}

// openEngine starts this node's NATS server, and connects to it when there is a majority.
func openEngine(ctx context.Context, set *settings, log *slog.Logger) (*embedded.Server, *nats.Engine, error) {
	routes := strings.Split(set.routes, ",")
	at := strings.Index(strings.Join(names, ""), set.name)
	if at < 0 || len(routes) != len(names) {
		return nil, nil, fmt.Errorf("there is no node %q, or not an address for each", set.name)
	}
	server, err := embedded.Start(ctx, embedded.Config{Name: set.name, Dir: filepath.Join(set.dir, set.name),
		Cluster: "rooms", RouteListen: routes[at], Routes: routes, RoutePassword: string(set.secret)})
	if err != nil {
		return nil, nil, err
	}
	engine, err := nats.Open(ctx, nats.Config{Domain: set.rooms, Options: server.Options(), System: server.System(), Log: log})
	return server, engine, err
}

// front is where the people in the rooms come from: clients of the node, or an XMPP server.
type front interface {
	// hooks sets what the front is told by the node, and begin gives it the node.
	hooks(c *cluster.Config)
	begin(ctx context.Context, n *cluster.Node) error
	// serve returns when the front cannot go on.
	serve() error
	// stop stops the front and the node.
	stop(ctx context.Context) error
	// place tells people where it is.
	place() string
}

// engine is what a node needs below it.
type engine interface {
	cluster.Log
	cluster.Owners
	cluster.Bus
}

// start starts the rooms of a node.
func start(ctx context.Context, set *settings, engine engine, f front, counts *metrics, log *slog.Logger) (*cluster.Node, error) {
	c := cluster.Config{
		Node: set.name, Log: engine, Owners: engine, Bus: engine, GoneAfter: set.gone,
		Service: service.Config{
			Domain:   set.rooms,
			Room:     muc.Config{Secret: set.secret, ShowActivity: true},
			Observer: counts.rooms,
			Log:      log,
		},
		Observer: counts.cluster,
	}
	f.hooks(&c)
	n, err := cluster.New(ctx, c)
	if err != nil {
		return nil, err
	}
	return n, f.begin(ctx, n)
}
