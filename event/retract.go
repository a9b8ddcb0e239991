package event

import (
	"time"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Means reports whether the retraction is of this message: it has the same author, and
// was named by its stanza-id, its id or its origin-id (XEP-0359). Retractions and
// tombstones cannot be retracted (XEP-0424 §5). Where several messages match, the latest
// is meant.
func (b *MessageRetracted) Means(m *Message) bool {
	switch {
	case m.OccupantID == "" || m.OccupantID != b.OccupantID:
		return false
	case b.StanzaID != "":
		return m.StanzaID == b.StanzaID
	case b.Named == "" || !xmlwire.IsCanonical(m.Payload):
		return false
	}
	named := m.StanzaID == b.Named || m.ID == b.Named
	for n, text := range xmlwire.Elements(m.Payload) {
		alone := len(text) == len(m.Payload)
		switch {
		case n.NS == ns.SID && n.Name == "origin-id":
			named = named || n.AttrOr("id", "") == b.Named
		case n.NS == ns.Retract && (n.Name == "retract" || n.Name == "retracted" && alone):
			return false
		}
	}
	return named
}

// Tombstone is what an archive shows in place of a retracted message (XEP-0424 §4):
// that there was one, by whom and when, and the id of the retraction.
func (b *MessageRetracted) Tombstone(of Message, at time.Time) Message {
	w := xmlwire.Writer{}
	w.Start("retracted", ns.Retract)
	w.Attr("id", b.ID)
	w.Attr("stamp", at.UTC().Format(TimeFormat))
	w.End()
	of.Lang, of.Payload = "", string(w.Bytes)
	return of
}

// Archived is the message that an event puts into the archive, or nil: what is said and
// durable.
func (e Event) Archived() *Message {
	if e.Durable() {
		return e.Said()
	}
	return nil
}
