package service

import (
	"context"
	"errors"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// ErrConflict: somebody else has written to the room, or forgotten it: its last
// stored event is not the one that a [Batch] comes after. Two services work on one
// store, or an earlier Append succeeded although it reported an error.
var ErrConflict = errors.New("service: the store holds other events of this room")

// Store keeps rooms. One service at a time works on it, and calls it from several
// goroutines. What Append has returned nil for survives a crash of the machine.
// Package storetest has the tests that every store should pass.
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

// Batch is what became of one room since it was last stored.
type Batch struct {
	Room muc.JID
	// After is the Seq of the last event that is stored of the room, in its events or
	// in its snapshot; 0 for a room of which nothing is stored.
	After uint64
	// Events are the durable events after that, without a gap; none in a batch that
	// only brings a snapshot. An archive (XEP-0313) finds each message
	// here when it is said, and nowhere else, also beside a Snapshot or Gone.
	Events []event.Event
	// Snapshot, unless nil, is the room after Events. It takes the place of the
	// snapshot before it, and of all events of the room up to and including Events.
	Snapshot []byte
	// Live, unless nil, is the room after Events with everybody inside. Any later batch of
	// the room takes it away, if it does not bring another one.
	Live []byte
	// Entry describes the room after Events, in place of the entry before it.
	Entry Entry
	// Gone says that the room has ended and leaves nothing: events, snapshot and entry
	// are deleted, and a new room may be made at its address. Rooms that leave a
	// tombstone stay.
	Gone bool
}

// Seq is that of the room's last event when the batch is stored.
func (b Batch) Seq() uint64 {
	if n := len(b.Events); n > 0 {
		return b.Events[n-1].Seq
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
