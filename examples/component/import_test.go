package main

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// prosodyData are the data of a Prosody with a room for each file.
func prosodyData(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := place(t)
	for name, text := range files {
		name = filepath.Join(dir, "conference%2eexample", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	return dir
}

const (
	cellarData = `return { ["romeo@example.org"] = "owner"; ["_jid"] = "cellar@conference.example"; _data = { persistent = true; name = "The cellar"; odd = 1 } };`
	atticData  = `return { ["_jid"] = "attic@conference.example"; _data = { persistent = true } };`
	saidData   = "item({ name = \"message\"; attr = { from = \"cellar@conference.example/Romeo\" }; { name = \"body\"; attr = {}; \"Arise\" }; with = \"message<groupchat\"; when = 1700000000; key = \"a1\" });\n" +
		"item({ name = \"message\"; attr = {}; { name = \"body\"; attr = {}; \"torn\" }; with = \"message<groupchat\"; when = 1700000001; key = \"a1\" });\n"
)

// imports runs the subcommand.
func imports(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), append([]string{"import"}, args...), environment(), &out, &err)
	return status, out.String(), err.String()
}

// left is what stands in a directory.
func left(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Rooms of another server are in the store then, or nothing of them.
func TestImport(t *testing.T) {
	data := prosodyData(t, map[string]string{"config/cellar.dat": cellarData, "config/attic.dat": atticData, "muc_log/cellar.list": saidData})
	dir := place(t)
	store := filepath.Join(dir, "rooms.db")
	flags := func(more ...string) []string {
		return append([]string{"-from", "prosody", "-domain", "rooms.example", "-store", store, "-archive", "87600h"}, append(more, data)...)
	}
	lines := "attic@rooms.example: the room is left out: it has no owner: say who owns such rooms\n" +
		"cellar@rooms.example: the option \"odd\", which is not known here\n" +
		"cellar@rooms.example: messages left out: 1 (with the id of another message)\n"

	status, stdout, stderr := imports(t, flags("-dry-run")...)
	assert.Equal(t, statusStopped, status, stderr)
	assert.Equal(t, lines+"nothing was imported; it would be: rooms 1, messages 1; rooms left out 1\n", stdout)
	assert.Empty(t, left(t, dir))
	for keep, want := range map[string]string{"720h": "older than they are kept", "0": "no archive is kept"} {
		status, stdout, stderr = imports(t, flags("-dry-run", "-archive", keep)...)
		assert.Equal(t, statusStopped, status, stderr)
		assert.Contains(t, stdout, "cellar@rooms.example: messages left out: 2 ("+want+")\n")
	}

	status, stdout, stderr = imports(t, flags()...)
	assert.Equal(t, statusStopped, status, stderr)
	assert.Equal(t, lines+"rooms 1, messages 1; rooms left out 1\n", stdout)

	status, _, stderr = imports(t, flags("-owner", "admin@example.org")...)
	assert.Equal(t, statusFailed, status)
	assert.Equal(t, "component: cellar@rooms.example: there is or was such a room in the store already: nothing was imported; "+
		"with -existing skip it stays as it is, with -existing replace it goes\n", stderr)
	rooms := func() (n int) {
		db, err := sql.Open("sqlite", store)
		require.NoError(t, err)
		defer db.Close()
		require.NoError(t, db.QueryRow(`SELECT count(*) FROM room`).Scan(&n))
		return n
	}
	assert.Equal(t, 1, rooms(), "nothing half done")
	for existing, want := range map[string]string{"skip": "rooms 1, messages 0; rooms left out 1\n", "replace": "rooms 2, messages 1; rooms left out 0\n"} {
		status, stdout, stderr = imports(t, flags("-owner", "admin@example.org", "-existing", existing, "-dry-run")...)
		assert.Equal(t, statusStopped, status, stderr)
		assert.Contains(t, stdout, "nothing was imported; it would be: "+want)
	}
	assert.Equal(t, 1, rooms())
	status, _, stderr = imports(t, flags("-owner", "admin@example.org", "-existing", "skip")...)
	assert.Equal(t, statusStopped, status, stderr)
	assert.Equal(t, 2, rooms())

	var checked bytes.Buffer
	assert.Equal(t, statusStopped, run(t.Context(), []string{"-check", "-domain", "rooms.example", "-store", store}, environment(), &checked, &checked))
	assert.Equal(t, "rooms that are in order: 2\n", checked.String())

	s := newServer(t, "<handshake/>")
	start(t, "-domain", "rooms.example", "-connect", s.listener.Addr().String(), "-store", store, "-archive", "87600h")
	s.gets("</handshake>")
	s.sends("<presence from='romeo@example.org/o' to='cellar@rooms.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	s.gets("<body>Arise</body>")
	assert.Contains(t, s.text(), "id='a1'")
	status, _, stderr = imports(t, flags("-existing", "skip")...)
	assert.Equal(t, statusFailed, status)
	assert.Contains(t, stderr, "another process works on it: stop that one, or name another file")
}

// writer does something at each write.
type writer func()

func (w writer) Write(b []byte) (int, error) {
	w()
	return len(b), nil
}

// An import that fails leaves no store where there was none.
func TestImportFails(t *testing.T) {
	dir := place(t)
	store := filepath.Join(dir, "rooms.db")
	dump := filepath.Join(place(t), "dump")
	require.NoError(t, os.WriteFile(dump, []byte("{tables,[]}.\n{muc_room,{<<\"cellar\">>,<<\"conference.example\">>},["), 0o600))
	flags := []string{"-domain", "rooms.example", "-store", store}
	for want, args := range map[string][]string{
		"-from ejabberd: " + dump + ": it ends in the middle: make the dump again": {"-from", "ejabberd", dump},
		"there are no rooms: name the directory of Prosody's data":                 {"-from", "prosody", place(t)},
		"no such file or directory":                                                {"-from", "prosody", filepath.Join(dir, "none")},
	} {
		status, _, stderr := imports(t, append(flags, args...)...)
		assert.Equal(t, statusFailed, status)
		assert.Contains(t, stderr, want)
		assert.Empty(t, left(t, dir))
	}
	data := prosodyData(t, map[string]string{"config/cellar.dat": cellarData, "config/attic.dat": atticData})
	ctx, cancel := context.WithCancel(t.Context())
	var stderr bytes.Buffer
	stopped := run(ctx, append([]string{"import", "-from", "prosody"}, append(flags, data)...), environment(), writer(func() { cancel() }), &stderr)
	assert.Equal(t, statusFailed, stopped)
	assert.Equal(t, "component: nothing was imported: context canceled\n", stderr.String(), "it was stopped after the first line")
	assert.Empty(t, left(t, dir))
	require.NoError(t, os.WriteFile(store, []byte("cats, not rooms, and many more of them than one"), 0o600))
	status, _, said := imports(t, append(flags, "-from", "prosody", data)...)
	assert.Equal(t, statusFailed, status)
	assert.Contains(t, said, "it is no SQLite database")
	assert.Contains(t, left(t, dir), "rooms.db")
}

func TestImportRefusesSettings(t *testing.T) {
	const usage = "it is: component import -from prosody|ejabberd"
	for _, c := range []struct {
		want string
		args []string
	}{
		{usage, nil}, {usage, []string{"-from", "openfire", "x"}}, {usage, []string{"-from", "prosody"}}, {usage, []string{"-from", "prosody", "a", "b"}},
		{"-existing: must be skip or replace", []string{"-from", "prosody", "-existing", "merge", "x"}},
		{`-owner: "@" is no address`, []string{"-from", "prosody", "-owner", "@", "x"}},
		{`-owner: "example.org" is no address`, []string{"-from", "prosody", "-owner", "example.org", "x"}},
		{"flag provided but not defined: -cat", []string{"-cat"}},
		{"-domain: ", []string{"-from", "prosody", "x"}},
	} {
		status, _, stderr := imports(t, c.args...)
		assert.Equal(t, statusWrong, status, c.args)
		assert.Contains(t, stderr, c.want, c.args)
	}
	status, stdout, _ := imports(t, "-h")
	assert.Equal(t, statusStopped, status)
	assert.Contains(t, stdout, "-dry-run")
}
