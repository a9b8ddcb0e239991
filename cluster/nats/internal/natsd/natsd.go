// Package natsd has what programs need that start NATS servers as processes of their own.
package natsd

import (
	"context"
	"encoding/json"
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

// Ports are free ones, on loopback.
func Ports(n int) (addresses []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}
