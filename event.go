package muc

import (
	"encoding/json"
	"fmt"
	"time"
)

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
// [*RateSpent], [*InviteSent], [*InviteUsed], [*InviteExpired], [*Asked],
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

// eventType is the stable name of an event and how long it matters.
type eventType struct {
	name    string
	version int
	durable bool
}

// Durable reports whether the event has to survive a restart of the host.
func (e Event) Durable() bool { return e.Body != nil && e.Body.eventType().durable }

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
}

// eventTime is how times stand in JSON: UTC, always three digits of a second.
const eventTime = "2006-01-02T15:04:05.000Z"

type eventJSON struct {
	Seq  uint64          `json:"seq"`
	Sub  uint64          `json:"sub"`
	Time string          `json:"time"`
	Type string          `json:"type"`
	V    int             `json:"v"`
	Data json.RawMessage `json:"data"`
}

// MarshalJSON writes {"seq","sub","time","type","v","data"}.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Body == nil {
		return nil, fmt.Errorf("%w: event without body", ErrCorrupt)
	}
	data, err := json.Marshal(e.Body)
	if err != nil {
		return nil, err
	}
	t := e.Body.eventType()
	return json.Marshal(eventJSON{e.Seq, e.Sub, e.Time.UTC().Format(eventTime), t.name, t.version, data})
}

// UnmarshalJSON reads what [Event.MarshalJSON] wrote. A type or version that it
// does not know is an [*UnknownEventError].
func (e *Event) UnmarshalJSON(b []byte) error {
	var j eventJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	at, err := time.Parse(eventTime, j.Time)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	for _, fresh := range newBodies {
		body := fresh()
		if t := body.eventType(); t.name != j.Type || t.version != j.V {
			continue
		}
		err := json.Unmarshal(j.Data, body)
		if err == nil {
			err = checkStored(j.Data)
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %v", ErrCorrupt, j.Type, err)
		}
		*e = Event{Seq: j.Seq, Sub: j.Sub, Time: at, Body: body}
		return nil
	}
	return &UnknownEventError{Type: j.Type, Version: j.V}
}
