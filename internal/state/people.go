package state

import (
	"slices"
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// people are persons by bare JID or domain. They are indexed by the text of the address,
// which is faster than by a JID.
type people struct{ byText Index[string, *Person] }

// Get finds the person of a bare JID or domain.
func (x *people) Get(j jid.JID) (*Person, bool) { return x.byText.Get(j.String()) }

// Sorted lists all people by address.
func (x *people) Sorted() []*Person {
	keys := sortedKeys(&x.byText, strings.Compare)
	list := make([]*Person, 0, len(keys))
	for _, k := range keys {
		p, _ := x.byText.Get(k)
		list = append(list, p)
	}
	return list
}

// Person is a bare JID that the room remembers something of or that is inside, or a whole
// domain. A person of whom there is nothing to remember has no record after leaving.
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

// noNotes are the notes of most people. Nobody writes to them.
var noNotes notes

// Notes are the person's notes, empty if there are none.
func (p *Person) Notes() *notes {
	if p.notes == nil {
		return &noNotes
	}
	return p.notes
}

// Nick is the person's reserved nick, empty for none.
func (p *Person) Nick() string { return p.Notes().nick }

// Occupants lists the person's occupants, in the order of joining.
func (p *Person) Occupants() []*Occupant {
	var list []*Occupant
	for o := p.first; o != nil; o = o.sibling {
		list = append(list, o)
	}
	return list
}

// Inside reports whether the person has an occupant in the room.
func (p *Person) Inside() bool { return p.first != nil }

// Remembered reports whether the room knows something of the person that outlasts the
// visit.
func (p *Person) Remembered() bool {
	return p.aff != event.AffiliationNone || p.voice != event.RoleNone || p.Nick() != ""
}

func (p *Person) forgettable() bool { return !p.Remembered() && !p.Inside() }

// JID is the person's bare JID or domain, for events, hooks and decisions. It is shown to
// others only where muc/visibility.go decides so.
func (p *Person) JID() jid.JID { return p.real }

// UID identifies the person in a list of affiliations, which is sorted by it (XEP-0059).
func (p *Person) UID() string { return p.real.String() }

// CompareUID compares the person's place in the list with that of a UID.
func (p *Person) CompareUID(uid string) int { return strings.Compare(p.real.String(), uid) }

// compare sorts people as their uids do.
func (p *Person) compare(o *Person) int { return jid.Compare(p.real, o.real) }

// Session finds the person's session of a full JID, or nil.
func (p *Person) Session(j jid.JID) *Session {
	for o := p.first; o != nil; o = o.sibling {
		for ses := o.first; ses != nil; ses = ses.next {
			if ses.JID() == j {
				return ses
			}
		}
	}
	return nil
}

// Knows reports whether there is a person or a request to register of this address.
func (s *Room) Knows(bare jid.JID) bool {
	_, known := s.persons.Get(bare)
	return known || s.RequestOf(bare) != nil
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

// AbsentMembers lists, by JID, the members, admins and owners with a reserved nick who are
// not inside. It looks at reserved nicks only, not at everybody the room knows.
func (s *Room) AbsentMembers() []*Person {
	var list []*Person
	reserved := s.Sparse().reserved
	for _, key := range sortedKeys(&reserved, strings.Compare) {
		if p, _ := reserved.Get(key); p.aff >= event.Member && !p.Inside() {
			list = append(list, p.Person)
		}
	}
	slices.SortFunc(list, func(a, b *Person) int { return jid.Compare(a.JID(), b.JID()) })
	return list
}
