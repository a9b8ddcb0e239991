package event

import (
	"fmt"
	"log/slog"
	"time"
)

// Event is one fact that happened in a room. A host stores events in order
// and rebuilds a room of them with muc.Restore.
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
// [*MessageRemembered], [*VoiceRequested], [*PrivateSent], [*PrivateBounced],
// [*RateSpent], [*RelaySent], [*RelayAnswered], [*InviteSent], [*InviteUsed], [*InviteExpired], [*Asked],
// [*Answered].
//
// A body must not be changed: the room shares it.
type Event struct {
	// Seq and Sub place the event in the log, as above.
	Seq, Sub uint64
	// Time is when it happened: UTC, to the millisecond.
	Time time.Time
	// Body is what happened.
	Body Body
}

// Body is what happened. The set of bodies is sealed; [Event] lists it.
type Body interface {
	eventType() eventType
}

// eventType is the stable name of an event, the version of its fields, and whether it
// is durable.
type eventType struct {
	Name    string
	version int
	durable bool
}

// String names the event by its number and type, as "12 joined" or "12.3 left": nothing of
// what people said or are called is in it.
func (e Event) String() string {
	if e.Sub == 0 {
		return fmt.Sprintf("%d %s", e.Seq, e.Type())
	}
	return fmt.Sprintf("%d.%d %s", e.Seq, e.Sub, e.Type())
}

// LogValue is what a log shows of the event: its numbers, time and type, nothing of what
// people said or are called.
func (e Event) LogValue() slog.Value {
	return slog.GroupValue(slog.Uint64("seq", e.Seq), slog.Uint64("sub", e.Sub), slog.Time("time", e.Time), slog.String("type", e.Type()))
}

// Durable reports whether the event has to survive a restart of the host.
func (e Event) Durable() bool { return e.Body != nil && e.Body.eventType().durable }

// Version is the version of the event's type, 0 without a body. Another version has
// other fields.
func (e Event) Version() int {
	if e.Body == nil {
		return 0
	}
	return e.Body.eventType().version
}

// Type is the stable name of the event's body, as in its JSON; empty without a body.
func (e Event) Type() string {
	if e.Body == nil {
		return ""
	}
	return e.Body.eventType().Name
}

// newBodies makes an empty body of each type, to be read into.
var newBodies = []func() Body{
	func() Body { return new(Created) },
	func() Body { return new(Unlocked) },
	func() Body { return new(Configured) },
	func() Body { return new(AffiliationChanged) },
	func() Body { return new(Registered) },
	func() Body { return new(Deregistered) },
	func() Body { return new(RegistrationRequested) },
	func() Body { return new(RegistrationClosed) },
	func() Body { return new(VoiceStored) },
	func() Body { return new(SubjectChanged) },
	func() Body { return new(MessageArchived) },
	func() Body { return new(MessageRetracted) },
	func() Body { return new(RoomDestroyed) },
	func() Body { return new(Joined) },
	func() Body { return new(PresenceChanged) },
	func() Body { return new(Renamed) },
	func() Body { return new(RoleChanged) },
	func() Body { return new(Left) },
	func() Body { return new(Removed) },
	func() Body { return new(MessageRemembered) },
	func() Body { return new(VoiceRequested) },
	func() Body { return new(PrivateSent) },
	func() Body { return new(PrivateBounced) },
	func() Body { return new(RateSpent) },
	func() Body { return new(InviteSent) },
	func() Body { return new(InviteUsed) },
	func() Body { return new(InviteExpired) },
	func() Body { return new(Asked) },
	func() Body { return new(Answered) },
	func() Body { return new(RelaySent) },
	func() Body { return new(RelayAnswered) },
}

// Bodies returns an empty body of each type, for code that enumerates the types.
func Bodies() []Body {
	list := make([]Body, 0, len(newBodies))
	for _, fresh := range newBodies {
		list = append(list, fresh())
	}
	return list
}

// BodyTypes are the types of newBodies, in the same order.
var BodyTypes = func() []eventType {
	var list []eventType
	for _, fresh := range newBodies {
		list = append(list, fresh().eventType())
	}
	return list
}()

// typesByName has the index of a type in the two lists.
var typesByName = func() map[string]int {
	names := map[string]int{}
	for i, t := range BodyTypes {
		names[t.Name] = i
	}
	return names
}()
