package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/fakeserver"
)

const (
	testDomain = "rooms.example"
	testSecret = "geheim"
)

// serving is the component behind a fake server, in this process or in its own.
type serving struct {
	t       testing.TB
	server  *fakeserver.Server
	metrics string // where they are
	stderr  output
	stop    func()
	ended   chan struct{}
	status  int
	command *exec.Cmd // nil in this process
	asked   int       // how often answers was called
}

// serveHere runs the component in this process, with settings that options cannot
// give it.
func serveHere(t testing.TB, server *fakeserver.Server, adapt func(*settings), args ...string) *serving {
	t.Helper()
	c := &serving{t: t, server: server, metrics: freeAddress(t), ended: make(chan struct{})}
	s := parseOK(t, environment("MUC_SECRET", testSecret), c.args(args)...)
	if adapt != nil {
		adapt(&s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	go func() {
		defer close(c.ended)
		if err := serve(ctx, s, new(slog.LevelVar), slog.New(slog.NewTextHandler(&c.stderr, nil))); err != nil {
			fmt.Fprintln(&c.stderr, err)
			c.status = statusFailed
		}
	}()
	t.Cleanup(func() { c.end() })
	return c
}

// program builds the component, once for all tests.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "component")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "component")
	said, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return path, err
})

// built is where the program is, if a test needed it.
var built string

func TestMain(m *testing.M) {
	status := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(status)
}

// serveAlone runs the component as a process of its own: the program, built as it is
// used.
func serveAlone(t testing.TB, server *fakeserver.Server, args ...string) *serving {
	t.Helper()
	return serveWith(t, server, func(*exec.Cmd) {}, args...)
}

// serveWith is serveAlone, with what the process gets besides.
func serveWith(t testing.TB, server *fakeserver.Server, adapt func(*exec.Cmd), args ...string) *serving {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	c := &serving{t: t, server: server, metrics: freeAddress(t), ended: make(chan struct{})}
	c.command = exec.Command(path, c.args(args)...)
	c.command.Env = append(os.Environ(), "MUC_SECRET="+testSecret)
	c.command.Stderr = &c.stderr
	adapt(c.command)
	require.NoError(t, c.command.Start())
	c.stop = func() { _ = c.command.Process.Signal(syscall.SIGTERM) }
	go func() {
		defer close(c.ended)
		_ = c.command.Wait()
		c.status = c.command.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = c.command.Process.Kill()
		<-c.ended
	})
	return c
}

func (c *serving) args(more []string) []string {
	return append([]string{"-domain", testDomain, "-connect", c.server.Addr(), "-metrics", c.metrics,
		"-store", filepath.Join(place(c.t), "rooms.db")}, more...)
}

// end stops the component, waits for its end, and returns the status.
func (c *serving) end() int {
	c.t.Helper()
	c.stop()
	select {
	case <-c.ended:
	case <-time.After(fakeserver.Patience):
		c.t.Fatalf("the component does not end:\n%s", &c.stderr)
	}
	return c.status
}

// metric is the value of a metric, named with its labels as on the page.
func (c *serving) metric(name string) float64 {
	c.t.Helper()
	value, err := c.value(name)
	require.NoError(c.t, err)
	return value
}

// value is that of a metric, if somebody tells it: while one process takes over from another, there may be
// nobody for a moment.
func (c *serving) value(name string) (float64, error) {
	page, err := c.page()
	for line := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok && err == nil {
			return strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return 0, err
}

func (c *serving) page() (string, error) {
	answer, err := http.Get("http://" + c.metrics + "/metrics")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	return string(page), err
}

// becomes waits until a metric is as it should be.
func (c *serving) becomes(name string, ok func(float64) bool) {
	c.t.Helper()
	is := func() bool {
		value, err := c.value(name)
		return err == nil && ok(value)
	}
	if !assert.Eventually(c.t, is, fakeserver.Patience, 5*time.Millisecond) {
		c.t.Fatalf("%s stays %v\n%s", name, c.metric(name), &c.stderr)
	}
}

func person(i int) string { return fmt.Sprintf("person%d@example.org/o", i) }

// joined has people enter a room, and waits until all are inside. The first one makes it,
// as it is by default.
func (c *serving) joined(link *fakeserver.Stream, room string, people int) {
	c.t.Helper()
	enter := func(i int) {
		link.Send(fmt.Sprintf("<presence from='%s' to='%s@%s/n%d'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>",
			person(i), room, testDomain, i))
	}
	enter(0)
	link.Expect("<status code='201'/>", "from='"+room+"@")
	link.Send(fmt.Sprintf("<iq type='set' id='make-%s' from='%s' to='%s@%s'><query xmlns='http://jabber.org/protocol/muc#owner'>"+
		"<x xmlns='jabber:x:data' type='submit'/></query></iq>", room, person(0), room, testDomain))
	link.Expect("id='make-"+room+"'", "type='result'")
	for i := 1; i < people; i++ {
		enter(i)
		link.Expect("<subject", "to='"+person(i)+"'", "from='"+room+"@")
	}
	link.Forget()
}

func said(i int, room, body string) string {
	return fmt.Sprintf("<message type='groupchat' id='m%d' from='%s' to='%s@%s'><body>%s</body></message>", i, person(i), room, testDomain, body)
}

func ping(id, from string) string {
	return fmt.Sprintf("<iq type='get' id='%s' from='%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", id, from, testDomain)
}

// answers waits until the domain answers a ping. While more waits than may, it does not.
func (c *serving) answers(link *fakeserver.Stream) {
	c.t.Helper()
	c.asked++
	asked := fmt.Sprint("answers", c.asked, "-")
	for i := range int(fakeserver.Patience / (100 * time.Millisecond)) {
		link.Send(ping(fmt.Sprint(asked, i), "nobody@example.org/o"))
		// Any of them: on a slow machine each may take longer than one wait.
		if _, ok := link.Wait(100*time.Millisecond, "id='"+asked, "type='result'"); ok {
			return
		}
	}
	c.t.Fatalf("the domain does not answer any more\n%s", &c.stderr)
}
