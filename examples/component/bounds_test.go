package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/fakeserver"
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
// all rooms: lists come in pages, and what people send is passed on only if it fits.
func TestNoStanzaIsTooLargeForTheServer(t *testing.T) {
	const most = 65536
	server := fakeserver.New(t, testDomain, testSecret)
	server.MaxStanza = most
	c := serveHere(t, server, nil, "-max-stanza", strconv.Itoa(most), "-rate-bytes", "0")
	link := server.Next()
	const rooms = 180 // with less than 200 bytes each, a page by their number
	for i := range rooms {
		c.lasting(link, person(i), fmt.Sprint("room", i), strings.Repeat("&amp;", 250))
	}
	listed, last := 0, ""
	for page := 1; listed < rooms; page++ {
		id := fmt.Sprint("list", page)
		link.Send(fmt.Sprintf("<iq type='get' id='%s' from='stranger@example.net/o' to='%s'><query xmlns='http://jabber.org/protocol/disco#items'>"+
			"<set xmlns='http://jabber.org/protocol/rsm'>%s</set></query></iq>", id, testDomain, last))
		answer := link.Expect("id='"+id+"'", "to='stranger@example.net/o'")
		require.Contains(t, answer, "type='result'")
		require.NotZero(t, strings.Count(answer, "<item "))
		assert.Less(t, len(answer), most/2)
		listed += strings.Count(answer, "<item ")
		_, after, _ := strings.Cut(answer, "<last>")
		after, _, _ = strings.Cut(after, "</last>")
		last = "<after>" + after + "</after>"
		require.Less(t, page, rooms/5)
	}
	assert.Equal(t, rooms, listed)

	large := func(id string, bytes int) string {
		return fmt.Sprintf("<message type='groupchat' id='%s' from='%s' to='room1@%s'><x xmlns='urn:x'>%s</x></message>", id, person(1), testDomain, strings.Repeat("x", bytes))
	}
	link.Send(large("fits", most-9000))
	assert.Contains(t, link.Expect("id='fits'", "to='"+person(1)+"'"), "type='groupchat'")
	for id, bytes := range map[string]int{"beyond the room": most - 8000, "beyond the reader": most} {
		link.Send(large(id, bytes))
		answer := link.Expect("id='"+id+"'", "to='"+person(1)+"'")
		assert.Contains(t, answer, "type='error'", id)
		assert.Contains(t, answer, "<policy-violation ", id)
	}
	c.answers(link)
	_, _, largest := link.Counts()
	assert.LessOrEqual(t, largest, most)
	assert.Greater(t, largest, most-9000)
	assert.EqualValues(t, 0, c.metric(`muc_stanzas_dropped_total{reason="too large"}`))
	assert.EqualValues(t, 1, c.metric("muc_streams_total"))
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

// Who asks for what is much larger than the question may ask less often.
func TestQuestionsCountForTheirAnswers(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, nil, "-rate-bytes", "40960/24h") // ten questions, and nothing after them today
	link := server.Next()
	const asks, cheap = 30, "<query xmlns='http://jabber.org/protocol/disco#info'/>"
	for k, question := range []string{"<query xmlns='http://jabber.org/protocol/disco#items'/>", "<query xmlns='urn:xmpp:mam:2'/>", "<query xmlns='http://jabber.org/protocol/muc#admin'/>", cheap} {
		link.Flood(asks, func(i int) string {
			return fmt.Sprintf("<iq type='get' id='q%d-%d' from='%s' to='%s'>%s</iq>", k, i, person(k), testDomain, question)
		})
		refused := 0
		for i := range asks {
			if strings.Contains(link.Expect(fmt.Sprintf("id='q%d-%d'", k, i)), "policy-violation") {
				refused++
			}
		}
		if question == cheap {
			assert.Zero(t, refused, question)
		} else {
			assert.Equal(t, asks-10, refused, question)
		}
	}
	link.Flood(asks, func(i int) string { return enter(person(10), fmt.Sprint("room", i)) })
	c.becomes("muc_rooms", func(v float64) bool { return v == 10 })
	c.answers(link)
	assert.EqualValues(t, 10, c.metric("muc_rooms"))
}
