// Drill runs a cluster as processes, breaks it and looks whether anybody has noticed: NATS servers,
// nodes with rooms, and in this process a node with the clients. It kills nodes (kill -9), freezes
// them, cuts them off, stops and starts them as an operator would, at random, while clients talk, come, go and are
// banned; the clocks of nodes are hours apart. It can break NATS servers too (-only). In the end the view of each
// client is held against the views of the others and against the log:
//
//   - nobody was put out;
//   - all were told the same, in the same order, which is that of the log;
//   - each message was heard once, under one id;
//   - nothing was lost;
//   - no room was stuck;
//   - in the log no epoch begins without a claim, and none runs back.
//
// Any of these is an error. How long rooms were silent and what moves took is printed, and is an error
// with -strict only, as it depends on the machine. With -break something is broken on purpose, and it is an error if nobody
// notices; go test ./internal/drill -breaks 90s tries each.
//
//	go run ./internal/drill -for 1h -strict
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gomuc/muc/cluster/nats/internal/natsd"
)

// options are those of the command line.
type options struct {
	last    time.Duration
	every   time.Duration
	rooms   int
	pace    time.Duration
	seed    uint64
	only    string
	strict  bool
	sabot   string
	loss    float64
	dir     string
	compact int
	apart   time.Duration
	slow    time.Duration
}

// asRole does what this program is for if it was started as one of the processes of the cluster.
func asRole() bool {
	if len(os.Args) != 3 {
		return false
	}
	role, is := map[string]func(string) error{"server": natsd.Serve, "node": node}[os.Args[1]]
	if !is {
		return false
	}
	if err := role(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, os.Args[1], err)
		os.Exit(1)
	}
	return true
}

// flags are the options, with their defaults.
func flags(f *flag.FlagSet) *options {
	o := new(options)
	f.DurationVar(&o.last, "for", 2*time.Minute, "how long things break")
	f.DurationVar(&o.every, "every", 10*time.Second, "from one fault to the next")
	f.IntVar(&o.rooms, "rooms", 40, "rooms")
	f.DurationVar(&o.pace, "pace", 400*time.Millisecond, "from one message of a room to the next")
	f.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of what happens")
	f.StringVar(&o.only, "only", "", "faults: kill, freeze, short (a freeze that a node does not notice), heir (a freeze of the node that takes over), cut, restart; "+
		"server (the leader of the log is killed), stall (it is frozen), full (the log reaches its bound), disk (that of a server is full: needs the right to mount); empty: "+mix)
	f.BoolVar(&o.strict, "strict", false, "times are errors too: rooms speak again after 3 s at the median and 6 s at most, nine of ten moves take 20 ms at most (messages are lost, see -loss)")
	f.StringVar(&o.sabot, "break", "", "break something on purpose: "+strings.Join(sabotages, ", ")+"; it must be noticed")
	f.Float64Var(&o.loss, "loss", 0.002, "share of the messages between nodes that is lost")
	f.DurationVar(&o.apart, "clocks", 12*time.Hour, "by how much the clocks of nodes are wrong at most; each start of a node has another one")
	f.DurationVar(&o.slow, "slow", 0, "how long nodes wait at most before they write, and before they read what was written last")
	f.IntVar(&o.compact, "compact", 0, "events of a room until a snapshot takes their place; 0: as many as by default")
	f.StringVar(&o.dir, "dir", "", "where files are kept; empty: a temporary directory, which is removed")
	return o
}

// sabotages are what can be broken on purpose.
var sabotages = []string{"fence", "claim", "epoch", "numbers", "mark"}

func main() {
	if asRole() {
		return
	}
	o := flags(flag.CommandLine)
	flag.Parse()
	if o.sabot != "" && !slices.Contains(sabotages, o.sabot) {
		fmt.Fprintln(os.Stderr, "drill: -break has no", o.sabot)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := drill(ctx, *o); err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
		os.Exit(1)
	}
}

func drill(ctx context.Context, o options) error {
	if o.sabot == "fence" || o.sabot == "epoch" {
		o.slow = max(o.slow, time.Second) // a node that is stopped has something to write then
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "drill")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	fmt.Printf("seed %d, %d rooms, %v\n", o.seed, o.rooms, o.last)
	w := &world{options: o, rnd: rand.New(rand.NewPCG(o.seed, 0)), nodes: map[string]*process{}}
	defer w.end()
	if err := w.start(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if err := w.enter(ctx); err != nil {
		return fmt.Errorf("entering: %w", err)
	}
	if err := w.breakThings(ctx); err != nil {
		return err
	}
	w.settle(ctx)
	return w.judge(ctx)
}

// pause waits, unless the context ends first.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
