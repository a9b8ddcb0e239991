package muctest

import (
	"fmt"
	"strconv"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// Want is a stanza that is expected. What it names must be there, other things may be.
// Its methods return another one that expects more.
type Want struct {
	// name is that of the stanza, "" for any. available is that it has no type.
	name      string
	available bool
	from      *string
	el        *etree.Element
	err       error
}

const nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

func want(name, typ string) Want {
	w := Want{name: name, el: etree.NewElement(name)}
	if typ != "" {
		w.el.CreateAttr("type", typ)
	}
	return w
}

// Message is a message to everybody with this body; with "" with any.
func Message(body string) Want { return want("message", "groupchat").element("body", body) }

// Private is a private message with this body; with "" with any.
func Private(body string) Want { return want("message", "chat").element("body", body) }

// Subject is the subject of the room; with "" any.
func Subject(text string) Want { return want("message", "groupchat").element("subject", text) }

// Presence is the presence of an occupant who is there.
func Presence(nick string) Want {
	w := want("presence", "").From(nick)
	w.available = true
	return w
}

// Unavailable is the presence of an occupant who is gone.
func Unavailable(nick string) Want { return want("presence", "unavailable").From(nick) }

// Status is a presence or message with these status codes (XEP-0045 §15.6).
func Status(codes ...int) Want { return want("", "").Status(codes...) }

// Error is an error stanza with a condition and a type (RFC 6120 §8.3).
func Error(condition stanza.Condition, typ stanza.ErrorType) Want {
	w := want("", "error")
	e := w.el.CreateElement("error")
	e.CreateAttr("type", string(typ))
	e.CreateElement(string(condition)).CreateAttr("xmlns", nsStanzas)
	return w
}

// XML is a stanza that is written as in a script of package scansion: with wildcards,
// and with scansion:strict='true' on an element in which nothing else may stand.
func XML(text string) Want {
	doc := etree.NewDocument()
	err := doc.ReadFromString(text)
	if err != nil || doc.Root() == nil {
		return Want{el: etree.NewElement("none"), err: fmt.Errorf("no XML is expected, %v: %s", err, text)}
	}
	return Want{name: doc.Root().FullTag(), el: doc.Root()}
}

// From expects the stanza to come from an occupant, or with "" from the room itself.
func (w Want) From(nick string) Want {
	w.from = &nick
	return w
}

// Status expects these status codes.
func (w Want) Status(codes ...int) Want {
	w, x := w.user()
	for _, code := range codes {
		x.CreateElement("status").CreateAttr("code", strconv.Itoa(code))
	}
	return w
}

// As expects the affiliation and role that the occupant has.
func (w Want) As(affiliation muc.Affiliation, role muc.Role) Want {
	w, item := w.item()
	item.CreateAttr("affiliation", affiliation.String())
	item.CreateAttr("role", role.String())
	return w
}

// JID expects the occupant's real address to be shown.
func (w Want) JID(full string) Want {
	w, item := w.item()
	item.CreateAttr("jid", full)
	return w
}

// Nick expects the nick that the occupant goes by from now on.
func (w Want) Nick(nick string) Want {
	w, item := w.item()
	item.CreateAttr("nick", nick)
	return w
}

// Actor expects a change to be shown as this occupant's deed.
func (w Want) Actor(nick string) Want {
	w, item := w.item()
	item.CreateElement("actor").CreateAttr("nick", nick)
	return w
}

// Reason expects the reason of a kick, a ban or another change, or the text of an error.
func (w Want) Reason(text string) Want {
	w = w.copy()
	if e := w.el.SelectElement("error"); e != nil {
		t := e.CreateElement("text")
		t.CreateAttr("xmlns", nsStanzas)
		t.SetText(text)
		return w
	}
	w, item := w.item()
	item.CreateElement("reason").SetText(text)
	return w
}

// With expects elements in the stanza, such as <show>away</show>.
func (w Want) With(elements string) Want {
	w = w.copy()
	doc := etree.NewDocument()
	if err := doc.ReadFromString("<stanza>" + elements + "</stanza>"); err != nil {
		w.err = fmt.Errorf("no XML is expected, %v: %s", err, elements)
		return w
	}
	for _, el := range doc.Root().ChildElements() {
		w.el.AddChild(el)
	}
	return w
}

func (w Want) element(name, text string) Want {
	w.el.CreateElement(name).SetText(text)
	return w
}

func (w Want) copy() Want {
	if w.el == nil {
		return want("", "")
	}
	w.el = w.el.Copy()
	return w
}

// user is a copy, and in it what XEP-0045 says about an occupant.
func (w Want) user() (Want, *etree.Element) {
	const ns = "http://jabber.org/protocol/muc#user"
	w = w.copy()
	for _, x := range w.el.SelectElements("x") {
		if x.SelectAttrValue("xmlns", "") == ns {
			return w, x
		}
	}
	x := w.el.CreateElement("x")
	x.CreateAttr("xmlns", ns)
	return w, x
}

func (w Want) item() (Want, *etree.Element) {
	w, x := w.user()
	if item := x.SelectElement("item"); item != nil {
		return w, item
	}
	return w, x.CreateElement("item")
}

// text is what is expected as XML, of a stanza of that name.
func (w Want) text(r *Room, name string) string {
	el := w.el.Copy()
	el.Tag = name
	if w.name != "" {
		el.Space, el.Tag = w.el.Space, w.el.Tag
	}
	if w.from != nil {
		el.CreateAttr("from", r.address(*w.from))
	}
	doc := etree.NewDocumentWithRoot(el)
	text, err := doc.WriteToString()
	if err != nil {
		r.t.Fatalf("muctest: %v", err)
	}
	return text
}
