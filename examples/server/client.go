package main

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/beevik/etree"
	"golang.org/x/time/rate"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// client is one connection, and the session that it has when it is logged in.
type client struct {
	server  *server
	wire    wire
	out     outbox
	local   bool    // it comes from this machine
	account muc.JID // who has logged in, a bare JID
	jid     muc.JID // the session

	traffic *rate.Limiter // of bytes that are read
	counts  bool          // stanzas are counted (XEP-0198)
	handled uint32        // so many were

	// passing is held while a stanza is handled, so that nothing is done in the name of a
	// session that is over.
	passing sync.Mutex
	over    bool

	// Of these server.mu is the guard.
	present  string // the presence that others see, "" for none
	priority int
}

// burst is how many seconds' traffic a client may send at once.
const burst = 8

// serve serves a client from its first byte to its last.
func (c *client) serve() {
	defer c.wire.abort()
	err := c.server.waiting(c.login)
	if err == nil {
		c.traffic = rate.NewLimiter(rate.Limit(c.server.bounds.traffic), burst*c.server.bounds.traffic)
		err = c.read()
	}
	if failed := c.out.failed(); failed != nil {
		err = failed // for that reason nothing could be read any more
	}
	if err == errSlow {
		c.server.metrics.slow.Inc()
	}
	c.server.log.Debug("a connection ends", "jid", c.jid, "reason", err)
	c.server.leave(c, errors.Is(err, errClosed))
	var said streamError
	switch {
	case errors.As(err, &said):
		c.out.finish(said.xml(), c.wire.closing())
	case errors.Is(err, errClosed):
		c.out.finish(c.wire.closing())
	default:
		c.out.finish()
		c.wire.abort() // there is nobody to read more
	}
	c.out.wait()
	c.wire.linger()
}

// read handles what a client sends, until its stream ends.
func (c *client) read() error {
	for {
		el, size, err := c.wire.next()
		var large *stanza.TooLargeError
		switch {
		case errors.As(err, &large) && large.Head != nil:
			el = large.Head
		case err != nil:
			return err
		}
		if err := c.traffic.WaitN(context.Background(), min(size, c.traffic.Burst())); err != nil {
			return err
		}
		if err := c.pass(el, large != nil); err != nil {
			return err
		}
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
		return c.acknowledge(el)
	case space != nsClient:
		return streamError("invalid-namespace")
	case el.Tag != "message" && el.Tag != "presence" && el.Tag != "iq":
		return streamError("unsupported-stanza-type")
	}
	el.CreateAttr("from", c.jid.String()) // whatever the client wrote there
	c.handled++
	c.server.metrics.received.Inc()
	if large {
		c.refuse(el, tooLarge)
		return nil
	}
	return c.route(el)
}

const nsAcks = "urn:xmpp:sm:3"

// acknowledge counts stanzas for a client that wants to know what has arrived (XEP-0198).
// A session is not kept for a client that loses its connection.
func (c *client) acknowledge(el *etree.Element) error {
	switch el.Tag {
	case "enable":
		c.counts, c.handled = true, 0
		c.out.text("<enabled xmlns='" + nsAcks + "'/>")
	case "r":
		c.out.text("<a xmlns='" + nsAcks + "' h='" + strconv.FormatUint(uint64(c.handled), 10) + "'/>")
	case "a":
	default:
		c.out.text("<failed xmlns='" + nsAcks + "'><unexpected-request xmlns='" + nsStanzas + "'/></failed>")
	}
	return nil
}

// refuse answers a stanza with an error, unless it is one that must not be answered.
func (c *client) refuse(el *etree.Element, e *stanza.Error) {
	if answer := e.Reply(el); answer != nil {
		answer.CreateAttr("xmlns", nsClient)
		c.out.text(text(answer))
	}
}
