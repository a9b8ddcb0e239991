package muc

import (
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
)

// The subject (XEP-0045 §8.1, §7.2.15).

// isSubject reports whether a message changes the subject: it has one, and
// neither body nor thread (XEP-0045 §8.1).
func (in *incoming) isSubject() bool {
	return in.Find("", "subject") != nil && in.Find("", "body") == nil && in.Find("", "thread") == nil
}

// changeSubject proposes a new subject. It is reflected like any message, with its
// id and all that its sender said. One without stanza-id is not to be archived.
func (t *step) changeSubject(m event.Message) {
	if t.archivable(t.in) {
		m.StanzaID = t.newID()
	}
	if m.ID == "" {
		m.ID = t.newID()
	}
	t.propose(&event.SubjectChanged{Message: m})
}

// plainSubject is the subject in one line, for disco: the one without a language of its
// own, else the first.
func plainSubject(s *state.Room) string {
	if s.Subject() == nil {
		return ""
	}
	return strings.Join(strings.Fields(s.Subject().Message().Subject("")), " ")
}
