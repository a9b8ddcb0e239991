package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// names are those of the nodes.
var names = []string{"a", "b", "c"}

// run starts the nodes, and again those that end, until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("cluster", flag.ContinueOnError)
	f.SetOutput(stdout)
	dir := f.String("dir", "cluster.data", "the `folder` of the rooms")
	port := f.Int("port", 5222, "the `port` for clients of the first node, the others have the next ones; 0 for any")
	component := f.String("component", "", "the `address` at which an XMPP server listens for components: the nodes have no clients of their own then")
	secret := f.String("secret-file", "", "the `file` with the secret that the server knows the component by")
	rooms := f.String("domain", "conference."+domain, "the `domain` of the rooms behind a server")
	gone := f.Duration("gone", 30*time.Second, "how long a node is silent until those who were connected to it have left the rooms")
	pause := f.Duration("restart", 10*time.Second, "how long after its end a node is started again")
	level := f.String("log", "WARN", "the least `level` of what is logged: DEBUG, INFO, WARN or ERROR")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := makeSecret(*dir); err != nil {
		return err
	}
	ports, err := freePorts(len(names))
	if err != nil {
		return err
	}
	clients := make([]int, len(names))
	if *port == 0 {
		clients, err = freePorts(len(names))
	} else {
		for i := range clients {
			clients[i] = *port + i
		}
	}
	if err != nil {
		return err
	}
	var routes []string
	for _, p := range ports {
		routes = append(routes, net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
	}
	if *component == "" {
		fmt.Fprint(stdout, explain(clients))
	}
	out := &lines{w: stdout}
	var running sync.WaitGroup
	for i, name := range names {
		running.Go(func() {
			keepRunning(ctx, *pause, out, stderr, nodeCommand, "-name", name, "-dir", *dir, "-routes", strings.Join(routes, ","),
				"-listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(clients[i])), "-gone", gone.String(), "-log", *level,
				"-component", *component, "-secret-file", *secret, "-domain", *rooms)
		})
	}
	running.Wait()
	return nil
}

// keepRunning runs a node until ctx ends.
func keepRunning(ctx context.Context, pause time.Duration, stdout, stderr io.Writer, args ...string) {
	for ctx.Err() == nil {
		err := runOnce(ctx, stdout, stderr, args)
		if ctx.Err() != nil {
			return
		}
		fmt.Fprintf(stdout, "node %s has ended: %v; it starts again in %s\n", args[2], err, pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func runOnce(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * drain
	cmd.Stderr = stderr
	said, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for s := bufio.NewScanner(said); s.Scan(); {
		fmt.Fprintln(stdout, s.Text())
	}
	return cmd.Wait()
}

// lines writes what several nodes say, line by line.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(text)
}

// freePorts are ports of this machine that nothing listens on. None is one of those that systems give out by
// themselves, so that nobody else gets it before it is used, nor while its node does not run.
func freePorts(n int) (ports []int, err error) {
	for range 1000 {
		port := 10000 + mathrand.IntN(20000)
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			continue
		}
		defer l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no ports are free")
}

// makeSecret makes what the ids of rooms are made of, and the password of the NATS servers: both
// stay the same for as long as the rooms do.
func makeSecret(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(secretFile(dir), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s%s\n", rand.Text(), rand.Text())
	return errors.Join(err, file.Close())
}

func secretFile(dir string) string { return filepath.Join(dir, "secret") }

// explain says how to connect.
func explain(ports []int) string {
	return fmt.Sprintf(`Three nodes for clients of localhost, at the ports %s of 127.0.0.1, with rooms at conference.localhost.

With terminal clients, where the password of each is the name:
  profanity
  /connect romeo@localhost server 127.0.0.1 port %d tls trust
  /join lobby@conference.localhost
and the same as juliet at port %d. Then kill -9 the third node, whose number stands below: chat goes on.

`, strings.Trim(fmt.Sprint(ports), "[]"), ports[0], ports[1])
}
