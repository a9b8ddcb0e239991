package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/server/c2stest"
)

const lobby = "lobby@conference.localhost"

// TestMain lets the test be the program of a node, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == nodeCommand {
		main()
		return
	}
	os.Exit(m.Run())
}

// nodes are those of a test, and what they said of themselves.
type nodes struct {
	t    *testing.T
	mu   sync.Mutex
	said map[string]saidOf
}

type saidOf struct {
	address string
	metrics string
	pid     int
	times   int // how often it has started
}

var started = regexp.MustCompile(`^node (\w+): clients at (\S+), metrics at (\S+), kill -9 (\d+)$`)

// startNodes starts three nodes, and waits until they serve.
func startNodes(t *testing.T) *nodes {
	t.Helper()
	n := &nodes{t: t, said: map[string]saidOf{}}
	ctx, stop := context.WithCancel(context.Background())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	dir := t.TempDir()
	go func() {
		ended <- run(ctx, []string{"-dir", dir, "-port", "0", "-restart", "1s"}, write, t.Output())
		write.Close()
	}()
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for s := bufio.NewScanner(read); s.Scan(); {
			t.Log(s.Text())
			if m := started.FindStringSubmatch(s.Text()); m != nil {
				pid, _ := strconv.Atoi(m[4])
				n.mu.Lock()
				n.said[m[1]] = saidOf{m[2], m[3], pid, n.said[m[1]].times + 1}
				n.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
		<-listened
	})
	for _, name := range names {
		n.await(name, 1)
	}
	return n
}

// await waits until a node has started so often.
func (n *nodes) await(name string, times int) saidOf {
	n.t.Helper()
	var is saidOf
	require.Eventually(n.t, func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		is = n.said[name]
		return is.times >= times
	}, 3*c2stest.Patience, 10*time.Millisecond, "node %s does not start", name)
	return is
}

// kill kills a node.
func (n *nodes) kill(name string) {
	n.t.Helper()
	is := n.await(name, 1)
	process, err := os.FindProcess(is.pid)
	require.NoError(n.t, err)
	require.NoError(n.t, process.Kill())
}

// count is a number among the metrics of a node.
func (n *nodes) count(name, metric string) (value float64) {
	n.t.Helper()
	answer, err := http.Get(n.await(name, 1).metrics)
	require.NoError(n.t, err)
	defer answer.Body.Close()
	for s := bufio.NewScanner(answer.Body); s.Scan(); {
		if text, is := strings.CutPrefix(s.Text(), metric+" "); is {
			value, err = strconv.ParseFloat(text, 64)
			require.NoError(n.t, err)
			return value
		}
	}
	require.Fail(n.t, "there is no "+metric)
	return 0
}

// A node is killed: those at the others go on to talk, in rooms of all three, and nobody of them
// is put out; those of the node that was killed leave, and come back when it is there again.
func TestKill(t *testing.T) {
	n := startNodes(t)
	romeo := c2stest.Dial(t, n.await("a", 1).address).Login("romeo")
	juliet := c2stest.Dial(t, n.await("b", 1).address).Login("juliet")
	guest := c2stest.Dial(t, n.await("c", 1).address).Guest()
	rooms := []string{lobby} // enough for each node to have some
	for _, name := range strings.Fields("hall attic cellar garden tower yard") {
		rooms = append(rooms, name+"@conference.localhost")
	}
	for _, room := range rooms {
		romeo.Enters(room, "Romeo")
		if room != lobby {
			romeo.Send("<iq xmlns='jabber:client' type='set' id='%s' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'>"+
				"<x xmlns='jabber:x:data' type='submit'/></query></iq>", room, room)
			romeo.GetsTag("iq", "id", room)
		}
		juliet.Enters(room, "Juliet")
		guest.Enters(room, "Guest")
	}
	leaves := func(el *etree.Element) bool {
		return el.SelectAttrValue("type", "") == "unavailable" && strings.HasSuffix(el.SelectAttrValue("from", ""), "/Guest")
	}
	left := 0 // rooms of which romeo was told that the guest has left: on a slow machine while others still talk
	say := func(who *c2stest.Peer, text string, hear ...*c2stest.Peer) {
		t.Helper()
		for _, room := range rooms {
			who.Says(room, text+" in "+room)
		}
		for _, peer := range hear {
			unheard := map[string]bool{}
			for _, room := range rooms {
				unheard[text+" in "+room] = true
			}
			for len(unheard) > 0 {
				peer.Gets("what is said: "+text, func(el *etree.Element) bool {
					body := el.SelectElement("body")
					switch {
					case leaves(el) && peer == romeo:
						left++
					case leaves(el):
					case el.Tag == "presence":
						assert.False(t, c2stest.StatusCode(el, "332") || c2stest.StatusCode(el, "333"), c2stest.Text(el))
					case body != nil && unheard[body.Text()]:
						delete(unheard, body.Text())
						return true
					}
					return false
				})
			}
		}
	}
	say(romeo, "good morrow", romeo, juliet, guest)
	n.kill("c")
	died := time.Now()
	say(romeo, "what was that", romeo, juliet)
	say(juliet, "nothing", romeo, juliet)
	t.Logf("all rooms speak again %s after the kill", time.Since(died))
	for _, watched := range []string{"cluster_cut", "cluster_dropped_total", "cluster_fenced_total", "cluster_lag_seconds_count", "cluster_shards_orphaned"} {
		n.count("a", watched) // it is there
	}
	const taken = "cluster_taken_seconds_count"
	for late := time.Now().Add(c2stest.Patience); n.count("a", taken)+n.count("b", taken) == 0; time.Sleep(10 * time.Millisecond) {
		require.True(t, time.Now().Before(late), "shards of the node that was killed have no other owners")
	}
	for ; left < len(rooms); left++ {
		romeo.Gets("that the guest leaves", leaves)
	}
	guest = c2stest.Dial(t, n.await("c", 2).address).Guest()
	guest.Enters(lobby, "Guest")
	juliet.Says(lobby, "welcome back")
	guest.Hears("welcome back")
	romeo.Hears("welcome back")
	romeo.Online()
	juliet.Online()
	romeo.Send("<message xmlns='jabber:client' to='%s' type='chat'><body>between nodes</body></message>", juliet.JID)
	juliet.Hears("between nodes")
}
