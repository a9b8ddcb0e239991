package muc

import (
	"fmt"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/stanza"
)

// Commands about people: roles, affiliations, accounts, sessions.

// Kick puts an occupant out (XEP-0045 §8.2).
type Kick struct {
	Nick   string
	Reason string
}

func (c Kick) do(t *step) error {
	return t.command(adminItem{byRole: true, nick: c.Nick, hasNick: true, reason: c.Reason})
}

// SetRole changes the role of an occupant (XEP-0045 §8.3, §8.4, §9.6, §9.7) to another
// than none: to put somebody out there is [Kick].
type SetRole struct {
	Nick   string
	Role   Role
	Reason string
}

func (c SetRole) do(t *step) error {
	if c.Role == RoleNone {
		return fmt.Errorf("%w: SetRole.Role", ErrMissing)
	}
	if c.Role > Moderator {
		return refuse(stanza.BadRequest, "8", "there is no such role")
	}
	return t.command(adminItem{byRole: true, role: c.Role, nick: c.Nick, hasNick: true, reason: c.Reason})
}

// SetAffiliation changes the affiliation of a person or a whole domain
// (XEP-0045 §9, §10) to another than none, which [RemoveAffiliation] does. A Nick is
// reserved for members and above.
type SetAffiliation struct {
	JID         JID
	Affiliation Affiliation
	Nick        string
	Reason      string
}

func (c SetAffiliation) do(t *step) error {
	if c.Affiliation == AffiliationNone {
		return fmt.Errorf("%w: SetAffiliation.Affiliation", ErrMissing)
	}
	if c.Affiliation < Outcast || c.Affiliation > Owner {
		return refuse(stanza.BadRequest, "9", "there is no such affiliation")
	}
	whose, e := t.r.normal(c.JID)
	if e != nil {
		return e
	}
	return t.command(adminItem{affiliation: c.Affiliation, jid: whose, nick: c.Nick, hasNick: c.Nick != "", reason: c.Reason})
}

// RemoveAffiliation takes a person or a whole domain off the lists of the room: a member
// is one no more (XEP-0045 §9.4), who was banned may enter again (§9.2).
type RemoveAffiliation struct {
	JID    JID
	Reason string
}

func (c RemoveAffiliation) do(t *step) error {
	whose, e := t.r.normal(c.JID)
	if e != nil {
		return e
	}
	return t.command(adminItem{affiliation: AffiliationNone, jid: whose, reason: c.Reason})
}

// command carries out one change as the host or as somebody.
func (t *step) command(it adminItem) error {
	if e := checkText(it.reason, t.r.cfg.Limits.ReasonBytes); e != nil {
		return e
	}
	a := &t.sender
	if it.byRole && a.host && t.r.occupantNamed(it.nick) == nil {
		return ErrNotFound
	}
	if e := t.administer(a, []adminItem{it}); e != nil {
		return e
	}
	return nil
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
		left := o.Sessions()
		for ses := o.First(); ses != nil; ses = ses.Next() {
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
