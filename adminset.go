package muc

import (
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Several changes of roles and affiliations in one request (XEP-0045 §9.2).

// adminSet judges several changes on the state that results from those before,
// through an overlay of what they change: the lists themselves are not copied.
type adminSet struct {
	t     *step
	actor *sender
	by    event.Actor // written down with each change; zero for self-service

	people []*overlaidPerson // by JID
	// roles are those that occupants will have; NoRole for who is put out.
	roles   map[*state.Occupant]Role
	removed int
	owners  state.OwnerCount
	domains []JID // that ban or admit others than before
	// demotions are the items that took an owner off the list.
	demotions []*xmlwire.Node
}

// overlaidPerson is what the room will remember of somebody.
type overlaidPerson struct {
	jid       JID
	known     bool // now
	aff       Affiliation
	voice     Role
	nick, key string
}

func (p *overlaidPerson) remembered() bool {
	return p.aff != AffiliationNone || p.voice != RoleNone || p.nick != ""
}

func (t *step) newAdminSet(a *sender, by event.Actor) *adminSet {
	return &adminSet{t: t, actor: a, by: by, roles: map[*state.Occupant]Role{}, owners: t.r.st.OwnerCount()}
}

// place is where somebody's overlay stands, or would stand.
func (x *adminSet) place(j JID) (int, bool) {
	return slices.BinarySearchFunc(x.people, j, func(p *overlaidPerson, j JID) int { return jid.Compare(p.jid, j) })
}

// find is somebody's overlay, or nil where nothing has changed.
func (x *adminSet) find(j JID) *overlaidPerson {
	if i, changed := x.place(j); changed {
		return x.people[i]
	}
	return nil
}

// person is somebody's overlay, to be changed.
func (x *adminSet) person(j JID) *overlaidPerson {
	i, changed := x.place(j)
	if !changed {
		p := x.t.r.st.Person(j)
		x.people = slices.Insert(x.people, i, &overlaidPerson{jid: j, aff: p.Affiliation(), voice: p.Voice(),
			nick: p.Nick(), key: p.NickKey(), known: p.Remembered()})
	}
	return x.people[i]
}

// growth is by how many people the room will remember more.
func (x *adminSet) growth() int {
	n := 0
	for _, p := range x.people {
		switch is := p.remembered(); {
		case is && !p.known:
			n++
		case p.known && !is:
			n--
		}
	}
	return n
}

// full reports whether the lists would be too long with so many people more.
func (x *adminSet) full(more int) bool {
	return int(x.t.r.st.Remembered())+x.growth()+more > x.t.r.cfg.Limits.Affiliations
}

// own is the affiliation that a person or domain will have by itself.
func (x *adminSet) own(j JID) Affiliation {
	if p := x.find(j); p != nil {
		return p.aff
	}
	return x.t.r.st.Person(j).Affiliation()
}

// effective is the affiliation that will count for a person: state.affiliationOf,
// seen through the overlay.
func (x *adminSet) effective(bare JID) Affiliation {
	if x.ownsByHost(bare) {
		return Owner
	}
	return event.EffectiveAffiliation(x.own(bare), x.own(bare.DomainJID()))
}

// ownsByHost reports whether the host says that somebody owns the room.
func (x *adminSet) ownsByHost(bare JID) bool {
	if bare == x.actor.bare {
		return x.actor.owner
	}
	return x.t.r.isHostOwner(bare, x.t.r.st.Person(bare))
}

// reservedFor is who will hold a nick by its key; zero for nobody.
func (x *adminSet) reservedFor(key string) JID {
	for _, p := range x.people {
		if p.key == key {
			return p.jid
		}
	}
	if p := x.t.r.st.ReservedBy(key); p != nil && x.find(p.JID()) == nil {
		return p.JID()
	}
	return JID{}
}

func (x *adminSet) roleOf(o *state.Occupant) Role {
	if role, changed := x.roles[o]; changed {
		return role
	}
	return o.Role()
}

func (x *adminSet) isRemoved(o *state.Occupant) bool { return x.roleOf(o) == RoleNone }

// changeRole judges one change of a role (XEP-0045 §8.2–8.4, §9.6, §9.7).
func (x *adminSet) changeRole(it *adminItem) *StanzaError {
	s := &x.t.r.st
	if refused := x.actor.mayModerate(); refused != nil {
		return refused
	}
	o, refused := x.occupant(it)
	if refused != nil {
		return refused
	}
	bare := o.Person().JID()
	from, aff := x.roleOf(o), x.effective(bare)
	if it.role == RoleNone && bare == x.actor.bare && !x.t.r.cfg.SelfKick {
		return refuse(stanza.Conflict, "8.2", "you cannot kick yourself")
	}
	if refused := x.actor.mayChangeRole(aff, from, it.role); refused != nil {
		return refused
	}
	switch {
	case it.role == RoleNone:
		x.remove(o, event.CauseKicked, aff, it.reason)
		x.storeVoice(bare, RoleNone)
	case it.role != from:
		x.setRole(o, it.role, it.reason)
		if aff == AffiliationNone && s.Config().Moderated {
			x.rememberVoice(bare, it.role)
		}
	}
	return nil
}

// occupant finds whose role an item is about: by nick, as it should be, or by the
// address of a session or person, if that leaves no doubt (XEP-0045 §17.4). An
// item with both must be right about both.
func (x *adminSet) occupant(it *adminItem) (*state.Occupant, *StanzaError) {
	s := &x.t.r.st
	var o *state.Occupant
	switch {
	case it.hasNick:
		o = x.t.r.occupantNamed(it.nick)
		if o != nil && !it.jid.IsZero() && !o.HasJID(it.jid) {
			o = nil
		}
	case it.jid.IsZero():
		return nil, refuse(stanza.BadRequest, "8", "it is not said whose role is meant")
	case !it.jid.IsBare():
		if ses := s.Session(it.jid); ses != nil {
			o = ses.Occupant()
		}
	default:
		for other := range s.Person(it.jid).Occupants() {
			if o != nil {
				return nil, refuse(stanza.BadRequest, "8", "that person is inside under several nicks: say which")
			}
			o = other
		}
	}
	if o == nil || x.isRemoved(o) {
		return nil, refuse(stanza.ItemNotFound, "8.2", "there is no such occupant")
	}
	return o, nil
}

// changeAffiliation judges one change of an affiliation (XEP-0045 §9, §10).
func (x *adminSet) changeAffiliation(it *adminItem) *StanzaError {
	t := x.t
	if x.givesUp(it) {
		x.by = event.Actor{} // as by registering no longer (§7.10)
		x.affiliate(x.actor.bare, AffiliationNone, it.reason)
		return nil
	}
	if refused := x.actor.mayAdminister(); refused != nil {
		return refused
	}
	target, refused := x.target(it)
	if refused != nil {
		return refused
	}
	old := x.own(target)
	if refused := x.mayAffiliate(target, old, it.affiliation); refused != nil {
		return refused
	}
	nick, reserves := NickResult{}, it.hasNick && !it.jid.IsZero() && it.affiliation >= Member
	if reserves && it.nick != "" {
		if nick, refused = x.reservable(it.nick, target); refused != nil {
			return refused
		}
	}
	if old == Owner && it.affiliation != Owner {
		x.demotions = append(x.demotions, it.asked)
	}
	switch {
	case old != it.affiliation:
		x.affiliate(target, it.affiliation, it.reason)
	case it.reason != "" && it.reason != t.r.st.Person(target).Reason() && old != AffiliationNone:
		t.propose(&event.AffiliationChanged{JID: target, Old: old, New: old, Reason: it.reason, Actor: x.by})
	}
	if reserves {
		x.reserve(target, nick)
		t.resend(target, it.reason, x.by)
	}
	return nil
}

// givesUp reports whether an item takes its own sender, who is a member, off the
// list. That needs nobody's leave.
func (x *adminSet) givesUp(it *adminItem) bool {
	bare := x.actor.bare
	if x.actor.host || it.affiliation != AffiliationNone || x.own(bare) != Member {
		return false
	}
	target, refused := x.target(it)
	return refused == nil && target == bare
}

// target is whose affiliation an item is about: the person or domain of its
// address, whatever its resource, or the person behind a nick.
func (x *adminSet) target(it *adminItem) (JID, *StanzaError) {
	if !it.jid.IsZero() {
		return it.jid.Bare(), nil
	}
	if !it.hasNick {
		return JID{}, refuse(stanza.BadRequest, "9", "it is not said whose affiliation is meant")
	}
	o := x.t.r.occupantNamed(it.nick)
	if o == nil {
		return JID{}, refuse(stanza.ItemNotFound, "9", "there is no such occupant")
	}
	return o.Person().JID(), nil
}

// mayAffiliate judges one change of affiliation by all that forbids it.
func (x *adminSet) mayAffiliate(target JID, old, new Affiliation) *StanzaError {
	r := x.t.r
	if x.actor.host {
		return nil
	}
	if new == Outcast && target == x.actor.bare {
		return refuse(stanza.Conflict, "9.1", "you cannot ban yourself")
	}
	if refused := x.actor.mayAffiliate(old, new); refused != nil {
		return refused
	}
	// The lists may say as well what the host says of an owner (Config.IsOwner), and stop saying it.
	if (new == Outcast || new == AffiliationNone && old < Member) && x.ownsByHost(target) {
		return refuse(stanza.NotAllowed, "9.1", "the service has made that person an owner")
	}
	if old != new {
		return judge(r.cfg.Policy.Affiliate, policy.Affiliate{Room: r.jid, Actor: x.actor.jid, JID: target, Old: old, New: new})
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
		x.t.propose(&event.Deregistered{JID: target})
	default:
		x.t.propose(&event.Registered{JID: target, Nick: nick.Nick, Key: nick.Key})
	}
	p.nick, p.key = nick.Nick, nick.Key
}

// reservable judges a nick that an admin reserves for somebody. Another occupant who
// uses it now is removed, unless of the admin's rank (amendment 0.8 of the
// feature table, after XEP-0045 §9.3).
func (x *adminSet) reservable(wanted string, target JID) (NickResult, *StanzaError) {
	s := &x.t.r.st
	nick, refused := x.t.r.judgeNick(wanted)
	if refused != nil {
		return nick, refused
	}
	if holder := x.reservedFor(nick.Key); !holder.IsZero() && holder != target {
		return nick, refuse(stanza.Conflict, "9.3", "the nick is reserved for somebody else")
	}
	if o := s.Nick(nick.Key); o != nil && o.Person().JID() != target && !x.isRemoved(o) {
		aff := x.effective(o.Person().JID())
		if aff >= x.actor.aff && !x.actor.host {
			return nick, refuse(stanza.Conflict, "9.3", "the nick is used by somebody who ranks as high as you")
		}
		x.remove(o, event.CauseReserved, aff, "This nickname is reserved")
	}
	return nick, nil
}

// affiliate proposes an affiliation and all that follows from it for those
// inside: new roles, removal, a freed nick, forgotten voice.
func (x *adminSet) affiliate(target JID, aff Affiliation, reason string) {
	t, s := x.t, &x.t.r.st
	occupants := s.Concerned(target)
	was := make([]Affiliation, len(occupants))
	for i, o := range occupants {
		was[i] = x.effective(o.Person().JID())
	}
	p := x.person(target)
	if p.aff == Owner {
		x.owners = x.owners.Plus(target, -1)
	}
	if aff == Owner {
		x.owners = x.owners.Plus(target, 1)
	}
	t.propose(&event.AffiliationChanged{JID: target, Old: p.aff, New: aff, Reason: reason, Actor: x.by})
	if target.Local() == "" && p.aff.Inherited() != aff.Inherited() {
		x.domains = append(x.domains, target)
	}
	p.aff = aff
	if aff < Member {
		x.reserve(target, NickResult{})
	}
	if target.Local() != "" {
		x.storeVoice(target, RoleNone)
	}
	for i, o := range occupants {
		now := x.effective(o.Person().JID())
		switch {
		case x.isRemoved(o) || now == was[i]:
		case now == Outcast:
			x.remove(o, event.CauseBanned, now, reason)
		case !mayEnter(now, s.Config()):
			x.remove(o, event.CauseUnmembered, now, reason)
		default:
			if role := roleAfter(x.roleOf(o), was[i], now, s.Config()); role != x.roleOf(o) {
				x.setRole(o, role, reason)
			}
		}
	}
}

func (x *adminSet) remove(o *state.Occupant, cause event.Cause, aff Affiliation, reason string) {
	by := x.by
	if cause == event.CauseReserved {
		by = event.Actor{} // not an act against that occupant: the nick is somebody else's
	}
	x.t.remove(o, cause, aff, reason, by)
	x.roles[o] = RoleNone
	x.removed++
}

func (x *adminSet) setRole(o *state.Occupant, role Role, reason string) {
	x.t.propose(&event.RoleChanged{Occupant: o.Number(), Old: x.roleOf(o), New: role, Reason: reason, Actor: x.by})
	x.roles[o] = role
}

// rememberVoice proposes that somebody without affiliation comes back with the voice that
// was granted in a moderated room (XEP-0045 §5.1). Visitors enter as such anyway, and no
// moderator by role returns as one. Where the lists are full, voice lasts for a visit.
func (x *adminSet) rememberVoice(bare JID, role Role) {
	switch p := x.person(bare); {
	case role == Visitor:
		x.storeVoice(bare, RoleNone)
	case role == Participant && (p.remembered() || !x.full(1)):
		x.storeVoice(bare, Participant)
	}
}

// storeVoice proposes what role somebody without affiliation comes back in.
func (x *adminSet) storeVoice(bare JID, role Role) {
	if p := x.person(bare); p.voice != role {
		x.t.propose(&event.VoiceStored{JID: bare, Role: role})
		p.voice = role
	}
}

// forgetVoices proposes that voice which was given before does not outlive a new
// affiliation of the domain. A person's own goes with the person's affiliation.
func (x *adminSet) forgetVoices() {
	if len(x.domains) == 0 {
		return
	}
	for _, p := range x.t.r.st.People() {
		j := p.JID()
		if slices.Contains(x.domains, j.DomainJID()) && (p.Voice() != RoleNone || x.find(j) != nil) {
			x.storeVoice(j, RoleNone)
		}
	}
}

// ownerless reports whether nobody would own the room.
func (x *adminSet) ownerless() bool { return x.owners.LeavesNobody(x.t.r.st.OwnerCount()) }

// judge judges the result as a whole: somebody must own the room (XEP-0045
// §10.4), and the lists have a limit, under which they may always be brought.
func (x *adminSet) judge() *StanzaError {
	if x.ownerless() {
		return refuse(stanza.Conflict, "10.4", "a room must have an owner")
	}
	if x.growth() > 0 && x.full(0) {
		return refuse(stanza.ResourceConstraint, "14.6", "the lists of this room are full")
	}
	return nil
}

// finish judges the result, and ends a temporary room when everybody was put out.
func (x *adminSet) finish() *StanzaError {
	if refused := x.judge(); refused != nil {
		return refused
	}
	x.forgetVoices()
	x.t.endIfEmpty(x.removed)
	return nil
}
