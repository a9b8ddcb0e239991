package state

import (
	"slices"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// person returns the record of a bare JID or domain, made if need be. The caller puts
// something into it, else it would stay empty.
func (s *Room) person(bare jid.JID) *Person {
	if p, ok := s.persons.Get(bare); ok {
		return p
	}
	return s.newPerson(bare)
}

// newPerson makes the record of a bare JID or domain that has none.
func (s *Room) newPerson(bare jid.JID) *Person {
	p := &Person{real: bare}
	s.persons.byText.put(p)
	s.peopleBytes += int32(len(p.UID()))
	return p
}

// recount updates the count of remembered persons after a change, and drops a record
// that has become empty.
func (s *Room) recount(p *Person, before bool) {
	switch is := p.Remembered(); {
	case is && !before:
		s.remembered++
	case before && !is:
		s.remembered--
	}
	s.forgetIfEmpty(p)
}

// setNotes stores a person's notes, none if they are empty.
func (s *Room) setNotes(p *Person, n notes) {
	s.peopleBytes += int32(n.size() - p.Notes().size())
	if p.notes = nil; n != (notes{}) {
		stored := n // n itself would be allocated even where nothing is stored
		p.notes = &stored
	}
}

// size is the memory of notes, in bytes.
func (n notes) size() int {
	if n == (notes{}) {
		return 0
	}
	return noteSize + len(n.nick) + len(n.key) + len(n.reason)
}

// reservation is a person indexed by the key of the reserved nick.
type reservation struct{ *Person }

func (x reservation) indexKey() string { return x.Notes().key }

func (p *Person) indexKey() string { return p.UID() }

// indexNick indexes an occupant by nick, and reports whether the nick was free. A map
// tells that by its length, which saves a look-up.
func (s *Room) indexNick(o *Occupant) (free bool) {
	if s.nicks != nil {
		before := len(s.nicks)
		s.nicks[o.key] = o
		return len(s.nicks) > before
	}
	for _, other := range s.occupants {
		if other != o && other.key == o.key {
			return false
		}
	}
	if len(s.occupants) > SmallIndex {
		s.nicks = make(map[string]*Occupant, 2*SmallIndex)
		for _, other := range s.occupants {
			s.nicks[other.key] = other
		}
	}
	return true
}

func (s *Room) forgetIfEmpty(p *Person) {
	if p.forgettable() {
		s.persons.byText.drop(p.indexKey())
		s.peopleBytes -= int32(len(p.UID()))
	}
}

func (s *Room) applyAffiliation(b *event.AffiliationChanged) error {
	if b.JID.IsZero() || !b.JID.IsBare() {
		return badEvent("affiliation of a JID that is not bare")
	}
	s.dropRequest(b.JID)
	p := s.person(b.JID)
	if p.aff != b.Old {
		return badEvent("the affiliation was another")
	}
	defer s.recount(p, p.Remembered())
	if p.aff == event.Owner {
		s.countOwner(b.JID, -1)
	}
	s.lists.note(p)
	p.aff = b.New
	n := *p.Notes()
	if n.reason = b.Reason; p.aff == event.AffiliationNone {
		n.reason = ""
	}
	s.setNotes(p, n)
	if p.aff == event.Owner {
		s.countOwner(b.JID, 1)
	}
	// Presences show the effective affiliation, which may come from the domain.
	if b.JID.Local() == "" {
		for _, o := range s.occupants {
			o.presence.drop()
		}
	}
	for o := p.first; o != nil; o = o.sibling {
		o.presence.drop()
	}
	return nil
}

func (s *Room) countOwner(who jid.JID, by int) {
	n := s.OwnerCount().Plus(who, by)
	s.owners, s.domainOwners = int32(n.all), int32(n.domains)
}

func (s *Room) applyRegistered(b *event.Registered) error {
	if b.JID.IsZero() || !b.JID.IsBare() || b.Key == "" {
		return badEvent("registration without JID or nick")
	}
	if holder, taken := s.ReservedBy(b.Key); taken && holder.real != b.JID {
		return badEvent("nick is reserved already")
	}
	s.dropRequest(b.JID)
	p := s.person(b.JID)
	defer s.recount(p, p.Remembered())
	n, m := *p.Notes(), s.mutableSparse()
	if n.nick != "" {
		m.reserved.drop(n.key)
	}
	s.lists.note(p)
	n.nick, n.key = b.Nick, b.Key
	s.setNotes(p, n)
	m.reserved.put(reservation{p})
	return nil
}

func (s *Room) applyDeregistered(b *event.Deregistered) error {
	p, ok := s.persons.Get(b.JID)
	if !ok || p.Nick() == "" {
		return badEvent("no such registration")
	}
	defer s.recount(p, true)
	s.lists.note(p)
	n := *p.Notes()
	s.mutableSparse().reserved.drop(n.key)
	n.nick, n.key = "", ""
	s.setNotes(p, n)
	return nil
}

func (s *Room) applyRegistrationRequested(b *event.RegistrationRequested) error {
	if b.JID.IsZero() || !b.JID.IsBare() || b.Key == "" || s.RequestOf(b.JID) != nil {
		return badEvent("no request to register")
	}
	m := s.mutableSparse()
	m.requests = append(m.requests, b)
	return nil
}

// dropRequest forgets a person's request to register, and reports whether there was one.
func (s *Room) dropRequest(bare jid.JID) bool {
	m := s.sparse
	if m == nil {
		return false
	}
	for i, b := range m.requests {
		if b.JID == bare {
			m.requests = slices.Delete(m.requests, i, i+1)
			return true
		}
	}
	return false
}

func (s *Room) applyRegistrationClosed(b *event.RegistrationClosed) error {
	if !s.dropRequest(b.JID) {
		return badEvent("no such request")
	}
	return nil
}

func (s *Room) applyVoice(b *event.VoiceStored) error {
	if b.JID.IsZero() || !b.JID.IsBare() {
		return badEvent("voice of a JID that is not bare")
	}
	p := s.person(b.JID)
	defer s.recount(p, p.Remembered())
	p.voice = b.Role
	return nil
}

// applyVoiceRequested remembers who asked for voice, and forgets those who may ask again.
// Events of a snapshot name no occupant and forget nobody.
func (s *Room) applyVoiceRequested(b *event.VoiceRequested, at time.Time) error {
	if b.JID.IsZero() || b.Occupant != 0 && s.OccupantByNumber(b.Occupant) == nil {
		return badEvent("no such occupant")
	}
	m := s.mutableSparse()
	if b.Occupant != 0 {
		m.voiceAsked = slices.DeleteFunc(m.voiceAsked, func(v voiceAsked) bool { return !s.WaitsForVoice(&v, at) })
	}
	m.voiceAsked = append(m.voiceAsked, voiceAsked{real: b.JID.Bare(), at: at})
	return nil
}

// newcomer is an occupant and its first session, or a puppet and what it has instead, in
// one allocation: they mostly end together. If the occupant goes on with other sessions
// only, the first one's memory stays, bounded by Limits. The person is separate, because
// the room may remember it for years.
type newcomer struct {
	occ Occupant
	ses Session
}

func newcomerOf(num uint32, role event.Role, nick, key, id string) *newcomer {
	return &newcomer{occ: Occupant{num: num, role: role, nick: nick, key: key, id: id}}
}

func (s *Room) applyJoined(b *event.Joined) error {
	if b.Session == 0 {
		return s.applyPuppet(b)
	}
	if b.JID.IsBare() {
		return badEvent("a session without a resource")
	}
	bare := b.JID.Bare()
	p, known := s.persons.Get(bare)
	if known && p.Session(b.JID) != nil {
		return badEvent("session is inside already")
	}
	if b.Session <= s.lastSession {
		return badEvent("session number was used before")
	}
	o := s.OccupantByNumber(b.Occupant)
	var ses *Session
	if o == nil {
		x := newcomerOf(b.Occupant, b.Role, b.Nick, b.Key, b.OccupantID)
		o, ses = &x.occ, &x.ses
		if !known {
			p = s.newPerson(bare)
		}
		if err := s.addOccupant(o, p); err != nil {
			return err
		}
		p.ownerByHost = b.OwnerByHost
	} else {
		if o.person != p || o.IsPuppet() {
			return badEvent("occupant belongs to somebody else")
		}
		s.shape++
		ses = new(Session)
	}
	s.lastSession = b.Session
	ses.num, ses.real, ses.occ = b.Session, b.JID, o
	o.addSession(ses)
	ses.setPresence(b.Lang, b.Payload)
	return nil
}

// applyPuppet brings in an occupant without sessions.
func (s *Room) applyPuppet(b *event.Joined) error {
	if b.JID.IsZero() {
		return badEvent("a puppet of nobody")
	}
	x := newcomerOf(b.Occupant, b.Role, b.Nick, b.Key, b.OccupantID)
	if err := s.addOccupant(&x.occ, s.person(b.JID.Bare())); err != nil {
		return err
	}
	x.occ.person.ownerByHost = b.OwnerByHost
	x.occ.front = &x.ses
	x.ses = Session{real: b.JID, occ: &x.occ, lang: b.Lang, payload: b.Payload}
	return nil
}

// addOccupant appends an occupant: the one change that recipient lists follow without
// being rebuilt, so the shape stays.
func (s *Room) addOccupant(o *Occupant, p *Person) error {
	if o.num <= s.lastOccupant || o.nick == "" || o.key == "" || o.role == event.RoleNone {
		return badEvent("no nick, no role, or the occupant number is taken")
	}
	o.person = p
	s.lastOccupant = o.num
	last := &p.first
	for *last != nil {
		last = &(*last).sibling
	}
	*last = o
	s.occupants = append(s.occupants, o)
	if !s.indexNick(o) {
		return badEvent("the nick is taken")
	}
	return nil
}

func (s *Room) dropOccupant(o *Occupant) {
	s.shape++
	delete(s.nicks, o.key)
	if i, inside := s.occupantIndex(o.num); inside {
		s.occupants = slices.Delete(s.occupants, i, i+1)
	}
	for at := &o.person.first; *at != nil; at = &(*at).sibling {
		if *at == o {
			*at = o.sibling
			break
		}
	}
	if !o.person.Inside() {
		o.person.ownerByHost = false
	}
	s.forgetIfEmpty(o.person)
}

// setPresence stores what a session says in its presence, which is its occupant's
// presence from now on.
func (ses *Session) setPresence(lang, payload string) {
	o := ses.occ
	if f := o.front; f != nil && f != ses {
		ses.spoke = f.spoke + 1
	}
	ses.lang, ses.payload = lang, payload
	o.front = ses
	o.presence.drop()
}

// dropSession takes a session out of its occupant. The session that sent presence last
// becomes the front.
func (s *Room) dropSession(ses *Session) {
	s.shape++
	o := ses.occ
	for at := &o.first; *at != nil; at = &(*at).next {
		if *at == ses {
			*at, ses.next = ses.next, nil
			break
		}
	}
	if o.front == ses {
		o.front = o.lastSpoken()
		o.presence.drop()
	}
}

// addSession puts a session behind the others of an occupant.
func (o *Occupant) addSession(ses *Session) {
	last := &o.first
	for *last != nil {
		last = &(*last).next
	}
	*last = ses
}

// lastSpoken is the session that sent presence last, nil for a puppet.
func (o *Occupant) lastSpoken() *Session {
	var last *Session
	for ses := o.first; ses != nil; ses = ses.next {
		if last == nil || ses.spoke > last.spoke {
			last = ses
		}
	}
	return last
}

func (s *Room) applyPresence(b *event.PresenceChanged) error {
	o := s.OccupantOf(b)
	if o == nil {
		return badEvent("no such session or puppet")
	}
	if o.IsPuppet() {
		o.front.setPresence(b.Lang, b.Payload)
		return nil
	}
	ses, _ := s.Session(b.JID)
	ses.setPresence(b.Lang, b.Payload)
	return nil
}

func (s *Room) applyRenamed(b *event.Renamed) error {
	ses := s.RenamedSession(b)
	if ses == nil || ses.num == 0 && b.Occupant != b.From {
		return badEvent("no such session or puppet")
	}
	old := ses.occ
	if b.Occupant == old.num {
		delete(s.nicks, old.key)
		old.nick, old.key = b.Nick, b.Key
		if !s.indexNick(old) {
			return badEvent("the nick is taken")
		}
	} else {
		to := s.OccupantByNumber(b.Occupant)
		if to == nil {
			to = &Occupant{num: b.Occupant, role: old.role, nick: b.Nick, key: b.Key, id: old.id}
			if err := s.addOccupant(to, old.person); err != nil {
				return err
			}
		} else if to.person != old.person || to.IsPuppet() {
			return badEvent("occupant belongs to somebody else")
		}
		s.dropSession(ses)
		ses.occ, ses.spoke = to, 0
		to.addSession(ses)
		if old.first == nil {
			s.dropOccupant(old)
		}
	}
	ses.setPresence(b.Lang, b.Payload)
	return nil
}

func (s *Room) applyRole(b *event.RoleChanged) error {
	o := s.OccupantByNumber(b.Occupant)
	if o == nil || b.New == event.RoleNone {
		return badEvent("no such occupant or role")
	}
	if (o.role == event.Moderator) != (b.New == event.Moderator) {
		s.shape++
	}
	o.role = b.New
	o.presence.drop()
	return nil
}

func (s *Room) applyLeft(b *event.Left) error {
	if o := s.puppetOf(b.Occupant, b.JID); o != nil {
		s.dropOccupant(o)
		return nil
	}
	ses, ok := s.Session(b.JID)
	if !ok {
		return badEvent("no such session")
	}
	s.dropSession(ses)
	if ses.occ.first == nil {
		s.dropOccupant(ses.occ)
	}
	return nil
}

func (s *Room) applyRemoved(b *event.Removed) error {
	o := s.OccupantByNumber(b.Occupant)
	if o == nil {
		return badEvent("no such occupant")
	}
	s.dropOccupant(o)
	return nil
}

// applyInvite inserts an open invitation by the time when it expires. It replaces an
// earlier one of the same inviter to the same person.
func (s *Room) applyInvite(b *event.InviteSent) error {
	if b.Invitee.IsZero() || b.From.IsZero() {
		return badEvent("invitation of or from nobody")
	}
	m := s.mutableSparse()
	m.invites = slices.DeleteFunc(m.invites, sameInvite(b.Invitee, b.Inviter))
	at := len(m.invites)
	for at > 0 && m.invites[at-1].Expires.After(b.Expires.Time) {
		at--
	}
	m.invites = slices.Insert(m.invites, at, b)
	return nil
}

func (s *Room) applyInviteOver(invitee, inviter jid.JID) error {
	m := s.mutableSparse()
	n := len(m.invites)
	m.invites = slices.DeleteFunc(m.invites, sameInvite(invitee, inviter))
	if len(m.invites) == n {
		return badEvent("no such invitation")
	}
	return nil
}

// sameInvite matches invitations by invitee and inviter.
func sameInvite(invitee, inviter jid.JID) func(*event.InviteSent) bool {
	return func(b *event.InviteSent) bool {
		return b.Invitee.Bare() == invitee.Bare() && b.Inviter.Bare() == inviter.Bare()
	}
}
