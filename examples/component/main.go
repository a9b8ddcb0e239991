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
	"strings"
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

// run is the command: a component that works until ctx ends, an order to one, a look at its
// store, or an import into it.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == toImport {
		order, err := parseImport(args[1:], getenv, stdout)
		if err != nil {
			return ends(err, statusWrong, stderr)
		}
		return ends(importRooms(ctx, order, stdout), statusFailed, stderr)
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		return ends(administer(args, getenv, stdout), statusFailed, stderr)
	}
	s, err := parse(args, getenv, stdout)
	if err != nil {
		return ends(err, statusWrong, stderr)
	}
	if s.check {
		return ends(check(ctx, s, stdout), statusFailed, stderr)
	}
	level := new(slog.LevelVar)
	return ends(serve(ctx, s, level, logger(s, level, stderr)), statusFailed, stderr)
}

// ends is the exit status. What failed is said in a line.
func ends(err error, status int, stderr io.Writer) int {
	if err == nil || errors.Is(err, errHelp) {
		return statusStopped
	}
	fmt.Fprintln(stderr, "component:", err)
	return status
}
