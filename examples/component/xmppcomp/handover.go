package xmppcomp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Handover is an open stream that another process goes on with: the connection, on which
// everything that was to be sent has been sent, and what its reader knows.
type Handover struct {
	Conn net.Conn `json:"-"`
	// Prefixes and Lang are what the server's stream tag declares for all stanzas.
	Prefixes map[string]string `json:"prefixes"`
	Lang     string            `json:"lang,omitempty"`
	// Unread was taken from the connection already, and belongs before what comes from it.
	Unread []byte `json:"unread,omitempty"`
}

// errLeft: another process goes on with the stream.
var errLeft = errors.New("another process has the stream")

// errNoneHeld: there is no stream that could be handed over.
var errNoneHeld = errors.New("the component is not connected to its server")

// hold is a stop in the middle of a stream, for somebody else to go on with it.
type hold struct {
	reader chan struct{} // closed when the reader has stopped
	over   chan struct{} // closed when they go on, or leave
	left   bool          // they leave
}

// Hold has the stream read nothing more, and returns when Handle has returned for the last
// stanza that was read. What comes meanwhile waits in the system. If the server does not
// finish a stanza that it has begun before ctx ends, or there is no stream, that is an error,
// and all is as it was. Hold is ended by [Link.GoOn] or [Link.Leave]; these, and Detach, are for
// one goroutine.
func (l *Link) Hold(ctx context.Context) error {
	s := l.stream.Load()
	if s == nil {
		return errNoneHeld
	}
	h := &hold{reader: make(chan struct{}), over: make(chan struct{})}
	if !s.beHeld(h) {
		return errNoneHeld
	}
	l.held = h
	err := s.waits(ctx, h.reader, "the server does not end the stanza that it has begun")
	if err != nil {
		l.GoOn()
	}
	return err
}

// Detach waits until all that is queued has been written, stops writing, and returns the
// stream, which has to be held, for somebody else to go on with. After an error the stream is
// still held.
func (l *Link) Detach(ctx context.Context) (*Handover, error) {
	s := l.stream.Load()
	if s == nil || l.held == nil {
		return nil, errNoneHeld
	}
	const busy = "the server does not take what is to be sent"
	for n, _ := l.queue.Len(); n > 0; n, _ = l.queue.Len() {
		soon := make(chan struct{})
		time.AfterFunc(5*time.Millisecond, func() { close(soon) })
		if err := s.waits(ctx, soon, busy); err != nil {
			return nil, err
		}
	}
	select {
	case s.stopWriting <- l.held: // between two writes
	case <-s.ended:
		return nil, errNoneHeld
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", busy, ctx.Err())
	}
	return &Handover{Conn: s.conn, Prefixes: s.in.stream.Prefixes, Lang: s.in.stream.Lang, Unread: s.leftUnread()}, nil
}

// GoOn ends Hold: the stream goes on here.
func (l *Link) GoOn() { l.release(false) }

// Leave ends Hold: the stream, which was detached, is somebody else's, and Run returns nil. It
// writes nothing more and leaves the connection open.
func (l *Link) Leave() { l.release(true) }

func (l *Link) release(left bool) {
	if l.held == nil {
		return
	}
	if s := l.stream.Load(); s != nil {
		s.beHeld(nil)
	}
	l.held.left = left
	close(l.held.over)
	l.held = nil
}

// Adopt has Run go on with a stream that another process has detached, before it connects
// anew. It is called before Run.
func (l *Link) Adopt(h *Handover) { l.adopted = h }

// adopt is a stream that was begun elsewhere.
func (l *Link) adopt(h *Handover) *stream {
	s := newStream(l, h.Conn)
	s.unread = h.Unread
	s.in = newReader(s, l.cfg.Limits)
	s.in.stream.Lang = h.Lang
	for prefix, space := range h.Prefixes {
		s.in.stream.Prefixes[prefix] = space
	}
	return s
}

// waits waits for something, and not longer than ctx and the stream.
func (s *stream) waits(ctx context.Context, done <-chan struct{}, otherwise string) error {
	select {
	case <-done:
		return nil
	case <-s.ended:
		return errNoneHeld
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", otherwise, ctx.Err())
	}
}

// beHeld has the reader stop at the end of a stanza, or no more if h is nil. A stream that is
// ending is not held.
func (s *stream) beHeld(h *hold) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h != nil && (s.ending || s.written) {
		return false
	}
	if s.hold = h; h != nil {
		s.woken = true
		_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // it may be waiting
	}
	return true
}

// park waits while the stream is held.
func (s *stream) park() error {
	s.mu.Lock()
	h := s.hold
	s.mu.Unlock()
	if h == nil {
		return nil
	}
	close(h.reader)
	if !h.ends(s.ended) {
		return errNoneHeld
	}
	if h.left {
		return errLeft
	}
	return nil
}

// parkWriter does the same for the writer.
func (s *stream) parkWriter(ctx context.Context, h *hold) error {
	if !h.ends(ctx.Done()) {
		return context.Cause(ctx)
	}
	if h.left {
		return errLeft
	}
	return nil
}

// ends waits for the end of the hold, and reports whether it came before something else did. What is
// told to go on, and to stop right after that, goes on: it has to say goodbye.
func (h *hold) ends(before <-chan struct{}) bool {
	select {
	case <-h.over:
		return true
	case <-before:
	}
	select {
	case <-h.over:
		return true
	default:
		return false
	}
}

// Read reads for the reader. If it was waiting between two stanzas when the stream was held, it
// waits for the end of that.
func (s *stream) Read(b []byte) (int, error) {
	if len(s.unread) > 0 {
		n := copy(b, s.unread)
		s.unread = s.unread[n:]
		return n, nil
	}
	for {
		n, err := s.conn.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !s.wasWoken() {
			return n, err
		}
		if s.in.cut.size == 0 {
			if err := s.park(); err != nil {
				return 0, err
			}
		}
	}
}

// wasWoken reports whether the deadline that has passed was that of beHeld, and lifts it.
func (s *stream) wasWoken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.woken || s.written {
		return false
	}
	s.woken = false
	_ = s.conn.SetReadDeadline(time.Time{})
	return true
}

// leftUnread is what the reader has taken from the connection and not used. The reader has
// stopped.
func (s *stream) leftUnread() []byte {
	in := s.in.cut.in
	buffered, _ := in.Peek(in.Buffered())
	return append(append([]byte(nil), buffered...), s.unread...)
}
