package muc

// registerGet answers somebody who asks how to register (XEP-0045 §7.10): with
// his registration, or with the form.
func (t *turn) registerGet() *StanzaError {
	p, refused := t.registrant()
	if refused != nil {
		return refused
	}
	t.answer = func(w *xmlWriter) {
		w.start("query", nsRegister)
		if p != nil && p.nick != "" {
			w.element("registered", "", "")
			w.element("username", "", p.nick)
		} else {
			w.form("form", nsRegForm, "", registrationForm)
		}
		w.end()
	}
	return nil
}

const fieldRoomNick = "muc#register_roomnick"

var registrationForm = []formField{{name: fieldRoomNick, typ: "text-single", label: "Nickname", required: true}}

// registrant judges whether the sender may register at all, and finds what the
// room knows of him: nil for nothing.
func (t *turn) registrant() (*person, *StanzaError) {
	s, bare := &t.r.st, t.in.from.Bare()
	switch aff := s.affiliationOf(bare); {
	case aff == Outcast:
		return nil, refuse(Forbidden, "7.10", "you are banned from this room")
	case aff == None && !t.r.cfg.OpenRegistration:
		return nil, refuse(RegistrationRequired, "7.10", "only members register with this room")
	}
	p, _ := s.persons.get(bare)
	return p, nil
}

// registerSet decides on a registration or its end.
func (t *turn) registerSet() *StanzaError {
	q := t.query()
	if q.child(nsRegister, "remove") != nil {
		t.deregister()
		t.answer = emptyResult
		return nil
	}
	p, refused := t.registrant()
	if refused != nil {
		return refused
	}
	sub, refused := t.r.readForm(q, nsRegForm, "7.10")
	if refused != nil {
		return refused
	}
	t.answer = emptyResult
	if sub.cancelled {
		return nil
	}
	f := sub.field(fieldRoomNick)
	if f == nil || len(f.values) != 1 {
		return refuse(BadRequest, "7.10", "a nick is missing")
	}
	nick, refused := t.r.judgeNick(f.values[0])
	if refused != nil {
		return refused
	}
	return t.register(p, nick)
}

// register proposes a registration: who has no affiliation becomes a member.
func (t *turn) register(p *person, nick NickResult) *StanzaError {
	s, bare := &t.r.st, t.in.from.Bare()
	if _, refused := t.freeNick(bare, nick); refused != nil {
		return refuse(Conflict, "7.10", "the nick is taken")
	}
	if p == nil && s.persons.len() >= t.r.cfg.Limits.Affiliations {
		return refuse(ResourceConstraint, "14.6", "too many people are registered")
	}
	if s.affiliationOf(bare) == None {
		t.newAdminSet(actor{}, Actor{}).affiliate(bare, Member, "")
	}
	t.propose(&Registered{JID: bare, Nick: nick.Nick, Key: nick.Key})
	return nil
}

// deregister proposes the end of a registration: a member is a member no more
// (XEP-0077 §3.2), an admin or owner only gives back the nick. Nothing happens
// to somebody who has neither.
func (t *turn) deregister() {
	bare := t.in.from.Bare()
	p, known := t.r.st.persons.get(bare)
	switch {
	case !known:
	case p.aff == Member:
		set := t.newAdminSet(actor{}, Actor{})
		set.affiliate(bare, None, "")
		set.finish()
	case p.nick != "":
		t.propose(&Deregistered{JID: bare})
	}
}
