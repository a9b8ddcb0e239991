package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/nats/embedded"
	"github.com/gomuc/muc/cluster/nats/internal/natsd"
	"github.com/gomuc/muc/service"
)

// world is the cluster: the node a with all clients in this process, b and c in others.
type world struct {
	options
	url     string
	running []*process
	peers   map[string]*process
	*place
	began time.Time

	mu    sync.Mutex
	heard map[string]chan time.Time // by room: when something of it comes next
}

// process is one that can be killed and asked.
type process struct {
	*exec.Cmd
	in  io.Writer
	out *json.Decoder
}

func (w *world) start(role, config, name string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(w.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{Cmd: exec.Command(program, role, config)}
	p.Stderr = log
	out, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(bufio.NewReader(out))
	if p.in, err = p.StdinPipe(); err != nil {
		return nil, err
	}
	return p, p.Start()
}

// ask waits for the answer to a line.
func (p *process) ask(line string) (a answered, err error) {
	if _, err = io.WriteString(p.in, line+"\n"); err == nil {
		err = p.out.Decode(&a)
	}
	return a, err
}

func (p *process) kill() {
	_ = p.Process.Kill()
	_ = p.Wait()
}

func (w *world) end() {
	for _, p := range w.peers {
		p.kill()
	}
	if w.place != nil {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.node.Close(ended) // as it is
		w.engine.Close()
	}
	for _, p := range w.running {
		p.kill()
	}
}

func (w *world) startServers(context.Context) error {
	free, err := natsd.Ports(2 * w.servers)
	if err != nil {
		return err
	}
	var urls []string
	for i := range w.servers {
		c := embedded.Config{Name: fmt.Sprint("nats", i), Dir: filepath.Join(w.dir, fmt.Sprint("nats", i)), Listen: free[i], Password: password, StoreBytes: 20 << 30}
		if w.servers > 1 {
			c.Cluster, c.RouteListen, c.Routes, c.RoutePassword = "scale", free[w.servers+i], free[w.servers:], password
		}
		p, err := w.start("server", toJSON(c), c.Name)
		if err != nil {
			return err
		}
		w.running, urls = append(w.running, p), append(urls, "nats://"+c.Listen)
	}
	w.url = strings.Join(urls, ",")
	return nil
}

func (w *world) config(name string) nodeConfig {
	return nodeConfig{Name: name, URL: w.url, Replicas: w.servers}
}

func roomName(i int) muc.JID { return muc.MustParseJID(fmt.Sprintf("room%d@%s", i, domain)) }

func person(room, i int) muc.JID {
	return muc.MustParseJID(fmt.Sprintf("person%d-%d@example.org/x", room, i))
}

// The first rooms have people inside, those after them were put aside with 100 people.
func (w *world) people(i int) int {
	switch {
	case i < w.inside:
		return 3
	case i < w.inside+w.large:
		return 100
	}
	return 0
}

// fill writes the rooms, as a node that has had them would have.
func (w *world) fill(ctx context.Context) error {
	engine, err := openEngine(ctx, w.config("fill"), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer engine.Close()
	began := time.Now()
	todo := make(chan int)
	errs := make(chan error, 256)
	var last atomic.Uint64
	var all sync.WaitGroup
	for range 256 {
		all.Go(func() {
			for i := range todo {
				snapshot, err := w.snapshot(i)
				var at cluster.Pos
				if err == nil {
					at, err = write(ctx, engine, roomName(i), snapshot, i < w.inside)
				}
				for was := last.Load(); was < uint64(at) && !last.CompareAndSwap(was, uint64(at)); was = last.Load() {
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	for i := range w.rooms {
		select {
		case todo <- i:
		case err := <-errs:
			return err
		}
	}
	close(todo)
	all.Wait()
	for shard := range cluster.Shards { // all of it was delivered
		if _, err := engine.SetMark(ctx, shard, 0, cluster.Pos(last.Load())); err != nil {
			return err
		}
	}
	fmt.Printf("%d rooms written in %v: %d with 3 people inside, %d with 100; %d NATS servers\n", w.rooms, round(time.Since(began)), w.inside, w.large, w.servers)
	return nil
}

// snapshot is a room with its people.
func (w *world) snapshot(i int) ([]byte, error) {
	room, err := muc.New(muc.Config{Room: roomName(i), Secret: []byte(secret), Instant: true})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for j := range max(1, w.people(i)) {
		join := parse(fmt.Sprintf("<presence from='%s' to='%s/nick%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>", person(i, j), roomName(i), j))
		if _, err := room.Handle(now, join); err != nil {
			return nil, err
		}
	}
	if _, err := room.Do(now, muc.Configure{Change: func(c *muc.RoomConfig) { c.Persistent, c.Name = true, fmt.Sprint("Room number ", i) }}); err != nil {
		return nil, err
	}
	if w.people(i) == 0 {
		return room.Snapshot(muc.Durable), nil
	}
	return room.Snapshot(muc.Live), nil
}

func write(ctx context.Context, engine cluster.Log, room muc.JID, snapshot []byte, inside bool) (cluster.Pos, error) {
	at, err := engine.Append(ctx, cluster.Message{Room: room, ID: room.Local(), Kind: cluster.Snapshot, Body: []byte(toJSON(map[string]any{"snapshot": snapshot}))}, 0)
	if err != nil {
		return 0, err
	}
	return at, engine.PutEntry(ctx, cluster.ShardOf(room), cluster.Entry{At: at, Entry: service.Entry{Room: room, Name: "A room", Public: true, Lasting: true, Inhabited: inside}})
}

// startNodes starts all nodes at once, and waits for those inside and for the list.
func (w *world) startNodes(ctx context.Context) (err error) {
	w.began = time.Now()
	for _, name := range []string{"b", "c"} {
		if w.peers[name], err = w.start("node", toJSON(w.config(name)), name); err != nil {
			return err
		}
	}
	if w.place, err = startNode(ctx, w.config("a"), w.hear); err != nil {
		return err
	}
	fmt.Printf("all shards have an owner after %v\n", round(time.Since(w.began)))
	inside, listed := time.Duration(0), time.Duration(0)
	for ctx.Err() == nil && (inside == 0 || listed == 0) {
		occupants, least := 0, w.rooms
		for _, s := range w.stats() {
			occupants, least = occupants+s.Occupants, min(least, s.Listed)
		}
		if inside == 0 && occupants >= 3*w.inside {
			inside = time.Since(w.began)
			fmt.Printf("%d people are inside after %v\n", occupants, round(inside))
		}
		if listed == 0 && least == w.rooms {
			listed = time.Since(w.began)
			fmt.Printf("each node has the list after %v\n", round(listed))
		}
		time.Sleep(20 * time.Millisecond)
	}
	for name, p := range w.peers {
		fmt.Printf("node %s takes %s in memory\n", name, memoryOf(p.Process.Pid))
	}
	for i, p := range w.running {
		fmt.Printf("NATS server %d takes %s in memory\n", i, memoryOf(p.Process.Pid))
	}
	return ctx.Err()
}

func (w *world) stats() (all []answered) {
	s := w.node.Service().Stats()
	all = append(all, answered{Listed: s.Listed, Occupants: s.Occupants, Rooms: s.Rooms})
	for _, p := range w.peers {
		if a, err := p.ask("stats"); err == nil {
			all = append(all, a)
		}
	}
	return all
}

// memoryOf is the resident memory of a process, as the system counts it.
func memoryOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "an unknown number of bytes"
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// hear takes what clients of the node a hear.
func (w *world) hear(s service.Stanza) {
	from, _, _ := strings.Cut(s.Stanza().SelectAttrValue("from", ""), "/")
	w.mu.Lock()
	defer w.mu.Unlock()
	if heard := w.heard[from]; heard != nil && s.Name() != "presence" {
		delete(w.heard, from)
		heard <- time.Now()
	}
}

// expect is when a room is heard next.
func (w *world) expect(room muc.JID) <-chan time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard := make(chan time.Time, 1)
	w.heard[room.String()] = heard
	return heard
}

func (w *world) say(room int) {
	w.handle(person(room, 0), fmt.Sprintf("<message to='%s' type='groupchat'><body>something</body></message>", roomName(room)))
}

func (w *world) query(room int) {
	w.handle(muc.MustParseJID("probe@example.org/x"), fmt.Sprintf("<iq to='%s' type='get' id='q%d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", roomName(room), room))
}

// owned finds rooms of a node.
func (w *world) owned(name string, from, to, most int) (rooms []int) {
	for i := from; i < to && len(rooms) < most; i++ {
		if strings.HasPrefix(w.node.Owner(roomName(i)), name+"-") {
			rooms = append(rooms, i)
		}
	}
	return rooms
}

// sayThings has somebody at this node speak in a room of the node and in one of another node.
func (w *world) sayThings(ctx context.Context) error {
	var own, other []int
	for since := time.Now(); len(own) == 0 || len(other) == 0; own, other = w.owned("a", 0, w.inside, 1), w.owned("b", 0, w.inside, 1) {
		if time.Since(since) > time.Minute { // shards move to nodes that are new
			return errors.New("a node has no rooms")
		}
		time.Sleep(100 * time.Millisecond)
	}
	took := map[int][]time.Duration{}
	for n := 0; n < 2*w.messages && ctx.Err() == nil; n++ {
		room := []int{own[0], other[0]}[n%2]
		heard, at := w.expect(roomName(room)), time.Now()
		w.say(room)
		took[room] = append(took[room], (<-heard).Sub(at))
	}
	fmt.Printf("a message in a room of the own node: %s\n", spread(took[own[0]]))
	fmt.Printf("… in a room of another node: %s\n", spread(took[other[0]]))
	half := w.messages / 2
	fmt.Printf("the difference of the medians: %v\n", round(took[other[0]][half]-took[own[0]][half]))
	return ctx.Err()
}

// list reads the list at each node.
func (w *world) list(context.Context) error {
	first, whole := w.place.list()
	fmt.Printf("the list from node a: the first 1,000 after %v, all after %v\n", round(first), round(whole))
	for name, p := range w.peers {
		a, err := p.ask("list")
		if err != nil {
			return err
		}
		fmt.Printf("… from node %s: %v, %v\n", name, round(a.First), round(a.Whole))
	}
	return nil
}

// loadLarge loads rooms of this node with 100 people inside, one after the other.
func (w *world) loadLarge(ctx context.Context) error {
	var took []time.Duration
	var mu sync.Mutex
	w.loaded.Store(func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		took = append(took, d)
	})
	for _, room := range w.owned("a", w.inside, w.inside+w.large, w.large) {
		heard := w.expect(roomName(room))
		w.query(room)
		select {
		case <-heard:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	mu.Lock()
	defer mu.Unlock()
	fmt.Printf("a room with 100 people is loaded after %s\n", spread(took))
	return nil
}

// killOne kills a node while something is said in its rooms.
func (w *world) killOne(ctx context.Context) error {
	inside, empty := w.owned("c", 0, w.inside, w.inside), w.owned("c", w.inside+w.large, w.rooms, 200)
	w.peers["c"].kill()
	delete(w.peers, "c")
	killed := time.Now()
	var waits, answers []<-chan time.Time
	for _, room := range inside {
		waits = append(waits, w.expect(roomName(room)))
		w.say(room)
	}
	for _, room := range empty {
		answers = append(answers, w.expect(roomName(room)))
		w.query(room)
	}
	since := func(list []<-chan time.Time) (took []time.Duration) {
		for _, heard := range list {
			select {
			case at := <-heard:
				took = append(took, at.Sub(killed))
			case <-ctx.Done():
			case <-time.After(5 * time.Minute):
				return took
			}
		}
		return took
	}
	again, answer := since(waits), since(answers)
	fmt.Printf("a node is killed: its rooms with people inside speak again after %s\n", spread(again))
	fmt.Printf("… its empty ones answer after %s\n", spread(answer))
	for name, p := range w.peers {
		fmt.Printf("node %s takes %s in memory\n", name, memoryOf(p.Process.Pid))
	}
	if len(again)+len(answer) < len(inside)+len(empty) {
		return errors.New("a room is not heard any more")
	}
	return ctx.Err()
}
