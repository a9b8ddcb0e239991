package muc

import (
	"slices"
	"time"
)

// person returns the record of a bare JID or domain, made if need be. Whoever
// makes one puts something into it.
func (s *state) person(bare JID) *person {
	if p, ok := s.persons.get(bare); ok {
		return p
	}
	p := &person{real: bare}
	s.persons.put(bare, p)
	return p
}

// recount follows a change of what the room knows of a person.
func (s *state) recount(p *person, before bool) {
	switch is := p.remembered(); {
	case is && !before:
		s.remembered++
	case before && !is:
		s.remembered--
	}
	s.forgetIfEmpty(p)
}

func (s *state) forgetIfEmpty(p *person) {
	if p.forgettable() {
		s.persons.drop(p.real)
	}
}

func (s *state) applyAffiliation(b *AffiliationChanged) error {
	if b.JID.IsZero() || !b.JID.IsBare() {
		return badEvent("affiliation of a JID that is not bare")
	}
	s.dropRequest(b.JID)
	p := s.person(b.JID)
	defer s.recount(p, p.remembered())
	if p.aff == Owner {
		s.owners--
	}
	s.lists.note(p)
	p.aff, p.reason = b.New, b.Reason
	if p.aff == None {
		p.reason = ""
	}
	if p.aff == Owner {
		s.owners++
	}
	// Everybody's presence shows the affiliation that counts, also through a domain.
	if b.JID.Local() == "" {
		for _, o := range s.occupants {
			o.presence.drop()
		}
	}
	for _, o := range p.occupants {
		o.presence.drop()
	}
	return nil
}

func (s *state) applyRegistered(b *Registered) error {
	if b.JID.IsZero() || !b.JID.IsBare() || b.Key == "" {
		return badEvent("registration without JID or nick")
	}
	if holder, taken := s.reserved.get(b.Key); taken && holder.real != b.JID {
		return badEvent("nick is reserved already")
	}
	s.dropRequest(b.JID)
	p := s.person(b.JID)
	defer s.recount(p, p.remembered())
	if p.nick != "" {
		s.reserved.drop(p.key)
	}
	s.lists.note(p)
	p.nick, p.key = b.Nick, b.Key
	s.reserved.put(b.Key, p)
	return nil
}

func (s *state) applyDeregistered(b *Deregistered) error {
	p, ok := s.persons.get(b.JID)
	if !ok || p.nick == "" {
		return badEvent("no such registration")
	}
	defer s.recount(p, true)
	s.reserved.drop(p.key)
	s.lists.note(p)
	p.nick, p.key = "", ""
	return nil
}

func (s *state) applyRegistrationRequested(b *RegistrationRequested) error {
	if b.JID.IsZero() || !b.JID.IsBare() || b.Key == "" || s.requestOf(b.JID) != nil {
		return badEvent("no request to register")
	}
	s.requests = append(s.requests, b)
	return nil
}

// dropRequest forgets somebody's request to register, if there is one.
func (s *state) dropRequest(bare JID) bool {
	for i, b := range s.requests {
		if b.JID == bare {
			s.requests = slices.Delete(s.requests, i, i+1)
			return true
		}
	}
	return false
}

func (s *state) applyVoice(b *VoiceStored) error {
	if b.JID.IsZero() || !b.JID.IsBare() {
		return badEvent("voice of a JID that is not bare")
	}
	p := s.person(b.JID)
	defer s.recount(p, p.remembered())
	p.voice = b.Role
	return nil
}

// applyVoiceRequested remembers that somebody asked, for as long as he may not ask
// again, and forgets who may.
func (s *state) applyVoiceRequested(b *VoiceRequested, at time.Time) error {
	if b.JID.IsZero() || s.occupantByNumber(b.Occupant) == nil {
		return badEvent("no such occupant")
	}
	s.voiceAsked = slices.DeleteFunc(s.voiceAsked, func(v voiceAsked) bool { return !s.waitsForVoice(&v, at) })
	s.voiceAsked = append(s.voiceAsked, voiceAsked{real: b.JID.Bare(), at: at})
	return nil
}

func (s *state) applyJoined(b *Joined) error {
	if b.Session == 0 {
		return s.applyPuppet(b)
	}
	if _, inside := s.sessions.get(b.JID); inside {
		return badEvent("session is inside already")
	}
	if b.Session <= s.lastSession {
		return badEvent("session number was used before")
	}
	o := s.occupantByNumber(b.Occupant)
	if o == nil {
		var err error
		if o, err = s.addOccupant(b.Occupant, b.JID.Bare(), b.Nick, b.Key); err != nil {
			return err
		}
		o.role, o.id = b.Role, b.OccupantID
		o.person.vouched = b.Vouched
	} else {
		if o.person.real != b.JID.Bare() || o.isPuppet() {
			return badEvent("occupant belongs to somebody else")
		}
		s.shape++
	}
	s.lastSession = b.Session
	ses := &session{num: b.Session, real: b.JID, occ: o}
	o.sessions = append(o.sessions, ses)
	s.sessions.put(b.JID, ses)
	ses.says(b.Lang, b.Payload)
	return nil
}

// applyPuppet brings in an occupant without sessions.
func (s *state) applyPuppet(b *Joined) error {
	if b.JID.IsZero() {
		return badEvent("a puppet of nobody")
	}
	o, err := s.addOccupant(b.Occupant, b.JID.Bare(), b.Nick, b.Key)
	if err != nil {
		return err
	}
	o.role, o.id = b.Role, b.OccupantID
	o.person.vouched = b.Vouched
	o.front = &session{real: b.JID, occ: o, lang: b.Lang, payload: b.Payload}
	return nil
}

// addOccupant appends to the list: the one change of who is inside that
// recipient lists can follow without being made anew.
func (s *state) addOccupant(num uint32, bare JID, nick, key string) (*occupant, error) {
	if _, taken := s.nicks.get(key); taken || num <= s.lastOccupant || nick == "" || key == "" {
		return nil, badEvent("no nick, or it or the occupant number is taken")
	}
	p := s.person(bare)
	o := &occupant{num: num, nick: nick, key: key, person: p}
	s.lastOccupant = num
	p.occupants = append(p.occupants, o)
	s.occupants = append(s.occupants, o)
	s.nicks.put(key, o)
	return o, nil
}

func (s *state) dropOccupant(o *occupant) {
	s.shape++
	s.nicks.drop(o.key)
	if i, inside := s.occupantIndex(o.num); inside {
		s.occupants = slices.Delete(s.occupants, i, i+1)
	}
	if i := slices.Index(o.person.occupants, o); i >= 0 {
		o.person.occupants = slices.Delete(o.person.occupants, i, i+1)
	}
	if len(o.person.occupants) == 0 {
		o.person.vouched = false
	}
	s.forgetIfEmpty(o.person)
}

// says notes what a session says in its presence, which is its occupant's from
// now on.
func (ses *session) says(lang, payload string) {
	o := ses.occ
	if f := o.front; f != nil && f != ses {
		ses.spoke = f.spoke + 1
	}
	ses.lang, ses.payload = lang, payload
	o.front = ses
	o.presence.drop()
}

// dropSession takes a session out of its occupant. The front passes to whoever
// of the others spoke last.
func (s *state) dropSession(ses *session) {
	s.shape++
	o := ses.occ
	o.sessions = slices.DeleteFunc(o.sessions, func(x *session) bool { return x == ses })
	if o.front == ses {
		o.front = lastSpoken(o.sessions)
		o.presence.drop()
	}
}

// lastSpoken finds the session that spoke of its presence last, nil among none.
func lastSpoken(list []*session) *session {
	var last *session
	for _, ses := range list {
		if last == nil || ses.spoke > last.spoke {
			last = ses
		}
	}
	return last
}

func (s *state) applyPresence(b *PresenceChanged) error {
	o := s.whose(b)
	if o == nil {
		return badEvent("no such session or puppet")
	}
	if o.isPuppet() {
		o.front.says(b.Lang, b.Payload)
		return nil
	}
	ses, _ := s.sessions.get(b.JID)
	ses.says(b.Lang, b.Payload)
	return nil
}

func (s *state) applyRenamed(b *Renamed) error {
	ses := s.mover(b)
	if ses == nil || ses.num == 0 && b.Occupant != b.From {
		return badEvent("no such session or puppet")
	}
	old := ses.occ
	s.shape++
	if b.Occupant == old.num {
		if holder, taken := s.nicks.get(b.Key); taken && holder != old {
			return badEvent("nick is taken")
		}
		s.nicks.drop(old.key)
		old.nick, old.key = b.Nick, b.Key
		s.nicks.put(b.Key, old)
	} else {
		to := s.occupantByNumber(b.Occupant)
		if to == nil {
			var err error
			if to, err = s.addOccupant(b.Occupant, old.person.real, b.Nick, b.Key); err != nil {
				return err
			}
			to.role, to.id = old.role, old.id
		} else if to.person != old.person || to.isPuppet() {
			return badEvent("occupant belongs to somebody else")
		}
		s.dropSession(ses)
		ses.occ, ses.spoke = to, 0
		to.sessions = append(to.sessions, ses)
		if len(old.sessions) == 0 {
			s.dropOccupant(old)
		}
	}
	ses.says(b.Lang, b.Payload)
	return nil
}

func (s *state) applyRole(b *RoleChanged) error {
	o := s.occupantByNumber(b.Occupant)
	if o == nil || b.New == NoRole {
		return badEvent("no such occupant or role")
	}
	o.role = b.New
	o.presence.drop()
	s.shape++
	return nil
}

func (s *state) applyLeft(b *Left) error {
	if o := s.puppetOf(b.Occupant, b.JID); o != nil {
		s.dropOccupant(o)
		return nil
	}
	ses, ok := s.sessions.get(b.JID)
	if !ok {
		return badEvent("no such session")
	}
	s.sessions.drop(b.JID)
	s.dropSession(ses)
	if len(ses.occ.sessions) == 0 {
		s.dropOccupant(ses.occ)
	}
	return nil
}

func (s *state) applyRemoved(b *Removed) error {
	o := s.occupantByNumber(b.Occupant)
	if o == nil {
		return badEvent("no such occupant")
	}
	for _, ses := range o.sessions {
		s.sessions.drop(ses.real)
	}
	s.dropOccupant(o)
	return nil
}

// applyInvite keeps an open invitation in the order of their time. A later one of
// the same inviter to the same person takes the place of the earlier.
func (s *state) applyInvite(b *InviteSent) error {
	if b.Invitee.IsZero() || b.From.IsZero() {
		return badEvent("invitation of or from nobody")
	}
	s.invites = slices.DeleteFunc(s.invites, sameInvite(b.Invitee, b.Inviter))
	at := len(s.invites)
	for at > 0 && s.invites[at-1].Expires.After(b.Expires.Time) {
		at--
	}
	s.invites = slices.Insert(s.invites, at, b)
	return nil
}

func (s *state) applyInviteOver(invitee, inviter JID) error {
	n := len(s.invites)
	s.invites = slices.DeleteFunc(s.invites, sameInvite(invitee, inviter))
	if len(s.invites) == n {
		return badEvent("no such invitation")
	}
	return nil
}

// sameInvite tells invitations by who invited whom.
func sameInvite(invitee, inviter JID) func(*InviteSent) bool {
	return func(b *InviteSent) bool {
		return b.Invitee.Bare() == invitee.Bare() && b.Inviter.Bare() == inviter.Bare()
	}
}
