package muc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// The registration form (XEP-0045 §7.10, §16.5.1).

// RegistrationField is a field of the registration form, beside the nick
// (XEP-0045 §7.10, §16.5.1). A Var that the registry does not know should start
// with "x-" (XEP-0068 §3.3).
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

// readApplication judges a registration form. Fields that the form does not have
// are left alone.
func (r *Room) readApplication(sub *form.Submission) (*application, *StanzaError) {
	nick := sub.Field(fieldRoomNick)
	if nick == nil || len(nick.Values) != 1 {
		return nil, refuse(stanza.BadRequest, "7.10", "a nick is missing")
	}
	var app application
	var refused *StanzaError
	if app.nick, refused = r.judgeNick(nick.Values[0]); refused != nil {
		return nil, refused
	}
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
			app.answers = append(app.answers, event.FieldValue{Var: f.Var, Values: values})
		case f.Required:
			return nil, refuseField(stanza.BadRequest, "7.10", f.title(), "is missing")
		}
	}
	return &app, nil
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
