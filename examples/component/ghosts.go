package main

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

const (
	nsPing    = "urn:xmpp:ping"
	nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

	// maxDoubts bounds how many sessions are asked at once.
	maxDoubts  = 1000
	doubtsTime = time.Minute
)

// ghosts finds out whether sessions are still there. A server answers a message to
// a client that is gone with service-unavailable (RFC 6121 §8.5.3.2.1), and says the
// same for a client that blocks its sender (XEP-0191 §3.5). So that alone puts nobody
// out; the client is pinged by the room, which nobody blocks who wants to be in it
// (XEP-0045 §18.1.2).
type ghosts struct {
	send     func(stanza []byte)
	vanished func(muc.JID)
	now      func() time.Time

	mu     sync.Mutex
	doubts map[string]doubt // by the id of the ping
}

type doubt struct {
	who   muc.JID
	since time.Time
}

// take looks at a stanza, and reports whether it was an answer to a ping and so is
// nobody else's.
func (g *ghosts) take(el *etree.Element) bool {
	kind := el.SelectAttrValue("type", "")
	if el.Tag == "iq" && (kind == "result" || kind == "error") {
		return g.answered(el, kind == "error")
	}
	if el.Tag == "message" && kind == "error" && condition(el) == "service-unavailable" {
		g.ask(el)
	}
	return false
}

// ask pings the session that a message did not reach.
func (g *ghosts) ask(bounce *etree.Element) {
	who, err := muc.ParseJID(bounce.SelectAttrValue("from", ""))
	if err != nil || who.IsBare() {
		return
	}
	room, err := muc.ParseJID(bounce.SelectAttrValue("to", ""))
	if err != nil {
		return
	}
	id := rand.Text()
	if !g.add(id, who) {
		return
	}
	ping := etree.NewElement("iq")
	ping.CreateAttr("type", "get")
	ping.CreateAttr("id", id)
	ping.CreateAttr("from", room.Bare().String())
	ping.CreateAttr("to", who.String())
	ping.CreateElement("ping").CreateAttr("xmlns", nsPing)
	doc := etree.NewDocument()
	doc.SetRoot(ping)
	b, err := doc.WriteToBytes()
	if err == nil { // a buffer takes everything
		g.send(b)
	}
}

// add remembers a question, unless it is asked already, or too many are.
func (g *ghosts) add(id string, who muc.JID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	for id, d := range g.doubts {
		if now.Sub(d.since) > doubtsTime {
			delete(g.doubts, id)
		} else if d.who == who {
			return false
		}
	}
	if len(g.doubts) >= maxDoubts {
		return false
	}
	if g.doubts == nil {
		g.doubts = map[string]doubt{}
	}
	g.doubts[id] = doubt{who, now}
	return true
}

// answered takes the answer to a ping. A client that answers with an error of its
// own is there.
func (g *ghosts) answered(el *etree.Element, failed bool) bool {
	id := el.SelectAttrValue("id", "")
	g.mu.Lock()
	d, ok := g.doubts[id]
	from, err := muc.ParseJID(el.SelectAttrValue("from", ""))
	ok = ok && err == nil && from == d.who
	if ok {
		delete(g.doubts, id)
	}
	g.mu.Unlock()
	if !ok {
		return false
	}
	switch condition(el) {
	case "service-unavailable", "gone", "item-not-found", "recipient-unavailable", "redirect",
		"remote-server-not-found", "remote-server-timeout":
		if failed {
			g.vanished(d.who)
		}
	}
	return true
}

// condition is the name of the error that a stanza reports, empty for none.
func condition(el *etree.Element) string {
	for _, e := range el.SelectElements("error") {
		for _, c := range e.ChildElements() {
			if c.Tag != "text" && c.SelectAttrValue("xmlns", "") == nsStanzas {
				return c.Tag
			}
		}
	}
	return ""
}

// vanish tells the service of a session that is gone.
func (c *component) vanish(who muc.JID) {
	if err := c.service.Vanished(context.Background(), who); err != nil {
		c.log.Debug("a session that is gone", "who", who, "error", err)
	}
}
