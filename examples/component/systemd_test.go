//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/fakeserver"
)

// manager plays systemd: it hears what it is told, and keeps files.
type manager struct {
	t      *testing.T
	socket string
	got    passed
	said   []string
	kept   map[string]*os.File
	asks   bool // there is room for files
}

func newManager(t *testing.T) *manager {
	m := &manager{t: t, socket: filepath.Join(place(t), "s"), kept: map[string]*os.File{}, asks: true}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	m.got.conn = conn
	return m
}

// hears waits until it is told something.
func (m *manager) hears(text string) {
	m.t.Helper()
	require.NoError(m.t, m.got.conn.SetReadDeadline(time.Now().Add(fakeserver.Patience)))
	for buf := make([]byte, 4096); ; {
		m.got.file = nil
		n, err := m.got.Read(buf)
		require.NoError(m.t, err, "%q is missing after %q", text, m.said)
		said := string(buf[:n])
		m.said = append(m.said, said)
		_, name, _ := strings.Cut(said, "FDNAME=")
		switch {
		case strings.HasPrefix(said, "FDSTORE=1"):
			require.NotNil(m.t, m.got.file)
			m.kept[name] = m.got.file
		case strings.HasPrefix(said, "FDSTOREREMOVE=1"):
			if m.kept[name] != nil {
				require.NoError(m.t, m.kept[name].Close())
			}
			delete(m.kept, name)
		case said == "BARRIER=1":
			require.NoError(m.t, m.got.file.Close())
		}
		if strings.HasPrefix(said, text) {
			return
		}
	}
}

// starts runs the component, with the files that are kept.
func (m *manager) starts(server *fakeserver.Server, args ...string) *serving {
	m.t.Helper()
	c := serveWith(m.t, server, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+m.socket)
		if m.asks {
			cmd.Env = append(cmd.Env, "FDSTORE=2")
		}
		var names []string
		for name, file := range m.kept {
			names, cmd.ExtraFiles = append(names, name), append(cmd.ExtraFiles, file)
		}
		if names != nil {
			cmd.Env = append(cmd.Env, "LISTEN_FDNAMES="+strings.Join(names, ":"), "LISTEN_FDS="+string(rune('0'+len(names))))
			cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
			cmd.Path = "/bin/sh"
		}
	}, args...)
	m.hears("READY=1")
	return c
}

// A restart by systemd is not noticed: it keeps the connection, and what is said while nobody runs is
// heard after that, once.
func TestRestartBySystemd(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	m := newManager(t)
	args := []string{"-store", filepath.Join(place(t), "rooms.db"), "-rate-messages", "0"}
	c := m.starts(server, args...)
	link := server.Next()
	c.joined(link, "cellar", 3)
	for range 3 {
		c.stop()
		m.hears("BARRIER=1")
		<-c.ended
		assert.Equal(t, statusStopped, c.status, c.stderr.String())
		link.Send(said(0, "cellar", "is anybody there?"), said(1, "cellar", "who asks?"))
		c = m.starts(server, args...)
		assert.Empty(t, m.kept, "it has given the files away")
		for p := range 3 {
			link.Expect("is anybody there?", "to='"+person(p)+"'")
			link.Expect("who asks?", "to='"+person(p)+"'")
		}
		_, twice := link.Wait(0, "<body>")
		assert.False(t, twice)
		onlyMessages(t, link)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(args[1]), ".muc-*"))
	require.NoError(t, err)
	assert.Empty(t, left, "no file is left")

	// What is kept is of no use: it connects anew, and everybody is still inside.
	c.stop()
	m.hears("BARRIER=1")
	<-c.ended
	require.NoError(t, m.kept[keptState].Truncate(3))
	c = m.starts(server, args...)
	link = server.Next()
	silent(t, link, 0, 1, 2)
	c.stderr.gets(t, "the connection that systemd has kept is of no use")
	c.stop()
	m.hears("BARRIER=1")
	<-c.ended
	require.NoError(t, m.kept[keptState].Close())
	delete(m.kept, keptState)
	m.starts(server, args...).stderr.gets(t, "only a part of it is there")
	silent(t, server.Next(), 0, 1, 2)
}

// Where systemd keeps nothing, or it is a farewell, the stream ends in good order.
func TestStopBySystemd(t *testing.T) {
	for name, adapt := range map[string]func(m *manager) []string{
		"no room for files": func(m *manager) []string { m.asks = false; return nil },
		"a farewell":        func(*manager) []string { return []string{"-stop", "farewell"} },
		"it is gone":        func(*manager) []string { return nil },
		"no answer":         func(*manager) []string { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			server := fakeserver.New(t, testDomain, testSecret)
			m := newManager(t)
			c := m.starts(server, adapt(m)...)
			link := server.Next()
			c.joined(link, "cellar", 1)
			if name == "it is gone" {
				require.NoError(t, m.got.conn.Close())
			}
			c.stop()
			assert.True(t, link.Ended(), "it says goodbye")
			<-c.ended
			assert.Equal(t, statusStopped, c.status, c.stderr.String())
		})
	}
}
