package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	adminpb "github.com/ortuman/jackal/pkg/admin/pb"
	"google.golang.org/grpc"
)

// config is jackal's configuration of a server on this machine alone: accounts are in BoltDB,
// and its certificate is one that jackal makes for localhost.
const config = `logger: {level: info}
hosts: [{domain: localhost}]
storage: {type: boltdb, boltdb: {path: accounts.db}}
c2s: {listeners: [{bind_addr: 127.0.0.1, port: %d, sasl: {mechanisms: [scram_sha_256]}}]}
admin: {bind_addr: 127.0.0.1, port: %d}
http: {port: %d}
memory_ballast_size: 1
`

// running is a server that has been started, a process of its own.
type running struct {
	dir   string
	admin string
	ended chan error
	cmd   *exec.Cmd
}

// start starts the server in a directory, and waits until it listens. It ends with ctx.
func start(ctx context.Context, program, dir string, port int, stderr io.Writer) (*running, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, port, ports[0], ports[1]), 0o600); err != nil {
		return nil, err
	}
	s := &running{dir: dir, admin: net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])), ended: make(chan error, 1)}
	s.cmd = exec.CommandContext(ctx, program, "-config", file)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, stderr, stderr
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return s, conn.Close()
		}
		select {
		case err := <-s.ended:
			return nil, fmt.Errorf("the server has ended: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freePorts are ports on which nobody listens. None is one of those that systems give out by themselves, so
// that nobody else gets it before the server does.
func freePorts(n int) (ports []int, err error) {
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			continue
		}
		defer l.Close() // until all are found, so that no two are the same
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no ports are free")
}

// certificate is the file with the server's certificate.
func (s *running) certificate() string { return filepath.Join(s.dir, ".cert", "cert.pem") }

// wait returns when the server has ended.
func (s *running) wait() error { return <-s.ended }

// users is what administrates the server's accounts.
func (s *running) users(ctx context.Context, do func(adminpb.UsersClient) error) error {
	conn, err := grpc.DialContext(ctx, s.admin, grpc.WithInsecure(), grpc.WithBlock())
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(adminpb.NewUsersClient(conn))
}

// create makes an account.
func (s *running) create(ctx context.Context, name, password string) error {
	return s.users(ctx, func(users adminpb.UsersClient) error {
		_, err := users.CreateUser(ctx, &adminpb.CreateUserRequest{Username: name, Password: password})
		return err
	})
}

// remove deletes an account.
func (s *running) remove(ctx context.Context, name string) error {
	return s.users(ctx, func(users adminpb.UsersClient) error {
		_, err := users.DeleteUser(ctx, &adminpb.DeleteUserRequest{Username: name})
		return err
	})
}
