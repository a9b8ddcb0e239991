package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	natsgo "github.com/nats-io/nats.go"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/nats"
	"github.com/gomuc/muc/service"
)

const (
	domain   = "chat.example"
	password = "only-on-loopback"
)

// nodeConfig is what the process of a node is told.
type nodeConfig struct {
	Name, URL, Break string
	Loss             float64
	Compact          int
	Clock            time.Duration // by how much its clock is wrong
	Slow             time.Duration
}

// happened is a line that a node's process prints: something that it counts.
type happened struct {
	What string
	N    int
	Took time.Duration
	Kept *record `json:",omitempty"`
}

// node is the process of a node that has rooms and no clients.
func node(text string) error {
	var c nodeConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	var writing sync.Mutex
	write := func(h happened) {
		writing.Lock()
		defer writing.Unlock()
		if _, err := os.Stdout.WriteString(toJSON(h) + "\n"); err != nil {
			panic(err) // what is not told must not happen
		}
	}
	lines := make(chan happened, 1000)
	go func() {
		for line := range lines {
			write(line)
		}
	}()
	tell := func(what string, n int, took time.Duration) {
		select {
		case lines <- happened{What: what, N: n, Took: took}:
		default:
		}
	}
	n, engine, err := startNode(context.Background(), c, tell, func(r record) { write(happened{Kept: &r}) }, func(context.Context, service.Stanza) {})
	if err != nil {
		return err
	}
	defer engine.Close()
	wanted := make(chan os.Signal, 1)
	signal.Notify(wanted, syscall.SIGTERM)
	select {
	case <-n.Done():
		return n.Err()
	case <-wanted:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil && !errors.Is(err, cluster.ErrExpelled) {
		return err
	}
	time.Sleep(100 * time.Millisecond) // the last lines
	return nil
}

// startNode starts a node in this process.
func startNode(ctx context.Context, c nodeConfig, tell func(string, int, time.Duration), keep func(record), deliver func(context.Context, service.Stanza)) (*cluster.Node, *nats.Engine, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", c.Name)
	engine, err := nats.Open(ctx, nats.Config{URL: c.URL, Domain: domain, Log: log,
		Options: []natsgo.Option{natsgo.UserInfo("muc", password)}, System: []natsgo.Option{natsgo.UserInfo("system", password)}})
	if err != nil {
		return nil, nil, err
	}
	broken := &breaker{recorder: &recorder{Engine: engine, keep: keep}, what: c.Break, loss: c.Loss, slow: c.Slow}
	config := cluster.Config{Node: c.Name, Log: broken, Owners: broken, Bus: broken,
		Home: func(to muc.JID) []string {
			if of, _, is := strings.Cut(to.Resource(), "."); is {
				return []string{of}
			}
			return nil
		},
		Service: service.Config{Domain: domain, CompactAfter: c.Compact, Now: func() time.Time { return time.Now().Add(c.Clock) }, Room: muc.Config{Secret: []byte("only for drills: no secret"), Instant: true}, Log: log, Deliver: deliver},
		Observer: cluster.Observer{
			Took:     func(_ int, took time.Duration) { tell("taken", 1, took) },
			Moved:    func(_ int, took time.Duration) { tell("moved", 1, took) },
			Fenced:   func() { tell("writes refused", 1, 0) },
			Copies:   func(n int) { tell("copies dropped", n, 0) },
			Resent:   func(n int) { tell("stanzas sent again", n, 0) },
			Expelled: func(string) { tell("expelled", 1, 0) },
		}}
	config.Service.Observer.Redone = func(same bool) {
		if same {
			tell("steps done again", 1, 0)
		} else {
			tell("steps that differ", 1, 0)
		}
	}
	n, err := cluster.New(ctx, config)
	if err != nil {
		engine.Close()
		return nil, nil, fmt.Errorf("node %s: %w", c.Name, err)
	}
	return n, engine, nil
}

// breaker is an engine with something broken on purpose.
type breaker struct {
	*recorder
	what string
	loss float64
	slow time.Duration
}

// Publish loses some: the bus may. What nodes tell all, heartbeats and owners, is not lost, so
// that nobody is taken for dead.
func (b *breaker) Publish(subject string, data []byte) error {
	if strings.Contains(subject, ".") && rand.Float64() < b.loss {
		return nil
	}
	return b.Engine.Publish(subject, data)
}

// Append, without the fence, writes after whatever is there. Claims that are broken are not written.
func (b *breaker) Append(ctx context.Context, m cluster.Message, after cluster.Pos) (cluster.Pos, error) {
	switch {
	case b.what == "claim" && m.Kind == cluster.Claim:
		return after, nil
	case b.what == "numbers":
		m.Body = []byte(strings.ReplaceAll(string(m.Body), `"number":`, `"forgotten":`))
	}
	if m.Kind == cluster.Step {
		b.wait(ctx)
	}
	for {
		pos, err := b.recorder.Append(ctx, m, after)
		if b.what != "fence" || !errors.Is(err, cluster.ErrConflict) {
			return pos, err
		}
		last, err := b.Engine.Last(ctx, m.Room)
		if err != nil {
			return 0, err
		}
		after = last.Pos
	}
}

// wait is what makes an engine slow: when a node is stopped, it is in the middle of something then.
func (b *breaker) wait(ctx context.Context) {
	if b.slow > 0 {
		pause(ctx, rand.N(b.slow))
	}
}

// Last, without the fence or without epochs, knows of no later owner.
func (b *breaker) Last(ctx context.Context, room muc.JID) (cluster.Message, error) {
	b.wait(ctx)
	m, err := b.Engine.Last(ctx, room)
	if b.what == "fence" || b.what == "epoch" {
		m.Epoch = 0
	}
	return m, err
}

// Mark, broken, says that all that is stored was delivered.
func (b *breaker) Mark(ctx context.Context, shard int) (cluster.Pos, uint64, error) {
	pos, rev, err := b.Engine.Mark(ctx, shard)
	if b.what != "mark" || err != nil {
		return pos, rev, err
	}
	for room, err := range b.Since(ctx, shard, pos) {
		if err != nil {
			return 0, 0, err
		}
		last, err := b.Engine.Last(ctx, room)
		if err != nil {
			return 0, 0, err
		}
		pos = max(pos, last.Pos)
	}
	return pos, rev, nil
}
