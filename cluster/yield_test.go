package cluster_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/service"
)

// lineServer is a server with one link, which the last node has that connected: what another one has not
// written by then is lost.
type lineServer struct {
	mu     sync.Mutex
	linked string
	queues map[string][]string
	bodies map[string][]string // by room, as the server got them
	links  []string
	early  int // said to a node that was never told to have the link
}

func (l *lineServer) config(c *cluster.Config) {
	node := c.Node
	c.Home = nil
	c.Active = func(is bool) {
		time.Sleep(20 * time.Millisecond) // as long as a host connects, it is not to say anything
		l.mu.Lock()
		defer l.mu.Unlock()
		if is {
			l.linked, l.links = node, append(l.links, node)
			clear(l.queues)
		}
	}
	c.Yield = func(context.Context) { l.write(node) }
	c.Service.Deliver = func(_ context.Context, s service.Stanza) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if body := s.Stanza().SelectElement("body"); body != nil {
			if !slices.Contains(l.links, node) {
				l.early++
			}
			room, _, _ := strings.Cut(s.Stanza().SelectAttrValue("from", ""), "@")
			l.queues[node] = append(l.queues[node], room+" "+body.Text())
		}
	}
}

// write writes what a node has queued, if it has the link.
func (l *lineServer) write(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.linked != node {
		return
	}
	for _, text := range l.queues[node] {
		room, body, _ := strings.Cut(text, " ")
		l.bodies[room] = append(l.bodies[room], body)
	}
	l.queues[node] = nil
}

// Nodes retire one after the other, while people talk in rooms of all of them: by each that has the link, the
// server gets all that rooms say, in order, each once.
func TestLinkMoves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := &lineServer{queues: map[string][]string{}, bodies: map[string][]string{}}
		w := newWorld(t, 1, l.config, "a", "b", "c")
		first := w.active()
		romeo := w.at(first, "romeo")
		var rooms []string
		for _, node := range []string{"a", "b", "c"} {
			rooms = append(rooms, w.roomWith(node, romeo))
		}
		stop, writes := context.WithCancel(t.Context())
		defer writes()
		go func() {
			for stop.Err() == nil {
				time.Sleep(40 * time.Millisecond) // a link that is busy
				l.mu.Lock()
				linked := l.linked
				l.mu.Unlock()
				l.write(linked)
			}
		}()
		var want []string
		say := func(times int) {
			for range times {
				want = append(want, fmt.Sprint(len(want)))
				for _, room := range rooms {
					w.send(romeo, sayText, room, "", want[len(want)-1])
				}
				time.Sleep(5 * time.Millisecond)
			}
		}
		for range 2 {
			active := w.nodes[w.active()]
			retired := make(chan error, 1)
			go func() { retired <- active.Retire(t.Context()) }()
			say(100)
			require.NoError(t, <-retired, "what it takes is still done")
			assert.NotEqual(t, active.name, w.active())
			w.settle()
			require.NoError(t, active.Close(t.Context()))
			delete(w.nodes, active.name)
			romeo.at = w.active()
			say(50)
		}
		last := w.nodes[w.active()]
		require.NoError(t, last.Retire(t.Context()), "it is alone")
		say(50)
		w.settle()
		time.Sleep(time.Second)
		l.mu.Lock()
		defer l.mu.Unlock()
		assert.Len(t, l.links, 3)
		assert.Zero(t, l.early)
		for _, room := range rooms {
			assert.Equal(t, want, l.bodies[room], room)
		}
	})
}

// The next active node does not hear on the bus that it is that: it hears it from those that have something
// to say by it, before they say that.
func TestNextActiveIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := &lineServer{queues: map[string][]string{}, bodies: map[string][]string{}}
		w := newWorld(t, 1, l.config, "a", "b", "c")
		first := w.nodes[w.active()]
		var others []string
		for _, m := range w.nodes {
			if m != first {
				others = append(others, m.ID())
			}
		}
		next := w.nodes[strings.Split(cluster.HeirOf(0, others), "-")[0]]
		third := w.nodes[strings.Split(others[(slices.Index(others, next.ID())+1)%2], "-")[0]]
		romeo := w.at(third.name, "romeo")
		room := w.roomWith(third.name, romeo)
		next.engine.hearNothingOf("owner")
		retired := make(chan error, 1)
		go func() { retired <- first.Retire(t.Context()) }()
		var want []string
		for i := range 50 {
			want = append(want, fmt.Sprint(i))
			w.send(romeo, sayText, room, "", want[i])
			time.Sleep(5 * time.Millisecond)
		}
		w.settle()
		require.NoError(t, <-retired)
		l.write(next.name)
		l.mu.Lock()
		defer l.mu.Unlock()
		assert.Equal(t, []string{first.name, next.name}, l.links)
		assert.Zero(t, l.early)
		assert.Equal(t, want, l.bodies[room])
	})
}

// The engine does not answer when the link is to move: rooms say on at once by the node that has it.
func TestLinkDoesNotMove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := &lineServer{queues: map[string][]string{}, bodies: map[string][]string{}}
		w := newWorld(t, 1, l.config, "a", "b", "c")
		first := w.nodes[w.active()]
		var other *member
		for _, m := range w.nodes {
			if m != first {
				other = m
			}
		}
		romeo := w.at(other.name, "romeo")
		room := w.roomWith(other.name, romeo)
		first.engine.put(&first.engine.unset, true)
		stopping, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		go func() {
			for stopping.Err() == nil {
				time.Sleep(time.Millisecond)
				l.write(first.name)
			}
		}()
		retired := make(chan error, 1)
		go func() { retired <- first.Retire(stopping) }()
		for i := range 20 {
			w.send(romeo, sayText, room, "", fmt.Sprint(i))
			time.Sleep(100 * time.Millisecond)
			l.mu.Lock()
			assert.Len(t, l.bodies[room], i+1)
			l.mu.Unlock()
		}
		require.ErrorIs(t, <-retired, context.DeadlineExceeded)
		l.mu.Lock()
		defer l.mu.Unlock()
		assert.Equal(t, []string{first.name}, l.links)
	})
}

// active is which node is the active one.
func (w *world) active() string {
	for name, m := range w.nodes {
		if m.Active() == m.ID() {
			return name
		}
	}
	return ""
}
