package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/jid"
)

// retract proposes that a message of the speaker's own is taken back, if the
// turn's message says so (XEP-0424): nobody is shown it any more. A retraction that
// names what somebody else said changes nothing here; it is passed on like any
// message, and clients know from the occupant-ids what to think of it.
func (t *step) retract(m *event.Message) {
	c := t.in.Find(ns.Retract, "retract")
	if c == nil || m.OccupantID == "" {
		return
	}
	b := &event.MessageRetracted{OccupantID: m.OccupantID, Nick: m.Nick, JID: m.JID, ID: m.ID, Named: t.in.childAttr(c, "id")}
	if b.Named == "" || len(b.Named) > jid.MaxPartSize {
		return
	}
	s := &t.r.st
	for e := range s.Archived().All() {
		if e.Message().StanzaID == b.Named && e.Message().OccupantID != b.OccupantID {
			return
		}
	}
	// What the room does not remember may be in the archive.
	if said := s.Archived().Retracted(b); said != nil {
		b.StanzaID, b.Named = said.StanzaID, ""
	}
	t.propose(b)
}
