package muc

import (
	"crypto/subtle"
	"math"
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/roomconfig"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Entering a room (XEP-0045 §7.2): its rules, in the order in which they are judged, and what a newcomer gets.

// join decides on a presence with <x xmlns='…/muc'/>: entering the room
// (XEP-0045 §7.2), asking for everything again (§17.3), or another nick (§7.6).
func (t *step) join() *StanzaError {
	in := t.in
	if !in.toNick {
		return refuse(stanza.JIDMalformed, "7.2.1", "a nick is missing from the address")
	}
	if in.from.IsBare() {
		return refuse(stanza.JIDMalformed, "7.2.1", "only a session, a full JID, can join")
	}
	nick, payload, refused := t.wanted()
	if refused != nil {
		return refused
	}
	x := xmlwire.ParseNode(in.XML(in.Find(ns.MUC, "x")))
	if ses := t.sender.session; ses != nil {
		return t.resync(ses, nick, &x, payload)
	}
	return t.enter(nick, &x, payload)
}

// enter decides on a session that is not inside yet. A rule is judged only after those that
// may hide its outcome: affiliation, members-only,
// password, limits, nick, and the host's own policy last (XEP-0045 §7.2).
func (t *step) enter(nick NickResult, x *xmlwire.Node, payload string) *StanzaError {
	r, in, s, a := t.r, t.in, &t.r.st, &t.sender
	birth := s.Life() == Unborn
	conf := s.Config()
	if birth {
		if e := t.mayCreate(); e != nil {
			return e
		}
		c := r.birthConfig(x)
		conf, a.aff = &c, Owner // as who creates it
		if !roomconfig.Password.MayHold(r.cfg.Limits.FieldBytes, r.cfg.Limits.NameBytes, nil, []string{conf.Password}) && conf.Password != r.cfg.Defaults.Password {
			return refuse(stanza.PolicyViolation, "14.6", "the password is too long")
		}
	}
	if e := t.admission(conf, x, birth); e != nil {
		return e
	}
	at, e := t.place(a, &nick, conf, false)
	if e != nil {
		return e
	}
	if !t.hostAgrees {
		if e := t.spend(event.RatePresence); e != nil {
			return e
		}
	}
	q := policy.Join{Room: r.jid, JID: in.from, Nick: nick.Nick, Affiliation: a.aff}
	if e := judge(r.cfg.Policy.Join, q); e != nil {
		return e
	}
	if !birth && !t.hostAgrees && r.cfg.AsksJoin != nil && r.cfg.AsksJoin(q) {
		return t.askJoin(q)
	}
	t.withdrawJoins(in.from)
	if birth {
		t.proposeBirth(a.bare, *conf, !r.cfg.Instant)
	}
	b := t.arrival(a, nick, at, conf)
	b.Session, b.Lang, b.Payload = s.LastSession()+1, in.lang, payload
	t.propose(b)
	t.useInvites()
	t.oweEntry(x, conf, nick.Changed || b.Nick != nick.Nick, birth)
	return nil
}

// arrival is how somebody enters who may: as the occupant given, or, for nil, a new one.
func (t *step) arrival(a *sender, nick NickResult, at *state.Occupant, conf *RoomConfig) *event.Joined {
	b := &event.Joined{JID: a.jid, Nick: nick.Nick, Key: nick.Key, OwnerByHost: a.owner}
	if at != nil {
		b.Occupant, b.Nick, b.Key, b.OccupantID, b.Role = at.Number(), at.Nick(), at.Key(), at.ID(), at.Role()
	} else {
		b.Occupant, b.OccupantID, b.Role = t.r.st.LastOccupant()+1, t.r.occupantID(a.bare), a.entryRole(conf)
	}
	return b
}

// oweEntry notes what the asker of a join or resync is owed.
func (t *step) oweEntry(x *xmlwire.Node, conf *RoomConfig, nickChanged, birth bool) {
	t.entering = t.in.from
	t.own = &splice.Extra{ID: t.in.id, Tail: statuses(
		statusIf(conf.Whois == WhoisAnyone, statusNonAnonymous),
		statusSelf,
		statusIf(keepsMessages(conf, t.r.cfg.Archive), statusLogged),
		statusIf(birth, statusCreated),
		statusIf(nickChanged, statusNickChanged))}
	t.asksLists = x.Child(ns.MAV, "mav")
	history := parseHistoryRequest(x)
	t.owe(func() { t.renderEntry(history) })
}

// wanted is the nick that a presence addresses, and what it says.
func (t *step) wanted() (nick NickResult, payload string, refused *StanzaError) {
	if nick, refused = t.admitNick(); refused == nil {
		payload, refused = t.presencePayload(nick.Nick)
	}
	return nick, payload, refused
}

// admission is everything about a join but the nick, in the order in which it
// is judged.
func (t *step) admission(conf *RoomConfig, x *xmlwire.Node, birth bool) *StanzaError {
	if e := closedTo(&t.r.st, &t.sender); e != nil {
		return e
	}
	if e := t.admits(&t.sender, conf); e != nil {
		return e
	}
	given := x.ChildText(ns.MUC, "password")
	switch {
	case conf.Password == "", t.sender.aff >= Admin, birth, subtle.ConstantTimeCompare([]byte(given), []byte(conf.Password)) == 1:
		return nil
	case given == "":
		return refuse(stanza.NotAuthorized, "7.2.5", "this room needs a password")
	}
	return refuse(stanza.NotAuthorized, "7.2.5", "the password is wrong")
}

// admits judges by their affiliation who may be inside, a puppet too.
func (t *step) admits(a *sender, conf *RoomConfig) *StanzaError {
	switch {
	case a.aff == Outcast:
		return banned(&t.r.st, a, "7.2.7")
	case !mayEnter(a.aff, conf):
		return refuse(stanza.RegistrationRequired, "7.2.6", "this room is for members only")
	}
	return nil
}

// banned refuses somebody who is, or whose domain is, with the reason that was given
// for it, or whom the host has blocked.
func banned(s *state.Room, a *sender, section string) *StanzaError {
	if a.blocked {
		return refuse(stanza.Forbidden, section, "you may not use the rooms here")
	}
	p := a.person
	if p == nil || p.Affiliation() != Outcast {
		p = s.Person(a.bare.DomainJID())
	}
	text := "you are banned from this room"
	if reason := p.Reason(); reason != "" {
		text += ": " + reason
	}
	return refuse(stanza.Forbidden, section, text)
}

// place finds where a newcomer belongs: beside the other sessions of the occupant that it
// returns, or, for nil, under a nick of its own, as every puppet. Whether there is space is
// judged first, so that a full room does not tell which nicks are taken. The host names
// puppets as it wants to: no nick is locked for them.
func (t *step) place(a *sender, nick *NickResult, conf *RoomConfig, puppet bool) (*state.Occupant, *StanzaError) {
	var unfit *StanzaError
	if !puppet {
		unfit = t.lockdown(nick)
	}
	at, taken := t.freeNick(a.bare, *nick, puppet)
	if e := t.space(a, at, conf); e != nil {
		return nil, e
	}
	if unfit != nil {
		return nil, unfit
	}
	return at, taken
}

// freeNick judges who else goes by a nick. It returns the occupant of the same
// person which the session will share (XEP-0045 §7.2.8), if any: a puppet shares none.
func (t *step) freeNick(bare JID, nick NickResult, puppet bool) (*state.Occupant, *StanzaError) {
	s := &t.r.st
	if o := s.Nick(nick.Key); o != nil {
		if o.Person().JID() != bare || o.IsPuppet() || puppet {
			return nil, refuse(stanza.Conflict, "7.2.8", "the nick is in use")
		}
		return o, nil
	}
	if p := s.ReservedBy(nick.Key); p != nil && p.JID() != bare {
		return nil, refuse(stanza.Conflict, "7.2.8", "the nick is reserved")
	}
	return nil, nil
}

// space judges whether there is space for one more: an occupant, or a session of
// the occupant given (XEP-0045 §7.2.9). Admins and owners have a reserve.
func (t *step) space(a *sender, at *state.Occupant, conf *RoomConfig) *StanzaError {
	s, lim := &t.r.st, &t.r.cfg.Limits
	if max(s.LastOccupant(), s.LastSession()) == math.MaxUint32 {
		return refuse(stanza.ResourceConstraint, "14.6", "the room has no more numbers for sessions")
	}
	if at != nil {
		if at.SessionCount() >= lim.SessionsPerNick {
			return refuse(stanza.ResourceConstraint, "14.6", "there are too many sessions under your nick")
		}
		return nil
	}
	users := lim.Occupants
	if conf.MaxUsers > 0 && conf.MaxUsers < users {
		users = conf.MaxUsers
	}
	if a.aff >= Admin {
		users += lim.AdminReserve
	}
	if len(s.Occupants()) >= users {
		return refuse(stanza.ServiceUnavailable, "7.2.9", "the room is full").WithType(stanza.TypeWait)
	}
	if a.person != nil && a.person.OccupantCount() >= lim.NicksPerPerson && (t.r.cfg.ManyNicks == nil || !t.r.cfg.ManyNicks(a.bare)) {
		return refuse(stanza.ResourceConstraint, "14.6", "you have too many nicks in the room")
	}
	return nil
}

// lockdown applies Config.NickLockdown: who has reserved a nick must use it, or
// is given it (XEP-0045 §7.2.17, §7.10).
func (t *step) lockdown(nick *NickResult) *StanzaError {
	p := t.sender.person
	switch {
	case t.r.cfg.NickLockdown == LockdownOff || p.Nick() == "" || p.Nick() == nick.Nick:
	case t.r.cfg.NickLockdown == LockdownRefuse:
		return refuse(stanza.NotAcceptable, "7.2.17", "you must use your reserved nick")
	default:
		*nick = NickResult{Nick: p.Nick(), Key: p.NickKey(), Changed: true}
	}
	return nil
}

// entryRole is the role in which a person enters: by the table, or the voice
// that was given to somebody without affiliation on an earlier visit (§5.1).
func (a *sender) entryRole(conf *RoomConfig) Role {
	if p := a.person; p != nil && a.aff == AffiliationNone && conf.Moderated && p.Voice() != RoleNone {
		return p.Voice()
	}
	return defaultRole(a.aff, conf)
}

// resync decides on a join by a session that is inside already and seems to be out of sync:
// it gets everything again, and the others only what is new about it (XEP-0045 §17.3),
// which may be the nick (§7.6).
func (t *step) resync(ses *state.Session, nick NickResult, x *xmlwire.Node, payload string) (e *StanzaError) {
	if t.r.cfg.NickLockdown == LockdownAssign {
		_ = t.lockdown(&nick)
	}
	switch {
	case nick.Nick != ses.Occupant().Nick():
		e = t.rename(ses, nick, payload)
	case payload != ses.Payload() || t.in.lang != ses.Lang():
		e = t.update(ses, payload)
	default:
		e = t.spend(event.RatePresence)
	}
	if e == nil {
		t.oweEntry(x, t.r.st.Config(), nick.Changed, false)
	}
	return e
}

// renderEntry sends to a session all that entering entitles it to, in the order
// of XEP-0045 §7.1: the lists of affiliations, the others, the absent, itself, the past, the subject.
func (t *step) renderEntry(history historyRequest) {
	r, s := t.r, &t.r.st
	ses := s.Session(t.entering)
	if ses == nil {
		return
	}
	to := []JID{t.entering}
	own, v := ses.Occupant(), viewFor(s, ses.Occupant().Role())
	t.fx.Outbound = slices.Grow(t.fx.Outbound, len(s.Occupants())+min(s.Config().HistoryLength(), len(s.Archived())+len(s.Unarchived()))+1)
	t.renderLists()
	t.showOthers(to, v, own)
	if s.Config().ShowAbsent {
		t.renderAbsentMembers(to)
	}
	t.send(to, r.presenceBytes(own), splice.Self, t.own)
	if r.cfg.AvatarPresence && len(r.avatarHashes()) > 0 {
		t.send(to, r.avatarPresence(), splice.None, nil)
	}
	t.renderHistory(to, history)
	t.renderSubject(to)
	t.renderRequests(to, own)
}

// renderAbsentMembers tells of those who have a reserved nick and are not here
// (muc#roomconfig_presencebroadcast with "none"): their item alone names the
// nick. Limits.Absent bounds it.
func (t *step) renderAbsentMembers(to []JID) {
	if t.r.st.Sparse().Reserved() > t.r.cfg.Limits.Absent {
		return // a small presence would be answered by far too many
	}
	for _, p := range t.r.st.AbsentMembers() {
		doc := t.r.renderPresence(&presence{nick: p.Nick(), kind: "unavailable", id: t.r.occupantID(p.JID()),
			item: item{affiliation: p.Affiliation(), nick: p.Nick()}})
		t.send(to, doc, splice.None, nil)
	}
}

// renderSubject sends the subject to a newcomer, also an empty one, because it ends the
// entry (XEP-0045 §7.2.15).
func (t *step) renderSubject(to []JID) {
	r, e := t.r, t.r.st.Subject()
	if e == nil {
		t.send(to, r.renderMessage(&event.Message{Payload: "<subject/>"}), splice.None, nil)
		return
	}
	if e.Cache().Doc == nil {
		m := *e.Message()
		m.Payload = xmlwire.Filtered(m.Payload, func(n *xmlwire.Node) bool { return n.NS == "" && n.Name == "subject" })
		e.Cache().Doc = r.renderMessage(&m)
	}
	t.send(to, e.Cache().Doc, splice.None, r.late(e))
}
