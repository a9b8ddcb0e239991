package fakeserver

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// kept bounds the bytes of stanzas that a stream keeps for Expect: beyond it the
// oldest are forgotten.
const kept = 64 << 20

// Stream is one connection of the component, of which the secret is proven.
type Stream struct {
	server *Server
	conn   net.Conn
	done   chan struct{}

	writing sync.Mutex

	mu      sync.Mutex
	came    sync.Cond // something came, or the stream has ended
	log     []string  // what came and nobody has taken, in order
	logged  int       // bytes of it
	stanzas int
	bytes   int64
	largest int
	goodbye bool
	ended   bool
}

func newStream(s *Server, conn net.Conn) *Stream {
	c := &Stream{server: s, conn: conn, done: make(chan struct{})}
	c.came.L = &c.mu
	return c
}

// Send sends stanzas, or whatever else, one after the other.
func (c *Stream) Send(stanzas ...string) {
	c.server.t.Helper()
	if err := c.send(func(w *bufio.Writer) {
		for _, stanza := range stanzas {
			_, _ = w.WriteString(stanza)
		}
	}); err != nil {
		c.server.t.Fatalf("the component reads nothing: %v", err)
	}
}

// Flood sends n stanzas as fast as the component reads them.
func (c *Stream) Flood(n int, stanza func(i int) string) {
	c.server.t.Helper()
	if err := c.send(func(w *bufio.Writer) {
		for i := range n {
			_, _ = w.WriteString(stanza(i))
		}
	}); err != nil {
		c.server.t.Fatalf("the component does not read a flood: %v", err)
	}
}

// TryFlood is Flood for a stream that may end meanwhile.
func (c *Stream) TryFlood(n int, stanza func(i int) string) error {
	return c.send(func(w *bufio.Writer) {
		for i := range n {
			if _, err := w.WriteString(stanza(i)); err != nil {
				return
			}
		}
	})
}

func (c *Stream) send(write func(*bufio.Writer)) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	w := bufio.NewWriterSize(patient{c.conn}, 64<<10)
	write(w)
	return w.Flush()
}

// patient writes to a connection that takes something now and then.
type patient struct{ net.Conn }

func (p patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(Patience)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// Expect waits for a stanza in which all these texts stand, and takes it: it is not
// found again. Quotes are single ones, whatever the component wrote.
func (c *Stream) Expect(parts ...string) string {
	c.server.t.Helper()
	stanza, ok := c.Wait(Patience, parts...)
	if !ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		last := ""
		for _, other := range c.log[max(0, len(c.log)-5):] {
			last += "\n" + other[:min(len(other), 500)]
		}
		c.server.t.Fatalf("no stanza with %q in %d, of which the last are%s", parts, c.stanzas, last)
	}
	return stanza
}

// Wait is Expect with a time, at the end of which it reports false, as it does when
// the stream has ended.
func (c *Stream) Wait(patience time.Duration, parts ...string) (stanza string, ok bool) {
	until := time.Now().Add(patience)
	timer := time.AfterFunc(patience, c.wake)
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for from := 0; ; {
		from = min(from, len(c.log)) // some were forgotten
		for i, stanza := range c.log[from:] {
			if holds(stanza, parts) {
				c.log = append(c.log[:from+i:from+i], c.log[from+i+1:]...)
				c.logged -= len(stanza)
				return stanza, true
			}
		}
		from = len(c.log)
		if c.ended || !time.Now().Before(until) {
			return "", false
		}
		before := c.stanzas
		for c.stanzas == before && !c.ended && time.Now().Before(until) {
			c.came.Wait()
		}
		if c.stanzas-before > len(c.log)-from {
			from = 0 // others took or forgot some
		}
	}
}

func holds(stanza string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(stanza, part) {
			return false
		}
	}
	return true
}

func (c *Stream) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.came.Broadcast()
}

// Cut breaks the connection, without a word: what was under way is lost.
func (c *Stream) Cut() {
	_ = c.conn.(*net.TCPConn).SetLinger(0)
	_ = c.conn.Close()
}

// End ends the stream with an error (RFC 6120 §4.9), as a server that stops says
// system-shutdown. Without a condition it ends in good order.
func (c *Stream) End(condition string) {
	if condition != "" {
		condition = streamError(condition)
	}
	_ = c.send(func(w *bufio.Writer) { _, _ = w.WriteString(condition + "</stream:stream>") })
	_ = c.conn.(*net.TCPConn).CloseWrite()
}

// Done is closed when nothing more comes from the component.
func (c *Stream) Done() <-chan struct{} { return c.done }

// Ended waits until nothing more comes, and reports whether the component said
// goodbye before.
func (c *Stream) Ended() (goodbye bool) {
	c.server.t.Helper()
	select {
	case <-c.done:
	case <-time.After(Patience):
		c.server.t.Fatal("the component does not end the stream")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.goodbye
}

// Counts are all stanzas that came, their bytes, and those of the largest.
func (c *Stream) Counts() (stanzas int, bytes int64, largest int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stanzas, c.bytes, c.largest
}

// Forget forgets what came and nobody has taken, and returns how much that was.
func (c *Stream) Forget() (stanzas int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stanzas = len(c.log)
	c.log, c.logged = nil, 0
	return stanzas
}

// read takes what comes until the stream ends.
func (c *Stream) read(in io.Reader) {
	cut := splitter{max: c.server.MaxStanza}
	buf := make([]byte, 64<<10)
	for {
		n, err := in.Read(buf)
		said := cut.feed(buf[:n], c.take)
		if said == tooLarge {
			c.End("policy-violation")
		}
		if said == streamEnds {
			c.End("")
		}
		if err != nil || said != goesOn {
			c.mu.Lock()
			c.ended, c.goodbye = true, said == streamEnds
			c.came.Broadcast()
			c.mu.Unlock()
			close(c.done)
			return
		}
	}
}

// take keeps a stanza.
func (c *Stream) take(stanza []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stanzas++
	c.bytes += int64(len(stanza))
	c.largest = max(c.largest, len(stanza))
	c.log = append(c.log, strings.ReplaceAll(string(stanza), `"`, "'"))
	for c.logged += len(stanza); c.logged > kept; c.log = c.log[1:] {
		c.logged -= len(c.log[0])
	}
	c.came.Broadcast()
}
