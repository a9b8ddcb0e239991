package event

import (
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// The struct tags are the storage format: a JSON name is never given to another field.
// A field tagged holds:"xml" is canonical XML, see checkStored.

// The durable events.
type (
	// Created: the room was created (XEP-0045 §10.1.1). KeyPrint tells whether
	// a log belongs to a Config.Secret without giving the secret away.
	Created struct {
		Room        jid.JID    `json:"room"`
		Creator     jid.JID    `json:"creator"`
		KeyPrint    string     `json:"keyprint"`
		LockedUntil Stamp      `json:"locked_until,omitzero"`
		Config      RoomConfig `json:"config"`
	}
	// Unlocked: the owner accepted a configuration (XEP-0045 §10.1.2, §10.1.3).
	Unlocked struct{}
	// Configured: the owner changed the room's configuration (XEP-0045 §10.2).
	// Only fields that changed are listed, in the order of the form.
	Configured struct {
		Changes []ConfigChange `json:"changes"`
		Actor   Actor          `json:"actor,omitzero"`
	}
	// AffiliationChanged: a person's affiliation is now New (XEP-0045 §5.2.2).
	// Old equals New where only the reason is another.
	AffiliationChanged struct {
		JID    jid.JID     `json:"jid"`
		Old    Affiliation `json:"old"`
		New    Affiliation `json:"new"`
		Reason string      `json:"reason,omitempty"`
		Actor  Actor       `json:"actor,omitzero"`
	}
	// AffiliationsVersioned: from here on the room remembers how its lists of affiliations
	// change, for clients that were away (XEP-0463). A version of the lists is known by the
	// number of the event that made it: this one, and each change of an affiliation from then
	// on. Name tells the versions of this room from those of an earlier one of the same
	// address. Changes are in snapshots alone, where the number of this event is that of the
	// last version: what has changed up to it and is remembered, the oldest first.
	AffiliationsVersioned struct {
		Name    string            `json:"name"`
		Changes []PastAffiliation `json:"changes,omitempty"`
	}
	// Registered: a nick is reserved for a person (XEP-0045 §7.10). Key is the
	// form of the nick that conflicts are decided on, Answers what the person filled
	// in beside it (Config.RegistrationFields).
	Registered struct {
		JID     jid.JID      `json:"jid"`
		Nick    string       `json:"nick"`
		Key     string       `json:"key"`
		Answers []FieldValue `json:"answers,omitempty"`
	}
	// Deregistered: the person's reserved nick is free again.
	Deregistered struct {
		JID jid.JID `json:"jid"`
	}
	// RegistrationRequested: somebody wants to register and waits for an admin to
	// approve it (XEP-0045 §9.9). An affiliation or a registration ends the wait.
	RegistrationRequested struct {
		JID      jid.JID      `json:"jid"`
		Nick     string       `json:"nick"`
		Key      string       `json:"key"`
		Answers  []FieldValue `json:"answers,omitempty"`
		Deadline Stamp        `json:"deadline,omitzero"`
	}
	// RegistrationClosed: a request to register came to nothing.
	RegistrationClosed struct {
		JID   jid.JID      `json:"jid"`
		How   RequestClose `json:"how"`
		Actor Actor        `json:"actor,omitzero"`
	}
	// VoiceStored: the role in which somebody without affiliation re-enters a
	// moderated room (XEP-0045 §5.1); RoleNone forgets it.
	VoiceStored struct {
		JID  jid.JID `json:"jid"`
		Role Role    `json:"role"`
	}
	// SubjectChanged: the room has a new subject (XEP-0045 §8.1). Its Payload has a
	// subject element for each language. Without a StanzaID it is not to be archived.
	SubjectChanged struct{ Message }
	// MessageArchived: somebody spoke to the room and the host should archive it
	// (XEP-0313).
	MessageArchived struct{ Message }
	// MessageRetracted: a message was taken back, and the archive should not show it any
	// more: by its author (XEP-0424) or, if Moderated is there, by a moderator (XEP-0425).
	// MessageRetracted.Means tells which one it is. StanzaID is the message's if the room
	// knows it, otherwise Named is what the author called it. OccupantID, Nick and JID are
	// the author's, ID is that of the message which says so.
	MessageRetracted struct {
		StanzaID   string      `json:"stanza_id"`
		OccupantID string      `json:"occupant_id"`
		Nick       string      `json:"nick"`
		JID        jid.JID     `json:"jid"`
		ID         string      `json:"id"`
		Named      string      `json:"named,omitempty"`
		Moderated  *Moderation `json:"moderated,omitempty"`
	}
	// VCardChanged: the room has another vCard, its Payload, or, if that is empty, none
	// (XEP-0486 §3.2). Photos are the SHA-1 hashes of the images in it, in hexadecimal
	// (XEP-0153 §3.1).
	VCardChanged struct {
		Payload string   `json:"payload,omitempty" holds:"xml"`
		Photos  []string `json:"photos,omitempty"`
		Actor   Actor    `json:"actor,omitzero"`
	}
	// HatCreated: the room has this hat, or one of its URI has changed (XEP-0317 §3.2).
	HatCreated struct {
		Hat
		Actor Actor `json:"actor,omitzero"`
	}
	// HatDestroyed: the room has a hat no more, nor does anybody who had it (XEP-0317 §3.3).
	HatDestroyed struct {
		URI   string `json:"uri"`
		Actor Actor  `json:"actor,omitzero"`
	}
	// HatAssigned: a person, who may be outside, has a hat of the room (XEP-0317 §3.5).
	HatAssigned struct {
		JID   jid.JID `json:"jid"`
		URI   string  `json:"uri"`
		Actor Actor   `json:"actor,omitzero"`
	}
	// HatUnassigned: a person has a hat no more (XEP-0317 §3.6).
	HatUnassigned struct {
		JID   jid.JID `json:"jid"`
		URI   string  `json:"uri"`
		Actor Actor   `json:"actor,omitzero"`
	}
	// RoomDestroyed: the room is no more (XEP-0045 §10.9).
	RoomDestroyed struct {
		Reason    string  `json:"reason,omitempty"`
		Alternate jid.JID `json:"alternate,omitzero"`
		Password  string  `json:"password,omitempty"`
		// Tombstone: the address answers "gone" from now on.
		Tombstone bool  `json:"tombstone,omitempty"`
		Actor     Actor `json:"actor,omitzero"`
	}
)

// The volatile events.
type (
	// Joined: a session entered, as a new occupant or beside the other sessions
	// of one. Payload is what the client said in its presence. For a puppet of the
	// host, Session is 0 and JID the address that it is known by.
	Joined struct {
		Occupant   uint32  `json:"occupant"`
		Session    uint32  `json:"session"`
		JID        jid.JID `json:"jid"`
		Nick       string  `json:"nick"`
		Key        string  `json:"key"`
		OccupantID string  `json:"occupant_id"`
		Role       Role    `json:"role"`
		// OwnerByHost says that the person counts as owner while inside, because
		// Config.IsOwner said so.
		OwnerByHost bool   `json:"owner_by_host,omitempty"`
		Lang        string `json:"lang,omitempty"`
		Payload     string `json:"payload,omitempty" holds:"xml"`
	}
	// AffiliationsFollowed: a session keeps a copy of these lists of affiliations from here on,
	// and is told in which version each change results (XEP-0463); none ends that.
	AffiliationsFollowed struct {
		JID   jid.JID        `json:"jid"`
		Lists AffiliationSet `json:"lists,omitempty"`
	}
	// PresenceChanged: a session said something new about its availability, or the
	// host for the puppet that Occupant names.
	PresenceChanged struct {
		Occupant uint32  `json:"occupant,omitempty"`
		JID      jid.JID `json:"jid"`
		Lang     string  `json:"lang,omitempty"`
		Payload  string  `json:"payload,omitempty" holds:"xml"`
	}
	// Renamed: a session or puppet goes by another nick. Occupant is whom it belongs to
	// now: the same as before (From), a new one when other sessions stay behind under
	// the old nick, or another of the same person (XEP-0045 §7.6, §7.2.8). Old and
	// Role are those of the occupant before; Front says that the session's presence
	// was the occupant's.
	Renamed struct {
		JID      jid.JID `json:"jid"`
		From     uint32  `json:"from"`
		Occupant uint32  `json:"occupant"`
		Old      string  `json:"old"`
		Role     Role    `json:"role"`
		Front    bool    `json:"front"`
		Nick     string  `json:"nick"`
		Key      string  `json:"key"`
		Lang     string  `json:"lang,omitempty"`
		Payload  string  `json:"payload,omitempty" holds:"xml"`
		// Assigned: it was not the session's wish, but its registered nick (§7.10).
		Assigned bool `json:"assigned,omitempty"`
	}
	// RoleChanged: an occupant has another role (XEP-0045 §5.1.3).
	RoleChanged struct {
		Occupant uint32 `json:"occupant"`
		Old      Role   `json:"old"`
		New      Role   `json:"new"`
		Reason   string `json:"reason,omitempty"`
		Actor    Actor  `json:"actor,omitzero"`
	}
	// Left: one session is gone, by its own request or lost. Last says that its
	// occupant went with it, Front that its presence was the occupant's. For a puppet,
	// Session is 0.
	Left struct {
		Occupant    uint32      `json:"occupant"`
		Session     uint32      `json:"session"`
		JID         jid.JID     `json:"jid"`
		Nick        string      `json:"nick"`
		OccupantID  string      `json:"occupant_id"`
		Affiliation Affiliation `json:"affiliation"`
		Role        Role        `json:"role"`
		How         Departure   `json:"how,omitempty"`
		Last        bool        `json:"last"`
		Front       bool        `json:"front"`
		Lang        string      `json:"lang,omitempty"`
		Payload     string      `json:"payload,omitempty" holds:"xml"`
	}
	// Removed: an occupant was removed with all of its sessions, JIDs; a puppet has
	// none. JID is the address that its presence showed, Role and Affiliation are
	// those before and after.
	Removed struct {
		Occupant    uint32      `json:"occupant"`
		JID         jid.JID     `json:"jid"`
		JIDs        []jid.JID   `json:"jids"`
		Nick        string      `json:"nick"`
		OccupantID  string      `json:"occupant_id"`
		Affiliation Affiliation `json:"affiliation"`
		Role        Role        `json:"role"`
		Cause       Cause       `json:"cause"`
		Reason      string      `json:"reason,omitempty"`
		Actor       Actor       `json:"actor,omitzero"`
	}
	// MessageRemembered: somebody spoke, and newcomers are shown it, but it is not to
	// be archived.
	MessageRemembered struct{ Message }
	// MessagePassed: somebody said something to everybody that newcomers are not shown:
	// a chat state, a marker, a message that asks not to be stored. The room keeps nothing
	// of it.
	MessagePassed struct{ Message }
	// Mentioned: JIDs, who are not inside, were mentioned in the message of the event before,
	// and the room forwards it to them (XEP-0452). Nick, ID and StanzaID are the message's.
	// The room keeps nothing of it.
	Mentioned struct {
		JIDs     []jid.JID `json:"jids"`
		Nick     string    `json:"nick,omitempty"`
		ID       string    `json:"id"`
		StanzaID string    `json:"stanza_id,omitempty"`
	}
	// PrivateReceived: a private message reached a puppet, To, whose number is Occupant
	// (XEP-0045 §7.5): it is for the host to read. Type is chat, headline, or empty for a
	// normal one. The room keeps nothing of it.
	PrivateReceived struct {
		Occupant uint32 `json:"occupant"`
		To       string `json:"to"`
		Type     string `json:"type,omitempty"`
		Message
	}
	// VoiceRequested: a visitor asked the moderators for voice (XEP-0045 §7.13). ID
	// is that of the form they got, JID the session that asked. Now is as in RateSpent. In
	// a snapshot JID is the person, who may be gone, and all else is left out.
	VoiceRequested struct {
		ID       string  `json:"id"`
		Occupant uint32  `json:"occupant"`
		JID      jid.JID `json:"jid"`
		Nick     string  `json:"nick"`
		Now      Stamp   `json:"now,omitzero"`
	}
	// PrivateSent: a session sent a private message to an occupant (XEP-0045 §7.5).
	// Its content is not recorded; that it was sent is remembered for a while, so that
	// an error can be passed back.
	PrivateSent struct {
		Session  uint32 `json:"session"`
		Occupant uint32 `json:"occupant"`
		ID       string `json:"id,omitempty"`
	}
	// PrivateBounced: a private message came back as an error, and its sender was
	// told.
	PrivateBounced struct {
		Session  uint32 `json:"session"`
		Occupant uint32 `json:"occupant"`
		ID       string `json:"id,omitempty"`
	}
	// RelaySent: a session sent a request to an occupant (XEP-0045 §17.4). Way is what
	// the answer has to show, a signature of who asked whom, when, and under which id.
	// Now is what the host's clock said, if it was behind the room's last event.
	RelaySent struct {
		Session uint32  `json:"session"`
		JID     jid.JID `json:"jid"`
		Way     string  `json:"way"`
		Now     Stamp   `json:"now,omitzero"`
	}
	// RelayAnswered: the answer to such a request came, and was passed on.
	RelayAnswered struct {
		Session uint32 `json:"session"`
		Way     string `json:"way"`
	}
	// RateSpent: a person, or the room for all of them, used up a part of what
	// Config.Rates or RoomConfig.SlowMode allows. Until is when all of it will be there again. Now is what the
	// host's clock said, if it was behind the room's last event.
	RateSpent struct {
		JID   jid.JID  `json:"jid"`
		Kind  RateKind `json:"kind"`
		Until Stamp    `json:"until"`
		Now   Stamp    `json:"now,omitzero"`
	}
	// InviteSent: somebody was invited through the room and may decline until the
	// invitation expires (XEP-0045 §7.8.2). From is whom it names as the inviter;
	// Inviter is zero for the host.
	InviteSent struct {
		Invitee jid.JID `json:"invitee"`
		Inviter jid.JID `json:"inviter,omitzero"`
		From    jid.JID `json:"from"`
		Expires Stamp   `json:"expires"`
	}
	// InviteUsed: an invitee entered, or declined.
	InviteUsed struct {
		Invitee  jid.JID `json:"invitee"`
		Inviter  jid.JID `json:"inviter,omitzero"`
		Declined bool    `json:"declined,omitempty"`
	}
	// InviteExpired: the time of an invitation is up.
	InviteExpired struct {
		Invitee jid.JID `json:"invitee"`
		Inviter jid.JID `json:"inviter,omitzero"`
	}
	// Asked: the room put a request or a join to the host, which is to be answered
	// before the deadline. ID names it in Do(Answer{…}); IQ is the id of the asker's
	// stanza. Join is the join that waits, nil for a request.
	Asked struct {
		ID       string       `json:"id"`
		JID      jid.JID      `json:"jid"`
		IQ       string       `json:"iq,omitempty"`
		Deadline Stamp        `json:"deadline"`
		Join     *WaitingJoin `json:"join,omitempty"`
		// Archive is the request, canonical, if it takes a query of the archive: for messages
		// to be shown, or for one to be moderated.
		Archive string `json:"archive,omitempty" holds:"xml"`
	}
	// Answered: a request was answered, or refused when Condition is not empty. Of a
	// join it tells the Nick that was asked for; without a Condition it is admitted
	// by the same step, or was withdrawn.
	Answered struct {
		ID        string           `json:"id"`
		JID       jid.JID          `json:"jid"`
		IQ        string           `json:"iq,omitempty"`
		Nick      string           `json:"nick,omitempty"`
		Payload   string           `json:"payload,omitempty" holds:"xml"`
		Condition stanza.Condition `json:"condition,omitempty"`
		Type      stanza.ErrorType `json:"type,omitempty"`
		Text      string           `json:"text,omitempty"`
	}
)

// PastAffiliation is an affiliation that a person or domain had in version Since of the
// lists, and not in the next.
type PastAffiliation struct {
	Since       uint64      `json:"since"`
	JID         jid.JID     `json:"jid"`
	Affiliation Affiliation `json:"affiliation"`
}

// Message is what somebody said to the room or to a puppet, or the room's subject. From is
// the occupant JID of Nick, or the room itself when Nick is empty. Payload is
// the child elements as canonical XML, without the ids that the room adds.
type Message struct {
	Nick       string  `json:"nick,omitempty"`
	Key        string  `json:"key,omitempty"`
	OccupantID string  `json:"occupant_id,omitempty"`
	JID        jid.JID `json:"jid,omitzero"`
	StanzaID   string  `json:"stanza_id"`
	ID         string  `json:"id,omitempty"`
	Lang       string  `json:"lang,omitempty"`
	Payload    string  `json:"payload,omitempty" holds:"xml"`
}

// Moderation is who took back somebody else's message, and why. By is whom everybody is told
// of: the moderator's occupant JID or, if the moderator is outside or the service itself, the
// room. OccupantID is the moderator's, empty for the service.
type Moderation struct {
	By         jid.JID `json:"by"`
	OccupantID string  `json:"occupant_id,omitempty"`
	Reason     string  `json:"reason,omitempty"`
	Actor      Actor   `json:"actor,omitzero"`
}

// Hat is a role that means something to people, such as "Teacher", and nothing to the room
// (XEP-0317). The URI tells it from others. Hue is the angle of its colour (XEP-0392), 0 to
// 360, empty for none; Lang is the language of the title.
type Hat struct {
	URI   string `json:"uri"`
	Title string `json:"title"`
	Hue   string `json:"hue,omitempty"`
	Lang  string `json:"lang,omitempty"`
}

// WaitingJoin is a join that waits for the host's answer: the nick that was asked for,
// and all children of the presence as canonical XML, also those that are not shown to
// others, such as a password.
type WaitingJoin struct {
	Nick    string `json:"nick"`
	Lang    string `json:"lang,omitempty"`
	Payload string `json:"payload" holds:"xml"`
}

// Actor is the person who acted on somebody else; the zero Actor is the service itself.
type Actor struct {
	JID  jid.JID `json:"jid,omitzero"`
	Nick string  `json:"nick,omitempty"`
}

// ConfigChange is one field of the room configuration and its values, as text,
// before and after.
type ConfigChange struct {
	Var string   `json:"var"`
	Old []string `json:"old"`
	New []string `json:"new"`
}

// FieldValue is one field of a form that somebody filled in.
type FieldValue struct {
	Var    string   `json:"var"`
	Values []string `json:"values"`
}

// RequestClose is how a request to register came to nothing.
type RequestClose string

// The ends of a request to register that was not granted.
const (
	RequestRefused   RequestClose = "refused"   // by an admin
	RequestWithdrawn RequestClose = "withdrawn" // by the person who asked
	RequestExpired   RequestClose = "expired"   // nobody decided
)

// Departure is how a session left.
type Departure string

// The ways to leave.
const (
	DepartureWill     Departure = ""         // by its own presence, §7.14
	DepartureError    Departure = "error"    // its stanzas bounced: 333, §11.1
	DepartureVanished Departure = "vanished" // the host knows that it is gone: 333, and nothing is sent to it
)

// Cause is why an occupant was removed; each has a status code of XEP-0045 §16.6.
type Cause string

// The causes of removal.
const (
	CauseKicked      Cause = "kicked"       // 307, §8.2
	CauseReserved    Cause = "reserved"     // 307: somebody else's reserved nick
	CauseBanned      Cause = "banned"       // 301, §9.1
	CauseUnmembered  Cause = "unmembered"   // 321, §9.4
	CauseMembersOnly Cause = "members-only" // 322, §10.2
	CauseShutdown    Cause = "shutdown"     // 332, §11.2
	CauseDestroyed   Cause = "destroyed"    // no code, §10.9
)

func (*Created) eventType() eventType            { return eventType{"created", 1, true} }
func (*Unlocked) eventType() eventType           { return eventType{"unlocked", 1, true} }
func (*Configured) eventType() eventType         { return eventType{"configured", 1, true} }
func (*AffiliationChanged) eventType() eventType { return eventType{"affiliation-changed", 1, true} }
func (*AffiliationsVersioned) eventType() eventType {
	return eventType{"affiliations-versioned", 1, true}
}
func (*AffiliationsFollowed) eventType() eventType {
	return eventType{"affiliations-followed", 1, false}
}
func (*Registered) eventType() eventType   { return eventType{"registered", 1, true} }
func (*Deregistered) eventType() eventType { return eventType{"deregistered", 1, true} }
func (*RegistrationRequested) eventType() eventType {
	return eventType{"registration-requested", 1, true}
}
func (*RegistrationClosed) eventType() eventType { return eventType{"registration-closed", 1, true} }
func (*VoiceStored) eventType() eventType        { return eventType{"voice-stored", 1, true} }
func (*SubjectChanged) eventType() eventType     { return eventType{"subject-changed", 1, true} }
func (*MessageArchived) eventType() eventType    { return eventType{"message-archived", 1, true} }
func (*MessageRetracted) eventType() eventType   { return eventType{"message-retracted", 1, true} }
func (*VCardChanged) eventType() eventType       { return eventType{"vcard-changed", 1, true} }
func (*HatCreated) eventType() eventType         { return eventType{"hat-created", 1, true} }
func (*HatDestroyed) eventType() eventType       { return eventType{"hat-destroyed", 1, true} }
func (*HatAssigned) eventType() eventType        { return eventType{"hat-assigned", 1, true} }
func (*HatUnassigned) eventType() eventType      { return eventType{"hat-unassigned", 1, true} }
func (*RoomDestroyed) eventType() eventType      { return eventType{"destroyed", 1, true} }
func (*Joined) eventType() eventType             { return eventType{"joined", 1, false} }
func (*PresenceChanged) eventType() eventType    { return eventType{"presence-changed", 1, false} }
func (*Renamed) eventType() eventType            { return eventType{"renamed", 1, false} }
func (*RoleChanged) eventType() eventType        { return eventType{"role-changed", 1, false} }
func (*Left) eventType() eventType               { return eventType{"left", 1, false} }
func (*Removed) eventType() eventType            { return eventType{"removed", 1, false} }
func (*MessageRemembered) eventType() eventType  { return eventType{"message-kept", 1, false} }
func (*MessagePassed) eventType() eventType      { return eventType{"message-passed", 1, false} }
func (*PrivateReceived) eventType() eventType    { return eventType{"private-received", 1, false} }
func (*VoiceRequested) eventType() eventType     { return eventType{"voice-requested", 1, false} }
func (*PrivateSent) eventType() eventType        { return eventType{"private-sent", 1, false} }
func (*PrivateBounced) eventType() eventType     { return eventType{"private-bounced", 1, false} }
func (*RateSpent) eventType() eventType          { return eventType{"rate-spent", 1, false} }
func (*InviteSent) eventType() eventType         { return eventType{"invite-sent", 1, false} }
func (*Mentioned) eventType() eventType          { return eventType{"mentioned", 1, false} }
func (*InviteUsed) eventType() eventType         { return eventType{"invite-used", 1, false} }
func (*InviteExpired) eventType() eventType      { return eventType{"invite-expired", 1, false} }
func (*Asked) eventType() eventType              { return eventType{"asked", 1, false} }
func (*Answered) eventType() eventType           { return eventType{"answered", 1, false} }
func (*RelaySent) eventType() eventType          { return eventType{"relay-sent", 1, false} }
func (*RelayAnswered) eventType() eventType      { return eventType{"relay-answered", 1, false} }

// Size is the number of bytes that a message counts for in Limits.HistoryBytes.
func (m *Message) Size() int {
	return len(m.Payload) + len(m.Nick) + len(m.ID) + len(m.StanzaID) + len(m.OccupantID) + len(m.Lang)
}

// RateKind names one of the rates of Config.Rates, or that of the room's slow mode.
type RateKind string

// The kinds of rates.
const (
	RateMessages    RateKind = "messages"
	RateSignals     RateKind = "signals"
	RateQueries     RateKind = "queries"
	RatePresence    RateKind = "presence"
	RateNotices     RateKind = "notices"
	RateRoomNotices RateKind = "room-notices" // under the address of the room
	RateSlowMode    RateKind = "slow-mode"    // what RoomConfig.SlowMode allows
)
