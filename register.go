package muc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Registering with a room (XEP-0045 §7.10), its form (§16.5.1) and its approval (§9.9).

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

// registerGet answers a request for the registration form: with the asker's registration
// or with the form (XEP-0045 §7.10).
func (t *step) registerGet() *StanzaError {
	if refused := t.registrant(); refused != nil {
		return refused
	}
	a := &t.sender
	if p := a.person; p.Nick() != "" {
		nick := p.Nick()
		t.answerQuery(ns.Register, func(w *xmlwire.Writer) {
			w.Element("registered", "", "")
			w.Element("username", "", nick)
		})
		return nil
	}
	if e := judge(t.r.cfg.Policy.Register, policy.Register{Room: t.r.jid, JID: a.bare, Affiliation: a.aff}); e != nil {
		return e
	}
	fields := t.r.registrationForm()
	t.r.localize(t.in.lang, fields)
	t.answerQuery(ns.Register, func(w *xmlwire.Writer) {
		form.Write(w, "form", ns.RegForm, "", fields)
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
	b, refused := t.readRegistration(sub)
	if refused != nil {
		return refused
	}
	if refused := t.spend(event.RatePresence); refused != nil {
		return refused
	}
	if t.sender.aff == AffiliationNone && t.r.cfg.Registration == RegistrationApproved {
		return t.requestRegistration(b)
	}
	return t.register(&t.sender, b, event.Actor{})
}

// admissible judges whether somebody may be registered with a nick now.
func (t *step) admissible(a *sender, b *event.Registered) *StanzaError {
	if _, refused := t.freeNick(a.bare, NickResult{Nick: b.Nick, Key: b.Key}, false); refused != nil {
		return refuse(stanza.Conflict, "7.10", "the nick is taken")
	}
	return judge(t.r.cfg.Policy.Register, policy.Register{Room: t.r.jid, JID: a.bare, Affiliation: a.aff, Nick: b.Nick, Answers: b.Answers})
}

// register proposes a registration, requested or approved: who is no member becomes one, also
// somebody whom a domain's ban or the host has kept out since the request. In a room that
// assigns reserved nicks, an occupant gets the nick at once.
func (t *step) register(a *sender, b *event.Registered, by event.Actor) *StanzaError {
	if e := t.admissible(a, b); e != nil {
		return e
	}
	renamed, refused := t.assignNick(a.person, NickResult{Nick: b.Nick, Key: b.Key})
	if refused != nil {
		return refused
	}
	set := t.newAdminSet(&sender{}, by)
	if a.aff < Member {
		set.affiliate(a.bare, Member, "")
	}
	set.person(a.bare).nick, set.person(a.bare).key = b.Nick, b.Key
	if e := set.judge(); e != nil {
		return e
	}
	t.propose(b)
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
	for other := range p.Occupants() {
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
	b := renamed(o, nick)
	b.Assigned = true
	return b, nil
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

// RegistrationField is a field of the registration form, beside the nick (XEP-0045 §7.10,
// §16.5.1). A Var that the registry does not know should start with "x-" (XEP-0068 §3.3).
type RegistrationField struct {
	Var, Label string
	Type       FieldType
	Required   bool
	// Options are what there is to choose from, for the list types.
	Options []string
}

// title is the name of a field for people.
func (f *RegistrationField) title() string { return cmp.Or(f.Label, f.Var) }

// FieldType is the type of a form field (XEP-0004 §3.3).
type FieldType string

// The types of a [RegistrationField].
const (
	TextSingle FieldType = "text-single"
	TextMulti  FieldType = "text-multi"
	Boolean    FieldType = "boolean"
	ListSingle FieldType = "list-single"
	ListMulti  FieldType = "list-multi"
	JIDSingle  FieldType = "jid-single"
	JIDMulti   FieldType = "jid-multi"
)

func (f FieldType) multi() bool { return f == TextMulti || f == ListMulti || f == JIDMulti }

// The fields of muc#register (XEP-0045 §16.5.1) that the room fills in or reads
// itself. The last is no registered name: an admin has to know who asks.
const (
	fieldRoomNick      = "muc#register_roomnick"
	fieldRegisterAllow = "muc#register_allow"
	fieldRegisterJID   = "x-muc#register_jid"
)

// registeredType is the type that XEP-0045 §16.5 registers for a field which only
// the host can fill in or ask for; "" for any other.
func registeredType(name string) FieldType {
	switch name {
	case "muc#register_email", "muc#register_first", "muc#register_last", "muc#register_url",
		"muc#roominfo_ldapgroup", "muc#roominfo_logs":
		return TextSingle
	case "muc#register_faqentry":
		return TextMulti
	case "muc#roominfo_contactjid":
		return JIDMulti
	}
	return ""
}

// checkRegistrationFields checks the host's fields once, when the room is made.
func checkRegistrationFields(fields []RegistrationField) error {
	types := []FieldType{TextSingle, TextMulti, Boolean, ListSingle, ListMulti, JIDSingle, JIDMulti}
	taken := []string{"FORM_TYPE", fieldRoomNick, fieldRegisterAllow, fieldRegisterJID}
	for i := range fields {
		f := &fields[i]
		switch {
		case f.Var == "" || slices.Contains(taken, f.Var):
			return fmt.Errorf("%w: RegistrationFields: the name %q is taken", ErrConfig, f.Var)
		case !slices.Contains(types, f.Type):
			return fmt.Errorf("%w: RegistrationFields: %s has the unknown type %q", ErrConfig, f.Var, f.Type)
		case registeredType(f.Var) != "" && registeredType(f.Var) != f.Type:
			return fmt.Errorf("%w: RegistrationFields: %s is registered as %s", ErrConfig, f.Var, registeredType(f.Var))
		case strings.HasPrefix(string(f.Type), "list-") != (len(f.Options) > 0):
			return fmt.Errorf("%w: RegistrationFields: %s: options are for lists", ErrConfig, f.Var)
		case !xmlwire.ValidText(f.Var + f.Label + strings.Join(f.Options, "")):
			return fmt.Errorf("%w: RegistrationFields: %s is no text", ErrConfig, f.Var)
		}
		taken = append(taken, f.Var)
	}
	return nil
}

// registrationForm is the empty registration form.
func (r *Room) registrationForm() []form.Field {
	fields := []form.Field{{Name: fieldRoomNick, Type: string(TextSingle), Label: "Nickname", Required: true}}
	for i := range r.cfg.RegistrationFields {
		f := &r.cfg.RegistrationFields[i]
		fields = append(fields, form.Field{Name: f.Var, Type: string(f.Type), Label: f.Label, Required: f.Required, Options: form.PlainOptions(f.Options)})
	}
	return fields
}

// readRegistration judges a registration form. Fields that the form does not have
// are left alone.
func (t *step) readRegistration(sub *form.Submission) (*event.Registered, *StanzaError) {
	r := t.r
	nick := sub.Field(fieldRoomNick)
	if nick == nil || len(nick.Values) != 1 {
		return nil, refuse(stanza.BadRequest, "7.10", "a nick is missing")
	}
	wanted, refused := r.judgeNick(nick.Values[0])
	if refused != nil {
		return nil, refused
	}
	b := &event.Registered{JID: t.sender.bare, Nick: wanted.Nick, Key: wanted.Key}
	size := 0
	for i := range r.cfg.RegistrationFields {
		f := &r.cfg.RegistrationFields[i]
		var values []string
		if got := sub.Field(f.Var); got != nil {
			if values, refused = r.readAnswer(f, got.Values); refused != nil {
				return nil, refused
			}
		}
		for _, v := range values {
			size += xmlwire.EscapedLen(v) + formValueMarkup
		}
		switch {
		case size > r.cfg.Limits.PageBytes: // admins get them in one form
			return nil, refuse(stanza.PolicyViolation, "14.6", "your answers are too long")
		case len(values) > 0:
			b.Answers = append(b.Answers, event.FieldValue{Var: f.Var, Values: values})
		case f.Required:
			return nil, refuseField(stanza.BadRequest, "7.10", f.title(), "is missing")
		}
	}
	return b, nil
}

// readAnswer checks and normalises the values of one field; none if it was left blank.
func (r *Room) readAnswer(f *RegistrationField, given []string) ([]string, *StanzaError) {
	wrong := func(text string) ([]string, *StanzaError) {
		return nil, refuseField(stanza.BadRequest, "7.10", f.title(), text)
	}
	if len(given) > 1 && !f.Type.multi() {
		return wrong("takes one value")
	}
	if len(given) == 1 && given[0] == "" {
		return nil, nil
	}
	values := make([]string, 0, len(given))
	size := 0
	for _, v := range given {
		switch f.Type {
		case Boolean:
			on, ok := form.ParseBool(v)
			if !ok {
				return wrong("must be 1 or 0")
			}
			v = form.Bool(on)
		case ListSingle, ListMulti:
			if !slices.Contains(f.Options, v) {
				return wrong("must be one of its options")
			}
		case JIDSingle, JIDMulti:
			if _, err := jid.ParseBy(v, r.cfg.NormalizeDomain); err != nil {
				return wrong("must be an address")
			}
		}
		if size += len(v); size > r.cfg.Limits.FieldBytes {
			return nil, refuseField(stanza.PolicyViolation, "14.6", f.title(), "is too long")
		}
		values = append(values, v)
	}
	return values, nil
}

// Approving registrations (XEP-0045 §9.9). A request waits until an admin decides or its
// time is over. Requests outlive a restart of the host, and admins who enter later are
// shown them too.

// requestRegistration proposes that the sender waits for an admin's approval.
func (t *step) requestRegistration(wanted *event.Registered) *StanzaError {
	s, cfg, a := &t.r.st, t.r.cfg, &t.sender
	if s.RequestOf(a.bare) != nil {
		return refuse(stanza.UnexpectedRequest, "9.9", "your request waits for an admin")
	}
	if e := t.admissible(a, wanted); e != nil {
		return e
	}
	if len(s.Sparse().Requests()) >= cfg.Limits.Registrations {
		return refuse(stanza.ResourceConstraint, "14.6", "too many requests wait for an admin")
	}
	b := &event.RegistrationRequested{JID: a.bare, Nick: wanted.Nick, Key: wanted.Key, Answers: wanted.Answers}
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
	return t.register(&a, &event.Registered{JID: b.JID, Nick: b.Nick, Key: b.Key, Answers: b.Answers}, by)
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
	return failure(t.decideRegistration(b, c.Allow, a.event()))
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
