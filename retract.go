package muc

import "time"

// retract proposes that a message of the speaker's own is taken back, if the
// turn's message says so (XEP-0424): newcomers are not shown it any more. What it
// names is the id that the room gave the message. A retraction that is not the
// author's changes nothing here; it is passed on like any message, and clients
// know from the occupant-ids what to think of it.
func (t *turn) retract(m *Message) {
	c := t.in.find(nsRetract, "retract")
	if c == nil || m.OccupantID == "" {
		return
	}
	id := t.in.childAttr(c, "id")
	for e := range t.r.st.archived.all() {
		if e.msg.StanzaID == id && e.msg.OccupantID == m.OccupantID {
			t.propose(&MessageRetracted{StanzaID: id, OccupantID: m.OccupantID, Nick: m.Nick, JID: m.JID, ID: m.ID})
			return
		}
	}
}

// Tombstone is what an archive shows of a message that was taken back (XEP-0424
// §4): that there was one, by whom and when, and which message took it back.
func (b *MessageRetracted) Tombstone(of Message, at time.Time) Message {
	w := xmlWriter{}
	w.start("retracted", nsRetract)
	w.attr("id", b.ID)
	w.attr("stamp", at.UTC().Format(eventTime))
	w.end()
	of.Lang, of.Payload = "", string(w.b)
	return of
}
