package muc

import "slices"

// adminSet judges several changes on the state that results from those before,
// through an overlay of what they change: the lists themselves are not copied.
type adminSet struct {
	t     *turn
	actor actor
	by    Actor // written down with each change; zero for self-service

	people  []*overlaidPerson
	roles   []overlaidRole
	removed []*occupant
	owners  int
}

// overlaidPerson is what the room will remember of somebody.
type overlaidPerson struct {
	jid       JID
	aff       Affiliation
	voice     Role
	nick, key string
}

type overlaidRole struct {
	occ  *occupant
	role Role
}

func (t *turn) newAdminSet(a actor, by Actor) *adminSet {
	return &adminSet{t: t, actor: a, by: by, owners: t.r.st.owners}
}

// find is somebody's overlay, or nil where nothing has changed.
func (x *adminSet) find(j JID) *overlaidPerson {
	for _, p := range x.people {
		if p.jid == j {
			return p
		}
	}
	return nil
}

// person is somebody's overlay, to be changed.
func (x *adminSet) person(j JID) *overlaidPerson {
	if p := x.find(j); p != nil {
		return p
	}
	o := &overlaidPerson{jid: j}
	if p, ok := x.t.r.st.persons.get(j); ok {
		o.aff, o.voice, o.nick, o.key = p.aff, p.voice, p.nick, p.key
	}
	x.people = append(x.people, o)
	return o
}

// own is the affiliation that a person or domain will have by itself.
func (x *adminSet) own(j JID) Affiliation {
	if p := x.find(j); p != nil {
		return p.aff
	}
	if p, ok := x.t.r.st.persons.get(j); ok {
		return p.aff
	}
	return None
}

// effective is the affiliation that will count for a person.
func (x *adminSet) effective(bare JID) Affiliation {
	if aff := x.own(bare); aff != None {
		return aff
	}
	return x.own(bare.domainJID())
}

// reservedFor is who will hold a nick by its key; zero for nobody.
func (x *adminSet) reservedFor(key string) JID {
	for _, p := range x.people {
		if p.key == key {
			return p.jid
		}
	}
	if p, ok := x.t.r.st.reserved.get(key); ok && x.find(p.jid()) == nil {
		return p.jid()
	}
	return JID{}
}

func (x *adminSet) roleOf(o *occupant) Role {
	for i := range x.roles {
		if x.roles[i].occ == o {
			return x.roles[i].role
		}
	}
	return o.role
}

func (x *adminSet) isRemoved(o *occupant) bool { return slices.Contains(x.removed, o) }

// changeRole judges one change of a role (XEP-0045 §8.2–8.4, §9.6, §9.7).
func (x *adminSet) changeRole(it *adminItem) *StanzaError {
	t, s := x.t, &x.t.r.st
	if x.actor.role < Moderator && x.actor.aff < Admin {
		return refuse(Forbidden, "8", "only moderators change roles")
	}
	var o *occupant
	switch {
	case it.hasNick:
		if nick, e := t.r.judgeNick(it.nick); e == nil {
			o = s.occupantByNick(nick.Nick, nick.Key)
		}
	case !it.jid.IsZero():
		if ses, ok := s.sessions.get(it.jid); ok {
			o = ses.occ
		}
	default:
		return refuse(BadRequest, "8", "whose role?")
	}
	if o == nil || x.isRemoved(o) {
		return refuse(ItemNotFound, "8.2", "there is no such occupant")
	}
	from, aff := x.roleOf(o), x.effective(o.person.jid())
	if it.role == NoRole && !x.actor.host && o.person.jid() == x.actor.jid.Bare() {
		return refuse(Conflict, "8.2", "you cannot kick yourself")
	}
	if !x.actor.host {
		if refused := mayChangeRole(x.actor.role, x.actor.aff, aff, from, it.role); refused != nil {
			return refused
		}
	}
	switch {
	case it.role == NoRole:
		x.remove(o, CauseKicked, aff, it.reason)
		x.storeVoice(o.person.jid(), NoRole)
	case it.role != from:
		x.setRole(o, it.role, it.reason)
		if aff == None && s.conf.Moderated && it.role <= Participant {
			x.storeVoice(o.person.jid(), it.role)
		}
	}
	return nil
}

// changeAffiliation judges one change of an affiliation (XEP-0045 §9, §10).
func (x *adminSet) changeAffiliation(it *adminItem) *StanzaError {
	t, s := x.t, &x.t.r.st
	if x.actor.aff < Admin {
		return refuse(Forbidden, "9", "only admins and owners change affiliations")
	}
	target := it.jid.Bare()
	if it.jid.IsZero() {
		var o *occupant
		if nick, e := t.r.judgeNick(it.nick); e == nil {
			o = s.occupantByNick(nick.Nick, nick.Key)
		}
		if o == nil {
			return refuse(ItemNotFound, "9", "there is no such occupant")
		}
		target, it.hasNick = o.person.jid(), false
	}
	old := x.own(target)
	if target == x.actor.jid.Bare() && it.affiliation == Outcast {
		return refuse(Conflict, "9.1", "you cannot ban yourself")
	}
	if !x.actor.host {
		if refused := mayAffiliate(x.actor.aff, old, it.affiliation); refused != nil {
			return refused
		}
	}
	if _, known := s.persons.get(target); !known && s.persons.len()+len(x.people) >= t.r.cfg.Limits.Affiliations {
		return refuse(ResourceConstraint, "14.6", "the lists of this room are full")
	}
	nick, reserves := NickResult{}, it.hasNick && it.affiliation >= Member
	if reserves && it.nick != "" {
		var refused *StanzaError
		if nick, refused = x.reservable(it.nick, target); refused != nil {
			return refused
		}
	}
	if old != it.affiliation || reserves {
		x.affiliate(target, it.affiliation, it.reason)
	}
	if reserves {
		x.reserve(target, nick)
	}
	return nil
}

// reserve proposes that somebody has this nick, or none, reserved.
func (x *adminSet) reserve(target JID, nick NickResult) {
	p := x.person(target)
	switch {
	case p.nick == nick.Nick:
		return
	case nick.Nick == "":
		x.t.propose(&Deregistered{JID: target})
	default:
		x.t.propose(&Registered{JID: target, Nick: nick.Nick, Key: nick.Key})
	}
	p.nick, p.key = nick.Nick, nick.Key
}

// reservable judges a nick that an admin reserves for somebody. Whoever else
// uses it now is put out, unless he is of the admin's rank (amendment 0.8 of the
// feature table, after XEP-0045 §9.3).
func (x *adminSet) reservable(wanted string, target JID) (NickResult, *StanzaError) {
	s := &x.t.r.st
	nick, refused := x.t.r.judgeNick(wanted)
	if refused != nil {
		return nick, refused
	}
	if holder := x.reservedFor(nick.Key); !holder.IsZero() && holder != target {
		return nick, refuse(Conflict, "9.3", "the nick is reserved for somebody else")
	}
	if o, used := s.nicks.get(nick.Key); used && o.person.jid() != target && !x.isRemoved(o) {
		aff := x.effective(o.person.jid())
		if aff >= x.actor.aff && !x.actor.host {
			return nick, refuse(Conflict, "9.3", "the nick is used by somebody of your rank")
		}
		x.t.remove(o, CauseReserved, aff, "This nickname is reserved", Actor{})
		x.removed = append(x.removed, o)
	}
	return nick, nil
}

// affiliate proposes an affiliation and all that follows from it for those
// inside: new roles, removal, a freed nick, forgotten voice.
func (x *adminSet) affiliate(target JID, aff Affiliation, reason string) {
	t, s := x.t, &x.t.r.st
	occupants := s.concerned(target)
	was := make([]Affiliation, len(occupants))
	for i, o := range occupants {
		was[i] = x.effective(o.person.jid())
	}
	p := x.person(target)
	if p.aff == Owner {
		x.owners--
	}
	if aff == Owner {
		x.owners++
	}
	t.propose(&AffiliationChanged{JID: target, Old: p.aff, New: aff, Reason: reason, Actor: x.by})
	p.aff = aff
	if aff < Member {
		x.reserve(target, NickResult{})
	}
	if aff != None {
		x.storeVoice(target, NoRole)
	}
	for i, o := range occupants {
		now := x.effective(o.person.jid())
		switch {
		case x.isRemoved(o) || now == was[i]:
		case now == Outcast:
			x.remove(o, CauseBanned, now, reason)
		case !mayEnter(now, &s.conf):
			x.remove(o, CauseUnmembered, now, reason)
		default:
			if role := roleAfter(x.roleOf(o), was[i], now, &s.conf); role != x.roleOf(o) {
				x.setRole(o, role, reason)
			}
		}
	}
}

// roleAfter is the role that follows from a new affiliation (XEP-0045 §5.1.3):
// rank gives privilege at once, and takes away only what it had given.
func roleAfter(role Role, old, new Affiliation, c *RoomConfig) Role {
	given := defaultRole(new, c)
	switch {
	case old >= Admin && new < Admin:
		return given
	case new > old:
		return max(role, given)
	case role == Moderator:
		return role
	}
	return given
}

func (x *adminSet) remove(o *occupant, cause Cause, aff Affiliation, reason string) {
	x.t.remove(o, cause, aff, reason, x.by)
	x.removed = append(x.removed, o)
}

func (x *adminSet) setRole(o *occupant, role Role, reason string) {
	x.t.propose(&RoleChanged{Occupant: o.num, Old: x.roleOf(o), New: role, Reason: reason, Actor: x.by})
	for i := range x.roles {
		if x.roles[i].occ == o {
			x.roles[i].role = role
			return
		}
	}
	x.roles = append(x.roles, overlaidRole{o, role})
}

// storeVoice proposes what role somebody without affiliation comes back in.
func (x *adminSet) storeVoice(bare JID, role Role) {
	if p := x.person(bare); p.voice != role {
		x.t.propose(&VoiceStored{JID: bare, Role: role})
		p.voice = role
	}
}

// finish judges the result as a whole: somebody must own the room (XEP-0045
// §10.4), and a temporary room ends when everybody was put out.
func (x *adminSet) finish() *StanzaError {
	if x.owners == 0 {
		return refuse(Conflict, "10.4", "a room must have an owner")
	}
	x.t.endIfEmpty(len(x.removed))
	return nil
}
