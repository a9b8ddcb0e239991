package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/fakeserver"
)

// What one account can do to a service, played through the server that the component is
// connected to. Floods that stop the server are in stall_test.go.

func enter(who, room string) string {
	local, _, _ := strings.Cut(who, "@")
	return fmt.Sprintf("<presence from='%s' to='%s@%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", who, room, testDomain, local)
}

// A line of the store that cannot be read, or is of another domain, is the misfortune of
// one room.
func TestOddLinesInTheStore(t *testing.T) {
	store := filepath.Join(place(t), "rooms.db")
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, nil, "-store", store)
	link := server.Next()
	rooms := []string{"alpha", "beta", "gamma", "delta"}
	for i, room := range rooms {
		c.lasting(link, person(i), room, "The room "+room)
	}
	require.Zero(t, c.end())

	db, err := sql.Open("sqlite", store)
	require.NoError(t, err)
	defer db.Close()
	for room, odd := range map[string]string{"alpha": "alph\x01@" + testDomain, "beta": "beta@elsewhere.example", "gamma": "Gamma@" + testDomain} {
		_, err = db.Exec("UPDATE room SET jid = ? WHERE jid = ?", odd, room+"@"+testDomain)
		require.NoError(t, err)
	}
	c = serveHere(t, server, nil, "-store", store)
	link = server.Next()
	link.Send(enter("stranger@example.net/o", "delta"))
	assert.NotContains(t, link.Expect("from='delta@"+testDomain, "to='stranger@example.net/o'", "code='110'"), "code='201'", "it is as it was")
	link.Send(enter("stranger@example.net/o", "alpha"))
	link.Expect("from='alpha@"+testDomain, "to='stranger@example.net/o'", "code='110'")
	c.answers(link)
}

// One account that enters as many rooms as it can takes them from nobody else.
func TestOneAccountInAllRooms(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, nil, "-rate-bytes", "0")
	link := server.Next()
	const tries = 5000
	link.Flood(tries, func(i int) string { return enter("mallory@example.org/o", fmt.Sprint("mine", i)) })
	c.becomes("muc_stanzas_waiting", func(v float64) bool { return v == 0 })
	c.becomes("muc_stanzas_received_total", func(v float64) bool { return v >= tries })
	link.Expect("to='mallory@example.org/o'", "<resource-constraint ")
	assert.LessOrEqual(t, c.metric("muc_occupants"), 100.0)
	for i := range 20 {
		link.Send(enter(person(i), fmt.Sprint("mine", tries+i)))
		link.Expect("to='"+person(i)+"'", "code='110'")
	}
}

// searches has five people ask for the archive of a room, fifty times in all, and waits
// until the component has read that.
func (c *serving) searches(link *fakeserver.Stream, room, query string) (asked int) {
	c.t.Helper()
	before := c.metric("muc_stanzas_received_total")
	link.Flood(50, func(i int) string {
		return fmt.Sprintf("<iq type='set' id='search%d' from='%s' to='%s@%s'><query xmlns='urn:xmpp:mam:2'>%s</query></iq>", i, person(10+i/10), room, testDomain, query)
	})
	c.becomes("muc_stanzas_received_total", func(v float64) bool { return v >= before+50 })
	return 50
}

// taken takes the stanzas that have come in which all these texts stand, and counts them.
func taken(link *fakeserver.Stream, parts ...string) (n int) {
	for {
		if _, ok := link.Wait(0, parts...); !ok {
			return n
		}
		n++
	}
}

// Who searches a large archive as often as may be keeps nobody out of rooms that must be
// loaded, and the component from no stop.
func TestSearchesHoldUpNobody(t *testing.T) {
	store := filepath.Join(place(t), "rooms.db")
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, nil, "-store", store)
	link := server.Next()
	c.lasting(link, person(0), "library", "The library")
	const others = 10
	for i := range others {
		c.lasting(link, person(0), fmt.Sprint("other", i), "Another room")
	}
	link.Send(said(0, "library", "hush"))
	link.Expect("hush", "from='library@")
	require.Zero(t, c.end())
	db, err := sql.Open("sqlite", store)
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO archive (room, seq, stanza_id, at, nick, jid, bare, body)
		WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 50000)
		SELECT room, 1000 + x, 's' || x, at, nick, jid, bare, body FROM archive, n`)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	c = serveHere(t, server, nil, "-store", store, "-rate-bytes", "0")
	link = server.Next()
	const count = "<set xmlns='http://jabber.org/protocol/rsm'><max>0</max></set>"
	asked := c.searches(link, "library", count)
	link.Flood(others, func(i int) string { return enter("stranger@example.net/o", fmt.Sprint("other", i)) })
	for range others {
		link.Expect("from='other", "to='stranger@example.net/o'", "code='110'")
	}
	before := taken(link, "id='search", "<count>")
	assert.Less(t, before, asked, "answers before ten rooms were loaded")
	if answer := link.Expect("id='search"); !strings.Contains(answer, "<error type='wait'") { // as on a slow machine
		assert.Contains(t, answer, "<count>50001</count>")
	}

	c.searches(link, "library", count)
	taken(link, "id='search", "<count>")
	require.Zero(t, c.end())
	assert.Less(t, taken(link, "id='search", "<count>"), asked, "answers before the component stopped")
}

// A room in which much is stored is not stored anew for every few changes: what is stored
// of them weighs as much as the room first.
func TestLargeRoomsAreRarelyStoredAnew(t *testing.T) {
	store := filepath.Join(place(t), "rooms.db")
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, nil, "-store", store, "-rate-bytes", "0", "-compact", "20")
	link := server.Next()
	c.lasting(link, person(0), "large", "The large room")
	set := func(id, items string) {
		link.Send(fmt.Sprintf("<iq type='set' id='%s' from='%s' to='large@%s'><query xmlns='http://jabber.org/protocol/muc#admin'>%s</query></iq>", id, person(0), testDomain, items))
		link.Expect("id='"+id+"'", "type='result'")
	}
	for i := range 50 {
		items := ""
		for k := range 100 {
			items += fmt.Sprintf("<item affiliation='outcast' jid='u%d-%d@example.org'><reason>%s</reason></item>", i, k, strings.Repeat("r", 200))
		}
		set(fmt.Sprint("many", i), items)
	}
	require.Zero(t, c.end()) // all of it becomes one snapshot
	c = serveHere(t, server, nil, "-store", store, "-rate-bytes", "0", "-compact", "20")
	link = server.Next()
	const changes = 150
	for i := range changes {
		set(fmt.Sprint("one", i), fmt.Sprintf("<item affiliation='%s' jid='u0-0@example.org'/>", []string{"none", "outcast"}[i%2]))
	}
	require.Zero(t, c.end())
	db, err := sql.Open("sqlite", store)
	require.NoError(t, err)
	defer db.Close()
	var events, snapshot, tail int
	require.NoError(t, db.QueryRow(`SELECT count(*), coalesce(sum(length(body)), 0) FROM event JOIN room ON room = id WHERE jid = ?`, "large@"+testDomain).Scan(&events, &tail))
	require.NoError(t, db.QueryRow(`SELECT length(body) FROM snapshot JOIN room ON room = id WHERE jid = ?`, "large@"+testDomain).Scan(&snapshot))
	assert.GreaterOrEqual(t, events, changes, "events of %d bytes since a snapshot of %d", tail, snapshot)
}

// A server whose parser takes what is no XML for Go passes it on. It is refused by itself:
// the stream, with all rooms on it, stays.
func TestWhatIsNoXML(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, nil)
	link := server.Next()
	for i, body := range []string{"<1a/>", "<x:y:z/>", "&nbsp;", "<a></b>", "\x01"} {
		link.Send(fmt.Sprintf("<message from='mallory@example.org/o' to='den@%s' type='groupchat' id='bad%d'>%s</message>", testDomain, i, body))
		link.Expect("type='error'", "to='mallory@example.org/o'", fmt.Sprintf("id='bad%d'", i), "policy-violation")
	}
	c.answers(link)
}
