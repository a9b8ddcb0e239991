package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/jid"
)

// Retracting a message (XEP-0424).

// retract proposes that a message of the sender's own is retracted, if the step's message
// says so (XEP-0424): newcomers are not shown it any more. A retraction of somebody else's
// message changes nothing here and is passed on; clients tell by the occupant-ids.
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
