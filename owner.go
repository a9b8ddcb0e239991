package muc

import (
	"fmt"
	"slices"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/roomconfig"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Creating a room (XEP-0045 §10.1) and configuring it (§10.2), with its lists of admins and
// owners (§16.5.3).

// Create brings an unborn room to life without anybody inside: a conflict where there is or
// was one. A room that is not Persistent ends at the next Tick unless somebody has joined.
type Create struct {
	Owner  JID
	Config RoomConfig
}

func (c Create) do(t *step) error {
	r := t.r
	if r.st.Life() != Unborn {
		return refuse(stanza.Conflict, "10.1", "there is or was such a room")
	}
	if c.Owner.IsZero() {
		return refuse(stanza.JIDMalformed, "10.1", "a room must have an owner")
	}
	owner, e := r.normal(c.Owner)
	if e != nil {
		return e
	}
	conf, e := r.cfg.Limits.checkConfig(&c.Config, &r.cfg.Defaults)
	if e != nil {
		return e
	}
	t.proposeBirth(owner.Bare(), conf, false)
	return nil
}

// proposeBirth proposes a new room, owned by its creator (XEP-0045 §10.1.1).
func (t *step) proposeBirth(creator JID, conf RoomConfig, locked bool) {
	b := &event.Created{Room: t.r.jid, Creator: creator, KeyPrint: t.r.keyPrint(), Config: conf}
	if locked {
		b.LockedUntil.Time = never
		if t.r.cfg.LockTimeout >= 0 {
			b.LockedUntil.Time = t.now.Add(t.r.cfg.LockTimeout)
		}
	}
	t.propose(b)
	t.propose(&event.AffiliationChanged{JID: creator, New: Owner})
}

// createByForm decides on a room that is configured before anybody is inside
// (XEP-0045 §10.1.3): asking for the form makes nothing, submitting it does.
func (t *step) createByForm() *StanzaError {
	r, in := t.r, t.in
	if e := t.mayCreate(); e != nil {
		return e
	}
	if in.typ == "get" {
		return t.answerForm(&r.cfg.Defaults)
	}
	sub, refused := form.Read(t.query(), ns.Config, "10.1.3", r.cfg.Limits.FieldBytes)
	if refused != nil {
		return refused
	}
	t.answer(nil)
	if sub.Cancelled {
		return nil
	}
	conf, refused := r.configured(r.cfg.Defaults, sub)
	if refused != nil {
		return refused
	}
	if e := judge(r.cfg.Policy.Configure, policy.Configure{Room: r.jid, JID: in.from, Old: r.cfg.Defaults, New: conf}); e != nil {
		return e
	}
	t.proposeBirth(t.sender.bare, conf, false)
	return nil
}

// mayCreate judges who brings the room to life.
func (t *step) mayCreate() *StanzaError {
	if t.sender.blocked {
		return banned(&t.r.st, &t.sender, "10.1")
	}
	return judge(t.r.cfg.Policy.Create, policy.Create{Room: t.r.jid, Creator: t.in.from})
}

// birthConfig is the configuration of a new room: the host's defaults, and the password
// that its creator joined with.
func (r *Room) birthConfig(x *xmlwire.Node) RoomConfig {
	conf := r.cfg.Defaults
	if p := x.Child(ns.MUC, "password"); p != nil {
		conf.Password = p.Text
	}
	return conf
}

// never stands for a lock without end in an event: a locked room has a time.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

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
	t.answerQuery(ns.Owner, func(w *xmlwire.Writer) {
		form.WriteInstructed(w, "form", ns.Config, title, instructions, fields)
	})
	return nil
}

// configForm is the configuration as a form: the table with its values, and the
// lists of admins and owners.
func (r *Room) configForm(conf *RoomConfig) []form.Field {
	fields := make([]form.Field, 0, len(roomconfig.Fields)+len(rankFields))
	for _, f := range roomconfig.Fields {
		if !r.offersField(f) {
			continue
		}
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
	fields = append(fields, form.Heading("Who runs the room"))
	for _, f := range rankFields {
		if listed, shown := r.ranked(f.affiliation); shown {
			fields = append(fields, form.Field{Name: f.name, Type: "jid-multi", Label: f.label, Values: listedJIDs(listed)})
		}
	}
	return fields
}

// offersField reports whether the host lets owners decide on a field.
func (r *Room) offersField(f *roomconfig.Field) bool {
	return f != roomconfig.ForwardMentions || r.cfg.ForwardMentions
}

// localize translates the labels of a form into the asker's language, by Config.Label.
func (r *Room) localize(lang string, fields []form.Field) {
	if r.cfg.Label == nil {
		return
	}
	for i := range fields {
		fields[i] = fields[i].Worded(func(field, text string) string { return r.worded(lang, field, text) })
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
		if f == nil || !r.offersField(f) {
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
		if e := judge(r.cfg.Policy.Configure, policy.Configure{Room: r.jid, JID: set.actor.jid, Old: *s.Config(), New: *conf}); e != nil {
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

// rankFields are the two fields of the configuration form that are full lists of people,
// whose submission changes affiliations (XEP-0045 §10.2, §16.5.3). A person who is taken
// off a list falls one step. A list that is too long is left out of the form, and then a
// submission takes nobody off it.
var rankFields = []struct {
	name, label        string
	affiliation, falls Affiliation
}{
	{"muc#roomconfig_roomadmins", "Admins of the room", Admin, Member},
	{"muc#roomconfig_roomowners", "Owners of the room", Owner, Admin},
}

// ranked lists the people of an affiliation, sorted, and reports whether the form shows
// them: not a long list, or one whose submission would be refused. Such a list is read and
// changed by muc#admin.
func (r *Room) ranked(aff Affiliation) (list []JID, shown bool) {
	space := r.cfg.Limits.PageBytes / len(rankFields)
	for _, p := range r.st.Lists().Having(aff) {
		list = append(list, p.JID())
		space -= len(p.UID()) + formValueMarkup
	}
	return list, len(list) <= r.cfg.Limits.ItemsPerSet && space >= 0
}

// formValueMarkup is the markup of a value in a form, in bytes.
const formValueMarkup = 15

// submitRanks judges and proposes what the submitted lists change. Gains come
// before losses, so that an owner can hand the room on in one submission.
func (x *adminSet) submitRanks(sub *form.Submission) *StanzaError {
	var gains, losses []adminItem
	for _, f := range rankFields {
		got := sub.Field(f.name)
		if got == nil {
			continue
		}
		wanted, refused := x.t.r.readJIDs(got, f.label)
		if refused != nil {
			return refused
		}
		for _, j := range wanted {
			if x.own(j) != f.affiliation && !(f.affiliation == Admin && x.own(j) == Owner) {
				gains = append(gains, adminItem{affiliation: f.affiliation, jid: j})
			}
		}
		listed, shown := x.t.r.ranked(f.affiliation)
		for _, j := range listed {
			// Who was not shown is not meant to be taken off.
			if shown && !slices.Contains(wanted, j) {
				losses = append(losses, adminItem{affiliation: f.falls, jid: j})
			}
		}
	}
	items := append(gains, losses...)
	for i := range items {
		it := &items[i]
		if it.affiliation == x.own(it.jid) {
			continue
		}
		if refused := x.changeAffiliation(it); refused != nil {
			return refused
		}
	}
	return nil
}

// readJIDs reads the bare addresses of a jid-multi field.
func (r *Room) readJIDs(f *form.Field, label string) ([]JID, *StanzaError) {
	if len(f.Values) > r.cfg.Limits.ItemsPerSet {
		return nil, refuseField(stanza.PolicyViolation, "14.6", label, "holds too many people")
	}
	var list []JID
	for _, v := range f.Values {
		if v == "" {
			continue // how some clients write an empty list
		}
		j, err := r.named(v)
		if err != nil {
			return nil, refuse(stanza.BadRequest, "10.1.3", "something in the field “"+label+"” is no address")
		}
		if j = j.Bare(); !slices.Contains(list, j) {
			list = append(list, j)
		}
	}
	return list, nil
}

// Configure changes the configuration, and unlocks a room that waits for one (XEP-0045
// §10.2). What Change leaves alone stays as it is.
type Configure struct {
	// Change is called once, with a copy of the configuration.
	Change func(*RoomConfig)
}

func (c Configure) do(t *step) error {
	if c.Change == nil {
		return fmt.Errorf("%w: Configure.Change", ErrMissing)
	}
	conf := *t.r.st.Config()
	c.Change(&conf)
	return Reset{conf}.do(t)
}

// Reset replaces the whole configuration, also what Config leaves at zero, such as the
// password, and unlocks a room that waits for one (XEP-0045 §10.2).
type Reset struct {
	Config RoomConfig
}

func (c Reset) do(t *step) error {
	a := &t.sender
	if !affiliationMay(a.aff, toConfigure) {
		return refuse(stanza.Forbidden, "10.2", "only owners configure the room")
	}
	conf, e := t.r.cfg.Limits.checkConfig(&c.Config, t.r.st.Config())
	if e != nil {
		return e
	}
	return failure(t.configure(&conf, t.newAdminSet(a, a.event())))
}

// checkConfig judges a configuration of the host's by the table, and brings it to
// the one form in which events and snapshots have it. What it has in common with
// another one is not judged by its size again.
func (lim *Limits) checkConfig(c, was *RoomConfig) (RoomConfig, *StanzaError) {
	var conf RoomConfig
	for _, f := range roomconfig.Fields {
		if f == roomconfig.PasswordFlag {
			continue // it follows from the secret
		}
		values := f.Get(c)
		for _, v := range values {
			if e := checkText(v, max(lim.FieldBytes, len(v))); e != nil {
				return conf, e
			}
		}
		if !f.MayHold(lim.FieldBytes, lim.NameBytes, f.Get(was), values) {
			return conf, refuseField(stanza.PolicyViolation, "14.6", f.Label, "is too long")
		}
		if err := f.Set(&conf, values); err != nil {
			return conf, refuseField(stanza.BadRequest, "10.1.3", f.Label, err.Error())
		}
	}
	return conf, nil
}
