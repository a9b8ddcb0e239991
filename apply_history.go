package muc

import "github.com/gomuc/muc/event"

// history is the last messages of a room, the oldest first, in the bounds of
// Limits.History and Limits.HistoryBytes.
type history struct {
	ring[entry]
	bytes int // of all of them, as they count for the bounds
}

// remember appends a message and forgets the oldest, as far as the bounds are
// exceeded.
func (h *history) remember(e entry, base *Base) {
	*h.push(base.History + 1) = e
	h.bytes += e.msg.Size()
	for h.len() > max(base.History, 0) || h.bytes > max(base.HistoryBytes, 0) {
		h.forgetOldest()
	}
}

func (h *history) forgetOldest() {
	h.bytes -= h.at(0).msg.Size()
	h.shift()
}

// dropDocs drops the bytes of all messages, which are shown otherwise now.
func (h *history) dropDocs() {
	for e := range h.all() {
		e.doc.doc = nil
	}
}

// retract forgets the message that its author took back, if it is there.
func (h *history) retract(b *event.MessageRetracted) bool {
	said := h.meant(b)
	if said == nil {
		return false
	}
	h.bytes -= said.Size()
	h.drop(func(e *entry) bool { return e.msg == said })
	return true
}

// entryOf is an event's message as newcomers are shown it.
func entryOf(ev *event.Event, m *event.Message) entry {
	return entry{seq: ev.Seq, sub: ev.Sub, at: ev.Time, msg: m}
}
