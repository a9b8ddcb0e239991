package muc

import (
	"fmt"
	"strings"
)

// In events and snapshots the values of a configuration stand by the names that
// the form has for them, so that people can read them.

var whoisOptions = []formOption{{"moderators", "Moderators"}, {"anyone", "Everybody"}}

// String is the value's name in the form.
func (w Whois) String() string { return option(whoisOptions, int(w)) }

// MarshalText writes the value's name in the form.
func (w Whois) MarshalText() ([]byte, error) { return nameIn(whoisOptions, int(w)) }

// UnmarshalText reads the value's name in the form.
func (w *Whois) UnmarshalText(text []byte) error {
	i, err := indexIn(whoisOptions, string(text))
	if err == nil {
		*w = Whois(i)
	}
	return err
}

// String is the value's name in the form.
func (a AllowPM) String() string { return option(pmOptions, int(a)) }

// MarshalText writes the value's name in the form.
func (a AllowPM) MarshalText() ([]byte, error) { return nameIn(pmOptions, int(a)) }

// UnmarshalText reads the value's name in the form.
func (a *AllowPM) UnmarshalText(text []byte) error {
	i, err := indexIn(pmOptions, string(text))
	if err == nil {
		*a = AllowPM(i)
	}
	return err
}

// String is the names of the roles, by rank, with blanks between them.
func (s RoleSet) String() string {
	var names []string
	for r, name := range roleNames {
		if s.Has(Role(r)) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// MarshalText writes the names of the roles.
func (s RoleSet) MarshalText() ([]byte, error) {
	if s >= 1<<len(roleNames) {
		return nil, fmt.Errorf("%w: roles %b", ErrCorrupt, s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads the names of roles.
func (s *RoleSet) UnmarshalText(text []byte) error {
	set, err := parseRoles(strings.Fields(string(text)))
	if err != nil {
		return fmt.Errorf("%w: roles %q", ErrCorrupt, text)
	}
	*s = set
	return nil
}

func nameIn(options []formOption, i int) ([]byte, error) {
	if i < 0 || i >= len(options) {
		return nil, fmt.Errorf("%w: no value %d", ErrCorrupt, i)
	}
	return []byte(option(options, i)), nil
}

func indexIn(options []formOption, name string) (int, error) {
	i := indexOf(options, name)
	if i < 0 {
		return 0, fmt.Errorf("%w: no value %q", ErrCorrupt, name)
	}
	return i, nil
}
