package c2s

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// errSlow: a client does not read what it is sent.
var errSlow = errors.New("the client reads too slowly")

// outbox is what waits to be sent to one client. Who has something to say appends it and
// goes on. A goroutine writes all that waits at once, and is there only while something
// waits: so neither it nor a buffer is kept for those to whom nobody speaks.
type outbox struct {
	stream stream
	most   int           // bytes that may wait
	total  *atomic.Int64 // bytes of the buffers of all clients

	mu      sync.Mutex
	pending net.Buffers
	waiting int   // bytes in all, and those that are being written
	running bool  // the goroutine is there
	last    bool  // nothing more is taken, and the stream is at its end after it
	err     error // why nothing is written any more
	idle    sync.Cond
}

func newOutbox(st stream, most int, total *atomic.Int64) *outbox {
	o := &outbox{stream: st, most: most, total: total}
	o.idle.L = &o.mu
	return o
}

const (
	totalMost  = 512 << 20 // all clients may have waiting; beyond it each has only a small share
	smallShare = 64 << 10
	heldMost   = 64 << 10 // waits for more that is to be written with it
)

// hold appends a stanza for one of its addresses, which is not written before release, unless
// much waits already. It reports whether release has to be called: for the first of many.
func (o *outbox) hold(s service.Stanza, to muc.JID) bool {
	space := ""
	if o.stream.framed() {
		space = nsClient
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	first := o.waiting == 0
	if b := o.begin(); b != nil {
		o.end(s.AppendXML(b, to, space))
	}
	if o.waiting > heldMost {
		o.start()
	}
	return first
}

// release has what was held written.
func (o *outbox) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.start()
}

// text appends one element that is complete.
func (o *outbox) text(xml string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.append(xml)
	o.start()
}

// finish appends the last words, and ends the connection when they are written.
func (o *outbox) finish(words ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range words {
		o.append(w)
	}
	o.last = true
	o.start()
}

// failed is why nothing is written any more, nil if it is.
func (o *outbox) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// wait returns when nothing waits any more.
func (o *outbox) wait() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.running {
		o.idle.Wait()
	}
}

func (o *outbox) append(xml string) {
	if b := o.begin(); b != nil {
		o.end(append(b, xml...))
	}
}

// begin is the buffer for one more element, nil if nothing is taken any more.
func (o *outbox) begin() []byte {
	n := len(o.pending)
	switch {
	case o.err != nil || o.last:
		return nil
	case n == 0:
		o.pending = append(o.pending, small.take(o.total))
	case cap(o.pending[n-1])-len(o.pending[n-1]) < usualElement:
		o.pending = append(o.pending, large.take(o.total))
	}
	return o.pending[len(o.pending)-1]
}

// end takes the buffer back, with the element in it.
func (o *outbox) end(b []byte) {
	at := &o.pending[len(o.pending)-1]
	if o.stream.framed() {
		b = frame(b, len(*at))
	}
	o.waiting += len(b) - len(*at)
	o.total.Add(int64(cap(b) - cap(*at)))
	*at = b
	if o.waiting > o.most || o.waiting > smallShare && o.total.Load() > totalMost {
		o.fail(errSlow)
	}
}

// start begins to write, if there is something.
func (o *outbox) start() {
	if !o.running && len(o.pending) > 0 {
		o.running = true
		go o.run()
	}
}

// fail gives up what waits, and the connection.
func (o *outbox) fail(err error) {
	if o.err == nil {
		o.err = err
		o.drop(o.pending)
		o.pending = nil
		o.stream.abort()
	}
}

// run writes what waits until nothing does.
func (o *outbox) run() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.pending) > 0 {
		batch := o.pending
		o.pending = nil
		o.mu.Unlock()
		err := o.stream.write(batch)
		o.mu.Lock()
		if o.drop(batch); err != nil {
			o.fail(err)
		}
	}
	if o.last && o.err == nil {
		o.mu.Unlock()
		o.stream.finish()
		o.mu.Lock()
	}
	o.running = false
	o.idle.Broadcast()
}

// drop gives back full buffers.
func (o *outbox) drop(full net.Buffers) {
	for _, b := range full {
		o.waiting -= len(b)
		o.total.Add(-int64(cap(b)))
		small.give(b)
		large.give(b)
	}
}

// pool are buffers of one size that nobody uses at the moment.
type pool struct {
	size int
	sync.Pool
}

// The sizes are for one message to somebody to whom little is said, and for a crowd. A buffer
// without space for an element of the usual size is not filled further.
var (
	small = pool{size: 2 << 10}
	large = pool{size: 32 << 10}
)

const usualElement = 512

func (p *pool) take(total *atomic.Int64) []byte {
	total.Add(int64(p.size))
	if b, ok := p.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, p.size)
}

// give takes a buffer back if it has the size.
func (p *pool) give(b []byte) {
	if cap(b) == p.size {
		p.Put(&b)
	}
}
