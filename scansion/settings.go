package scansion

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// builtinSettings are the settings of `# config:` lines that are more than a value
// for a field; addFields adds the others. All bear the names of the fields that
// they set.
var builtinSettings = map[string]Setting{
	"nick-lockdown": func(cfg *muc.Config, value string) error {
		policies := map[string]muc.Lockdown{
			"off": muc.LockdownOff, "refuse": muc.LockdownRefuse, "assign": muc.LockdownAssign,
		}
		policy, ok := policies[value]
		if !ok {
			return fmt.Errorf("nick-lockdown is off, refuse or assign, not %q", value)
		}
		cfg.NickLockdown = policy
		return nil
	},
	"invite-body": func(cfg *muc.Config, value string) error {
		cfg.InviteBody = func(inv muc.Invitation) string {
			return strings.NewReplacer("{from}", inv.From.String(), "{room}", inv.Room.String()).Replace(value)
		}
		return nil
	},
	"no-such-user": func(cfg *muc.Config, value string) error {
		nobody, err := muc.ParseJID(value)
		cfg.Policy.Invite = func(q policy.Invite) *muc.StanzaError {
			if q.Invitee.Bare() == nobody {
				return &muc.StanzaError{Condition: stanza.ItemNotFound}
			}
			return nil
		}
		return err
	},
	"no-archive-for": func(cfg *muc.Config, value string) error {
		reader, err := muc.ParseJID(value)
		cfg.Policy.ReadArchive = func(q policy.ReadArchive) *muc.StanzaError {
			if q.JID.Bare() == reader {
				return &muc.StanzaError{Condition: stanza.Forbidden}
			}
			return nil
		}
		return err
	},
	"nick": func(cfg *muc.Config, value string) error {
		if value != "strict" {
			return fmt.Errorf("the rule for nicks is strict, not %q", value)
		}
		cfg.Nick = muc.StrictNick
		return nil
	},
	"registration": func(cfg *muc.Config, value string) error {
		policies := map[string]muc.Registration{
			"members": muc.RegistrationMembers, "open": muc.RegistrationOpen,
			"approved": muc.RegistrationApproved, "none": muc.RegistrationNone,
		}
		policy, ok := policies[value]
		if !ok {
			return fmt.Errorf("registration is members, open, approved or none, not %q", value)
		}
		cfg.Registration = policy
		return nil
	},
	"registration-field": addRegistrationField,
	"may-register": func(cfg *muc.Config, value string) error {
		cfg.Policy.Register = func(r policy.Register) *muc.StanzaError {
			if r.JID.Domain() == value {
				return nil
			}
			return &muc.StanzaError{Condition: stanza.NotAllowed, Text: "Others register here."}
		}
		return nil
	},
	"may-create": func(cfg *muc.Config, value string) error {
		only, err := muc.ParseJID(value)
		cfg.Policy.Create = func(q policy.Create) *muc.StanzaError {
			if q.Creator.Bare() == only {
				return nil
			}
			return &muc.StanzaError{Condition: stanza.NotAllowed, Text: "Others create rooms here."}
		}
		return err
	},
	"is-owner": func(cfg *muc.Config, value string) error {
		owner, err := muc.ParseJID(value)
		cfg.IsOwner = func(j muc.JID) bool { return j == owner }
		return err
	},
	"is-blocked": func(cfg *muc.Config, value string) error {
		blocked, err := muc.ParseJID(value)
		before := cfg.IsBlocked
		cfg.IsBlocked = func(j muc.JID) bool { return j.Within(blocked) || before != nil && before(j) }
		return err
	},
	"asks-join": func(cfg *muc.Config, value string) error {
		waits, err := strconv.ParseBool(value)
		cfg.AsksJoin = func(policy.Join) bool { return waits }
		return err
	},
	"answers-iq": func(cfg *muc.Config, value string) error {
		before := cfg.AnswersIQ
		cfg.AnswersIQ = func(space, local string) bool {
			return space == value || before != nil && before(space, local)
		}
		return nil
	},
}

// addFields adds a setting for each field that is a truth value, a duration or a
// rate, and for each limit: self-kick for SelfKick, limit-nick-bytes
// for Limits.NickBytes, rate-messages for Rates.Messages.
func addFields(settings map[string]Setting) {
	var fields func(t reflect.Type, prefix string, index []int)
	fields = func(t reflect.Type, prefix string, index []int) {
		for i := range t.NumField() {
			f := t.Field(i)
			at := append(slices.Clone(index), i)
			name := prefix + settingName(f.Name)
			switch {
			case f.Type == reflect.TypeFor[muc.Limits]():
				fields(f.Type, "limit-", at)
			case f.Type == reflect.TypeFor[muc.Rates]():
				fields(f.Type, "rate-", at)
			case readers[f.Type] != nil && settings[name] == nil:
				settings[name] = func(cfg *muc.Config, value string) error {
					v, err := readers[f.Type](value)
					if err == nil {
						reflect.ValueOf(cfg).Elem().FieldByIndex(at).Set(reflect.ValueOf(v))
					}
					return err
				}
			}
		}
	}
	fields(reflect.TypeFor[muc.Config](), "", nil)
}

var capital = regexp.MustCompile(`[A-Z]`)

// settingName is a field's name as a setting: nick-bytes for NickBytes.
func settingName(field string) string {
	return strings.ToLower(capital.ReplaceAllString(field, "-$0"))[1:]
}

// readers are how the values of fields are written.
var readers = map[reflect.Type]func(string) (any, error){
	reflect.TypeFor[bool]():          func(s string) (any, error) { return strconv.ParseBool(s) },
	reflect.TypeFor[int]():           func(s string) (any, error) { return strconv.Atoi(s) },
	reflect.TypeFor[time.Duration](): func(s string) (any, error) { return time.ParseDuration(s) },
	reflect.TypeFor[muc.Rate]():      readRate,
}

// readRate reads a rate as its burst and its interval: 5/10s.
func readRate(value string) (any, error) {
	burst, every, ok := strings.Cut(value, "/")
	if !ok {
		return nil, fmt.Errorf("a rate is a number and a duration, as in 5/10s, not %q", value)
	}
	n, err := strconv.Atoi(burst)
	if err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(every)
	return muc.Rate{Burst: n, Every: d}, err
}

// Config is the configuration of rooms that the script asks for in its header lines "config", on top of
// Options.Config: for who starts a server that has these settings. Options.Settings are known beside
// those of this package. The error is a [*SyntaxError].
func (s *Script) Config(o Options) (muc.Config, error) { return configure(s, o) }

// configure makes the template for the rooms of one script.
func configure(s *Script, o Options) (muc.Config, error) {
	cfg := o.Config
	if len(cfg.Secret) == 0 {
		cfg.Secret = []byte(testSecret)
	}
	settings := maps.Clone(builtinSettings)
	addFields(settings)
	maps.Copy(settings, o.Settings)
	for _, h := range s.Headers {
		if h.Name != "config" {
			continue
		}
		name, value, ok := strings.Cut(h.Value, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		set, known := settings[name]
		var err error
		switch {
		case !ok:
			err = fmt.Errorf("expected config: name=value, got %q", h.Value)
		case !known:
			err = fmt.Errorf("there is no setting %q", name)
		default:
			err = set(&cfg, value)
		}
		if err != nil {
			return cfg, &SyntaxError{s.Name, h.Line, err.Error()}
		}
	}
	return cfg, nil
}

// addRegistrationField adds a field to the registration form: its name and type, an
// asterisk if it is required, options in brackets, and its label, as in
// "x-house list-single* [Capulet, Montague] Your house".
func addRegistrationField(cfg *muc.Config, value string) error {
	parts := regexp.MustCompile(`^(\S+) ([a-z-]+)(\*?)(?: \[(.*)\])? (.+)$`).FindStringSubmatch(value)
	if parts == nil {
		return fmt.Errorf("registration-field is VAR TYPE LABEL, not %q", value)
	}
	field := muc.RegistrationField{
		Var: parts[1], Type: muc.FieldType(parts[2]), Required: parts[3] != "", Label: parts[5],
	}
	if parts[4] != "" {
		field.Options = strings.Split(parts[4], ", ")
	}
	cfg.RegistrationFields = append(slices.Clip(cfg.RegistrationFields), field)
	return nil
}
