package muc

// history is the last messages of a room, the oldest first, in the bounds of
// Limits.History and Limits.HistoryBytes.
type history struct {
	ring[entry]
	bytes int // of all of them, as they count for the bounds
}

// remember appends a message and forgets the oldest, as far as the bounds are
// exceeded.
func (h *history) remember(e entry, lim *Limits) {
	*h.push(lim.History + 1) = e
	h.bytes += e.msg.size()
	for h.len() > max(lim.History, 0) || h.bytes > max(lim.HistoryBytes, 0) {
		h.forgetOldest()
	}
}

func (h *history) forgetOldest() {
	h.bytes -= h.at(0).msg.size()
	h.shift()
}

// dropDocs drops the bytes of all messages, which are shown otherwise now.
func (h *history) dropDocs() {
	for e := range h.all() {
		e.doc.doc = nil
	}
}

// retract forgets the message that its author took back, if it is there.
func (h *history) retract(b *MessageRetracted) bool {
	said := h.meant(b)
	if said == nil {
		return false
	}
	h.bytes -= said.size()
	h.drop(func(e *entry) bool { return e.msg == said })
	return true
}

// size is what a message counts for in the history's bounds.
func (m *Message) size() int {
	return len(m.Payload) + len(m.Nick) + len(m.ID) + len(m.StanzaID) + len(m.OccupantID) + len(m.Lang)
}

// entryOf is an event's message as newcomers are shown it.
func entryOf(ev *Event, m *Message) entry {
	return entry{seq: ev.Seq, sub: ev.Sub, at: ev.Time, msg: m}
}
