package nats_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/nats"
	"github.com/gomuc/muc/cluster/nats/embedded"
)

// The tests wait for elections more than they work.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", fmt.Sprint(min(8, 4*runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const domain = "chat.example"

// patience is how long a test waits for something that should come: an election takes up to 10 s
// and the machine may be busy. Nothing is expected to take as long.
const patience = 5 * time.Minute

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// servers are nats-servers in this process, with a proxy before each of their ports.
type servers struct {
	t       testing.TB
	configs []embedded.Config
	running []*embedded.Server
	// routes[i][j] is what server i reaches server j by; clients[i] what clients reach i by.
	routes  [][]*proxy
	clients []*proxy
}

// clusters is how many there were. Each has its own name and password: a port that one of them has left may
// be another one's soon.
var clusters atomic.Int64

// start starts n servers; more than one are a cluster. change, unless nil, changes their
// configuration.
func start(t testing.TB, n int, change func(*embedded.Config)) *servers {
	number := clusters.Add(1)
	s := &servers{t: t, routes: make([][]*proxy, n), clients: make([]*proxy, n), running: make([]*embedded.Server, n)}
	for i := range n {
		s.routes[i] = make([]*proxy, n)
		s.clients[i] = newProxy(t)
		c := embedded.Config{Name: fmt.Sprint("s", i), Dir: t.TempDir(), StoreBytes: 1 << 40, Password: "client-secret"}
		for j := range n {
			s.routes[i][j] = newProxy(t)
			s.routes[i][j].route = true
			if n > 1 && i != j {
				c.RouteAdvertise = "127.0.0.1:1" // they shall not find ways around the proxies
				c.Cluster, c.RouteListen, c.RoutePassword = fmt.Sprint("test", number), "127.0.0.1:-1", fmt.Sprint("route-secret", number)
				c.Routes = append(c.Routes, s.routes[i][j].addr)
			}
		}
		if change != nil {
			change(&c)
		}
		s.configs = append(s.configs, c)
	}
	for i := range n {
		s.run(i)
	}
	t.Cleanup(func() {
		for i := range s.running {
			s.kill(i)
		}
	})
	return s
}

// run starts server i, again if it ran before.
func (s *servers) run(i int) {
	server, err := embedded.Start(within(s.t), s.configs[i])
	require.NoError(s.t, err)
	s.running[i] = server
	s.clients[i].to(server.Addr().String())
	for j := range s.routes {
		if server.RouteAddr() != nil {
			s.routes[j][i].to(server.RouteAddr().String())
		}
	}
}

func (s *servers) kill(i int) {
	if s.running[i] != nil {
		s.clients[i].to("") // first: its port may be another one's then
		for j := range s.routes {
			s.routes[j][i].to("")
		}
		s.running[i].Kill()
		s.running[i] = nil
	}
}

// cut separates server i from the other servers, until it is healed. Its clients still reach it.
func (s *servers) cut(i int, off bool) {
	for j := range s.routes {
		s.routes[i][j].cut(off)
		s.routes[j][i].cut(off)
	}
}

// config is for an engine whose connections go to server at, and to the others if that is
// not there; only to it if only is set.
func (s *servers) config(at int, only bool) nats.Config {
	urls := []string{"nats://" + s.clients[at].addr}
	for i := 1; i < len(s.clients) && !only; i++ {
		urls = append(urls, "nats://"+s.clients[(at+i)%len(s.clients)].addr)
	}
	return nats.Config{
		URL: strings.Join(urls, ","), Options: []natsgo.Option{natsgo.UserInfo("muc", "client-secret"), natsgo.DontRandomize()},
		System: []natsgo.Option{natsgo.UserInfo("system", "client-secret"), natsgo.DontRandomize()}, Domain: domain,
		Replicas: len(s.clients), Log: slog.New(slog.DiscardHandler),
	}
}

func (s *servers) open(c nats.Config) *nats.Engine {
	e, err := nats.Open(within(s.t), c)
	require.NoError(s.t, err)
	s.t.Cleanup(e.Close)
	return e
}

// admin is a plain connection to the rooms' account at server i.
func (s *servers) admin(i int) *natsgo.Conn {
	c, err := natsgo.Connect("nats://"+s.clients[i].addr, natsgo.UserInfo("muc", "client-secret"), natsgo.Timeout(patience))
	require.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	return c
}

// proxy passes TCP connections on. It can be cut, and it can drop messages that the server sends to a
// client.
type proxy struct {
	addr string
	// route: the one that connects is a server too.
	route bool

	mu     sync.Mutex
	target string
	off    bool
	conns  map[net.Conn]struct{}
	// drop says which messages to a client are dropped.
	drop atomic.Pointer[func(payload []byte) bool]
	// stalled: nothing is passed on, and nobody is told.
	stalled atomic.Bool
	// late is how much later a client gets what the server sends.
	late atomic.Int64
}

func newProxy(t testing.TB) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{addr: l.Addr().String(), conns: map[net.Conn]struct{}{}}
	t.Cleanup(func() { l.Close(); p.cut(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.pass(c)
		}
	}()
	return p
}

func (p *proxy) to(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func (p *proxy) cut(off bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = off
	for c := range p.conns {
		if off {
			c.Close()
			delete(p.conns, c)
		}
	}
}

// dropping drops the messages to clients for which a function says so; nil ends it.
func (p *proxy) dropping(f func(payload []byte) bool) {
	if f == nil {
		p.drop.Store(nil)
		return
	}
	p.drop.Store(&f)
}

func (p *proxy) pass(client net.Conn) {
	defer client.Close()
	p.mu.Lock()
	target, off := p.target, p.off
	p.mu.Unlock()
	if off || target == "" {
		return
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	if p.off {
		p.mu.Unlock()
		return
	}
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	go func() {
		p.copy(server, client, nil)
		server.Close()
	}()
	if p.route {
		p.copy(client, server, nil)
	} else {
		queue := make(chan func(), 10_000)
		go func() {
			for send := range queue {
				send()
			}
		}()
		p.copy(laterWriter{client, queue, &p.late}, server, &p.drop)
		close(queue)
	}
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

func (p *proxy) copy(to io.Writer, from io.Reader, drop *atomic.Pointer[func([]byte) bool]) {
	in := bufio.NewReaderSize(from, 64<<10)
	for {
		frame, payload, err := readFrame(in, drop != nil)
		for p.stalled.Load() {
			time.Sleep(5 * time.Millisecond)
		}
		if len(frame) > 0 && !dropped(drop, payload) {
			if _, err := to.Write(frame); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// laterWriter writes what it is given when it is due, in order.
type laterWriter struct {
	net.Conn
	queue chan func()
	late  *atomic.Int64
}

func (w laterWriter) Write(b []byte) (int, error) {
	due := time.Now().Add(time.Duration(w.late.Load()))
	w.queue <- func() {
		time.Sleep(time.Until(due))
		if _, err := w.Conn.Write(b); err != nil {
			w.Close() // which ends the copying
		}
	}
	return len(b), nil
}

func dropped(drop *atomic.Pointer[func([]byte) bool], payload []byte) bool {
	if drop == nil || payload == nil {
		return false
	}
	f := drop.Load()
	return f != nil && (*f)(payload)
}

// readFrame reads what can be passed on alone: whatever there is, or, of the protocol that servers speak to
// clients, a line, with the payload of a message.
func readFrame(in *bufio.Reader, client bool) (frame, payload []byte, err error) {
	if !client {
		buffer := make([]byte, 32<<10)
		n, err := in.Read(buffer)
		return buffer[:n], nil, err
	}
	line, err := in.ReadBytes('\n')
	if err != nil || !bytes.HasPrefix(line, []byte("MSG ")) && !bytes.HasPrefix(line, []byte("HMSG ")) {
		return line, nil, err
	}
	fields := bytes.Fields(line)
	n, err := strconv.Atoi(string(fields[len(fields)-1]))
	if err != nil {
		return line, nil, err
	}
	frame = append(line, make([]byte, n+2)...)
	_, err = io.ReadFull(in, frame[len(frame)-n-2:])
	return frame, frame[len(frame)-n-2:], err
}

// room makes the address of a room.
func room(local string) muc.JID { return muc.MustParseJID(local + "@" + domain) }

// message is one to append.
func message(r muc.JID, epoch int, kind cluster.Kind, body string) cluster.Message {
	return cluster.Message{Room: r, ID: unique(), Epoch: cluster.Epoch(epoch), Kind: kind, Body: []byte(body)}
}

var counter atomic.Int64

func unique() string { return fmt.Sprint("id", counter.Add(1)) }
