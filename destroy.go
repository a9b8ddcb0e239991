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
	if n := d.Child(ns.Owner, "reason"); n != nil {
		b.Reason = n.Text
	}
	if n := d.Child(ns.Owner, "password"); n != nil {
		b.Password = n.Text
	}
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

// endIfEmpty proposes the end of a room that nobody is left in: a
// temporary one (XEP-0045 §7.14), or one that its creator never configured
// (§10.1.3). It reports whether it did.
func (t *step) endIfEmpty(going int) bool {
	s := &t.r.st
	ends := going > 0 && going == len(s.Occupants()) && (s.Life() == Locked || !s.Config().Persistent)
	if ends {
		t.end(&event.RoomDestroyed{})
	}
	return ends
}
