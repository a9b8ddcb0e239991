package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Registering with a room (XEP-0045 §7.10).

// Registration says who may register with a room (XEP-0045 §7.10).
type Registration uint8

// The values of Config.Registration.
const (
	// RegistrationMembers: people with an affiliation reserve a nick; the others are
	// refused with registration-required.
	RegistrationMembers Registration = iota
	// RegistrationOpen: everybody who is not banned; it makes them members.
	RegistrationOpen
	// RegistrationApproved: the same, but an admin decides on each who has no
	// affiliation (§9.9).
	RegistrationApproved
	// RegistrationNone: the room knows no registration: service-unavailable.
	RegistrationNone
)

// application is a registration form that was filled in.
type application struct {
	nick    NickResult
	answers []event.FieldValue
}

// registerGet answers a request for the registration form: with the asker's registration
// or with the form (XEP-0045 §7.10).
func (t *step) registerGet() *StanzaError {
	if refused := t.registrant(); refused != nil {
		return refused
	}
	a := &t.sender
	if p := a.person; p != nil && p.Nick() != "" {
		nick := p.Nick()
		t.answer(func(w *xmlwire.Writer) {
			w.Start("query", ns.Register)
			w.Element("registered", "", "")
			w.Element("username", "", nick)
			w.End()
		})
		return nil
	}
	if e := t.r.hostOnRegistration(RegisterRequest{JID: a.bare, Affiliation: a.aff}); e != nil {
		return e
	}
	fields := t.r.registrationForm()
	t.r.localize(t.in.lang, fields)
	t.answer(func(w *xmlwire.Writer) {
		w.Start("query", ns.Register)
		form.Write(w, "form", ns.RegForm, "", fields)
		w.End()
	})
	return nil
}

// registrant judges whether the sender may register at all, by affiliation.
func (t *step) registrant() *StanzaError {
	s, mode, a := &t.r.st, t.r.cfg.Registration, &t.sender
	if mode == RegistrationNone {
		return refuse(stanza.ServiceUnavailable, "7.10", "this room knows no registration")
	}
	if e := closedTo(s, a); e != nil {
		return e
	}
	switch {
	case !affiliationMay(a.aff, toRegister):
		return banned(s, a, "7.10")
	case a.aff == AffiliationNone && mode == RegistrationMembers:
		return refuse(stanza.RegistrationRequired, "7.10", "only members register with this room")
	}
	return nil
}

// registerSet decides on a registration or its end.
func (t *step) registerSet() *StanzaError {
	q := t.query()
	if q.Child(ns.Register, "remove") != nil {
		return t.deregister(q)
	}
	if refused := t.registrant(); refused != nil {
		return refused
	}
	sub, refused := form.Read(q, ns.RegForm, "7.10", t.r.cfg.Limits.FieldBytes)
	if refused != nil {
		return refused
	}
	t.answer(nil)
	if sub.Cancelled {
		return nil
	}
	app, refused := t.r.readApplication(sub)
	if refused != nil {
		return refused
	}
	if refused := t.spend(event.RatePresence); refused != nil {
		return refused
	}
	if t.sender.aff == AffiliationNone && t.r.cfg.Registration == RegistrationApproved {
		return t.requestRegistration(app)
	}
	return t.register(&t.sender, app, event.Actor{})
}

// admissible judges whether somebody may be registered with a nick now.
func (t *step) admissible(a *sender, app *application) *StanzaError {
	if _, refused := t.freeNick(a.bare, app.nick, false); refused != nil {
		return refuse(stanza.Conflict, "7.10", "the nick is taken")
	}
	return t.r.hostOnRegistration(RegisterRequest{JID: a.bare, Affiliation: a.aff, Nick: app.nick.Nick, Answers: app.answers})
}

// register proposes a registration, requested or approved: a person without affiliation
// becomes a member. In a room that assigns reserved nicks, an occupant gets the nick at
// once.
func (t *step) register(a *sender, app *application, by event.Actor) *StanzaError {
	if e := t.admissible(a, app); e != nil {
		return e
	}
	renamed, refused := t.assignNick(a.person, app.nick)
	if refused != nil {
		return refused
	}
	set := t.newAdminSet(&sender{}, by)
	if a.aff == AffiliationNone {
		set.affiliate(a.bare, Member, "")
	}
	set.person(a.bare).nick, set.person(a.bare).key = app.nick.Nick, app.nick.Key
	if e := set.judge(); e != nil {
		return e
	}
	t.propose(&event.Registered{JID: a.bare, Nick: app.nick.Nick, Key: app.nick.Key, Answers: app.answers})
	if renamed != nil {
		t.propose(renamed)
	}
	return nil
}

// assignNick is the event that gives an occupant the registered nick, nil if the room does
// not assign nicks or the occupant has it already. Somebody with several nicks is refused.
func (t *step) assignNick(p *state.Person, nick NickResult) (*event.Renamed, *StanzaError) {
	if t.r.cfg.NickLockdown != LockdownAssign || p == nil {
		return nil, nil
	}
	var o *state.Occupant
	for other := p.First(); other != nil; other = other.Sibling() {
		switch {
		case other.IsPuppet(): // the host's to name
		case o != nil:
			return nil, refuse(stanza.NotAcceptable, "7.10", "one registers with one nick, not while inside under several")
		default:
			o = other
		}
	}
	if o == nil || o.Nick() == nick.Nick {
		return nil, nil
	}
	return &event.Renamed{JID: o.Front().JID(), From: o.Number(), Occupant: o.Number(), Old: o.Nick(), Role: o.Role(), Front: true,
		Nick: nick.Nick, Key: nick.Key, Lang: o.Front().Lang(), Payload: o.Front().Payload(), Assigned: true}, nil
}

// deregister decides on the end of a registration: a member loses membership (XEP-0077
// §3.2), an admin or owner only the nick, and an open request is withdrawn. For anybody
// else there is nothing to do.
func (t *step) deregister(q *xmlwire.Node) *StanzaError {
	s, bare := &t.r.st, t.sender.bare
	switch {
	case t.r.cfg.Registration == RegistrationNone:
		return refuse(stanza.ServiceUnavailable, "7.10", "this room knows no registration")
	case len(q.Kids) != 1:
		return refuse(stanza.BadRequest, "XEP-0077 §3.2", "a request to be removed is nothing else")
	case !affiliationMay(t.sender.aff, toRegister):
		return banned(s, &t.sender, "XEP-0077 §3.2")
	}
	t.answer(nil)
	if s.RequestOf(bare) != nil {
		t.propose(&event.RegistrationClosed{JID: bare, How: event.RequestWithdrawn})
	}
	switch p := t.sender.person; {
	case p == nil:
	case p.Affiliation() == Member:
		set := t.newAdminSet(&sender{}, event.Actor{})
		set.affiliate(bare, AffiliationNone, "")
		return set.finish()
	case p.Nick() != "":
		t.propose(&event.Deregistered{JID: bare})
	}
	return nil
}
