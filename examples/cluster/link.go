package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

const (
	// lingers is how long a node that is not the active one any more reads what the server still
	// sends to it, if it does not hear that the next one is connected.
	lingers = 5 * time.Second
	// askAgain is how long after a break rooms ask once more who is still there: those that were taken over
	// are loaded by then.
	askAgain = 10 * time.Second
)

var errNotActive = errors.New("another node has the link")

// link is the front of a node behind an XMPP server: an external component (XEP-0114), which is connected
// while the node is the active one. What comes may be for rooms of all nodes; what all nodes have to
// say goes out here.
type link struct {
	set    *settings
	counts *metrics
	log    *slog.Logger
	node   *cluster.Node
	begun  chan struct{} // closed when there is a node
	failed chan error

	mu      sync.Mutex
	out     *outlet   // nil while another node is the active one
	old     *outlet   // the one before, from which may still be read
	other   bool      // another node has said that it is connected
	yielded time.Time // when another node has said that it yields the link
}

func newLink(set *settings, counts *metrics, log *slog.Logger) *link {
	return &link{set: set, counts: counts, log: log, begun: make(chan struct{}), failed: make(chan error, 1)}
}

func (l *link) hooks(c *cluster.Config) {
	c.Service.Deliver = l.deliver
	c.Active, c.Yield, c.Heard = l.active, l.yield, l.heard
}

func (l *link) begin(_ context.Context, n *cluster.Node) error {
	l.node = n
	close(l.begun)
	return nil
}

func (l *link) place() string { return "component of " + l.set.component }

func (l *link) serve() error { return <-l.failed }

// stop lets the next node have the link, after which the server sends nothing here any more, and stops the
// node.
func (l *link) stop(ctx context.Context) error {
	err := l.node.Retire(ctx)
	l.mu.Lock()
	old := l.old
	l.mu.Unlock()
	if old != nil {
		err = errors.Join(err, old.wait(ctx))
	}
	err = errors.Join(err, l.node.Close(ctx))
	l.mu.Lock()
	out := l.out
	l.mu.Unlock()
	if out != nil { // there is no other node
		err = errors.Join(err, out.link.Drain(ctx))
		out.stop()
		err = errors.Join(err, out.wait(ctx))
	}
	return err
}

// active is told whether the node has the link. It returns at once.
func (l *link) active(is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if is {
		l.other, l.out = false, newOutlet(l)
		go l.out.run()
		return
	}
	if l.out == nil {
		return
	}
	l.old, l.out = l.out, nil
	l.counts.linked.Set(0)
	l.old.link.Queue().Close()
	if l.other {
		l.old.stop()
	} else {
		time.AfterFunc(lingers, l.old.stop)
	}
}

// isOut reports whether an outlet is the one by which is spoken.
func (l *link) isOut(o *outlet) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out == o
}

// deliver writes what rooms say, so that it is gone when the node says that it was delivered.
func (l *link) deliver(ctx context.Context, s service.Stanza) {
	l.mu.Lock()
	out := l.out
	l.mu.Unlock()
	for _, to := range s.To() {
		if out == nil {
			l.counts.unsent.Inc()
			continue
		}
		if err := out.put(ctx, s, to); err != nil {
			l.counts.unsent.Inc()
			l.log.Debug("a stanza is not sent", "to", to, "error", err)
		}
	}
	if out != nil && ctx.Value(fromReader{}) == nil {
		out.written(ctx)
	}
}

// yield has the server take all that was delivered: what it is sent to pass back to this node comes
// after that.
func (l *link) yield(ctx context.Context) {
	l.mu.Lock()
	out := l.out
	l.mu.Unlock()
	l.node.TellAll(encode(told{Yields: true}))
	if out != nil {
		out.echo(ctx)
	}
}

// connected is told when the server is there, or not.
func (l *link) connected(o *outlet, up bool) {
	if !l.isOut(o) {
		return
	}
	if !up {
		l.counts.linked.Set(0)
		return
	}
	l.counts.linked.Set(1)
	l.mu.Lock()
	broken := time.Since(l.yielded) > 2*lingers
	l.other, l.yielded = false, time.Time{}
	l.mu.Unlock()
	l.node.TellAll(encode(told{Linked: true, Broken: broken}))
	if broken {
		o.closeFirst()
	} else {
		time.AfterFunc(2*lingers, o.closeFirst)
	}
	l.ask(broken)
}

// ask has the rooms of this node ask who is still inside, if somebody may have left while no node was
// connected.
func (l *link) ask(broken bool) {
	if broken {
		l.node.Service().AskAll()
		time.AfterFunc(askAgain, l.node.Service().AskAll)
	}
}

// heard takes what another node tells.
func (l *link) heard(_ string, data []byte) {
	<-l.begun
	var t told
	if json.Unmarshal(data, &t) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.Yields {
		l.yielded = time.Now()
	}
	if t.Drained && l.out != nil {
		l.out.closeFirst()
	}
	if t.Linked {
		if l.other = true; l.old != nil {
			l.old.stop()
		}
		go l.ask(t.Broken)
	}
}

// fromReader marks the context of what comes from the server: it must not wait for the stream.
type fromReader struct{}

// handle takes a stanza from the server.
func (l *link) handle(ctx context.Context, o *outlet, el *etree.Element) {
	if o.isEcho(el) {
		return
	}
	select {
	case <-o.first:
	case <-ctx.Done():
	}
	from, err := muc.ParseJID(el.SelectAttrValue("from", ""))
	if err == nil {
		err = l.node.Handle(context.WithValue(context.WithoutCancel(ctx), fromReader{}, true), from, el)
	}
	switch {
	case errors.Is(err, cluster.ErrClosed):
		o.refuse(el, stanza.TypeWait, stanza.RecipientUnavailable, "The service starts again.")
	case err != nil:
		l.log.Debug("a stanza that nobody takes", "name", el.Tag, "error", err)
	}
}
