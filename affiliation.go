package muc

import "github.com/gomuc/muc/event"

// Roles and affiliations (XEP-0045 §5).

// Affiliation is a person's long-lived standing with a room (XEP-0045 §5.2), see
// [event.Affiliation].
type Affiliation = event.Affiliation

// The affiliations of XEP-0045 §5.2, by rank.
const (
	Outcast         = event.Outcast
	AffiliationNone = event.AffiliationNone
	Member          = event.Member
	Admin           = event.Admin
	Owner           = event.Owner
)

// Role is an occupant's standing during one visit (XEP-0045 §5.1), see [event.Role].
type Role = event.Role

// The roles of XEP-0045 §5.1, by privilege.
const (
	RoleNone    = event.RoleNone
	Visitor     = event.Visitor
	Participant = event.Participant
	Moderator   = event.Moderator
)

// defaultRoles is the table of XEP-0045 §5.1.2: the role in which a person of an
// affiliation enters, by kind of room.
var defaultRoles = [...]struct {
	affiliation            Affiliation
	unmoderated, moderated Role
}{
	{Outcast, RoleNone, RoleNone},
	{AffiliationNone, Participant, Visitor},
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

// mayEnter judges by affiliation alone who may enter (XEP-0045 §5.2.1).
func mayEnter(a Affiliation, c *RoomConfig) bool {
	return affiliationMay(a, toEnter) && (!c.MembersOnly || affiliationMay(a, toEnterMembersOnly))
}

// roleAfter is the role that follows from a new affiliation (XEP-0045 §5.1.3): a higher
// affiliation raises the role, a lower one takes away only what the old one had given.
// Nobody gains a role by losing an affiliation.
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
