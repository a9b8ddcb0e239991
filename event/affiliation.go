package event

import "fmt"

// Affiliation is a person's long-lived standing with a room (XEP-0045 §5.2).
// Affiliations are ordered by rank: Outcast < None < Member < Admin < Owner.
type Affiliation int8

// The affiliations of XEP-0045 §5.2.
const (
	Outcast         Affiliation = -1
	AffiliationNone Affiliation = 0
	Member          Affiliation = 1
	Admin           Affiliation = 2
	Owner           Affiliation = 3
)

var affiliationNames = [...]string{"outcast", "none", "member", "admin", "owner"}

// String is the affiliation's name in the protocol.
func (a Affiliation) String() string {
	if a < Outcast || a > Owner {
		return fmt.Sprintf("Affiliation(%d)", int8(a))
	}
	return affiliationNames[a-Outcast]
}

// MarshalText writes the protocol's name.
func (a Affiliation) MarshalText() ([]byte, error) {
	if a < Outcast || a > Owner {
		return nil, fmt.Errorf("%w: no affiliation: %d", ErrCorrupt, int8(a))
	}
	return []byte(a.String()), nil
}

// UnmarshalText reads the protocol's name.
func (a *Affiliation) UnmarshalText(text []byte) error {
	v, ok := ParseAffiliation(string(text))
	if !ok {
		return fmt.Errorf("%w: unknown affiliation %q", ErrCorrupt, text)
	}
	*a = v
	return nil
}

// ParseAffiliation reads an affiliation's name in the protocol; ok is false for any
// other text.
func ParseAffiliation(s string) (Affiliation, bool) {
	for i, name := range affiliationNames {
		if s == name {
			return Outcast + Affiliation(i), true
		}
	}
	return AffiliationNone, false
}

// Inherited is the affiliation that a domain's affiliation gives the people of that
// domain (XEP-0045 §9.2): outcast and member are inherited, admin and owner are not.
func (a Affiliation) Inherited() Affiliation {
	if a > Member {
		return AffiliationNone
	}
	return a
}

// EffectiveAffiliation is the affiliation by which a person is judged: the person's own
// or, if that is none, the one inherited from the domain.
func EffectiveAffiliation(own, domain Affiliation) Affiliation {
	if own != AffiliationNone {
		return own
	}
	return domain.Inherited()
}

// Role is an occupant's standing during one visit (XEP-0045 §5.1), ordered by
// privilege: RoleNone < Visitor < Participant < Moderator.
type Role uint8

// The roles of XEP-0045 §5.1. RoleNone is the protocol's "none": not inside.
const (
	RoleNone Role = iota
	Visitor
	Participant
	Moderator
)

var roleNames = [...]string{"none", "visitor", "participant", "moderator"}

// String is the role's name in the protocol.
func (r Role) String() string {
	if int(r) >= len(roleNames) {
		return fmt.Sprintf("Role(%d)", uint8(r))
	}
	return roleNames[r]
}

// MarshalText writes the protocol's name.
func (r Role) MarshalText() ([]byte, error) {
	if int(r) >= len(roleNames) {
		return nil, fmt.Errorf("%w: no role: %d", ErrCorrupt, uint8(r))
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads the protocol's name.
func (r *Role) UnmarshalText(text []byte) error {
	v, ok := ParseRole(string(text))
	if !ok {
		return fmt.Errorf("%w: unknown role %q", ErrCorrupt, text)
	}
	*r = v
	return nil
}

// ParseRole reads a role's name in the protocol; ok is false for any other text.
func ParseRole(s string) (Role, bool) {
	for i, name := range roleNames {
		if s == name {
			return Role(i), true
		}
	}
	return RoleNone, false
}
