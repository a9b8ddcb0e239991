package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/fakeserver"
)

// onlyMessages makes sure that nothing came but what was said, and pings.
func onlyMessages(t testing.TB, link *fakeserver.Stream) {
	t.Helper()
	for _, unwanted := range []string{"<presence", "<error", "</stream"} {
		if stanza, came := link.Wait(0, unwanted); came {
			t.Fatalf("it came: %s", stanza)
		}
	}
}

// One process after the other takes over while somebody speaks all the time: it is the same stream,
// each message arrives once, in order, and nobody is told anything else.
func TestTakeOver(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	args := []string{"-store", filepath.Join(place(t), "rooms.db"), "-take-over", "-rate-messages", "0", "-rate-bytes", "0"}
	c := serveAlone(t, server, args...)
	link := server.Next()
	c.joined(link, "cellar", 3)
	// What the first one has heard meanwhile is in heard: on a busy machine few messages are under way, or
	// they would be too many for the queue.
	const underWay = 50
	stop, said := make(chan struct{}), make(chan int)
	var heard []string
	go func() {
		for i := 0; ; {
			select {
			case <-stop:
				said <- i
				return
			case <-time.After(20 * time.Millisecond):
			}
			burst := make([]string, 10)
			for j := range burst {
				burst[j] = fmt.Sprintf("<message type='groupchat' id='m%d' from='%s' to='cellar@%s'><body>%d.</body></message>", i, person(i%2), testDomain, i)
				i++
			}
			link.Send(burst...)
			for came := true; came && i-len(heard) > underWay; {
				var next string
				if next, came = link.Wait(fakeserver.Patience, "to='"+person(0)+"'", "<body>"); came {
					heard = append(heard, next)
				}
			}
		}
	}()
	for range 3 {
		next := serveAlone(t, server, append(args, "-metrics", c.metrics)...)
		next.metrics = c.metrics
		select {
		case <-c.ended:
		case <-time.After(fakeserver.Patience):
			t.Fatalf("it does not leave: %s\n%s", &c.stderr, &next.stderr)
		}
		assert.Equal(t, statusStopped, c.status, c.stderr.String())
		c = next
	}
	close(stop)
	messages := <-said
	for i := range messages {
		for p := range 3 {
			var next string
			if p == 0 && i < len(heard) {
				next = heard[i]
			} else {
				next = link.Expect("to='"+person(p)+"'", "<body>")
			}
			require.Contains(t, next, fmt.Sprintf("<body>%d.</body>", i))
		}
	}
	_, twice := link.Wait(0, "<body>")
	assert.False(t, twice, "nothing came twice")
	onlyMessages(t, link)
	c.becomes("muc_sessions", func(n float64) bool { return n == 3 })
	assert.Equal(t, statusStopped, c.end(), c.stderr.String())
	assert.True(t, link.Ended(), "who has it last says goodbye")
}

// undisturbed makes sure that a component is as it was, for the three people in its cellar, and for
// operators.
func (c *serving) undisturbed(link *fakeserver.Stream, store string) {
	c.t.Helper()
	for i := range 3 {
		link.Send(said(i, "cellar", "still here"))
		for p := range 3 {
			link.Expect("still here", "to='"+person(p)+"'")
		}
	}
	onlyMessages(c.t, link)
	c.becomes("muc_sessions", func(n float64) bool { return n == 3 })
	var stdout, stderr strings.Builder
	assert.Equal(c.t, statusStopped, run(c.t.Context(), []string{"list", "-store", store}, environment(), &stdout, &stderr), &stderr)
	assert.Contains(c.t, stdout.String(), "cellar@")
}

// Whatever goes wrong with the new process, the old one goes on, and nobody in a room notices.
func TestTakeOverFails(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	store := filepath.Join(place(t), "rooms.db")
	args := []string{"-store", store, "-rate-messages", "0"}
	c := serveAlone(t, server, args...)
	link := server.Next()
	c.joined(link, "cellar", 3)
	taken := newServer(t, "")
	elsewhere := filepath.Join(place(t), "rooms.db")
	require.NoError(t, os.WriteFile(elsewhere, nil, 0o600))
	for _, f := range []struct {
		args []string
		want string
	}{
		{[]string{"-domain", "other.example"}, "the component that runs has other settings"},
		{[]string{"-connect", "127.0.0.1:1"}, "the component that runs has other settings"},
		{[]string{"-store", elsewhere, "-admin-socket", store + ".sock"}, "the component that runs has other settings"},
		{[]string{"-store", store + "-none", "-admin-socket", store + ".sock"}, "no such file"},
		{[]string{"-admin-socket", "none"}, "-take-over needs an -admin-socket"},
		{[]string{"-metrics", taken.listener.Addr().String()}, "take another port"},
		{[]string{"-contacts", "abuse=cats"}, "it cannot go on with what the other process has stored: service: bad config"},
	} {
		next := serveAlone(t, server, append(append(args, "-take-over"), f.args...)...)
		select {
		case <-next.ended:
		case <-time.After(fakeserver.Patience):
			t.Fatalf("it does not end: %s", &next.stderr)
		}
		assert.Equal(t, statusFailed, next.status, f.want)
		lines := strings.Split(strings.TrimSpace(next.stderr.String()), "\n")
		assert.Contains(t, lines[len(lines)-1], f.want)
		c.undisturbed(link, store)
	}

	s := parseOK(t, environment("MUC_SECRET", testSecret), append(c.args(args), "-take-over")...)
	offered := func() *partner {
		p, err := s.askToTakeOver(t.Context())
		require.NoError(t, err)
		h, err := p.takes(t.Context())
		require.NoError(t, err, &c.stderr)
		require.NoError(t, h.Conn.Close())
		return p
	}
	offered().conn.Close()
	c.undisturbed(link, store)
	p := offered()
	require.NoError(t, p.say(word{Error: "cats"}))
	c.undisturbed(link, store)
	p = offered()
	_, err := p.conn.Write([]byte("cats"))
	require.NoError(t, err)
	c.undisturbed(link, store)
	_, err = p.hears(t.Context(), time.Minute)
	assert.ErrorContains(t, err, "the other process: invalid character", "it is told why")

	other := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", store+".sock")
	}}}
	answer, err := other.Post("http://component/hand-over", "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusConflict, answer.StatusCode)
	c.undisturbed(link, store)

	assert.Equal(t, statusStopped, c.end(), c.stderr.String())
	assert.True(t, link.Ended())
	assert.Equal(t, 5, strings.Count(c.stderr.String(), "this one goes on"), &c.stderr)
}

// A component that is not connected is not taken over, and where none runs, one starts.
func TestTakeOverOfNobody(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	args := []string{"-store", filepath.Join(place(t), "rooms.db"), "-take-over"}
	c := serveAlone(t, server, args...)
	c.joined(server.Next(), "cellar", 1)
	c.stderr.gets(t, "no component runs that could be taken over")
	c.end()

	alone := append(args, "-connect", "127.0.0.1:1")
	c = serveAlone(t, server, alone...)
	c.stderr.gets(t, "not connected")
	next := serveAlone(t, server, alone...)
	<-next.ended
	assert.Equal(t, statusFailed, next.status)
	assert.Contains(t, next.stderr.String(), "the component is not connected to its server")
	assert.Equal(t, statusStopped, c.end(), c.stderr.String())
}
