//go:build !unix

package main

import (
	"errors"
	"net"
	"os"
	"syscall"
)

type fileOf = syscall.Conn

// sendWith fails: this system passes no open files.
func sendWith(*net.UnixConn, []byte, fileOf) error {
	return errors.New("this system passes no connections from one process to another: stop the component, and start the other one")
}

// passed reads from a socket.
type passed struct {
	conn *net.UnixConn
	file *os.File
}

func (p *passed) Read(b []byte) (int, error) { return p.conn.Read(b) }
