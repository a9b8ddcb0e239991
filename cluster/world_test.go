package cluster_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/service"
)

var secret = []byte("only for tests: use random bytes")

// world is a cluster in memory, and the clients of its nodes.
type world struct {
	t      *testing.T
	rnd    *rand.Rand
	engine *cluster.Memory
	nodes  map[string]*member
	config func(c *cluster.Config)
	lives  int

	mu      sync.Mutex
	clients map[string]*client
	counts  map[string]int
}

// member is a node of it.
type member struct {
	*cluster.Node
	name   string
	engine *faulty
}

// client is a client of a node, or of the service that it is compared with.
type client struct {
	jid   muc.JID
	at    string // the name of its node
	inbox map[string][]string
}

func newWorld(t *testing.T, seed uint64, config func(c *cluster.Config), names ...string) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), engine: cluster.NewMemory(), nodes: map[string]*member{},
		config: config, clients: map[string]*client{}, counts: map[string]int{}}
	for _, name := range names {
		w.start(name)
	}
	t.Cleanup(func() {
		for _, m := range w.nodes {
			m.kill()
		}
		time.Sleep(time.Minute) // what was under way has ended
		synctest.Wait()
	})
	w.ready()
	return w
}

func roomConfig() muc.Config { return muc.Config{Secret: secret, Instant: true} }

// start starts a node, or starts it again.
func (w *world) start(name string) *member {
	w.t.Helper()
	w.lives++
	m := &member{name: name, engine: newFaulty(w.engine, w.rnd.Uint64())}
	c := cluster.Config{Node: name, Log: m.engine, Owners: m.engine, Bus: m.engine,
		Home: func(to muc.JID) []string {
			if of, _, is := strings.Cut(to.Resource(), "."); is {
				return []string{of}
			}
			return nil
		},
		Service: service.Config{Domain: "chat.example", Room: roomConfig(), Log: slog.New(slog.NewTextHandler(logTo(w.t), nil)),
			Deliver: func(_ context.Context, s service.Stanza) { w.receive(s) }},
	}
	c.SetLife(fmt.Sprint("life", w.lives))
	c.Observer = cluster.Observer{
		Fenced: func() { w.count("fenced", 1) }, Copies: func(n int) { w.count("copies", n) }, Took: func(int, time.Duration) { w.count("took", 1) },
		Moved: func(int, time.Duration) { w.count("moved", 1) }, Resent: func(n int) { w.count("resent", n) }, Expelled: func(string) { w.count("expelled", 1); w.count("expelled by "+name, 1) },
	}
	c.Service.Observer.Redone = func(same bool) { w.count(fmt.Sprint("redone ", same), 1) }
	if w.config != nil {
		w.config(&c)
	}
	n, err := cluster.New(w.t.Context(), c)
	require.NoError(w.t, err)
	m.Node = n
	w.nodes[name] = m
	return m
}

func (w *world) count(what string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what] += n
}

func (w *world) counted(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[what]
}

// logTo is where nodes log to: nowhere, but for who looks for a fault.
func logTo(*testing.T) io.Writer { return io.Discard }

// kill ends a node without a word.
func (m *member) kill() {
	m.engine.kill()
	m.Node.Kill()
}

// ready waits until all shards have an owner again.
func (w *world) ready() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	for _, m := range w.nodes {
		require.NoError(w.t, m.Ready(ctx), "%s: %+v", m.name, m.Stats())
	}
}

// settle waits until nothing is open any more.
func (w *world) settle() {
	w.t.Helper()
	for range 10 * 120 {
		synctest.Wait()
		busy := false
		for _, m := range w.nodes {
			s := m.Stats()
			busy = busy || s.Open > 0 || s.OutBytes > 0 || s.Orphans > 0 || s.Cut
		}
		if !busy {
			synctest.Wait()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, m := range w.nodes {
		w.t.Logf("%s %s: %+v\n%s", m.name, m.ID(), m.Stats(), strings.Join(m.Debug(), "\n"))
	}
	w.t.Fatal("something stays open")
}

// at is a client of a node.
func (w *world) at(node, name string) *client {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &client{at: node, inbox: map[string][]string{},
		jid: muc.MustParseJID(fmt.Sprintf("%s@example.org/%s.%s", name, w.nodes[node].ID(), name))}
	w.clients[c.jid.String()] = c
	return c
}

// receive takes what is delivered.
func (w *world) receive(s service.Stanza) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, to := range s.To() {
		if c := w.clients[to.String()]; c != nil {
			c.hears(string(s.AppendXML(nil, to, "")))
		}
	}
}

// hears notes a stanza under the room that it comes from.
func (c *client) hears(text string) {
	from, _, _ := strings.Cut(parse(text).SelectAttrValue("from", ""), "/")
	c.inbox[from] = append(c.inbox[from], text)
}

func parse(text string) *etree.Element {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		panic(fmt.Sprintf("%v in %s", err, text))
	}
	return doc.Root()
}

// send has a client say something, where %s stands for its own address.
func (w *world) send(c *client, format string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, w.nodes[c.at].Handle(w.t.Context(), c.jid, parse(fmt.Sprintf(format, args...))))
}

const (
	joinText  = "<presence to='%s@chat.example/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
	sayText   = "<message to='%s@chat.example' type='groupchat' id='%s'><body>%s</body></message>"
	leaveText = "<presence to='%s@chat.example/%s' type='unavailable'/>"
)

// heard are the bodies that a client heard in a room, in order.
func (w *world) heard(c *client, room string) (bodies []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range c.inbox[room+"@chat.example"] {
		el := parse(text)
		if body := el.SelectElement("body"); body != nil && el.SelectAttrValue("type", "") == "groupchat" {
			bodies = append(bodies, body.Text())
		}
	}
	return bodies
}

// saw reports whether a client was told that somebody is no more in a room.
func (w *world) saw(c *client, room, nick string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(c.inbox[room+"@chat.example"], func(text string) bool {
		el := parse(text)
		return el.Tag == "presence" && el.SelectAttrValue("type", "") == "unavailable" && el.SelectAttrValue("from", "") == room+"@chat.example/"+nick
	})
}

// bubble runs a test in which time passes only when everybody waits.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// roomOf is a room that a node has, and nobody has made yet.
func (w *world) roomOf(node string) string {
	for i := 0; ; i++ {
		name := fmt.Sprint("room", i)
		if w.nodes[node].Owner(muc.MustParseJID(name+"@chat.example")) == w.nodes[node].ID() {
			return name
		}
	}
}

// roomThatGoesTo is a room that nodes have one after the other, as they die.
func (w *world) roomThatGoesTo(successors ...string) string {
	for i := 0; ; i++ {
		name := fmt.Sprint("room", i)
		left := maps.Clone(w.nodes)
		if slices.ContainsFunc(successors, func(successor string) bool {
			var ids []string
			for _, m := range left {
				ids = append(ids, m.ID())
			}
			of := cluster.HeirOf(cluster.ShardOf(muc.MustParseJID(name+"@chat.example")), ids)
			is := of == w.nodes[successor].ID()
			delete(left, successor)
			return !is
		}) {
			continue
		}
		return name
	}
}

func TestTalk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
		for _, node := range []string{"a", "b", "c"} {
			room := w.roomOf(node)
			w.send(romeo, joinText, room, "romeo")
			w.settle()
			w.send(juliet, joinText, room, "juliet")
			w.settle()
			for i := range 5 {
				w.send([]*client{romeo, juliet}[i%2], sayText, room, "", fmt.Sprint(i))
				w.settle()
			}
			assert.Equal(t, []string{"0", "1", "2", "3", "4"}, w.heard(romeo, room))
			assert.Equal(t, []string{"0", "1", "2", "3", "4"}, w.heard(juliet, room))
		}
	})
}

func textOf(el *etree.Element) string {
	doc := etree.NewDocument()
	doc.SetRoot(el.Copy())
	text, err := doc.WriteToString()
	if err != nil {
		panic(err)
	}
	return text
}

func nobodyHears(context.Context, service.Stanza) {}
