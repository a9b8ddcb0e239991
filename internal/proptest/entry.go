package proptest

import (
	"slices"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// The stages of an entry (XEP-0045 §7.1).
const (
	lists = iota // of affiliations, or that they are not for the newcomer
	others
	self
	avatar // of the room
	past
	subject
)

const nsDelay = "urn:xmpp:delay"

// checkEntry: a session that enters is told of the lists, of the others, of itself, of the room's avatar, of
// the past and of the subject, in this order, and of no more of the past than the room shows.
func (w *world) checkEntry(s *step) {
	for ev := range s.fx.Events() {
		b, ok := ev.Body.(*event.Joined)
		if !ok || b.Session == 0 {
			continue
		}
		stage, last, messages := lists, "", 0
		for _, m := range s.out {
			if m.to != b.JID {
				continue
			}
			now := stageOf(m.el)
			if stage == subject && m.el.child(nsDelay, "delay") == nil {
				continue // what comes after the subject is live
			}
			if now < stage || now == stage && (now == self || now == avatar) || stage == subject {
				w.fail("%s got\n%s\nafter\n%s", m.to, m.text, last)
			}
			if now == past {
				messages++
			}
			stage, last = now, m.text
		}
		if stage != subject {
			w.fail("the entry of %s did not end with the subject: %s", b.JID, last)
		}
		if most := mostHistory(&s.after.conf); messages > most {
			w.fail("%s was shown %d old messages of %d", b.JID, messages, most)
		}
	}
}

func mostHistory(c *muc.RoomConfig) int {
	switch {
	case c.History < 0:
		return 0
	case c.History == 0:
		return 20
	}
	return c.History
}

func stageOf(el *element) int {
	if el.name == "presence" {
		if el.child(nsUpdate, "x") != nil && el.attr("from") == roomJID.String() {
			return avatar
		}
		if x := el.child(nsUser, "x"); x != nil && slices.Contains(codesOf(x), "110") {
			return self
		}
		return others
	}
	if x := el.child(nsUser, "x"); el.attr("type") == "error" || x != nil && x.child(nsMAV, "mav") != nil {
		return lists
	}
	if el.child("", "subject") != nil && el.child("", "body") == nil {
		return subject
	}
	return past
}
