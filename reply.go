package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/xmlwire"
)

// reply is what a step owes to somebody beyond what its events tell: what was asked for,
// or what the room passes on and does not remember.
type reply interface {
	render(t *step)
}

// replies are several, in their order.
type replies []reply

func (list replies) render(t *step) {
	for _, x := range list {
		x.render(t)
	}
}

// owe adds a reply to those that are owed.
func (t *step) owe(x reply) {
	switch owed := t.reply.(type) {
	case nil:
		t.reply = x
	case replies:
		t.reply = append(owed, x)
	default:
		t.reply = replies{owed, x}
	}
}

// resultReply writes the payload of an IQ result; nil for a result without one.
type resultReply func(w *xmlwire.Writer)

// answer owes the result of the IQ of this step.
func (t *step) answer(payload func(w *xmlwire.Writer)) { t.owe(resultReply(payload)) }

func (payload resultReply) render(t *step) {
	if payload == nil {
		t.renderEmptyResult()
		return
	}
	t.renderResult(payload)
}

// listReply is a list that is written already and lacks only the id of the request.
type listReply struct{ written *splice.Stanza }

func (x listReply) render(t *step) {
	t.toSender(x.written, splice.None, &splice.Extra{ID: t.in.id}) // it is a page, which fits
}

// passingReply is a message to everybody that the room does not remember.
type passingReply struct{ message event.Message }

func (x *passingReply) render(t *step) { t.broadcast(t.r.renderMessage(&x.message)) }

// selfReply is what the session that asks for a new presence of itself gets instead of
// what its occupant's other sessions are told. It has its place among the presences of
// the step: see tellSelf.
type selfReply struct{ extra splice.Extra }

func (*selfReply) render(*step) {}
