package event

import (
	"cmp"
	"time"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Means reports whether the retraction is of this message. Its author's is of a message of
// the same author, named by its stanza-id, its id or its origin-id (XEP-0359), that is no
// retraction or tombstone itself (XEP-0424 §5). A moderator's (XEP-0425) is of a message under
// its stanza-id or, where it has none, of that author's under another of its ids. Where several
// messages match, the latest is meant.
func (b *MessageRetracted) Means(m *Message) bool {
	switch {
	case b.StanzaID != "":
		return m.StanzaID == b.StanzaID && (b.Moderated != nil || m.OccupantID != "" && m.OccupantID == b.OccupantID)
	case m.OccupantID != b.OccupantID, !xmlwire.IsCanonical(m.Payload), !m.isNamed(b.Named):
		return false
	case b.Moderated != nil:
		return m.StanzaID == ""
	}
	return m.OccupantID != "" && !m.retracts() && !m.IsTombstone()
}

// isNamed reports whether an id is one of the message's: the room's, or one that its author
// gave it.
func (m *Message) isNamed(id string) bool {
	if id == "" {
		return false
	}
	for n := range children(m.Payload) {
		if n.NS == ns.SID && n.Name == "origin-id" && n.AttrOr("id", "") == id {
			return true
		}
	}
	return m.StanzaID == id || m.ID == id
}

// retracts reports whether the message takes back another one.
func (m *Message) retracts() bool {
	for n := range children(m.Payload) {
		if n.NS == ns.Retract && n.Name == "retract" {
			return true
		}
	}
	return false
}

// IsTombstone reports whether the message is one of [MessageRetracted.Tombstone]: what it
// said was taken back.
func (m *Message) IsTombstone() bool {
	for n, text := range children(m.Payload) {
		return n.NS == ns.Retract && n.Name == "retracted" && len(text) == len(m.Payload)
	}
	return false
}

// Tombstone is what an archive shows in place of a retracted message (XEP-0424 §4, XEP-0425
// §4): that there was one, by whom and when, the id of the retraction and, if it was a
// moderator's, whose and why.
func (b *MessageRetracted) Tombstone(of Message, at time.Time) Message {
	w := xmlwire.Writer{}
	w.Start("retracted", ns.Retract, "id", b.ID, "stamp", at.UTC().Format(TimeFormat))
	b.Moderated.write(&w)
	w.End()
	of.Lang, of.Payload = "", string(w.Bytes)
	return of
}

// Announcement is what the room tells everybody of a moderator's retraction (XEP-0425 §3.1): in
// the present form, and in that of version 0.2, which older clients know. An author's has none.
func (b *MessageRetracted) Announcement() Message {
	if b.Moderated == nil {
		return Message{}
	}
	id := cmp.Or(b.StanzaID, b.Named)
	w := xmlwire.Writer{}
	w.Start("retract", ns.Retract, "id", id)
	b.Moderated.write(&w)
	w.End()
	w.Start("apply-to", ns.Fasten, "id", id)
	w.Start("moderated", ns.OldModerate, "by", b.Moderated.By.String())
	w.Empty("retract", ns.OldRetract)
	w.ElementIf("reason", b.Moderated.Reason)
	w.End()
	w.End()
	return Message{ID: b.ID, Payload: string(w.Bytes)}
}

// write writes who took a message back, and why; nothing if it was its author.
func (m *Moderation) write(w *xmlwire.Writer) {
	if m == nil {
		return
	}
	w.Start("moderated", ns.Moderate, "by", m.By.String())
	if m.OccupantID != "" {
		w.Empty("occupant-id", ns.OccupantID, "id", m.OccupantID)
	}
	w.End()
	w.ElementIf("reason", m.Reason)
}

// Archived is the message that an event puts into the archive, or nil: what is said and
// durable.
func (e Event) Archived() *Message {
	if e.Durable() {
		return e.Said()
	}
	return nil
}
