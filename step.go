package muc

import (
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
)

// step is one step of a room: a stanza, a command or a tick. Handlers decide by reading
// the state and proposing event bodies; then the bodies are applied, and what everybody
// gets is rendered from them and from the state after them (render.go).
type step struct {
	r   *Room
	now time.Time
	fx  *Effects
	in  *incoming // nil for a command or a tick
	// sender is who sent the stanza, or gave the command.
	sender sender

	// bodies are what the handler has decided.
	bodies []event.Body
	// hostAgrees is set when the host has decided to admit the join of this step.
	hostAgrees bool
	// owed is rendered beside what the events tell: see owe.
	owed []func()
	// entering is the session that gets all that a newcomer does, its own presence in its
	// place there. It is zero for none.
	entering JID
	// own is in the presence that the sender asked for of itself, instead of what the other
	// sessions of the occupant are told.
	own *splice.Extra
	// asksLists is what the newcomer asks of the lists of affiliations, nil for nothing.
	asksLists *xmlwire.Node
	// change is the change of affiliation that is being told, nil at all other times.
	change *listChange
	// ids counts the ids made in this step.
	ids uint64
	// resent are occupants whose presence is to be sent again, though it is the same.
	resent []changedPresence
	// offending are the items that an error repeats.
	offending []*xmlwire.Node
	// echo is what of the request an error repeats, canonical.
	echo string

	// memory is for what most steps come to, in one piece with the step.
	memory struct {
		fx       Effects
		bodies   [2]event.Body
		durable  [1]event.Event
		volatile [2]event.Event
		outbound [2]Outbound
		readers  [2]readers
	}
}

// begin makes a step of one that is empty.
func (t *step) begin(r *Room, now time.Time) *step {
	t.r, t.now, t.fx, t.bodies = r, clock(now), &t.memory.fx, t.memory.bodies[:0]
	return t
}

// propose adds one event to what is decided. The handler does not see it in the
// state yet.
func (t *step) propose(body event.Body) { t.bodies = append(t.bodies, body) }

// commit applies what was decided, and renders it.
func (t *step) commit() {
	s := &t.r.st
	// A configuration is never written to, but replaced.
	h := happened{configBefore: s.Config(), locked: s.Life() == Locked}
	version := s.Sparse().Versions().Number()
	t.apply(t.bodies)
	if !t.entering.IsZero() {
		decided := len(t.bodies)
		t.followLists()
		t.apply(t.bodies[decided:])
	}
	h.sort(s, t.bodies)
	h.lists = t.listChanges(version)
	for _, c := range t.resent {
		if s.OccupantByNumber(c.occ.Number()) != nil { // still inside
			h.change(c)
		}
	}
	if t.r.cfg.TellAbsent {
		decided := len(t.bodies)
		t.rationAbsent(&h)
		t.apply(t.bodies[decided:])
	}
	t.render(&h)
}

// apply makes events of bodies, applies them and notes them by whether they are to be stored.
func (t *step) apply(bodies []event.Body) {
	s := &t.r.st
	for _, body := range bodies {
		ev := event.Event{Seq: s.Seq(), Sub: s.Sub() + 1, Time: t.stamp(), Body: body}
		list, memory := &t.fx.Volatile, t.memory.volatile[:0]
		if ev.Durable() {
			ev.Seq, ev.Sub = s.Seq()+1, 0
			list, memory = &t.fx.Durable, t.memory.durable[:0]
		}
		if err := s.Apply(&ev, t.r.cfg.base); err != nil {
			panic(err) // a handler proposed what it should have refused
		}
		if *list == nil {
			*list = memory
		}
		*list = append(*list, ev)
	}
}

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
	aff     Affiliation
	owner   bool
	blocked bool // by the host, and an outcast for that
	host    bool // no rule of privilege binds it
}

// senderOf looks somebody up.
func (r *Room) senderOf(j JID) sender {
	a := sender{jid: j, bare: j.Bare()}
	a.person = r.st.Person(a.bare)
	if a.session = a.person.Session(j); a.session != nil {
		a.occupant = a.session.Occupant()
		a.nick, a.role = a.occupant.Nick(), a.occupant.Role()
	}
	if a.owner = r.isHostOwner(a.bare, a.person); a.owner {
		a.aff = Owner
	} else {
		a.aff = r.st.AffiliationCounting(a.bare, a.person)
	}
	if !a.person.Inside() && r.isBlocked(a.bare, a.aff) {
		a.aff, a.blocked = Outcast, true
	}
	if a.aff >= Admin {
		a.role = Moderator
	}
	return a
}

// isHostOwner reports whether the host says that somebody owns the room (see
// Config.IsOwner). Of who is inside it was said when they entered.
func (r *Room) isHostOwner(bare JID, p *state.Person) bool {
	if p.Inside() {
		return p.OwnerByHost()
	}
	return r.cfg.IsOwner != nil && r.cfg.IsOwner(bare)
}

// event is how somebody who does something is written down.
func (a *sender) event() event.Actor { return event.Actor{JID: a.jid, Nick: a.nick} }
