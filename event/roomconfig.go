package event

import "time"

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
	// SlowMode is how long a person has to wait between two messages to everybody
	// (XEP-0500): 0 or less not at all, at most a week. Admins and owners do not wait. It
	// counts in whole seconds, rounded up.
	SlowMode time.Duration `json:"slow_mode,omitempty"`
	// ForwardMentions forwards messages to people who are mentioned in them, have an
	// affiliation and a reserved nick, and are not inside (XEP-0452). It means something only
	// where the host lets rooms do so.
	ForwardMentions bool `json:"forward_mentions,omitempty"`
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

// maxSlowMode is the longest wait between two messages of one person.
const maxSlowMode = 7 * 24 * time.Hour

// SlowWait is how long a person waits between two messages: SlowMode in whole seconds, within
// its bounds.
func (c *RoomConfig) SlowWait() time.Duration {
	wait := min(max(c.SlowMode, 0), maxSlowMode)
	return (wait + time.Second - 1).Truncate(time.Second)
}

// Whois is who sees real JIDs (XEP-0045 §4.2).
type Whois uint8

// The values of muc#roomconfig_whois.
const (
	WhoisModerators Whois = iota // semi-anonymous
	WhoisAnyone                  // non-anonymous
)

var whoisNames = names[Whois]{"whois", WhoisModerators, []string{"moderators", "anyone"}}

// String is the value's name in the form.
func (w Whois) String() string { return whoisNames.of(w) }

// MarshalText writes the value's name in the form.
func (w Whois) MarshalText() ([]byte, error) { return whoisNames.marshal(w) }

// UnmarshalText reads the value's name in the form.
func (w *Whois) UnmarshalText(text []byte) error { return whoisNames.unmarshal(text, w) }

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

var pmNames = names[AllowPM]{"allowpm", PMAnyone, []string{"anyone", "participants", "moderators", "none", "affiliated"}}

// String is the value's name in the form.
func (a AllowPM) String() string { return pmNames.of(a) }

// MarshalText writes the value's name in the form.
func (a AllowPM) MarshalText() ([]byte, error) { return pmNames.marshal(a) }

// UnmarshalText reads the value's name in the form.
func (a *AllowPM) UnmarshalText(text []byte) error { return pmNames.unmarshal(text, a) }

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

// Broadcasts reports whether everybody sees the presence of occupants of a role.
func (c *RoomConfig) Broadcasts(r Role) bool { return !c.HiddenRoles.Has(r) }
