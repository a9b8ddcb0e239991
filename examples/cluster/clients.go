package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/examples/server/c2s"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// clients is a node with the clients that are connected to it.
type clients struct {
	*cluster.Node
	rooms    string // their domain
	server   *c2s.Server
	services map[string]c2s.Service
	listener net.Listener
}

func newClients(set *settings, log *slog.Logger) (*clients, error) {
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
	n := &clients{rooms: set.rooms, services: map[string]c2s.Service{}}
	if n.listener, err = net.Listen("tcp", set.listen); err != nil {
		return nil, err
	}
	n.server = c2s.New(c2s.Config{Domain: domain, Accounts: accounts, Guests: true, TLS: certificate, Nodes: n, Log: log}, n.services)
	return n, nil
}

func (n *clients) hooks(c *cluster.Config) {
	c.Service.Deliver, c.Service.DeliverBatch = n.deliver, n.server.Deliver
	c.Home = n.server.Home
	c.Came = func(string) { n.server.Announce() }
	c.Gone = func(of string) { n.server.Lost(of) }
	c.Heard = n.heard
}

func (n *clients) begin(ctx context.Context, node *cluster.Node) error {
	n.Node = node
	n.services[n.rooms], n.server.Node = node, node.ID() // nobody is connected yet
	if err := node.Ready(ctx); err != nil {
		return err
	}
	return n.lobby(ctx)
}

func (n *clients) place() string { return "clients at " + n.listener.Addr().String() }

func (n *clients) serve() error { return n.server.Serve(n.listener) }

func (n *clients) stop(ctx context.Context) error {
	n.listener.Close()
	return errors.Join(n.server.Stop(ctx), n.Close(ctx))
}

// deliver takes what the domain of the rooms answers.
func (n *clients) deliver(ctx context.Context, out service.Stanza) {
	n.server.Deliver(ctx, service.Delivery{Stanzas: []service.Stanza{out}})
}

// told is what nodes tell each other of their clients: of a session, or something for one.
type told struct {
	Session *c2s.Session `json:"session,omitempty"`
	To      muc.JID      `json:"to,omitzero"`
	XML     string       `json:"xml,omitempty"`
	// The node with the link to a server says Yields before another one has it, and Drained when all is done that
	// came to it; the next one Linked when it is connected, and Broken if nobody was for a while.
	Yields  bool `json:"yields,omitempty"`
	Drained bool `json:"drained,omitempty"`
	Linked  bool `json:"linked,omitempty"`
	Broken  bool `json:"broken,omitempty"`
}

// Changed tells all other nodes of a session of this one.
func (n *clients) Changed(of c2s.Session) { n.TellAll(encode(told{Session: &of})) }

// Send sends something to a session of another node.
func (n *clients) Send(to string, session muc.JID, xml []byte) {
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
func (n *clients) heard(from string, data []byte) {
	var t told
	switch err := json.Unmarshal(data, &t); {
	case err != nil:
	case t.Session != nil:
		n.server.Heard(from, *t.Session)
	default:
		n.server.Receive(t.To, []byte(t.XML))
	}
}

// lobby makes the room of the demonstration, unless there is one or another node sees to it.
func (n *clients) lobby(ctx context.Context) error {
	_, err := n.Service().Do(ctx, muc.MustParseJID("lobby@"+n.rooms), muc.Create{
		Owner: muc.MustParseJID("romeo@" + domain), Config: muc.RoomConfig{Name: "The lobby", Persistent: true}})
	if errors.Is(err, service.ErrNotOwner) || errors.Is(err, &muc.StanzaError{Condition: stanza.Conflict}) {
		return nil
	}
	return err
}
