package muc

import "time"

// Event is one fact that happened in a room. A host stores events in order
// and rebuilds a room of them with [Restore].
//
// Durable events are numbered 1, 2, 3… by Seq and have Sub 0; they alone are a
// valid log. Volatile events matter only while people are inside: each carries
// the Seq of the last durable event and is numbered 1, 2, 3… by Sub after it.
//
// The bodies are, durable: [*Created], [*Unlocked], [*Configured],
// [*AffiliationChanged], [*Registered], [*Deregistered],
// [*RegistrationRequested], [*RegistrationClosed], [*VoiceStored],
// [*SubjectChanged], [*MessageArchived], [*MessageRetracted], [*RoomDestroyed];
// volatile: [*Joined], [*PresenceChanged], [*Renamed], [*RoleChanged], [*Left], [*Removed],
// [*MessageKept], [*VoiceRequested], [*PrivateSent], [*PrivateBounced],
// [*RateSpent], [*RelaySent], [*RelayAnswered], [*InviteSent], [*InviteUsed], [*InviteExpired], [*Asked],
// [*Answered].
//
// A body must not be changed: the room shares it.
type Event struct {
	Seq, Sub uint64
	// Time is when it happened: UTC, to the millisecond.
	Time time.Time
	Body EventBody
}

// EventBody is what happened. The set of bodies is sealed; [Event] lists it.
type EventBody interface {
	eventType() eventType
}

// eventType is the stable name of an event, and how long it matters.
type eventType struct {
	name    string
	version int
	durable bool
}

// Durable reports whether the event has to survive a restart of the host.
func (e Event) Durable() bool { return e.Body != nil && e.Body.eventType().durable }

// Version is that of the event's type: another one has other fields.
func (e Event) Version() int {
	if e.Body == nil {
		return 0
	}
	return e.Body.eventType().version
}

// Type is the stable name of the event's body, as in its JSON.
func (e Event) Type() string {
	if e.Body == nil {
		return ""
	}
	return e.Body.eventType().name
}

// newBodies makes an empty body of each type, to be read into.
var newBodies = []func() EventBody{
	func() EventBody { return new(Created) },
	func() EventBody { return new(Unlocked) },
	func() EventBody { return new(Configured) },
	func() EventBody { return new(AffiliationChanged) },
	func() EventBody { return new(Registered) },
	func() EventBody { return new(Deregistered) },
	func() EventBody { return new(RegistrationRequested) },
	func() EventBody { return new(RegistrationClosed) },
	func() EventBody { return new(VoiceStored) },
	func() EventBody { return new(SubjectChanged) },
	func() EventBody { return new(MessageArchived) },
	func() EventBody { return new(MessageRetracted) },
	func() EventBody { return new(RoomDestroyed) },
	func() EventBody { return new(Joined) },
	func() EventBody { return new(PresenceChanged) },
	func() EventBody { return new(Renamed) },
	func() EventBody { return new(RoleChanged) },
	func() EventBody { return new(Left) },
	func() EventBody { return new(Removed) },
	func() EventBody { return new(MessageKept) },
	func() EventBody { return new(VoiceRequested) },
	func() EventBody { return new(PrivateSent) },
	func() EventBody { return new(PrivateBounced) },
	func() EventBody { return new(RateSpent) },
	func() EventBody { return new(InviteSent) },
	func() EventBody { return new(InviteUsed) },
	func() EventBody { return new(InviteExpired) },
	func() EventBody { return new(Asked) },
	func() EventBody { return new(Answered) },
	func() EventBody { return new(RelaySent) },
	func() EventBody { return new(RelayAnswered) },
}

// Bodies makes an empty body of each type, for those who want to know which ones there
// are.
func Bodies() []EventBody {
	list := make([]EventBody, 0, len(newBodies))
	for _, fresh := range newBodies {
		list = append(list, fresh())
	}
	return list
}

// bodyTypes are the types of newBodies.
var bodyTypes = func() []eventType {
	var list []eventType
	for _, fresh := range newBodies {
		list = append(list, fresh().eventType())
	}
	return list
}()

// typesByName has a type's place in the two lists.
var typesByName = func() map[string]int {
	names := map[string]int{}
	for i, t := range bodyTypes {
		names[t.name] = i
	}
	return names
}()
