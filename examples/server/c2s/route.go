package c2s

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

const (
	nsRoster = "jabber:iq:roster"
	nsInfo   = "http://jabber.org/protocol/disco#info"
	nsItems  = "http://jabber.org/protocol/disco#items"
	nsPing   = "urn:xmpp:ping"
)

// What is refused.
var (
	badRequest  = &stanza.Error{Condition: stanza.BadRequest}
	malformedTo = &stanza.Error{Condition: stanza.JIDMalformed}
	unavailable = &stanza.Error{Condition: stanza.ServiceUnavailable}
	unknownHost = &stanza.Error{Condition: stanza.RemoteServerNotFound, Text: "This server speaks to no others."}
	tooLarge    = &stanza.Error{Condition: stanza.PolicyViolation, Text: "The stanza is too large."}
	tooMany     = &stanza.Error{Condition: stanza.ResourceConstraint, Text: "Too many clients of this account are connected."}
	fixedRoster = &stanza.Error{Condition: stanza.NotAllowed, Text: "All accounts of this server are contacts already, and there are no others."}
)

// route passes a stanza on to whom it is for.
func (c *client) route(el *etree.Element) error {
	address := el.SelectAttrValue("to", "")
	// What stands behind the slash is for a service to judge, as rooms do with nicks.
	bare, _, _ := strings.Cut(address, "/")
	to, err := muc.ParseJID(bare)
	if err == nil && c.server.services[to.Domain()] == nil {
		to, err = muc.ParseJID(address)
	}
	own := address == "" || to == c.account
	switch {
	case err != nil && address != "":
		c.refuse(el, malformedTo)
	case own && el.Tag == "presence":
		return c.presence(el)
	case own && el.Tag == "iq":
		c.ask(el, muc.JID{})
	case own:
		c.person(el, c.account)
	case c.server.services[to.Domain()] != nil:
		return unlessStopping(c.server.services[to.Domain()].Handle(context.Background(), c.JID, el))
	case to.Domain() != c.server.Domain:
		c.refuse(el, unknownHost)
	case to.IsDomain():
		c.ask(el, to)
	default:
		c.person(el, to)
	}
	return nil
}

// person passes a stanza on to somebody (RFC 6121 §8.5). All accounts are contacts of each other,
// and nobody else is anybody's; other presence between people is not passed on.
func (c *client) person(el *etree.Element, to muc.JID) {
	s, kind := c.server, el.SelectAttrValue("type", "")
	if el.Tag == "presence" {
		if kind == "subscribe" {
			answer := map[bool]string{true: "subscribed", false: "unsubscribed"}[s.Accounts.Has(c.account) && s.Accounts.Has(to.Bare())]
			c.out.text(text(reply(el, to.Bare(), answer)))
		}
		return
	}
	said := text(el)
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch of := s.sessions[to]; {
	case of != nil:
		s.send(of, said)
	case el.Tag == "message" && kind == "error":
	case el.Tag == "iq" || kind == "groupchat" || !to.IsBare() && kind != "chat", !s.toAccount(to.Bare(), said, false) && kind != "headline":
		c.refuse(el, unavailable)
	}
}

// contacts are who is on the roster of an account: all others. Guests know nobody.
func (s *Server) contacts(of muc.JID) []muc.JID {
	if !s.Accounts.Has(of) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Accounts.jids), func(who muc.JID) bool { return who == of })
}

// presenceBytes bounds a presence, which all contacts get, and which is kept as long as it holds.
const presenceBytes = 8 << 10

// presence tells contacts that a client is there, or is not any more (RFC 6121 §4).
func (c *client) presence(el *etree.Element) error {
	s, kind, shown := c.server, el.SelectAttrValue("type", ""), text(el)
	switch {
	case kind != "" && kind != "unavailable":
		return nil
	case len(shown) > presenceBytes && kind == "":
		c.refuse(el, tooLarge)
		return nil
	case len(shown) > presenceBytes:
		shown = gone(c.JID)
	}
	c.cost = contactsCost
	priority := 0
	if p := childOf(el, nsClient, "priority"); p != nil {
		priority, _ = strconv.Atoi(p.Text())
	}
	s.mu.Lock()
	s.show(&c.session, shown, kind == "", priority)
	s.mu.Unlock()
	if kind == "" {
		return nil
	}
	return s.offline(c.JID, true, el)
}

// ask answers a request to the server, or to the account of who asks if to is zero.
func (c *client) ask(el *etree.Element, to muc.JID) {
	kind := el.SelectAttrValue("type", "")
	payloads := el.ChildElements()
	switch {
	case el.Tag == "message":
		c.refuse(el, unavailable)
		return
	case el.Tag != "iq" || kind == "result" || kind == "error":
		return
	case len(payloads) != 1 || kind != "get" && kind != "set" || el.SelectAttrValue("id", "") == "":
		c.refuse(el, badRequest)
		return
	}
	answer := etree.NewElement("query")
	answer.CreateAttr("xmlns", payloads[0].NamespaceURI())
	whole := payloads[0].SelectAttr("node") == nil
	switch space := payloads[0].NamespaceURI(); {
	case space == nsPing && kind == "get", space == nsSession && kind == "set":
		answer = nil
	case space == nsRoster && kind == "get" && to.IsZero():
		c.cost = contactsCost
		for _, who := range c.server.contacts(c.account) {
			item(answer, "item", "jid", who.String(), "name", who.PlainLocal(), "subscription", "both")
		}
	case space == nsRoster && kind == "set" && to.IsZero():
		c.refuse(el, fixedRoster)
		return
	case space == nsInfo && kind == "get" && whole:
		identity := []string{"category", "server", "type", "im", "name", "muc server"}
		if to.IsZero() {
			identity = []string{"category", "account", "type", map[bool]string{true: "anonymous", false: "registered"}[IsGuest(c.account)]}
		}
		item(answer, "identity", identity...)
		for _, space := range []string{nsInfo, nsItems, nsPing} {
			item(answer, "feature", "var", space)
		}
	case space == nsItems && kind == "get" && whole:
		for _, domain := range slices.Sorted(maps.Keys(c.server.services)) {
			if !to.IsZero() {
				item(answer, "item", "jid", domain)
			}
		}
	default:
		c.refuse(el, unavailable)
		return
	}
	c.out.text(result(el, to, answer))
}
