// Package c2s serves the clients of an XMPP server: TCP with STARTTLS (RFC 6120) and WebSocket
// (RFC 7395), SASL, resource binding, and what accounts of one domain want of each other:
// messages, presence, a roster (RFC 6121). It knows nothing of rooms: these are a [Service] at a
// domain of their own. Where several nodes serve a domain together, each has clients of its own,
// and [Nodes] carries what is for those of the others.
package c2s

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// Config is what a [Server] is made of.
type Config struct {
	Domain   string // normalised
	Accounts *Accounts
	Guests   bool        // people may log in without an account
	TLS      *tls.Config // needs a certificate
	Bounds   Bounds
	Node     string // the name of this node, where there are several
	Nodes    Nodes  // the others, nil for a server that is alone
	Log      *slog.Logger
}

// Bounds are those of what people can make a server hold. A zero field is the default.
type Bounds struct {
	Connections int // at once, with those for pages (see [Server.ConnState]): 10000
	Strangers   int // of them not logged in: 500; of both a fifth from one address of another machine
	Sessions    int // of one account: 20
	Unsent      int // bytes that wait to be sent to one client: 4 MiB
	// Traffic is how many bytes a second are read from one client: 64 KiB; 8 times as many at once. A
	// stanza counts as 1 KiB at the least, presence to all contacts and a request for them as 16 KiB.
	Traffic int
	Login   time.Duration // from the connection to a bound resource: 30 s
}

// WithDefaults fills in what is zero.
func (b Bounds) WithDefaults() Bounds {
	return Bounds{cmp.Or(b.Connections, 10000), cmp.Or(b.Strangers, 500), cmp.Or(b.Sessions, 20),
		cmp.Or(b.Unsent, 4<<20), cmp.Or(b.Traffic, 64<<10), cmp.Or(b.Login, 30*time.Second)}
}

// Service serves another domain for the same clients: a *service.Service is one. An error of its
// methods ends the stream of the client, but for [service.ErrClosed]. They are called by several
// goroutines at once.
type Service interface {
	// Handle takes a stanza that is addressed to the domain.
	Handle(ctx context.Context, from muc.JID, stanza *etree.Element) error
	// Offline says that a session ends in good order, with its last presence or nil; Vanished,
	// that it is lost. Until they have returned nobody else gets the address.
	Offline(ctx context.Context, session muc.JID, presence *etree.Element) error
	Vanished(ctx context.Context, session muc.JID) error
}

// Server serves the clients of one domain. Its methods may be called at any time.
type Server struct {
	Config
	services map[string]Service // by domain

	unsent                   atomic.Int64 // bytes of the buffers of all clients
	refused                  atomic.Int64 // see Stats
	received, failures, slow atomic.Int64
	ending                   sync.WaitGroup
	watching                 sync.Once

	mu       sync.RWMutex // guards what follows, and of a session its presence
	stopping bool
	clients  map[*client]bool        // all connections, but for requests
	requests map[net.Conn]bool       // connections for pages
	counts   map[netip.Prefix]counts // from where how many connections are
	sessions map[muc.JID]*session    // by full JID, also those at other nodes
	people   map[muc.JID][]*session  // the same by account
}

// New makes a server, which serves nobody yet. The services are by domain; they may be filled
// in until then.
func New(cfg Config, services map[string]Service) *Server {
	cfg.Bounds = cfg.Bounds.WithDefaults()
	return &Server{Config: cfg, services: services, clients: map[*client]bool{}, requests: map[net.Conn]bool{},
		counts: map[netip.Prefix]counts{}, sessions: map[muc.JID]*session{}, people: map[muc.JID][]*session{}}
}

// Stats are figures of a server at one moment.
type Stats struct {
	Connections, Sessions int // Sessions are those of this node
	Unsent                int // bytes of the buffers of what waits to be sent
	// What was counted since the start: connections for which there was no place, stanzas of clients,
	// logins that failed, and connections that ended because too much waited.
	Refused, Received, Failures, Slow int
}

// Stats looks.
func (s *Server) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := Stats{Connections: len(s.clients), Unsent: int(s.unsent.Load()), Refused: int(s.refused.Load()),
		Received: int(s.received.Load()), Failures: int(s.failures.Load()), Slow: int(s.slow.Load())}
	for _, of := range s.sessions {
		if of.client != nil {
			st.Sessions++
		}
	}
	return st
}

// Serve serves clients over TCP until the listener is closed.
func (s *Server) Serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		var passing interface{ Temporary() bool }
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.As(err, &passing) && passing.Temporary(): // such as too many open files
			time.Sleep(50 * time.Millisecond)
		case err != nil:
			return err
		default:
			go s.serve(overTCP(conn, newTraffic(s.Bounds.Traffic)))
		}
	}
}

// WebSocket serves clients over WebSocket. Pages of other origins than the server's own may
// connect if a pattern says so.
func (s *Server) WebSocket(origins []string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if st, err := overWebSocket(rw, r, origins, newTraffic(s.Bounds.Traffic)); err != nil {
			s.Log.Debug("no WebSocket", "from", r.RemoteAddr, "error", err)
		} else {
			go s.serve(st) // what the request needed is not needed any more
		}
	}
}

// serve serves a client from its first byte to its last, unless there are too many.
func (s *Server) serve(st *stream) {
	defer st.abort()
	c := &client{server: s, stream: st, out: newOutbox(st, st.space(), s.Bounds.Unsent, &s.unsent)}
	c.session.client = c
	s.mu.Lock()
	from := origin(st)
	admitted := s.admit(from, counts{all: 1, strangers: 1})
	if admitted {
		s.clients[c] = true
		s.ending.Add(1)
	}
	s.mu.Unlock()
	if !admitted {
		c.out.end(st.opening(s.Domain), streamError("resource-constraint").xml(), st.closing())
		_ = c.out.wait()
		return
	}
	s.watching.Do(func() { go s.watch() })
	c.talk()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	s.count(from, counts{all: -1})
	if c.JID.IsZero() {
		s.count(from, counts{strangers: -1})
	}
	s.ending.Done()
}

// watch ends connections that take too long to be written to, until Stop has ended all.
func (s *Server) watch() {
	for now := range time.Tick(writeTimeout / 6) {
		s.mu.RLock()
		for c := range s.clients {
			c.out.watch(now)
		}
		over := s.stopping && len(s.clients) == 0
		s.mu.RUnlock()
		if over {
			return
		}
	}
}

// Stop ends all streams, and waits until they have ended: until ctx ends, which cuts those that are left. What
// services have to say to all they have said before.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	for c := range s.clients {
		if c.JID.IsZero() { // it may be on the way to TLS, where others must not write
			c.stream.abort()
		} else {
			c.out.end(streamError("system-shutdown").xml(), c.stream.closing())
		}
	}
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() { s.ending.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		s.mu.RLock()
		defer s.mu.RUnlock()
		for c := range s.clients {
			c.stream.abort()
		}
		return ctx.Err()
	}
}

// Deliver sends to clients of this node what a service says: it is for DeliverBatch of a
// service.Config. It never blocks: who does not read loses the connection. Nothing is written before
// the last stanza, so that each connection gets all in one write.
func (s *Server) Deliver(_ context.Context, d service.Delivery) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var held []*outbox
	for i, out := range d.Stanzas {
		last := i == len(d.Stanzas)-1
		for _, to := range out.To() {
			if of := s.sessions[to]; of != nil && of.client != nil {
				box := of.client.out
				if box.hold(last, func(b []byte) []byte { return out.AppendXML(b, to, box.space) }) {
					held = append(held, box)
				}
			} else if to.IsBare() && out.Name() == "message" { // such as an invitation
				s.toAccount(to, string(out.AppendXML(nil, to, nsClient)), true)
			}
		}
	}
	for _, box := range held {
		box.release()
	}
}
