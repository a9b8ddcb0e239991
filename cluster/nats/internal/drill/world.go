package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/nats"
	"github.com/gomuc/muc/cluster/nats/embedded"
)

// world is the cluster, and what is known of it.
type world struct {
	options
	rnd     *rand.Rand // of the goroutine that breaks things
	configs []embedded.Config
	natsd   []*process
	nodes   map[string]*process
	gate    *cluster.Node // with the clients
	engine  *nats.Engine
	rooms   []*chat
	byJID   map[string]*client
	began   time.Time
	talking sync.WaitGroup
	quiet   context.CancelFunc

	mu       sync.Mutex
	counts   map[string]int
	moves    []time.Duration
	silences []time.Duration // of rooms whose node was killed
	waiting  []*wait
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
	if what == "moved" {
		w.moves = append(w.moves, took)
	}
}

// blame notes what must not be.
func (w *world) blame(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// ports are free ones.
func ports(n int) (addresses []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

var names = []string{"a", "b", "c"}

func (w *world) start(ctx context.Context) error {
	w.counts, w.byJID, w.records = map[string]int{}, map[string]*client{}, map[muc.JID]map[string]record{}
	free, err := ports(6)
	if err != nil {
		return err
	}
	for i := range 3 {
		w.configs = append(w.configs, embedded.Config{Name: fmt.Sprint("nats", i), Dir: filepath.Join(w.dir, fmt.Sprint("nats", i)), Listen: free[i],
			Password: password, Cluster: "drill", RouteListen: free[3+i], Routes: free[3:], RoutePassword: password, StoreBytes: 20 << 30})
		p, err := w.run("server", toJSON(w.configs[i]), w.configs[i].Name)
		if err != nil {
			return err
		}
		w.natsd = append(w.natsd, p)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if w.gate, w.engine, err = startNode(ctx, w.nodeConfig("gate"), w.tell, w.record, w.deliver); err != nil {
		return err
	}
	for _, name := range names {
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

func (w *world) nodeConfig(name string) nodeConfig {
	return nodeConfig{Name: name, URL: w.url(), Break: w.sabot, Loss: w.loss, Compact: w.compact}
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
}

// breakThings does one thing after the other.
func (w *world) breakThings(ctx context.Context) error {
	w.began = time.Now()
	kinds := map[string]func(context.Context, string) error{"kill": w.killNode, "freeze": w.freezeNode, "short": w.freezeShortly,
		"restart": w.restartNode, "server": w.killServer}
	only := w.only
	switch { // what shows that something is broken
	case only != "":
	case w.sabot == "fence":
		only = "short"
	case w.sabot == "numbers", w.sabot == "mark":
		only = "kill"
	default:
		only = "kill,freeze,short,restart"
	}
	var faults []func(context.Context, string) error
	for kind := range strings.SplitSeq(only, ",") {
		f, is := kinds[kind]
		if !is {
			return fmt.Errorf("there is no fault %q", kind)
		}
		faults = append(faults, f)
	}
	for n := 0; time.Since(w.began) < w.last && ctx.Err() == nil; n++ {
		at := time.Now()
		// Each kind comes in each round, on any node.
		if n%len(faults) == 0 {
			w.rnd.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		}
		if err := faults[n%len(faults)](ctx, names[w.rnd.IntN(len(names))]); err != nil {
			return err
		}
		w.mu.Lock()
		wrong := slices.Clone(w.wrong)
		w.mu.Unlock()
		if len(wrong) > 0 && w.sabot != "" {
			break // it was noticed
		}
		pause(ctx, w.every-time.Since(at))
	}
	return ctx.Err()
}

func (w *world) killNode(ctx context.Context, name string) error {
	w.watch(name)
	w.nodes[name].kill()
	w.tell("nodes killed", 1, 0)
	pause(ctx, 4*time.Second)
	return w.startAgain(ctx, name)
}

func (w *world) startAgain(ctx context.Context, name string) (err error) {
	if w.nodes[name], err = w.run("node", toJSON(w.nodeConfig(name)), name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !w.lives(name) {
		if pause(ctx, 20*time.Millisecond); ctx.Err() != nil {
			return fmt.Errorf("node %s does not start", name)
		}
	}
	return nil
}

// lives says whether a node of the name is there.
func (w *world) lives(name string) bool {
	return slices.ContainsFunc(w.gate.Nodes(), func(id string) bool { return strings.HasPrefix(id, name+"-") })
}

func (w *world) freezeNode(ctx context.Context, name string) error {
	return w.freeze(ctx, name, 4*time.Second+time.Duration(w.rnd.Int64N(int64(4*time.Second))))
}

// freezeShortly freezes a node for so long that others take its shards, and for so short that it does not
// know it when it goes on: only the log stops it then.
func (w *world) freezeShortly(ctx context.Context, name string) error {
	return w.freeze(ctx, name, 2200*time.Millisecond+time.Duration(w.rnd.Int64N(int64(700*time.Millisecond))))
}

func (w *world) freeze(ctx context.Context, name string, d time.Duration) error {
	p := w.nodes[name]
	if err := p.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	w.tell("nodes frozen", 1, 0)
	pause(ctx, d)
	return p.Process.Signal(syscall.SIGCONT)
}

func (w *world) restartNode(ctx context.Context, name string) error {
	p := w.nodes[name]
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	w.tell("nodes stopped and started", 1, 0)
	select {
	case <-p.ended:
	case <-time.After(40 * time.Second):
		return fmt.Errorf("node %s does not stop", name)
	}
	return w.startAgain(ctx, name)
}

func (w *world) killServer(ctx context.Context, _ string) (err error) {
	i := w.rnd.IntN(len(w.configs))
	w.natsd[i].kill()
	w.tell("NATS servers killed", 1, 0)
	pause(ctx, 5*time.Second)
	w.natsd[i], err = w.run("server", toJSON(w.configs[i]), w.configs[i].Name)
	return err
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
