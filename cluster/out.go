package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"
)

// delivery is what came of one step: it is done when all who have to deliver it have done so.
type delivery struct {
	mu   sync.Mutex
	left int
	then []func()
}

// add notes that one more has to deliver it.
func (d *delivery) add() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left++
}

// done notes that one has. Nil is nobody's.
func (d *delivery) done() {
	if d == nil {
		return
	}
	d.mu.Lock()
	d.left--
	var then []func()
	if d.left == 0 {
		then, d.then = d.then, nil
	}
	d.mu.Unlock()
	for _, f := range then {
		f()
	}
}

// whenDone has a function called when it is done, which may be now.
func (d *delivery) whenDone(f func()) {
	d.mu.Lock()
	if d.left > 0 {
		d.then = append(d.then, f)
		d.mu.Unlock()
		return
	}
	d.mu.Unlock()
	f()
}

// pipe is what one node has to say to another: each message once, in order, kept until the
// other says that it has got it.
type pipe struct {
	n  *Node
	to string

	mu     sync.Mutex
	frames []pipeFrame
	next   uint64 // number of the next frame
	bytes  int
	moved  time.Time     // when something was acknowledged, or sent again
	wait   time.Duration // until what is open is sent again
	given  bool          // up: nothing of it arrives any more
	space  chan struct{} // closed when there is place again
	// redirected, unless nil, takes what rooms say in the place of the other node: see redirect.
	redirected func(body []byte, d *delivery)
	// here is what is redirected to this node and not said yet, hereBytes how much that is.
	here      []pipeFrame
	hereBytes int
	said      chan struct{} // closed when all of it is said; nil if there is none
	dropped   time.Time     // when it was said last that something was dropped
}

type pipeFrame struct {
	number uint64
	body   []byte
	d      *delivery // nil if nobody waits for it
}

// pipeTo is the pipe to a node.
func (n *Node) pipeTo(to string) *pipe {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.pipes[to]
	if p == nil {
		p = &pipe{n: n, to: to, next: 1, moved: time.Now(), wait: resendAfter}
		if n.peers.known[to] == nil && n.isGone(to, time.Now()) {
			return &pipe{n: n, to: to, given: true}
		}
		n.pipes[to] = p
	}
	return p
}

// send takes a message. If too much is waiting it waits, until the context ends; what must not
// wait is lost then.
func (p *pipe) send(ctx context.Context, body *outBody, d *delivery, mayWait bool) {
	text, most := encode(body), p.n.cfg.Limits.OutBytes
	p.mu.Lock()
	for mayWait && (!p.given || p.redirected != nil) && p.waits() >= most && ctx.Err() == nil {
		p.waitForSpace(ctx)
	}
	full := p.waits() >= most && (mayWait || p.waits() >= 2*most)
	tell := full && time.Since(p.dropped) >= warnEvery
	if tell {
		p.dropped = time.Now()
	}
	var lost *delivery
	if !full {
		lost = p.put(text, d)
	}
	p.mu.Unlock()
	lost.done()
	if !full {
		return
	}
	p.n.cfg.Observer.Dropped()
	if tell && p.n.ctx.Err() == nil {
		p.n.log.Error("too much waits for another node: what this node has to say to it is dropped", "node", p.to, "bytes", most)
	}
}

// waits is how many bytes wait. It is locked.
func (p *pipe) waits() int { return p.bytes + p.hereBytes }

// take takes a message, however much waits.
func (p *pipe) take(body []byte, d *delivery) {
	p.mu.Lock()
	lost := p.put(body, d)
	p.mu.Unlock()
	lost.done()
}

// put puts a message behind the others. One that is too large for the bus is lost: it must not hold up what
// comes after it. It is locked; who waits for what is lost is told afterwards.
func (p *pipe) put(body []byte, d *delivery) (lost *delivery) {
	switch {
	case d != nil && p.redirected != nil:
		p.redirected(body, d)
		return nil
	case p.given:
		return nil
	case d != nil:
		d.add()
	}
	f := pipeFrame{p.next, body, d}
	p.next++
	if len(p.frames) == 0 {
		p.moved, p.wait = time.Now(), resendAfter
	}
	if errors.Is(p.publish(&f), ErrTooLarge) {
		p.n.log.Error("what this node has to say to another one is too large for the bus, and lost", "node", p.to, "bytes", len(body))
		lost, f.body, f.d = d, []byte("{}"), nil
		_ = p.publish(&f)
	}
	p.frames = append(p.frames, f)
	p.bytes += len(f.body)
	return lost
}

// waitForSpace unlocks while it waits.
func (p *pipe) waitForSpace(ctx context.Context) {
	if p.space == nil {
		p.space = make(chan struct{})
	}
	space := p.space
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-space:
	case <-ctx.Done():
	}
}

func (p *pipe) publish(f *pipeFrame) error {
	return p.n.cfg.Bus.Publish("out."+p.to, encode(outFrame{From: p.n.id, Number: f.number, Body: f.body}))
}

// got takes in that the other has got all up to a number.
func (p *pipe) got(number uint64) {
	p.mu.Lock()
	var got []pipeFrame
	for len(p.frames) > 0 && p.frames[0].number <= number {
		got = append(got, p.frames[0])
		p.pop()
	}
	p.mu.Unlock()
	for _, f := range got {
		f.d.done()
	}
}

// pop takes out the first.
func (p *pipe) pop() {
	p.bytes -= len(p.frames[0].body)
	if p.frames = p.frames[1:]; len(p.frames) == 0 {
		p.frames = nil
	}
	p.moved, p.wait = time.Now(), resendAfter
	p.makeSpace()
}

// makeSpace lets those go on that wait for place, if there is some. It is locked.
func (p *pipe) makeSpace() {
	if p.space != nil && p.waits() < p.n.cfg.Limits.OutBytes {
		close(p.space)
		p.space = nil
	}
}

// again sends what is open again if nothing has moved for a while, or at once.
func (p *pipe) again(now time.Time, atOnce bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.frames) == 0 || now.Sub(p.moved) < p.wait && !atOnce {
		return
	}
	p.moved, p.wait = now, min(2*p.wait, resendMost)
	bytes := 0
	for i := range p.frames {
		if _ = p.publish(&p.frames[i]); bytes > resendBytes {
			break
		}
		bytes += len(p.frames[i].body)
	}
}

// resendBytes is how much is sent again at once.
const resendBytes = 512 << 10

// isFull reports whether nothing more is taken.
func (p *pipe) isFull() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes >= p.n.cfg.Limits.OutBytes
}

// giveUp ends a pipe: nobody waits for the other any more.
func (p *pipe) giveUp() {
	p.mu.Lock()
	frames := p.frames
	p.frames, p.bytes, p.given = nil, 0, true
	p.makeSpace()
	p.mu.Unlock()
	for _, f := range frames {
		f.d.done()
	}
}

// redirect has somebody else say what rooms said and this node may not have, and all that they
// say later: both say it then, if this one is not dead.
func (p *pipe) redirect(other func(body []byte, d *delivery)) {
	p.mu.Lock()
	var moved []*delivery
	for i := range p.frames {
		if f := &p.frames[i]; f.d != nil {
			other(f.body, f.d)
			moved = append(moved, f.d)
			p.bytes -= len(f.body)
			f.body, f.d = []byte("{}"), nil
			p.bytes += len(f.body)
		}
	}
	p.redirected = other
	p.makeSpace()
	p.mu.Unlock()
	for _, d := range moved {
		d.done()
	}
}

// endRedirect ends what redirect began, when all that was redirected to this node is said.
func (p *pipe) endRedirect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.said != nil {
		said := p.said
		p.mu.Unlock()
		select {
		case <-said:
		case <-p.n.ctx.Done():
		}
		p.mu.Lock()
		if p.n.ctx.Err() != nil {
			break
		}
	}
	p.redirected = nil
}

// sayHere has this node say, in the place of the other one, what comes: in order, without holding up
// those who look at the pipe. It is locked.
func (p *pipe) sayHere(body []byte, d *delivery) {
	d.add()
	p.here, p.hereBytes = append(p.here, pipeFrame{body: body, d: d}), p.hereBytes+len(body)
	if p.said == nil {
		p.said = make(chan struct{})
		p.n.tasks.Go(p.sayAll)
	}
}

// sayAll says what is redirected to this node.
func (p *pipe) sayAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.here) > 0 {
		f := p.here[0]
		p.mu.Unlock()
		var b outBody
		if json.Unmarshal(f.body, &b) == nil && b.Speech != nil {
			p.n.receive(b.Speech)
		}
		f.d.done()
		p.mu.Lock()
		p.here, p.hereBytes = p.here[1:], p.hereBytes-len(f.body)
		p.makeSpace()
	}
	close(p.said)
	p.here, p.said = nil, nil
}

// tellAll tells all other nodes something.
func (n *Node) tellAll(body *outBody) {
	n.mu.Lock()
	var others []string
	for of := range n.peers.known {
		if of != n.id {
			others = append(others, of)
		}
	}
	n.mu.Unlock()
	for _, of := range others {
		n.pipeTo(of).send(n.ctx, body, nil, false)
	}
}

// onOut takes what another node says.
func (n *Node) onOut(data []byte) {
	var f outFrame
	if json.Unmarshal(data, &f) != nil {
		return
	}
	n.mu.Lock()
	if n.peers.isExpelled(f.From) {
		n.mu.Unlock()
		return
	}
	next := max(n.incoming[f.From], 1)
	fits := f.Number == next
	if fits {
		n.incoming[f.From] = next + 1
	}
	gap := f.Number > next && time.Since(n.askedOut[f.From]) >= gapEvery
	if gap {
		n.askedOut[f.From] = time.Now()
	}
	n.mu.Unlock()
	if fits {
		var body outBody
		if json.Unmarshal(f.Body, &body) == nil {
			n.hear(f.From, &body)
		}
		next++
	}
	if f.Number < next || gap {
		_ = n.cfg.Bus.Publish("got."+f.From, encode(gotFrame{From: n.id, Number: next - 1, Again: gap}))
	}
}

// onGot takes what another node has got.
func (n *Node) onGot(data []byte) {
	var f gotFrame
	if json.Unmarshal(data, &f) != nil {
		return
	}
	n.mu.Lock()
	p := n.pipes[f.From]
	n.mu.Unlock()
	if p == nil {
		return
	}
	if p.got(f.Number); f.Again {
		p.again(time.Now(), true)
	}
}
