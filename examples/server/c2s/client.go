package c2s

import (
	"cmp"
	"errors"
	"fmt"
	"sync"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// client is one connection, and the session that it has when it is logged in.
type client struct {
	session
	server  *Server
	stream  *stream
	out     *outbox
	account muc.JID // who has logged in, a bare JID
	handled uint32  // stanzas, since they are counted (XEP-0198)
	cost    int     // of what is handled, as traffic

	// passing is held while a stanza is handled, so that nothing is done in the name of a
	// session that is over.
	passing sync.Mutex
	over    bool
}

// talk is what a client and the server say to each other, until it is all said.
func (c *client) talk() {
	err := c.login()
	if err == nil {
		err = c.read()
	}
	c.server.leave(c, errors.Is(err, errClosed))
	var said streamError
	switch {
	case errors.As(err, &said):
		c.out.end(said.xml(), c.stream.closing())
	case errors.Is(err, errClosed):
		c.out.end(c.stream.closing())
	default:
		c.out.end()
		c.stream.abort() // there is nobody to read more
	}
	failed := c.out.wait()
	if failed == errSlow {
		c.server.slow.Add(1)
	}
	c.server.Log.Debug("a connection has ended", "jid", c.JID, "reason", cmp.Or(failed, err))
	c.stream.linger()
}

// read handles what a client sends, until its stream ends.
func (c *client) read() error {
	for {
		el, size, err := c.stream.next()
		var large *stanza.TooLargeError
		switch {
		case errors.As(err, &large) && large.Head != nil:
			el = large.Head
		case err != nil:
			return err
		}
		c.cost = leastCost
		if err := c.pass(el, large != nil); err != nil {
			return err
		}
		c.stream.traffic.costs(c.cost - size) // its bytes were counted when they came
	}
}

// pass handles one element, unless the session is over.
func (c *client) pass(el *etree.Element, large bool) error {
	c.passing.Lock()
	defer c.passing.Unlock()
	switch space := el.NamespaceURI(); {
	case c.over:
		return nil
	case space == nsAcks:
		c.acknowledge(el.Tag)
		return nil
	case space != nsClient:
		return streamError("invalid-namespace")
	case el.Tag != "message" && el.Tag != "presence" && el.Tag != "iq":
		return streamError("unsupported-stanza-type")
	}
	el.CreateAttr("from", c.JID.String()) // whatever the client wrote there
	c.handled++
	c.server.received.Add(1)
	if large {
		c.refuse(el, tooLarge)
		return nil
	}
	return c.route(el)
}

// acknowledge counts stanzas for a client that wants to know what has arrived (XEP-0198).
// A session is not kept for a client that loses its connection.
func (c *client) acknowledge(tag string) {
	switch tag {
	case "enable":
		c.handled = 0
		c.out.text("<enabled xmlns='" + nsAcks + "'/>")
	case "r":
		c.out.text(fmt.Sprintf("<a xmlns='%s' h='%d'/>", nsAcks, c.handled))
	case "a":
	case "resume":
		c.out.text("<failed xmlns='" + nsAcks + "'><item-not-found xmlns='" + nsStanzas + "'/></failed>")
	default:
		c.out.text("<failed xmlns='" + nsAcks + "'><unexpected-request xmlns='" + nsStanzas + "'/></failed>")
	}
}

// refuse answers a stanza with an error, unless it is one that must not be answered.
func (c *client) refuse(el *etree.Element, e *stanza.Error) {
	if answer := e.Reply(el); answer != nil {
		answer.CreateAttr("xmlns", nsClient)
		c.out.text(text(answer))
	}
}
