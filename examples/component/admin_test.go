package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/fakeserver"
)

// ordered gives an order to a component, and returns what is said and the status.
func ordered(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = run(context.Background(), args, environment(), &stdout, &stderr)
	return stdout.String() + stderr.String(), status
}

// A component that runs takes orders at its socket, which is its own user's alone.
func TestAdministration(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	store := filepath.Join(place(t), "rooms.db")
	c := serveAlone(t, server, "-store", store, "-default-public", "false", "-tombstones", "0")
	link := server.Next()
	c.joined(link, "cellar", 2)
	ok := func(name string, args ...string) string {
		t.Helper()
		out, status := ordered(t, append([]string{name, "-store", store}, args...)...)
		require.Zero(t, status, out)
		return out
	}
	info, err := os.Stat(store + ".sock")
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.Contains(t, ok("create", "attic", "romeo@example.org", "The attic"), "The room is made: attic@rooms.example")
	assert.Regexp(t, `(?s)Address +Name +People inside .*attic@rooms.example +The attic +0 +0 +1 +romeo@example.org.*cellar@rooms.example +2 +0 +0 +person0@example.org`, ok("list"))
	assert.NotContains(t, ok("list", "attic"), "cellar")
	assert.Regexp(t, `(?s)State: +open\n.*Owners: +person0@example.org\n.*People inside: +n0 \(person0@example.org\), n1`, ok("show", "cellar"))
	ok("owner", "cellar", "person1@example.org", "admins")
	assert.Regexp(t, `Owners: +person1@example.org\n`, ok("show", "cellar"))
	assert.Contains(t, ok("announce", "we upgrade"), "Rooms that say it: 1")
	link.Expect("we upgrade", "to='"+person(1)+"'", "from='cellar@rooms.example'")
	assert.Contains(t, ok("destroy", "cellar", "too dark", "attic@rooms.example"), "The room is destroyed.")
	assert.Contains(t, link.Expect("to='"+person(1)+"'", "<destroy"), "too dark")
	assert.NotContains(t, ok("list"), "cellar")
	for _, name := range strings.Fields("a b c d e f g") { // more than a page of the list has
		for i := range 10 {
			ok("create", name+strings.Repeat("x", i), "romeo@example.org")
		}
	}
	assert.Equal(t, 72, strings.Count(ok("list"), "\n"), "a head and 71 rooms")

	for _, wrong := range []struct {
		args []string
		want string
	}{
		{[]string{"dance"}, `component: "dance" is no command and no flag: see -h`},
		{[]string{"show", "-store", store}, "component: it is: component show [-config FILE] ROOM"},
		{[]string{"show", "-store", store, "cellar"}, "There is no such room."},
		{[]string{"list", "-cat"}, "component: flag provided but not defined: -cat: see -h"},
		{[]string{"list", "-store", store + "2"}, "does the component run, with the same -config or -store?"},
	} {
		out, status := ordered(t, wrong.args...)
		assert.Equal(t, statusFailed, status)
		assert.Contains(t, out, wrong.want)
	}
	assert.Equal(t, statusStopped, c.end(), c.stderr.String())
	c = serveAlone(t, server, "-store", store)
	c.joined(server.Next(), "cellar", 1)
	ok("destroy", "cellar")
	assert.Contains(t, ok("show", "cellar"), "destroyed")
	assert.Contains(t, ok("free", "cellar"), "The address is free.")
	assert.NotContains(t, ok("list"), "cellar")
	assert.Equal(t, statusStopped, c.end(), c.stderr.String())
	assert.NoFileExists(t, store+".sock")
	assert.Contains(t, c.stderr.String(), `admin="the host"`)
}

// A socket that is left over is replaced, another file is not, and nobody needs one.
func TestAdminSocket(t *testing.T) {
	dir := place(t)
	left := filepath.Join(dir, "left.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: left})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	l.Close()
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveAlone(t, server, "-admin-socket", left)
	server.Next()
	_, status := ordered(t, "list", "-admin-socket", left)
	assert.Zero(t, status)
	assert.Zero(t, c.end())

	require.NoError(t, os.WriteFile(left, []byte("precious"), 0o600))
	c = serveAlone(t, server, "-admin-socket", left)
	<-c.ended
	assert.Equal(t, statusFailed, c.status)
	assert.Contains(t, c.stderr.String(), left+" is no socket: name another place, or none")
	content, err := os.ReadFile(left)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(content))

	c = serveAlone(t, server, "-admin-socket", "none", "-store", filepath.Join(dir, "rooms.db"))
	server.Next()
	out, status := ordered(t, "list", "-store", filepath.Join(dir, "rooms.db"))
	assert.Equal(t, statusFailed, status, out)
	assert.Zero(t, c.end())
}

func TestPrintable(t *testing.T) {
	assert.Equal(t, "a�[31mb c", printable("a\u009b[31mb c"))
	assert.Equal(t, "Grüße 🙂", printable("Grüße 🙂"))
}
