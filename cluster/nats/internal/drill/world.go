package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/nats"
	"github.com/gomuc/muc/cluster/nats/embedded"
	"github.com/gomuc/muc/cluster/nats/internal/natsd"
)

// world is the cluster, and what is known of it.
type world struct {
	options
	rnd     *rand.Rand // of the goroutine that breaks things
	configs []embedded.Config
	natsd   []*process
	nodes   map[string]*process
	links   map[string]*link // of nodes to the servers
	admin   *natsgo.Conn
	gate    *cluster.Node // with the clients
	engine  *nats.Engine
	rooms   []*chat
	byJID   map[string]*client
	began   time.Time
	mounted string // the disk that gets full
	talking sync.WaitGroup
	quiet   context.CancelFunc

	mu       sync.Mutex
	counts   map[string]int
	moves    []time.Duration // but for those beside a fault
	upset    int             // something stands still, or is cut off
	calm     time.Time       // when that is over
	silences []time.Duration // of rooms whose node was killed
	waiting  []*wait
	longest  time.Duration // that a room was silent, whatever the reason
	wrong    []string
	records  map[muc.JID]map[string]record // by the snapshot that took the place
}

// wait is for a room whose node was killed to speak again.
type wait struct {
	room  *chat
	since time.Time
	after uint64 // a message that was said since
}

// process is one that can be killed.
type process struct {
	*exec.Cmd
	ended chan struct{}
}

// run starts this program in another role.
func (w *world) run(role, config, name string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(w.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{exec.Command(program, role, config), make(chan struct{})}
	p.Stderr = log
	lines, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	go func() {
		for in := json.NewDecoder(lines); ; {
			var h happened
			if in.Decode(&h) != nil {
				break
			}
			if h.Kept != nil {
				w.record(*h.Kept)
			} else {
				w.tell(h.What, h.N, h.Took)
			}
		}
		_, _ = io.Copy(io.Discard, lines)
		_ = p.Wait()
		close(p.ended)
	}()
	return p, nil
}

// kill ends a process at once.
func (p *process) kill() {
	if p != nil {
		_ = p.Process.Kill()
		<-p.ended
	}
}

// tell counts what a node saw.
func (w *world) tell(what string, n int, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what] += n
	switch {
	case what != "moved":
	case w.upset > 0 || time.Now().Before(w.calm):
		w.counts["moved beside a fault"] += n
	default:
		w.moves = append(w.moves, took)
	}
}

// blame notes what must not be.
func (w *world) blame(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

var names = []string{"a", "b", "c"}

func (w *world) start(ctx context.Context) error {
	w.counts, w.byJID, w.records = map[string]int{}, map[string]*client{}, map[muc.JID]map[string]record{}
	w.links = map[string]*link{}
	free, err := natsd.Ports(6)
	if err != nil {
		return err
	}
	for i := range 3 {
		w.configs = append(w.configs, embedded.Config{Name: fmt.Sprint("nats", i), Dir: filepath.Join(w.dir, fmt.Sprint("nats", i)), Listen: free[i],
			Password: password, Cluster: "drill", RouteListen: free[3+i], Routes: free[3:], RoutePassword: password, StoreBytes: 20 << 30})
	}
	if err := w.mount(); err != nil {
		return err
	}
	for _, c := range w.configs {
		p, err := w.run("server", toJSON(c), c.Name)
		if err != nil {
			return err
		}
		w.natsd = append(w.natsd, p)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if w.admin, err = natsgo.Connect(w.url(), natsgo.UserInfo("muc", password), natsgo.MaxReconnects(-1), natsgo.RetryOnFailedConnect(true)); err != nil {
		return err
	}
	if w.gate, w.engine, err = startNode(ctx, w.nodeConfig("gate"), w.tell, w.record, w.deliver); err != nil {
		return err
	}
	for _, name := range names {
		if w.links[name], err = newLink(free[:3]); err != nil {
			return err
		}
		if w.nodes[name], err = w.run("node", toJSON(w.nodeConfig(name)), name); err != nil {
			return err
		}
	}
	for len(w.gate.Nodes()) < 4 {
		if pause(ctx, 50*time.Millisecond); ctx.Err() != nil {
			return errors.New("the nodes do not find each other")
		}
	}
	pause(ctx, 3*time.Second) // the shards are spread
	return w.gate.Ready(ctx)
}

func (w *world) url() string {
	var urls []string
	for _, c := range w.configs {
		urls = append(urls, "nats://"+c.Listen)
	}
	return strings.Join(urls, ",")
}

// nodeConfig is that of a node, with a clock of its own.
func (w *world) nodeConfig(name string) nodeConfig {
	c := nodeConfig{Name: name, URL: w.url(), Break: w.sabot, Loss: w.loss, Compact: w.compact, Slow: w.slow}
	if l := w.links[name]; l != nil {
		c.URL = l.url()
	}
	if w.apart > 0 {
		c.Clock = time.Duration(w.rnd.Int64N(int64(2*w.apart))) - w.apart
	}
	return c
}

func (w *world) end() {
	if w.quiet != nil {
		w.quiet()
	}
	w.talking.Wait()
	for _, p := range w.nodes {
		p.kill()
	}
	if w.gate != nil {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.gate.Close(ended) // as it is
		w.engine.Close()
	}
	for _, p := range w.natsd {
		p.kill()
	}
	for _, l := range w.links {
		l.close()
	}
	if w.admin != nil {
		w.admin.Close()
	}
	w.unmount()
}

// watch waits for the rooms of a node to speak again, from now on.
func (w *world) watch(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rooms {
		if strings.HasPrefix(w.gate.Owner(r.jid), name+"-") {
			w.waiting = append(w.waiting, &wait{room: r, since: time.Now(), after: r.said.Load()})
		}
	}
}
