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
	// remembered counts the persons who are there for what the room knows of them,
	// whether inside or not.
	remembered int32
	// peopleBytes is what is written of persons: their addresses and notes.
	peopleBytes int32
	lists       listCache

	occupants []*Occupant // in the order of joining
	// nicks has them by comparison key; nil as long as they are few.
	nicks map[string]*Occupant

	subject    *Entry
	archived   History // in the order of speaking
	unarchived History // the same for what is not archived

	sparse *Sparse // nil for none
}

// nothing is what most rooms have.
var emptySparse Sparse

// Sparse is what a room has of what most have nothing of, to be read.
func (s *Room) Sparse() *Sparse {
	if s.sparse == nil {
		return &emptySparse
	}
	return s.sparse
}

// Sparse is what most rooms have nothing of.
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

func (s *Room) Alive() bool { return s.life == event.Locked || s.life == event.Open }

// Deserted reports whether a room has lost its reason to exist while nobody
// could see it: a temporary or never configured one, after a restart.
func (s *Room) Deserted() bool {
	return len(s.occupants) == 0 && (s.life == event.Locked || !s.conf.Persistent)
}

// AffiliationOf is the affiliation that counts (XEP-0045 §9.2); the host's word
// overrides what the room knows.
func (s *Room) AffiliationOf(bare jid.JID) event.Affiliation {
	p, _ := s.persons.Get(bare)
	return s.AffiliationCounting(bare, p)
}

// OccupantAffiliation is the same of an occupant's person.
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
	if own == event.AffiliationNone { // else it does not matter what his domain has
		domain = s.OwnAffiliation(bare.DomainJID())
	}
	return event.EffectiveAffiliation(own, domain)
}

// OwnAffiliation is what the lists say of a person or domain.
func (s *Room) OwnAffiliation(j jid.JID) event.Affiliation {
	if p, ok := s.persons.Get(j); ok {
		return p.aff
	}
	return event.AffiliationNone
}

// ReasonOf is the reason that was given for somebody's affiliation.
func (s *Room) ReasonOf(j jid.JID) string {
	if p, ok := s.persons.Get(j); ok {
		return p.Notes().reason
	}
	return ""
}

// ReservedBy finds who has reserved a nick, by its key.
func (s *Room) ReservedBy(key string) (*Person, bool) {
	reserved := s.Sparse().reserved
	x, ok := reserved.Get(key)
	return x.Person, ok
}

// OwnerCount counts those on the list of owners. A whole domain may stand there, as a
// component that acts in its own name, but nobody else is an owner by that.
type OwnerCount struct{ all, domains int }

// Plus is the count when one more is an owner, or one fewer.
func (n OwnerCount) Plus(who jid.JID, by int) OwnerCount {
	n.all += by
	if who.IsDomain() {
		n.domains += by
	}
	return n
}

// LeavesNobody reports whether a room that had owners before has none to rely on now
// (XEP-0045 §10.4): a person, or where none was before, a domain.
func (n OwnerCount) LeavesNobody(before OwnerCount) bool {
	return n.all == 0 || n.all == n.domains && before.all > before.domains
}

// OwnerCount is how many own the room now.
func (s *Room) OwnerCount() OwnerCount { return OwnerCount{int(s.owners), int(s.domainOwners)} }
