package muc

import "fmt"

// Affiliation is a person's long-lived standing with a room (XEP-0045 §5.2).
// Affiliations are ordered by rank: Outcast < None < Member < Admin < Owner.
type Affiliation int8

// The affiliations of XEP-0045 §5.2.
const (
	Outcast Affiliation = -1
	None    Affiliation = 0
	Member  Affiliation = 1
	Admin   Affiliation = 2
	Owner   Affiliation = 3
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
	v, ok := parseAffiliation(string(text))
	if !ok {
		return fmt.Errorf("%w: unknown affiliation %q", ErrCorrupt, text)
	}
	*a = v
	return nil
}

func parseAffiliation(s string) (Affiliation, bool) {
	for i, name := range affiliationNames {
		if s == name {
			return Outcast + Affiliation(i), true
		}
	}
	return None, false
}

// ownerCount counts those on the list of owners. A whole domain may stand there, as a
// component that acts in its own name, but nobody else is an owner by that.
type ownerCount struct{ all, domains int }

// plus is the count when one more is an owner, or one fewer.
func (n ownerCount) plus(who JID, by int) ownerCount {
	n.all += by
	if who.IsDomain() {
		n.domains += by
	}
	return n
}

// leavesNobody reports whether a room that had owners before has none to rely on now
// (XEP-0045 §10.4): a person, or where none was before, a domain.
func (n ownerCount) leavesNobody(before ownerCount) bool {
	return n.all == 0 || n.all == n.domains && before.all > before.domains
}

// ownerCount is how many own the room now.
func (s *state) ownerCount() ownerCount { return ownerCount{int(s.owners), int(s.domainOwners)} }

// lent is what the affiliation of a domain makes of the people in it: they are
// banned or members with it (XEP-0045 §9.2), but rank is nobody's by his domain.
func (a Affiliation) lent() Affiliation {
	if a > Member {
		return None
	}
	return a
}

// counts is the affiliation by which a person is judged: his own, if he has one,
// else what his domain lends him.
func counts(own, domain Affiliation) Affiliation {
	if own != None {
		return own
	}
	return domain.lent()
}

// Role is an occupant's standing during one visit (XEP-0045 §5.1), ordered by
// privilege: NoRole < Visitor < Participant < Moderator.
type Role uint8

// The roles of XEP-0045 §5.1. NoRole is the protocol's "none": not inside.
const (
	NoRole Role = iota
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
	v, ok := parseRole(string(text))
	if !ok {
		return fmt.Errorf("%w: unknown role %q", ErrCorrupt, text)
	}
	*r = v
	return nil
}

func parseRole(s string) (Role, bool) {
	for i, name := range roleNames {
		if s == name {
			return Role(i), true
		}
	}
	return NoRole, false
}

// defaultRoles is the table of XEP-0045 §5.1.2: the role in which a person of an
// affiliation enters, by kind of room.
var defaultRoles = [...]struct {
	affiliation            Affiliation
	unmoderated, moderated Role
}{
	{Outcast, NoRole, NoRole},
	{None, Participant, Visitor},
	{Member, Participant, Participant},
	{Admin, Moderator, Moderator},
	{Owner, Moderator, Moderator},
}

func defaultRole(a Affiliation, c *RoomConfig) Role {
	row := defaultRoles[a-Outcast]
	if c.Moderated {
		return row.moderated
	}
	return row.unmoderated
}

// mayEnter judges by affiliation alone who comes in (XEP-0045 §5.2.1).
func mayEnter(a Affiliation, c *RoomConfig) bool {
	return a.may(toEnter) && (!c.MembersOnly || a.may(toEnterMembersOnly))
}

// roleAfter is the role that follows from a new affiliation (XEP-0045 §5.1.3):
// rank gives privilege at once, and takes away only what it had given. Nobody
// gains a role by losing an affiliation.
func roleAfter(role Role, old, new Affiliation, c *RoomConfig) Role {
	given := defaultRole(new, c)
	switch {
	case new > old:
		return max(role, given)
	case role == Moderator && old < Admin:
		return role // it was given to the occupant, not to the affiliation
	}
	return min(role, given)
}
