package muc

import (
	"cmp"
	"slices"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
)

// state is all that a room remembers. Only apply*.go changes it.
type state struct {
	life State
	// shape counts the changes that recipient lists cannot follow by appending.
	shape                     uint32
	lastOccupant, lastSession uint32

	seq, sub    uint64
	at          instant // of the last event: the clock never runs backwards past it
	durableAt   instant // of the last durable event
	lockedUntil instant
	creator     JID
	// conf is never written to, but replaced: rooms with the defaults of their
	// Template share those.
	conf *RoomConfig

	persons people
	// owners are the persons who are Owner; domainOwners of them are whole domains.
	owners, domainOwners int32
	// remembered counts the persons who are there for what the room knows of them,
	// whether inside or not.
	remembered int32
	// peopleBytes is what is written of persons: their addresses and notes.
	peopleBytes int32
	lists       listCache

	occupants []*occupant // in the order of joining
	// nicks has them by comparison key; nil as long as they are few.
	nicks map[string]*occupant

	subject  *entry
	archived history // in the order of speaking
	kept     history // the same for what is not archived

	more *sparse // nil for none
}

// sparse is what most rooms have nothing of.
type sparse struct {
	end *event.RoomDestroyed

	reserved index[string, reservation]     // by comparison key of the nick
	requests []*event.RegistrationRequested // to register, in the order of asking

	voiceAsked []voiceAsked        // in the order of asking
	invites    []*event.InviteSent // open invitations, the one that expires first in front

	asks []*event.Asked // open questions to the host, in the order of asking

	privates ring[private] // the last private messages, bounded by Config.Limits
	relays   ring[relayed] // the last requests between occupants, bounded by Config.Limits
	// spent is until when a person's share of Config.Rates is used up, soonest is the
	// same with the first in front. What lies in the past means nothing and is dropped
	// when something is added. clock is what the host's clock said then, if it was behind
	// the room's last event.
	spent   index[rateKey, *spending]
	soonest []*spending
	clock   event.Stamp
}

// nothing is what most rooms have.
var nothing sparse

// sparse is what a room has of what most have nothing of, to be read.
func (s *state) sparse() *sparse {
	if s.more == nil {
		return &nothing
	}
	return s.more
}

// reservedBy finds who has reserved a nick, by its key.
func (s *state) reservedBy(key string) (*person, bool) {
	reserved := s.sparse().reserved
	x, ok := reserved.get(key)
	return x.person, ok
}

// instant is a time as a room remembers it: milliseconds since the year 1, so that
// zero is the zero time.
type instant int64

const unixYear1 = -62135596800000 // in Unix time

func instantOf(t time.Time) instant { return instant(t.UnixMilli() - unixYear1) }

func (i instant) time() time.Time { return time.UnixMilli(int64(i) + unixYear1).UTC() }

func (i instant) stamp() event.Stamp { return event.Stamp{Time: i.time()} }

// person is somebody whom the room remembers or who is inside, or a whole
// domain. Who has nothing to remember and is not inside is not kept.
type person struct {
	real JID // bare; read in visibility.go only
	aff  Affiliation
	// voice is the stored role of somebody without affiliation (§5.1).
	voice Role
	// vouched says that he counts as owner while he is inside (Config.IsOwner).
	vouched bool
	notes   *notes    // nil for none
	first   *occupant // of his, in the order of joining
}

// notes are what the room knows of few people.
type notes struct {
	nick, key string // reserved
	reason    string // of the affiliation
}

// noted is what a person's notes say, to be read.
func (p *person) noted() (n notes) {
	if p.notes != nil {
		n = *p.notes
	}
	return n
}

// nick is what the person has reserved, "" for nothing.
func (p *person) nick() string { return p.noted().nick }

// occupants lists those of a person, in the order of joining.
func (p *person) occupants() []*occupant {
	var list []*occupant
	for o := p.first; o != nil; o = o.sibling {
		list = append(list, o)
	}
	return list
}

// inside reports whether somebody has an occupant in the room.
func (p *person) inside() bool { return p.first != nil }

// remembered reports whether the room knows something of a person beyond that he
// is inside.
func (p *person) remembered() bool {
	return p.aff != AffiliationNone || p.voice != RoleNone || p.nick() != ""
}

func (p *person) forgettable() bool { return !p.remembered() && !p.inside() }

// occupant is a nick with a role.
type occupant struct {
	num       uint32
	role      Role
	presence  presenceCache // beside role: a join reads these two of everybody
	nick, key string
	id        string // XEP-0421
	person    *person
	sibling   *occupant // the next of the same person
	first     *session  // in the order of joining; none for a puppet of the host
	// front is the session whose presence is the occupant's: the one that spoke
	// of its presence last. A puppet has one without a number here, which nothing is
	// ever sent to.
	front *session
}

// session is one connected client of an occupant.
type session struct {
	num     uint32 // never used again: it names the session in relayed ids
	spoke   uint32 // higher than that of the occupant's sessions who spoke earlier
	real    JID    // full; read in visibility.go only
	occ     *occupant
	next    *session // of the same occupant
	lang    string   // of what the client says in its presence, and
	payload string   // what it says, canonical
}

// sessions counts those of an occupant.
func (o *occupant) sessions() int {
	n := 0
	for ses := o.first; ses != nil; ses = ses.next {
		n++
	}
	return n
}

// private is a private message that may still come back as an error: who sent
// it, to whom, under which id.
type private struct {
	session, occupant uint32
	id                string
}

// relayed is a request to another occupant that may still be answered: which session
// sent it, when, and what its answer has to show.
type relayed struct {
	session uint32
	real    JID // full; read in visibility.go only
	at      instant
	way     string
}

// entry is a message that newcomers are shown.
type entry struct {
	seq, sub uint64
	at       time.Time
	msg      *event.Message
	doc      messageCache
}

// voiceAsked is somebody who asked for voice and when, so that he does not ask
// again too soon (XEP-0045 §7.13), not even after leaving and coming back.
type voiceAsked struct {
	real JID // bare; read in visibility.go only
	at   time.Time
}

// before tells which of two entries was said first.
func (e *entry) before(o *entry) bool {
	return e.seq < o.seq || e.seq == o.seq && e.sub < o.sub
}

func (s *state) alive() bool { return s.life == Locked || s.life == Open }

// affiliationOf is the affiliation that counts (XEP-0045 §9.2); the host's word
// overrides what the room knows.
func (s *state) affiliationOf(bare JID) Affiliation {
	own, domain := AffiliationNone, AffiliationNone
	if p, ok := s.persons.get(bare); ok {
		if p.vouched {
			return Owner
		}
		own = p.aff
	}
	if own == AffiliationNone { // else it does not matter what his domain has
		domain = s.ownAffiliation(bare.DomainJID())
	}
	return event.Counting(own, domain)
}

// ownAffiliation is what the lists say of a person or domain.
func (s *state) ownAffiliation(j JID) Affiliation {
	if p, ok := s.persons.get(j); ok {
		return p.aff
	}
	return AffiliationNone
}

// reasonOf is the reason that was given for somebody's affiliation.
func (s *state) reasonOf(j JID) string {
	if p, ok := s.persons.get(j); ok {
		return p.noted().reason
	}
	return ""
}

// nick finds an occupant by the comparison key of his nick.
func (s *state) nick(key string) (*occupant, bool) {
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

// session finds who is inside by his full JID.
func (s *state) session(j JID) (*session, bool) {
	if p, ok := s.persons.get(j.Bare()); ok {
		if ses := p.session(j); ses != nil {
			return ses, true
		}
	}
	return nil, false
}

// session is a person's session by its full JID, nil for none.
func (p *person) session(j JID) *session {
	for o := p.first; o != nil; o = o.sibling {
		for ses := o.first; ses != nil; ses = ses.next {
			if ses.jid() == j {
				return ses
			}
		}
	}
	return nil
}

// occupantByNick finds who is addressed by a nick. It is the exact display form
// that addresses, though the comparison key decides conflicts.
func (s *state) occupantByNick(nick, key string) *occupant {
	if o, ok := s.nick(key); ok && o.nick == nick {
		return o
	}
	return nil
}

// goesBy reports whether an address is that of an occupant: the person's or a
// session's.
func (o *occupant) goesBy(j JID) bool {
	for ses := o.first; ses != nil; ses = ses.next {
		if ses.jid() == j {
			return true
		}
	}
	return o.person.jid() == j
}

func (s *state) occupantByNumber(num uint32) *occupant {
	if num > s.lastOccupant {
		return nil
	}
	if i, inside := s.occupantIndex(num); inside {
		return s.occupants[i]
	}
	return nil
}

// occupantIndex finds an occupant's place: numbers rise in the order of joining.
func (s *state) occupantIndex(num uint32) (int, bool) {
	return slices.BinarySearchFunc(s.occupants, num, func(o *occupant, num uint32) int { return cmp.Compare(o.num, num) })
}

// messageCache holds a remembered message as bytes, shared with the Outbound
// that it was first sent by, and what a newcomer's copy has beyond those. It is
// no state.
type messageCache struct {
	doc  *splice.Stanza
	late *splice.Extra
}

// cache is where the bytes of a remembered message are.
func (e *entry) cache() *messageCache { return &e.doc }

// presenceBytes is the occupant's presence as it was last sent to all, nil if it has to be
// written again.
func (o *occupant) presenceBytes() *splice.Stanza { return o.presence.doc }

// keepPresence keeps what was written of an occupant, until it changes.
func (o *occupant) keepPresence(d *splice.Stanza) { o.presence.doc = d }

// meant is the message that is taken back, the latest if there are several, or nil.
func (h *history) meant(b *event.MessageRetracted) *event.Message {
	for i := h.len() - 1; i >= 0; i-- {
		if m := h.at(i).msg; b.TakesBack(m) {
			return m
		}
	}
	return nil
}

// presenceCache holds an occupant's presence as bytes, made when it is first
// sent and dropped when anything in it changes. It is no state: it can always
// be made again.
type presenceCache struct{ doc *splice.Stanza }

func (c *presenceCache) drop() { c.doc = nil }
