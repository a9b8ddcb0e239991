package muc

import (
	"github.com/gomuc/muc/internal/adhoc"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Ad-hoc commands of a room (XEP-0050).

// roomCommands are the commands, in the order of the list. A new one is a row. They are
// filled in by init because handlers lead back to them.
var roomCommands adhoc.Set[*step]

func init() {
	roomCommands = adhoc.Set[*step]{
		{Node: ns.NodeRequests, Name: "Requests to register", May: (*step).mayDecideRequests, Form: (*step).requestsForm, Do: (*step).decideRequest},
	}
	roomCommands = append(roomCommands, hatCommands...)
}

// executeCommand carries out a step of a command: of the room's, or of the host's, if it
// answers commands.
func (t *step) executeCommand() *StanzaError {
	if !roomCommands.Has(t.query().AttrOr("node", "")) && t.r.cfg.AnswersIQ != nil && t.r.cfg.AnswersIQ(ns.Commands, "command") {
		return t.unknownIQ()
	}
	answer, refused := roomCommands.Execute(t, adhoc.Request{Command: t.query(), Session: t.newID(),
		Longest: t.r.cfg.Limits.FieldBytes, Word: t.word()})
	if refused != nil {
		return refused
	}
	t.answer(answer)
	return nil
}

// commandItems lists the commands that the sender may carry out.
func (t *step) commandItems() {
	t.answer(func(w *xmlwire.Writer) { roomCommands.WriteItems(w, t, t.r.jid.String(), t.word()) })
}

// commandInfo tells what a node of the commands is.
func (t *step) commandInfo(node string) *StanzaError {
	answer, refused := roomCommands.Info(t, node, t.word())
	if refused == nil {
		t.answer(answer)
	}
	return refused
}

// word puts texts into the language of the step's stanza, by Config.Label; nil if they
// stay as they are.
func (t *step) word() func(field, text string) string {
	if t.r.cfg.Label == nil {
		return nil
	}
	return func(field, text string) string { return t.r.worded(t.in.lang, field, text) }
}

// Deciding who registers (XEP-0045 §9.9), for admins who do not wait to be shown each
// request.

const (
	fieldRequest  = "request"
	fieldDecision = "decision"
	decisionAllow = "allow"
	decisionDeny  = "deny"
)

func (t *step) mayDecideRequests() bool {
	return t.r.cfg.Registration == RegistrationApproved && affiliationMay(t.sender.aff, toEditMembers)
}

// requestsForm lists the requests that wait, as far as they fit; the others follow when
// these are decided.
func (t *step) requestsForm() (*adhoc.Form, *StanzaError) {
	var options []form.Option
	most := t.r.cfg.Limits.PageBytes
	for _, b := range t.r.st.Sparse().Requests() {
		o := requestOption(b)
		if most -= optionMarkup + xmlwire.EscapedLen(o.Value) + xmlwire.EscapedLen(o.Label); most < 0 && len(options) > 0 {
			break
		}
		options = append(options, o)
	}
	if len(options) == 0 {
		return nil, refuse(stanza.ItemNotFound, "9.9", "nobody waits for a decision")
	}
	return &adhoc.Form{Type: ns.NodeRequests, Title: "Requests to register", Fields: []form.Field{
		{Name: fieldRequest, Type: string(ListSingle), Label: "Who asks", Required: true, Options: options},
		{Name: fieldDecision, Type: string(ListSingle), Label: "May this person register with the room?", Required: true,
			Options: []form.Option{{Value: decisionAllow, Label: "Yes"}, {Value: decisionDeny, Label: "No"}}},
	}}, nil
}

// optionMarkup is the markup of an option of a form, in bytes.
const optionMarkup = 48

// decideRequest decides on one request.
func (t *step) decideRequest(sub *form.Submission) (*adhoc.Result, *StanzaError) {
	who := form.First(sub.Field(fieldRequest).Values)
	for _, b := range t.r.st.Sparse().Requests() {
		if requestOption(b).Value == who {
			allowed := form.First(sub.Field(fieldDecision).Values) == decisionAllow
			return &adhoc.Result{Note: "It is decided."}, t.decideRegistration(b, allowed, t.sender.event())
		}
	}
	return nil, refuse(stanza.ItemNotFound, "9.9", "there is no such request any more")
}
