package muctest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/scansion"
	"github.com/gomuc/muc/stanza"
)

// Client is a client, inside the room or not; [Room.Client] and [Room.Join] make it.
type Client struct {
	JID muc.JID

	room *Room
	nick string
	// seen are the stanzas of the act that were checked already.
	act  int
	seen map[int]bool
}

// Sends hands a stanza of the client's to the room. Whatever it says as from, it is the
// client's; without a to it is for the room.
func (c *Client) Sends(text string) muc.Effects {
	c.room.t.Helper()
	return c.sends(c.room.parse(text))
}

func (c *Client) sends(el *etree.Element) muc.Effects {
	c.room.t.Helper()
	el.CreateAttr("from", c.JID.String())
	if el.SelectAttr("to") == nil {
		el.CreateAttr("to", c.room.Config.Room.String())
	}
	return c.room.handle(el)
}

// to begins a stanza to an occupant, or with "" to the room.
func (c *Client) to(name, nick, typ string) *etree.Element {
	el := etree.NewElement(name)
	el.CreateAttr("to", c.room.address(nick))
	if typ != "" {
		el.CreateAttr("type", typ)
	}
	return el
}

// address is that of an occupant, or with "" the room's.
func (r *Room) address(nick string) string {
	if nick == "" {
		return r.Config.Room.String()
	}
	return r.Config.Room.String() + "/" + nick
}

// Joins has the client enter under a nick (XEP-0045 §7.2), or take another one.
func (c *Client) Joins(nick string) muc.Effects {
	c.room.t.Helper()
	el := c.to("presence", nick, "")
	el.CreateElement("x").CreateAttr("xmlns", "http://jabber.org/protocol/muc")
	fx := c.sends(el)
	if fx.Refused == nil {
		c.nick = nick
	}
	return fx
}

// Leaves has the client leave (§7.14).
func (c *Client) Leaves() muc.Effects {
	c.room.t.Helper()
	return c.sends(c.to("presence", c.nick, "unavailable"))
}

// Says has the client say something to everybody (§7.4).
func (c *Client) Says(body string) muc.Effects {
	c.room.t.Helper()
	el := c.to("message", "", "groupchat")
	el.CreateElement("body").SetText(body)
	return c.sends(el)
}

// Whispers has the client send a private message (§7.5).
func (c *Client) Whispers(nick, body string) muc.Effects {
	c.room.t.Helper()
	el := c.to("message", nick, "chat")
	el.CreateElement("body").SetText(body)
	return c.sends(el)
}

// mail is a stanza that came to the client.
type mail struct {
	index int
	out   muc.Outbound
	xml   []byte
}

// inbox is what of some stanzas came to the client.
func (c *Client) inbox(sent []muc.Outbound) (list []mail) {
	for _, out := range sent {
		for _, to := range out.To() {
			if to == c.JID || to == c.JID.Bare() {
				list = append(list, mail{len(list), out, out.AppendXML(nil, to, "")})
			}
		}
	}
	return list
}

// Received is what the client got with the last act as XML, checked already or not: for
// what there is no check of.
func (c *Client) Received() (list []string) {
	for _, m := range c.inbox(c.room.last.Outbound) {
		list = append(list, string(m.xml))
	}
	return list
}

// unseen is what came with the last act and was not checked yet.
func (c *Client) unseen() []mail {
	if c.act != c.room.acts {
		c.act, c.seen = c.room.acts, map[int]bool{}
	}
	return slices.DeleteFunc(c.inbox(c.room.last.Outbound), func(m mail) bool { return c.seen[m.index] })
}

// Receives checks that the client got these stanzas, in this order. There may be others
// before, between and after them.
func (c *Client) Receives(wants ...Want) {
	c.room.t.Helper()
	c.receives(wants)
}

func (c *Client) receives(wants []Want) bool {
	c.room.t.Helper()
	if len(wants) == 0 {
		c.room.t.Errorf("muctest: nothing is expected of %s: for that there is ReceivesNothing", c.JID)
		return false
	}
	from := 0
	for i, w := range wants {
		all := c.unseen()
		behind := slices.DeleteFunc(slices.Clone(all), func(m mail) bool { return m.index < from })
		found, err := w.find(c.room, behind)
		if err == nil {
			c.seen[found.index], from = true, found.index+1
			continue
		}
		hint := ""
		if _, early := w.find(c.room, all); early == nil {
			hint = "\n  It came, but before the one that is expected before it."
		} else if _, old := w.find(c.room, c.inbox(c.room.before)); old == nil {
			hint = "\n  It came with the act before: checks are about the last one."
		}
		if len(all) != 1 {
			hint += "\n  all that came:" + xmlOf(all)
		}
		c.room.t.Errorf("muctest: %s, expectation %d of %d: %v%s", c.JID, i+1, len(wants), err, hint)
		return false
	}
	return true
}

// ReceivesOnly checks that the client got these stanzas, in this order, and no other.
func (c *Client) ReceivesOnly(wants ...Want) {
	c.room.t.Helper()
	if c.receives(wants) {
		c.ReceivesNothing()
	}
}

// ReceivesNothing checks that the client got nothing, or nothing that was not checked
// already.
func (c *Client) ReceivesNothing() {
	c.room.t.Helper()
	if rest := c.unseen(); len(rest) > 0 {
		c.room.t.Errorf("muctest: %s got what is not expected:%s", c.JID, xmlOf(rest))
	}
}

// SeesNothingOf checks that a text, such as somebody's address, stands nowhere in what the
// client got, be it checked already or not.
func (c *Client) SeesNothingOf(text string) {
	c.room.t.Helper()
	if text == "" {
		c.room.t.Errorf("muctest: no text to look for")
		return
	}
	for _, m := range c.inbox(c.room.last.Outbound) {
		if bytes.Contains(m.xml, []byte(text)) {
			c.room.t.Errorf("muctest: %s sees %q:%s", c.JID, text, xmlOf([]mail{m}))
		}
	}
}

// IsRefused checks that the last act was a stanza of the client's and was refused: see
// [Room.IsRefused]. The error counts as checked from then on.
func (c *Client) IsRefused(condition stanza.Condition) {
	c.room.t.Helper()
	if c.room.sender != c.JID.String() {
		c.room.t.Errorf("muctest: the last act was no stanza of %s", c.JID)
		return
	}
	c.room.IsRefused(condition)
	for _, m := range c.unseen() {
		c.seen[m.index] = true
	}
}

// find is the first stanza that is as wanted.
func (w Want) find(r *Room, mails []mail) (first mail, err error) {
	switch {
	case w.err != nil:
		return mail{}, w.err
	case w.el == nil:
		return mail{}, errors.New("an empty Want, which nothing can be")
	case w.name != "":
		return w.named(r, w.name, mails)
	}
	found := false
	err = errors.New("nothing came")
	for _, name := range []string{"message", "presence", "iq"} {
		same := slices.DeleteFunc(slices.Clone(mails), func(m mail) bool { return m.out.Name() != name })
		m, missed := w.named(r, name, same)
		switch {
		case missed == nil && (!found || m.index < first.index):
			first, found = m, true
		case missed != nil && len(same) > 0:
			err = missed
		}
	}
	if found {
		return first, nil
	}
	return mail{}, err
}

// named is find for a stanza of that name.
func (w Want) named(r *Room, name string, mails []mail) (mail, error) {
	var came [][]byte
	for _, m := range mails {
		came = append(came, m.xml)
	}
	for from, gone := 0, false; ; gone = true {
		i, err := scansion.Find(scansion.Subset, w.text(r, name), came[from:]...)
		switch {
		case err != nil && gone:
			return mail{}, errors.New("the presence that came is not available, but has a type")
		case err != nil:
			return mail{}, err
		case !w.available || mails[from+i].out.Type() == "":
			return mails[from+i], nil
		}
		from += i + 1
	}
}

// xmlOf is XML for people.
func xmlOf(mails []mail) string {
	if len(mails) == 0 {
		return " nothing"
	}
	var b strings.Builder
	for _, m := range mails {
		doc := etree.NewDocument()
		if err := doc.ReadFromBytes(m.xml); err != nil {
			fmt.Fprintf(&b, "\n    %s (%v)", m.xml, err)
			continue
		}
		doc.WriteSettings.AttrSingleQuote = true
		doc.Indent(2)
		text, _ := doc.WriteToString()
		b.WriteString("\n    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    "))
	}
	return b.String()
}

// listing is XML of everything that was sent, to everybody.
func listing(sent []muc.Outbound) string {
	var all []mail
	for _, out := range sent {
		for _, to := range out.To() {
			all = append(all, mail{out: out, xml: out.AppendXML(nil, to, "")})
		}
	}
	return xmlOf(all)
}
