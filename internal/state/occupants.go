package state

import (
	"cmp"
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
	presence  presenceCache // next to role: a join reads these two of all occupants
	nick, key string
	id        string // XEP-0421
	person    *Person
	sibling   *Occupant // the next of the same person
	first     *Session  // in the order of joining; none for a puppet of the host
	// front is the session whose presence is the occupant's: the one that sent presence
	// last. A puppet has one without a number, which nothing is sent to.
	front *Session
}

// IsPuppet reports whether the occupant is the host's own, without sessions.
func (o *Occupant) IsPuppet() bool { return o.first == nil }

// UID identifies the occupant in result pages (XEP-0059).
func (o *Occupant) UID() string { return strconv.FormatUint(uint64(o.num), 10) }

// FrontJID is the real JID that the occupant's presence shows: that of the front session,
// or the address that the host gave a puppet.
func (o *Occupant) FrontJID() jid.JID {
	if o.front == nil {
		return jid.JID{}
	}
	return o.front.real
}

// Sessions is the number of the occupant's sessions.
func (o *Occupant) Sessions() int {
	n := 0
	for ses := o.first; ses != nil; ses = ses.next {
		n++
	}
	return n
}

// HasJID reports whether an address is the occupant's: the person's bare JID or a
// session's full JID.
func (o *Occupant) HasJID(j jid.JID) bool {
	for ses := o.first; ses != nil; ses = ses.next {
		if ses.JID() == j {
			return true
		}
	}
	return o.person.JID() == j
}

// presenceCache holds the bytes of an occupant's presence, made when it is first sent and
// dropped when anything in it changes. It is a cache, not state.
type presenceCache struct{ doc *splice.Stanza }

func (c *presenceCache) drop() { c.doc = nil }

// PresenceBytes is the occupant's cached presence, nil if it has to be written again.
func (o *Occupant) PresenceBytes() *splice.Stanza { return o.presence.doc }

// CachePresence stores the bytes of the occupant's presence until it changes.
func (o *Occupant) CachePresence(d *splice.Stanza) { o.presence.doc = d }

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

// Address is the full JID to which the session's stanzas are delivered, for Outbound.To
// only.
func (ses *Session) Address() jid.JID { return ses.real }

// JID is the session's full JID, for events, hooks and decisions. It is shown to others
// only where muc/visibility.go decides so.
func (ses *Session) JID() jid.JID { return ses.real }

// Nick finds an occupant by the comparison key of the nick.
func (s *Room) Nick(key string) (*Occupant, bool) {
	if s.nicks != nil {
		o, ok := s.nicks[key]
		return o, ok
	}
	for _, o := range s.occupants {
		if o.key == key {
			return o, true
		}
	}
	return nil, false
}

// Session finds a session by its full JID.
func (s *Room) Session(j jid.JID) (*Session, bool) {
	if p, ok := s.persons.Get(j.Bare()); ok {
		if ses := p.Session(j); ses != nil {
			return ses, true
		}
	}
	return nil, false
}

// OccupantByNick finds the occupant that a nick addresses, or nil. The exact display form
// addresses, although the comparison key decides conflicts.
func (s *Room) OccupantByNick(nick, key string) *Occupant {
	if o, ok := s.Nick(key); ok && o.nick == nick {
		return o
	}
	return nil
}

// OccupantByNumber finds an occupant by its number in events, or nil.
func (s *Room) OccupantByNumber(num uint32) *Occupant {
	if num > s.lastOccupant {
		return nil
	}
	if i, inside := s.occupantIndex(num); inside {
		return s.occupants[i]
	}
	return nil
}

// occupantIndex finds an occupant's index: numbers rise in the order of joining.
func (s *Room) occupantIndex(num uint32) (int, bool) {
	return slices.BinarySearchFunc(s.occupants, num, func(o *Occupant, num uint32) int { return cmp.Compare(o.num, num) })
}

// OccupantAt finds the occupant, also a puppet, of exactly this full JID, or nil.
func (s *Room) OccupantAt(full jid.JID) *Occupant {
	if ses, inside := s.Session(full); inside {
		return ses.occ
	}
	p, ok := s.persons.Get(full.Bare())
	if !ok {
		return nil
	}
	for o := p.first; o != nil; o = o.sibling {
		if o.FrontJID() == full {
			return o
		}
	}
	return nil
}

// OccupantKnownAs finds the occupant that acts for an address, or nil: the one of that
// session, the puppet of that address, or, for a bare JID, the one of highest role, the
// first among equals.
func (s *Room) OccupantKnownAs(j jid.JID) *Occupant {
	if ses, inside := s.Session(j); inside {
		return ses.occ
	}
	p, ok := s.persons.Get(j.Bare())
	if !ok {
		return nil
	}
	var highest *Occupant
	for o := p.first; o != nil; o = o.sibling {
		if (j.IsBare() || o.FrontJID() == j) && (highest == nil || o.role > highest.role) {
			highest = o
		}
	}
	return highest
}

// InRole lists the occupants of a role, in the order of joining.
func (s *Room) InRole(role event.Role) []*Occupant {
	var list []*Occupant
	for _, o := range s.occupants {
		if o.role == role {
			list = append(list, o)
		}
	}
	return list
}

// Concerned lists the occupants that the affiliation of a JID may concern: those of the
// person, or of the whole domain.
func (s *Room) Concerned(j jid.JID) []*Occupant {
	if p, ok := s.persons.Get(j); ok && j.Local() != "" {
		return p.Occupants()
	}
	var list []*Occupant
	for _, o := range s.occupants {
		if bare := o.person.JID(); bare == j || j.Local() == "" && bare.DomainJID() == j {
			list = append(list, o)
		}
	}
	return list
}

// Affected reports whether a change of affiliation changes an occupant's effective
// affiliation: the person's own, or the domain's if the person has none.
func (s *Room) Affected(o *Occupant, b *event.AffiliationChanged) bool {
	if o.person.JID() == b.JID {
		return b.Old != b.New
	}
	return o.person.aff == event.AffiliationNone && b.Old.Inherited() != b.New.Inherited()
}

// OccupantOf is the occupant whose presence changed, or nil.
func (s *Room) OccupantOf(b *event.PresenceChanged) *Occupant {
	if b.Occupant != 0 {
		return s.puppetOf(b.Occupant, b.JID)
	}
	if ses, ok := s.Session(b.JID); ok {
		return ses.occ
	}
	return nil
}

// RenamedSession is the session whose nick changed, or what a puppet has instead; nil if
// there is none.
func (s *Room) RenamedSession(b *event.Renamed) *Session {
	if o := s.puppetOf(b.From, b.JID); o != nil {
		return o.front
	}
	ses, _ := s.Session(b.JID)
	return ses
}

// puppetOf is the puppet of a number and address, or nil.
func (s *Room) puppetOf(num uint32, address jid.JID) *Occupant {
	if o := s.OccupantByNumber(num); o != nil && o.IsPuppet() && o.front.real == address {
		return o
	}
	return nil
}
