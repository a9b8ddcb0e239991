// Package natsd has what programs need that start NATS servers as processes of their own.
package natsd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/gomuc/muc/cluster/nats/embedded"
)

// Serve is the process of a server, as an embedded.Config in JSON says. It returns when that has stopped after
// SIGTERM.
func Serve(text string) error {
	var c embedded.Config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	s, err := embedded.Start(context.Background(), c)
	if err != nil {
		return err
	}
	wanted := make(chan os.Signal, 1)
	signal.Notify(wanted, syscall.SIGTERM)
	<-wanted
	s.Stop()
	return nil
}

// Ports are free ones, on loopback. None is one of those that systems give out by themselves, so that nobody
// else gets it before it is used, nor while its server does not run.
func Ports(n int) (addresses []string, err error) {
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10000+rand.IntN(20000)))
		if err != nil {
			continue
		}
		defer l.Close()
		if addresses = append(addresses, l.Addr().String()); len(addresses) == n {
			return addresses, nil
		}
	}
	return nil, errors.New("natsd: no ports are free")
}
