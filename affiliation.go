package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/stanza"
)

// Roles, affiliations and their privileges (XEP-0045 §5).

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

// privilege is one line of the tables of XEP-0045 §5.1.1 and §5.2.1: something
// that takes a role, or an affiliation.
type privilege uint8

const (
	toChangeNick privilege = iota
	toInvite
	toSpeak
	toChangeSubject
	toKick
	toGrantVoice
	toRevokeVoice
	toModerate

	toEnter
	toRegister
	toReadMembers
	toEnterMembersOnly
	toBan
	toEditMembers
	toAssignModerators
	toEditAdmins
	toEditOwners
	toConfigure
	toDestroy
)

// privileges says who has which privilege: the role and the affiliation, or higher ones.
// Both are hierarchies, as the XEP has them. What configuration takes back from a role
// stands in the row; what else limits a privilege stands with its rule, and in the note.
// What every role has, such as to hear messages, needs no row.
var privileges = [...]struct {
	name string // in the XEP
	role Role
	aff  Affiliation
	note string
	// withheld reports whether the room's configuration takes it back from a role.
	withheld func(r *Room, role Role) bool
}{
	toChangeNick: {"Change Room Nickname", Visitor, Outcast, "visitors: not if allowvisitornickchange is off",
		func(r *Room, role Role) bool { return role == Visitor && r.st.Config().NoVisitorNickChange }},
	toInvite: {"Invite Other Users", Visitor, Outcast, "visitors: only with Config.VisitorsInvite; in members-only rooms as allowinvites says",
		func(r *Room, role Role) bool { return role == Visitor && !r.cfg.VisitorsInvite }},
	toSpeak: {"Send Messages to All", Participant, Outcast, "", nil},
	toChangeSubject: {"Modify Subject", Participant, Outcast, "participants: only if changesubject is on",
		func(r *Room, role Role) bool { return role == Participant && !r.st.Config().OpenSubject }},
	toKick:        {"Kick Participants and Visitors", Moderator, Outcast, "not of higher affiliation", nil},
	toGrantVoice:  {"Grant Voice", Moderator, Outcast, "", nil},
	toRevokeVoice: {"Revoke Voice", Moderator, Outcast, "never an admin's or owner's, nor that of an equal affiliation", nil},
	toModerate:    {"Moderate Messages (XEP-0425)", Moderator, Outcast, "not those of the room itself", nil},

	toEnter:            {"Enter Open Room", RoleNone, AffiliationNone, "", nil},
	toRegister:         {"Register with Open Room", RoleNone, AffiliationNone, "as Config.Registration says", nil},
	toReadMembers:      {"Retrieve Member List", RoleNone, Member, "members: only in a non-anonymous members-only room, or as getmemberlist says", nil},
	toEnterMembersOnly: {"Enter Members-Only Room", RoleNone, Member, "", nil},
	toBan:              {"Ban Members and Unaffiliated Users", RoleNone, Admin, "", nil},
	toEditMembers:      {"Edit Member List", RoleNone, Admin, "", nil},
	toAssignModerators: {"Assign and Remove Moderator Role", RoleNone, Admin, "never taken from an admin or owner", nil},
	toEditAdmins:       {"Edit Admin List", RoleNone, Owner, "", nil},
	toEditOwners:       {"Edit Owner List", RoleNone, Owner, "an owner must remain", nil},
	toConfigure:        {"Change Room Configuration", RoleNone, Owner, "", nil},
	toDestroy:          {"Destroy Room", RoleNone, Owner, "", nil},
}

// roleMay judges a role by the table alone.
func roleMay(r Role, p privilege) bool { return r >= privileges[p].role }

// allows judges a role by the table and by how the room is configured.
func (r *Room) allows(role Role, p privilege) bool {
	withheld := privileges[p].withheld
	return roleMay(role, p) && (withheld == nil || !withheld(r, role))
}

func affiliationMay(a Affiliation, p privilege) bool { return a >= privileges[p].aff }

// lists says what it takes to put somebody on a list of affiliations, and to take somebody
// off it: with the privileges, that is the state chart of XEP-0045 §5.2.2. Who may do both
// may read it, and others as mayList says.
var lists = [...]struct {
	affiliation     Affiliation
	edit            privilege
	onto, off, read string // sections
}{
	{Outcast, toBan, "9.1", "9.2", "9.2"},
	{AffiliationNone, toEditMembers, "9.4", "9.3", ""},
	{Member, toEditMembers, "9.3", "9.4", "9.5"},
	{Admin, toEditAdmins, "10.6", "10.7", "10.8"},
	{Owner, toEditOwners, "10.3", "10.4", "10.5"},
}

// mayAdminister judges whether somebody may change affiliations at all, before the
// request's items are looked at: a refusal tells nothing about them.
func (a *sender) mayAdminister() *StanzaError {
	if !affiliationMay(a.aff, toEditMembers) {
		return refuse(stanza.Forbidden, "9", "only admins and owners change affiliations")
	}
	return nil
}

// mayAffiliate judges one change of affiliation. A list that the actor may not edit is
// forbidden; to ban people from such a list is a matter of rank,
// and not allowed (XEP-0045 §9.1).
func (a *sender) mayAffiliate(old, new Affiliation) *StanzaError {
	from, to := lists[old-Outcast], lists[new-Outcast]
	switch {
	case a.host:
	case !affiliationMay(a.aff, to.edit):
		return refuse(stanza.Forbidden, to.onto, "only owners make somebody "+article(new))
	case affiliationMay(a.aff, from.edit):
	case new == Outcast:
		return refuse(stanza.NotAllowed, to.onto, "only owners ban "+article(old))
	default:
		return refuse(stanza.Forbidden, from.off, "only owners demote "+article(old))
	}
	return nil
}

func article(a Affiliation) string {
	if a == Member {
		return "a " + a.String()
	}
	return "an " + a.String()
}

// A reach is whose role somebody may change, by affiliation.
type reach func(actor, target Affiliation) bool

func reachAll(_, _ Affiliation) bool { return true }

// reachNotAbove is nobody of a higher affiliation (§8.2).
func reachNotAbove(actor, target Affiliation) bool { return target <= actor }

// reachBelow is nobody of the same one either, if it is one, and no admins and owners (§8.4).
func reachBelow(actor, target Affiliation) bool {
	return target < Admin && (target < actor || target <= AffiliationNone)
}

// reachUnranked is nobody of a higher affiliation, and no admins and owners: they are
// moderators by affiliation (§9.7).
func reachUnranked(actor, target Affiliation) bool { return target < Admin && target <= actor }

// roleRules is who may move an occupant from one role to another: the state chart
// of XEP-0045 §5.1.3, one rule for each pair of roles.
var roleRules = [...]struct {
	section  string
	from, to Role
	act      privilege   // who lacks it is forbidden
	least    Affiliation // who ranks lower is not allowed
	reach    reach       // those out of it cannot be acted on
}{
	{"8.2", Visitor, RoleNone, toKick, AffiliationNone, reachNotAbove},
	{"8.2", Participant, RoleNone, toKick, AffiliationNone, reachNotAbove},
	{"8.2", Moderator, RoleNone, toKick, Admin, reachNotAbove},
	{"8.4", Visitor, Visitor, toRevokeVoice, AffiliationNone, reachAll},
	{"8.4", Participant, Visitor, toRevokeVoice, AffiliationNone, reachBelow},
	{"8.4", Moderator, Visitor, toRevokeVoice, Admin, reachUnranked},
	{"8.3", Visitor, Participant, toGrantVoice, AffiliationNone, reachAll},
	{"8.3", Participant, Participant, toGrantVoice, AffiliationNone, reachAll},
	{"9.7", Moderator, Participant, toAssignModerators, Admin, reachUnranked},
	{"9.6", Visitor, Moderator, toAssignModerators, Admin, reachAll},
	{"9.6", Participant, Moderator, toAssignModerators, Admin, reachAll},
	{"9.6", Moderator, Moderator, toAssignModerators, Admin, reachAll},
}

// mayModerate judges whether somebody may change roles at all, before the request's items
// are looked at: a refusal tells nothing about them.
func (a *sender) mayModerate() *StanzaError {
	if !roleMay(a.role, toKick) {
		return refuse(stanza.Forbidden, "8", "only moderators change roles")
	}
	return nil
}

// mayChangeRole judges one change of role.
func (a *sender) mayChangeRole(target Affiliation, from, to Role) *StanzaError {
	if a.host {
		return nil
	}
	for _, rule := range roleRules {
		switch {
		case rule.from != from || rule.to != to:
			continue
		case !rule.reach(a.aff, target):
			// Presence tells everybody who ranks higher: that is no secret, and the first reason
			// (§5.1.3).
			return refuse(stanza.NotAllowed, rule.section, "the occupant ranks too high for this")
		case !roleMay(a.role, rule.act) || !affiliationMay(a.aff, rule.act):
			return refuse(stanza.Forbidden, rule.section, "your affiliation does not allow this")
		case a.aff < rule.least:
			return refuse(stanza.NotAllowed, rule.section, "the occupant ranks too high for this")
		}
	}
	return nil
}
