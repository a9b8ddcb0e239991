package muc

import "github.com/beevik/etree"

// Outbound is one stanza and the addresses it goes to. It is a small value that
// shares its bytes with other Outbounds, and it never changes: keep it as long
// as you like.
type Outbound struct {
	to    []JID
	doc   *rendered
	extra *extra
	view  view
}

// rendered is a stanza as bytes, complete but for what differs from reader to
// reader; the offsets say where that goes. It is immutable.
type rendered struct {
	b []byte
	// head is the end of the stanza's name, where emptyTo stands: `to`, `xmlns` and
	// `id` go here.
	head int
	// jid and jidEnd enclose ` jid='…'` of the item, actor and actorEnd that of
	// the item's actor. Equal offsets enclose nothing; zero is no such place.
	jid, jidEnd, actor, actorEnd int
	// tail is where the status codes or the delay of an extra go.
	tail int
}

// extra is what one copy of a shared stanza has beyond the others.
type extra struct {
	id   string
	tail string
}

// To lists where the stanza goes: full JIDs of sessions, or a bare JID for
// somebody outside (an invitee, an affected absent user, a relayed vCard
// request). The caller must not change it.
func (o Outbound) To() []JID { return o.to }

// Stanza is the stanza as an element, complete but for `to`. Each call builds a
// new one.
func (o Outbound) Stanza() *etree.Element {
	var to JID
	if len(o.to) > 0 {
		to = o.to[0]
	}
	el := buildElement(string(o.AppendXML(nil, to, "")))
	el.RemoveAttr("to")
	return el
}

// AppendXML appends the complete bytes of the stanza for one recipient, one of
// [Outbound.To]. With ns "" the stanza inherits the namespace of the stream it
// is written to; any other is written as xmlns, as WebSocket framing needs it
// (RFC 7395 §3.3.3).
func (o Outbound) AppendXML(dst []byte, to JID, ns string) []byte {
	return o.doc.appendXML(dst, to, o.extra, o.view, ns)
}

// appendXML is AppendXML with what it needs of an Outbound: so little that a call
// costs less than the copying.
func (d *rendered) appendXML(dst []byte, to JID, x *extra, v view, ns string) []byte {
	if ns == "" && to.s != "" && x == nil && (d.jid == 0 || v == viewAll) { // as nearly all are
		pos := d.head + len(openTo)
		return append(to.appendTo(append(dst, d.b[:pos]...)), d.b[pos:]...)
	}
	dst = append(dst, d.b[:d.head]...)
	if ns != "" {
		dst = append(append(append(dst, " xmlns='"...), ns...), '\'')
	}
	if to.s != "" {
		dst = append(to.appendTo(append(dst, openTo...)), '\'')
	}
	pos := d.head + len(emptyTo)
	if x != nil && x.id != "" {
		dst = append(appendEscaped(append(dst, " id='"...), x.id, escapedInAttr), '\'')
	}
	if d.jid != 0 && v != viewAll {
		dst, pos = append(dst, d.b[pos:d.jid]...), d.jidEnd
		if v == viewSelf {
			dst = appendOwnJID(dst, to)
		}
		if d.actor != 0 {
			dst, pos = append(dst, d.b[pos:d.actor]...), d.actorEnd
		}
	}
	if x != nil && x.tail != "" {
		dst, pos = append(dst, d.b[pos:d.tail]...), d.tail
		dst = append(dst, x.tail...)
	}
	return append(dst, d.b[pos:]...)
}
