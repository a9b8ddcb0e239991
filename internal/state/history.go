package state

import (
	"cmp"
	"slices"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
)

// history is the last messages of a room, the oldest first, bounded by Limits.History
// and Limits.HistoryBytes.
type history struct {
	entries []Entry
	bytes   int // of all of them, as they count for the bounds
}

// remember appends a message and drops the oldest ones beyond the bounds.
func (h *history) remember(ev *event.Event, base *Base) {
	h.entries = append(h.entries, Entry{ev: *ev})
	h.bytes += ev.Said().Size()
	for len(h.entries) > max(base.History, 0) || h.bytes > max(base.HistoryBytes, 0) {
		h.forget(0)
	}
}

func (h *history) forget(i int) {
	h.bytes -= h.entries[i].Message().Size()
	h.entries = slices.Delete(h.entries, i, i+1)
}

// meant is the index of the message that a retraction means, the latest if there are
// several, or -1.
func (h *history) meant(b *event.MessageRetracted) int {
	for i := len(h.entries) - 1; i >= 0; i-- {
		if b.Means(h.entries[i].Message()) {
			return i
		}
	}
	return -1
}

// retract forgets the message that its author retracted, and reports whether it was
// there.
func (h *history) retract(b *event.MessageRetracted) bool {
	i := h.meant(b)
	if i >= 0 {
		h.forget(i)
	}
	return i >= 0
}

// Archived are the messages that newcomers are shown and that the host archives, the
// oldest first. They are valid until the next event.
func (s *Room) Archived() []Entry { return s.archived.entries }

// Unarchived are those that nobody archives.
func (s *Room) Unarchived() []Entry { return s.unarchived.entries }

// Retracted is the archived message that a retraction means, or nil.
func (s *Room) Retracted(b *event.MessageRetracted) *event.Message {
	if i := s.archived.meant(b); i >= 0 {
		return s.archived.entries[i].Message()
	}
	return nil
}

// MessageNamed is the message that newcomers are shown under an id, as moderators name it
// (XEP-0425 §3.1): the room's, or one of the author's where it has none. It is the latest if
// there are several, nil if there is none.
func (s *Room) MessageNamed(id string) *event.Message {
	for _, h := range [...]history{s.archived, s.unarchived} {
		for _, e := range slices.Backward(h.entries) {
			m := e.Message()
			b := event.MessageRetracted{OccupantID: m.OccupantID, Named: id, Moderated: &event.Moderation{}}
			if m.StanzaID != "" {
				b.StanzaID = id
			}
			if b.Means(m) {
				return m
			}
		}
	}
	return nil
}

// Entry is a message that newcomers are shown.
type Entry struct {
	ev    event.Event
	cache messageCache
}

// messageCache holds the bytes of a remembered message, shared with the Outbound that
// sent it first, and what a newcomer's copy adds to them. It is a cache, not state.
type messageCache struct {
	Doc  *splice.Stanza
	Late *splice.Extra
}

// At is when the message was said.
func (e *Entry) At() time.Time { return e.ev.Time }

// Message is what was said.
func (e *Entry) Message() *event.Message { return e.ev.Said() }

// Cache is the cache of the message's bytes, for reading and writing.
func (e *Entry) Cache() *messageCache { return &e.cache }

// Before reports whether the entry was said before another one.
func (e *Entry) Before(o *Entry) bool {
	return cmp.Or(cmp.Compare(e.ev.Seq, o.ev.Seq), cmp.Compare(e.ev.Sub, o.ev.Sub)) < 0
}
