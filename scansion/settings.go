package scansion

import (
	"fmt"
	"maps"
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
	"open-registration": setBool(func(cfg *muc.Config) *bool { return &cfg.OpenRegistration }),
	"instant":           setBool(func(cfg *muc.Config) *bool { return &cfg.Instant }),
	"lock-timeout":      setDuration(func(cfg *muc.Config) *time.Duration { return &cfg.LockTimeout }),
}

// limits are the settings that bound what people can make a room hold.
var limits = map[string]func(*muc.Limits) *int{
	"limit-stanza-bytes":      func(l *muc.Limits) *int { return &l.StanzaBytes },
	"limit-stanza-depth":      func(l *muc.Limits) *int { return &l.StanzaDepth },
	"limit-stanza-elements":   func(l *muc.Limits) *int { return &l.StanzaElements },
	"limit-stanza-attrs":      func(l *muc.Limits) *int { return &l.StanzaAttrs },
	"limit-nick-bytes":        func(l *muc.Limits) *int { return &l.NickBytes },
	"limit-status-bytes":      func(l *muc.Limits) *int { return &l.StatusBytes },
	"limit-subject-bytes":     func(l *muc.Limits) *int { return &l.SubjectBytes },
	"limit-reason-bytes":      func(l *muc.Limits) *int { return &l.ReasonBytes },
	"limit-field-bytes":       func(l *muc.Limits) *int { return &l.FieldBytes },
	"limit-occupants":         func(l *muc.Limits) *int { return &l.Occupants },
	"limit-admin-reserve":     func(l *muc.Limits) *int { return &l.AdminReserve },
	"limit-sessions-per-nick": func(l *muc.Limits) *int { return &l.SessionsPerNick },
	"limit-history":           func(l *muc.Limits) *int { return &l.History },
	"limit-history-bytes":     func(l *muc.Limits) *int { return &l.HistoryBytes },
	"limit-affiliations":      func(l *muc.Limits) *int { return &l.Affiliations },
	"limit-items-per-set":     func(l *muc.Limits) *int { return &l.ItemsPerSet },
}

func setBool(field func(*muc.Config) *bool) Setting {
	return func(cfg *muc.Config, value string) (err error) {
		*field(cfg), err = strconv.ParseBool(value)
		return err
	}
}

func setLimit(field func(*muc.Limits) *int) Setting {
	return func(cfg *muc.Config, value string) (err error) {
		*field(&cfg.Limits), err = strconv.Atoi(value)
		return err
	}
}

func setDuration(field func(*muc.Config) *time.Duration) Setting {
	return func(cfg *muc.Config, value string) (err error) {
		*field(cfg), err = time.ParseDuration(value)
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
	for name, field := range limits {
		settings[name] = setLimit(field)
	}
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
