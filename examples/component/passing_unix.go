//go:build unix

package main

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// fileOf is what has an open file of the system, as connections have.
type fileOf = syscall.Conn

// sendWith sends bytes, and with the first of them an open file (unix(7), SCM_RIGHTS).
func sendWith(to *net.UnixConn, text []byte, file fileOf) error {
	in, err := file.SyscallConn()
	if err != nil {
		return err
	}
	out, err := to.SyscallConn()
	if err != nil {
		return err
	}
	var sent int
	var failed error
	err = in.Control(func(fd uintptr) {
		err := out.Write(func(socket uintptr) bool {
			sent, failed = syscall.SendmsgN(int(socket), text, syscall.UnixRights(int(fd)), nil, 0)
			return !errors.Is(failed, syscall.EAGAIN)
		})
		failed = errors.Join(err, failed)
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	if sent < len(text) {
		_, err = to.Write(text[sent:])
	}
	return err
}

// passed reads from a socket, and keeps a file that comes with what it reads.
type passed struct {
	conn *net.UnixConn
	file *os.File
}

func (p *passed) Read(b []byte) (int, error) {
	oob := make([]byte, syscall.CmsgSpace(4))
	n, oobn, _, _, err := p.conn.ReadMsgUnix(b, oob)
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	messages, bad := syscall.ParseSocketControlMessage(oob[:oobn])
	for i := range messages {
		var fds []int
		if fds, bad = syscall.ParseUnixRights(&messages[i]); bad != nil {
			break
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			if p.file != nil {
				p.file.Close()
			}
			p.file = os.NewFile(uintptr(fd), "passed")
		}
	}
	return n, errors.Join(err, bad)
}
