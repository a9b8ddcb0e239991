package main

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/component/xmppcomp"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// writeFor is how long a delivery waits until it is written: a server that takes longer must not hold up
// what other nodes say to this one.
const writeFor = time.Second

// outlet is the streams of one time in which the node is the active one, and what waits for them.
type outlet struct {
	l     *link
	link  *xmppcomp.Link
	ctx   context.Context
	stop  context.CancelFunc
	ended chan struct{}
	// first is closed when all is done that the server sent to the node that had the link before.
	first      chan struct{}
	closeFirst func()

	mu      sync.Mutex
	up      bool
	total   int           // stanzas in the queue, or on the way into it, since the beginning
	gone    int           // of these, those that are written, or never will be
	changed chan struct{} // closed when more is gone
	ident   string        // of the stanza that is to come back
	back    chan struct{} // closed when it is
}

func newOutlet(l *link) *outlet {
	o := &outlet{l: l, ended: make(chan struct{}), first: make(chan struct{}), changed: make(chan struct{})}
	o.closeFirst = sync.OnceFunc(func() { close(o.first) })
	o.ctx, o.stop = context.WithCancel(context.Background())
	o.link = xmppcomp.NewLink(xmppcomp.Config{
		Addr: l.set.component, Domain: l.set.rooms, Secret: l.set.password, Log: l.log,
		Before:     o.before,
		Handle:     func(ctx context.Context, el *etree.Element, _ int) { l.handle(ctx, o, el) },
		Unreadable: func(_ context.Context, bad *xmppcomp.StanzaError, _ int) { o.unreadable(bad) },
		Connected:  o.connected,
		Sent:       func(n int) { o.count(0, n) },
		Dropped:    func([]byte) { o.count(0, 1); l.counts.unsent.Inc() },
		MaxBackoff: 10 * time.Second,
	})
	return o
}

// run keeps the node connected until it is stopped.
func (o *outlet) run() {
	defer close(o.ended)
	<-o.l.begun
	defer o.drained()
	for o.ctx.Err() == nil {
		err := o.link.Run(o.ctx)
		var said *xmppcomp.StreamError
		switch {
		case err == nil || errors.Is(err, errNotActive):
			return
		case !errors.As(err, &said) || said.Condition != "conflict":
			o.l.failed <- err
			return
		}
		o.l.log.Warn("the server holds the link of the node before: see docs/cluster.md", "error", err)
		select {
		case <-o.ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// drained tells the next node that has the link when all is done that was read here: then it may go on with
// what comes after that.
func (o *outlet) drained() {
	if o.l.isOut(o) {
		return
	}
	for end := time.Now().Add(lingers); o.l.node.Stats().Open > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	o.l.node.TellAll(encode(told{Drained: true}))
}

// before waits until it may be connected: not while the node is cut off from the others, because another one
// may be the active one by then.
func (o *outlet) before(ctx context.Context) error {
	for {
		switch {
		case !o.l.isOut(o):
			return errNotActive
		case !o.l.node.Stats().Cut:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (o *outlet) connected(up bool) {
	o.mu.Lock()
	o.up = up
	o.mu.Unlock()
	o.count(0, 0)
	o.l.connected(o, up)
}

// wait waits until it has ended.
func (o *outlet) wait(ctx context.Context) error {
	select {
	case <-o.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// count counts stanzas, and wakes those that wait for them.
func (o *outlet) count(put, gone int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total += put
	if o.gone += gone; put == 0 {
		close(o.changed)
		o.changed = make(chan struct{})
	}
}

// put queues a stanza for an address.
func (o *outlet) put(ctx context.Context, s service.Stanza, to muc.JID) error {
	err := o.queue(ctx, to.String(), func(dst []byte) []byte { return s.AppendXML(dst, to, "") })
	if !errors.Is(err, xmppcomp.ErrTooLarge) {
		return err
	}
	answer := xmppcomp.Instead(s.Stanza(), to.String(), string(stanza.TypeCancel), string(stanza.ResourceConstraint), "The answer is too large to be sent.")
	if answer == nil {
		return err
	}
	return o.queue(ctx, to.String(), func(dst []byte) []byte { return append(dst, answer...) })
}

// queue queues a stanza. It is counted before, so that who looks afterwards how many there are knows that
// its own is among them.
func (o *outlet) queue(ctx context.Context, to string, write func(dst []byte) []byte) (err error) {
	o.count(1, 0)
	if ctx.Value(fromReader{}) != nil {
		err = o.link.Queue().Offer(to, write)
	} else {
		err = o.link.Queue().Append(ctx, write)
	}
	if err != nil {
		o.count(0, 1)
	}
	return err
}

// written waits until all that is queued is written, for a while, if the server is there.
func (o *outlet) written(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, writeFor)
	defer cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	for until := o.total; o.up && o.gone < until && ctx.Err() == nil; {
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		o.mu.Lock()
	}
}

// echo sends the server a stanza for this node itself, and waits until it is back: then the server has
// passed on all that was written before.
func (o *outlet) echo(ctx context.Context) {
	ident, back := rand.Text(), make(chan struct{})
	o.mu.Lock()
	up := o.up
	o.ident, o.back = ident, back
	o.mu.Unlock()
	if !up {
		return
	}
	el := etree.NewElement("message")
	el.CreateAttr("from", o.l.set.rooms)
	el.CreateAttr("to", o.l.set.rooms)
	el.CreateAttr("id", ident)
	doc := etree.NewDocumentWithRoot(el)
	text, err := doc.WriteToBytes()
	if err == nil {
		err = o.queue(ctx, "", func(dst []byte) []byte { return append(dst, text...) })
	}
	if err != nil {
		return
	}
	select {
	case <-back:
	case <-o.ended:
	case <-ctx.Done():
		o.l.log.Warn("the server does not answer: what was said last may be lost")
	}
}

// isEcho takes the stanza of echo. Nobody else has the domain's own address.
func (o *outlet) isEcho(el *etree.Element) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ident == "" || el.SelectAttrValue("id", "") != o.ident || el.SelectAttrValue("from", "") != o.l.set.rooms {
		return false
	}
	close(o.back)
	o.ident = ""
	return true
}

// unreadable refuses a stanza that is too large, or no XML.
func (o *outlet) unreadable(bad *xmppcomp.StanzaError) {
	text := "The stanza is not well-formed XML."
	if errors.Is(bad, stanza.ErrTooLarge) {
		text = "The stanza is too large."
	}
	o.refuse(bad.Head, stanza.TypeModify, stanza.PolicyViolation, text)
}

// refuse answers a stanza that reaches no room.
func (o *outlet) refuse(head *etree.Element, kind stanza.ErrorType, condition stanza.Condition, text string) {
	answer := xmppcomp.Refusal(head, string(kind), string(condition), text)
	if answer == nil {
		return
	}
	reading := context.WithValue(context.Background(), fromReader{}, true)
	if o.queue(reading, head.SelectAttrValue("from", ""), func(dst []byte) []byte { return append(dst, answer...) }) != nil {
		o.l.counts.unsent.Inc()
	}
}
