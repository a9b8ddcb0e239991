package muc

import (
	"github.com/beevik/etree"

	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
)

// Outbound is one stanza and the addresses it goes to. It is a small value that
// shares its bytes with other Outbounds, and it never changes: keep it as long
// as you like.
type Outbound struct {
	to    []JID
	doc   *rendered
	extra *extra
	view  view
}

// rendered is a stanza as bytes, complete for most of its readers; the offsets say
// where others have something else. It is immutable.
type rendered struct {
	b []byte
	// as is the view in which b is complete: what most readers see.
	as view
	// head is the end of the stanza's name, where emptyTo stands: `to`, `xmlns` and
	// `id` go here.
	head uint32
	// jid and jidEnd enclose ` jid='…'` of the item, or nothing where it is for other
	// views than as; zero is no such place. actor and actorEnd enclose what of the
	// item's actor only viewAll shows, in which b is complete if there is one.
	jid, jidEnd, actor, actorEnd uint32
	// tail is where the status codes or the delay of an extra go.
	tail uint32
	// real is the JID that viewAll shows in the item where b has none.
	real JID
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
	el := xmlwire.Element(string(o.AppendXML(nil, to, "")))
	el.RemoveAttr("to")
	return el
}

// addressBytes is more than the addresses take that a copy may have beyond the shared
// bytes: that of its reader, and a real one.
const addressBytes = 2 * (2*jid.MaxPartSize + 1 + xmlwire.Escaping*jid.MaxPartSize + 16)

// most is how large a copy may be, at most.
func (d *rendered) most(x *extra) int {
	n := len(d.b) + addressBytes
	if x != nil {
		n += len(x.tail) + xmlwire.Escaping*len(x.id) + len(" id=''")
	}
	return n
}

// AppendXML appends the complete bytes of the stanza for one recipient, one of
// [Outbound.To]. With ns "" the stanza inherits the namespace of the stream it
// is written to; any other is written as xmlns, as WebSocket framing needs it
// (RFC 7395 §3.3.3).
func (o Outbound) AppendXML(dst []byte, to JID, ns string) []byte {
	d := o.doc
	if ns == "" && to.NeedsNoEscaping() && o.extra == nil && o.view == d.as { // as nearly all are
		pos := d.head + uint32(len(openTo))
		return append(append(append(dst, d.b[:pos]...), to.String()...), d.b[pos:]...)
	}
	return d.appendXML(dst, to, o.extra, o.view, ns)
}

// appendXML writes any copy, the usual one as well.
func (d *rendered) appendXML(dst []byte, to JID, x *extra, v view, ns string) []byte {
	pos := d.head
	dst = append(dst, d.b[:pos]...)
	if ns != "" {
		dst = append(append(append(dst, " xmlns='"...), ns...), '\'')
	}
	if to.String() != "" {
		dst = append(to.AppendEscaped(append(dst, openTo...)), '\'')
	}
	pos += uint32(len(emptyTo))
	if x != nil && x.id != "" {
		dst = append(xmlwire.AppendEscaped(append(dst, " id='"...), x.id, xmlwire.EscapedInAttr), '\'')
	}
	if d.jid != 0 && v != d.as {
		dst, pos = append(dst, d.b[pos:d.jid]...), d.jidEnd
		switch v {
		case viewAll:
			dst = appendJIDAttr(dst, d.real)
		case viewSelf:
			dst = appendJIDAttr(dst, to)
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
