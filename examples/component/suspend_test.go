package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/fakeserver"
	"github.com/gomuc/muc/examples/component/xmppcomp"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
)

// pinged waits for the ping of somebody and answers it: nobody is there, or somebody is.
func pinged(t *testing.T, link *fakeserver.Stream, who string, there bool) {
	t.Helper()
	ping := link.Expect("<iq ", "to='"+who+"'", "<ping xmlns='urn:xmpp:ping'/>")
	id := regexp.MustCompile(` id='([^']+)'`).FindStringSubmatch(ping)
	room := regexp.MustCompile(` from='([^']+)'`).FindStringSubmatch(ping)
	require.NotNil(t, id, ping)
	if there {
		link.Send(fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'/>", id[1], who, room[1]))
		return
	}
	link.Send(fmt.Sprintf("<iq type='error' id='%s' from='%s' to='%s'><error type='cancel'>"+
		"<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", id[1], who, room[1]))
}

// silent says something to a room, and makes sure that nothing else came before it than pings.
func silent(t *testing.T, link *fakeserver.Stream, from int, to ...int) {
	t.Helper()
	link.Send(said(from, "cellar", "still here"))
	for _, i := range append(to, from) {
		link.Expect("still here", "to='"+person(i)+"'")
	}
	for _, unwanted := range []string{"<presence", "<error"} {
		if stanza, came := link.Wait(0, unwanted); came {
			t.Fatalf("it came: %s", stanza)
		}
	}
}

// A stop and a start are not noticed: everybody is still inside, is asked, and put out if gone.
func TestSuspend(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	store := []string{"-store", filepath.Join(place(t), "rooms.db")}
	c := serveAlone(t, server, store...)
	link := server.Next()
	c.joined(link, "cellar", 4)
	assert.Equal(t, statusStopped, c.end(), c.stderr.String())
	assert.True(t, link.Ended())
	_, told := link.Wait(0, "<")
	assert.False(t, told, "nobody is told anything")

	c = serveAlone(t, server, append(store, "-block", "person3@example.org")...)
	link = server.Next()
	link.Expect("to='"+person(3)+"'", "<status code='307'/>") // blocked since
	for i := range 3 {
		link.Expect("to='"+person(i)+"'", "/n3'", "type='unavailable'")
	}
	silent(t, link, 0, 1, 2)
	pinged(t, link, person(0), true)
	pinged(t, link, person(1), true)
	pinged(t, link, person(2), false)
	for i := range 2 {
		link.Expect("to='"+person(i)+"'", "/n2'", "type='unavailable'", "<status code='333'/>")
	}
	silent(t, link, 1, 0)
	assert.Equal(t, statusStopped, c.end(), c.stderr.String())
}

// A start that is too late puts everybody out, and so does a stop with a farewell.
func TestFarewell(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	store := []string{"-store", filepath.Join(place(t), "rooms.db")}
	c := serveAlone(t, server, store...)
	c.joined(server.Next(), "cellar", 1)
	c.end()
	time.Sleep(2 * time.Millisecond)
	c = serveAlone(t, server, append(store, "-suspended", "1ms", "-stop", "farewell")...)
	link := server.Next()
	link.Expect("to='"+person(0)+"'", "<status code='332'/>")
	c.joined(link, "garden", 1)
	c.end()
	link.Ended()
	link.Expect("from='garden@", "to='"+person(0)+"'", "<status code='332'/>")
}

// When the server in front comes back, all who were inside are asked, and who is gone is put
// out; somebody who has come back meanwhile has the nick of the ghost.
func TestGhostsOfTheServer(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, func(s *settings) { s.backoff = time.Millisecond })
	link := server.Next()
	c.joined(link, "cellar", 3)
	silent(t, link, 0, 1, 2)
	_, asked := link.Wait(0, "urn:xmpp:ping")
	assert.False(t, asked, "nobody is asked before")
	link.Cut()

	link = server.Next()
	const back = "person1@example.org/new"
	link.Send(fmt.Sprintf("<presence from='%s' to='cellar@%s/n1'><x xmlns='http://jabber.org/protocol/muc'/></presence>", back, testDomain))
	link.Expect("to='"+back+"'", "/n1'", "<status code='110'/>")
	pinged(t, link, person(0), true)
	pinged(t, link, person(1), false)
	pinged(t, link, person(2), false)
	link.Expect("to='"+person(0)+"'", "/n2'", "type='unavailable'")
	link.Expect("to='"+back+"'", "/n2'", "type='unavailable'")
	link.Send(said(0, "cellar", "who is there?"))
	link.Expect("who is there?", "to='"+back+"'")
	_, gone := link.Wait(0, "/n1'", "type='unavailable'", "to='"+person(0)+"'")
	assert.False(t, gone, "the nick is still somebody's")
	_, heard := link.Wait(0, "who is there?", "to='"+person(1)+"'")
	assert.False(t, heard, "the ghost is gone")
}

// What comes while the component stops is refused, so that its sender knows; who leaves is not
// answered.
func TestStopping(t *testing.T) {
	s := parseOK(t, environment(), "-domain", testDomain, "-secret", testSecret)
	c := &component{settings: s, log: slog.New(slog.DiscardHandler), metrics: newMetrics(), throttle: newThrottle()}
	c.now.Store(&s)
	c.link = xmppcomp.NewLink(c.linkConfig())
	store, err := sqlitestore.Open(t.Context(), filepath.Join(place(t), "rooms.db"), sqlitestore.Options{})
	require.NoError(t, err)
	defer store.Close()
	rooms, err := service.New(t.Context(), c.config(store))
	require.NoError(t, err)
	c.rooms.Store(rooms)
	require.NoError(t, rooms.Suspend(t.Context()))
	for i, stanza := range []string{said(0, "cellar", "lost?"), "<presence type='unavailable' from='a@b/c' to='cellar@" + testDomain + "/n'/>"} {
		doc := etree.NewDocument()
		require.NoError(t, doc.ReadFromString(stanza))
		c.handle(t.Context(), doc.Root(), len(stanza))
		_, waiting := c.link.Queue().Len()
		assert.Equal(t, 1, waiting, i)
	}
}
