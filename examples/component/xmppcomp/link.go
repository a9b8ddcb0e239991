package xmppcomp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beevik/etree"
)

// Config says how a [Link] reaches its server and what it does with what comes. Functions in it
// are called by what reads and by what writes, at the same time; of each one call comes after the
// other.
type Config struct {
	// Addr is where the server listens for components, host:port. Required.
	Addr string
	// Domain is the component's own. Required.
	Domain string
	// Secret is shared with the server. It is never logged. Required.
	Secret string
	// Handle gets each stanza, one at a time, in order, and its bytes on the wire. While
	// it waits, nothing is read, so it must not wait for what depends on the stream, as
	// place in the queue does: [Queue.Offer] is for that. The context ends with the
	// stream, and the next one does not begin before Handle has returned. Required.
	Handle func(ctx context.Context, el *etree.Element, bytes int)
	// Unreadable gets each stanza that is over the Limits or is no XML, as Handle gets the
	// others. Required.
	Unreadable func(ctx context.Context, bad *StanzaError, bytes int)
	// Sent is told of stanzas that were written. Nil is nobody.
	Sent func(stanzas int)
	// Dropped is told of a stanza that is not sent again, because a stream ended in the
	// middle of it (see [StreamError.Blames]). Nil is nobody.
	Dropped func(stanza []byte)
	// Connected is told when a stream opens (true) and when nothing can be sent on it any
	// more. Nil is nobody.
	Connected func(bool)
	// Before is called before each try to connect, and may wait until ctx ends. Its error ends Run. Nil
	// is nothing.
	Before func(ctx context.Context) error
	// Limits bound what comes in. Zero fields get defaults.
	Limits Limits
	// Log gets what happens to the connection. Nil means the default logger.
	Log *slog.Logger

	// Queue bounds what waits to be sent. Zero fields get defaults.
	Queue Bounds
	// HandshakeTimeout bounds how long a server may take to connect and to accept
	// the secret: 0 means 10 seconds.
	HandshakeTimeout time.Duration
	// WriteTimeout is how long the server may take nothing: 0 means two minutes. A server
	// that is only busy is not left for that: what waits would wait for longer.
	WriteTimeout time.Duration
	// KeepAlive is how long the stream may be silent: 0 means a minute.
	KeepAlive time.Duration
	// Backoff is the wait after the first failure, which doubles with each further
	// one up to MaxBackoff: 0 means 1 second and 1 minute.
	Backoff, MaxBackoff time.Duration
	// Held is how long a stream must hold to count as a success: 0 means 5 seconds.
	Held time.Duration
}

// Link is the component's side of its streams.
type Link struct {
	cfg       Config
	queue     *Queue
	connected atomic.Bool
	stream    atomic.Pointer[stream] // that is open
	held      *hold                  // of it, while it is held
	adopted   *Handover              // to go on with
	dial      func(ctx context.Context, addr string) (net.Conn, error)
}

// NewLink makes a link, which is not connected before Run.
func NewLink(cfg Config) *Link {
	for _, d := range [...]struct {
		field     *time.Duration
		otherwise time.Duration
	}{
		{&cfg.HandshakeTimeout, 10 * time.Second},
		{&cfg.WriteTimeout, 2 * time.Minute},
		{&cfg.KeepAlive, time.Minute},
		{&cfg.Backoff, time.Second},
		{&cfg.MaxBackoff, time.Minute},
		{&cfg.Held, 5 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.otherwise
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Sent == nil {
		cfg.Sent = func(int) {}
	}
	if cfg.Dropped == nil {
		cfg.Dropped = func([]byte) {}
	}
	if cfg.Connected == nil {
		cfg.Connected = func(bool) {}
	}
	if cfg.Before == nil {
		cfg.Before = func(context.Context) error { return nil }
	}
	return &Link{cfg: cfg, queue: NewQueue(cfg.Queue), dial: dialTCP}
}

// dialTCP connects, and lets the system find out when the other side is gone.
func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}
	return d.DialContext(ctx, "tcp", addr)
}

// Queue is what waits to be sent. It may be filled before and between streams.
func (l *Link) Queue() *Queue { return l.queue }

// Run keeps the component connected until ctx ends, then says goodbye and returns
// nil. It returns an error when no further try can help ([StreamError.Final]), and that of Before.
func (l *Link) Run(ctx context.Context) error {
	wait, before := l.cfg.Backoff, false
	for {
		if err := l.cfg.Before(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		held, err := l.once(ctx)
		if ctx.Err() != nil || errors.Is(err, errLeft) {
			return nil
		}
		before = before || held > 0
		var said *StreamError
		if errors.As(err, &said) && said.Final(before) {
			return err
		}
		if held >= l.cfg.Held {
			wait = l.cfg.Backoff
		}
		pause := jittered(wait)
		l.cfg.Log.Warn("not connected", "server", l.cfg.Addr, "error", inWords(err), "again_in", pause.Round(time.Millisecond))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		wait = min(2*wait, l.cfg.MaxBackoff)
	}
}

// jittered spreads those who lost the same server over the time around d.
func jittered(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}

func inWords(err error) string {
	var refused *net.OpError
	if errors.As(err, &refused) && refused.Op == "dial" {
		return fmt.Sprintf("%v: is the server running, and does it listen there for components?", err)
	}
	return err.Error()
}

// once is one stream, from the connection to its end, and how long it held.
func (l *Link) once(ctx context.Context) (held time.Duration, err error) {
	s, err := l.begin(ctx)
	if s == nil {
		return 0, err
	}
	since := time.Now()
	l.stream.Store(s)
	l.connected.Store(true)
	l.cfg.Connected(true)
	down := sync.OnceFunc(func() {
		l.connected.Store(false)
		l.cfg.Connected(false)
	})
	err = s.serve(ctx, down)
	down()
	l.stream.Store(nil)
	if !errors.Is(err, errLeft) {
		s.conn.Close()
	}
	return max(time.Since(since), 1), err
}

// begin is a new stream, or the one that was adopted.
func (l *Link) begin(ctx context.Context) (*stream, error) {
	if h := l.adopted; h != nil {
		l.adopted = nil
		l.cfg.Log.Info("connected", "server", l.cfg.Addr, "domain", l.cfg.Domain, "stream", "of another process")
		return l.adopt(h), nil
	}
	dialing, cancel := context.WithTimeout(ctx, l.cfg.HandshakeTimeout)
	defer cancel()
	conn, err := l.dial(dialing, l.cfg.Addr)
	if err != nil {
		return nil, err
	}
	// A handshake is not waited for when the component stops.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	s, err := l.open(conn)
	if !stop() || err != nil {
		conn.Close()
		return nil, errors.Join(err, ctx.Err())
	}
	l.cfg.Log.Info("connected", "server", l.cfg.Addr, "domain", l.cfg.Domain)
	return s, nil
}

// Drain waits until everything that is queued has been written, or ctx ends, or
// the server is not there. The queue takes nothing more.
func (l *Link) Drain(ctx context.Context) error {
	l.queue.Close()
	for {
		bytes, stanzas := l.queue.Len()
		switch {
		case bytes == 0:
			return nil
		case !l.connected.Load():
			return fmt.Errorf("%d stanzas were not sent: the server is not there", stanzas)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d stanzas were not sent: %w", stanzas, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
