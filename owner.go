package muc

import (
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/roomconfig"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Configuring a room (XEP-0045 §10.2).

// ownerGet answers an owner who asks for the configuration form (XEP-0045 §10.2).
func (t *step) ownerGet() *StanzaError {
	if !affiliationMay(t.sender.aff, toConfigure) {
		return refuse(stanza.Forbidden, "10.2", "only owners configure the room")
	}
	if q := t.query(); len(q.Kids) > 0 {
		return refuse(stanza.BadRequest, "10.2", "the query must be empty")
	}
	return t.answerForm(t.r.st.Config())
}

// answerForm answers with the configuration form, filled in.
func (t *step) answerForm(conf *RoomConfig) *StanzaError {
	r, lang := t.r, t.in.lang
	fields := r.configForm(conf)
	r.localize(lang, fields)
	title := r.worded(lang, "", "Configuration of") + " " + r.jid.String()
	instructions := r.worded(lang, "", "Change what should be different, and submit the form. What is left out stays as it is.")
	t.answer(func(w *xmlwire.Writer) {
		w.Start("query", ns.Owner)
		form.WriteInstructed(w, "form", ns.Config, title, instructions, fields)
		w.End()
	})
	return nil
}

// configForm is the configuration as a form: the table with its values, and the
// lists of admins and owners.
func (r *Room) configForm(conf *RoomConfig) []form.Field {
	fields := make([]form.Field, 0, len(roomconfig.Fields)+len(rankFields))
	for _, f := range roomconfig.Fields {
		if f.Heading != "" {
			fields = append(fields, form.Heading(f.Heading))
		}
		field := form.Field{Name: f.Name, Type: f.Type, Label: f.Label, Options: slices.Clone(f.Options), Open: f.Open,
			Lo: f.Lo, Hi: f.Hi, Values: f.Get(conf)}
		if v := form.First(field.Values); f.Open && roomconfig.IndexOf(f.Options, v) < 0 {
			field.Options = append(field.Options, form.Option{Value: v, Label: v})
		}
		fields = append(fields, field)
	}
	for _, f := range rankFields {
		if f.heading != "" {
			fields = append(fields, form.Heading(f.heading))
		}
		listed := r.ranked(f.affiliation)
		if r.tooMany(listed) {
			continue
		}
		fields = append(fields, form.Field{Name: f.name, Type: "jid-multi", Label: f.label, Values: listedJIDs(listed)})
	}
	return fields
}

// localize translates the labels of a form into the asker's language, by Config.Label.
func (r *Room) localize(lang string, fields []form.Field) {
	if r.cfg.Label == nil {
		return
	}
	for i := range fields {
		f := &fields[i]
		if f.Type == "fixed" {
			f.Values = []string{r.worded(lang, "", form.First(f.Values))}
			continue
		}
		f.Label = r.worded(lang, f.Name, f.Label)
		for j := range f.Options {
			o := &f.Options[j]
			o.Label = r.worded(lang, f.Name+"="+o.Value, o.Label)
		}
	}
}

// worded is the host's translation of a text.
func (r *Room) worded(lang, field, text string) string {
	if r.cfg.Label == nil {
		return text
	}
	return r.cfg.Label(lang, field, text)
}

// ownerSet decides on an owner's request: a configuration (XEP-0045 §10.1, §10.2) or the
// end of the room (§10.9).
func (t *step) ownerSet() *StanzaError {
	a := &t.sender
	if !affiliationMay(a.aff, toConfigure) {
		t.echo = t.in.Text
		return refuse(stanza.Forbidden, "10.2", "only owners configure the room")
	}
	q := t.query()
	if d := q.Child(ns.Owner, "destroy"); d != nil {
		return t.destroyByForm(d, a)
	}
	sub, refused := form.Read(q, ns.Config, "10.1.3", t.r.cfg.Limits.FieldBytes)
	if refused != nil {
		return refused
	}
	t.answer(nil)
	if sub.Cancelled {
		if t.r.st.Life() == Locked {
			t.destroy(&event.RoomDestroyed{Actor: a.event()})
		}
		return nil
	}
	conf, refused := t.r.configured(*t.r.st.Config(), sub)
	if refused != nil {
		return refused
	}
	set := t.newAdminSet(a, a.event())
	if refused := set.submitRanks(sub); refused != nil {
		return refused
	}
	return t.configure(&conf, set)
}

// configured applies a submission to a configuration, or refuses it. Missing fields keep
// their value, unknown ones are ignored. A field may also have another server's name; if
// both names are there, they must agree.
func (r *Room) configured(old RoomConfig, sub *form.Submission) (RoomConfig, *StanzaError) {
	conf := old
	var flag, secretGiven *form.Field
	seen := make([]*roomconfig.Field, 0, len(sub.Fields))
	for i := range sub.Fields {
		got := &sub.Fields[i]
		f := roomconfig.Named(got.Name)
		if f == nil {
			continue
		}
		if len(got.Values) > 1 && f.Type != "list-multi" {
			return conf, refuseField(stanza.BadRequest, "10.1.3", f.Label, "takes one value")
		}
		before := f.Get(&conf)
		if !f.MayHold(r.cfg.Limits.FieldBytes, r.cfg.Limits.NameBytes, f.Get(&old), got.Values) {
			return conf, refuseField(stanza.PolicyViolation, "14.6", f.Label, "is too long")
		}
		if err := f.Set(&conf, got.Values); err != nil {
			return conf, refuseField(stanza.BadRequest, "10.1.3", f.Label, err.Error())
		}
		if slices.Contains(seen, f) && !slices.Equal(before, f.Get(&conf)) {
			return conf, refuseField(stanza.BadRequest, "10.1.3", f.Label, "has two values")
		}
		seen = append(seen, f)
		switch f {
		case roomconfig.PasswordFlag:
			flag = got
		case roomconfig.Password:
			secretGiven = got
		}
	}
	if flag == nil {
		return conf, nil
	}
	return conf, protectRoom(&conf, &old, flag, secretGiven)
}

// protectRoom judges the password flag and the password of a form together. A new password
// sets it, whatever the flag says; without a new one the flag decides.
func protectRoom(c *RoomConfig, old *RoomConfig, flag, given *form.Field) *StanzaError {
	on, _ := form.ParseBool(form.First(flag.Values))
	c.Password = old.Password
	if given != nil {
		c.Password = form.First(given.Values)
	}
	switch {
	case !on && c.Password == old.Password:
		c.Password = ""
	case on && c.Password == "":
		return refuse(stanza.NotAcceptable, "10.1.3", "the room cannot be protected with a password: the field “"+roomconfig.Password.Label+"” is empty").WithType(stanza.TypeModify)
	}
	return nil
}

// configure proposes a configuration, after the affiliations that came with it,
// and what follows from both.
func (t *step) configure(conf *RoomConfig, set *adminSet) *StanzaError {
	r, s := t.r, &t.r.st
	if !set.actor.host {
		if e := r.hostOnConfig(ConfigRequest{JID: set.actor.jid, Old: *s.Config(), New: *conf}); e != nil {
			return e
		}
	}
	if refused := set.judge(); refused != nil {
		return refused
	}
	if list := roomconfig.Changes(s.Config(), conf); len(list) > 0 {
		t.propose(&event.Configured{Changes: list, Actor: set.by})
	}
	if s.Life() == Locked {
		t.propose(&event.Unlocked{})
	}
	going := 0
	if conf.MembersOnly && !s.Config().MembersOnly {
		for _, o := range s.Occupants() {
			if aff := set.effective(o.Person().JID()); !mayEnter(aff, conf) {
				t.remove(o, event.CauseMembersOnly, aff, "", event.Actor{})
				going++
			}
		}
	}
	if going == len(s.Occupants()) && !conf.Persistent {
		t.end(&event.RoomDestroyed{})
	}
	return nil
}
