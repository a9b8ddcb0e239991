package proptest

import (
	"slices"

	"github.com/beevik/etree"
)

// client is a reference client: what one session believes, from nothing but the
// stanzas that it received.
type client struct {
	inside bool
	nick   string
	roster map[string]string
}

const nsUser = "http://jabber.org/protocol/muc#user"

// fold takes one stanza into account.
func (c *client) fold(el *etree.Element) {
	if el.Tag != "presence" {
		return
	}
	from := el.SelectAttrValue("from", "")
	if len(from) <= len(roomJID.String())+1 {
		return
	}
	nick := from[len(roomJID.String())+1:]
	x := child(el, nsUser, "x")
	if x == nil {
		return
	}
	var codes []string
	for _, s := range x.SelectElements("status") {
		codes = append(codes, s.SelectAttrValue("code", ""))
	}
	self := slices.Contains(codes, "110")
	item := x.SelectElement("item")
	if item == nil {
		return
	}
	if c.roster == nil {
		c.roster = map[string]string{}
	}
	switch el.SelectAttrValue("type", "") {
	case "":
		c.roster[nick] = item.SelectAttrValue("role", "") + " " + item.SelectAttrValue("affiliation", "")
		if self {
			c.inside, c.nick = true, nick
		}
	case "unavailable":
		delete(c.roster, nick)
		switch {
		case self && slices.Contains(codes, "303"):
			c.nick = item.SelectAttrValue("nick", "")
		case self:
			*c = client{}
		}
	}
}

// child finds a child element by its namespace and name. What the room writes
// has no prefixes.
func child(el *etree.Element, ns, name string) *etree.Element {
	for _, c := range el.ChildElements() {
		if c.Tag == name && c.SelectAttrValue("xmlns", "") == ns {
			return c
		}
	}
	return nil
}
