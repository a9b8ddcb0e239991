package main

import (
	"errors"
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
	wire  wire
	space string        // of the wire
	most  int           // bytes that may wait
	total *atomic.Int64 // bytes of the buffers of all clients

	mu      sync.Mutex
	pending []byte // nil when nothing waits
	ends    []int  // of the stanzas in it, where the wire must know
	writing int    // bytes that are being written
	running bool   // the goroutine is there
	last    bool   // nothing more is taken, and the stream is at its end after it
	err     error  // why nothing is written any more
	idle    sync.Cond
}

func (o *outbox) init(w wire, most int, total *atomic.Int64) {
	o.wire, o.space, o.most, o.total, o.idle.L = w, w.space(), most, total, &o.mu
}

// totalMost is how much all clients may have waiting; beyond it each has only a small share.
const (
	totalMost  = 512 << 20
	smallShare = 64 << 10
)

// stanza appends a stanza for one of its addresses.
func (o *outbox) stanza(s service.Stanza, to muc.JID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begin() {
		o.end(s.AppendXML(o.pending, to, o.space))
	}
}

// text appends one element that is complete.
func (o *outbox) text(xml string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begin() {
		o.end(append(o.pending, xml...))
	}
}

// finish appends the last words, and ends the connection when they are written.
func (o *outbox) finish(words ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range words {
		if o.begin() {
			o.end(append(o.pending, w...))
		}
	}
	o.last = true
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

func (o *outbox) begin() bool {
	if o.err != nil || o.last {
		return false
	}
	if o.pending == nil {
		o.pending = takeBuffer()
		o.total.Add(int64(cap(o.pending)))
	}
	return true
}

func (o *outbox) end(pending []byte) {
	if more := cap(pending) - cap(o.pending); more > 0 && o.total.Add(int64(more)) > totalMost && len(pending) > smallShare ||
		len(pending)+o.writing > o.most {
		o.pending = pending
		o.fail(errSlow)
		return
	}
	if o.pending = pending; o.space != "" {
		o.ends = append(o.ends, len(pending))
	}
	if !o.running {
		o.running = true
		go o.run()
	}
}

// fail gives up what waits, and the connection.
func (o *outbox) fail(err error) {
	if o.err == nil {
		o.err = err
		o.drop(o.pending)
		o.pending, o.ends = nil, nil
		o.wire.abort()
	}
}

func (o *outbox) drop(buffer []byte) {
	o.total.Add(-int64(cap(buffer)))
	giveBuffer(buffer)
}

// run writes what waits until nothing does.
func (o *outbox) run() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.pending != nil {
		batch, ends := o.pending, o.ends
		o.pending, o.ends, o.writing = nil, nil, len(batch)
		o.mu.Unlock()
		err := o.wire.write(batch, ends)
		o.mu.Lock()
		o.writing = 0
		o.drop(batch)
		if err != nil {
			o.fail(err)
		}
	}
	if o.last && o.err == nil {
		o.mu.Unlock()
		o.wire.finish()
		o.mu.Lock()
	}
	o.running = false
	o.idle.Broadcast()
}

// buffers are those that nobody uses at the moment.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// keptBuffer is how large a buffer may be that is used again.
const keptBuffer = 1 << 20

func takeBuffer() []byte {
	b := *buffers.Get().(*[]byte)
	if cap(b) == 0 {
		b = make([]byte, 0, 2048)
	}
	return b[:0]
}

func giveBuffer(b []byte) {
	if cap(b) > 0 && cap(b) <= keptBuffer {
		buffers.Put(&b)
	}
}
