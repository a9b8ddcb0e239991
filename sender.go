package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
)

// sender is somebody as the rules see them: who sent the stanza of a step, in whose name
// a command is carried out, or whom a command brings in. It is found once, before
// anything is decided, and handed on. It tells how things are before the events of the
// step: what is rendered after them asks the state again.
type sender struct {
	jid, bare JID
	person    *state.Person  // nil if the room knows nothing of them
	session   *state.Session // nil outside
	occupant  *state.Occupant
	nick      string // "" outside
	// role is that of the occupant. An admin or owner may do what a moderator may, from
	// outside too.
	role Role
	// aff is the affiliation that counts: the room's, or what the host says. owner says
	// that the host does.
	aff   Affiliation
	owner bool
	host  bool // no rule of privilege binds it
}

// senderOf looks somebody up.
func (r *Room) senderOf(j JID) sender {
	a := sender{jid: j, bare: j.Bare()}
	if p, known := r.st.Persons().Get(a.bare); known {
		a.person = p
		a.session = p.Session(j)
	}
	if a.session != nil {
		a.occupant = a.session.Occupant()
		a.nick, a.role = a.occupant.Nick(), a.occupant.Role()
	}
	if a.owner = r.isHostOwner(a.bare, a.person); a.owner {
		a.aff = Owner
	} else {
		a.aff = r.st.AffiliationCounting(a.bare, a.person)
	}
	if a.aff >= Admin {
		a.role = Moderator
	}
	return a
}

// isHostOwner reports whether the host says that somebody owns the room (see
// Config.IsOwner). Of who is inside it was said when they entered.
func (r *Room) isHostOwner(bare JID, p *state.Person) bool {
	if p != nil && p.Inside() {
		return p.OwnerByHost()
	}
	return r.cfg.IsOwner != nil && r.cfg.IsOwner(bare)
}

// event is how somebody who does something is written down.
func (a *sender) event() event.Actor { return event.Actor{JID: a.jid, Nick: a.nick} }
