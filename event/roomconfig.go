package event

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// RoomConfig is the configuration that a room's owners choose (XEP-0045 §10.2,
// §16.5.3). The zero value is the default room.
type RoomConfig struct {
	// Name and Description are what disco shows (§6.4).
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	// Lang is the room's natural language, as in xml:lang.
	Lang string `json:"lang,omitempty"`
	// Persistent keeps the room when the last occupant leaves.
	Persistent bool `json:"persistent,omitempty"`
	// Hidden keeps the room out of lists.
	Hidden bool `json:"hidden,omitempty"`
	// ListOccupants shows who is inside to strangers who ask (§6.5).
	ListOccupants bool `json:"list_occupants,omitempty"`
	// MembersOnly lets only people with an affiliation enter (§4.2).
	MembersOnly bool `json:"members_only,omitempty"`
	// Moderated makes people without affiliation enter as visitors (§4.2).
	Moderated bool `json:"moderated,omitempty"`
	// Password protects the room when it is not empty.
	Password string `json:"password,omitempty"`
	// MaxUsers is how many occupants the room takes; 0 means Limits.Occupants.
	MaxUsers int `json:"max_users,omitempty"`
	// Whois is who sees the real JIDs of occupants.
	Whois Whois `json:"whois,omitempty"`
	// OpenSubject lets participants change the subject.
	OpenSubject bool `json:"open_subject,omitempty"`
	// AllowInvites lets members of a members-only room invite.
	AllowInvites bool `json:"allow_invites,omitempty"`
	// AllowPM is who may send private messages (§7.5).
	AllowPM AllowPM `json:"allow_pm,omitempty"`
	// ModeratorPM lets everybody write to moderators privately, whatever AllowPM
	// says.
	ModeratorPM bool `json:"moderator_pm,omitempty"`
	// HiddenRoles are the roles whose presence only moderators see.
	HiddenRoles RoleSet `json:"hidden_roles,omitempty"`
	// ShowAbsent tells newcomers of affiliated people who are not inside.
	ShowAbsent bool `json:"show_absent,omitempty"`
	// MemberList are the roles that may read the list of members.
	MemberList RoleSet `json:"member_list,omitempty"`
	// History is how many messages a newcomer is shown: 0 means 20, negative none.
	History int `json:"history,omitempty"`
	// Logging says that the conversation is logged publicly (§14.3).
	Logging bool `json:"logging,omitempty"`
	// NoArchive keeps messages out of the archive.
	NoArchive bool `json:"no_archive,omitempty"`
	// NoVisitorNickChange makes visitors keep the nick they came with.
	NoVisitorNickChange bool `json:"no_visitor_nick_change,omitempty"`
	// NoQueries keeps occupants from sending each other requests (§17.4).
	NoQueries bool `json:"no_queries,omitempty"`
	// NoVoiceRequests keeps visitors from asking for voice (§7.13).
	NoVoiceRequests bool `json:"no_voice_requests,omitempty"`
	// VoiceInterval is how long a visitor has to wait before asking for voice again: 0
	// means half an hour, negative not at all. The form has it in whole seconds, rounded up.
	VoiceInterval time.Duration `json:"voice_interval,omitempty"`
	// NoVisitorStatus takes the status texts out of the presence of visitors.
	NoVisitorStatus bool `json:"no_visitor_status,omitempty"`
}

const (
	defaultHistory       = 20
	defaultVoiceInterval = 30 * time.Minute
)

// HistoryLength is how many messages a newcomer is shown, with the default applied.
func (c *RoomConfig) HistoryLength() int {
	switch {
	case c.History < 0:
		return 0
	case c.History == 0:
		return defaultHistory
	}
	return c.History
}

// VoiceWait is how long a visitor waits between two requests for voice, with the default
// applied.
func (c *RoomConfig) VoiceWait() time.Duration {
	switch {
	case c.VoiceInterval < 0:
		return 0
	case c.VoiceInterval == 0:
		return defaultVoiceInterval
	}
	return c.VoiceInterval
}

// Whois is who sees real JIDs (XEP-0045 §4.2).
type Whois uint8

// The values of muc#roomconfig_whois.
const (
	WhoisModerators Whois = iota // semi-anonymous
	WhoisAnyone                  // non-anonymous
)

// AllowPM is who may send private messages (muc#roomconfig_allowpm).
type AllowPM uint8

// The values of muc#roomconfig_allowpm.
const (
	PMAnyone AllowPM = iota
	PMParticipants
	PMModerators
	PMNone
	PMAffiliated // members, admins and owners
)

// AllowsPM reports whether an occupant of a role and affiliation may send a private
// message to one of another role.
func (c *RoomConfig) AllowsPM(from Role, aff Affiliation, to Role) bool {
	if c.ModeratorPM && to == Moderator {
		return true
	}
	switch c.AllowPM {
	case PMParticipants:
		return from >= Participant
	case PMModerators:
		return from >= Moderator
	case PMAffiliated:
		return aff >= Member
	case PMNone:
		return false
	}
	return true
}

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

// Broadcasts reports whether everybody sees the presence of occupants of a role.
func (c *RoomConfig) Broadcasts(r Role) bool { return !c.HiddenRoles.Has(r) }

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
	set, ok := ParseRoles(strings.Fields(string(text)))
	if !ok {
		return fmt.Errorf("%w: roles %q", ErrCorrupt, text)
	}
	*s = set
	return nil
}

// ParseRoles makes a set of the names of roles; ok is false if one is unknown.
func ParseRoles(names []string) (set RoleSet, ok bool) {
	for _, name := range names {
		r, ok := ParseRole(name)
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
