package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// The end of a room: destroyed by an owner (XEP-0045 §10.9), or left by everybody.

// destroyByForm decides on an owner's wish to end the room (XEP-0045 §10.9).
func (t *step) destroyByForm(d *xmlwire.Node, a *sender) *StanzaError {
	b := &event.RoomDestroyed{Actor: a.event(), Tombstone: t.r.cfg.Tombstones}
	if alternate := d.AttrOr("jid", ""); alternate != "" {
		j, err := jid.ParseBy(alternate, t.r.cfg.NormalizeDomain)
		if err != nil {
			return refuse(stanza.JIDMalformed, "10.9", "the alternate venue is no address")
		}
		b.Alternate = j
	}
	b.Reason, b.Password = d.ChildText(ns.Owner, "reason"), d.ChildText(ns.Owner, "password")
	if len(b.Reason) > t.r.cfg.Limits.ReasonBytes || len(b.Password) > t.r.cfg.Limits.ReasonBytes {
		return refuse(stanza.PolicyViolation, "14.6", "the reason is too long")
	}
	t.destroy(b)
	t.answer(nil)
	return nil
}

// destroy proposes the end of the room: everybody is put out first.
func (t *step) destroy(b *event.RoomDestroyed) {
	for _, o := range t.r.st.Occupants() {
		t.remove(o, event.CauseDestroyed, AffiliationNone, "", event.Actor{})
	}
	t.end(b)
}

// end proposes the end of the room. Open questions to the host are answered first.
func (t *step) end(b *event.RoomDestroyed) {
	t.answerAsks(refuse(stanza.ItemNotFound, "10.9", "the room is no more"), func(event.Asked) bool { return true })
	t.propose(b)
}

// ends reports whether the room ends in this step.
func (t *step) ends() bool {
	if len(t.bodies) == 0 {
		return false
	}
	_, ends := t.bodies[len(t.bodies)-1].(*event.RoomDestroyed)
	return ends
}

// endIfEmpty proposes the end of a room that nobody is left in: a temporary one (XEP-0045
// §7.14), or one that its creator never configured (§10.1.3). It reports whether it did.
func (t *step) endIfEmpty(going int) bool {
	s := &t.r.st
	ends := going > 0 && going == len(s.Occupants()) && (s.Life() == Locked || !s.Config().Persistent)
	if ends {
		t.end(&event.RoomDestroyed{})
	}
	return ends
}

// Destroy ends the room (XEP-0045 §10.9). With Tombstone, its address answers
// "gone" from now on instead of "not found".
type Destroy struct {
	Reason string
	// Alternate is where to go instead, and Password what is needed there.
	Alternate JID
	Password  string
	Tombstone bool
}

func (c Destroy) do(t *step) error {
	r := t.r
	a := &t.sender
	if !affiliationMay(a.aff, toDestroy) {
		return refuse(stanza.Forbidden, "10.9", "only owners destroy the room")
	}
	for _, s := range [...]string{c.Reason, c.Password} {
		if e := checkText(s, r.cfg.Limits.ReasonBytes); e != nil {
			return e
		}
	}
	b := &event.RoomDestroyed{Reason: c.Reason, Password: c.Password, Tombstone: c.Tombstone, Actor: a.event()}
	if !c.Alternate.IsZero() {
		alternate, e := r.normal(c.Alternate)
		if e != nil {
			return e
		}
		b.Alternate = alternate
	}
	t.destroy(b)
	return nil
}

// Shutdown puts everybody out because the service stops (XEP-0045 §11.2), and refuses what
// waits for the host to answer it. The room itself stays as it is, even if it is temporary.
type Shutdown struct {
	Reason string
	// Stay leaves everybody inside: for a room that goes on elsewhere, or later, from its
	// live snapshot, where nobody can answer what this host was asked.
	Stay bool
}

func (c Shutdown) do(t *step) error {
	s := &t.r.st
	if e := checkText(c.Reason, t.r.cfg.Limits.ReasonBytes); e != nil {
		return e
	}
	if !c.Stay {
		for _, o := range s.Occupants() {
			t.remove(o, event.CauseShutdown, s.OccupantAffiliation(o), c.Reason, event.Actor{})
		}
	}
	t.answerAsks(refuse(stanza.RecipientUnavailable, "11.2", "the service stops"), func(event.Asked) bool { return true })
	return nil
}
