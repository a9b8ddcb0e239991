package state

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// Room is all that a room remembers. [Room.Apply] and [Room.LoadSnapshot] change it.
type Room struct {
	life event.State
	// shape counts the changes that recipient lists cannot follow by appending.
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

	persons people
	// owners are the persons who are Owner; domainOwners of them are whole domains.
	owners, domainOwners int32
	// remembered counts the persons with Person.Remembered.
	remembered int32
	// peopleBytes is the memory of the addresses and notes of all persons.
	peopleBytes int32
	lists       listCache

	occupants []*Occupant // in the order of joining
	// nicks are the occupants by comparison key; nil as long as they are few.
	nicks map[string]*Occupant

	subject    *Entry
	archived   History // in the order of speaking
	unarchived History // the same for what is not archived

	sparse *Sparse // nil for none
}

// emptySparse is the sparse part of most rooms. Nobody writes to it.
var emptySparse Sparse

// Sparse is the room's sparse part, for reading.
func (s *Room) Sparse() *Sparse {
	if s.sparse == nil {
		return &emptySparse
	}
	return s.sparse
}

// Sparse is the part of a room that is empty in most rooms, allocated when needed.
type Sparse struct {
	end *event.RoomDestroyed

	reserved Index[string, reservation]     // by comparison key of the nick
	requests []*event.RegistrationRequested // to register, in the order of asking

	voiceAsked []voiceAsked        // in the order of asking
	invites    []*event.InviteSent // open invitations, the one that expires first in front

	asks []*event.Asked // open questions to the host, in the order of asking

	privates ring[Private] // the last private messages, bounded by Config.Limits
	relays   ring[relayed] // the last requests between occupants, bounded by Config.Limits
	// spent is until when a person's share of Config.Rates is used up, soonest is the
	// same with the first in front. What lies in the past means nothing and is dropped
	// when something is added. clock is what the host's clock said then, if it was behind
	// the room's last event.
	spent   Index[RateKey, *spending]
	soonest []*spending
	clock   event.Stamp
}

// Alive reports whether the room is locked or open: created and not destroyed.
func (s *Room) Alive() bool { return s.life == event.Locked || s.life == event.Open }

// Deserted reports whether a room is to end because nobody is inside: a temporary or
// never configured one, after a restart.
func (s *Room) Deserted() bool {
	return len(s.occupants) == 0 && (s.life == event.Locked || !s.conf.Persistent)
}

// OccupantAffiliation is the effective affiliation of an occupant's person (XEP-0045 §9.2):
// owner if the host said so when the person entered, else by the lists.
func (s *Room) OccupantAffiliation(o *Occupant) event.Affiliation {
	return s.AffiliationCounting(o.person.real, o.person)
}

// AffiliationCounting is the same of somebody who was looked up: nil if the room knows
// nothing of them.
func (s *Room) AffiliationCounting(bare jid.JID, p *Person) event.Affiliation {
	own, domain := event.AffiliationNone, event.AffiliationNone
	if p != nil {
		if p.ownerByHost {
			return event.Owner
		}
		own = p.aff
	}
	if own == event.AffiliationNone { // else the domain's does not matter
		domain = s.OwnAffiliation(bare.DomainJID())
	}
	return event.EffectiveAffiliation(own, domain)
}

// OwnAffiliation is the affiliation of exactly this bare JID or domain.
func (s *Room) OwnAffiliation(j jid.JID) event.Affiliation {
	if p, ok := s.persons.Get(j); ok {
		return p.aff
	}
	return event.AffiliationNone
}

// ReasonOf is the reason that was given for an affiliation, empty for none.
func (s *Room) ReasonOf(j jid.JID) string {
	if p, ok := s.persons.Get(j); ok {
		return p.Notes().reason
	}
	return ""
}

// ReservedBy finds the person who has reserved a nick, by its comparison key.
func (s *Room) ReservedBy(key string) (*Person, bool) {
	reserved := s.Sparse().reserved
	x, ok := reserved.Get(key)
	return x.Person, ok
}

// OwnerCount counts the entries of the owner list. A whole domain may be one, such as a
// component that acts in its own name; the people of that domain are no owners by it.
type OwnerCount struct{ all, domains int }

// Plus is the count after one owner more (by 1) or fewer (by -1).
func (n OwnerCount) Plus(who jid.JID, by int) OwnerCount {
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

// OwnerCount is the room's number of owners.
func (s *Room) OwnerCount() OwnerCount { return OwnerCount{int(s.owners), int(s.domainOwners)} }
