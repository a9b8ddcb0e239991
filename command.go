package muc

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// What the host does itself: commands.

// Command is something that the host itself wants done. The set is sealed:
//
//   - the room: [Create], [Configure], [Reset], [SetVCard], [Destroy], [Shutdown];
//   - people: [Kick], [SetRole], [SetAffiliation], [RemoveAffiliation], [KickBlocked], [Vanished], [Forget];
//   - puppets, occupants of the host: [Join], [Rename], [Leave];
//   - talk: [Say], [SetSubject], [Moderate], [Invite], [ImportMessage];
//   - what the room asked: [Answer], [DecideRegistration];
//   - hats: [CreateHat], [DestroyHat], [AssignHat], [UnassignHat].
//
// The host stands above the privileges of people, but not above the room's invariants: an
// owner stays, limits hold, nicks are nobody else's, outcasts stay outside. The policies in
// [Config] do not judge what it does by itself, and nobody is shown as the actor.
//
// [Room.Do] is the host itself. What the host does for somebody, as an admin tool or a
// bot does, it does by [Room.DoAs]: that can be [Configure], [Reset], [SetVCard], [Destroy],
// [Kick], [SetRole], [SetAffiliation], [RemoveAffiliation], [Say], [SetSubject], [Moderate],
// [Invite], [DecideRegistration] and those for hats.
//
// A command without a field that it must have does nothing: a forgotten field neither
// kicks nor demotes anybody.
type Command interface {
	do(t *step) error
}

// Do carries out a command of the host itself, without asking for privileges. When it
// does not, it returns [ErrNotOpen] (the room is not alive), [ErrNotFound] (the command
// names what is not there), [ErrMissing] (a field is missing), [ErrNotStanza] (an element in it is not the one that was
// asked for) or a [*StanzaError] that names the broken rule; then nothing has changed
// and nobody is told.
func (r *Room) Do(now time.Time, cmd Command) (Effects, error) {
	return r.carryOut(now, JID{}, valueOf(cmd))
}

// valueOf is a command itself, if it is given by a pointer; nil for a nil pointer.
func valueOf(cmd Command) Command {
	v := reflect.Indirect(reflect.ValueOf(cmd))
	if !v.IsValid() {
		return nil
	}
	return v.Interface().(Command)
}

// DoAs carries out a command that somebody has given: it is judged and shown like that
// person's own stanza. A full JID acts as its session does; a bare one has the person's
// affiliation, and the nick and role of the highest of its occupants.
//
// Errors are those of [Room.Do], and [ErrNobody] if the address is zero and
// [ErrHostOnly] for a command that people cannot give.
func (r *Room) DoAs(now time.Time, who JID, cmd Command) (Effects, error) {
	if who.IsZero() {
		return Effects{}, ErrNobody
	}
	cmd = valueOf(cmd)
	switch cmd.(type) {
	case nil, Configure, Reset, SetVCard, Destroy, Kick, SetRole, SetAffiliation, RemoveAffiliation, Say, SetSubject, Moderate, Invite, DecideRegistration,
		CreateHat, DestroyHat, AssignHat, UnassignHat:
		return r.carryOut(now, who, cmd)
	}
	return Effects{}, fmt.Errorf("%w: %T", ErrHostOnly, cmd)
}

// carryOut carries out a command of the host's, or of somebody.
func (r *Room) carryOut(now time.Time, as JID, cmd Command) (Effects, error) {
	r.enter()
	defer r.leave()
	t := new(step).begin(r, now)
	switch cmd.(type) {
	case nil:
		return Effects{}, refuse(stanza.BadRequest, "", "no command")
	case Create:
	default:
		if !r.st.Alive() {
			return Effects{}, ErrNotOpen
		}
	}
	var e *StanzaError
	if t.sender, e = r.commander(as); e != nil {
		return Effects{}, e.Settled()
	}
	if err := cmd.do(t); err != nil {
		if errors.As(err, &e) {
			e = e.Settled()
			if err = e; e.Condition == stanza.ItemNotFound {
				err = fmt.Errorf("%w: %w", ErrNotFound, e)
			}
		}
		return Effects{}, err
	}
	t.commit()
	return *t.fx, nil
}

// theHost ranks above everybody and is nobody in the room.
var theHost = sender{role: Moderator, aff: Owner, host: true}

// commander looks up who gives a command. Somebody without a session acts as the highest
// of the occupants that go by the address.
func (r *Room) commander(as JID) (sender, *StanzaError) {
	if as.IsZero() {
		return theHost, nil
	}
	as, e := r.normal(as)
	if e != nil {
		return sender{}, e
	}
	a := r.senderOf(as)
	if a.occupant == nil {
		if o := r.st.OccupantKnownAs(as); o != nil {
			a.occupant, a.nick, a.role = o, o.Nick(), max(a.role, o.Role())
		}
	}
	return a, nil
}

// normal brings an address of the host's to the room's normal form: it may have
// been parsed by other rules, or not at all. What the room knows by that address is
// not normalised again: newer tables might refuse it, or take it for somebody else.
func (r *Room) normal(j JID) (JID, *StanzaError) {
	if r.st.Knows(j.Bare()) {
		if j.IsBare() || r.st.OccupantKnownAs(j) != nil {
			return j, nil
		}
		if n, err := j.Bare().WithResource(j.Resource()); err == nil {
			return n, nil
		}
	}
	n, err := jid.ParseBy(j.String(), r.cfg.NormalizeDomain)
	if err != nil {
		return n, refuse(stanza.JIDMalformed, "RFC 7622", "a command has a malformed address")
	}
	return n, nil
}

// failure is a refusal as a Go error, nil for none.
func failure(e *StanzaError) error {
	if e == nil {
		return nil
	}
	return e
}

// checkText judges a text of the host's for people to read.
func checkText(s string, limit int) *StanzaError {
	if !xmlwire.ValidText(s) || len(s) > limit {
		return refuse(stanza.PolicyViolation, "14.6", "a text is too long or no text")
	}
	return nil
}

// named reads an address that somebody was told by the room, or makes up. One that the
// room knows by exactly this text is taken as it is, also if newer tables would
// refuse or change it: what stands on a list can be taken off it.
func (r *Room) named(text string) (JID, error) {
	j, err := jid.ParseBy(text, r.cfg.NormalizeDomain)
	if err == nil && j.String() == text {
		return j, nil
	}
	if as, bad := jid.Stored(text); bad == nil && r.st.Knows(as.Bare()) {
		return as, nil
	}
	return j, err
}

// Vanished tells that a session is no more: its connection broke, or its server
// is gone. A bare JID stands for all sessions of the account, a domain for all of
// its accounts. Who is not inside is no error. The others see each of them leave
// with status 333 (XEP-0045 §11.1, §16.6).
//
// A host whose clients do not tell when they die asks them, with pings of its own
// (§18.1.2), and passes on here what it learns.
type Vanished struct{ JID JID }

func (c Vanished) do(t *step) error {
	gone, e := t.r.normal(c.JID)
	if e != nil {
		return e
	}
	t.endIfEmpty(t.vanish(gone))
	return nil
}

// vanish proposes that the sessions of a JID are gone, and counts the occupants
// who go with them.
func (t *step) vanish(who JID) (going int) {
	t.withdrawJoins(who)
	for _, o := range t.r.st.Occupants() {
		left := o.SessionCount()
		for ses := range o.Sessions() {
			if ses.JID().Within(who) {
				left--
				t.proposeLeft(ses, "", event.DepartureVanished, left == 0)
			}
		}
		if left == 0 && !o.IsPuppet() {
			going++
		}
	}
	return going
}

// Forget removes a deleted account from the room: its affiliation, reserved nick, voice and hats,
// its request to register, the invitations to and from it, its sessions (as by [Vanished]),
// puppets in its name, and its address in the vCard of the room, if the account set that. Messages
// stay, and so does who created the room, and, until Limits.ListChanges others have changed, that it was
// taken off the lists, if somebody follows them (XEP-0463). A later account of the same address has none
// of these, but the same occupant-id, which is made from the address (XEP-0421 §4.1).
//
// A room must have an owner (XEP-0045 §10.4), a person rather than a whole domain. If the
// account is the only one, the Heir becomes owner; without an heir the command is refused
// with conflict and nothing is forgotten. So a host that always names an heir, such as its
// administrator, can forget an account in all of its rooms.
type Forget struct {
	JID  JID
	Heir JID
}

func (c Forget) do(t *step) error {
	bare, heir, e := c.accounts(t.r)
	if e != nil {
		return e
	}
	s := &t.r.st
	p, going := s.Person(bare), t.vanish(bare)
	for o := range p.Occupants() {
		if o.IsPuppet() {
			t.proposePuppetLeft(o, "", "")
			going++
		}
	}
	if t.endIfEmpty(going) {
		return nil
	}
	set := t.newAdminSet(&theHost, event.Actor{})
	if n := s.OwnerCount(); p.Affiliation() == Owner && n.Plus(bare, -1).LeavesNobody(n) {
		if heir.IsZero() || heir == bare {
			return refuse(stanza.Conflict, "10.4", "a room must have an owner: say who inherits it")
		}
		set.affiliate(heir, Owner, "")
	}
	if s.RequestOf(bare) != nil {
		t.propose(&event.RegistrationClosed{JID: bare, How: event.RequestWithdrawn})
	}
	for _, b := range s.Sparse().Invites() {
		if b.Invitee.Bare() == bare || b.Inviter.Bare() == bare {
			t.propose(&event.InviteExpired{Invitee: b.Invitee, Inviter: b.Inviter})
		}
	}
	for _, h := range s.Sparse().HatsOf(bare) {
		t.propose(&event.HatUnassigned{JID: bare, URI: h.URI})
	}
	if b := s.Sparse().VCard(); b != nil && b.Actor.JID.Bare() == bare {
		t.propose(t.r.hideForgotten(b))
	}
	set.reserve(bare, NickResult{})
	set.storeVoice(bare, RoleNone)
	if p.Affiliation() != AffiliationNone {
		t.propose(&event.AffiliationChanged{JID: bare, Old: p.Affiliation(), New: AffiliationNone})
	}
	return nil
}

// accounts are the command's addresses, normalised.
func (c Forget) accounts(r *Room) (bare, heir JID, e *StanzaError) {
	if bare, e = r.normal(c.JID.Bare()); e != nil {
		return bare, heir, e
	}
	if !c.Heir.IsZero() {
		if heir, e = r.normal(c.Heir.Bare()); e != nil {
			return bare, heir, e
		}
	}
	if bare.Local() == "" || !heir.IsZero() && heir.Local() == "" {
		return bare, heir, refuse(stanza.JIDMalformed, "10.4", "only accounts are forgotten and inherit")
	}
	return bare, heir, nil
}
