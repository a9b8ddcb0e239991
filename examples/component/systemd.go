package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gomuc/muc/examples/component/xmppcomp"
)

// systemd is told when the component is ready, and keeps the open connection to the server over a
// restart (sd_notify(3), FileDescriptorStoreMax= in systemd.service(5)): what comes meanwhile waits
// in it. Beside it, it keeps what the reader knows of the stream, in a file that has no name.

const (
	keptStream, keptState = "muc-stream", "muc-state"
	// barrierTime is how long systemd may take to note what it is told.
	barrierTime = 5 * time.Second
	// readyTime is how long the first connection is waited for before all is ready.
	readyTime   = 10 * time.Second
	firstListed = 3 // the number of the first file that systemd passes (sd_listen_fds(3))
)

// systemd is the socket at which it listens; empty without it.
type systemd struct {
	socket string
	keeps  bool // it may be given files
}

func systemdOf(getenv func(string) string) systemd {
	room, _ := strconv.Atoi(getenv("FDSTORE"))
	return systemd{getenv("NOTIFY_SOCKET"), getenv("NOTIFY_SOCKET") != "" && room >= 2}
}

// tell says something, with an open file if there is one.
func (d systemd) tell(text string, file fileOf) error {
	if d.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: d.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if file == nil {
		_, err = io.WriteString(conn, text)
		return err
	}
	return sendWith(conn, []byte(text), file)
}

// keep gives it the stream, with a file of the directory for what is known of it.
func (d systemd) keep(h *xmppcomp.Handover, dir string) error {
	conn, ok := h.Conn.(fileOf)
	if !ok {
		return errors.New("the connection cannot be passed on")
	}
	state, err := os.CreateTemp(dir, ".muc-state-")
	if err != nil {
		return err
	}
	defer state.Close()
	err = errors.Join(os.Remove(state.Name()), json.NewEncoder(state).Encode(h))
	if err == nil {
		err = d.tell("FDSTORE=1\nFDPOLL=0\nFDNAME="+keptState, state)
	}
	if err == nil {
		err = d.tell("FDSTORE=1\nFDNAME="+keptStream, conn)
	}
	if err != nil {
		return err
	}
	return d.noted()
}

// ready tells it that all is ready, when the component is connected. A server that is away is waited
// for, but not by systemd.
func (c *component) ready(ctx context.Context) {
	select {
	case <-c.reached:
	case <-time.After(readyTime):
	case <-ctx.Done():
		return
	}
	if err := c.systemd.tell("READY=1", nil); err != nil {
		c.log.Warn("systemd cannot be told that all is ready", "error", err)
	}
}

// noted waits until it has noted all that it was told. What a process says that is gone it does not
// hear.
func (d systemd) noted() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	if err := errors.Join(d.tell("BARRIER=1", write), write.Close(), read.SetReadDeadline(time.Now().Add(barrierTime))); err != nil {
		return err
	}
	if _, err := read.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("systemd does not answer: %w", err)
	}
	return nil
}

// kept is the stream that it has kept since the last stop, nil for none. It goes on keeping it, in case
// that this start comes to nothing.
func (d systemd) kept(getenv func(string) string) (*xmppcomp.Handover, error) {
	if getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	files := map[string]*os.File{}
	n, _ := strconv.Atoi(getenv("LISTEN_FDS"))
	for i, name := range strings.Split(getenv("LISTEN_FDNAMES"), ":") {
		if i < n && (name == keptStream || name == keptState) {
			files[name] = os.NewFile(uintptr(firstListed+i), name)
			defer files[name].Close()
		}
	}
	if len(files) == 0 {
		return nil, nil
	}
	if files[keptStream] == nil || files[keptState] == nil {
		return nil, errors.New("only a part of it is there")
	}
	var h xmppcomp.Handover
	state := io.NewSectionReader(files[keptState], 0, handOverBytes)
	err := json.NewDecoder(state).Decode(&h)
	if err == nil {
		h.Conn, err = net.FileConn(files[keptStream])
	}
	return &h, err
}

// forget has it keep the stream no more: or the connection would stay open there when it is closed
// here.
func (d systemd) forget() error {
	return errors.Join(d.tell("FDSTOREREMOVE=1\nFDNAME="+keptState, nil), d.tell("FDSTOREREMOVE=1\nFDNAME="+keptStream, nil))
}

// keepStream has systemd keep the stream, which is held, and reports whether it does.
func (c *component) keepStream(h *xmppcomp.Handover) bool {
	if err := c.systemd.keep(h, filepath.Dir(c.settings.store)); err != nil {
		c.log.Warn("systemd does not keep the connection: the server will answer with errors until it is there again", "error", err)
		return false
	}
	return true
}
