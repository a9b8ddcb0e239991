package event

import (
	"cmp"
	"iter"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/internal/xmlwire"
)

// What stands in a message.

// Said is the message that everybody in the room heard by an event, whatever was kept of it,
// also one that sets the subject; nil if the event is none.
func (e Event) Said() *Message {
	switch b := e.Body.(type) {
	case *MessageArchived:
		return &b.Message
	case *MessageRemembered:
		return &b.Message
	case *MessagePassed:
		return &b.Message
	case *SubjectChanged:
		return &b.Message
	}
	return nil
}

// Body is the text of the message (RFC 6121 §5.2.3), "" if it has none. Of several it is the
// one whose language fits best: de-AT is wanted, so de-AT, else de, else another German. If
// none fits, or lang is empty, it is the one without a language of its own, else the
// first.
func (m *Message) Body(lang string) string { return m.text("body", lang) }

// Subject is the subject in the message (RFC 6121 §5.2.4), chosen as by [Message.Body]. One
// that is empty clears the room's.
func (m *Message) Subject(lang string) string { return m.text("subject", lang) }

// Thread is the id of the conversation that the message belongs to (RFC 6121 §5.2.5), ""
// for none.
func (m *Message) Thread() string { return m.text("thread", "") }

// Find is the first child of the message with that name and namespace, or nil; the namespace
// of what XMPP itself defines, such as body, is "". Each call makes a new element, which
// belongs to the caller.
func (m *Message) Find(ns, name string) *etree.Element {
	for n, xml := range children(m.Payload) {
		if n.NS == ns && n.Name == name {
			return xmlwire.Element(xml)
		}
	}
	return nil
}

// text is that of the child element that fits a language best.
func (m *Message) text(name, lang string) string {
	text, best := "", -1
	for n := range children(m.Payload) {
		if n.NS != "" || n.Name != name {
			continue
		}
		own := n.AttrOr("xml:lang", "")
		rank := 2 * fits(cmp.Or(own, m.Lang), lang)
		if own == "" {
			rank++
		}
		if rank > best {
			text, best = n.Text, rank
		}
	}
	return text
}

// fits is how well a language is the one that is wanted, 0 for not at all: how many subtags
// they have in common from the first on, and rather one that says no more than was asked.
func fits(lang, wanted string) int {
	if lang == "" || wanted == "" {
		return 0
	}
	a, b := strings.Split(strings.ToLower(lang), "-"), strings.Split(strings.ToLower(wanted), "-")
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	if n == len(a) {
		return 2*n + 1
	}
	return 2 * n
}

// children are the elements of a payload, parsed and as text; none if it is not
// canonical.
func children(payload string) iter.Seq2[*xmlwire.Node, string] {
	if !xmlwire.IsCanonical(payload) {
		payload = ""
	}
	return xmlwire.Elements(payload)
}
