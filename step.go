package muc

import (
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/stanzaerror"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// step is one step of a room: a stanza, a command or a tick on its way through
// the house. Handlers decide by reading the state and proposing event bodies;
// then the bodies are applied, and what everybody gets is rendered from them
// and from the state after them.
type step struct {
	r   *Room
	now time.Time
	fx  *Effects
	in  *incoming // nil for a command or a tick
	// sender is who sent the stanza.
	sender sender

	// bodies are what the handler has decided.
	bodies []event.Body
	// hostAgrees is set when the host has decided to admit the join of this step.
	hostAgrees bool
	// entry is set for a join or resync, whose asker gets everything.
	entry *joinRender
	// own is for the session that asks for a new presence of itself, instead of what
	// its occupant's other sessions are told.
	own *splice.Extra
	// cancels is who goes without configuring the room, and thereby ends it (§10.1.3).
	cancels JID
	// passing and private are messages of which nothing is kept.
	passing *event.Message
	private *privateRender
	relay   *relayRender
	// invites go to people outside, declined are those that come back.
	invites  []Invitation
	declined []declineRender
	// absent is how many people outside are told of a new affiliation of theirs.
	absent int
	// page is what the host found in the archive.
	page *archiveRender
	// answer writes the payload of an IQ result, when everything else is said; done is
	// for a result without one, and ready is one that is there already and lacks only
	// its id.
	answer func(w *xmlwire.Writer)
	done   bool
	ready  *splice.Stanza
	// ids counts the ids made in this step.
	ids uint64
	// was is the configuration before the step, and touched the occupants of whom
	// everybody was told in it: what rendering has to know of the past.
	was     *RoomConfig
	touched []touched
	// resent are occupants whose presence is to be sent again, though it is the same.
	resent []touched
	// offending are the items that an error repeats, canonical.
	offending []string
	// echo is what of the request an error repeats, canonical.
	echo string
}

// propose adds one event to what is decided. The handler does not see it in the
// state yet.
func (t *step) propose(body event.Body) {
	t.bodies = append(t.bodies, body)
}

// commit applies what was decided, and renders it.
func (t *step) commit() {
	first, at := len(t.fx.Events), t.stamp()
	t.was = t.r.st.Config() // which is never written to, but replaced
	apply := func(bodies []event.Body) {
		s := &t.r.st
		for _, body := range bodies {
			ev := event.Event{Seq: s.Seq(), Sub: s.Sub() + 1, Time: at, Body: body}
			if ev.Durable() {
				ev.Seq, ev.Sub = s.Seq()+1, 0
			}
			if err := s.Apply(&ev, t.r.cfg.base); err != nil {
				panic(err) // a handler proposed what it should have refused
			}
			t.fx.Events = append(t.fx.Events, ev)
		}
	}
	apply(t.bodies)
	if t.r.cfg.TellAbsent {
		decided := len(t.bodies)
		t.rationAbsent(t.fx.Events[first:])
		apply(t.bodies[decided:])
	}
	t.render(t.fx.Events[first:])
}

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

// toSender adds a stanza for whoever sent the stanza of this step.
func (t *step) toSender(doc *splice.Stanza, v splice.View, x *splice.Extra) {
	t.send([]JID{t.in.from}, doc, v, x)
}

// render says what happened, in the order that XEP-0045 and the rows of the
// conformance table ask for: who is gone, who is how, what absent people became,
// what was said, the answer to the request, and what follows from a new
// configuration.
func (t *step) render(events []event.Event) {
	t.renderDepartures(events)
	t.renderPresences(events)
	t.renderAbsent(events)
	t.renderMessages(events)
	t.renderForms(events)
	t.renderInvites()
	if t.entry != nil {
		t.renderEntry(t.entry)
	}
	if t.relay != nil {
		t.renderRelay(t.relay)
	}
	switch {
	case t.answer != nil:
		t.renderResult(t.answer)
	case t.done:
		t.renderDone()
	}
	if t.ready != nil {
		t.toSender(t.ready, splice.None, &splice.Extra{ID: t.in.id}) // a page, which fits
	}
	t.renderAnswers(events)
	t.renderConfigured(events)
}

// renderResult answers the IQ of this step. A request gets an answer in any case: where
// the right one is too large, that it is.
func (t *step) renderResult(payload func(w *xmlwire.Writer)) {
	w := xmlwire.Writer{Bytes: make([]byte, 0, 128)}
	d := t.openResult(&w)
	payload(&w)
	w.End()
	if d.Bytes = w.Bytes; t.tooLarge(d) {
		t.echo = ""
		t.renderError(refuse(stanza.ResourceConstraint, "14.6", "The answer is too large to be sent"))
		return
	}
	t.toSender(d, splice.None, nil)
}

// tooLarge reports whether a stanza is not to be sent to whoever sent that of this step.
func (t *step) tooLarge(d *splice.Stanza) bool {
	return len(t.fitting([]JID{t.in.from}, d, splice.None, nil)) == 0
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

// renderDone answers it by saying only that it is done. Nobody else writes here, so
// that the writer needs no memory of its own.
func (t *step) renderDone() {
	w := xmlwire.Writer{Bytes: make([]byte, 0, 96)}
	d := t.openResult(&w)
	w.End()
	d.Bytes = w.Bytes
	t.toSender(d, splice.None, nil)
}

func (t *step) openResult(w *xmlwire.Writer) *splice.Stanza {
	d := splice.Start(w, "iq")
	address(w, "from", t.r.addressedAs(t.in))
	w.Attr("id", t.in.id)
	w.Attr("type", "result")
	return d
}

// renderError answers the stanza of this step with a refusal, unless the stanza
// is one that must not be answered or has nobody to answer.
func (t *step) renderError(e *StanzaError) {
	in := t.in
	if in.isAnswer() || in.from.IsZero() {
		return
	}
	w := xmlwire.Writer{Bytes: make([]byte, 0, 320)}
	d := splice.Start(&w, kindNames[in.kind])
	address(&w, "from", t.r.addressedAs(in))
	w.AttrIf("id", in.id)
	w.Attr("type", "error")
	if in.kind == kindPresence && in.Find(ns.MUC, "x") != nil {
		// Never what it held: that may be a password.
		w.Element("x", ns.MUC, "")
	}
	w.Raw(t.echo)
	stanzaerror.Write(&w, e, t.r.jid.String())
	w.End()
	if d.Bytes = w.Bytes; (t.echo != "" || e.Text != "") && t.tooLarge(d) {
		short := *e
		t.echo, short.Text, short.URI = "", "", "" // the least that is an answer
		t.renderError(&short)
		return
	}
	t.toSender(d, splice.None, nil)
}
