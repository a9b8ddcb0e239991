package muc

import (
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Requesting voice (XEP-0045 §7.13) and approving it (§8.6), each with a form.

// The fields of muc#request (XEP-0045 §16.5.2).
const (
	fieldRole         = "muc#role"
	fieldJID          = "muc#jid"
	fieldNick         = "muc#roomnick"
	fieldRequestAllow = "muc#request_allow"
)

// formToRoom decides on a form in a message to the room. A cancelled one does nothing: so
// a moderator passes over a request.
func (t *step) formToRoom() *StanzaError {
	x := xmlwire.ParseNode(t.in.XML(t.in.Find(ns.Data, "x")))
	if x.AttrOr("type", "") == "cancel" {
		return nil
	}
	switch form.TypeOf(&x) {
	case ns.Request:
		return t.voiceForm(&x)
	case ns.RegForm:
		return t.judgeRegistration(&x)
	}
	return t.messageToRoom()
}

// voiceForm decides on a request for voice, or on a moderator's verdict on one.
func (t *step) voiceForm(x *xmlwire.Node) *StanzaError {
	a := &t.sender
	if a.session == nil && a.role < Moderator {
		return refuse(stanza.NotAcceptable, "7.13", "you are not in the room")
	}
	sub, refused := form.ReadSubmission(x, ns.Request, "7.13", t.r.cfg.Limits.FieldBytes)
	if refused != nil {
		return refused
	}
	role := sub.Field(fieldRole)
	if role != nil && (len(role.Values) != 1 || role.Values[0] != Participant.String()) {
		return refuse(stanza.BadRequest, "7.13", "voice is the role of a participant")
	}
	switch {
	case sub.Field(fieldRequestAllow) != nil:
		return t.judgeVoice(a, sub)
	case role == nil:
		return refuse(stanza.BadRequest, "7.13", "the form does not say which role is asked for")
	case a.session == nil:
		return refuse(stanza.NotAcceptable, "7.13", "you are not in the room")
	}
	return t.requestVoice(a.session)
}

// requestVoice decides on a visitor's request (XEP-0045 §7.13).
func (t *step) requestVoice(ses *state.Session) *StanzaError {
	s, o := &t.r.st, ses.Occupant()
	switch {
	case s.Config().NoVoiceRequests:
		return refuse(stanza.Forbidden, "7.13", "visitors do not ask for voice in this room")
	case o.Role() != Visitor:
		return refuse(stanza.UnexpectedRequest, "7.13", "you have voice already").WithType(stanza.TypeModify)
	case len(s.InRole(Moderator)) == 0:
		return refuse(stanza.RecipientUnavailable, "8.6", "no moderator is in the room")
	}
	waiting := s.AwaitVoice(t.now)
	if slices.Contains(waiting, o.Person().JID()) {
		return refuse(stanza.ResourceConstraint, "7.13", "you have asked for voice already")
	}
	if len(waiting) >= t.r.cfg.Limits.VoiceRequests {
		return refuse(stanza.ResourceConstraint, "14.6", "too many visitors have asked for voice")
	}
	if refused := t.spend(event.RateMessages); refused != nil {
		return refused
	}
	t.propose(&event.VoiceRequested{ID: t.newID(), Occupant: o.Number(), JID: ses.JID(), Nick: o.Nick(), Now: t.behind()})
	return nil
}

// judgeVoice decides on a moderator's verdict on a request for voice (XEP-0045 §8.6). The
// form comes from a client, so its address and nick must be those of one visitor. Nothing
// happens if the occupant has voice already.
func (t *step) judgeVoice(a *sender, sub *form.Submission) *StanzaError {
	if !roleMay(a.role, toGrantVoice) {
		return refuse(stanza.Forbidden, "8.6", "only moderators grant voice")
	}
	allow := sub.Field(fieldRequestAllow)
	granted, ok := form.ParseBool(form.First(allow.Values))
	if !ok || len(allow.Values) != 1 {
		return refuse(stanza.BadRequest, "8.6", "the form does not say whether voice is granted")
	}
	if !granted {
		return nil
	}
	jid, nick := sub.Field(fieldJID), sub.Field(fieldNick)
	if jid == nil || nick == nil || len(jid.Values) != 1 || len(nick.Values) != 1 {
		return refuse(stanza.BadRequest, "8.6", "the form does not say who gets voice: address and nick are needed")
	}
	j, err := t.r.named(jid.Values[0])
	if err != nil {
		return refuse(stanza.JIDMalformed, "8.6", "the address is malformed")
	}
	o := t.r.occupantNamed(nick.Values[0])
	if o == nil || o.Person().JID() != j.Bare() {
		return refuse(stanza.ItemNotFound, "8.6", "there is no such visitor any more")
	}
	if o.Role() != Visitor {
		return nil
	}
	return t.administer(a, []adminItem{{byRole: true, role: Participant, nick: o.Nick(), hasNick: true}})
}

const voiceInstructions = `To approve this request for voice, select the "Grant voice to this person?" ` +
	`checkbox and submit the form. To skip this request, cancel the form.`

// voiceApproval is the form by which a moderator grants voice. It holds the real JID of
// the visitor.
func (r *Room) voiceApproval(b *event.VoiceRequested) *splice.Stanza {
	fields := []form.Field{
		{Name: fieldRole, Type: "list-single", Label: "Requested role",
			Values: []string{Participant.String()}, Options: []form.Option{{Value: Participant.String(), Label: "Participant"}}},
		jidField(fieldJID, b.JID),
		{Name: fieldNick, Type: "text-single", Label: "Room Nickname", Values: []string{b.Nick}},
		{Name: fieldRequestAllow, Type: "boolean", Label: "Grant voice to this person?", Values: []string{"false"}},
	}
	return r.approvalForm(b.ID, ns.Request, "Voice request", voiceInstructions, fields)
}

// approvalForm is a message with a form to decide by. It was not requested, so its labels
// are in the room's language.
func (r *Room) approvalForm(id, formType, title, instructions string, fields []form.Field) *splice.Stanza {
	r.localize(r.st.Config().Lang, fields)
	return splice.Write("message", 1024, func(w *xmlwire.Writer) {
		address(w, "from", r.jid)
		w.Attr("id", id)
		form.WriteInstructed(w, "form", formType, title, instructions, fields)
	})
}
