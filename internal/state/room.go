package state

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// Room is all that a room remembers. [Room.Apply] and [Room.LoadSnapshot] change it.
type Room struct {
	life                      event.State
	shape                     uint32
	lastOccupant, lastSession uint32

	seq, sub    uint64
	at          Instant // of the last event: the clock never runs backwards past it
	durableAt   Instant // of the last durable event
	lockedUntil Instant
	creator     jid.JID
	// conf is never written to, but replaced: rooms with the defaults of their
	// Template share those.
	conf *event.RoomConfig

	persons     index[string, *Person] // by the text of the JID, which is faster than by a JID
	owners      OwnerCount
	remembered  int32 // counts the persons with Person.Remembered
	peopleBytes int32 // of the addresses and notes of all persons
	lists       *Lists

	occupants []*Occupant          // in the order of joining
	nicks     map[string]*Occupant // by comparison key; nil as long as they are few

	subject    *Entry
	archived   history // in the order of speaking
	unarchived history // the same for what is not archived

	sparse *Sparse // nil for none
}

// Reset makes the room what it is before its first event.
func (s *Room) Reset() { *s = Room{conf: new(event.RoomConfig)} }

// Life is where the room is in its life.
func (s *Room) Life() event.State { return s.life }

// Alive reports whether the room is locked or open: created and not destroyed.
func (s *Room) Alive() bool { return s.life == event.Locked || s.life == event.Open }

// Deserted reports whether a room is to end because nobody is inside: a temporary or
// never configured one, after a restart.
func (s *Room) Deserted() bool {
	return len(s.occupants) == 0 && (s.life == event.Locked || !s.conf.Persistent)
}

// LockedUntil is how long the room waits for its configuration.
func (s *Room) LockedUntil() Instant { return s.lockedUntil }

// Creator is the bare JID that created the room, zero for the host.
func (s *Room) Creator() jid.JID { return s.creator }

// Config is the room's configuration. It is replaced, never written to.
func (s *Room) Config() *event.RoomConfig { return s.conf }

// Subject is the message that set the subject, nil for none.
func (s *Room) Subject() *Entry { return s.subject }

// Seq is the number of the last durable event.
func (s *Room) Seq() uint64 { return s.seq }

// Sub is the number of the last volatile event after the last durable one.
func (s *Room) Sub() uint64 { return s.sub }

// At is the time of the last event.
func (s *Room) At() Instant { return s.at }

// LastOccupant is the highest number that an occupant was given.
func (s *Room) LastOccupant() uint32 { return s.lastOccupant }

// LastSession is the highest number that a session was given.
func (s *Room) LastSession() uint32 { return s.lastSession }

// Shape counts the changes that recipient lists cannot follow by appending.
func (s *Room) Shape() uint32 { return s.shape }

// OwnerCount is the room's number of owners.
func (s *Room) OwnerCount() OwnerCount { return s.owners }

// Remembered is the number of persons of whom the room knows something that outlasts the
// visit; whether inside or not.
func (s *Room) Remembered() int32 { return s.remembered }
