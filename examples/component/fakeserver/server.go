package fakeserver

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // XEP-0114 knows no other
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience is how long the server waits for anything. It is so long that only what
// never comes is missed, however busy the machine is.
const Patience = 2 * time.Minute

// Server listens on loopback for a component and takes one stream after the other.
type Server struct {
	// MaxStanza is how many bytes one stanza of the component may have: a longer one
	// ends the stream with policy-violation, as servers do. 0 takes all. Set it before
	// the component connects.
	MaxStanza int

	t              testing.TB
	domain, secret string
	listener       net.Listener
	streams        chan *Stream

	mu      sync.Mutex
	reading sync.Cond // the server reads again, or is closed
	stopped bool
	closed  bool
	conns   []net.Conn
}

// New starts a server, which ends with the test.
func New(t testing.TB, domain, secret string) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, domain: domain, secret: secret, listener: listener, streams: make(chan *Stream, 1000)}
	s.reading.L = &s.mu
	t.Cleanup(s.close)
	go s.accept()
	return s
}

// Addr is where it listens, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Next waits for the next stream of which the component has proven the secret.
func (s *Server) Next() *Stream {
	s.t.Helper()
	select {
	case stream := <-s.streams:
		return stream
	case <-time.After(Patience):
		s.t.Fatal("the component opens no stream")
		return nil
	}
}

// StopReading has the server take no byte any more, neither of streams that are open
// nor of new ones, until StartReading. It goes on sending.
func (s *Server) StopReading() { s.setStopped(true) }

// StartReading ends StopReading.
func (s *Server) StartReading() { s.setStopped(false) }

func (s *Server) setStopped(stopped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = stopped
	s.reading.Broadcast()
}

// gate waits as long as the server does not read.
func (s *Server) gate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.stopped && !s.closed {
		s.reading.Wait()
	}
}

func (s *Server) close() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.reading.Broadcast()
	for _, conn := range s.conns {
		conn.Close()
	}
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		go s.serve(conn)
	}
}

// gated reads from a connection, as long as the server reads.
type gated struct {
	net.Conn
	server *Server
}

func (g gated) Read(b []byte) (int, error) {
	g.server.gate()
	return g.Conn.Read(b)
}

// serve greets the component and reads what it sends.
func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	// What the system holds for a server that does not read is little, so that it is
	// the component that has to hold it.
	_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	in := bufio.NewReaderSize(gated{conn, s}, 64<<10)
	if err := s.greet(conn, in); err != nil {
		fmt.Fprint(conn, err, "</stream:stream>")
		return
	}
	stream := newStream(s, conn)
	s.streams <- stream
	stream.read(in)
}

// greet is the handshake (XEP-0114 §3). Its error is a stream error, as it is sent.
func (s *Server) greet(conn net.Conn, in *bufio.Reader) error {
	for open := ""; !strings.Contains(open, "<stream:stream"); {
		tag, err := in.ReadString('>')
		if err != nil {
			return err
		}
		open += tag
	}
	const id = "fake-1"
	fmt.Fprintf(conn, "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "+
		"xmlns:stream='http://etherx.jabber.org/streams' id='%s' from='%s'>", id, s.domain)
	said := ""
	for !strings.Contains(said, "</handshake>") {
		tag, err := in.ReadString('>')
		if err != nil {
			return err
		}
		said += tag
	}
	proof := sha1.Sum([]byte(id + s.secret))
	if !strings.Contains(said, hex.EncodeToString(proof[:])) {
		return fmt.Errorf("%s", streamError("not-authorized"))
	}
	_, err := fmt.Fprint(conn, "<handshake/>")
	return err
}

func streamError(condition string) string {
	return "<stream:error><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
}
