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
	// fields reads or writes the binary form.
	fields(c *codec)
}

// eventType is the stable number and name of an event, and how long it matters. No
// number is ever used for another type.
type eventType struct {
	number  uint64
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

// known finds the type of an event by its name, or, when that is empty, by its
// number. A body of it is made by the function, which is nil for what this version
// of the library does not know.
func known(number uint64, name string, version int) func() EventBody {
	for i := range bodyTypes {
		t := &bodyTypes[i]
		if t.version == version && (t.name == name || name == "" && t.number == number) {
			return newBodies[i]
		}
	}
	return nil
}

// bodyTypes are the types of newBodies.
var bodyTypes = func() []eventType {
	var list []eventType
	for _, fresh := range newBodies {
		list = append(list, fresh().eventType())
	}
	return list
}()

// eventTime is how times stand in JSON: UTC, always three digits of a second.
const eventTime = "2006-01-02T15:04:05.000Z"

// Stamp is a time in an event or snapshot: UTC, to the millisecond, with one form
// in JSON.
type Stamp struct{ time.Time }

// MarshalJSON writes the one form, as 2030-01-01T12:00:00.000Z.
func (s Stamp) MarshalJSON() ([]byte, error) {
	return s.UTC().AppendFormat(make([]byte, 0, len(eventTime)+2), `"`+eventTime+`"`), nil
}

// UnmarshalJSON reads the one form, and no other.
func (s *Stamp) UnmarshalJSON(b []byte) error {
	at, err := time.Parse(`"`+eventTime+`"`, string(b))
	if err != nil {
		return fmt.Errorf("%w: time %s", ErrCorrupt, b)
	}
	s.Time = at
	return nil
}

type eventJSON struct {
	Seq  uint64          `json:"seq"`
	Sub  uint64          `json:"sub"`
	Time Stamp           `json:"time"`
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
	return json.Marshal(eventJSON{e.Seq, e.Sub, Stamp{e.Time}, t.name, t.version, data})
}

// UnmarshalJSON reads what [Event.MarshalJSON] wrote. A type or version that it
// does not know is an [*UnknownEventError], anything else that is not an event
// wraps [ErrCorrupt]. Fields that it does not know are ignored.
func (e *Event) UnmarshalJSON(b []byte) error {
	var j eventJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	fresh := known(0, j.Type, j.V)
	if fresh == nil || j.Type == "" {
		return &UnknownEventError{Type: j.Type, Version: j.V}
	}
	body := fresh()
	if err := json.Unmarshal(j.Data, body); err != nil {
		return fmt.Errorf("%w: %s: %v", ErrCorrupt, j.Type, err)
	}
	if c := (codec{mode: codecChecks}); !c.accepts(body) {
		return fmt.Errorf("%w: %s: a text or value that no room writes", ErrCorrupt, j.Type)
	}
	*e = Event{Seq: j.Seq, Sub: j.Sub, Time: j.Time.Time, Body: body}
	return nil
}
