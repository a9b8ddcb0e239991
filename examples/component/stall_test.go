package main

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc/examples/component/fakeserver"
)

// stall is how long the server does not read in TestMemoryWhileServerReadsNothing after
// the flood: a minute shows more, and takes a minute.
var stall = flag.Duration("stall", 0, "how long the fake server reads nothing after a flood")

// A stream that ends while the queue is full, and while the component is answering
// something itself, is followed by a new one: each of a hundred times.
func TestStreamEndsWhileQueueIsFull(t *testing.T) {
	const people, queue = 60, 256 << 10
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, func(s *settings) { s.backoff, s.held = time.Millisecond, time.Nanosecond },
		"-rate-bytes", "0", "-rate-messages", "0", "-send-queue", fmt.Sprint(queue))
	link := server.Next()
	c.joined(link, "cellar", people)
	body := strings.Repeat("x", 4000)
	for round := range 100 {
		server.StopReading()
		flood := func(i int) string {
			switch i % 4 {
			case 0:
				return said(i%people, "cellar", body)
			case 1: // the domain answers
				return ping(fmt.Sprint("flood", i), person(i))
			case 2: // it refuses
				return fmt.Sprintf("<message from='%s' to='%s'><body>a</body></message>", person(i), testDomain)
			default: // it asks whether somebody is still there
				return fmt.Sprintf("<message type='error' from='%s' to='cellar@%s/n1'><error type='cancel'>"+
					"<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", person(i%people), testDomain)
			}
		}
		// As much as the system takes, and then more than the queue does.
		for full := false; !full; full = c.metric("muc_send_queue_bytes") >= queue {
			link.Flood(40, flood)
		}
		link.Cut()
		server.StartReading()
		link = server.Next()
		id := fmt.Sprint("round", round)
		link.Send(ping(id, person(0)))
		link.Expect("id='"+id+"'", "type='result'")
	}
	assert.EqualValues(t, 101, c.metric("muc_streams_total"))
	c.becomes("muc_connected", func(v float64) bool { return v == 1 })
}

const floodPeople, floodRooms = 60, 5

// floods are what people send while the server reads nothing; i counts the stanzas.
var floods = []struct {
	name      string
	megabytes int
	inside    int // people in each room
	archived  int // messages of 15 KB that were said in each room before
	stanza    func(i int) string
}{
	{"messages", 100, floodPeople, 0, func(i int) string {
		return said(i%floodPeople, fmt.Sprint("room", i%floodRooms), strings.Repeat("x", []int{15000, 1, 2000}[i%3]))
	}},
	{"elements", 10, floodPeople, 0, func(i int) string { // in memory they take much more than on the wire
		return strings.Replace(said(i%floodPeople, fmt.Sprint("room", i%floodRooms), "a"), "</message>",
			"<x xmlns='urn:example:x'>"+strings.Repeat("<a b='' c='' d='' e=''/>", 900)+"</x></message>", 1)
	}},
	{"questions", 20, 2, 0, func(i int) string {
		if i%2 == 0 {
			return ping(fmt.Sprint("flood", i), person(i%10000))
		}
		return fmt.Sprintf("<iq type='get' id='flood%d' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
			i, person(i%100), testDomain)
	}},
	{"presence", 40, floodPeople, 0, func(i int) string {
		return fmt.Sprintf("<presence from='%s' to='room%d@%s/n%d'><show>away</show><status>%d%s</status></presence>",
			person(i%floodPeople), i%floodRooms, testDomain, i%floodPeople, i, strings.Repeat("z", 500))
	}},
	{"archive", 2, 1, 100, func(i int) string {
		return fmt.Sprintf("<iq type='set' id='flood%d' from='%s' to='room%d@%s'><query xmlns='urn:xmpp:mam:2'/></iq>",
			i, person(i/floodRooms%floodPeople), i%floodRooms, testDomain)
	}},
}

// While the server reads nothing, what people send takes a bounded amount of memory, and
// when it reads again everything works.
func TestMemoryWhileServerReadsNothing(t *testing.T) {
	for _, f := range floods {
		t.Run(f.name, func(t *testing.T) {
			server := fakeserver.New(t, testDomain, testSecret)
			c := serveAlone(t, server, "-rate-bytes", "0", "-rate-messages", "0", "-rate-presence", "0")
			link := server.Next()
			for i := range floodRooms {
				room := fmt.Sprint("room", i)
				c.joined(link, room, f.inside)
				for k := range f.archived {
					link.Send(said(0, room, fmt.Sprint(k, strings.Repeat(".", 15000))))
					link.Expect(fmt.Sprint("<body>", k, "."), "from='"+room+"@")
				}
			}
			c.joined(link, "quiet", 2)
			server.StopReading()
			before, bytes, stanzas := c.metric("muc_stanzas_received_total"), 0, 0
			for ; bytes < f.megabytes<<20; stanzas += 100 {
				link.Flood(100, func(k int) string {
					stanza := f.stanza(stanzas + k)
					bytes += len(stanza)
					return stanza
				})
			}
			c.becomes("muc_stanzas_received_total", func(v float64) bool { return v >= before+float64(stanzas) })
			time.Sleep(*stall)
			c.becomes("muc_connected", func(v float64) bool { return v == 1 })
			start := time.Now()
			server.StartReading()
			c.answers(link)
			pinged := time.Since(start)
			link.Send(said(0, "quiet", "still here"))
			link.Expect("still here", "to='"+person(1)+"'")
			heard, most := time.Since(start), c.peakMemory()>>20
			t.Logf("%d MiB in %d stanzas sent, peak of the memory %d MiB; the server reads again: ping after %v, a message in another room after %v",
				bytes>>20, stanzas, most, pinged, heard)
			assert.Less(t, most, 200, "MiB")
			assert.EqualValues(t, 1, c.metric("muc_streams_total"), "it is still the first stream")
		})
	}
}

// A stop does not wait for a server that reads nothing longer than it may.
func TestStopWhileServerReadsNothing(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveAlone(t, server, "-rate-bytes", "0", "-rate-messages", "0", "-drain", "100ms", "-send-queue", "65536")
	link := server.Next()
	c.joined(link, "cellar", 60)
	server.StopReading()
	for full := false; !full; full = c.metric("muc_send_queue_bytes") >= 65536 {
		link.Flood(60, func(i int) string { return said(i, "cellar", strings.Repeat("x", 10000)) })
	}
	c.end() // which fails if it takes longer than Patience
}
