// Command component gives an XMPP server chat rooms: a service of many rooms on a
// domain of its own, connected as an external component (XEP-0114), with the rooms
// in one SQLite file.
//
//	component -domain conference.localhost -secret TEXT
//
// README.md says how to set up Prosody and ejabberd; -h lists the settings.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// The exit statuses.
const (
	statusStopped = 0
	statusFailed  = 1
	statusWrong   = 2
)

// run is the command: it works until ctx ends.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s, err := parse(args, getenv, stdout)
	switch {
	case errors.Is(err, errHelp):
		return statusStopped
	case err != nil:
		fmt.Fprintln(stderr, "component:", err)
		return statusWrong
	}
	level := new(slog.LevelVar)
	if err := serve(ctx, s, level, logger(s, level, stderr)); err != nil {
		fmt.Fprintln(stderr, "component:", err)
		return statusFailed
	}
	return statusStopped
}
