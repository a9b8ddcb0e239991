package muc

import (
	"slices"
)

// ownerGet answers an owner who asks for the configuration form (XEP-0045 §10.2).
func (t *turn) ownerGet() *StanzaError {
	if !t.actor().aff.may(toConfigure) {
		return refuse(Forbidden, "10.2", "only owners configure the room")
	}
	if q := t.query(); len(q.kids) > 0 {
		return refuse(BadRequest, "10.2", "the query must be empty")
	}
	return t.answerForm(t.r.st.conf)
}

// answerForm answers with the configuration form, filled in.
func (t *turn) answerForm(conf *RoomConfig) *StanzaError {
	fields := t.r.configForm(conf)
	t.r.localize(t.in.lang, fields)
	t.answer = func(w *xmlWriter) {
		w.start("query", nsOwner)
		w.form("form", nsConfig, "Configuration of "+t.r.jid.String(), fields)
		w.end()
	}
	return nil
}

// configForm is the configuration as a form: the table with its values, and the
// lists of admins and owners.
func (r *Room) configForm(conf *RoomConfig) []formField {
	fields := make([]formField, 0, len(configFields)+len(rankFields))
	for _, f := range configFields {
		fields = append(fields, formField{name: f.name, typ: f.typ, label: f.label, options: f.options,
			lo: f.lo, hi: f.hi, values: f.get(conf)})
	}
	for _, f := range rankFields {
		fields = append(fields, formField{name: f.name, typ: "jid-multi", label: f.label, values: listedJIDs(r.ranked(f.affiliation))})
	}
	return fields
}

// localize lets the host put labels into the language of whoever asked.
func (r *Room) localize(lang string, fields []formField) {
	if r.cfg.Label == nil {
		return
	}
	for i := range fields {
		fields[i].label = r.cfg.Label(lang, fields[i].name, fields[i].label)
	}
}

// ownerSet decides on what an owner asks: a configuration (XEP-0045 §10.1, §10.2)
// or the end of the room (§10.9).
func (t *turn) ownerSet() *StanzaError {
	a := t.actor()
	if !a.aff.may(toConfigure) {
		t.echo = t.in.body
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
	t.done = true
	if sub.cancelled {
		if t.r.st.life == Locked {
			t.destroy(&RoomDestroyed{Actor: a.event()})
		}
		return nil
	}
	conf, refused := t.r.configured(*t.r.st.conf, sub)
	if refused != nil {
		return refused
	}
	set := t.newAdminSet(a, a.event())
	if refused := set.submitRanks(sub); refused != nil {
		return refused
	}
	return t.configure(&conf, set)
}

// configured judges a submission: the configuration that it makes of another, or
// what is wrong with it. Fields that are not there keep their value, fields that
// the room does not know are left alone.
func (r *Room) configured(conf RoomConfig, sub *submission) (RoomConfig, *StanzaError) {
	var flag *formField
	seen := make([]*configField, 0, len(sub.fields))
	for i := range sub.fields {
		got := &sub.fields[i]
		f := configFieldNamed(got.name)
		if f == nil {
			continue
		}
		if slices.Contains(seen, f) {
			return conf, refuseField(BadRequest, "10.1.3", f.label, "is there twice")
		}
		seen = append(seen, f)
		if len(got.values) > 1 && f.typ != "list-multi" {
			return conf, refuseField(BadRequest, "10.1.3", f.label, "takes one value")
		}
		if f == passwordFlag {
			flag = got // it judges the outcome, whatever the order
		}
		if err := f.set(&conf, got.values); err != nil {
			return conf, refuseField(BadRequest, "10.1.3", f.label, err.Error())
		}
	}
	if flag == nil {
		return conf, nil
	}
	// A flag that says off clears a secret that came after it.
	on, _ := parseFormBool(first(flag.values))
	switch {
	case !on:
		conf.Password = ""
	case conf.Password == "":
		return conf, refuse(NotAcceptable, "10.1.3", "a password-protected room needs a password").as(TypeModify)
	}
	return conf, nil
}

// configure proposes a configuration, after the affiliations that came with it,
// and what follows from both.
func (t *turn) configure(conf *RoomConfig, set *adminSet) *StanzaError {
	r, s := t.r, &t.r.st
	if !set.actor.host {
		if e := r.hostOnConfig(ConfigRequest{JID: set.actor.jid, Old: *s.conf, New: *conf}); e != nil {
			return e
		}
	}
	if refused := set.judge(); refused != nil {
		return refused
	}
	if list := changes(s.conf, conf); len(list) > 0 {
		t.propose(&Configured{Changes: list, Actor: set.by})
	}
	if s.life == Locked {
		t.propose(&Unlocked{})
	}
	going := 0
	if conf.MembersOnly && !s.conf.MembersOnly {
		for _, o := range s.occupants {
			if aff := set.effective(o.person.jid()); !mayEnter(aff, conf) {
				t.remove(o, CauseMembersOnly, aff, "", Actor{})
				going++
			}
		}
	}
	if going == len(s.occupants) && !conf.Persistent {
		t.end(&RoomDestroyed{})
	}
	return nil
}

// remove proposes that an occupant is put out.
func (t *turn) remove(o *occupant, cause Cause, aff Affiliation, reason string, by Actor) {
	b := &Removed{Occupant: o.num, JID: o.frontJID(), Nick: o.nick, OccupantID: o.id, Role: o.role, Affiliation: aff,
		Cause: cause, Reason: reason, Actor: by, JIDs: make([]JID, 0, o.sessions())}
	for ses := o.first; ses != nil; ses = ses.next {
		b.JIDs = append(b.JIDs, ses.jid())
	}
	t.propose(b)
}

// destroyByForm decides on an owner's wish to end the room (XEP-0045 §10.9).
func (t *turn) destroyByForm(d *node, a actor) *StanzaError {
	b := &RoomDestroyed{Actor: a.event(), Tombstone: t.r.cfg.Tombstones}
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
	t.done = true
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
func (t *turn) proposeBirth(creator JID, conf RoomConfig, locked bool) {
	b := &Created{Room: t.r.jid, Creator: creator, KeyPrint: t.r.keyPrint(), Config: conf}
	if locked {
		b.LockedUntil = Stamp{t.lockEnd()}
	}
	t.propose(b)
	t.propose(&AffiliationChanged{JID: creator, New: Owner})
}

// createByForm decides on a room that is configured before anybody is inside
// (XEP-0045 §10.1.3): asking for the form makes nothing, submitting it does.
func (t *turn) createByForm() *StanzaError {
	r, in := t.r, t.in
	creator := in.from.Bare()
	if e := r.hostOnCreation(CreateRequest{Creator: in.from}); e != nil {
		return e
	}
	if in.typ == "get" {
		return t.answerForm(&r.cfg.Defaults)
	}
	sub, refused := r.readForm(t.query(), nsConfig, "10.1.3")
	if refused != nil {
		return refused
	}
	t.done = true
	if sub.cancelled {
		return nil
	}
	conf, refused := r.configured(r.cfg.Defaults, sub)
	if refused != nil {
		return refused
	}
	if e := r.hostOnConfig(ConfigRequest{JID: in.from, Old: r.cfg.Defaults, New: conf}); e != nil {
		return e
	}
	t.proposeBirth(creator, conf, false)
	return nil
}

// birthConfig is the configuration that a room is born with: the host's
// defaults, and the password that its creator came with.
func (r *Room) birthConfig(x *node) RoomConfig {
	conf := r.cfg.Defaults
	if p := x.child(nsMUC, "password"); p != nil {
		conf.Password = p.text
	}
	return conf
}
