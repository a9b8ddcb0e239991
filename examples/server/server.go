package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// server is an XMPP server of one domain, whose rooms are at another.
type server struct {
	ctx                 context.Context // of what clients send to rooms; it does not end
	log                 *slog.Logger
	domain, roomsDomain string
	accounts            *accounts
	guests              bool // people may log in without an account
	tls                 *tls.Config
	rooms               *service.Service
	metrics             *metrics
	bounds              bounds

	strangers atomic.Int64 // connections that are not logged in
	unsent    atomic.Int64 // bytes of the buffers of all clients
	ending    sync.WaitGroup

	// mu guards what follows, and of each client what its comment says.
	mu       sync.RWMutex
	stopping bool
	clients  map[*client]bool      // all connections
	sessions map[muc.JID]*client   // by full JID
	people   map[muc.JID][]*client // the same by account
}

// bounds are those of what people can make the server hold.
type bounds struct {
	connections int           // at once
	strangers   int           // of them not logged in
	sessions    int           // of one account
	unsent      int           // bytes that wait to be sent to one client
	traffic     int           // bytes a second that are read from one client
	login       time.Duration // from the connection to a bound resource
	request     time.Duration // for a request by HTTP, and for its answer
}

var defaultBounds = bounds{connections: 10000, strangers: 500, sessions: 20, unsent: 4 << 20, traffic: 64 << 10,
	login: 30 * time.Second, request: time.Minute}

// listen serves clients over TCP until the listener is closed.
func (s *server) listen(l net.Listener) error {
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
			go s.serve(newTCPWire(conn), conn.RemoteAddr())
		}
	}
}

// websocket serves a client over WebSocket.
func (s *server) websocket(origins []string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		w, err := acceptWebSocket(rw, r, origins)
		if err != nil {
			s.log.Debug("no WebSocket", "from", r.RemoteAddr, "error", err)
			return
		}
		go s.serve(w, w.raw.RemoteAddr()) // what the request needed is not needed any more
	}
}

func (s *server) serve(w wire, from net.Addr) {
	c := &client{server: s, wire: w}
	if tcp, ok := from.(*net.TCPAddr); ok {
		c.local = tcp.IP.IsLoopback()
	}
	c.out.init(w, s.bounds.unsent, &s.unsent)
	if !s.connect(c) {
		s.log.Warn("a connection too many", "from", from)
		w.abort()
		return
	}
	defer s.disconnect(c)
	c.serve()
}

// connect counts a connection, unless there are too many.
func (s *server) connect(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || len(s.clients) >= s.bounds.connections {
		return false
	}
	s.clients[c] = true
	s.ending.Add(1)
	return true
}

func (s *server) disconnect(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	s.ending.Done()
}

// errCrowded: too many are at their login.
var errCrowded = errors.New("too many connections that are not logged in")

// waiting bounds how many are at their login at once.
func (s *server) waiting(login func() error) error {
	defer s.strangers.Add(-1)
	if s.strangers.Add(1) > int64(s.bounds.strangers) {
		return errCrowded
	}
	return login()
}

// session finds a client by its full JID, nil for nobody.
func (s *server) session(jid muc.JID) *client {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sessions[jid]
}

// enter adds a session. One that has the address already is replaced, as clients want
// that come back before their old connection has timed out.
func (s *server) enter(c *client) bool {
	s.mu.RLock()
	old := s.sessions[c.jid]
	s.mu.RUnlock()
	if old != nil {
		s.leave(old, false)
		old.out.finish(streamError("conflict").xml(), old.wire.closing())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := s.people[c.account]
	if s.stopping || s.sessions[c.jid] != nil || len(mine) >= s.bounds.sessions {
		return false
	}
	s.sessions[c.jid] = c
	s.people[c.account] = append(mine, c)
	s.metrics.sessions.Inc()
	return true
}

// leave ends a session: the others see it go, and rooms. Nothing is done in its name after
// that. It may be called again.
func (s *server) leave(c *client, politely bool) {
	c.passing.Lock()
	defer c.passing.Unlock()
	if c.over || s.session(c.jid) != c {
		return
	}
	c.over = true
	s.hide(c, "<presence xmlns='"+nsClient+"' type='unavailable' from='"+escaped(c.jid)+"'/>")
	err := error(nil)
	if politely {
		err = s.rooms.Offline(s.ctx, c.jid, nil)
	} else {
		err = s.rooms.Vanished(s.ctx, c.jid)
	}
	if unlessStopping(err) != nil {
		s.log.Error("rooms do not know that somebody is gone", "jid", c.jid, "error", err)
	}
	s.metrics.sessions.Dec()
	s.mu.Lock() // last: until rooms know it, nobody else gets the address
	defer s.mu.Unlock()
	delete(s.sessions, c.jid)
	mine := s.people[c.account]
	for i := range mine {
		if mine[i] == c {
			mine = append(mine[:i:i], mine[i+1:]...)
			break
		}
	}
	if s.people[c.account] = mine; len(mine) == 0 {
		delete(s.people, c.account)
	}
}

// escaped is a JID as the value of an attribute.
func escaped(j muc.JID) string { return string(j.AppendEscaped(nil)) }

// stop ends all sessions, after rooms have told everybody that they go down.
func (s *server) stop(ctx context.Context) error {
	err := s.rooms.Shutdown(ctx, "The server goes down.")
	s.mu.Lock()
	s.stopping = true
	for c := range s.clients {
		c.out.finish(streamError("system-shutdown").xml(), c.wire.closing())
	}
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() { s.ending.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
	}
	return err
}
