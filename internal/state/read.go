package state

import (
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// What the rules may read. Only this package can write it.

// Affiliation is the person's or domain's own affiliation, without what a domain gives.
func (p *Person) Affiliation() event.Affiliation { return p.aff }

// Archived are the messages that newcomers are shown and that the host archives, the
// oldest first.
func (s *Room) Archived() *History { return &s.archived }

// Asks are the open questions to the host, in the order of asking.
func (m *Sparse) Asks() []*event.Asked { return m.asks }

// At is when the message was said.
func (e *Entry) At() time.Time { return e.at }

// At is when the request was passed on.
func (x *relayed) At() Instant { return x.at }

// At is the time of the last event.
func (s *Room) At() Instant { return s.at }

// Clock is the host's time when a rate was last used, if it was behind the room's last
// event.
func (m *Sparse) Clock() event.Stamp { return m.clock }

// Config is the room's configuration. It is replaced, never written to.
func (s *Room) Config() *event.RoomConfig { return s.conf }

// Creator is the bare JID that created the room, zero for the host.
func (s *Room) Creator() jid.JID { return s.creator }

// End is how a destroyed room ended, nil for any other room.
func (m *Sparse) End() *event.RoomDestroyed { return m.end }

// First is the first of the occupant's sessions, in the order of joining; nil for a
// puppet of the host.
func (o *Occupant) First() *Session { return o.first }

// First is the first of the person's occupants, in the order of joining.
func (p *Person) First() *Occupant { return p.first }

// Front is the session whose presence is the occupant's: the one that sent presence last.
// A puppet has one without a number, which nothing is sent to.
func (o *Occupant) Front() *Session { return o.front }

// ID is the occupant-id (XEP-0421).
func (o *Occupant) ID() string { return o.id }

// ID is the id of the message.
func (p *Private) ID() string { return p.id }

// Invites are the open invitations, the one that expires first in front.
func (m *Sparse) Invites() []*event.InviteSent { return m.invites }

// Unarchived are the messages that newcomers are shown but nobody archives, the oldest
// first.
func (s *Room) Unarchived() *History { return &s.unarchived }

// Key is the comparison key of the reserved nick.
func (n *notes) Key() string { return n.key }

// Key is the comparison key of the nick.
func (o *Occupant) Key() string { return o.key }

// Lang is the language of what the client says in its presence.
func (ses *Session) Lang() string { return ses.lang }

// LastOccupant is the highest number that an occupant was given.
func (s *Room) LastOccupant() uint32 { return s.lastOccupant }

// LastSession is the highest number that a session was given.
func (s *Room) LastSession() uint32 { return s.lastSession }

// Life is where the room is in its life.
func (s *Room) Life() event.State { return s.life }

// Lists is the cache of the lists of affiliations.
func (s *Room) Lists() *listCache { return &s.lists }

// LockedUntil is how long the room waits for its configuration.
func (s *Room) LockedUntil() Instant { return s.lockedUntil }

// Message is what was said.
func (e *Entry) Message() *event.Message { return e.msg }

// Next is the next session of the same occupant, nil for the last.
func (ses *Session) Next() *Session { return ses.next }

// Nick is the reserved nick.
func (n *notes) Nick() string { return n.nick }

// Nick is how the occupant is shown and addressed.
func (o *Occupant) Nick() string { return o.nick }

// Number names the occupant in events; it is never used again.
func (o *Occupant) Number() uint32 { return o.num }

// Number names the session in events; it is never used again. 0 is a puppet.
func (ses *Session) Number() uint32 { return ses.num }

// Occupant is the number of the occupant that the message was for.
func (p *Private) Occupant() uint32 { return p.occupant }

// Occupant is the one that the session belongs to.
func (ses *Session) Occupant() *Occupant { return ses.occ }

// Occupants are all who are inside, in the order of joining.
func (s *Room) Occupants() []*Occupant { return s.occupants }

// Payload is what the client says in its presence, canonical.
func (ses *Session) Payload() string { return ses.payload }

// Person is the person that the occupant belongs to.
func (o *Occupant) Person() *Person { return o.person }

// Persons are all people whom the room remembers or who are inside.
func (s *Room) Persons() *people { return &s.persons }

// Privates are the last private messages, the oldest first.
func (m *Sparse) Privates() *ring[Private] { return &m.privates }

// Reason is that of the affiliation.
func (n *notes) Reason() string { return n.reason }

// Remembered is the number of persons of whom the room knows something that outlasts the
// visit; whether inside or not.
func (s *Room) Remembered() int32 { return s.remembered }

// Requests are the open requests to register, in the order of asking.
func (m *Sparse) Requests() []*event.RegistrationRequested { return m.requests }

// Role is what the occupant may do during this visit.
func (o *Occupant) Role() event.Role { return o.role }

// Seq is the number of the last durable event.
func (s *Room) Seq() uint64 { return s.seq }

// Session is the number of the session that sent the message.
func (p *Private) Session() uint32 { return p.session }

// Session is the number of the session that asked.
func (x *relayed) Session() uint32 { return x.session }

// Shape counts the changes that recipient lists cannot follow by appending.
func (s *Room) Shape() uint32 { return s.shape }

// Sibling is the next occupant of the same person.
func (o *Occupant) Sibling() *Occupant { return o.sibling }

// Sub is the number of the last volatile event after the last durable one.
func (s *Room) Sub() uint64 { return s.sub }

// Subject is the message that set the subject, nil for none.
func (s *Room) Subject() *Entry { return s.subject }

// Voice is the stored role of a person without affiliation (XEP-0045 §5.1), RoleNone for
// none.
func (p *Person) Voice() event.Role { return p.voice }

// VoiceAsked are the last requests for voice, in the order of asking.
func (m *Sparse) VoiceAsked() []voiceAsked { return m.voiceAsked }

// OwnerByHost reports whether the person counts as owner while inside, because
// Config.IsOwner said so.
func (p *Person) OwnerByHost() bool { return p.ownerByHost }

// Way is the signature that the answer has to show.
func (x *relayed) Way() string { return x.way }

// Reserved is the number of reserved nicks.
func (m *Sparse) Reserved() int { return m.reserved.len() }

// SpentUntil is when a bucket will be full again; ok is false if it is full.
func (m *Sparse) SpentUntil(key RateKey) (until time.Time, ok bool) {
	x, ok := m.spent.Get(key)
	if !ok {
		return time.Time{}, false
	}
	return x.until, true
}
