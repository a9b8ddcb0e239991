package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/beevik/etree"
	natsgo "github.com/nats-io/nats.go"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/nats"
	"github.com/gomuc/muc/service"
)

const (
	domain   = "chat.example"
	password = "only-on-loopback"
	secret   = "only to measure: no secret"
)

// nodeConfig is what the process of a node is told.
type nodeConfig struct {
	Name, URL string
	Replicas  int
}

// answered is what a node's process answers to a line that it reads.
type answered struct {
	Listed, Occupants, Rooms int
	First, Whole             time.Duration // a page of the list, and all of them
}

// node is the process of a node: it answers each line that it reads.
func node(text string) error {
	var c nodeConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	p, err := startNode(context.Background(), c, nil)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var a answered
		if in.Text() == "list" {
			a.First, a.Whole = p.list()
		}
		stats := p.node.Service().Stats()
		a.Listed, a.Occupants, a.Rooms = stats.Listed, stats.Occupants, stats.Rooms
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

// place is a node in this process, and those of its clients that wait for something.
type place struct {
	node   *cluster.Node
	engine *nats.Engine
	reader muc.JID      // who reads the list
	pages  chan string  // what is answered
	loaded atomic.Value // func(time.Duration): told how long loading a room took
}

// startNode starts a node. All clients are at the node a.
func startNode(ctx context.Context, c nodeConfig, hear func(service.Stanza)) (*place, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})).With("node", c.Name)
	p := &place{pages: make(chan string, 1), reader: muc.MustParseJID("reader@example.org/" + c.Name)}
	var err error
	if p.engine, err = openEngine(ctx, c, log); err != nil {
		return nil, err
	}
	var first, own atomic.Pointer[[]string] // the node a, and this one
	note := func(of string) {
		if strings.HasPrefix(of, "a-") {
			first.Store(&[]string{of})
		}
	}
	p.node, err = cluster.New(ctx, cluster.Config{Node: c.Name, Log: p.engine, Owners: p.engine, Bus: p.engine,
		Came: note,
		Home: func(to muc.JID) []string {
			of := first.Load()
			if to == p.reader {
				of = own.Load()
			}
			if of == nil {
				return nil
			}
			return *of
		},
		Service: service.Config{Domain: domain, Room: muc.Config{Secret: []byte(secret), Instant: true}, Log: log,
			Observer: service.Observer{Loaded: func(took time.Duration, _ error) {
				if told, is := p.loaded.Load().(func(time.Duration)); is {
					told(took)
				}
			}},
			Deliver: func(_ context.Context, s service.Stanza) {
				for _, to := range s.To() {
					if to == p.reader {
						p.pages <- string(s.AppendXML(nil, to, ""))
					}
				}
				if hear != nil {
					hear(s)
				}
			}}})
	if err != nil {
		p.engine.Close()
		return nil, fmt.Errorf("node %s: %w", c.Name, err)
	}
	own.Store(&[]string{p.node.ID()})
	note(p.node.ID())
	return p, p.node.Ready(ctx)
}

func openEngine(ctx context.Context, c nodeConfig, log *slog.Logger) (*nats.Engine, error) {
	return nats.Open(ctx, nats.Config{URL: c.URL, Domain: domain, Log: log, Replicas: c.Replicas,
		Options: []natsgo.Option{natsgo.UserInfo("muc", password)}, System: []natsgo.Option{natsgo.UserInfo("system", password)}})
}

// list reads the list of rooms as a client does: the first page, and all of them.
func (p *place) list() (first, whole time.Duration) {
	began, after := time.Now(), ""
	for n := 0; ; n++ {
		p.handle(p.reader, "<iq to='"+domain+"' type='get' id='list'><query xmlns='http://jabber.org/protocol/disco#items'>"+
			"<set xmlns='http://jabber.org/protocol/rsm'><max>1000</max>"+after+"</set></query></iq>")
		answer := parse(<-p.pages)
		if n == 0 {
			first = time.Since(began)
		}
		last := answer.FindElement("query/set/last")
		if last == nil {
			return first, time.Since(began)
		}
		after = "<after>" + last.Text() + "</after>"
	}
}

func (p *place) handle(from muc.JID, stanza string) {
	if err := p.node.Handle(context.Background(), from, parse(stanza)); err != nil {
		fmt.Fprintln(os.Stderr, "not taken:", err)
	}
}

func parse(text string) *etree.Element {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		panic(err)
	}
	return doc.Root()
}
