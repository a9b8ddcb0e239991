package state

import (
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
)

// History is the last messages of a room, the oldest first, bounded by Limits.History
// and Limits.HistoryBytes.
type History struct {
	ring[Entry]
	bytes int // of all of them, as they count for the bounds
}

// remember appends a message and drops the oldest ones beyond the bounds.
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

// dropDocs drops the cached bytes of all messages.
func (h *History) dropDocs() {
	for e := range h.All() {
		e.doc.Doc = nil
	}
}

// retract forgets the message that its author retracted, and reports whether it was
// there.
func (h *History) retract(b *event.MessageRetracted) bool {
	said := h.Retracted(b)
	if said == nil {
		return false
	}
	h.bytes -= said.Size()
	h.drop(func(e *Entry) bool { return e.msg == said })
	return true
}

// entryOf makes the entry of an event's message.
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

// Before reports whether the entry was said before another one.
func (e *Entry) Before(o *Entry) bool {
	return e.seq < o.seq || e.seq == o.seq && e.sub < o.sub
}

// messageCache holds the bytes of a remembered message, shared with the Outbound that
// sent it first, and what a newcomer's copy adds to them. It is a cache, not state.
type messageCache struct {
	Doc  *splice.Stanza
	Late *splice.Extra
}

// Cache is the cache of the message's bytes, for reading and writing.
func (e *Entry) Cache() *messageCache { return &e.doc }

// Retracted is the message that a retraction means, the latest if there are several, or
// nil.
func (h *History) Retracted(b *event.MessageRetracted) *event.Message {
	for i := h.Len() - 1; i >= 0; i-- {
		if m := h.At(i).msg; b.TakesBack(m) {
			return m
		}
	}
	return nil
}
