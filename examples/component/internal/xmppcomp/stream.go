package xmppcomp

import (
	"context"
	"errors"
	"fmt"
	"net"
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
}

// open makes a stream of a new connection, within the handshake's time.
func (l *Link) open(conn net.Conn) (*stream, error) {
	if err := conn.SetDeadline(time.Now().Add(l.cfg.HandshakeTimeout)); err != nil {
		return nil, err
	}
	in, err := handshake(conn, l.cfg.Domain, l.cfg.Secret, l.cfg.Limits)
	if err != nil {
		return nil, timeoutInWords(err, "the server does not answer the handshake: is it the component port?")
	}
	return &stream{link: l, conn: conn, in: in}, conn.SetDeadline(time.Time{})
}

func timeoutInWords(err error, words string) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New(words)
	}
	return err
}

// serve reads and writes until the stream ends, by whatever side, and says why.
func (s *stream) serve(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	writer := make(chan struct{})
	go func() {
		defer close(writer)
		cancel(s.write(ctx))
		if parent.Err() == nil {
			s.conn.Close() // frees the reader
			return
		}
		// The server ends the stream when it has read all of it. Whoever hangs up
		// before that may take back what he has said.
		_ = s.conn.SetReadDeadline(time.Now().Add(goodbyeTimeout))
	}()
	err := s.read()
	cancel(err)
	<-writer
	return context.Cause(ctx)
}

// read hands on one element after the other.
func (s *stream) read() error {
	for {
		el, err := s.in.next()
		var tooLarge *TooLargeError
		switch {
		case errors.As(err, &tooLarge):
			s.link.cfg.TooLarge(tooLarge.Head)
		case err != nil:
			return err
		case isStreamError(el):
			return streamError(el, s.link.cfg.Domain)
		default:
			s.link.cfg.Handle(el)
		}
	}
}

// write sends what the queue holds, as much of it as there is at a time, and a
// blank now and then when there is nothing: whoever is behind a dead connection
// learns it by that.
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
		case <-blank.C:
			if _, err := s.send([]byte(" ")); err != nil {
				return err
			}
		case <-q.waiting:
			taken := q.take(done)
			written, err := s.send(taken.bytes)
			if err != nil {
				cfg.Sent(q.giveBack(taken, written))
				return err
			}
			cfg.Sent(len(taken.ends))
			done = taken
		}
		blank.Reset(cfg.KeepAlive)
	}
}

func (s *stream) send(b []byte) (int, error) {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.link.cfg.WriteTimeout)); err != nil {
		return 0, err
	}
	n, err := s.conn.Write(b)
	if err != nil {
		err = timeoutInWords(err, fmt.Sprintf("the server takes nothing for %v", s.link.cfg.WriteTimeout))
	}
	return n, err
}

// end says goodbye, if the server still listens.
func (s *stream) end() {
	_, _ = s.send([]byte("</stream:stream>"))
}
