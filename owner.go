package muc

import "strings"

// ownerGet answers an owner who asks for the configuration form (XEP-0045 §10.2).
func (t *turn) ownerGet() *StanzaError {
	if t.actor().aff < Owner {
		return refuse(Forbidden, "10.2", "only owners configure the room")
	}
	if q := t.query(); len(q.kids) > 0 {
		return refuse(BadRequest, "10.2", "the query must be empty")
	}
	t.answer = func(w *xmlWriter) {
		w.start("query", nsOwner)
		w.form("form", nsConfig, "Configuration of "+t.r.cfg.Room.String(), t.r.configForm())
		w.end()
	}
	return nil
}

// configForm is the configuration as a form: the table with its present values.
func (r *Room) configForm() []formField {
	fields := make([]formField, 0, len(configFields))
	for _, f := range configFields {
		fields = append(fields, formField{name: f.name, typ: f.typ, label: f.label, options: f.options,
			lo: f.lo, hi: f.hi, values: f.get(&r.st.conf)})
	}
	return fields
}

// ownerSet decides on what an owner asks: a configuration (XEP-0045 §10.1, §10.2)
// or the end of the room (§10.9).
func (t *turn) ownerSet() *StanzaError {
	a := t.actor()
	if a.aff < Owner {
		return refuse(Forbidden, "10.2", "only owners configure the room")
	}
	q := t.query()
	if d := q.child(nsOwner, "destroy"); d != nil {
		return t.destroyByForm(d, a)
	}
	sub, refused := t.r.readForm(q, nsConfig, "10.1.3")
	if refused != nil {
		return refused
	}
	t.answer = emptyResult
	if sub.cancelled {
		if t.r.st.life == Locked {
			t.destroy(&RoomDestroyed{Actor: a.event()})
		}
		return nil
	}
	conf, refused := t.r.configured(sub)
	if refused != nil {
		return refused
	}
	t.configure(&conf, a)
	return nil
}

// configured judges a submission: the configuration that it leads to, or what
// is wrong with it. Fields that are not there keep their value, fields that the
// room does not know are left alone.
func (r *Room) configured(sub *submission) (RoomConfig, *StanzaError) {
	conf := r.st.conf
	var flag *formField
	seen := make([]*configField, 0, len(sub.fields))
	for i := range sub.fields {
		got := &sub.fields[i]
		f := configFieldNamed(got.name)
		if f == nil {
			continue
		}
		for _, other := range seen {
			if other == f {
				return conf, refuse(BadRequest, "10.1.3", "the field "+f.name+" is there twice")
			}
		}
		seen = append(seen, f)
		if len(got.values) > 1 && f.typ != "list-multi" {
			return conf, refuse(BadRequest, "10.1.3", "the field "+f.name+" takes one value")
		}
		if f == passwordFlag {
			flag = got // it judges the outcome, whatever the order
		}
		if err := f.set(&conf, got.values); err != nil {
			return conf, refuse(BadRequest, "10.1.3", "the field "+f.name+" "+err.Error())
		}
	}
	if flag != nil {
		if err := passwordFlag.set(&conf, flag.values); err != nil {
			return conf, refuse(BadRequest, "10.1.3", "the field "+passwordFlag.name+" "+err.Error())
		}
		if on, _ := parseFormBool(first(flag.values)); on && conf.Password == "" {
			return conf, refuse(NotAcceptable, "10.1.3", "a password-protected room needs a password").as(TypeModify)
		}
	}
	return conf, nil
}

// configure proposes a configuration and what follows from it.
func (t *turn) configure(conf *RoomConfig, a actor) {
	s := &t.r.st
	if list := changes(&s.conf, conf); len(list) > 0 {
		t.propose(&Configured{Changes: list, Actor: a.event()})
	}
	if s.life == Locked {
		t.propose(&Unlocked{})
	}
	going := 0
	if conf.MembersOnly && !s.conf.MembersOnly {
		for _, o := range s.occupants {
			if aff := s.affiliationOf(o.person.jid()); !mayEnter(aff, conf) {
				t.remove(o, CauseMembersOnly, aff, "", Actor{})
				going++
			}
		}
	}
	if going == len(s.occupants) && !conf.Persistent {
		t.end(&RoomDestroyed{})
	}
}

// remove proposes that an occupant is put out.
func (t *turn) remove(o *occupant, cause Cause, aff Affiliation, reason string, by Actor) {
	b := &Removed{Occupant: o.num, Nick: o.nick, OccupantID: o.id, Role: o.role, Affiliation: aff,
		Cause: cause, Reason: reason, Actor: by, JIDs: make([]JID, 0, len(o.sessions))}
	for _, ses := range o.sessions {
		b.JIDs = append(b.JIDs, ses.jid())
	}
	t.propose(b)
}

// destroyByForm decides on an owner's wish to end the room (XEP-0045 §10.9).
func (t *turn) destroyByForm(d *node, a actor) *StanzaError {
	b := &RoomDestroyed{Actor: a.event()}
	if alternate := d.attrOr("jid", ""); alternate != "" {
		j, err := parseJID(alternate, t.r.cfg.NormalizeDomain)
		if err != nil {
			return refuse(JIDMalformed, "10.9", "the alternate venue is no address")
		}
		b.Alternate = j
	}
	if n := d.child(nsOwner, "reason"); n != nil {
		b.Reason = n.text
	}
	if n := d.child(nsOwner, "password"); n != nil {
		b.Password = n.text
	}
	if len(b.Reason) > t.r.cfg.Limits.ReasonBytes || len(b.Password) > t.r.cfg.Limits.ReasonBytes {
		return refuse(PolicyViolation, "14.6", "the reason is too long")
	}
	t.destroy(b)
	t.answer = emptyResult
	return nil
}

// destroy proposes the end of the room: everybody is put out first.
func (t *turn) destroy(b *RoomDestroyed) {
	for _, o := range t.r.st.occupants {
		t.remove(o, CauseDestroyed, None, "", Actor{})
	}
	t.end(b)
}

// proposeBirth proposes a new room, owned by its creator (XEP-0045 §10.1.1).
func (t *turn) proposeBirth(creator JID, conf RoomConfig) {
	c := &t.r.cfg
	b := &Created{Room: c.Room, Creator: creator, KeyPrint: t.r.keyPrint(), Config: conf}
	if !c.Instant {
		b.LockedUntil = t.lockEnd()
	}
	t.propose(b)
	t.propose(&AffiliationChanged{JID: creator, New: Owner})
}

// birthConfig is the configuration that a room is born with: the host's
// defaults, and the password that its creator came with.
func (r *Room) birthConfig(x *node) RoomConfig {
	conf := r.cfg.Defaults
	if p := x.child(nsMUC, "password"); p != nil && len(p.text) <= r.cfg.Limits.FieldBytes {
		conf.Password = strings.TrimSpace(p.text)
	}
	return conf
}

// renderConfigured tells everybody inside what kind of change was made
// (XEP-0045 §10.2.1), and what they see differently now.
func (t *turn) renderConfigured(events []Event) {
	for _, ev := range events {
		switch b := ev.Body.(type) {
		case *Unlocked:
			return // the first configuration is no change of one
		case *Configured:
			if !t.r.st.alive() {
				return
			}
			t.renderStatus(b)
			t.renderNewSights(b)
		}
	}
}

// renderStatus sends the status codes of a changed configuration, in one
// message.
func (t *turn) renderStatus(b *Configured) {
	conf := &t.r.st.conf
	var codes [len(statusOrder)]int
	for _, c := range b.Changes {
		code := statusConfigured
		if f := configFieldNamed(c.Var); f != nil && f.code != nil {
			code = f.code(conf)
		}
		for i, known := range statusOrder {
			if known == code {
				codes[i] = code
			}
		}
	}
	d := &rendered{head: len("<message")}
	w := xmlWriter{b: make([]byte, 0, 192)}
	w.start("message", "")
	w.address("from", t.r.cfg.Room)
	w.attr("type", "groupchat")
	w.start("x", nsUser)
	w.raw(statuses(codes[:]...))
	w.end()
	w.end()
	d.b = w.b
	t.broadcast(d)
}

// statusOrder is the codes that tell of a configuration, ascending.
var statusOrder = [...]int{statusShowsAbsent, statusHidesAbsent, statusConfigured, statusLogged, statusNotLogged,
	statusNowNonAnonymous, statusNowSemiAnonymous}

// renderNewSights sends again the presences that show more than before: real
// JIDs in a room that became non-anonymous, occupants whose role is no longer
// hidden. Occupants whose role became hidden disappear.
func (t *turn) renderNewSights(b *Configured) {
	s := &t.r.st
	old := s.conf
	for _, c := range b.Changes {
		if f := configFieldNamed(c.Var); f != nil && f.set(&old, c.Old) != nil {
			return
		}
	}
	opened := old.Whois == WhoisModerators && s.conf.Whois == WhoisAnyone
	for _, o := range s.occupants {
		was, is := old.broadcasts(o.role), s.conf.broadcasts(o.role)
		switch {
		case is && (!was || opened):
			t.tellOthers(o.num, t.r.recipe(o), nil)
		case was && !is:
			t.tellOthers(o.num, t.r.absence(o), nil)
		}
	}
}
