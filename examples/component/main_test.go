package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/fakeserver"
)

// server plays the XMPP server on loopback, for one connection.
type server struct {
	t        *testing.T
	listener net.Listener

	mu   sync.Mutex
	conn net.Conn
	got  output
}

// output is text that one goroutine writes and another reads.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// gets waits for a text.
func (o *output) gets(t *testing.T, text string) {
	t.Helper()
	if !assert.Eventually(t, func() bool { return strings.Contains(o.String(), text) }, fakeserver.Patience, time.Millisecond) {
		t.Fatalf("%s is missing in\n%s", text, o)
	}
}

func newServer(t *testing.T, answer string) *server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{t: t, listener: listener}
	t.Cleanup(func() { listener.Close() })
	go s.play(answer)
	return s
}

func (s *server) play(answer string) {
	conn, err := s.listener.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	fmt.Fprint(conn, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>")
	buf := make([]byte, 4096)
	for greeted := false; ; {
		n, err := conn.Read(buf)
		s.got.Write(buf[:n])
		text := s.got.String()
		if !greeted && strings.Contains(text, "</handshake>") {
			greeted = true
			fmt.Fprint(conn, answer)
		}
		if err != nil || strings.Contains(text, "</stream:stream>") {
			fmt.Fprint(conn, "</stream:stream>")
			return
		}
	}
}

func (s *server) text() string { return s.got.String() }

// gets waits until the component has sent something.
func (s *server) gets(text string) {
	s.t.Helper()
	s.got.gets(s.t, text)
}

func (s *server) sends(stanza string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := io.WriteString(s.conn, stanza)
	require.NoError(s.t, err)
}

// running is a component in a goroutine.
type running struct {
	stop   context.CancelFunc
	stderr output
	status chan int
}

func start(t *testing.T, args ...string) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{stop: cancel, status: make(chan int, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.status <- run(ctx, args, environment("MUC_SECRET", "geheim"), io.Discard, &r.stderr)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended // until then there are new files in its directory
	})
	return r
}

// ends waits for the end, and returns the status and the last line.
func (r *running) ends(t *testing.T) (int, string) {
	t.Helper()
	select {
	case status := <-r.status:
		lines := strings.Split(strings.TrimSpace(r.stderr.String()), "\n")
		return status, lines[len(lines)-1]
	case <-time.After(fakeserver.Patience):
		t.Fatal("the component does not end")
		return 0, ""
	}
}

// freeAddress is one at which nobody listens. Its port is none of those that systems give out by
// themselves, so that no other test gets it before it is used.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10000+rand.IntN(20000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// place is a directory of a test, in which sockets have names that are short enough for the
// system, wherever temporary files are.
func place(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if len(dir) > 80 {
		var err error
		dir, err = os.MkdirTemp("/tmp", "component")
		require.NoError(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	return dir
}

// From the first stanza to the stop: a room, its metrics, and a goodbye to everybody.
func TestRun(t *testing.T) {
	s := newServer(t, "<handshake/>")
	metrics := freeAddress(t)
	r := start(t, "-domain", "rooms.example", "-connect", s.listener.Addr().String(),
		"-store", filepath.Join(place(t), "rooms.db"), "-metrics", metrics, "-admins", "admin@example.org", "-stop", "farewell")
	s.gets("</handshake>")
	s.sends("<iq type='get' id='d1' from='romeo@example.org/o' to='rooms.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
	s.gets(`name="Chat rooms"`)
	s.sends("<presence from='romeo@example.org/o' to='cellar@rooms.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	s.gets("<status code='201'/>")
	s.sends("<message id='big' type='groupchat' from='romeo@example.org/o' to='cellar@rooms.example'><body>" +
		strings.Repeat("x", 300<<10) + "</body></message>")
	s.gets("The stanza is too large.")
	s.sends("<message type='groupchat' from='romeo@example.org/o' to='elsewhere.example'><body>a</body></message>")
	s.sends("<message type='groupchat' from='tybalt@example.org/o' to='cellar@rooms.example'><body>a</body></message>")
	s.gets("to='tybalt@example.org/o'")
	for _, line := range []string{"muc_rooms 1", "muc_occupants 1", "muc_connected 1", "muc_streams_total 1",
		`muc_refusals_total{condition="policy-violation"} 1`, `muc_refusals_total{condition="item-not-found"} 1`,
		`muc_store_seconds_count{call="append"}`} {
		page := get(t, "http://"+metrics+"/metrics") // what was refused is counted after it was told
		for began := time.Now(); !strings.Contains(page, "\n"+line) && time.Since(began) < fakeserver.Patience; {
			time.Sleep(5 * time.Millisecond)
			page = get(t, "http://"+metrics+"/metrics")
		}
		assert.Contains(t, page, "\n"+line)
	}
	r.stop()
	status, _ := r.ends(t)
	assert.Equal(t, statusStopped, status, r.stderr.String())
	assert.Contains(t, s.text(), "<status code='332'/>", "everybody is told")
	assert.True(t, strings.HasSuffix(s.text(), "</stream:stream>"), "and then the stream ends")
	assert.NotContains(t, r.stderr.String(), "geheim")
	assert.Contains(t, r.stderr.String(), "elsewhere.example")
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(page)
}

// A stop while nobody can be told is one too.
func TestRunWithoutServer(t *testing.T) {
	r := start(t, "-domain", "rooms.example", "-connect", freeAddress(t), "-store", filepath.Join(place(t), "rooms.db"),
		"-log-format", "json", "-drain", "1s")
	r.stderr.gets(t, "not connected")
	r.stop()
	status, last := r.ends(t)
	assert.Equal(t, statusStopped, status)
	assert.Contains(t, last, `"msg":"stopped"`)
}

func TestRunFails(t *testing.T) {
	dir := place(t)
	store := filepath.Join(dir, "rooms.db")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	garbage := filepath.Join(dir, "garbage.db")
	require.NoError(t, os.WriteFile(garbage, bytes.Repeat([]byte("cat "), 2000), 0o600))
	refuses := func(condition string) string {
		return newServer(t, "<stream:error><"+condition+" xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>").listener.Addr().String()
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-metrics", taken.Addr().String()}, "address already in use: take another port, or stop what uses it"},
		{[]string{"-metrics", "192.0.2.1:9347"}, "cannot assign requested address: take an address of this machine"},
		{[]string{"-store", dir}, "it is a directory: name a file in it, which is made if it is not there"},
		{[]string{"-admin-socket", filepath.Join(dir, strings.Repeat("x", 100))}, "is longer than 103 bytes: name another place, or none"},
		{[]string{"-check", "-store", filepath.Join(dir, "none.db")}, "no such file or directory: name the file that is to be checked"},
		{[]string{"-store", garbage}, "it is no SQLite database: name another file, or bring back a copy"},
		{[]string{"-connect", refuses("not-authorized")}, "the server refuses the secret of rooms.example"},
		{[]string{"-connect", refuses("conflict")}, "another component is connected to the server as rooms.example"},
	} {
		status, last := start(t, append([]string{"-domain", "rooms.example", "-store", store}, c.args...)...).ends(t)
		assert.Equal(t, statusFailed, status, c.args)
		assert.True(t, strings.HasPrefix(last, "component: "), last)
		assert.Contains(t, last, c.want)
	}
	first := start(t, "-domain", "rooms.example", "-store", store, "-connect", freeAddress(t))
	first.stderr.gets(t, "not connected")
	status, last := start(t, "-domain", "rooms.example", "-store", store, "-connect", freeAddress(t)).ends(t)
	assert.Equal(t, statusFailed, status)
	assert.Contains(t, last, "another process works on it: stop that one, or name another file")
	first.stop()
	first.ends(t)
}

func TestRunRefusesSettings(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Equal(t, statusWrong, run(t.Context(), []string{"-cat"}, environment(), &stdout, &stderr))
	assert.Equal(t, "component: flag provided but not defined: -cat: see -h\n", stderr.String())
	assert.Equal(t, statusStopped, run(t.Context(), []string{"-h"}, environment(), &stdout, &stderr))
	assert.Contains(t, stdout.String(), "usage: component -domain DOMAIN -secret TEXT [flags]")
}

// Who may create rooms is what -create says, and the administrators.
func TestMayCreate(t *testing.T) {
	s := newServer(t, "<handshake/>")
	start(t, "-domain", "rooms.example", "-connect", s.listener.Addr().String(), "-create", "example.org",
		"-store", filepath.Join(place(t), "rooms.db"), "-admins", "admin@example.net")
	s.gets("</handshake>")
	for who, created := range map[string]bool{"romeo@example.org": true, "admin@example.net": true, "tybalt@example.net": false} {
		local, _, _ := strings.Cut(who, "@")
		s.sends("<presence from='" + who + "/o' to='" + local + "@rooms.example/x'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		if created {
			s.gets("from='" + local + "@rooms.example/x'")
			continue
		}
		s.gets("You may not create rooms here.")
	}
	assert.Equal(t, 2, strings.Count(s.text(), "<status code='201'/>"))
}

// Who is inside can ask for what was said, and nobody keeps it where the operator does
// not.
func TestArchive(t *testing.T) {
	for keep, want := range map[string]string{"1h": "<forwarded xmlns='urn:xmpp:forward:0'>", "0": "<service-unavailable"} {
		s := newServer(t, "<handshake/>")
		r := start(t, "-domain", "rooms.example", "-connect", s.listener.Addr().String(), "-archive", keep,
			"-store", filepath.Join(place(t), "rooms.db"))
		s.gets("</handshake>")
		const from = " from='romeo@example.org/o' to='cellar@rooms.example"
		s.sends("<presence" + from + "/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		s.sends("<iq type='set' id='c1'" + from + "'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>")
		s.sends("<message type='groupchat'" + from + "'><body>But soft!</body></message>")
		s.gets("<body>But soft!</body>")
		s.sends("<iq type='set' id='a1'" + from + "'><query xmlns='urn:xmpp:mam:2' queryid='q1'/></iq>")
		s.gets(want)
		s.sends("<iq type='set' id='a2'" + from + "'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><after>none</after></set></query></iq>")
		s.gets("id='a2' type='error'")
		r.stop()
		status, _ := r.ends(t)
		assert.Equal(t, statusStopped, status)
	}
}

// A room that cannot be read answers internal-server-error and stays as it is; the
// others live.
func TestUnreadableRoom(t *testing.T) {
	store := filepath.Join(place(t), "rooms.db")
	enter := func(s *server, room string) {
		s.sends("<presence from='romeo@example.org/o' to='" + room + "@rooms.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	}
	first := newServer(t, "<handshake/>")
	r := start(t, "-domain", "rooms.example", "-connect", first.listener.Addr().String(), "-store", store)
	first.gets("</handshake>")
	for _, room := range []string{"good", "bad"} {
		enter(first, room)
		first.sends("<iq type='set' id='" + room + "' from='romeo@example.org/o' to='" + room + "@rooms.example'>" +
			"<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>" +
			"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>" +
			"<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>")
		first.gets("id='" + room + "' type='result'")
	}
	r.stop()
	r.ends(t)

	db, err := sql.Open("sqlite", store)
	require.NoError(t, err)
	defer db.Close()
	const bad = ` WHERE room = (SELECT id FROM room WHERE jid = 'bad@rooms.example')`
	for _, damage := range []string{`UPDATE event SET body = 'cats'` + bad, `UPDATE snapshot SET body = 'cats'` + bad} {
		_, err = db.Exec(damage)
		require.NoError(t, err)
	}
	second := newServer(t, "<handshake/>")
	r = start(t, "-domain", "rooms.example", "-connect", second.listener.Addr().String(), "-store", store)
	second.gets("</handshake>")
	enter(second, "bad")
	second.gets("<internal-server-error")
	enter(second, "good")
	second.gets("from='good@rooms.example/Romeo'")
	r.stop()
	status, _ := r.ends(t)
	assert.Equal(t, statusStopped, status)
	var left int
	require.NoError(t, db.QueryRow(`SELECT (SELECT count(*) FROM event`+bad+`) + (SELECT count(*) FROM snapshot`+bad+`)`).Scan(&left))
	assert.NotZero(t, left, "what is stored of it stays")
	assert.Contains(t, r.stderr.String(), "bad@rooms.example", "the log names it")
}
