package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gomuc/muc"
)

// mix are the faults that happen unless others are named: those of nodes.
const mix = "kill,freeze,short,heir,cut,restart"

// fault does something to a node, or to whatever it likes, and returns when that is over.
type fault func(ctx context.Context, node string) error

// faults are those that are named.
func (w *world) faults() (list []fault, err error) {
	kinds := map[string]fault{"kill": w.killNode, "freeze": w.freezeNode, "short": w.freezeShortly, "heir": w.freezeHeir, "cut": w.cutOff,
		"restart": w.restartNode, "server": w.killServer, "stall": w.stallServer, "full": w.fillStream, "disk": w.fillDisk}
	only := w.only
	switch { // what shows that something is broken
	case only != "":
	case w.sabot == "fence":
		only = "short"
	case w.sabot == "epoch":
		only = "heir"
	case w.sabot != "":
		only = "kill"
	default:
		only = mix
	}
	for kind := range strings.SplitSeq(only, ",") {
		f, is := kinds[kind]
		if !is {
			return nil, fmt.Errorf("there is no fault %q", kind)
		}
		list = append(list, f)
	}
	return list, nil
}

// breakThings does one thing after the other.
func (w *world) breakThings(ctx context.Context) error {
	w.began = time.Now()
	faults, err := w.faults()
	if err != nil {
		return err
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
	w.tell("nodes frozen", 1, 0)
	return w.stopped(ctx, w.nodes[name], d)
}

// stopped is how a process stands still for a while.
func (w *world) stopped(ctx context.Context, p *process, d time.Duration) error {
	defer w.upsetting()()
	if err := p.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
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

// freezeHeir kills a node, and freezes the one that takes its shards while it does so: others take them then, and when
// it goes on it finds that out from the log alone.
func (w *world) freezeHeir(ctx context.Context, name string) error {
	var rooms []muc.JID
	for _, r := range w.rooms {
		if w.ownerOf(r.jid) == name {
			rooms = append(rooms, r.jid)
		}
	}
	w.nodes[name].kill()
	w.tell("nodes killed", 1, 0)
	heir := ""
	for until := time.Now().Add(8 * time.Second); heir == "" && time.Now().Before(until) && ctx.Err() == nil; pause(ctx, time.Millisecond) {
		for _, room := range rooms {
			if of := w.ownerOf(room); of != name && w.nodes[of] != nil {
				heir = of
			}
		}
	}
	if heir != "" {
		w.tell("heirs frozen", 1, 0)
		// Others have to have written by then.
		if err := w.freeze(ctx, heir, 2200*time.Millisecond+w.slow+time.Duration(w.rnd.Int64N(int64(2*time.Second)))); err != nil {
			return err
		}
	}
	return w.startAgain(ctx, name)
}

// ownerOf is the name of the node that has a room.
func (w *world) ownerOf(room muc.JID) string {
	name, _, _ := strings.Cut(w.gate.Owner(room), "-")
	return name
}

// upsetting notes that something stands still, until what it returns is called: a move that waits for it says nothing of
// how long moves take.
func (w *world) upsetting() (over func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.upset++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.upset, w.calm = w.upset-1, time.Now().Add(2*time.Second)
	}
}

// cutOff cuts the network of a node that lives, in one direction or in both.
func (w *world) cutOff(ctx context.Context, name string) error {
	ways := [][2]bool{{true, true}, {true, false}, {false, true}}
	way := ways[w.rnd.IntN(len(ways))]
	defer w.upsetting()()
	w.links[name].cut(way[0], way[1])
	w.tell("nodes cut off", 1, 0)
	pause(ctx, 5*time.Second+time.Duration(w.rnd.Int64N(int64(4*time.Second))))
	w.links[name].cut(false, false)
	return nil
}

// logStream is the stream of the rooms' logs.
func (w *world) logStream(ctx context.Context) (jetstream.JetStream, *jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	js, err := jetstream.New(w.admin)
	if err != nil {
		return nil, nil, err
	}
	for ; ; pause(ctx, 50*time.Millisecond) {
		info, err := infoOf(ctx, js, "MUC_LOG_1")
		if err == nil && info.Cluster.Leader != "" {
			return js, info, nil
		}
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("the log has no leader: %w", errors.Join(err, ctx.Err()))
		}
	}
}

// infoOf asks for a stream once: an answer may be lost with the server that was asked.
func infoOf(ctx context.Context, js jetstream.JetStream, stream string) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	if s.CachedInfo().Cluster == nil {
		return nil, fmt.Errorf("%s has no cluster", stream)
	}
	return s.CachedInfo(), nil
}

// leader is the number of the server that leads the stream of the rooms' logs.
func (w *world) leader(ctx context.Context) (int, error) {
	_, info, err := w.logStream(ctx)
	if err != nil {
		return 0, err
	}
	for i, c := range w.configs {
		if c.Name == info.Cluster.Leader {
			return i, nil
		}
	}
	return 0, fmt.Errorf("there is no server %q", info.Cluster.Leader)
}

// killServer kills the NATS server that leads the log.
func (w *world) killServer(ctx context.Context, _ string) error {
	i, err := w.leader(ctx)
	if err != nil {
		return err
	}
	w.tell("NATS servers killed", 1, 0)
	return w.startServer(ctx, i, 5*time.Second)
}

// startServer kills a server and starts it again after a while. It waits until all copies are current: so that the next
// fault is not a second one at the same time.
func (w *world) startServer(ctx context.Context, i int, after time.Duration) (err error) {
	w.natsd[i].kill()
	defer w.upsetting()()
	pause(ctx, after)
	if w.natsd[i], err = w.run("server", toJSON(w.configs[i]), w.configs[i].Name); err != nil {
		return err
	}
	return w.awaitCopies(ctx)
}

// awaitCopies waits until all copies of all streams are current.
func (w *world) awaitCopies(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for ; ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
		js, _, err := w.logStream(ctx)
		if err != nil {
			return err
		}
		current := 0
		for _, name := range []string{"MUC_LOG_1", "MUC_DIR", "MUC_META"} {
			info, err := infoOf(ctx, js, name)
			if err != nil {
				break
			}
			for _, c := range info.Cluster.Replicas {
				if c.Current && !c.Offline {
					current++
				}
			}
		}
		if current == 6 {
			return nil
		}
	}
	return errors.New("a server does not come back")
}

// stallServer freezes the NATS server that leads the log: when it goes on it believes for a while that it does still.
func (w *world) stallServer(ctx context.Context, _ string) error {
	i, err := w.leader(ctx)
	if err != nil {
		return err
	}
	w.tell("NATS servers frozen", 1, 0)
	if err := w.stopped(ctx, w.natsd[i], 3*time.Second+time.Duration(w.rnd.Int64N(int64(9*time.Second)))); err != nil {
		return err
	}
	return w.awaitCopies(ctx)
}

// fillStream has the log reach its bound, and raises that after a while as an operator would.
func (w *world) fillStream(ctx context.Context, _ string) error {
	_, info, err := w.logStream(ctx)
	if err != nil {
		return err
	}
	defer w.upsetting()()
	if err := w.bound(ctx, int64(info.State.Bytes)+32<<10); err != nil {
		return err
	}
	w.tell("logs full", 1, 0)
	pause(ctx, 4*time.Second+time.Duration(w.rnd.Int64N(int64(4*time.Second))))
	return w.bound(ctx, info.Config.MaxBytes)
}

// bound sets how many bytes the log may hold.
func (w *world) bound(ctx context.Context, most int64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for ; ; pause(ctx, 100*time.Millisecond) {
		js, info, err := w.logStream(ctx)
		if err != nil {
			return err
		}
		config := info.Config
		config.MaxBytes = most
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err = js.UpdateStream(try, config)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// Whose disk gets full, and how large it is.
const (
	diskOf    = 0
	diskBytes = "1g"
)

// mount gives a server a disk of its own, if it is to get full.
func (w *world) mount() error {
	if !slices.Contains(strings.Split(w.only, ","), "disk") {
		return nil
	}
	dir := w.configs[diskOf].Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+diskBytes, "drill", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("a disk that gets full needs the right to mount one: %w: %s", err, out)
	}
	w.mounted = dir
	return nil
}

func (w *world) unmount() {
	if w.mounted != "" {
		_ = exec.Command("umount", w.mounted).Run()
	}
}

// fillDisk fills the disk of a server to the last byte. Later there is place again, and the server is started anew, as
// it must be.
func (w *world) fillDisk(ctx context.Context, _ string) error {
	defer w.upsetting()()
	ballast := filepath.Join(w.mounted, "ballast")
	if err := fill(ballast); err != nil {
		return err
	}
	w.tell("disks full", 1, 0)
	pause(ctx, 8*time.Second)
	if err := os.Remove(ballast); err != nil {
		return err
	}
	return w.startServer(ctx, diskOf, 0)
}

// fill writes a file until there is no place left.
func fill(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		n, err := f.Write(block)
		switch {
		case n > 0:
		case errors.Is(err, syscall.ENOSPC):
			block = block[:len(block)/2]
		default:
			return err
		}
	}
	return nil
}
