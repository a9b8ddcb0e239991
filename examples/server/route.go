package main

import (
	"errors"
	"strconv"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// route passes a stanza on to whom it is for.
func (c *client) route(el *etree.Element) error {
	address := el.SelectAttrValue("to", "")
	to, err := muc.ParseJID(address)
	switch {
	case address == "", err == nil && to == c.account:
		return c.own(el)
	case err == nil && to.Domain() == c.server.roomsDomain:
		return unlessStopping(c.server.rooms.Handle(c.server.ctx, c.jid, el))
	case err != nil:
		c.refuse(el, malformedTo)
	case to.Domain() != c.server.domain:
		c.refuse(el, unknownHost)
	case to.IsDomain():
		c.ask(el, to)
	default:
		c.person(el, to)
	}
	return nil
}

// own handles what is for the server itself, or for the account of who sends it.
func (c *client) own(el *etree.Element) error {
	switch {
	case el.Tag == "iq":
		c.ask(el, muc.JID{})
	case el.Tag == "message":
		c.person(el, c.account)
	default:
		return c.presence(el)
	}
	return nil
}

// person passes a stanza on to somebody (RFC 6121 §8.5).
func (c *client) person(el *etree.Element, to muc.JID) {
	kind := el.SelectAttrValue("type", "")
	session := c.server.session(to)
	switch {
	case el.Tag == "presence":
		c.subscribe(el, to, kind)
	case session != nil:
		session.out.text(text(el))
	case el.Tag == "iq", kind == "groupchat":
		c.refuse(el, unavailable)
	case kind == "error":
	default:
		message := text(el)
		c.server.mu.RLock()
		defer c.server.mu.RUnlock()
		if !c.server.toAccount(to.Bare(), func(c *client) { c.out.text(message) }) && kind != "headline" {
			c.refuse(el, unavailable)
		}
	}
}

// toAccount sends something to all sessions of an account that take messages for it (RFC 6121
// §8.5.2), and reports whether there are any. The caller holds server.mu.
func (s *server) toAccount(who muc.JID, send func(*client)) (any bool) {
	for _, c := range s.people[who] {
		if c.present != "" && c.priority >= 0 {
			send(c)
			any = true
		}
	}
	return any
}

// contacts are who is on the roster of an account: all others. Guests know nobody.
func (s *server) contacts(of muc.JID) (list []muc.JID) {
	if !s.accounts.has(of) {
		return nil
	}
	for _, who := range s.accounts.jids {
		if who != of {
			list = append(list, who)
		}
	}
	return list
}

// subscribe answers a wish to be a contact: all accounts are contacts of each other, and
// nobody else is anybody's. Other presence between people is not passed on.
func (c *client) subscribe(el *etree.Element, to muc.JID, kind string) {
	if kind != "subscribe" {
		return
	}
	answer := reply(el, to.Bare(), "unsubscribed")
	if c.server.accounts.has(c.account) && c.server.accounts.has(to.Bare()) {
		answer.CreateAttr("type", "subscribed")
	}
	c.out.text(text(answer))
}

// presenceBytes bounds a presence, which is kept as long as it holds.
const presenceBytes = 8 << 10

// presence tells contacts that a client is there, or is not any more (RFC 6121 §4).
func (c *client) presence(el *etree.Element) error {
	switch el.SelectAttrValue("type", "") {
	case "":
		shown := text(el)
		if len(shown) > presenceBytes {
			c.refuse(el, tooLarge)
			return nil
		}
		priority := 0
		if p := childOf(el, nsClient, "priority"); p != nil {
			priority, _ = strconv.Atoi(p.Text())
		}
		c.server.show(c, shown, priority)
	case "unavailable":
		c.server.hide(c, text(el))
		return unlessStopping(c.server.rooms.Offline(c.server.ctx, c.jid, el))
	}
	return nil
}

// unlessStopping is an error of rooms, which while they stop have told everybody already.
func unlessStopping(err error) error {
	if errors.Is(err, service.ErrClosed) {
		return nil
	}
	return err
}

// show tells contacts of a presence, and a client that has just come of theirs.
func (s *server) show(c *client, presence string, priority int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	came := c.present == ""
	c.present, c.priority = presence, priority
	for other := range s.audience(c) {
		other.out.text(presence)
		if came && other != c {
			c.out.text(other.present)
		}
	}
}

// hide tells contacts that a client is not there any more, if it was.
func (s *server) hide(c *client, presence string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.present == "" {
		return
	}
	for other := range s.audience(c) {
		other.out.text(presence)
	}
	c.present = ""
}

// audience are the clients that see the presence of one, itself among them.
func (s *server) audience(of *client) func(yield func(*client) bool) {
	return func(yield func(*client) bool) {
		for _, who := range append(s.contacts(of.account), of.account) {
			for _, other := range s.people[who] {
				if other.present != "" && !yield(other) {
					return
				}
			}
		}
	}
}
