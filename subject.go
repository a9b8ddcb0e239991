package muc

import (
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
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

// renderSubject sends the subject to a newcomer, also an empty one, because it ends the
// entry (XEP-0045 §7.2.15).
func (t *step) renderSubject(to []JID) {
	r, e := t.r, t.r.st.Subject()
	if e == nil {
		t.send(to, r.renderMessage(&event.Message{Payload: xmlwire.EmptyElement("subject")}), splice.None, nil)
		return
	}
	if e.Cache().Doc == nil {
		m := *e.Message()
		m.Payload = subjectOnly(m.Payload)
		e.Cache().Doc = r.renderMessage(&m)
	}
	t.send(to, e.Cache().Doc, splice.None, r.late(e))
}

// subjectOnly keeps the subject elements of a payload, in all languages.
func subjectOnly(payload string) string {
	return xmlwire.Filtered(payload, func(n *xmlwire.Node) bool { return n.NS == "" && n.Name == "subject" })
}

// plainSubject is the subject in one line, for disco: the one without a language of its
// own, else the first.
func plainSubject(s *state.Room) string {
	if s.Subject() == nil {
		return ""
	}
	text, found := "", false
	for r := (xmlwire.Reader{Text: s.Subject().Message().Payload}); !r.Done(); {
		n := r.ReadNode("")
		if n.NS != "" || n.Name != "subject" {
			continue
		}
		if _, own := n.Attr("xml:lang"); !own || !found {
			text, found = n.Text, true
			if !own {
				break
			}
		}
	}
	return strings.Join(strings.Fields(text), " ")
}
