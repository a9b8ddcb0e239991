package muc

import (
	"slices"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Outgoing stanzas, and whom they go to.

// Outbound is one stanza and the addresses it goes to. It is a small immutable value that
// shares its bytes with other Outbounds.
type Outbound struct {
	doc   *splice.Stanza
	extra *splice.Extra
	*readers
}

// readers are the addresses that a stanza goes to, and what is seen there. Stanzas that go
// to the same ones share it: of those who enter a large room, thousands do.
type readers struct {
	to   []JID
	view splice.View
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

// audience is the room's recipient lists: sessions of moderators and sessions
// of everybody else, because those two may see different things. They are
// caches of the state, rebuilt when it has changed.
//
// A list that was handed out is never written to: a newcomer is appended after its end,
// any other change makes new arrays.
type audience struct {
	moderators, others roster
	shape, count       uint32 // count: occupants taken in
	built              bool
}

// roster is a recipient list in the order of joining.
type roster struct {
	to    []JID
	owner []uint32 // the occupant of each session, ascending
}

// refresh brings the lists up to date with the state.
func (a *audience) refresh(s *state.Room) {
	if !a.built || a.shape != s.Shape() || int(a.count) > len(s.Occupants()) {
		*a = audience{moderators: a.moderators.emptied(), others: a.others.emptied(), shape: s.Shape(), built: true}
	}
	for _, o := range s.Occupants()[a.count:] {
		list := a.of(o)
		for ses := range o.Sessions() {
			list.to = append(list.to, ses.Address())
			list.owner = append(list.owner, o.Number())
		}
	}
	a.count = uint32(len(s.Occupants()))
}

// of is the list with an occupant's sessions.
func (a *audience) of(o *state.Occupant) *roster {
	if o.Role() == Moderator {
		return &a.moderators
	}
	return &a.others
}

// emptied is a new list with capacity for all of the earlier one and one more.
func (l *roster) emptied() roster {
	if len(l.to) == 0 {
		return roster{}
	}
	return roster{to: make([]JID, 0, len(l.to)+1), owner: make([]uint32, 0, len(l.to)+1)}
}

// sessionsOf lists the addresses of one occupant's sessions.
func (a *audience) sessionsOf(o *state.Occupant) []JID {
	_, own, _ := a.of(o).split(o.Number())
	return own
}

// audience is the recipient lists as they are now.
func (r *Room) audience() *audience {
	r.aud.refresh(&r.st)
	return &r.aud
}

// all is the whole list.
func (l *roster) all() []JID { return l.to[:len(l.to):len(l.to)] }

// split is what of the list stands before, belongs to and stands behind an occupant; all is
// before one who is not in it. Nothing is copied.
func (l *roster) split(num uint32) (before, own, behind []JID) {
	from, inside := slices.BinarySearch(l.owner, num)
	if !inside {
		return l.all(), nil, nil
	}
	to := from
	for to < len(l.owner) && l.owner[to] == num {
		to++
	}
	return l.to[:from:from], l.to[from:to:to], l.to[to:len(l.to):len(l.to)]
}

// send adds a stanza for one or more addresses; for none it does nothing. Whom it would
// be too large for does not get it.
func (t *step) send(to []JID, doc *splice.Stanza, v splice.View, x *splice.Extra) {
	if t.change != nil {
		to = t.sendToFollowers(to, doc, v, x)
	}
	if doc.MaxLen(x) > t.r.cfg.Limits.OutboundBytes {
		to = t.fitting(to, doc, v, x)
	}
	if len(to) > 0 {
		if t.fx.Outbound == nil {
			t.fx.Outbound = t.memory.outbound[:0]
		}
		t.fx.Outbound = append(t.fx.Outbound, Outbound{doc, x, t.readers(to, v)})
	}
}

// showOthers sends a newcomer the presences of the other occupants. It is send for each of
// them, but in a large room there are many.
func (t *step) showOthers(to []JID, v splice.View, own *state.Occupant) {
	s, limit, same := &t.r.st, t.r.cfg.Limits.OutboundBytes, t.readers(to, v)
	for _, o := range s.Occupants() {
		if o == own || !shows(s, o.Role(), own) {
			continue
		}
		if doc := t.r.presenceBytes(o); doc.MaxLen(nil) <= limit {
			t.fx.Outbound = append(t.fx.Outbound, Outbound{doc, nil, same})
		} else {
			t.send(to, doc, v, nil)
		}
	}
}

// readers are those of the last stanza, if they are the same, or new ones.
func (t *step) readers(to []JID, v splice.View) *readers {
	n := len(t.fx.Outbound)
	if n > 0 {
		if last := t.fx.Outbound[n-1].readers; last.view == v && len(last.to) == len(to) && &last.to[0] == &to[0] {
			return last
		}
	}
	if n >= len(t.memory.readers) {
		return &readers{to, v}
	}
	t.memory.readers[n] = readers{to, v}
	return &t.memory.readers[n]
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
		if len(doc.AppendXML(nil, j, x, v, "")) <= t.r.cfg.Limits.OutboundBytes {
			some = append(some, j)
		}
	}
	return some
}

// broadcast sends one stanza to every session, in two lists at most.
func (t *step) broadcast(doc *splice.Stanza) {
	a := t.r.audience()
	t.send(a.moderators.all(), doc, splice.None, nil)
	t.send(a.others.all(), doc, splice.None, nil)
}

// announce sends an occupant's presence, as it is now, to everybody who sees it.
func (t *step) announce(o *state.Occupant) {
	doc := t.r.presenceBytes(o)
	t.tell(o.Number(), t.r.st.Config().Broadcasts(o.Role()), doc, "")
	t.tellSelf(o, doc, statuses(statusSelf))
}

// tell sends a presence about one occupant, named by number, to everybody else
// inside: moderators always, the others if the room shows the role to them.
func (t *step) tell(num uint32, shown bool, doc *splice.Stanza, tail string) {
	var x *splice.Extra
	if tail != "" {
		x = &splice.Extra{Tail: tail}
	}
	t.tellAround(&t.r.audience().moderators, Moderator, num, doc, x)
	if shown {
		t.tellOthers(num, doc, x)
	}
}

// tellOthers sends to everybody but moderators and one occupant.
func (t *step) tellOthers(num uint32, doc *splice.Stanza, x *splice.Extra) {
	t.tellAround(&t.r.audience().others, Participant, num, doc, x)
}

func (t *step) tellAround(list *roster, reader Role, num uint32, doc *splice.Stanza, x *splice.Extra) {
	before, _, behind := list.split(num)
	t.send(before, doc, viewFor(&t.r.st, reader), x)
	t.send(behind, doc, viewFor(&t.r.st, reader), x)
}

// tellSelf sends a presence to each session that it is about, which sees its
// own JID in it. A session that enters in this step gets its own in its place
// there (renderEntry); one that asked for something else knows it by the id.
func (t *step) tellSelf(o *state.Occupant, doc *splice.Stanza, tail string) {
	x := &splice.Extra{Tail: tail}
	own := t.r.audience().sessionsOf(o)
	for i := range own {
		extra := x
		switch {
		case t.own == nil, own[i] != t.in.from:
		case own[i] == t.entering:
			continue
		default:
			extra = t.own
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
func address(w *xmlwire.Writer, name string, j JID) { occupantAddress(w, name, j, "") }

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
