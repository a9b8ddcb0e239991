package muc

import (
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// owe notes what a step owes to somebody beyond what its events tell: what was asked for,
// or what the room passes on and does not remember. It is rendered after the events.
func (t *step) owe(render func()) { t.owed = append(t.owed, render) }

// answerQuery owes a result with a <query/> in a namespace, of which a function writes the
// attributes and the content.
func (t *step) answerQuery(space string, content func(w *xmlwire.Writer)) {
	t.answer(func(w *xmlwire.Writer) {
		w.Start("query", space)
		content(w)
		w.End()
	})
}

// answer owes the result of the IQ of this step, nil for one that holds nothing.
func (t *step) answer(payload func(w *xmlwire.Writer)) { t.owe(func() { t.renderResult(payload) }) }

// renderResult answers the IQ of this step. A request gets
// an answer in any case: where the right one is too large, that it is.
func (t *step) renderResult(payload func(w *xmlwire.Writer)) {
	w := xmlwire.Writer{Bytes: make([]byte, 0, 128)}
	d := splice.Start(&w, "iq")
	address(&w, "from", t.r.addressedAs(t.in))
	w.Attr("id", t.in.id)
	w.Attr("type", "result")
	if payload != nil {
		payload(&w)
	}
	if t.tooLarge(d.Done(&w)) {
		t.echo = ""
		t.renderError(refuse(stanza.ResourceConstraint, "14.6", "The answer is too large to be sent"))
		return
	}
	t.toSender(d, splice.None, nil)
}

// answerWritten owes a result that is written already, a page which fits, and lacks only the
// id of the request.
func (t *step) answerWritten(d *splice.Stanza) {
	t.owe(func() { t.toSender(d, splice.None, &splice.Extra{ID: t.in.id}) })
}

// tooLarge reports whether a stanza is too large for the sender of this step's stanza.
func (t *step) tooLarge(d *splice.Stanza) bool {
	return len(t.fitting([]JID{t.in.from}, d, splice.None, nil)) == 0
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
		w.Empty("x", ns.MUC)
	}
	w.Raw(t.echo)
	w.Raw(string(e.AppendXML(nil, t.r.jid.String())))
	if d.Done(&w); (t.echo != "" || e.Text != "") && t.tooLarge(d) {
		short := *e
		t.echo, short.Text, short.URI = "", "", "" // the least that is an answer
		t.renderError(&short)
		return
	}
	t.toSender(d, splice.None, nil)
}
