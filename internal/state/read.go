package state

import (
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// What the rules may read. Nobody outside of this package can write it.

// Affiliation is what the lists say of the person or domain itself.
func (p *Person) Affiliation() event.Affiliation { return p.aff }

// Archived are the messages that newcomers are shown and that the host archives, in
// the order of speaking.
func (s *Room) Archived() *History { return &s.archived }

// Asks are the open questions to the host, in the order of asking.
func (m *Sparse) Asks() []*event.Asked { return m.asks }

// At is when the message was said.
func (e *Entry) At() time.Time { return e.at }

// At is when the request was passed on.
func (x *relayed) At() Instant { return x.at }

// At is the time of the last event.
func (s *Room) At() Instant { return s.at }

// Clock is what the host's clock said when a rate was last used, if it was behind
// the room.
func (m *Sparse) Clock() event.Stamp { return m.clock }

// Config is the configuration that the owners chose. It is never written to, but
// replaced.
func (s *Room) Config() *event.RoomConfig { return s.conf }

// Creator is who brought the room to life.
func (s *Room) Creator() jid.JID { return s.creator }

// End is what became of a room that is over, nil for any other.
func (m *Sparse) End() *event.RoomDestroyed { return m.end }

// First is the first of the occupant's sessions, in the order of joining; nil for a
// puppet of the host.
func (o *Occupant) First() *Session { return o.first }

// First is the first of the person's occupants, in the order of joining.
func (p *Person) First() *Occupant { return p.first }

// Front is the session whose presence is the occupant's: the one that spoke of its
// presence last. A puppet has one without a number here, which nothing is ever sent
// to.
func (o *Occupant) Front() *Session { return o.front }

// ID is the occupant-id (XEP-0421).
func (o *Occupant) ID() string { return o.id }

// ID is that of the message.
func (p *Private) ID() string { return p.id }

// Invites are the open invitations, the one that expires first in front.
func (m *Sparse) Invites() []*event.InviteSent { return m.invites }

// Kept are the messages that newcomers are shown and nobody archives, in the order
// of speaking.
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

// Lists are the lists of affiliations as they are asked for.
func (s *Room) Lists() *listCache { return &s.lists }

// LockedUntil is how long the room waits for its configuration.
func (s *Room) LockedUntil() Instant { return s.lockedUntil }

// Message is what was said.
func (e *Entry) Message() *event.Message { return e.msg }

// Next is the next session of the same occupant.
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

// Person is who the occupant is.
func (o *Occupant) Person() *Person { return o.person }

// Persons are those whom the room remembers, or who are inside.
func (s *Room) Persons() *people { return &s.persons }

// Privates are the last private messages, the oldest first.
func (m *Sparse) Privates() *ring[Private] { return &m.privates }

// Reason is that of the affiliation.
func (n *notes) Reason() string { return n.reason }

// Remembered is how many persons are there for what the room knows of them.
func (s *Room) Remembered() int32 { return s.remembered }

// Requests are those to register, in the order of asking.
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

// Voice is the role in which somebody without affiliation comes back (XEP-0045
// §5.1).
func (p *Person) Voice() event.Role { return p.voice }

// VoiceAsked are those who asked for voice, in the order of asking.
func (m *Sparse) VoiceAsked() []voiceAsked { return m.voiceAsked }

// Vouched reports whether the person counts as owner while inside because the host
// says so.
func (p *Person) OwnerByHost() bool { return p.ownerByHost }

// Way is the signed way back.
func (x *relayed) Way() string { return x.way }

// Reserved is how many nicks are reserved.
func (m *Sparse) Reserved() int { return m.reserved.len() }

// SpentUntil is until when a person's share of a rate is used up.
func (m *Sparse) SpentUntil(key RateKey) (until time.Time, ok bool) {
	x, ok := m.spent.Get(key)
	if !ok {
		return time.Time{}, false
	}
	return x.until, true
}
