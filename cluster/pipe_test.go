package cluster

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// piping is a node that says something, and a pipe of it to another one.
func piping(t *testing.T, deliver func(context.Context, service.Stanza)) (*Node, *pipe) {
	n := bare(t)
	n.id, n.cfg.Bus, n.cfg.Service.Deliver, n.cfg.Limits.OutBytes = "a-life", NewMemory(), deliver, 1000
	n.log = slog.New(slog.DiscardHandler)
	return n, &pipe{n: n, to: "b-life", next: 1}
}

// speechOf is what a room says to somebody.
func speechOf(ident string) *outBody {
	to := []muc.JID{muc.MustParseJID("romeo@example.org/pda")}
	return &outBody{Speech: &speech{Room: cellar, Shard: ShardOf(cellar), Says: []*says{{Tag: "message", Ident: ident, Who: to}}}}
}

// What is redirected to this node is said in order. A host that is slow then holds up what is said, but nobody who looks at
// the pipe, and no more is taken than its bound.
func TestRedirectedHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		slow := make(chan struct{})
		n, p := piping(t, func(_ context.Context, s service.Stanza) {
			<-slow
			said = append(said, s.ID())
		})
		var done atomic.Int64
		say := func(ident string) {
			d := &delivery{left: 1}
			p.send(t.Context(), speechOf(ident), d, true)
			d.done()
			d.whenDone(func() { done.Add(1) })
		}
		say("1")
		say("2")
		p.redirect(n.sayer(n.id, p))
		say("3")
		synctest.Wait() // the host has been given the first
		require.True(t, p.mu.TryLock())
		p.mu.Unlock()
		assert.Zero(t, done.Load())
		p.giveUp()
		large := strings.Repeat("4", 1000)
		var talking sync.WaitGroup
		talking.Go(func() { say(large); say("5") })
		synctest.Wait()
		assert.Less(t, p.waits(), 3000)
		for range 4 {
			slow <- struct{}{}
		}
		talking.Wait()
		back := make(chan struct{})
		go func() { p.endRedirect(); close(back) }()
		synctest.Wait()
		select {
		case <-back:
			t.Error("it ends before all is said")
		default:
		}
		close(slow)
		<-back
		synctest.Wait()
		assert.True(t, slices.Equal([]string{"1", "2", "3", large, "5"}, said))
		assert.EqualValues(t, 5, done.Load())
		assert.Zero(t, p.waits())
	})
}

// Rooms that wait for place on the way to a node go on when what waits is redirected to another one.
func TestRedirectMakesPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := piping(t, nil)
		said := 0
		say := func() { p.send(t.Context(), speechOf(strings.Repeat("x", 1000)), &delivery{left: 1}, true) }
		say()
		go say()
		synctest.Wait()
		p.redirect(func([]byte, *delivery) { said++ })
		synctest.Wait()
		assert.Equal(t, 2, said)
	})
}

// What nobody waits for is dropped when too much waits: that is counted, and said.
func TestDropped(t *testing.T) {
	n, p := piping(t, nil)
	var log bytes.Buffer
	dropped := 0
	n.log, n.cfg.Observer.Dropped = slog.New(slog.NewTextHandler(&log, nil)), func() { dropped++ }
	for range 40 {
		p.send(t.Context(), &outBody{Host: make([]byte, 100)}, nil, false)
	}
	assert.Less(t, p.waits(), 2*n.cfg.Limits.OutBytes+200)
	assert.Positive(t, dropped)
	assert.Equal(t, 40, dropped+len(p.frames))
	assert.Equal(t, 1, strings.Count(log.String(), "dropped"), log.String())
}

// A node that ends waits for its goroutines, also where others are about to begin.
func TestTasks(t *testing.T) {
	for range 100 {
		var all tasks
		var begin, running sync.WaitGroup
		var now atomic.Int64
		begin.Add(1)
		for range 4 {
			running.Go(func() {
				begin.Wait()
				all.Go(func() { now.Add(1); now.Add(-1) })
			})
		}
		begin.Done()
		all.Wait()
		assert.Zero(t, now.Load())
		running.Wait()
		all.Go(func() { t.Error("it has ended") })
	}
}
