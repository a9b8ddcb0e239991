package state

import (
	"iter"
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// Person is a bare JID that the room remembers something of or that is inside, or a whole
// domain. A person of whom there is nothing to remember has no record after leaving; the
// methods take nil for somebody without one.
type Person struct {
	real jid.JID // bare
	aff  event.Affiliation
	// voice is the stored role of somebody without affiliation (§5.1).
	voice event.Role
	// ownerByHost says that the person counts as owner while inside (Config.IsOwner).
	ownerByHost bool
	notes       *notes    // nil for none
	first       *Occupant // in the order of joining
}

// notes are what the room knows of few people only.
type notes struct {
	nick, key string // reserved
	reason    string // of the affiliation
}

// JID is the person's bare JID or domain, for events, hooks and decisions. It is shown to
// others only where muc/visibility.go decides so.
func (p *Person) JID() jid.JID { return p.real }

// UID identifies the person in a list of affiliations, which is sorted by it (XEP-0059).
func (p *Person) UID() string { return p.real.String() }

func (p *Person) indexKey() string { return p.UID() }

// CompareUID compares the person's place in the list with that of a UID.
func (p *Person) CompareUID(uid string) int { return strings.Compare(p.UID(), uid) }

func (p *Person) compare(o *Person) int { return p.CompareUID(o.UID()) }

// Affiliation is the person's or domain's own affiliation, without what a domain gives.
func (p *Person) Affiliation() event.Affiliation {
	if p == nil {
		return event.AffiliationNone
	}
	return p.aff
}

// Voice is the stored role of a person without affiliation (XEP-0045 §5.1), RoleNone for
// none.
func (p *Person) Voice() event.Role {
	if p == nil {
		return event.RoleNone
	}
	return p.voice
}

// OwnerByHost reports whether the person counts as owner while inside, because
// Config.IsOwner said so.
func (p *Person) OwnerByHost() bool { return p != nil && p.ownerByHost }

// Nick is the person's reserved nick, empty for none.
func (p *Person) Nick() string { return p.noted().nick }

// NickKey is the comparison key of the reserved nick.
func (p *Person) NickKey() string { return p.noted().key }

// Reason is the reason that was given for the affiliation, empty for none.
func (p *Person) Reason() string { return p.noted().reason }

func (p *Person) noted() notes {
	if p == nil || p.notes == nil {
		return notes{}
	}
	return *p.notes
}

// Remembered reports whether the room knows something of the person that outlasts the
// visit.
func (p *Person) Remembered() bool {
	return p.Affiliation() != event.AffiliationNone || p.Voice() != event.RoleNone || p.Nick() != ""
}

// Inside reports whether the person has an occupant in the room.
func (p *Person) Inside() bool { return p != nil && p.first != nil }

// Occupants yields the person's occupants, in the order of joining.
func (p *Person) Occupants() iter.Seq[*Occupant] {
	return func(yield func(*Occupant) bool) {
		if p == nil {
			return
		}
		for o := p.first; o != nil && yield(o); o = o.sibling {
		}
	}
}

// OccupantCount is the number of the person's occupants.
func (p *Person) OccupantCount() int {
	n := 0
	for range p.Occupants() {
		n++
	}
	return n
}

// Session finds the person's session of a full JID, or nil.
func (p *Person) Session(j jid.JID) *Session {
	for o := range p.Occupants() {
		for ses := range o.Sessions() {
			if ses.real == j {
				return ses
			}
		}
	}
	return nil
}

// Person finds the person of a bare JID or domain, or nil.
func (s *Room) Person(bare jid.JID) *Person { return s.persons.get(bare.String()) }

// People lists all whom the room remembers or who are inside, by JID.
func (s *Room) People() []*Person { return s.persons.sorted((*Person).compare) }

// Knows reports whether there is a person, a request to register or a hat of this address.
func (s *Room) Knows(bare jid.JID) bool {
	return s.Person(bare) != nil || s.RequestOf(bare) != nil || len(s.Sparse().HatsOf(bare)) > 0
}

// ReservedBy finds the person who has reserved a nick, by its comparison key, or nil.
func (s *Room) ReservedBy(key string) *Person {
	reserved := s.Sparse().reserved
	return reserved.get(key).Person
}

// reservation is a person indexed by the key of the reserved nick.
type reservation struct{ *Person }

func (x reservation) indexKey() string { return x.NickKey() }

// AbsentMembers lists, by JID, the members, admins and owners with a reserved nick who are
// not inside. It looks at reserved nicks only, not at everybody the room knows.
func (s *Room) AbsentMembers() []*Person {
	var list []*Person
	reserved := s.Sparse().reserved
	for _, p := range reserved.sorted(func(a, b reservation) int { return a.compare(b.Person) }) {
		if p.aff >= event.Member && !p.Inside() {
			list = append(list, p.Person)
		}
	}
	return list
}

// RequestOf is the request to register of a bare JID, or nil.
func (s *Room) RequestOf(bare jid.JID) *event.RegistrationRequested {
	for _, b := range s.Sparse().requests {
		if b.JID == bare {
			return b
		}
	}
	return nil
}

// RequestFor is the request to register a nick by a bare JID. With the zero JID it is the
// only request for that nick. Nil if there is none, or more than one.
func (s *Room) RequestFor(nick string, bare jid.JID) *event.RegistrationRequested {
	var found *event.RegistrationRequested
	for _, b := range s.Sparse().requests {
		if b.Nick == nick && (bare.IsZero() || b.JID == bare) {
			if found != nil {
				return nil
			}
			found = b
		}
	}
	return found
}

// OccupantAffiliation is the effective affiliation of an occupant's person (XEP-0045 §9.2):
// owner if the host said so when the person entered, else by the lists.
func (s *Room) OccupantAffiliation(o *Occupant) event.Affiliation {
	return s.AffiliationCounting(o.person.real, o.person)
}

// AffiliationCounting is the same of somebody who was looked up: nil if the room knows
// nothing of them.
func (s *Room) AffiliationCounting(bare jid.JID, p *Person) event.Affiliation {
	switch own := p.Affiliation(); {
	case p.OwnerByHost():
		return event.Owner
	case own != event.AffiliationNone: // the domain's does not matter
		return own
	}
	return s.Person(bare.DomainJID()).Affiliation().Inherited()
}

// OwnerCount counts the entries of the owner list. A whole domain may be one, such as a
// component that acts in its own name; the people of that domain are no owners by it.
type OwnerCount struct{ all, domains int32 }

// Plus is the count after one owner more (by 1) or fewer (by -1).
func (n OwnerCount) Plus(who jid.JID, by int32) OwnerCount {
	n.all += by
	if who.IsDomain() {
		n.domains += by
	}
	return n
}

// LeavesNobody reports whether a change leaves the room without an owner (XEP-0045 §10.4):
// without any, or without a person where there was one before.
func (n OwnerCount) LeavesNobody(before OwnerCount) bool {
	return n.all == 0 || n.all == n.domains && before.all > before.domains
}
