package state

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/jid"
)

// Occupant is a nick with a role.
type Occupant struct {
	num       uint32
	role      event.Role
	presence  presenceCache // beside role: a join reads these two of everybody
	nick, key string
	id        string // XEP-0421
	person    *Person
	sibling   *Occupant // the next of the same person
	first     *Session  // in the order of joining; none for a puppet of the host
	// front is the session whose presence is the occupant's: the one that spoke
	// of its presence last. A puppet has one without a number here, which nothing is
	// ever sent to.
	front *Session
}

// IsPuppet reports whether an occupant is the host's own.
func (o *Occupant) IsPuppet() bool { return o.first == nil }

// UID names an occupant in a page.
func (o *Occupant) UID() string { return strconv.FormatUint(uint64(o.num), 10) }

// FrontJID is the real JID that an occupant's presence shows: that of the
// session in front, or what the host calls a puppet.
func (o *Occupant) FrontJID() jid.JID {
	if o.front == nil {
		return jid.JID{}
	}
	return o.front.real
}

// Sessions counts those of an occupant.
func (o *Occupant) Sessions() int {
	n := 0
	for ses := o.first; ses != nil; ses = ses.next {
		n++
	}
	return n
}

// GoesBy reports whether an address is that of an occupant: the person's or a
// session's.
func (o *Occupant) HasJID(j jid.JID) bool {
	for ses := o.first; ses != nil; ses = ses.next {
		if ses.JID() == j {
			return true
		}
	}
	return o.person.JID() == j
}

// presenceCache holds an occupant's presence as bytes, made when it is first
// sent and dropped when anything in it changes. It is no state: it can always
// be made again.
type presenceCache struct{ doc *splice.Stanza }

func (c *presenceCache) drop() { c.doc = nil }

// PresenceBytes is the occupant's presence as it was last sent to all, nil if it has to be
// written again.
func (o *Occupant) PresenceBytes() *splice.Stanza { return o.presence.doc }

// KeepPresence keeps what was written of an occupant, until it changes.
func (o *Occupant) CachePresence(d *splice.Stanza) { o.presence.doc = d }

// Session is one connected client of an occupant.
type Session struct {
	num     uint32  // never used again: it names the session in relayed ids
	spoke   uint32  // higher than that of the occupant's sessions who spoke earlier
	real    jid.JID // full; read in visibility.go only
	occ     *Occupant
	next    *Session // of the same occupant
	lang    string   // of what the client says in its presence, and
	payload string   // what it says, canonical
}

// Address is where a session's stanzas are delivered: for Outbound.To only.
func (ses *Session) Address() jid.JID { return ses.real }

// JID is who a session is, for the same places.
func (ses *Session) JID() jid.JID { return ses.real }

// Nick finds an occupant by the comparison key of his nick.
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

// Session finds who is inside by his full JID.
func (s *Room) Session(j jid.JID) (*Session, bool) {
	if p, ok := s.persons.Get(j.Bare()); ok {
		if ses := p.Session(j); ses != nil {
			return ses, true
		}
	}
	return nil, false
}

// OccupantByNick finds who is addressed by a nick. It is the exact display form
// that addresses, though the comparison key decides conflicts.
func (s *Room) OccupantByNick(nick, key string) *Occupant {
	if o, ok := s.Nick(key); ok && o.nick == nick {
		return o
	}
	return nil
}

func (s *Room) OccupantByNumber(num uint32) *Occupant {
	if num > s.lastOccupant {
		return nil
	}
	if i, inside := s.occupantIndex(num); inside {
		return s.occupants[i]
	}
	return nil
}

// occupantIndex finds an occupant's place: numbers rise in the order of joining.
func (s *Room) occupantIndex(num uint32) (int, bool) {
	return slices.BinarySearchFunc(s.occupants, num, func(o *Occupant, num uint32) int { return cmp.Compare(o.num, num) })
}

// OccupantAt finds the occupant, a puppet too, of exactly this full JID.
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

// OccupantKnownAs finds the occupant that acts for an address: the one of that
// session, the puppet that goes by it, or, for a bare JID, the one of highest
// role, the first among equals.
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

// InRole lists the occupants of a role.
func (s *Room) InRole(role event.Role) []*Occupant {
	var list []*Occupant
	for _, o := range s.occupants {
		if o.role == role {
			list = append(list, o)
		}
	}
	return list
}

// Concerned lists the occupants whom the affiliation of a JID may concern: a
// person's, or all of a domain.
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

// Affected reports whether a change of affiliation shows in an occupant's
// presence: his own, or his domain's if he has none of his own.
func (s *Room) Affected(o *Occupant, b *event.AffiliationChanged) bool {
	if o.person.JID() == b.JID {
		return b.Old != b.New
	}
	return o.person.aff == event.AffiliationNone && b.Old.Inherited() != b.New.Inherited()
}

// Whose is the occupant whose presence changed, nil for nobody.
func (s *Room) OccupantOf(b *event.PresenceChanged) *Occupant {
	if b.Occupant != 0 {
		return s.puppetOf(b.Occupant, b.JID)
	}
	if ses, ok := s.Session(b.JID); ok {
		return ses.occ
	}
	return nil
}

// Mover is the session that has another nick, or what a puppet has in its place.
func (s *Room) RenamedSession(b *event.Renamed) *Session {
	if o := s.puppetOf(b.From, b.JID); o != nil {
		return o.front
	}
	ses, _ := s.Session(b.JID)
	return ses
}

// puppetOf is the puppet of that number and address, or nil.
func (s *Room) puppetOf(num uint32, address jid.JID) *Occupant {
	if o := s.OccupantByNumber(num); o != nil && o.IsPuppet() && o.front.real == address {
		return o
	}
	return nil
}
