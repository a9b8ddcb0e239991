// Scale measures what a cluster of three nodes holds and how fast it is, with NATS servers as processes of
// their own: many rooms, most of them empty and some with people inside.
//
//   - how long a message takes in a room of the own node and in one of another node;
//   - how long it takes to start, until all who are inside are loaded and each node has the list;
//   - what a node takes in memory, and how long the list is read by a client of each node, page by page;
//   - how long a room with 100 people inside takes to be loaded from its snapshot;
//   - when rooms of a node that is killed (kill -9) speak again, and when its empty ones answer.
//
// It fills the log itself, so that this does not take hours.
//
//	go run ./internal/scale -rooms 100000 -inside 3000
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/gomuc/muc/cluster/nats/internal/natsd"
)

type options struct {
	servers, rooms, inside, large, messages int
	dir                                     string
}

func main() {
	if isOther() {
		return
	}
	var o options
	flag.IntVar(&o.servers, "servers", 3, "NATS servers, each with a copy of all: 1 or 3")
	flag.IntVar(&o.rooms, "rooms", 100_000, "rooms")
	flag.IntVar(&o.inside, "inside", 3000, "of them with three people inside")
	flag.IntVar(&o.large, "large", 300, "of them with 100 people, which are loaded one after the other")
	flag.IntVar(&o.messages, "messages", 1000, "messages in a room of the own node and in one of another node")
	flag.StringVar(&o.dir, "dir", "", "where the servers keep what they store; empty: a temporary directory, which is removed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// isOther reports whether this process was another one than the first: that of a server or of a node.
func isOther() bool {
	if len(os.Args) != 3 {
		return false
	}
	role := map[string]func(string) error{"server": natsd.Serve, "node": node}[os.Args[1]]
	if role == nil {
		return false
	}
	if err := role(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, os.Args[1], err)
		os.Exit(1)
	}
	return true
}

func run(ctx context.Context, o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "scale")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	w := &world{options: o, peers: map[string]*process{}, heard: map[string]chan time.Time{}}
	defer w.end()
	for _, step := range []func(context.Context) error{w.startServers, w.fill, w.startNodes, w.sayThings, w.list, w.loadLarge, w.killOne} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// spread tells the median of some times, the 99th of 100 and the greatest.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "nothing"
	}
	slices.Sort(all)
	return fmt.Sprintf("%v at the median, %v at the 99th of 100, %v at most, of %d", round(all[len(all)/2]), round(all[len(all)*99/100]), round(all[len(all)-1]), len(all))
}

func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}

func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
