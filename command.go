package muc

import (
	"errors"
	"fmt"
	"time"

	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// What the host does itself: commands.

// Command is something that the host itself wants done. The set is sealed:
//
//   - the room: [Create], [Configure], [Reset], [Destroy], [Shutdown];
//   - people: [Kick], [SetRole], [SetAffiliation], [RemoveAffiliation], [Vanished], [Forget];
//   - puppets, occupants of the host: [Join], [Rename], [Leave];
//   - talk: [Say], [SetSubject], [Invite];
//   - what the room asked: [Answer], [DecideRegistration].
//
// The host stands above the privileges of people, but not above the room's
// invariants: an owner stays, limits hold, nicks are nobody else's, outcasts stay
// outside. The policies in [Config] do not judge what it does by itself, and nobody
// is shown as the actor.
//
// [Room.Do] is the host itself. What the host does for somebody, as an admin tool or a
// bot does, it does by [Room.DoAs]: that can be [Configure], [Reset], [Destroy], [Kick],
// [SetRole], [SetAffiliation], [RemoveAffiliation], [Say], [SetSubject], [Invite] and
// [DecideRegistration].
//
// A command without a field that it must have does nothing: a forgotten field neither
// kicks nor demotes anybody.
type Command interface {
	do(t *step) error
}

// personal is a command that people can give too.
type personal interface {
	Command
	personal()
}

func (Configure) personal()          {}
func (Reset) personal()              {}
func (Destroy) personal()            {}
func (Kick) personal()               {}
func (SetRole) personal()            {}
func (SetAffiliation) personal()     {}
func (RemoveAffiliation) personal()  {}
func (Say) personal()                {}
func (SetSubject) personal()         {}
func (Invite) personal()             {}
func (DecideRegistration) personal() {}

// Do carries out a command of the host itself, without asking for privileges. When it
// does not, it returns [ErrNotOpen] (the room is not alive), [ErrNotFound] (the command
// names what is not there), [ErrMissing] (a field is missing), [ErrNotStanza] (an element in it is not the one that was
// asked for) or a [*StanzaError] that names the broken rule; then nothing has changed
// and nobody is told.
func (r *Room) Do(now time.Time, cmd Command) (Effects, error) {
	return r.carryOut(now, JID{}, cmd)
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
	if _, ok := cmd.(personal); !ok && cmd != nil {
		return Effects{}, fmt.Errorf("%w: %T", ErrHostOnly, cmd)
	}
	return r.carryOut(now, who, cmd)
}

// carryOut carries out a command of the host's, or of somebody.
func (r *Room) carryOut(now time.Time, as JID, cmd Command) (Effects, error) {
	r.enter()
	defer r.leave()
	var fx Effects
	t := step{r: r, now: clock(now), fx: &fx}
	switch cmd.(type) {
	case nil:
		return Effects{}, refuse(stanza.BadRequest, "", "no command")
	case Create, *Create:
	default:
		if !r.st.Alive() {
			return Effects{}, ErrNotOpen
		}
	}
	var e *StanzaError
	if t.sender, e = r.commander(as); e != nil {
		return Effects{}, e.Settled()
	}
	if err := cmd.do(&t); err != nil {
		if errors.As(err, &e) {
			e = e.Settled()
			if err = e; e.Condition == stanza.ItemNotFound {
				err = fmt.Errorf("%w: %w", ErrNotFound, e)
			}
		}
		return Effects{}, err
	}
	t.commit()
	return fx, nil
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
		if j.IsBare() || r.st.OccupantAt(j) != nil {
			return j, nil
		}
		if n, err := j.Resourced(); err == nil {
			return n, nil
		}
	}
	n, err := j.NormalizedBy(r.cfg.NormalizeDomain)
	if err != nil {
		return n, refuse(stanza.JIDMalformed, "RFC 7622", "a command has a malformed address")
	}
	return n, nil
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
	if as, bad := jid.Stored(text); bad == nil {
		if r.st.Knows(as.Bare()) {
			return as, nil
		}
	}
	return j, err
}
