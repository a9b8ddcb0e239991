package muc

import (
	"slices"

	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
)

// What is to be sent in a step.

// send adds a stanza for one or more addresses; for none it does nothing. Whom it would
// be too large for does not get it.
func (t *step) send(to []JID, doc *splice.Stanza, v splice.View, x *splice.Extra) {
	if doc.MaxLen(x) > t.r.cfg.Limits.OutboundBytes {
		to = t.fitting(to, doc, v, x)
	}
	if len(to) > 0 {
		t.fx.Outbound = append(t.fx.Outbound, Outbound{to: to, doc: doc, view: v, extra: x})
	}
}

// toSender adds a stanza for the sender of this step's stanza.
func (t *step) toSender(doc *splice.Stanza, v splice.View, x *splice.Extra) {
	t.send([]JID{t.in.from}, doc, v, x)
}

// fitting are those of the addresses for whom a stanza is not too large, with what
// differs in their copies.
func (t *step) fitting(to []JID, doc *splice.Stanza, v splice.View, x *splice.Extra) []JID {
	var some []JID
	for _, j := range to {
		copied := Outbound{doc: doc, view: v, extra: x}
		if len(copied.AppendXML(nil, j, "")) <= t.r.cfg.Limits.OutboundBytes {
			some = append(some, j)
		}
	}
	return some
}

// broadcast sends one stanza to every session, in two lists at most.
func (t *step) broadcast(doc *splice.Stanza) {
	a := t.r.audience()
	t.fx.Outbound = slices.Grow(t.fx.Outbound, 2)
	t.send(a.moderators.all(), doc, splice.None, nil)
	t.send(a.others.all(), doc, splice.None, nil)
}

// tell sends a presence about one occupant, named by number, to everybody else
// inside: moderators always, the others if the room shows the role to them.
func (t *step) tell(num uint32, shown bool, doc *splice.Stanza, tail string) {
	a := t.r.audience()
	var x *splice.Extra
	if tail != "" {
		x = &splice.Extra{Tail: tail}
	}
	before, behind := a.moderators.around(num)
	v := viewFor(&t.r.st, Moderator)
	t.send(before, doc, v, x)
	t.send(behind, doc, v, x)
	if shown {
		t.tellOthers(num, doc, x)
	}
}

// tellOthers sends to everybody but moderators and one occupant.
func (t *step) tellOthers(num uint32, doc *splice.Stanza, x *splice.Extra) {
	v := viewFor(&t.r.st, Participant)
	before, behind := t.r.audience().others.around(num)
	t.send(before, doc, v, x)
	t.send(behind, doc, v, x)
}

// tellSelf sends a presence to each session that it is about, which sees its
// own JID in it. A session that enters in this step gets its own in its place
// there (entryReply); one that asked for something else knows it by the id.
func (t *step) tellSelf(o *state.Occupant, doc *splice.Stanza, tail string) {
	x := &splice.Extra{Tail: tail}
	own := t.r.audience().sessionsOf(o)
	for i := range own {
		extra := x
		switch reply := t.reply.(type) {
		case *entryReply:
			if own[i] == reply.session {
				continue
			}
		case *selfReply:
			if own[i] == t.in.from {
				extra = &reply.extra
			}
		}
		t.send(own[i:i+1:i+1], doc, splice.Self, extra)
	}
}

// tellEach sends a presence to sessions that it is about, whatever else they get.
func (t *step) tellEach(own []JID, doc *splice.Stanza, tail string) {
	x := &splice.Extra{Tail: tail}
	for i := range own {
		t.send(own[i:i+1:i+1], doc, splice.Self, x)
	}
}

// address writes a JID that may be shown: the room's, an occupant's, or one that the
// reader named. Real JIDs are written by visibility.go.
func address(w *xmlwire.Writer, name string, j JID) {
	w.Bytes = append(append(append(w.Bytes, ' '), name...), "='"...)
	w.Bytes = append(j.AppendEscaped(w.Bytes), '\'')
}

// occupantAddress writes the address of a nick in a room, or the room's own for none,
// without making a JID of it.
func occupantAddress(w *xmlwire.Writer, name string, room JID, nick string) {
	w.Bytes = append(append(append(w.Bytes, ' '), name...), "='"...)
	w.Bytes = room.AppendEscaped(w.Bytes)
	if nick != "" {
		w.Bytes = xmlwire.AppendEscaped(append(w.Bytes, '/'), nick, xmlwire.EscapedInAttr)
	}
	w.Bytes = append(w.Bytes, '\'')
}
