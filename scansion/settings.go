package scansion

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gomuc/muc"
)

// builtinSettings are the settings of `# config:` lines besides the limits.
// All bear the names of the fields that they set.
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
	"open-registration":  setBool(func(cfg *muc.Config) *bool { return &cfg.OpenRegistration }),
	"create-by-form":     setBool(func(cfg *muc.Config) *bool { return &cfg.CreateByForm }),
	"tombstones":         setBool(func(cfg *muc.Config) *bool { return &cfg.Tombstones }),
	"instant":            setBool(func(cfg *muc.Config) *bool { return &cfg.Instant }),
	"lock-timeout":       setDuration(func(cfg *muc.Config) *time.Duration { return &cfg.LockTimeout }),
	"ask-timeout":        setDuration(func(cfg *muc.Config) *time.Duration { return &cfg.AskTimeout }),
	"speak-from-outside": setBool(func(cfg *muc.Config) *bool { return &cfg.SpeakFromOutside }),
	"rate-messages":      setRate(func(cfg *muc.Config) *muc.Rate { return &cfg.Rates.Messages }),
	"rate-presence":      setRate(func(cfg *muc.Config) *muc.Rate { return &cfg.Rates.Presence }),
	"invite-timeout":     setDuration(func(cfg *muc.Config) *time.Duration { return &cfg.InviteTimeout }),
	"visitors-invite":    setBool(func(cfg *muc.Config) *bool { return &cfg.VisitorsInvite }),
	"legacy-invites":     setBool(func(cfg *muc.Config) *bool { return &cfg.LegacyInvites }),
	"invite-body": func(cfg *muc.Config, value string) error {
		cfg.InviteBody = func(inv muc.Invitation) string {
			return strings.NewReplacer("{from}", inv.From.String(), "{room}", inv.Room.String()).Replace(value)
		}
		return nil
	},
	"no-such-user": func(cfg *muc.Config, value string) error {
		nobody, err := muc.ParseJID(value)
		cfg.MayInvite = func(q muc.InviteRequest) *muc.StanzaError {
			if q.Invitee.Bare() == nobody {
				return &muc.StanzaError{Condition: muc.ItemNotFound}
			}
			return nil
		}
		return err
	},
	"may-create": func(cfg *muc.Config, value string) error {
		only, err := muc.ParseJID(value)
		cfg.MayCreate = func(creator muc.JID) *muc.StanzaError {
			if creator.Bare() == only {
				return nil
			}
			return &muc.StanzaError{Condition: muc.NotAllowed, Text: "others create rooms here"}
		}
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

// addLimits adds a setting for each field of muc.Limits: limit-nick-bytes for
// NickBytes.
func addLimits(settings map[string]Setting) {
	words := regexp.MustCompile(`[A-Z]`)
	for i, field := range reflect.VisibleFields(reflect.TypeFor[muc.Limits]()) {
		if field.Type.Kind() != reflect.Int {
			continue
		}
		settings["limit"+strings.ToLower(words.ReplaceAllString(field.Name, "-$0"))] =
			func(cfg *muc.Config, value string) error {
				n, err := strconv.Atoi(value)
				reflect.ValueOf(&cfg.Limits).Elem().Field(i).SetInt(int64(n))
				return err
			}
	}
}

func setBool(field func(*muc.Config) *bool) Setting {
	return func(cfg *muc.Config, value string) (err error) {
		*field(cfg), err = strconv.ParseBool(value)
		return err
	}
}

func setDuration(field func(*muc.Config) *time.Duration) Setting {
	return func(cfg *muc.Config, value string) (err error) {
		*field(cfg), err = time.ParseDuration(value)
		return err
	}
}

// setRate reads a rate as its burst and its interval: 5/10s.
func setRate(field func(*muc.Config) *muc.Rate) Setting {
	return func(cfg *muc.Config, value string) (err error) {
		burst, every, ok := strings.Cut(value, "/")
		if !ok {
			return fmt.Errorf("a rate is a number and a duration, as in 5/10s, not %q", value)
		}
		rate := field(cfg)
		if rate.Burst, err = strconv.Atoi(burst); err == nil {
			rate.Every, err = time.ParseDuration(every)
		}
		return err
	}
}

// configure makes the template for the rooms of one script.
func configure(s *Script, o Options) (muc.Config, error) {
	cfg := o.Config
	if len(cfg.Secret) == 0 {
		cfg.Secret = []byte(testSecret)
	}
	settings := maps.Clone(builtinSettings)
	addLimits(settings)
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
