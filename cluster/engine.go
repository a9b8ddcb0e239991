package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// Shards is how many shards there are, for ever: a room stays in its shard, and a shard is
// what nodes own and hand over.
const Shards = 256

// ShardOf is the shard of a room: FNV-1a of 32 bits over the bytes of its localpart, its four
// bytes put together by exclusive or. It is part of the format of what is stored.
func ShardOf(room muc.JID) int {
	h := uint32(2166136261)
	for _, b := range []byte(room.Local()) {
		h = (h ^ uint32(b)) * 16777619
	}
	h ^= h >> 16
	return int((h ^ h>>8) % Shards)
}

var (
	// ErrConflict: what is there is not what was expected, and nothing was changed, nor ever
	// will be by this call.
	ErrConflict = errors.New("cluster: something else is there than was expected")
	// ErrUnknown: it is not known whether it was done: the context ended before it was found out, or
	// what could have told was replaced meanwhile.
	ErrUnknown = errors.New("cluster: it is not known whether it was done")
	// ErrTooLarge: the engine never stores a message of this size; nothing was changed.
	ErrTooLarge = errors.New("cluster: a message is too large for the engine")
)

type (
	// Epoch numbers the ownerships of a shard: a later one has a greater number. Zero is none.
	Epoch uint64
	// Pos is the place of a message in the log. It grows within a shard, with gaps; zero is
	// before all.
	Pos uint64
	// Kind is what a [Message] is.
	Kind string
)

// The kinds of a [Message].
const (
	// Step is what a room did: what it was given and what happened.
	Step Kind = "step"
	// Snapshot is the room as it is, and takes the place of all messages of the room before it.
	Snapshot Kind = "snapshot"
	// Claim says that from now on an owner of a later epoch writes. Its body is empty.
	Claim Kind = "claim"
	// Gone says that nothing is left of the room, and takes the place of all messages before it. Its
	// body, of some kilobytes at most, says which inputs had been done; it may be empty.
	Gone Kind = "gone"
)

// Message is what is stored of a room by one append.
type Message struct {
	Room muc.JID
	// Pos is set by the log.
	Pos Pos
	// ID is random, of this append: by it a writer knows its own message again.
	ID string
	// Epoch is that of the ownership under which it was written.
	Epoch Epoch
	Kind  Kind
	// Body is JSON, which an engine keeps as it is.
	Body []byte
}

// Log keeps what happens in rooms, each message on a majority of machines before Append returns.
// Its methods are called by several goroutines at once.
type Log interface {
	// Last is the last message of a room, its Body may be left out unless it is [Gone]; the zero
	// Message if there is none. All messages whose Append has returned nil are seen, unless who answers was cut off
	// and does not know it: what follows from Last is therefore made sure by an Append.
	Last(ctx context.Context, room muc.JID) (Message, error)
	// Append stores a message after the one at a position, which must be the last of the room;
	// zero if the room has none. Else it is [ErrConflict]. A last message of kind [Gone]
	// counts as one, as long as the log has it: it may forget it after a day. Messages of kind
	// [Snapshot] and [Gone] take the place of all of the room before them, in the same step.
	//
	// Where an answer is lost, the engine finds out, by m.ID, whether the message was stored: nil
	// and ErrConflict are certain, [ErrUnknown] is not. [ErrTooLarge], and other errors, mean that
	// it was not stored now and will not be.
	Append(ctx context.Context, m Message, after Pos) (Pos, error)
	// Read reads the messages of a room in order, with their bodies, from the last [Snapshot] on, up
	// to and including a position. That it reaches that is checked: a read from a copy that
	// lags is tried again, or is an error. If the message at that position was replaced meanwhile,
	// it is ErrConflict. It ends with the first error.
	Read(ctx context.Context, room muc.JID, upTo Pos) iter.Seq2[Message, error]
	// Since goes through the rooms of a shard with messages after a position, each once, in any
	// order. All that Append has stored before the call is seen. Of what is stored under no room's
	// name it gives a [muc.ErrCorrupt], after which others may come; it ends with another error.
	Since(ctx context.Context, shard int, after Pos) iter.Seq2[muc.JID, error]
	// Mark is up to where all that a shard's log holds was delivered, and the revision of this
	// mark; zeros if there is none.
	Mark(ctx context.Context, shard int) (pos Pos, rev uint64, err error)
	// SetMark moves the mark, if its revision is still the given one, else it is ErrConflict. It
	// returns the new revision. Unknown outcomes are as for Append.
	SetMark(ctx context.Context, shard int, rev uint64, pos Pos) (uint64, error)
	// Entries goes through the list of rooms of a shard, in any order; entries of rooms that are
	// gone may be among them. A line that cannot be read is a [muc.ErrCorrupt], after which others
	// may come; it ends with another error.
	Entries(ctx context.Context, shard int) iter.Seq2[Entry, error]
	// AllEntries is Entries for all shards, in fewer calls.
	AllEntries(ctx context.Context) iter.Seq2[Entry, error]
	// PutEntry puts an entry in the place of the one that the list has of the same room, unless
	// that one has a greater At: then it does nothing. A Gone entry may be forgotten after a day.
	PutEntry(ctx context.Context, shard int, e Entry) error
}

// Entry is a line of the list of rooms. It is derived from the log.
type Entry struct {
	service.Entry
	// At is the position of the message from which it was derived.
	At Pos
	// Gone says that the room is no more; of the other fields only Room and At mean something.
	Gone bool
}

// entryJSON is the stored form of an [Entry].
type entryJSON struct {
	Room    muc.JID       `json:"room"`
	At      Pos           `json:"at"`
	Gone    bool          `json:"gone,omitempty"`
	Live    bool          `json:"live,omitempty"`
	Name    string        `json:"name,omitempty"`
	Public  bool          `json:"public,omitempty"`
	Lasting bool          `json:"lasting,omitempty"`
	Creator muc.JID       `json:"creator,omitzero"`
	Due     time.Time     `json:"due,omitzero"`
	About   service.About `json:"about,omitzero"`
}

// MarshalJSON writes the entry as an engine stores it.
func (e Entry) MarshalJSON() ([]byte, error) {
	return json.Marshal(entryJSON{Room: e.Room, At: e.At, Gone: e.Gone, Live: e.Inhabited, Name: e.Name, Public: e.Public,
		Lasting: e.Lasting, Creator: e.Creator, Due: e.Due, About: e.About})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Entry) UnmarshalJSON(text []byte) error {
	var j entryJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("%w: a line of the list of rooms: %v", muc.ErrCorrupt, err)
	}
	*e = Entry{At: j.At, Gone: j.Gone, Entry: service.Entry{Room: j.Room, Inhabited: j.Live, Name: j.Name, Public: j.Public,
		Lasting: j.Lasting, Creator: j.Creator, Due: j.Due, About: j.About}}
	return nil
}

// Owner is which node a shard is routed to.
type Owner struct {
	// Node is empty for a shard that nobody has had.
	Node string
	// Life is of the process: a node that starts again has another one.
	Life string
	// Epoch is of this ownership; zero for none.
	Epoch Epoch
}

// Owners says where shards are routed to, and numbers ownerships. It only routes: that no two
// nodes write to a room is for the [Log] to see to.
type Owners interface {
	// Get is the owner of a shard, as a majority knows it; the zero Owner if nobody had it.
	Get(ctx context.Context, shard int) (Owner, error)
	// All has the owners of all shards, by shard. It may lag.
	All(ctx context.Context) ([]Owner, error)
	// CompareAndSet gives a shard to a node if the epoch of its owner is still the given one (zero:
	// nobody had it), else it is [ErrConflict]. It returns the new epoch, which is greater.
	// Unknown outcomes are as for [Log].Append.
	CompareAndSet(ctx context.Context, shard int, was Epoch, node, life string) (Epoch, error)
}

// Bus takes messages from node to node: each at most once, those of one sender to one subject
// in order, what is lost leaves a gap.
//
// Subjects are in.<id>, ack.<id>, out.<id>, got.<id> and hand.<id>, with a [Node.ID], beat and owner: words of
// letters, digits, - and _ with dots between them.
type Bus interface {
	// Publish does not wait for who listens. An error means that it was not sent; nil that it may arrive.
	Publish(subject string, data []byte) error
	// Subscribe calls a function for each message, one after the other; it must not keep the data.
	// What is published after it has returned arrives. After stop has returned nothing is called
	// any more, but for a call that is under way.
	Subscribe(subject string, f func(data []byte)) (stop func(), err error)
}
