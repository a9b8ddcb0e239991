package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc/examples/component/internal/fakeserver"
)

// lasting makes a public room that stays, with a name.
func (c *serving) lasting(link *fakeserver.Stream, who, room, name string) {
	c.t.Helper()
	link.Send(fmt.Sprintf("<presence from='%s' to='%s@%s/x'><x xmlns='http://jabber.org/protocol/muc'/></presence>", who, room, testDomain),
		fmt.Sprintf("<iq type='set' id='make-%s' from='%s' to='%s@%s'><query xmlns='http://jabber.org/protocol/muc#owner'>"+
			"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"+
			"<field var='muc#roomconfig_persistentroom'><value>1</value></field><field var='muc#roomconfig_publicroom'><value>1</value></field>"+
			"<field var='muc#roomconfig_roomname'><value>%s</value></field></x></query></iq>", room, who, room, testDomain, name))
	link.Expect("id='make-"+room+"'", "type='result'")
}

// No stanza leaves that is larger than the server takes, which would end the stream of
// all rooms: who asked gets an error, everybody else goes on.
func TestNoStanzaIsTooLargeForTheServer(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	server.MaxStanza = 10000
	c := serveHere(t, server, nil, "-max-stanza", "10000", "-rate-bytes", "0")
	link := server.Next()
	for i := range 60 {
		c.lasting(link, person(i), fmt.Sprint("room", i), strings.Repeat("n", 200))
	}
	for _, id := range []string{"list1", "list2"} {
		link.Send("<iq type='get' id='" + id + "' from='stranger@example.net/o' to='" + testDomain + "'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
		answer := link.Expect("id='"+id+"'", "to='stranger@example.net/o'")
		assert.Contains(t, answer, "type='error'")
		assert.Contains(t, answer, "<resource-constraint ")
	}
	link.Send(said(1, "room1", strings.Repeat("x", 12000)), said(1, "room1", "small"))
	link.Expect("small", "to='"+person(1)+"'")
	c.answers(link)
	_, _, largest := link.Counts()
	assert.LessOrEqual(t, largest, 10000)
	assert.EqualValues(t, 3, c.metric(`muc_stanzas_dropped_total{reason="too large"}`))
	assert.EqualValues(t, 1, c.metric("muc_streams_total"))
	assert.Contains(t, c.stderr.String(), `stanzas were dropped" reason="too large" last_to=stranger@example.net/o count=1`)
}

// One account that sends as fast as it can is held to the rates of the component as it is
// by default, also in a room of its own; what others say is heard meanwhile.
func TestFloodOfOneAccount(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, nil)
	link := server.Next()
	c.joined(link, "cellar", 3)
	body := strings.Repeat("x", 10000)
	start := time.Now()
	const messages = 2000
	link.Flood(messages, func(i int) string { return said(0, "cellar", body) }) // the owner: no rate of the room
	link.Flood(100, func(i int) string { return said(1, "cellar", "short") })   // anybody
	link.Send(said(2, "cellar", "heard"))
	link.Expect("heard", "to='"+person(2)+"'")
	c.becomes("muc_stanzas_waiting", func(v float64) bool { return v == 0 })
	took := time.Since(start)
	stanzas := map[string]int{}
	for {
		stanza, ok := link.Wait(0, "to='"+person(2)+"'", "<body>")
		if !ok {
			break
		}
		stanzas[stanza[strings.Index(stanza, "<body>"):][6:11]]++
	}
	// 1 MiB at once and 32 KiB in each second; 30 messages and 2 in each second.
	assert.LessOrEqual(t, stanzas["xxxxx"], int(1<<20+took.Seconds()*(32<<10))/10000)
	assert.LessOrEqual(t, stanzas["short"], 30+int(2*took.Seconds()))
	assert.Greater(t, stanzas["xxxxx"], 0)
	assert.Greater(t, stanzas["short"], 0)
	assert.Greater(t, c.metric(`muc_refusals_total{condition="policy-violation"}`), float64(messages/2))
}
