package importer

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// ErrTooMany: there is more of something than is read.
var ErrTooMany = errors.New("importer: there are too many")

// Source is what another server has stored of its rooms.
type Source interface {
	// Rooms reads all of them. An error means that the source cannot be read, and is the
	// last. A room is good until the next one.
	Rooms(ctx context.Context) iter.Seq2[*Room, error]
	// Left is what is not taken over and is of no room, one line each. It is known when all
	// rooms have been read.
	Left() []string
	io.Closer
}

// Room is a room as another server has stored it. Nothing of it is trusted.
type Room struct {
	// Name is the localpart of its address.
	Name         string
	Config       muc.RoomConfig
	Affiliations []Affiliation
	Subject      Subject
	// VCard is the <vCard/> with its avatar, nil for none.
	VCard   *etree.Element
	Archive Archive
	// Left is what is not taken over, and why, one line each.
	Left []string
	// Unfit, unless empty, is why the room cannot be taken over at all.
	Unfit string
}

// left notes what is not taken over.
func (r *Room) left(line string) { r.Left = append(r.Left, line) }

// Affiliation is that of a person or a domain, with the nick that is reserved for them, if
// there is one.
type Affiliation struct {
	JID         string
	Affiliation muc.Affiliation
	Nick        string
	Reason      string
}

// Subject is the subject of a room, and the nick of who set it. At is when that was, zero where
// that is not known.
type Subject struct {
	Text, Nick string
	At         time.Time
}

// Archive is what was said in a room.
type Archive struct {
	// Entries are its messages, in any order.
	Entries []Entry
	// Read reads one of them.
	Read func(Entry) (Message, error)
}

// Entry is where a message stands in a file, and when it was said, in milliseconds since 1970.
type Entry struct {
	At     int64
	Offset int64
	Length int
}

// Message is a message to everybody. JID is the real address of its author, empty if it is not
// known; Nick is empty for the room itself.
type Message struct {
	Nick, JID, StanzaID string
	Message             *etree.Element
}

// What is read at most of a file or term, and of an entry of an archive, in bytes.
const (
	maxFile    = 16 << 20
	maxMessage = 1 << 20
)

// bounds are how much of something there may be.
type bounds struct{ rooms, entries, registered int }

var standard = bounds{rooms: 200_000, entries: 10_000_000, registered: 1_000_000}
