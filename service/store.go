package service

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// ErrConflict: somebody else has written to the room, or forgotten it: its last
// stored event is not the one that a [Batch] comes after. Two services work on one
// store, or an earlier Append succeeded although it reported an error.
var ErrConflict = errors.New("service: the store holds other events of this room")

// ErrNotOwner: another service has the room (see [Config].Owns). A store returns it, wrapped,
// when it knows that; then the room is forgotten here without a word to anybody.
var ErrNotOwner = errors.New("service: another service has this room")

// ErrNotYet: a store does not take a snapshot for now. It is offered another one later.
var ErrNotYet = errors.New("service: no snapshot of this room for now")

// Store keeps rooms. Of each room one service at a time is the owner (see [Config].Owns), and
// calls the store from several goroutines. What Append has returned nil for survives a crash of
// the machine. Package storetest has the tests that every store should pass.
type Store interface {
	// Append stores batches of different rooms, never two of one room. One call is
	// atomic: all of it is stored, or nothing; also when the context ends. A batch
	// whose After does not fit is an [ErrConflict]. After an error the service tries
	// the batches one by one, so that one room does not harm the others.
	Append(ctx context.Context, batches []Batch) error
	// Load reads what is stored of a room; nothing is stored of a room that nobody
	// has appended to, or that is gone, and that is no error. What is stored but
	// cannot be read is an error that wraps [muc.ErrCorrupt] or is a
	// [*muc.UnknownEventError]; the service leaves such a room alone.
	Load(ctx context.Context, room muc.JID) (Saved, error)
	// List reads the entries of at most limit rooms, sorted by the bytes of the
	// address, beginning after the given one; the zero JID is before all. Addresses are
	// those that were stored, byte by byte, and are not normalised again
	// ([muc.JID.UnmarshalText] takes them as they are): the rules of a later day must
	// not make another room of one, or none. A line that cannot be read ends nothing:
	// it is an entry with Err, between those beside which it stands, and does not count
	// for the limit. A list without an entry that can be read is the end. An error is
	// for a list that cannot be read at all. It must not read events or snapshots: it is
	// called for all rooms at the start.
	List(ctx context.Context, after muc.JID, limit int) ([]Entry, error)
}

// LiveStore is a store that keeps rooms with everybody inside, as [Config].Live needs it. It
// keeps each batch that has Inputs as a [Step], in order, until a snapshot takes their place.
//
// Batches of such a service that bring a Snapshot or Gone have no events, and come when all
// that is stored of the room was delivered. In the store's list, a room of which something may
// not be delivered is Inhabited.
type LiveStore interface {
	Store
	// Delivered notes that all which came of a room up to a position was given to
	// Config.Deliver. It must not wait: what is noted too late, or lost, is delivered twice
	// after a failure.
	Delivered(room muc.JID, at Position)
}

// Position is the place of an event in the log of its room, by its numbers. The zero value is
// before all events.
type Position struct {
	Seq uint64 `json:"seq,omitzero"`
	Sub uint64 `json:"sub,omitzero"`
}

// Compare is negative if p is before q, and positive if it is after it.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Seq, q.Seq), cmp.Compare(p.Sub, q.Sub))
}

// String is the position as events name it, as "12" or "12.3".
func (p Position) String() string {
	if p.Sub == 0 {
		return strconv.FormatUint(p.Seq, 10)
	}
	return fmt.Sprintf("%d.%d", p.Seq, p.Sub)
}

func positionOf(ev *event.Event) Position { return Position{ev.Seq, ev.Sub} }

// Batch is what became of one room since it was last stored.
type Batch struct {
	Room muc.JID
	// After is the position of the last event that is stored of the room, in its events or
	// in its snapshot; zero for a room of which nothing is stored.
	After Position
	// Events are the durable events after that, without a gap, or, with [Config].Live, all
	// events; none in a batch that only brings a snapshot. An archive (XEP-0313) finds each
	// message here when it is said, and nowhere else, also beside a Snapshot or Gone.
	Events []event.Event
	// Inputs are what the room was given when these events happened, in order; there are some
	// beside all events if [Config].Live is set, and none without it.
	Inputs []Input
	// Before are inputs before these of which nothing was stored, because nothing happened but that they were
	// answered: the last ones since the batch before, with [Config].Owns. What the room is given next says that
	// they are done, so a store that knows which answers may not have been delivered puts those
	// in front of Inputs: the next owner of the room then says them again.
	Before []Input
	// Snapshot, unless nil, is the room after Events. It takes the place of the
	// snapshot before it, and of all events of the room up to and including Events.
	Snapshot []byte
	// Sources are what the room remembers of where its inputs came from, beside a Snapshot, to
	// which they belong, or Gone: of a room that is gone a store remembers them for some time, or
	// for the last thousand such rooms, so that what is submitted again after a failure is known.
	Sources []Source
	// Live, unless nil, is the room after Events with everybody inside, when it is suspended.
	// Any later batch of the room takes it away, if it does not bring another one. With
	// [Config].Live there is none.
	Live []byte
	// Entry describes the room after Events, in place of the entry before it.
	Entry Entry
	// Gone says that the room has ended and leaves nothing: events, snapshot and entry
	// are deleted, and a new room may be made at its address. Rooms that leave a
	// tombstone stay.
	Gone bool
}

// At is the position of the room's last event when the batch is stored.
func (b Batch) At() Position {
	if n := len(b.Events); n > 0 {
		return positionOf(&b.Events[n-1])
	}
	return b.After
}

// Saved is a room as it is stored: what [muc.Restore] needs.
type Saved struct {
	// Snapshot is nil if there is none.
	Snapshot []byte
	// Events are those after the snapshot, in order.
	Events []event.Event
	// Live is the Live of the last batch; nil if that had none.
	Live []byte
	// Steps are the batches with Inputs after the snapshot and Events, in order.
	Steps []Step
	// Delivered is the position that [LiveStore].Delivered was told last, as far as it is
	// known; zero for none. It may be before the snapshot.
	Delivered Position
	// Sources are those of the last batch that brought a Snapshot or Gone.
	Sources []Source
	// Unshot is how many events, of UnshotBytes, the store has after its last snapshot, where
	// Snapshot is a later one that it does not have: see [Handed].
	Unshot, UnshotBytes int
}

// Step is what a room was given at once and what happened then.
type Step struct {
	Inputs []Input       `json:"inputs"`
	Events []event.Event `json:"events"`
}

// At is the position of the last event.
func (s Step) At() Position {
	if n := len(s.Events); n > 0 {
		return positionOf(&s.Events[n-1])
	}
	return Position{}
}

// Input is one thing that a room was given, with all that it takes to do it again: of the same
// inputs at the same times come the same events and the same stanzas.
type Input struct {
	// Time is when the room did it, to the millisecond.
	Time time.Time `json:"time"`
	// Source and Number are those of [Service.Submit]; zero if there are none.
	Source string `json:"source,omitempty"`
	Number uint64 `json:"number,omitempty"`
	// Stanza is the stanza, in XML. It says who sent it and where.
	Stanza string `json:"stanza,omitempty"`
	// Command is what the host wanted, or the service itself, and From in whose name; zero for
	// nobody's. An input with neither a Stanza nor a Command cannot be done again.
	Command json.RawMessage `json:"command,omitempty"`
	From    muc.JID         `json:"from,omitzero"`
	// Refused says that the service did not allow it, because of its limits.
	Refused bool `json:"refused,omitempty"`
}

// Source is where inputs of a room come from, and the number of the last one that the room has
// done: see [Service.Submit].
type Source struct {
	Name   string `json:"name"`
	Number uint64 `json:"number"`
}

// Entry is what the service has to know of a room without loading it.
type Entry struct {
	Room muc.JID
	// Name is the natural name, empty for none.
	Name string
	// Public says that the room stands in the service's list of rooms.
	Public bool
	// About is what else people are told who look for a room; zero for one that is not
	// Public.
	About About
	// Lasting says that the room is there after a restart although nobody is inside:
	// a persistent room, or the tombstone of one. The others have ended then, which
	// the service sees to when it starts.
	Lasting bool
	// Creator is who made the room: a bare JID.
	Creator muc.JID
	// Due is when the room wants to be woken, zero for never; to the millisecond.
	Due time.Time
	// Inhabited says that the room has to be loaded when the service starts, because somebody is
	// inside: see [LiveStore].
	Inhabited bool
	// Suspended is when the room was put aside with people inside (see [Batch].Live), zero if
	// it was not; to the millisecond.
	Suspended time.Time
	// Err, unless nil, is why the store cannot read this line of its list; the other
	// fields mean nothing then. It should say which line it is. The service logs it and
	// passes the line over: all other rooms live.
	Err error
}

// About is what people who look for a public room are told of it besides its name
// (XEP-0433). A store keeps it as it is, as JSON if it likes. One that loses it only has
// rooms found by less until they are loaded.
type About struct {
	Description string `json:"description,omitempty"`
	// Lang is the room's natural language, as in xml:lang.
	Lang string `json:"lang,omitempty"`
	// MembersOnly and Password say what it takes to enter.
	MembersOnly bool `json:"members_only,omitempty"`
	Password    bool `json:"password,omitempty"`
	// NonAnonymous says that everybody in the room sees everybody's real JID.
	NonAnonymous bool `json:"non_anonymous,omitempty"`
	// Moderated says that who enters has no voice.
	Moderated bool `json:"moderated,omitempty"`
}
