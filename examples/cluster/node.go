package main

import (
	"bytes"
	"context"
	"encoding/json"
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
	"github.com/gomuc/muc/examples/server/c2s"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

const (
	// nodeCommand begins the arguments of a process that is one node.
	nodeCommand = "node"
	domain      = "localhost"
	rooms       = "conference." + domain
	// drain is how long a stop may take.
	drain = 10 * time.Second
)

// settings are those of one node.
type settings struct {
	name, dir, listen, routes string
	gone                      time.Duration
	level                     slog.Level
	secret                    []byte
}

func parse(args []string, help io.Writer) (s settings, err error) {
	f := flag.NewFlagSet(nodeCommand, flag.ContinueOnError)
	f.SetOutput(help)
	f.StringVar(&s.name, "name", "", "the `name` of the node")
	f.StringVar(&s.dir, "dir", "", "the `folder` of all nodes")
	f.StringVar(&s.listen, "listen", "", "the `address` for clients")
	f.StringVar(&s.routes, "routes", "", "the `addresses` of the NATS servers of all nodes, in the order of their names")
	f.DurationVar(&s.gone, "gone", 0, "how long a node may be silent")
	f.TextVar(&s.level, "log", slog.LevelWarn, "the least `level` of what is logged")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	s.secret, err = os.ReadFile(secretFile(s.dir))
	s.secret = bytes.TrimSpace(s.secret)
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
	listener, err := net.Listen("tcp", set.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	operators, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer operators.Close()
	counts := newMetrics()
	n, err := start(ctx, &set, engine, counts, log)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- n.clients.Serve(listener) }()
	watch := http.Server{Handler: counts.handler(n), ReadHeaderTimeout: drain}
	go func() { failed <- watch.Serve(operators) }()
	fmt.Fprintf(stdout, "node %s: clients at %s, metrics at http://%s/metrics, kill -9 %d\n", set.name, listener.Addr(), operators.Addr(), os.Getpid())
	select {
	case <-ctx.Done():
	case <-n.Done():
		err = n.Err()
	case err = <-failed:
	}
	listener.Close()
	end, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	return errors.Join(err, n.clients.Stop(end), n.Close(end))
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
	engine, err := nats.Open(ctx, nats.Config{Domain: rooms, Options: server.Options(), System: server.System(), Log: log})
	return server, engine, err
}

// node is a node and the clients that are connected to it.
type node struct {
	*cluster.Node
	clients *c2s.Server
}

// start starts the rooms of a node, and what it needs for its clients.
func start(ctx context.Context, set *settings, engine *nats.Engine, counts *metrics, log *slog.Logger) (*node, error) {
	accounts := c2s.NewAccounts(domain, set.secret)
	for _, name := range []string{"romeo", "juliet"} {
		if err := accounts.Add(name, name); err != nil {
			return nil, err
		}
	}
	certificate, err := c2s.TLSConfig("", "", domain, log)
	if err != nil {
		return nil, err
	}
	n, services := new(node), map[string]c2s.Service{}
	n.clients = c2s.New(c2s.Config{Domain: domain, Accounts: accounts, Guests: true, TLS: certificate, Nodes: n, Log: log}, services)
	n.Node, err = cluster.New(ctx, cluster.Config{
		Node: set.name, Log: engine, Owners: engine, Bus: engine, GoneAfter: set.gone,
		Service: service.Config{
			Domain:       rooms,
			Room:         muc.Config{Secret: set.secret, ShowActivity: true},
			Deliver:      n.deliver,
			DeliverBatch: n.clients.Deliver,
			Observer:     counts.rooms,
			Log:          log,
		},
		Observer: counts.cluster,
		Home:     n.clients.Home,
		Came:     func(string) { n.clients.Announce() },
		Gone:     func(of string) { n.clients.Lost(of) },
		Heard:    n.heard,
	})
	if err != nil {
		return nil, err
	}
	services[rooms], n.clients.Node = n.Node, n.ID() // nobody is connected yet
	if err := n.Ready(ctx); err != nil {
		return nil, err
	}
	return n, n.lobby(ctx)
}

// deliver takes what the domain of the rooms answers.
func (n *node) deliver(ctx context.Context, out service.Stanza) {
	n.clients.Deliver(ctx, service.Delivery{Stanzas: []service.Stanza{out}})
}

// told is what nodes tell each other of their clients: of a session, or something for one.
type told struct {
	Session *c2s.Session `json:"session,omitempty"`
	To      muc.JID      `json:"to,omitzero"`
	XML     string       `json:"xml,omitempty"`
}

// Changed tells all other nodes of a session of this one.
func (n *node) Changed(of c2s.Session) { n.TellAll(encode(told{Session: &of})) }

// Send sends something to a session of another node.
func (n *node) Send(to string, session muc.JID, xml []byte) {
	n.Tell(to, encode(told{To: session, XML: string(xml)}))
}

func encode(t told) []byte {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err) // all of it can be written
	}
	return text
}

// heard takes what another node tells.
func (n *node) heard(from string, data []byte) {
	var t told
	switch err := json.Unmarshal(data, &t); {
	case err != nil:
	case t.Session != nil:
		n.clients.Heard(from, *t.Session)
	default:
		n.clients.Receive(t.To, []byte(t.XML))
	}
}

// lobby makes the room of the demonstration, unless there is one or another node sees to it.
func (n *node) lobby(ctx context.Context) error {
	_, err := n.Service().Do(ctx, muc.MustParseJID("lobby@"+rooms), muc.Create{
		Owner: muc.MustParseJID("romeo@" + domain), Config: muc.RoomConfig{Name: "The lobby", Persistent: true}})
	if errors.Is(err, service.ErrNotOwner) || errors.Is(err, &muc.StanzaError{Condition: stanza.Conflict}) {
		return nil
	}
	return err
}
