package xmppcomp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// goodbyeTimeout is how long the server may take to end a stream that the component
// has ended.
const goodbyeTimeout = 3 * time.Second

// stream is one connection to the server, from its handshake to its end.
type stream struct {
	link *Link
	conn net.Conn
	in   *reader

	stopWriting chan *hold
	ended       chan struct{} // closed when nothing is written any more
	unread      []byte        // of a stream that was adopted, before what comes from conn

	mu      sync.Mutex
	ending  bool  // the writer's deadline is set for good
	written bool  // the reader's deadline is, because nothing is written any more
	hold    *hold // the reader is to stop between two stanzas
	woken   bool  // the reader's deadline was only to wake it
}

func newStream(l *Link, conn net.Conn) *stream {
	return &stream{link: l, conn: conn, stopWriting: make(chan *hold), ended: make(chan struct{})}
}

// Write writes at once, as the handshake does.
func (s *stream) Write(b []byte) (int, error) { return s.conn.Write(b) }

// open makes a stream of a new connection, within the handshake's time.
func (l *Link) open(conn net.Conn) (*stream, error) {
	if err := conn.SetDeadline(time.Now().Add(l.cfg.HandshakeTimeout)); err != nil {
		return nil, err
	}
	s := newStream(l, conn)
	var err error
	if s.in, err = handshake(s, l.cfg.Domain, l.cfg.Secret, l.cfg.Limits); err != nil {
		return nil, timeoutInWords(err, "the server does not answer the handshake: is it the component port?")
	}
	return s, conn.SetDeadline(time.Time{})
}

func timeoutInWords(err error, words string) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New(words)
	}
	return err
}

// serve reads and writes until the stream ends, by whatever side, and says why. It calls
// down when nothing can be sent any more.
func (s *stream) serve(parent context.Context, down func()) error {
	ctx, cancel := context.WithCancelCause(parent)
	stop := context.AfterFunc(ctx, s.hurry)
	defer stop()
	// What the reader does for this stream ends with it, and not already when the
	// component is told to stop: what comes until the server says goodbye counts.
	handling, release := context.WithCancel(context.WithoutCancel(parent))
	defer release()
	writer := make(chan struct{})
	go func() {
		defer close(writer)
		err := s.write(ctx)
		cancel(err)
		down()
		// The server ends the stream when it has read all of it; who hangs up before
		// that may take back what was said. And if it was the server that ended it, it
		// may have said why.
		s.mu.Lock()
		s.written = true
		_ = s.conn.SetReadDeadline(time.Now().Add(goodbyeTimeout))
		s.mu.Unlock()
		close(s.ended)
		time.AfterFunc(goodbyeTimeout, release)
	}()
	err := s.read(handling)
	cancel(err)
	<-writer
	var said *StreamError
	if !errors.As(err, &said) {
		return context.Cause(ctx)
	}
	if said.Blames() {
		if stanza := s.link.queue.condemn(); stanza != nil {
			s.link.cfg.Dropped(stanza)
		}
	}
	return said
}

// hurry leaves the writer no more time than it takes to say goodbye.
func (s *stream) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
	_ = s.conn.SetWriteDeadline(time.Now().Add(goodbyeTimeout))
}

// read hands on one element after the other.
func (s *stream) read(ctx context.Context) error {
	for {
		if err := s.park(); err != nil {
			return err
		}
		el, err := s.in.next()
		var bad *StanzaError
		switch {
		case errors.As(err, &bad):
			s.link.cfg.Unreadable(ctx, bad, s.in.size())
		case err != nil:
			return err
		case isStreamError(el):
			return streamError(el, s.link.cfg.Domain)
		default:
			s.link.cfg.Handle(ctx, el, s.in.size())
		}
	}
}

// write sends what the queue holds, one batch after the other, and a
// blank now and then when there is nothing, by which a dead connection is noticed.
func (s *stream) write(ctx context.Context) error {
	q, cfg := s.link.queue, &s.link.cfg
	blank := time.NewTimer(cfg.KeepAlive)
	defer blank.Stop()
	var done batch
	for {
		select {
		case <-ctx.Done():
			s.end()
			return context.Cause(ctx)
		case h := <-s.stopWriting:
			if err := s.parkWriter(ctx, h); err != nil {
				return err
			}
		case <-blank.C:
			if _, err := s.send([]byte(" ")); err != nil {
				return err
			}
		case <-q.waiting:
			taken := q.take(done)
			written, err := s.send(taken.bytes)
			if err != nil {
				whole, dropped := q.giveBack(taken, written)
				cfg.Sent(whole)
				if dropped != nil {
					cfg.Dropped(dropped)
				}
				return err
			}
			cfg.Sent(len(taken.ends))
			done = taken
		}
		blank.Reset(cfg.KeepAlive)
	}
}

func (s *stream) send(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if err := s.allow(s.link.cfg.WriteTimeout); err != nil {
		return 0, err
	}
	n, err := s.conn.Write(b)
	if err != nil {
		err = timeoutInWords(err, fmt.Sprintf("the server takes nothing for %v", s.link.cfg.WriteTimeout))
	}
	return n, err
}

// allow gives the next write its time, if the stream is not ending.
func (s *stream) allow(d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return nil
	}
	return s.conn.SetWriteDeadline(time.Now().Add(d))
}

// end says goodbye, if the server still listens.
func (s *stream) end() {
	_, _ = s.send([]byte("</stream:stream>"))
}
