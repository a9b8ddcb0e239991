package muc

import "github.com/gomuc/muc/event"

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

// mayEnter judges by affiliation alone who comes in (XEP-0045 §5.2.1).
func mayEnter(a Affiliation, c *RoomConfig) bool {
	return affiliationMay(a, toEnter) && (!c.MembersOnly || affiliationMay(a, toEnterMembersOnly))
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
