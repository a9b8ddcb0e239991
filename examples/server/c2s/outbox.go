package c2s

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// errSlow: a client does not read what it is sent.
var errSlow = errors.New("the client reads too slowly")

// outbox is what waits to be sent to one client. Who has something to say appends it and
// goes on. A goroutine writes all that waits at once, and is there only while something
// waits: so neither it nor a buffer is kept for those to whom nobody speaks.
type outbox struct {
	sink
	space string        // that stanzas name, as each is a frame; "" if they are none
	most  int           // bytes that may wait
	total *atomic.Int64 // bytes of the buffers of all clients

	mu      sync.Mutex
	pending net.Buffers
	waiting int       // bytes in all, and those that are being written
	running bool      // the goroutine is there
	began   time.Time // to write, while it does
	last    bool      // nothing more is taken, and the stream is at its end after it
	err     error     // why nothing is written any more
	idle    sync.Cond
}

// sink is the stream of an outbox.
type sink interface {
	write(net.Buffers) error
	finish() // after the last write
	abort()
}

func newOutbox(to sink, space string, most int, total *atomic.Int64) *outbox {
	o := &outbox{sink: to, space: space, most: most, total: total}
	o.idle.L = &o.mu
	return o
}

const (
	writeTimeout = 30 * time.Second // for one write
	totalMost    = 512 << 20        // all clients may have waiting; beyond it each has only a small share
	smallShare   = 64 << 10
	heldMost     = 64 << 10 // waits for more that is to be written with it
	usualElement = 512      // a buffer without so much space is not filled further
)

// hold appends an element, which is not written before release, unless it is the last or much waits
// already. It reports whether release has to be called: for the first of many.
func (o *outbox) hold(last bool, element func([]byte) []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := o.waiting == 0
	if o.add(element); last || o.waiting > heldMost {
		o.start()
	}
	return first && !last
}

// release has what was held written.
func (o *outbox) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.start()
}

// text appends an element, and has it written.
func (o *outbox) text(xml string) {
	o.hold(true, func(b []byte) []byte { return append(b, xml...) })
}

// end appends the last words, and ends the connection when they are written.
func (o *outbox) end(words ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range words {
		o.add(func(b []byte) []byte { return append(b, w...) })
	}
	o.last = true
	o.start()
}

// wait returns when nothing waits any more, with the reason if nothing is written any more.
func (o *outbox) wait() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.running {
		o.idle.Wait()
	}
	return o.err
}

// add adds an element to the last buffer, or to another one.
func (o *outbox) add(element func([]byte) []byte) {
	if o.err != nil || o.last {
		return
	}
	n := len(o.pending) - 1
	if n < 0 {
		o.pending = append(o.pending, small.take())
		n++
	} else if cap(o.pending[n])-len(o.pending[n]) < usualElement {
		o.pending = append(o.pending, large.take())
		n++
	}
	had, room := len(o.pending[n]), cap(o.pending[n])
	if had == 0 {
		room = 0
	}
	b := element(o.pending[n])
	if o.space != "" {
		b = frame(b, had)
	}
	o.pending[n] = b
	o.waiting += len(b) - had
	o.total.Add(int64(cap(b) - room))
	if o.waiting > o.most || o.waiting > smallShare && o.total.Load() > totalMost {
		o.fail(errSlow)
	}
}

// watch gives the connection up if one write takes too long.
func (o *outbox) watch(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.began.IsZero() && now.Sub(o.began) > writeTimeout {
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
		o.abort()
	}
}

// run writes what waits until nothing does.
func (o *outbox) run() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.pending) > 0 {
		batch := o.pending
		o.pending, o.began = nil, time.Now()
		o.mu.Unlock()
		err := o.write(batch)
		o.mu.Lock()
		o.began = time.Time{}
		if o.drop(batch); err != nil {
			o.fail(err)
		}
	}
	if o.last && o.err == nil {
		o.mu.Unlock()
		o.finish()
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

// The sizes are for one message to somebody to whom little is said, and for much that comes at once.
var small, large = pool{size: 2 << 10}, pool{size: 32 << 10}

func (p *pool) take() []byte {
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
