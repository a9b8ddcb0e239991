package main

import (
	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

const (
	nsRoster = "jabber:iq:roster"
	nsInfo   = "http://jabber.org/protocol/disco#info"
	nsItems  = "http://jabber.org/protocol/disco#items"
	nsPing   = "urn:xmpp:ping"
)

// ask answers a request to the server, or to the account of who asks if to is zero.
func (c *client) ask(el *etree.Element, to muc.JID) {
	kind := el.SelectAttrValue("type", "")
	if el.Tag != "iq" || kind == "result" || kind == "error" {
		if el.Tag == "message" {
			c.refuse(el, unavailable)
		}
		return
	}
	payloads := el.ChildElements()
	if len(payloads) != 1 || kind != "get" && kind != "set" || el.SelectAttrValue("id", "") == "" {
		c.refuse(el, badRequest)
		return
	}
	payload, space := payloads[0], payloads[0].NamespaceURI()
	var answer *etree.Element
	switch {
	case space == nsPing && kind == "get", space == nsSession && kind == "set":
	case space == nsRoster && kind == "get" && to.IsZero():
		answer = c.roster()
	case space == nsRoster && kind == "set" && to.IsZero():
		c.refuse(el, fixedRoster)
		return
	case space == nsInfo && kind == "get" && payload.SelectAttr("node") == nil:
		answer = c.info(to)
	case space == nsItems && kind == "get" && payload.SelectAttr("node") == nil:
		answer = newElement(nsItems, "query")
		if !to.IsZero() {
			answer.CreateElement("item").CreateAttr("jid", c.server.roomsDomain)
		}
	default:
		c.refuse(el, unavailable)
		return
	}
	c.out.text(result(el, to, answer))
}

func newElement(space, tag string) *etree.Element {
	el := etree.NewElement(tag)
	el.CreateAttr("xmlns", space)
	return el
}

// roster is who an account may talk to (RFC 6121 §2): all others of the server.
func (c *client) roster() *etree.Element {
	list := newElement(nsRoster, "query")
	for _, who := range c.server.contacts(c.account) {
		item := list.CreateElement("item")
		item.CreateAttr("jid", who.String())
		item.CreateAttr("name", who.PlainLocal())
		item.CreateAttr("subscription", "both")
	}
	return list
}

// info is what the server is, or an account (XEP-0030).
func (c *client) info(of muc.JID) *etree.Element {
	answer := newElement(nsInfo, "query")
	identity := answer.CreateElement("identity")
	if of.IsZero() {
		identity.CreateAttr("category", "account")
		identity.CreateAttr("type", map[bool]string{true: "anonymous", false: "registered"}[isGuest(c.account)])
	} else {
		identity.CreateAttr("category", "server")
		identity.CreateAttr("type", "im")
		identity.CreateAttr("name", "muc server")
	}
	for _, space := range []string{nsInfo, nsItems, nsPing} {
		answer.CreateElement("feature").CreateAttr("var", space)
	}
	return answer
}
