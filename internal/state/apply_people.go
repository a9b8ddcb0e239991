package state

import (
	"errors"
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// change changes what the room knows of a bare JID or domain: it makes the record if there
// is none, drops it if it is empty then, and keeps count.
func (s *Room) change(bare jid.JID, change func(p *Person, n *notes) error) error {
	if bare.IsZero() || !bare.IsBare() {
		return errors.New("of a JID that is not bare")
	}
	p := s.newPerson(bare)
	was, n := *p, p.noted()
	if err := change(p, &n); err != nil {
		return err
	}
	if p.notes = nil; n != (notes{}) {
		p.notes = &n
	}
	s.peopleBytes += int32(n.size() - was.noted().size())
	switch is := p.Remembered(); {
	case is && !was.Remembered():
		s.remembered++
	case was.Remembered() && !is:
		s.remembered--
	}
	if p.aff != was.aff || n != was.noted() {
		s.relist(p)
	}
	s.forgetIfEmpty(p)
	return nil
}

// newPerson is the record of a bare JID or domain, made if need be. The caller puts
// something into it, else it would stay empty.
func (s *Room) newPerson(bare jid.JID) *Person {
	p := s.Person(bare)
	if p == nil {
		p = &Person{real: bare}
		s.persons.put(p)
		s.peopleBytes += int32(len(p.UID()))
	}
	return p
}

func (s *Room) forgetIfEmpty(p *Person) {
	if !p.Remembered() && !p.Inside() {
		s.persons.drop(p.UID())
		s.peopleBytes -= int32(len(p.UID()))
	}
}

// size is the memory of notes, in bytes.
func (n notes) size() int {
	if n == (notes{}) {
		return 0
	}
	return noteSize + len(n.nick) + len(n.key) + len(n.reason)
}

func (s *Room) applyAffiliation(b *event.AffiliationChanged) error {
	s.dropRequest(b.JID)
	if err := s.change(b.JID, func(p *Person, n *notes) error {
		if p.aff != b.Old {
			return errors.New("the affiliation was another")
		}
		p.aff = b.New
		if n.reason = b.Reason; p.aff == event.AffiliationNone {
			n.reason = ""
		}
		return nil
	}); err != nil {
		return err
	}
	if b.Old == event.Owner {
		s.owners = s.owners.Plus(b.JID, -1)
	}
	if b.New == event.Owner {
		s.owners = s.owners.Plus(b.JID, 1)
	}
	for _, o := range s.Concerned(b.JID) { // presences show the affiliation that counts
		o.presence = nil
	}
	return nil
}

func (s *Room) applyRegistered(b *event.Registered) error {
	if b.Key == "" {
		return errors.New("registration without a nick")
	}
	if holder := s.ReservedBy(b.Key); holder != nil && holder.real != b.JID {
		return errors.New("nick is reserved already")
	}
	s.dropRequest(b.JID)
	m, p := s.mutableSparse(), s.Person(b.JID)
	m.reserved.drop(p.NickKey())
	if err := s.change(b.JID, func(_ *Person, n *notes) error {
		n.nick, n.key = b.Nick, b.Key
		return nil
	}); err != nil {
		return err
	}
	m.reserved.put(reservation{s.Person(b.JID)})
	return nil
}

func (s *Room) applyDeregistered(b *event.Deregistered) error {
	p := s.Person(b.JID)
	if p.Nick() == "" {
		return errors.New("no such registration")
	}
	s.mutableSparse().reserved.drop(p.NickKey())
	return s.change(b.JID, func(_ *Person, n *notes) error {
		n.nick, n.key = "", ""
		return nil
	})
}

func (s *Room) applyRegistrationRequested(b *event.RegistrationRequested) error {
	if b.JID.IsZero() || !b.JID.IsBare() || b.Key == "" || s.RequestOf(b.JID) != nil {
		return errors.New("no request to register")
	}
	m := s.mutableSparse()
	m.requests = append(m.requests, b)
	return nil
}

// dropRequest forgets a person's request to register, if there is one.
func (s *Room) dropRequest(bare jid.JID) {
	if m := s.sparse; m != nil {
		m.requests = slices.DeleteFunc(m.requests, func(b *event.RegistrationRequested) bool { return b.JID == bare })
	}
}

func (s *Room) applyVoice(b *event.VoiceStored) error {
	return s.change(b.JID, func(p *Person, _ *notes) error {
		p.voice = b.Role
		return nil
	})
}

// newcomer is an occupant and its first session, or a puppet and what it has instead, in
// one allocation: they mostly end together. If the occupant goes on with other sessions
// only, the first one's memory stays, bounded by Limits. The person is separate, because
// the room may remember it for years.
type newcomer struct {
	occ Occupant
	ses Session
}

func (s *Room) applyJoined(b *event.Joined) error {
	puppet, o := b.Session == 0, s.OccupantByNumber(b.Occupant)
	switch {
	case b.JID.IsZero() || !puppet && b.JID.IsBare():
		return errors.New("a session or puppet without an address")
	case !puppet && s.Session(b.JID) != nil:
		return errors.New("session is inside already")
	case !puppet && b.Session <= s.lastSession:
		return errors.New("session number was used before")
	}
	var ses *Session
	if o == nil || puppet {
		x := &newcomer{occ: Occupant{num: b.Occupant, role: b.Role, nick: b.Nick, key: b.Key, id: b.OccupantID}}
		o, ses = &x.occ, &x.ses
		if err := s.addOccupant(o, s.newPerson(b.JID.Bare())); err != nil {
			return err
		}
		o.person.ownerByHost = b.OwnerByHost
	} else {
		if o.person.real != b.JID.Bare() || o.IsPuppet() {
			return errors.New("occupant belongs to somebody else")
		}
		s.shape++
		ses = new(Session)
	}
	*ses = Session{num: b.Session, real: b.JID, occ: o}
	if !puppet {
		s.lastSession = b.Session
		o.addSession(ses)
	}
	ses.setPresence(b.Lang, b.Payload)
	return nil
}

// addOccupant appends an occupant: the one change that recipient lists follow without
// being rebuilt, so the shape stays.
func (s *Room) addOccupant(o *Occupant, p *Person) error {
	if o.num <= s.lastOccupant || o.nick == "" || o.key == "" || o.role == event.RoleNone {
		return errors.New("no nick, no role, or the occupant number is taken")
	}
	o.person = p
	s.lastOccupant = o.num
	last := &p.first
	for *last != nil {
		last = &(*last).sibling
	}
	*last = o
	s.occupants = append(s.occupants, o)
	return s.indexNick(o)
}

// indexNick indexes an occupant by nick, which must be free. A map tells that by its
// length, which saves a look-up.
func (s *Room) indexNick(o *Occupant) error {
	free := true
	switch {
	case s.nicks != nil:
		before := len(s.nicks)
		s.nicks[o.key] = o
		free = len(s.nicks) > before
	case len(s.occupants) > SmallIndex:
		s.nicks = make(map[string]*Occupant, 2*SmallIndex)
		for _, other := range s.occupants {
			s.nicks[other.key] = other
		}
		free = len(s.nicks) == len(s.occupants)
	default:
		free = !slices.ContainsFunc(s.occupants, func(other *Occupant) bool { return other != o && other.key == o.key })
	}
	if !free {
		return errors.New("the nick is taken")
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
	o.front, o.presence = ses, nil
}

// addSession puts a session behind the others of an occupant.
func (o *Occupant) addSession(ses *Session) {
	last := &o.first
	for *last != nil {
		last = &(*last).next
	}
	*last = ses
}

// dropSession takes a session, or a puppet, out of its occupant, which goes with the last
// one. The session that sent presence last becomes the front.
func (s *Room) dropSession(ses *Session) {
	s.shape++
	o := ses.occ
	for at := &o.first; *at != nil; at = &(*at).next {
		if *at == ses {
			*at, ses.next = ses.next, nil
			break
		}
	}
	if o.first == nil {
		s.dropOccupant(o)
		return
	}
	if o.front == ses {
		o.front, o.presence = o.first, nil
		for other := range o.Sessions() {
			if other.spoke > o.front.spoke {
				o.front = other
			}
		}
	}
}

func (s *Room) applyPresence(b *event.PresenceChanged) error {
	ses := s.SessionOf(b.Occupant, b.JID)
	if ses == nil || (ses.num == 0) != (b.Occupant != 0) {
		return errors.New("no such session or puppet")
	}
	ses.setPresence(b.Lang, b.Payload)
	return nil
}

func (s *Room) applyRenamed(b *event.Renamed) error {
	ses := s.SessionOf(b.From, b.JID)
	if ses == nil || ses.num == 0 && b.Occupant != b.From {
		return errors.New("no such session or puppet")
	}
	if old := ses.occ; b.Occupant == old.num {
		delete(s.nicks, old.key)
		old.nick, old.key = b.Nick, b.Key
		if err := s.indexNick(old); err != nil {
			return err
		}
	} else {
		to := s.OccupantByNumber(b.Occupant)
		if to == nil {
			to = &Occupant{num: b.Occupant, role: old.role, nick: b.Nick, key: b.Key, id: old.id}
			if err := s.addOccupant(to, old.person); err != nil {
				return err
			}
		} else if to.person != old.person || to.IsPuppet() {
			return errors.New("occupant belongs to somebody else")
		}
		s.dropSession(ses)
		ses.occ, ses.spoke = to, 0
		to.addSession(ses)
	}
	ses.setPresence(b.Lang, b.Payload)
	return nil
}

func (s *Room) applyRole(b *event.RoleChanged) error {
	o := s.OccupantByNumber(b.Occupant)
	if o == nil || b.New == event.RoleNone {
		return errors.New("no such occupant or role")
	}
	if (o.role == event.Moderator) != (b.New == event.Moderator) {
		s.shape++
	}
	o.role, o.presence = b.New, nil
	return nil
}

func (s *Room) applyLeft(b *event.Left) error {
	ses := s.SessionOf(b.Occupant, b.JID)
	if ses == nil {
		return errors.New("no such session")
	}
	s.unfollow(ses)
	s.dropSession(ses)
	return nil
}

func (s *Room) applyRemoved(b *event.Removed) error {
	o := s.OccupantByNumber(b.Occupant)
	if o == nil {
		return errors.New("no such occupant")
	}
	for ses := range o.Sessions() {
		s.unfollow(ses)
	}
	s.dropOccupant(o)
	return nil
}
