// Package event has what a room stores: the [Event], its bodies, the vocabulary that they
// use (affiliations, roles, the configuration of a room), and all of it in JSON.
//
// A host gets events in the effects of a call and stores them; a room is rebuilt from them.
// docs/events.md describes each type and its fields.
package event

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
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
// [*AffiliationChanged], [*AffiliationsVersioned], [*Registered], [*Deregistered],
// [*RegistrationRequested], [*RegistrationClosed], [*VoiceStored],
// [*SubjectChanged], [*MessageArchived], [*MessageRetracted], [*VCardChanged], [*HatCreated],
// [*HatDestroyed], [*HatAssigned], [*HatUnassigned], [*RoomDestroyed];
// volatile: [*Joined], [*AffiliationsFollowed], [*PresenceChanged], [*Renamed], [*RoleChanged], [*Left], [*Removed],
// [*MessageRemembered], [*MessagePassed], [*Mentioned], [*VoiceRequested], [*PrivateSent], [*PrivateBounced],
// [*PrivateReceived], [*RateSpent], [*RelaySent], [*RelayAnswered], [*InviteSent], [*InviteUsed], [*InviteExpired], [*Asked],
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
	name    string
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
	return e.Body.eventType().name
}

// bodies has an empty body of each type.
var bodies = []Body{
	new(Created), new(Unlocked), new(Configured), new(AffiliationChanged), new(Registered), new(Deregistered),
	new(RegistrationRequested), new(RegistrationClosed), new(VoiceStored), new(SubjectChanged), new(MessageArchived),
	new(MessageRetracted), new(VCardChanged), new(HatCreated), new(HatDestroyed), new(HatAssigned), new(HatUnassigned), new(RoomDestroyed),
	new(Joined), new(PresenceChanged), new(Renamed), new(RoleChanged), new(Left), new(Removed), new(MessageRemembered),
	new(MessagePassed), new(Mentioned), new(VoiceRequested), new(PrivateSent), new(PrivateBounced), new(PrivateReceived), new(RateSpent), new(InviteSent), new(InviteUsed),
	new(InviteExpired), new(Asked), new(Answered), new(RelaySent), new(RelayAnswered), new(AffiliationsVersioned), new(AffiliationsFollowed),
}

// Bodies returns an empty body of each type, for code that enumerates the types.
func Bodies() []Body {
	list := slices.Clone(bodies)
	for i, b := range list {
		list[i] = emptyLike(b)
	}
	return list
}

func emptyLike(b Body) Body {
	return reflect.New(reflect.TypeOf(b).Elem()).Interface().(Body)
}

var bodiesByName = func() map[string]Body {
	named := map[string]Body{}
	for _, b := range bodies {
		named[b.eventType().name] = b
	}
	return named
}()
