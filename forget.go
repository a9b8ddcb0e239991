package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/stanza"
)

// Deleted accounts.

// Forget removes a deleted account from the room: its affiliation, reserved nick and
// voice, its request to register, the invitations to and from it, its sessions (as by
// [Vanished]) and puppets in its name. Messages stay. A later account of the same address
// has none of these, but the same occupant-id, which is made from the address (XEP-0421
// §4.1).
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
	p, known := s.Persons().Get(bare)
	going := t.vanish(bare)
	if known {
		for o := p.First(); o != nil; o = o.Sibling() {
			if o.IsPuppet() {
				t.proposePuppetLeft(o, "", "")
				going++
			}
		}
	}
	if t.endIfEmpty(going) {
		return nil
	}
	if n := s.OwnerCount(); known && p.Affiliation() == Owner && n.Plus(bare, -1).LeavesNobody(n) {
		if heir.IsZero() || heir == bare {
			return refuse(stanza.Conflict, "10.4", "a room must have an owner: say who inherits it")
		}
		t.newAdminSet(&theHost, event.Actor{}).affiliate(heir, Owner, "")
	}
	t.forgetWaiting(bare)
	if known {
		t.forgetPerson(p)
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

// forgetWaiting proposes the end of an account's open requests and invitations.
func (t *step) forgetWaiting(bare JID) {
	s := &t.r.st
	if s.RequestOf(bare) != nil {
		t.propose(&event.RegistrationClosed{JID: bare, How: event.RequestWithdrawn})
	}
	for _, b := range s.Sparse().Invites() {
		if b.Invitee == bare || b.Inviter == bare {
			t.propose(&event.InviteExpired{Invitee: b.Invitee, Inviter: b.Inviter})
		}
	}
}

// forgetPerson proposes that the room remembers nothing of a person.
func (t *step) forgetPerson(p *state.Person) {
	bare := p.JID()
	if p.Nick() != "" {
		t.propose(&event.Deregistered{JID: bare})
	}
	if p.Voice() != RoleNone {
		t.propose(&event.VoiceStored{JID: bare})
	}
	if p.Affiliation() != AffiliationNone {
		t.propose(&event.AffiliationChanged{JID: bare, Old: p.Affiliation(), New: AffiliationNone})
	}
}
