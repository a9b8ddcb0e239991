package proptest

import (
	"slices"
	"strings"
)

// client is a reference client: what one session believes, from nothing but the
// stanzas that it received.
type client struct {
	inside bool
	nick   string
	roster map[string]seen
	// subject is what the room is about and who said so.
	subject, subjectBy string
	// visit counts how often it entered.
	visit int
}

// seen is what a client knows of an occupant.
type seen struct {
	role, affiliation string
	id                string // XEP-0421
	jid               string
	// says is what the occupant says of its availability.
	says string
	// hats are what the room says of it (XEP-0317).
	hats string
}

const (
	nsUser       = "http://jabber.org/protocol/muc#user"
	nsOccupantID = "urn:xmpp:occupant-id:0"
)

// nickIn is the nick in an address of the room, if there is one.
func nickIn(address string) (string, bool) {
	_, nick, found := strings.Cut(address, "/")
	return nick, found
}

// fold takes one stanza into account.
func (c *client) fold(el *element) {
	switch {
	case el.name == "message" && el.attr("type") == "groupchat":
		c.foldMessage(el)
	case el.name == "presence":
		c.foldPresence(el)
	}
}

// foldMessage knows a subject from a message that speaks of it (XEP-0045 §8.1).
func (c *client) foldMessage(el *element) {
	if s := el.child("", "subject"); s != nil && el.child("", "body") == nil && el.child("", "thread") == nil {
		c.subject = s.text
		c.subjectBy, _ = nickIn(el.attr("from"))
	}
}

func (c *client) foldPresence(el *element) {
	nick, ofOccupant := nickIn(el.attr("from"))
	x := el.child(nsUser, "x")
	if !ofOccupant || x == nil {
		return
	}
	item := x.child("", "item")
	if item == nil {
		return
	}
	codes := codesOf(x)
	self := slices.Contains(codes, "110")
	if c.roster == nil {
		c.roster = map[string]seen{}
	}
	switch el.attr("type") {
	case "":
		c.roster[nick] = seen{role: item.attr("role"), affiliation: item.attr("affiliation"), jid: item.attr("jid"),
			id: occupantID(el), says: saying(el), hats: hatsIn(el)}
		if self {
			if !c.inside {
				c.visit++
			}
			c.inside, c.nick = true, nick
		}
	case "unavailable":
		delete(c.roster, nick)
		switch {
		case self && slices.Contains(codes, "303"):
			c.nick = item.attr("nick")
		case self:
			*c = client{visit: c.visit}
		}
	}
}

func codesOf(x *element) []string {
	var codes []string
	for _, k := range x.kids {
		if k.name == "status" {
			codes = append(codes, k.attr("code"))
		}
	}
	return codes
}

func occupantID(el *element) string {
	if c := el.child(nsOccupantID, "occupant-id"); c != nil {
		return c.attr("id")
	}
	return ""
}

// saying is what stands in a presence beside what the room says.
func saying(el *element) string {
	var b strings.Builder
	for _, k := range el.kids {
		if k.ns != nsUser && k.ns != nsOccupantID && k.ns != nsHats {
			b.WriteString(k.name + " " + k.ns + " " + k.text + ";")
		}
	}
	return b.String()
}
