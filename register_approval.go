package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Approving registrations (XEP-0045 §9.9). A request waits until an admin decides or its
// time is over. Requests outlive a restart of the host, and admins who enter later are
// shown them too.

// requestRegistration proposes that the sender waits for an admin's approval.
func (t *step) requestRegistration(app *application) *StanzaError {
	s, cfg, a := &t.r.st, t.r.cfg, &t.sender
	if s.RequestOf(a.bare) != nil {
		return refuse(stanza.UnexpectedRequest, "9.9", "your request waits for an admin")
	}
	if e := t.admissible(a, app); e != nil {
		return e
	}
	if len(s.Sparse().Requests()) >= cfg.Limits.Registrations {
		return refuse(stanza.ResourceConstraint, "14.6", "too many requests wait for an admin")
	}
	b := &event.RegistrationRequested{JID: a.bare, Nick: app.nick.Nick, Key: app.nick.Key, Answers: app.answers}
	if cfg.RegistrationTimeout > 0 {
		b.Deadline = event.Stamp{Time: t.now.Add(cfg.RegistrationTimeout)}
	}
	t.propose(b)
	return nil
}

// expireRequests closes the requests that nobody decided on in time.
func (t *step) expireRequests() {
	for _, b := range t.r.st.Sparse().Requests() {
		if !b.Deadline.IsZero() && t.r.due(b.Deadline.Time, t.r.cfg.RegistrationTimeout, t.now) {
			t.propose(&event.RegistrationClosed{JID: b.JID, How: event.RequestExpired})
		}
	}
}

// judgeRegistration decides on an admin's verdict on a request. The form comes from a
// client, so its address and nick must be those of one request. Without an address, which
// the form of XEP-0045 does not have, only one request may be for the nick.
func (t *step) judgeRegistration(x *xmlwire.Node) *StanzaError {
	a := &t.sender
	if !affiliationMay(a.aff, toEditMembers) {
		return refuse(stanza.Forbidden, "9.9", "only admins decide who registers")
	}
	sub, refused := form.ReadSubmission(x, ns.RegForm, "9.9", t.r.cfg.Limits.FieldBytes)
	if refused != nil {
		return refused
	}
	allow, nick := sub.Field(fieldRegisterAllow), sub.Field(fieldRoomNick)
	if allow == nil || nick == nil || len(allow.Values) != 1 || len(nick.Values) != 1 {
		return refuse(stanza.BadRequest, "9.9", "the form does not say whose request it decides, or how")
	}
	granted, ok := form.ParseBool(allow.Values[0])
	if !ok {
		return refuse(stanza.BadRequest, "9.9", "the form does not say whether the request is granted")
	}
	var bare JID
	if jid := sub.Field(fieldRegisterJID); jid != nil {
		j, err := t.r.named(form.First(jid.Values))
		if err != nil {
			return refuse(stanza.JIDMalformed, "9.9", "the address is malformed")
		}
		bare = j.Bare()
	}
	b := t.r.st.RequestFor(nick.Values[0], bare)
	if b == nil {
		return refuse(stanza.ItemNotFound, "9.9", "there is no such request any more")
	}
	return t.decideRegistration(b, granted, a.event())
}

// decideRegistration proposes what an admin or the host decided.
func (t *step) decideRegistration(b *event.RegistrationRequested, granted bool, by event.Actor) *StanzaError {
	if !granted {
		t.propose(&event.RegistrationClosed{JID: b.JID, How: event.RequestRefused, Actor: by})
		return nil
	}
	a := t.r.senderOf(b.JID)
	return t.register(&a, &application{nick: NickResult{Nick: b.Nick, Key: b.Key}, answers: b.Answers}, by)
}

// DecideRegistration grants or refuses a request to register that waits for an
// admin (XEP-0045 §9.9); [Room.RegistrationRequests] lists them.
type DecideRegistration struct {
	JID   JID
	Allow bool
}

func (c DecideRegistration) do(t *step) error {
	asks, e := t.r.normal(c.JID)
	if e != nil {
		return e
	}
	a := &t.sender
	if !affiliationMay(a.aff, toEditMembers) {
		return refuse(stanza.Forbidden, "9.9", "only admins decide who registers")
	}
	b := t.r.st.RequestOf(asks.Bare())
	if b == nil {
		return ErrNotFound
	}
	if e := t.decideRegistration(b, c.Allow, a.event()); e != nil {
		return e
	}
	return nil
}

const requestInstructions = `To approve this registration request, select the ` +
	`"Allow this person to register with the room?" checkbox and submit the form. To skip this request, cancel the form.`

// renderRequest shows a new request to the admins and owners who are inside.
func (t *step) renderRequest(b *event.RegistrationRequested) {
	doc := t.r.requestApproval(t.newID(), b)
	for _, o := range t.r.st.Occupants() {
		if t.r.st.OccupantAffiliation(o) >= Admin {
			t.send(t.r.audience().sessionsOf(o), doc, splice.None, nil)
		}
	}
}

// renderRequests shows an admin or owner who enters the open requests.
func (t *step) renderRequests(to []JID, own *state.Occupant) {
	s := &t.r.st
	if len(s.Sparse().Requests()) == 0 || s.OccupantAffiliation(own) < Admin {
		return
	}
	for _, b := range s.Sparse().Requests() {
		t.send(to, t.r.requestApproval(t.newID(), b), splice.None, nil)
	}
}

// requestApproval is the form by which an admin approves a request. It holds the real JID
// of the person who asks.
func (r *Room) requestApproval(id string, b *event.RegistrationRequested) *splice.Stanza {
	fields := []form.Field{
		jidField(fieldRegisterJID, b.JID),
		{Name: fieldRoomNick, Type: string(TextSingle), Label: "Desired Nickname", Values: []string{b.Nick}},
	}
	for _, a := range b.Answers {
		f := form.Field{Name: a.Var, Values: a.Values}
		for i := range r.cfg.RegistrationFields {
			if known := &r.cfg.RegistrationFields[i]; known.Var == a.Var {
				f.Type, f.Label, f.Options = string(known.Type), known.Label, form.PlainOptions(known.Options)
			}
		}
		fields = append(fields, f)
	}
	fields = append(fields, form.Field{Name: fieldRegisterAllow, Type: string(Boolean),
		Label: "Allow this person to register with the room?", Values: []string{"0"}})
	return r.approvalForm(id, ns.RegForm, "Registration request", requestInstructions, fields)
}
