// Package policy is the vocabulary of a host's policies: what each judges, and the
// set of functions that stands in muc.Config.
package policy

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// Rules are the policies of a host. Each judges what all rules of the room admit, and
// refuses it with the error that it returns; one that is nil refuses nothing. Many rooms
// may share them, so each is told which Room asks, and is called by several goroutines at
// once. They must be pure: they are called
// in the middle of a step and may only look at their arguments. None is asked about what
// the host does itself, by Room.Do.
type Rules struct {
	// Affiliate judges a change of affiliation.
	Affiliate func(Affiliate) *stanza.Error
	// Ask judges a request that the room would put to the host as a Question: a query of
	// the archive, or one that Config.AnswersIQ names. What it admits is asked.
	Ask func(Ask) *stanza.Error
	// Configure judges a configuration. XEP-0045 §10.1.3 wants not-acceptable for
	// a matter of policy.
	Configure func(Configure) *stanza.Error
	// Create judges who brings the room to life.
	Create func(Create) *stanza.Error
	// Discover judges who may ask what the room is and who is in it (XEP-0045 §6.4, §6.5).
	Discover func(Discover) *stanza.Error
	// Invite judges an invitation. XEP-0045 §7.8.2 wants item-not-found for an
	// invitee who does not exist.
	Invite func(Invite) *stanza.Error
	// Join judges a join.
	Join func(Join) *stanza.Error
	// ReadArchive judges a query of the archive by somebody who could enter.
	ReadArchive func(ReadArchive) *stanza.Error
	// Register judges who may register with the room. XEP-0045 §7.10 wants
	// not-allowed for a matter of policy.
	Register func(Register) *stanza.Error
	// Speak judges a message to everybody, by people and by puppets.
	Speak func(Speak) *stanza.Error
}

// Affiliate is a change of affiliation to be judged.
type Affiliate struct {
	Room     jid.JID
	Actor    jid.JID // who asks: full, if by a stanza
	JID      jid.JID // whose affiliation: a bare JID, or a domain
	Old, New event.Affiliation
}

// Ask is a request to be put to the host. Archive tells a query of the archive from
// other requests.
type Ask struct {
	Room    jid.JID
	JID     jid.JID // full, or bare for another server
	Archive bool
}

// Configure is a configuration to be judged. JID is the owner's.
type Configure struct {
	Room     jid.JID
	JID      jid.JID
	Old, New event.RoomConfig
}

// Create is the creation of a room.
type Create struct {
	Room    jid.JID
	Creator jid.JID // full, or bare for another server
}

// Discover is a question what the room is, or who is in it.
type Discover struct {
	Room        jid.JID
	JID         jid.JID // full, or bare for another server
	Affiliation event.Affiliation
	Config      event.RoomConfig
}

// Invite is an invitation. Nick is empty for somebody who is not inside.
type Invite struct {
	Room        jid.JID
	JID         jid.JID // full
	Nick        string
	Role        event.Role
	Affiliation event.Affiliation
	Invitee     jid.JID
	Reason      string
}

// Join is somebody who wants to enter.
type Join struct {
	Room        jid.JID
	JID         jid.JID // full
	Nick        string
	Affiliation event.Affiliation
}

// ReadArchive is a query of the archive. Nick and Role are empty for somebody who is
// not inside.
type ReadArchive struct {
	Room        jid.JID
	JID         jid.JID // full, or bare for another server
	Nick        string
	Role        event.Role
	Affiliation event.Affiliation
}

// Register is a registration with the room.
type Register struct {
	Room        jid.JID
	JID         jid.JID // bare
	Affiliation event.Affiliation
	// Nick is the nick wanted, empty for somebody who only asks for the form.
	Nick string
	// Answers are the fields of Config.RegistrationFields that were filled in.
	Answers []event.FieldValue
}

// Speak is a message to everybody. Payload is the message's child elements as canonical
// XML.
type Speak struct {
	Room    jid.JID
	JID     jid.JID // full
	Nick    string
	Role    event.Role
	Payload string
}
