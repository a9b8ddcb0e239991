package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/component/fakeserver"
)

const rtblService = "rtbl.example.net"

func hashed(address string) string {
	h := sha256.Sum256([]byte(address))
	return hex.EncodeToString(h[:])
}

// items are items of a node with these addresses.
func items(addresses ...string) (xml string) {
	for _, a := range addresses {
		xml += "<item id='" + hashed(a) + "'><report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'/></item>"
	}
	return xml
}

var requestID = regexp.MustCompile(` id='([^']+)'`)

// answerList answers the next request to the list's service.
func answerList(link *fakeserver.Stream, typ, payload string, parts ...string) {
	id := requestID.FindStringSubmatch(link.Expect(append(parts, "<iq", "to='"+rtblService+"'", "from='"+testDomain+"'")...))[1]
	link.Send(fmt.Sprintf("<iq type='%s' id='%s' from='%s' to='%s'>%s</iq>", typ, id, rtblService, testDomain, payload))
}

// page is one page of a list of so many.
func page(count int, addresses ...string) string {
	last := hashed(addresses[len(addresses)-1])
	return "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='spam'>" + items(addresses...) + "</items>" +
		fmt.Sprintf("<set xmlns='http://jabber.org/protocol/rsm'><last>%s</last><count>%d</count></set></pubsub>", last, count)
}

// listEvent is what a service tells of a list.
func listEvent(from, payload string) string {
	return fmt.Sprintf("<message from='%s' to='%s' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'>%s</event></message>", from, testDomain, payload)
}

// refused has somebody try to enter, and reports whether that was refused.
func refused(link *fakeserver.Stream, who, nick string) bool {
	id := rand.Text()
	link.Send(fmt.Sprintf("<presence id='%s' from='%s' to='cellar@%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", id, who, testDomain, nick))
	answer := link.Expect("to='"+who+"'", "id='"+id+"'")
	return strings.Contains(answer, "<forbidden")
}

// A block list is subscribed to, read page by page, and followed: who is on it does not enter,
// and is put out. Only its service is believed. On a new stream it is read anew.
func TestBlockList(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveAlone(t, server, "-rtbl", rtblService+"/spam")
	link := server.Next()
	subscribe := link.Expect("<iq", "type='set'", "to='"+rtblService+"'", "from='"+testDomain+"'", "<subscribe node='spam' jid='"+testDomain+"'/>")
	c.joined(link, "cellar", 2) // in the meantime
	link.Send(fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><pubsub xmlns='http://jabber.org/protocol/pubsub'>"+
		"<subscription node='spam' subscription='subscribed'/></pubsub></iq>", requestID.FindStringSubmatch(subscribe)[1], rtblService, testDomain))
	answerList(link, "result", page(3, "person1@example.org", "bad.example"), "type='get'", "<items node='spam'/>", "<max>100</max>")
	answerList(link, "result", page(3, "spammer@example.org"), "type='get'", "<after>"+hashed("bad.example")+"</after>")

	link.Expect("to='"+person(1)+"'", "type='unavailable'", "<status code='307'/>")
	link.Expect("to='"+person(0)+"'", "type='unavailable'", "/n1'")
	assert.True(t, refused(link, "spammer@example.org/x", "a"))
	assert.True(t, refused(link, "anybody@bad.example/x", "b"))
	assert.False(t, refused(link, "friend@example.org/x", "c"))

	// What is published and retracted counts at once, from this service and of this node.
	friend := "<items node='spam'>" + items("friend@example.org") + "</items>"
	link.Send(listEvent("other.example", friend), listEvent(rtblService+"/x", friend), listEvent(rtblService, strings.Replace(friend, "spam'", "ham'", 1)),
		listEvent(rtblService, "<items node='spam'><item id='friend@example.org'/><item/></items>"))
	assert.False(t, refused(link, "friend@example.org/y", "c"))
	link.Send(listEvent(rtblService, friend))
	link.Expect("to='friend@example.org/x'", "type='unavailable'", "<status code='307'/>")
	link.Expect("to='friend@example.org/y'", "type='unavailable'", "<status code='307'/>")
	assert.True(t, refused(link, "friend@example.org/x", "c"))
	link.Send(listEvent(rtblService, "<items node='spam'><retract id='"+hashed("friend@example.org")+"'/></items>"))
	assert.False(t, refused(link, "friend@example.org/x", "c"))

	// Until it has been read on a new stream, what is known holds. Then what is gone from it is
	// not blocked any more. A service that has no pages sends all at once.
	link.Cut()
	link = server.Next()
	assert.True(t, refused(link, "spammer@example.org/x", "d"))
	answerList(link, "error", "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", "<subscribe")
	answerList(link, "result", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='spam'>"+items("anybody@bad.example")+"</items></pubsub>", "<items node='spam'/>")
	c.stderr.gets(t, "entries=1")
	assert.False(t, refused(link, "spammer@example.org/x", "d"))
	assert.True(t, refused(link, "anybody@bad.example/x", "e"))
	link.Send(listEvent(rtblService, "<purge node='spam'/>"))
	assert.False(t, refused(link, "anybody@bad.example/x", "e"))
	assert.Equal(t, statusStopped, c.end(), c.stderr.String())
}

// listening is a list whose requests go to requests.
func listening() (l *blockList, requests *[]string) {
	requests = new([]string)
	l = &blockList{blockNode: blockNode{rtblService, "spam"}, domain: testDomain, log: slog.New(slog.DiscardHandler), grown: func() {},
		send: func(_ string, stanza []byte) error { *requests = append(*requests, string(stanza)); return nil }}
	return l, requests
}

func take(t *testing.T, l *blockList, xml string) bool {
	t.Helper()
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(xml))
	return l.takes(doc.Root())
}

// What nobody asked for is no answer, nor is one from somebody else; it is left to the rooms.
func TestBlockListAnswers(t *testing.T) {
	l, requests := listening()
	l.connected(true)
	require.Len(t, *requests, 1)
	answer := func(id, from string) string {
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'/>", id, from, testDomain)
	}
	assert.False(t, take(t, l, answer("x", rtblService)))
	assert.False(t, take(t, l, answer(l.asked, "other.example")))
	assert.False(t, take(t, l, "<message from='"+rtblService+"' to='"+testDomain+"'><body>hello</body></message>"))
	assert.True(t, take(t, l, answer(l.asked, rtblService)))
	require.Len(t, *requests, 2)
	assert.False(t, take(t, l, answer("", rtblService)))

	// A list that cannot be read changes nothing. What is published while it is read counts.
	require.True(t, take(t, l, listEvent(rtblService, "<items node='spam'>"+items("a@example.org", "b@example.org")+"</items>")))
	assert.True(t, take(t, l, fmt.Sprintf("<iq type='error' id='%s' from='%s' to='%s'/>", l.asked, rtblService, testDomain)))
	assert.True(t, l.blocks(muc.MustParseJID("a@example.org/x")))
	l.subscribe()
	assert.True(t, take(t, l, answer(l.asked, rtblService)))
	paged := func(addresses ...string) {
		assert.True(t, take(t, l, fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'>%s</iq>", l.asked, rtblService, testDomain, page(3, addresses...))))
	}
	paged("a@example.org", "e@example.org")
	require.True(t, take(t, l, listEvent(rtblService, "<items node='spam'><retract id='"+hashed("a@example.org")+"'/>"+items("c@example.org")+"</items>")))
	other := "<items node='ham'>" + items("f@example.org") + "</items>"
	assert.False(t, take(t, l, listEvent(rtblService, other)))
	assert.False(t, take(t, l, listEvent("other.example", strings.Replace(other, "ham", "spam", 1))))
	paged("d@example.org")
	for name, on := range map[string]bool{"a": false, "b": false, "c": true, "d": true, "e": true, "f": false} {
		assert.Equal(t, on, l.blocks(muc.MustParseJID(name+"@example.org")), name)
	}
	l.connected(false)
	assert.True(t, l.blocks(muc.MustParseJID("d@example.org")))
}

// However long a list is, so much of it is followed; and a service that sends the same page
// again and again is not asked for ever.
func TestBlockListIsBounded(t *testing.T) {
	l, requests := listening()
	l.entries = map[hash]bool{}
	for i := range maxBlocked {
		l.entries[sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16)})] = true
	}
	require.Len(t, l.entries, maxBlocked)
	take(t, l, listEvent(rtblService, "<items node='spam'>"+items("more@example.org")+"</items>"))
	assert.Len(t, l.entries, maxBlocked)
	assert.False(t, l.blocks(muc.MustParseJID("more@example.org")))

	l.connected(true)
	for i := 0; l.asked != ""; i++ {
		require.Less(t, i, 5)
		take(t, l, fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'>%s</iq>", l.asked, rtblService, testDomain, page(1_000_000, "a@example.org")))
	}
	assert.Len(t, *requests, 3)
	l.connected(false)
}

// A list is named by its service and node.
func TestBlockListSetting(t *testing.T) {
	s := parseOK(t, environment(), "-domain", "rooms.example", "-secret", "x", "-rtbl", "rtbl.example.org/muc_bans_sha256,Me@Example.org/a/b")
	assert.Equal(t, []blockNode{{"rtbl.example.org", "muc_bans_sha256"}, {"me@example.org", "a/b"}}, s.rtbl)
	for _, wrong := range []string{"rtbl.example.org", "rtbl.example.org/", "/node", "@@/node"} {
		_, err := readBlockNode(wrong)
		assert.Error(t, err, wrong)
	}
}
