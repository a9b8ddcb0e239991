// Drill runs a cluster as processes, breaks it and looks whether anybody has noticed: NATS servers,
// nodes with rooms, and in this process a node with the clients. It kills nodes (kill -9), freezes
// them, stops and starts them as an operator would, at random, while clients talk, come, go and are
// banned. In the end the view of each client is held against the views of the others and against the
// log:
//
//   - nobody was put out;
//   - all were told the same, in the same order, which is that of the log;
//   - each message was heard once, under one id;
//   - nothing was lost.
//
// Any of these is an error. How long rooms were silent and what moves took is printed, and is an error
// with -strict only, as it depends on the machine.
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
	"syscall"
	"time"
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
}

func main() {
	if len(os.Args) == 3 {
		for name, role := range map[string]func(string) error{"server": serve, "node": node} {
			if os.Args[1] == name {
				if err := role(os.Args[2]); err != nil {
					fmt.Fprintln(os.Stderr, name, err)
					os.Exit(1)
				}
				return
			}
		}
	}
	var o options
	flag.DurationVar(&o.last, "for", 2*time.Minute, "how long things break")
	flag.DurationVar(&o.every, "every", 10*time.Second, "from one fault to the next")
	flag.IntVar(&o.rooms, "rooms", 40, "rooms")
	flag.DurationVar(&o.pace, "pace", 400*time.Millisecond, "from one message of a room to the next")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of what happens")
	flag.StringVar(&o.only, "only", "", "faults, of: kill, freeze, short (a freeze that a node does not notice), restart, server (kill -9 of a NATS server: rooms wait for elections); empty: all but the last")
	flag.BoolVar(&o.strict, "strict", false, "times are errors too: rooms speak again after 3 s at the median and 6 s at most, moves take 20 ms at most")
	flag.StringVar(&o.sabot, "break", "", "break something on purpose: fence, numbers or mark; it must be noticed")
	flag.Float64Var(&o.loss, "loss", 0.002, "share of the messages between nodes that is lost")
	flag.IntVar(&o.compact, "compact", 0, "events of a room until a snapshot takes their place; 0: as many as by default")
	flag.StringVar(&o.dir, "dir", "", "where files are kept; empty: a temporary directory, which is removed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := drill(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
		os.Exit(1)
	}
}

func drill(ctx context.Context, o options) error {
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
