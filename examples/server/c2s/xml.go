package c2s

import (
	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

const (
	nsClient  = "jabber:client"
	nsStream  = "http://etherx.jabber.org/streams"
	nsFraming = "urn:ietf:params:xml:ns:xmpp-framing"
	nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
	nsTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL    = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind    = "urn:ietf:params:xml:ns:xmpp-bind"
	nsSession = "urn:ietf:params:xml:ns:xmpp-session"
	nsAcks    = "urn:xmpp:sm:3"
)

// Limits are those of one stanza of a client.
var Limits = stanza.Limits{Bytes: 256 << 10, Depth: 32, Elements: 1000, Attrs: 32}

// is reports whether an element has a name.
func is(el *etree.Element, space, tag string) bool {
	return el.Tag == tag && el.NamespaceURI() == space
}

// childOf is the first child of a name, nil if there is none.
func childOf(el *etree.Element, space, tag string) *etree.Element {
	for _, c := range el.ChildElements() {
		if is(c, space, tag) {
			return c
		}
	}
	return nil
}

// text is an element as text.
func text(el *etree.Element) string {
	doc := etree.NewDocument()
	doc.SetRoot(el)
	s, err := doc.WriteToString()
	if err != nil {
		panic(err) // memory takes all that is written
	}
	return s
}

// item adds an element with attributes.
func item(to *etree.Element, tag string, attrs ...string) {
	el := to.CreateElement(tag)
	for i := 0; i < len(attrs); i += 2 {
		el.CreateAttr(attrs[i], attrs[i+1])
	}
}

// reply begins the answer to a stanza.
func reply(to *etree.Element, from muc.JID, kind string) *etree.Element {
	el := etree.NewElement(to.Tag)
	el.CreateAttr("xmlns", nsClient)
	el.CreateAttr("type", kind)
	if id := to.SelectAttrValue("id", ""); id != "" {
		el.CreateAttr("id", id)
	}
	if !from.IsZero() {
		el.CreateAttr("from", from.String())
	}
	return el
}

// result is the answer to a request that is granted; payload may be nil.
func result(to *etree.Element, from muc.JID, payload *etree.Element) string {
	el := reply(to, from, "result")
	if payload != nil {
		el.AddChild(payload)
	}
	return text(el)
}

// streamError ends a stream and tells the client why: a condition of RFC 6120 §4.9.3.
type streamError string

func (e streamError) Error() string { return "stream error: " + string(e) }

func (e streamError) xml() string {
	return "<stream:error xmlns:stream='" + nsStream + "'><" + string(e) +
		" xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
}

// saslFailure is a condition of RFC 6120 §6.5.
type saslFailure string

func (f saslFailure) Error() string { return "cannot log in: " + string(f) }
