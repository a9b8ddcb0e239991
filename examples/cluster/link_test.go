package main

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/examples/component/fakeserver"
	"github.com/gomuc/muc/examples/component/xmppcomp"
)

const (
	chat     = "chat.example"
	password = "geheim"
)

// linked is nodes in this process, behind a server of which the test says what it does.
type linked struct {
	t      *testing.T
	server *fakeserver.Server
	memory *cluster.Memory
	fronts map[string]*link
}

func newLinked(t *testing.T, names ...string) *linked {
	w := &linked{t, fakeserver.New(t, chat, password), cluster.NewMemory(), map[string]*link{}}
	for _, name := range names {
		w.start(name)
	}
	for _, l := range w.fronts {
		require.NoError(t, l.node.Ready(t.Context()))
	}
	t.Cleanup(func() {
		last := w.holder() // which has no successor then
		for _, l := range w.fronts {
			if l != last {
				assert.NoError(t, w.stops(l))
			}
		}
		assert.NoError(t, w.stops(last))
	})
	return w
}

func (w *linked) start(name string) {
	set := &settings{name: name, component: w.server.Addr(), rooms: chat, password: password, secret: []byte(strings.Repeat("s", 32))}
	l := newLink(set, newMetrics(), slog.New(slog.DiscardHandler))
	_, err := start(w.t.Context(), set, w.memory, l, l.counts, l.log)
	require.NoError(w.t, err)
	w.fronts[name] = l
}

func (w *linked) stops(l *link) error {
	delete(w.fronts, l.set.name)
	ctx, cancel := context.WithTimeout(context.Background(), fakeserver.Patience)
	defer cancel()
	return l.stop(ctx)
}

// holder is the node that has the link.
func (w *linked) holder() (holder *link) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		for _, l := range w.fronts {
			if l.mu.Lock(); l.out != nil {
				holder = l
			}
			l.mu.Unlock()
		}
		return holder != nil
	}, fakeserver.Patience, time.Millisecond)
	return holder
}

func element(t *testing.T, text string) *etree.Element {
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(text))
	return doc.Root()
}

var idOf = regexp.MustCompile(` id='(\w+)'`)

const (
	joins = "<presence from='romeo@example.org/pda' to='%s@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
	opens = "<iq from='romeo@example.org/pda' to='%s@chat.example' type='set' id='open'><query xmlns='http://jabber.org/protocol/muc#owner'>" +
		"<x xmlns='jabber:x:data' type='submit'/></query></iq>"
	speaks = "<message from='romeo@example.org/pda' to='%s@chat.example' type='groupchat'><body>%s</body></message>"
)

// The node with the link stops. First all that was said is with the server: only when that has sent back what
// the node sent to itself, the next one connects. And what comes to that one is done after what the first one
// has read.
func TestLinkGoesOver(t *testing.T) {
	w := newLinked(t, "a", "b", "c")
	first := w.server.Next()
	rooms := strings.Fields("hall attic cellar garden tower yard")
	for _, room := range rooms {
		first.Send(fmt.Sprintf(joins, room))
		first.Expect("<presence", "from='"+room+"@chat.example/Romeo'", "code='110'")
		first.Send(fmt.Sprintf(opens, room))
		first.Expect("<iq", "type='result'", "from='"+room+"@chat.example'")
	}
	stopped := make(chan error, 1)
	holder := w.holder()
	delete(w.fronts, holder.set.name)
	go func() { stopped <- holder.stop(context.Background()) }()
	echo := first.Expect("<message", "from='chat.example'", "to='chat.example'")
	for _, room := range rooms {
		first.Send(fmt.Sprintf(speaks, room, "earlier"))
	}
	first.Send(fmt.Sprintf("<message from='chat.example' to='chat.example' id='%s'/>", idOf.FindStringSubmatch(echo)[1]))
	second := w.server.Next()
	for _, room := range rooms {
		second.Send(fmt.Sprintf(speaks, room, "later"))
	}
	first.End("conflict")
	for _, room := range rooms {
		_, before := first.Wait(0, "<message", "from='"+room+"@chat.example/Romeo'", "earlier")
		if !before {
			said := second.Expect("<message", "from='"+room+"@chat.example/Romeo'")
			assert.Contains(t, said, "earlier")
		}
		said := second.Expect("<message", "from='"+room+"@chat.example/Romeo'")
		assert.Contains(t, said, "later")
	}
	require.NoError(t, <-stopped)
}

// What comes when the link has gone over waits until the node before has done all that it has read.
func TestDrainedFirst(t *testing.T) {
	w := newLinked(t, "a")
	w.server.Next()
	l := w.holder()
	o := newOutlet(l)
	l.mu.Lock()
	before := l.out
	l.out = o
	l.mu.Unlock()
	handled := make(chan struct{})
	go func() {
		defer close(handled)
		l.handle(t.Context(), o, element(t, fmt.Sprintf(joins, "hall")))
	}()
	select {
	case <-handled:
		require.Fail(t, "it does not wait")
	case <-time.After(50 * time.Millisecond):
	}
	l.heard("", encode(told{Drained: true}))
	<-handled
	require.Eventually(t, func() bool {
		_, stanzas := o.link.Queue().Len()
		return stanzas > 0
	}, fakeserver.Patience, time.Millisecond, "the room answers")
	l.mu.Lock()
	l.out = before
	l.mu.Unlock()
}

// A connection that breaks is made again by the same node, and rooms ask who is still there; that node refuses
// what is too large, and another secret is an error that ends it.
func TestLinkBreaks(t *testing.T) {
	w := newLinked(t, "a", "b")
	first := w.server.Next()
	first.Send(fmt.Sprintf(joins, "hall"))
	first.Expect("<presence", "from='hall@chat.example/Romeo'", "code='110'")
	holder := w.holder()
	first.Cut()
	second := w.server.Next()
	assert.Same(t, holder, w.holder())
	second.Expect("<iq", "urn:xmpp:ping", "to='romeo@example.org/pda'")
	second.Send(fmt.Sprintf(speaks, "hall", strings.Repeat("long ", 100_000)))
	second.Expect("<message", "type='error'", "policy-violation", "to='romeo@example.org/pda'")
}

// A wrong secret is told to who runs the node.
func TestLinkSecret(t *testing.T) {
	server := fakeserver.New(t, chat, "another")
	w := &linked{t, server, cluster.NewMemory(), map[string]*link{}}
	w.start("a")
	var said *xmppcomp.StreamError
	require.ErrorAs(t, w.fronts["a"].serve(), &said)
	assert.Equal(t, "not-authorized", said.Condition)
	require.NoError(t, w.fronts["a"].node.Close(t.Context()))
}

// A delivery is done when all of it is written, if the server is there; a server that takes nothing holds it
// up for a second.
func TestWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outlet{changed: make(chan struct{}), up: true}
		waits := func() (took time.Duration) {
			began := time.Now()
			o.written(t.Context())
			return time.Since(began)
		}
		assert.Zero(t, waits())
		o.count(2, 0)
		go func() {
			time.Sleep(time.Millisecond)
			o.count(0, 1)
			time.Sleep(time.Millisecond)
			o.count(0, 1)
		}()
		assert.Equal(t, 2*time.Millisecond, waits())
		o.count(1, 0)
		assert.Equal(t, writeFor, waits())
		o.up = false
		assert.Zero(t, waits())
	})
}
