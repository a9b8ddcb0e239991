package state

import (
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
)

// History is the last messages of a room, the oldest first, in the bounds of
// Limits.History and Limits.HistoryBytes.
type History struct {
	ring[Entry]
	bytes int // of all of them, as they count for the bounds
}

// remember appends a message and forgets the oldest, as far as the bounds are
// exceeded.
func (h *History) remember(e Entry, base *Base) {
	*h.push(base.History + 1) = e
	h.bytes += e.msg.Size()
	for h.Len() > max(base.History, 0) || h.bytes > max(base.HistoryBytes, 0) {
		h.forgetOldest()
	}
}

func (h *History) forgetOldest() {
	h.bytes -= h.At(0).msg.Size()
	h.shift()
}

// dropDocs drops the bytes of all messages, which are shown otherwise now.
func (h *History) dropDocs() {
	for e := range h.All() {
		e.doc.Doc = nil
	}
}

// retract forgets the message that its author took back, if it is there.
func (h *History) retract(b *event.MessageRetracted) bool {
	said := h.Retracted(b)
	if said == nil {
		return false
	}
	h.bytes -= said.Size()
	h.drop(func(e *Entry) bool { return e.msg == said })
	return true
}

// entryOf is an event's message as newcomers are shown it.
func entryOf(ev *event.Event, m *event.Message) Entry {
	return Entry{seq: ev.Seq, sub: ev.Sub, at: ev.Time, msg: m}
}

// Entry is a message that newcomers are shown.
type Entry struct {
	seq, sub uint64
	at       time.Time
	msg      *event.Message
	doc      messageCache
}

// Before tells which of two entries was said first.
func (e *Entry) Before(o *Entry) bool {
	return e.seq < o.seq || e.seq == o.seq && e.sub < o.sub
}

// messageCache holds a remembered message as bytes, shared with the Outbound
// that it was first sent by, and what a newcomer's copy has beyond those. It is
// no state.
type messageCache struct {
	Doc  *splice.Stanza
	Late *splice.Extra
}

// Cache is where the bytes of a remembered message are.
func (e *Entry) Cache() *messageCache { return &e.doc }

// Meant is the message that is taken back, the latest if there are several, or nil.
func (h *History) Retracted(b *event.MessageRetracted) *event.Message {
	for i := h.Len() - 1; i >= 0; i-- {
		if m := h.At(i).msg; b.TakesBack(m) {
			return m
		}
	}
	return nil
}
