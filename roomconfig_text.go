package muc

import (
	"fmt"
	"slices"
	"strings"
)

// In events and snapshots the values of a configuration stand by the names that
// the form has for them, so that people can read them.

var (
	whoisNames = [...]string{"moderators", "anyone"}
	pmNames    = [...]string{"anyone", "participants", "moderators", "none", "affiliated"}
)

// String is the value's name in the form.
func (w Whois) String() string { return nameOf(whoisNames[:], int(w)) }

// MarshalText writes the value's name in the form.
func (w Whois) MarshalText() ([]byte, error) { return nameIn(whoisNames[:], int(w)) }

// UnmarshalText reads the value's name in the form.
func (w *Whois) UnmarshalText(text []byte) error {
	i, err := indexIn(whoisNames[:], string(text))
	if err == nil {
		*w = Whois(i)
	}
	return err
}

// String is the value's name in the form.
func (a AllowPM) String() string { return nameOf(pmNames[:], int(a)) }

// MarshalText writes the value's name in the form.
func (a AllowPM) MarshalText() ([]byte, error) { return nameIn(pmNames[:], int(a)) }

// UnmarshalText reads the value's name in the form.
func (a *AllowPM) UnmarshalText(text []byte) error {
	i, err := indexIn(pmNames[:], string(text))
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
	set, ok := parseRoles(strings.Fields(string(text)))
	if !ok {
		return fmt.Errorf("%w: roles %q", ErrCorrupt, text)
	}
	*s = set
	return nil
}

// parseRoles makes a set of the names of roles.
func parseRoles(names []string) (set RoleSet, ok bool) {
	for _, name := range names {
		r, ok := parseRole(name)
		if !ok {
			return 0, false
		}
		set |= Roles(r)
	}
	return set, true
}

// nameOf is the name of a value; empty for one that there is not.
func nameOf(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return ""
	}
	return names[i]
}

func nameIn(names []string, i int) ([]byte, error) {
	if i < 0 || i >= len(names) {
		return nil, fmt.Errorf("%w: no value %d", ErrCorrupt, i)
	}
	return []byte(names[i]), nil
}

func indexIn(names []string, name string) (int, error) {
	i := slices.Index(names, name)
	if i < 0 {
		return 0, fmt.Errorf("%w: no value %q", ErrCorrupt, name)
	}
	return i, nil
}
