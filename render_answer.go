package muc

import (
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/stanzaerror"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Answers to the sender.

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

// tooLarge reports whether a stanza is too large for the sender of this step's stanza.
func (t *step) tooLarge(d *splice.Stanza) bool {
	return len(t.fitting([]JID{t.in.from}, d, splice.None, nil)) == 0
}

// renderEmptyResult answers it with a result that holds nothing. Nobody else writes here, so
// that the writer needs no memory of its own.
func (t *step) renderEmptyResult() {
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
