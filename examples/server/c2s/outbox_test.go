package c2s

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeStream counts writes, which wait until they may go on.
type fakeStream struct {
	mu      sync.Mutex
	writes  []string
	entered chan bool
	goOn    chan error
	aborted atomic.Bool
}

func (w *fakeStream) write(batch net.Buffers) error {
	w.mu.Lock()
	w.writes = append(w.writes, string(bytes.Join(batch, nil)))
	w.mu.Unlock()
	w.entered <- true
	return <-w.goOn
}

func (w *fakeStream) finish() {}

func (w *fakeStream) abort() { w.aborted.Store(true) }

func newFakeOutbox(most int) (*fakeStream, *outbox, *atomic.Int64) {
	w, total := &fakeStream{entered: make(chan bool, 10), goOn: make(chan error)}, new(atomic.Int64)
	return w, newOutbox(w, "", most, total), total
}

// All that waits goes out in one write, in order, and nothing is kept when nothing waits.
func TestOneWrite(t *testing.T) {
	w, o, total := newFakeOutbox(100)
	o.text("a")
	<-w.entered
	for _, s := range []string{"b", "c", "d"} {
		o.text(s)
	}
	w.goOn <- nil
	<-w.entered
	o.end("e", "f")
	o.text("nothing after the end")
	w.goOn <- nil
	<-w.entered
	w.goOn <- nil
	o.wait()
	require.Equal(t, []string{"a", "bcd", "ef"}, w.writes)
	require.Zero(t, total.Load())
	require.Empty(t, o.pending)
	require.Zero(t, o.waiting)
	require.False(t, w.aborted.Load())
}

// words are an element.
func words(b []byte) []byte { return append(b, "words"...) }

// What is held is written when it is released, all of it; or before, when it becomes much.
func TestHold(t *testing.T) {
	w, o, _ := newFakeOutbox(1 << 20)
	require.True(t, o.hold(false, words), "has to be released")
	require.False(t, o.hold(false, words))
	require.Empty(t, w.entered)
	o.release()
	<-w.entered
	require.False(t, o.hold(false, words), "is written after what is being written")
	w.goOn <- nil
	<-w.entered
	w.goOn <- nil
	o.wait()
	require.Equal(t, []string{"wordswords", "words"}, w.writes)
	for range heldMost/len("words") + 1 { // the last is one too many
		o.hold(false, words)
	}
	<-w.entered
	w.goOn <- nil
	o.wait()
	require.Len(t, w.writes, 3)
	require.False(t, o.hold(true, words), "is written at once")
	<-w.entered
	w.goOn <- nil
	o.wait()
}

// Beyond the bound the connection ends, whatever is being written, and nothing waits any more.
func TestOutboxIsBounded(t *testing.T) {
	w, o, total := newFakeOutbox(10)
	o.text("12345")
	<-w.entered
	o.text("67890")
	require.False(t, w.aborted.Load())
	o.text("x")
	require.True(t, w.aborted.Load())
	require.Equal(t, errSlow, o.err)
	w.goOn <- errors.New("closed")
	o.wait()
	o.text("y")
	require.Equal(t, []string{"12345"}, w.writes)
	require.Zero(t, total.Load())
}

// When all clients together have too much waiting, each has a small share only.
func TestTotalIsBounded(t *testing.T) {
	w, o, total := newFakeOutbox(1 << 20)
	o.text("a")
	<-w.entered
	total.Add(totalMost)
	o.text(strings.Repeat("x", smallShare/2))
	require.False(t, w.aborted.Load())
	o.text(strings.Repeat("x", smallShare))
	require.True(t, w.aborted.Load())
	w.goOn <- nil
	o.wait()
	require.Equal(t, int64(totalMost), total.Load())
}

// A write that takes too long ends the connection; nothing else does, however long ago the last was.
func TestWriteTakesTooLong(t *testing.T) {
	w, o, total := newFakeOutbox(100)
	o.text("a")
	<-w.entered
	began := time.Now()
	o.watch(began)
	require.False(t, w.aborted.Load())
	w.goOn <- nil
	o.wait()
	o.watch(began.Add(time.Hour))
	require.False(t, w.aborted.Load(), "nothing is being written")
	o.text("b")
	<-w.entered
	o.watch(time.Now().Add(writeTimeout + time.Second))
	require.True(t, w.aborted.Load())
	w.goOn <- errors.New("closed")
	require.Equal(t, errSlow, o.wait())
	require.Zero(t, total.Load())
}

// noDeadline is a connection that takes what is written, and has no deadlines.
type noDeadline struct{ net.Conn }

func (noDeadline) Write(b []byte) (int, error) { return len(b), nil }

// No write leaves a deadline behind: the WebSocket writes as well, when it answers a ping.
func TestNoDeadlineIsLeft(t *testing.T) {
	s := overTCP(noDeadline{}, newTraffic(1<<20))
	require.NoError(t, s.write(net.Buffers{[]byte("a")}))
	require.NoError(t, s.write(net.Buffers{[]byte("a"), []byte("b")}))
}
