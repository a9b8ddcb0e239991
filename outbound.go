package muc

import (
	"github.com/beevik/etree"

	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Outgoing stanzas.

// Outbound is one stanza and the addresses it goes to. It is a small immutable value that
// shares its bytes with other Outbounds.
type Outbound struct {
	to    []JID
	doc   *splice.Stanza
	extra *splice.Extra
	view  splice.View
}

// To lists where the stanza goes: full JIDs of sessions, or a bare JID for
// somebody outside (an invitee, an affected absent user, a relayed vCard
// request). The caller must not change it.
func (o Outbound) To() []JID { return o.to }

// Name is that of the stanza: message, presence or iq.
func (o Outbound) Name() string { return string(o.doc.Bytes[1:o.doc.Head]) }

// Type is the stanza's type, "" where it has none.
func (o Outbound) Type() string { return o.doc.Attr("type") }

// ID is the stanza's id, "" where it has none.
func (o Outbound) ID() string {
	if o.extra != nil && o.extra.ID != "" {
		return o.extra.ID
	}
	return o.doc.Attr("id")
}

// Stanza is the stanza as an element, complete but for `to`. Each call writes the bytes
// and parses them, which costs many times what AppendXML does: it is for tests and for
// hosts that have to look into a stanza, and Name, Type and ID do without.
func (o Outbound) Stanza() *etree.Element {
	var to JID
	if len(o.to) > 0 {
		to = o.to[0]
	}
	el := xmlwire.Element(string(o.AppendXML(nil, to, "")))
	el.RemoveAttr("to")
	return el
}

// AppendXML appends the complete bytes of the stanza for one recipient, one of
// [Outbound.To]. With ns "" the stanza inherits the namespace of the stream it
// is written to; any other is written as xmlns, as WebSocket framing needs it
// (RFC 7395 §3.3.3).
func (o Outbound) AppendXML(dst []byte, to JID, ns string) []byte {
	d := o.doc
	if ns == "" && to.NeedsNoEscaping() && o.extra == nil && o.view == d.As { // as nearly all are
		pos := d.Head + splice.UsualAt
		return append(append(append(dst, d.Bytes[:pos]...), to.String()...), d.Bytes[pos:]...)
	}
	return d.AppendXML(dst, to, o.extra, o.view, ns)
}
