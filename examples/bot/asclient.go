package main

import (
	"fmt"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// AsClient is the same bot as a client of whatever service there is: it has a session of its
// own, reads what the room sends to everybody, and asks for what it may not do itself. A
// library for XMPP clients calls Receives for each stanza, and Send is what it sends with.
type AsClient struct {
	bot  Bot
	room muc.JID
	jid  muc.JID
	send func(*etree.Element)
	sent int
	// distinct says that the room tells people apart, and takes out what pretends to be its
	// doing (XEP-0421): it has said so itself.
	distinct bool
}

const occupantID = "urn:xmpp:occupant-id:0"

// Enter enters the room, without what was said before, and asks what it can do.
func (c *AsClient) Enter() {
	ask := c.stanza("iq", "get", c.room.String())
	ask.CreateElement("query").CreateAttr("xmlns", "http://jabber.org/protocol/disco#info")
	c.send(ask)
	el := c.stanza("presence", "", c.room.String()+"/"+botNick)
	x := el.CreateElement("x")
	x.CreateAttr("xmlns", "http://jabber.org/protocol/muc")
	x.CreateElement("history").CreateAttr("maxstanzas", "0")
	c.send(el)
}

// Receives takes a stanza from the server.
func (c *AsClient) Receives(now time.Time, el *etree.Element) {
	if el.Tag == "iq" && el.SelectAttrValue("from", "") == c.room.String() {
		c.distinct = c.distinct || el.FindElement("query/feature[@var='"+occupantID+"']") != nil
	}
	if line, ok := c.lineOf(now, el); ok {
		c.acts(c.bot.Hears(line))
	}
}

// Tick does what is due.
func (c *AsClient) Tick(now time.Time) { c.acts(c.bot.Tick(now)) }

// lineOf is what lineOf of rules.go is for events. The bot's own messages come back, subjects
// are messages too, and who it is that speaks is known only if the room adds an id for that.
func (c *AsClient) lineOf(now time.Time, el *etree.Element) (l Line, ok bool) {
	from, err := muc.ParseJID(el.SelectAttrValue("from", ""))
	if err != nil || el.Tag != "message" || from.Bare() != c.room || from.Resource() == "" || from.Resource() == botNick {
		return l, false
	}
	typ, body := el.SelectAttrValue("type", ""), el.SelectElement("body")
	if typ != "groupchat" && typ != "chat" || body == nil || el.SelectElement("delay") != nil {
		return l, false
	}
	l = Line{At: now, Nick: from.Resource(), Person: from.Resource(), Text: body.Text(), Private: typ == "chat"}
	for _, id := range el.SelectElements("occupant-id") {
		if c.distinct && id.NamespaceURI() == occupantID {
			l.Person = id.SelectAttrValue("id", l.Person)
		}
	}
	return l, l.Text != ""
}

// acts asks for what the bot wants. Whether it was done comes back as a stanza, or not.
func (c *AsClient) acts(acts []Act) {
	for _, act := range acts {
		switch {
		case act.Kick:
			el := c.stanza("iq", "set", c.room.String())
			query := el.CreateElement("query")
			query.CreateAttr("xmlns", "http://jabber.org/protocol/muc#admin")
			item := query.CreateElement("item")
			item.CreateAttr("nick", act.To)
			item.CreateAttr("role", "none")
			item.CreateElement("reason").SetText(act.Text)
			c.send(el)
		case act.To != "":
			el := c.stanza("message", "chat", c.room.String()+"/"+act.To)
			el.CreateElement("body").SetText(act.Text)
			el.CreateElement("x").CreateAttr("xmlns", "http://jabber.org/protocol/muc#user")
			c.send(el)
		default:
			el := c.stanza("message", "groupchat", c.room.String())
			el.CreateElement("body").SetText(act.Text)
			c.send(el)
		}
	}
}

func (c *AsClient) stanza(tag, typ, to string) *etree.Element {
	c.sent++
	el := etree.NewElement(tag)
	if typ != "" {
		el.CreateAttr("type", typ)
	}
	el.CreateAttr("to", to)
	el.CreateAttr("id", fmt.Sprint("bot", c.sent))
	return el
}
