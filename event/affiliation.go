package event

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

var affiliationNames = names[Affiliation]{"affiliation", Outcast, []string{"outcast", "none", "member", "admin", "owner"}}

// String is the affiliation's name in the protocol.
func (a Affiliation) String() string { return affiliationNames.of(a) }

// MarshalText writes the protocol's name.
func (a Affiliation) MarshalText() ([]byte, error) { return affiliationNames.marshal(a) }

// UnmarshalText reads the protocol's name.
func (a *Affiliation) UnmarshalText(text []byte) error { return affiliationNames.unmarshal(text, a) }

// ParseAffiliation reads an affiliation's name in the protocol; ok is false for any
// other text.
func ParseAffiliation(s string) (a Affiliation, ok bool) { return affiliationNames.parse(s) }

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

// AffiliationSet is a set of affiliations. The zero value is empty.
type AffiliationSet uint8

// Affiliations makes a set of affiliations.
func Affiliations(affiliations ...Affiliation) AffiliationSet {
	var s AffiliationSet
	for _, a := range affiliations {
		s |= 1 << (a - Outcast)
	}
	return s
}

// Has reports whether an affiliation is in the set.
func (s AffiliationSet) Has(a Affiliation) bool { return s&(1<<(a-Outcast)) != 0 }

// String is the names of the affiliations, by rank, with blanks between them.
func (s AffiliationSet) String() string { return affiliationNames.ofSet(uint8(s)) }

// MarshalText writes the names of the affiliations.
func (s AffiliationSet) MarshalText() ([]byte, error) { return affiliationNames.marshalSet(uint8(s)) }

// UnmarshalText reads the names of affiliations.
func (s *AffiliationSet) UnmarshalText(text []byte) error {
	set, err := affiliationNames.unmarshalSet(text)
	if err == nil {
		*s = AffiliationSet(set)
	}
	return err
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

var roleNames = names[Role]{"role", RoleNone, []string{"none", "visitor", "participant", "moderator"}}

// String is the role's name in the protocol.
func (r Role) String() string { return roleNames.of(r) }

// MarshalText writes the protocol's name.
func (r Role) MarshalText() ([]byte, error) { return roleNames.marshal(r) }

// UnmarshalText reads the protocol's name.
func (r *Role) UnmarshalText(text []byte) error { return roleNames.unmarshal(text, r) }

// ParseRole reads a role's name in the protocol; ok is false for any other text.
func ParseRole(s string) (r Role, ok bool) { return roleNames.parse(s) }

// RoleSet is a set of roles. The zero value is empty.
type RoleSet uint8

// Roles makes a set of roles.
func Roles(roles ...Role) RoleSet {
	var s RoleSet
	for _, r := range roles {
		s |= 1 << r
	}
	return s
}

// Has reports whether a role is in the set.
func (s RoleSet) Has(r Role) bool { return s&(1<<r) != 0 }

// String is the names of the roles, by rank, with blanks between them.
func (s RoleSet) String() string { return roleNames.ofSet(uint8(s)) }

// MarshalText writes the names of the roles.
func (s RoleSet) MarshalText() ([]byte, error) { return roleNames.marshalSet(uint8(s)) }

// UnmarshalText reads the names of roles.
func (s *RoleSet) UnmarshalText(text []byte) error {
	set, err := roleNames.unmarshalSet(text)
	if err == nil {
		*s = RoleSet(set)
	}
	return err
}

// ParseRoles makes a set of the names of roles; ok is false if one is unknown.
func ParseRoles(names []string) (set RoleSet, ok bool) {
	some, ok := roleNames.parseSet(names)
	return RoleSet(some), ok
}

// State is where a room is in its life.
type State uint8

// The life of a room: it only moves forward.
const (
	Unborn    State = iota // not created yet: nothing to store
	Locked                 // created, but not configured by its owner yet (XEP-0045 §10.1.1)
	Open                   // in use
	Destroyed              // over; there only for its tombstone
)

var stateNames = names[State]{"state", Unborn, []string{"unborn", "locked", "open", "destroyed"}}

// String is the state's name in lower case.
func (s State) String() string { return stateNames.of(s) }
