// Command cluster is three nodes of the server of examples/server on this machine, whose rooms go on
// when one of them is killed.
//
//	go run ./examples/cluster
//
// starts three processes, each with a NATS server in it, says how to connect to each and how to kill
// one, and starts a node again that has ended. docs/cluster.md says what is promised.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	var err error
	if len(os.Args) > 1 && os.Args[1] == nodeCommand {
		err = runNode(ctx, os.Args[2:], os.Stdout, os.Stderr)
	} else {
		err = run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}
