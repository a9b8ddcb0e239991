package muc

import "github.com/gomuc/muc/event"

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

// Subject is the room's subject and the nick of the person who set it, both empty if there
// is none. Of a subject in several languages it is the one without a language of its own,
// else the first.
func (r *Room) Subject() (subject, nick string) {
	e := r.st.Subject()
	if e == nil {
		return "", ""
	}
	return e.Message().Subject(""), e.Message().Nick
}
