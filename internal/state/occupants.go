package state

import (
	"cmp"
	"iter"
	"slices"
	"strconv"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/jid"
)

// Occupant is a nick with a role, of a person with sessions or of the host (a puppet).
type Occupant struct {
	num       uint32
	role      event.Role
	presence  *splice.Stanza // next to role: a join reads these two of all occupants
	nick, key string
	id        string // XEP-0421
	person    *Person
	sibling   *Occupant // the next of the same person
	first     *Session  // in the order of joining; none for a puppet of the host
	front     *Session
}

// Number names the occupant in events; it is never used again.
func (o *Occupant) Number() uint32 { return o.num }

// UID identifies the occupant in result pages (XEP-0059).
func (o *Occupant) UID() string { return strconv.FormatUint(uint64(o.num), 10) }

// ID is the occupant-id (XEP-0421).
func (o *Occupant) ID() string { return o.id }

// Role is what the occupant may do during this visit.
func (o *Occupant) Role() event.Role { return o.role }

// Nick is how the occupant is shown and addressed.
func (o *Occupant) Nick() string { return o.nick }

// Key is the comparison key of the nick.
func (o *Occupant) Key() string { return o.key }

// Person is the person that the occupant belongs to.
func (o *Occupant) Person() *Person { return o.person }

// IsPuppet reports whether the occupant is the host's own, without sessions.
func (o *Occupant) IsPuppet() bool { return o.first == nil }

// Front is the session whose presence is the occupant's: the one that sent presence last.
// A puppet has one without a number, which nothing is sent to.
func (o *Occupant) Front() *Session { return o.front }

// FrontJID is the real JID that the occupant's presence shows: that of the front session,
// or the address that the host gave a puppet.
func (o *Occupant) FrontJID() jid.JID {
	if o.front == nil {
		return jid.JID{}
	}
	return o.front.real
}

// Sessions yields the occupant's sessions, in the order of joining. A puppet has none.
func (o *Occupant) Sessions() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		for ses := o.first; ses != nil && yield(ses); ses = ses.next {
		}
	}
}

// SessionCount is the number of the occupant's sessions.
func (o *Occupant) SessionCount() int {
	n := 0
	for range o.Sessions() {
		n++
	}
	return n
}

// HasJID reports whether an address is the occupant's: the person's bare JID or a
// session's full JID.
func (o *Occupant) HasJID(j jid.JID) bool {
	ses := o.person.Session(j)
	return o.person.real == j || ses != nil && ses.occ == o
}

// PresenceBytes is the occupant's presence as it was last sent, nil if it has to be written
// again. It is a cache, not state.
func (o *Occupant) PresenceBytes() *splice.Stanza { return o.presence }

// CachePresence stores the bytes of the occupant's presence until it changes.
func (o *Occupant) CachePresence(d *splice.Stanza) { o.presence = d }

// Session is one connected client of an occupant.
type Session struct {
	num     uint32  // never used again: it names the session in relayed ids
	spoke   uint32  // rises with each presence among the occupant's sessions
	real    jid.JID // full
	occ     *Occupant
	next    *Session // of the same occupant
	lang    string   // of what the client says in its presence, and
	payload string   // what it says, canonical
}

// Number names the session in events; it is never used again. 0 is a puppet.
func (ses *Session) Number() uint32 { return ses.num }

// JID is the session's full JID, for events, hooks and decisions. It is shown to others
// only where muc/visibility.go decides so.
func (ses *Session) JID() jid.JID { return ses.real }

// Address is the full JID to which the session's stanzas are delivered, for Outbound.To
// only.
func (ses *Session) Address() jid.JID { return ses.real }

// Occupant is the one that the session belongs to.
func (ses *Session) Occupant() *Occupant { return ses.occ }

// Lang is the language of what the client says in its presence.
func (ses *Session) Lang() string { return ses.lang }

// Payload is what the client says in its presence, canonical.
func (ses *Session) Payload() string { return ses.payload }

// Occupants are all who are inside, in the order of joining.
func (s *Room) Occupants() []*Occupant { return s.occupants }

// Session finds a session by its full JID, or nil.
func (s *Room) Session(j jid.JID) *Session { return s.Person(j.Bare()).Session(j) }

// SessionOf is the session of an address or, if the number is that of a puppet with this
// address, what the puppet has instead; nil if there is neither.
func (s *Room) SessionOf(num uint32, address jid.JID) *Session {
	if o := s.OccupantByNumber(num); o != nil && o.IsPuppet() && o.front.real == address {
		return o.front
	}
	return s.Session(address)
}

// Nick finds an occupant by the comparison key of the nick, or nil.
func (s *Room) Nick(key string) *Occupant {
	if s.nicks != nil {
		return s.nicks[key]
	}
	for _, o := range s.occupants {
		if o.key == key {
			return o
		}
	}
	return nil
}

// OccupantByNick finds the occupant that a nick addresses, or nil. The exact display form
// addresses, although the comparison key decides conflicts.
func (s *Room) OccupantByNick(nick, key string) *Occupant {
	if o := s.Nick(key); o != nil && o.nick == nick {
		return o
	}
	return nil
}

// OccupantByNumber finds an occupant by its number in events, or nil.
func (s *Room) OccupantByNumber(num uint32) *Occupant {
	if i, inside := s.occupantIndex(num); inside {
		return s.occupants[i]
	}
	return nil
}

// occupantIndex finds an occupant's index: numbers rise in the order of joining.
func (s *Room) occupantIndex(num uint32) (int, bool) {
	return slices.BinarySearchFunc(s.occupants, num, func(o *Occupant, num uint32) int { return cmp.Compare(o.num, num) })
}

// OccupantKnownAs finds the occupant that acts for an address, or nil: the one of that
// session, the puppet of that address, or, for a bare JID, the one of highest role, the
// first among equals.
func (s *Room) OccupantKnownAs(j jid.JID) *Occupant {
	if ses := s.Session(j); ses != nil {
		return ses.occ
	}
	var highest *Occupant
	for o := range s.Person(j.Bare()).Occupants() {
		if (j.IsBare() || o.FrontJID() == j) && (highest == nil || o.role > highest.role) {
			highest = o
		}
	}
	return highest
}

// InRole lists the occupants of a role, in the order of joining.
func (s *Room) InRole(role event.Role) []*Occupant {
	return s.having(func(o *Occupant) bool { return o.role == role })
}

func (s *Room) having(is func(*Occupant) bool) []*Occupant {
	var list []*Occupant
	for _, o := range s.occupants {
		if is(o) {
			list = append(list, o)
		}
	}
	return list
}

// Concerned lists the occupants that the affiliation of a JID may concern: those of the
// person, or of the whole domain.
func (s *Room) Concerned(j jid.JID) []*Occupant {
	if !j.IsDomain() {
		return slices.Collect(s.Person(j).Occupants())
	}
	return s.having(func(o *Occupant) bool { return o.person.real.DomainJID() == j })
}

// Affected reports whether a change of affiliation changes an occupant's effective
// affiliation: the person's own, or the domain's if the person has none.
func (s *Room) Affected(o *Occupant, b *event.AffiliationChanged) bool {
	if o.person.real == b.JID {
		return b.Old != b.New
	}
	return o.person.aff == event.AffiliationNone && b.Old.Inherited() != b.New.Inherited()
}
