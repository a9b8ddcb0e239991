package event

import (
	"strings"
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
	if m.StanzaID != b.Named && m.ID != b.Named {
		origin := childOf(m.Payload, ns.SID, "origin-id")
		if origin == nil || origin.AttrOr("id", "") != b.Named {
			return false
		}
	}
	return childOf(m.Payload, ns.Retract, "retract") == nil && !isTombstone(m.Payload)
}

// childOf is the first element of that name in a payload, or nil. A namespace is
// looked for in the text first, so that most messages need not be parsed.
func childOf(payload, space, name string) *xmlwire.Node {
	if !strings.Contains(payload, space) {
		return nil
	}
	for r := (xmlwire.Reader{Text: payload}); !r.Done(); {
		if n := r.ReadNode(""); n.NS == space && n.Name == name {
			return &n
		}
	}
	return nil
}

// isTombstone reports whether a payload is a tombstone and nothing else.
func isTombstone(payload string) bool {
	if !strings.Contains(payload, ns.Retract) {
		return false
	}
	r := xmlwire.Reader{Text: payload}
	n := r.ReadNode("")
	return n.NS == ns.Retract && n.Name == "retracted" && r.Done()
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

// Archived is the message that an event puts into the archive, or nil.
func (e Event) Archived() *Message {
	switch b := e.Body.(type) {
	case *MessageArchived:
		return &b.Message
	case *SubjectChanged:
		return &b.Message
	}
	return nil
}
