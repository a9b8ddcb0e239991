package main

import (
	"errors"
	"net"
	"strings"
	"sync"
)

// link is the network between a node and the NATS servers. It can be cut while all of them live: what is sent then
// waits, as it does where packets are lost, and connections look open.
type link struct {
	listeners []net.Listener
	urls      []string

	mu     sync.Mutex
	healed *sync.Cond
	out    bool // nothing of the node arrives
	in     bool // nothing arrives at the node
	ended  bool
}

// newLink leads to some addresses.
func newLink(to []string) (*link, error) {
	l := &link{}
	l.healed = sync.NewCond(&l.mu)
	for _, address := range to {
		from, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			l.close()
			return nil, err
		}
		l.listeners, l.urls = append(l.listeners, from), append(l.urls, "nats://"+from.Addr().String())
		go l.serve(from, address)
	}
	return l, nil
}

func (l *link) url() string { return strings.Join(l.urls, ",") }

func (l *link) serve(from net.Listener, address string) {
	for {
		node, err := from.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		server, err := net.Dial("tcp", address)
		if err != nil {
			_ = node.Close()
			continue
		}
		go l.carry(server, node, &l.out)
		go l.carry(node, server, &l.in)
	}
}

// carry takes bytes from one end to the other while this way is not cut.
func (l *link) carry(to, from net.Conn, cut *bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		for *cut && !l.ended {
			l.healed.Wait()
		}
		ended := l.ended
		l.mu.Unlock()
		if _, failed := to.Write(buf[:n]); err != nil || failed != nil || ended {
			return
		}
	}
}

// cut cuts one way or both, or heals them.
func (l *link) cut(out, in bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out, l.in = out, in
	l.healed.Broadcast()
}

func (l *link) close() {
	for _, from := range l.listeners {
		_ = from.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.healed.Broadcast()
}
