package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// actor is who asks for something to be done, as far as the rules care.
type actor struct {
	jid  JID // full where he is known by a session
	nick string
	role Role
	aff  Affiliation
	host bool // no rule of privilege binds him
}

// actor is the sender of the step's stanza.
func (t *step) actor() actor { return t.r.actorOf(t.in.from) }

// actorOf looks somebody up by his JID. An admin or owner who is not inside may
// do what a moderator may.
func (r *Room) actorOf(j JID) actor {
	a := actor{jid: j, aff: r.standing(j.Bare())}
	if ses, inside := r.st.Session(j); inside {
		a.nick, a.role = ses.Occupant().Nick(), ses.Occupant().Role()
	}
	if a.aff >= Admin {
		a.role = Moderator
	}
	return a
}

// vouchedOwner reports whether the host says that somebody owns the room (see
// Config.IsOwner). Of who is inside it was said when he entered.
func (r *Room) vouchedOwner(bare JID) bool {
	if p, ok := r.st.Persons().Get(bare); ok && p.Inside() {
		return p.Vouched()
	}
	return r.cfg.IsOwner != nil && r.cfg.IsOwner(bare)
}

// standing is the affiliation by which a request is judged: the room's, or what
// the host says.
func (r *Room) standing(bare JID) Affiliation {
	if r.vouchedOwner(bare) {
		return Owner
	}
	return r.st.AffiliationOf(bare)
}

// closedTo refuses to say anything of a room that is not open yet to anybody but
// its owners: for all others it is not there (XEP-0045 §7.2.10, §17.2).
func closedTo(s *state.Room, aff Affiliation) *StanzaError {
	if s.Life() == Locked && aff < Owner {
		return refuse(stanza.ItemNotFound, "7.2.10", "the room is not open yet")
	}
	return nil
}

// event is how an actor is written down.
func (a actor) event() event.Actor { return event.Actor{JID: a.jid, Nick: a.nick} }

// request is the payload of the step's iq, canonical; query is the same, read.
func (t *step) request() string { return t.in.XML(&t.in.Kids[0]) }

func (t *step) query() *xmlwire.Node {
	n := xmlwire.ParseNode(t.request())
	return &n
}
