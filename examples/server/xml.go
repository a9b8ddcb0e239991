package main

import (
	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

const nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

// stanzaLimits are those of one stanza of a client.
var stanzaLimits = stanza.Limits{Bytes: 256 << 10, Depth: 32, Elements: 1000, Attrs: 32}

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
