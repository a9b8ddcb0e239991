package state

import (
	"slices"
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// people are persons by bare JID, or by domain. The text of such an address is all
// that tells it from others, and is found faster than a JID.
type people struct{ byText Index[string, *Person] }

func (x *people) Get(j jid.JID) (*Person, bool) { return x.byText.Get(j.String()) }

// Sorted lists people by address.
func (x *people) Sorted() []*Person {
	keys := sortedKeys(&x.byText, strings.Compare)
	list := make([]*Person, 0, len(keys))
	for _, k := range keys {
		p, _ := x.byText.Get(k)
		list = append(list, p)
	}
	return list
}

// Person is somebody whom the room remembers or who is inside, or a whole
// domain. Who has nothing to remember and is not inside is not kept.
type Person struct {
	real jid.JID // bare; read in visibility.go only
	aff  event.Affiliation
	// voice is the stored role of somebody without affiliation (§5.1).
	voice event.Role
	// vouched says that he counts as owner while he is inside (Config.IsOwner).
	ownerByHost bool
	notes       *notes    // nil for none
	first       *Occupant // of his, in the order of joining
}

// notes are what the room knows of few people.
type notes struct {
	nick, key string // reserved
	reason    string // of the affiliation
}

// noNotes are what the room knows of most people.
var noNotes notes

// Noted is what a person's notes say.
func (p *Person) Notes() *notes {
	if p.notes == nil {
		return &noNotes
	}
	return p.notes
}

// Nick is what the person has reserved, "" for nothing.
func (p *Person) Nick() string { return p.Notes().nick }

// Occupants lists those of a person, in the order of joining.
func (p *Person) Occupants() []*Occupant {
	var list []*Occupant
	for o := p.first; o != nil; o = o.sibling {
		list = append(list, o)
	}
	return list
}

// Inside reports whether somebody has an occupant in the room.
func (p *Person) Inside() bool { return p.first != nil }

// Remembered reports whether the room knows something of a person beyond that he
// is inside.
func (p *Person) Remembered() bool {
	return p.aff != event.AffiliationNone || p.voice != event.RoleNone || p.Nick() != ""
}

func (p *Person) forgettable() bool { return !p.Remembered() && !p.Inside() }

// JID is who a person is, for events, hooks and decisions, which stay with the
// host.
func (p *Person) JID() jid.JID { return p.real }

// UID names a person in a list of affiliations and sorts him there (XEP-0059).
func (p *Person) UID() string { return p.real.String() }

func (p *Person) CompareUID(uid string) int { return strings.Compare(p.real.String(), uid) }

// compare sorts people as their uids do.
func (p *Person) compare(o *Person) int { return jid.Compare(p.real, o.real) }

// Session is a person's session by its full JID, nil for none.
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

// Knows reports whether there is a person or a request of this address.
func (s *Room) Knows(bare jid.JID) bool {
	_, known := s.persons.Get(bare)
	return known || s.RequestOf(bare) != nil
}

// RequestOf is somebody's request to register, nil for none.
func (s *Room) RequestOf(bare jid.JID) *event.RegistrationRequested {
	for _, b := range s.Sparse().requests {
		if b.JID == bare {
			return b
		}
	}
	return nil
}

// RequestFor is the request for a nick, by somebody or by whoever alone made one;
// nil for none.
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

// AbsentMembers lists, by JID, the affiliated with a reserved nick who are not
// inside. Only those with a nick are looked at, not everybody whom the room knows.
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
