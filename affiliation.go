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
func (a Affiliation) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

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
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

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
	affiliation         Affiliation
	unmoderated, silent Role // silent: in a moderated room
	membersOnly         bool // may enter a members-only room
}{
	{Outcast, NoRole, NoRole, false},
	{None, Participant, Visitor, false},
	{Member, Participant, Participant, true},
	{Admin, Moderator, Moderator, true},
	{Owner, Moderator, Moderator, true},
}

func defaultRole(a Affiliation, c *RoomConfig) Role {
	row := defaultRoles[a-Outcast]
	if c.Moderated {
		return row.silent
	}
	return row.unmoderated
}

// mayEnter is the members-only column of the table of default roles.
func mayEnter(a Affiliation, c *RoomConfig) bool {
	row := defaultRoles[a-Outcast]
	return row.unmoderated != NoRole && (row.membersOnly || !c.MembersOnly)
}

// affiliationRules is who may change whose affiliation (XEP-0045 §5.2.1): an
// actor touches people up to one rank and gives affiliations up to another.
var affiliationRules = [...]struct {
	actor, touches, gives Affiliation
	any                   bool // may change affiliations at all
}{
	{Outcast, Outcast, Outcast, false},
	{None, Outcast, Outcast, false},
	{Member, Outcast, Outcast, false},
	{Admin, Member, Member, true},
	{Owner, Owner, Owner, true},
}

// mayAffiliate judges one change of affiliation. Who lacks the class for it is
// forbidden; who has the class but not the rank is not allowed (XEP-0045 §9).
func mayAffiliate(actor, old, new Affiliation) *StanzaError {
	rule := affiliationRules[actor-Outcast]
	switch {
	case !rule.any:
		return refuse(Forbidden, "9", "only admins and owners change affiliations")
	case new > rule.gives:
		return refuse(Forbidden, "10.3", "only owners make admins and owners")
	case old > rule.touches:
		return refuse(NotAllowed, "9.1", "the user ranks too high for you")
	}
	return nil
}

// roleRules is who may move an occupant from one role to another (XEP-0045
// §5.1.3): the role and affiliation that the actor needs, how the target's
// affiliation must compare to the actor's, and the rank from which a target is
// out of everybody's reach.
var roleRules = [...]struct {
	section       string
	from, to      Role
	actorRole     Role
	actor         Affiliation // at least
	below         bool        // an affiliated target must rank below the actor, not just not above
	untouchableAt Affiliation
}{
	{"8.2", Visitor, NoRole, Moderator, None, false, Owner + 1},
	{"8.2", Participant, NoRole, Moderator, None, false, Owner + 1},
	{"8.2", Moderator, NoRole, Moderator, None, false, Owner + 1},
	{"8.3", Visitor, Participant, Moderator, None, false, Owner + 1},
	{"8.4", Participant, Visitor, Moderator, None, true, Admin},
	{"9.6", Visitor, Moderator, NoRole, Admin, false, Owner + 1},
	{"9.6", Participant, Moderator, NoRole, Admin, false, Owner + 1},
	{"9.7", Moderator, Participant, NoRole, Admin, false, Admin},
	{"9.7", Moderator, Visitor, NoRole, Admin, false, Admin},
}

// mayChangeRole judges one change of role.
func mayChangeRole(actorRole Role, actor, target Affiliation, from, to Role) *StanzaError {
	for _, rule := range roleRules {
		if rule.from != from || rule.to != to {
			continue
		}
		switch {
		case actorRole < rule.actorRole || actor < rule.actor:
			return refuse(Forbidden, rule.section, "your role does not allow this")
		case target >= rule.untouchableAt, target > actor, rule.below && target == actor && target > None:
			return refuse(NotAllowed, rule.section, "the occupant ranks too high")
		}
		return nil
	}
	return nil // no change
}
