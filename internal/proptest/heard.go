package proptest

import (
	"slices"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// checkHeard: what everybody hears is one event, by its id and its author, and everybody hears
// what such an event says. What reaches a puppet alone is an event, and sent to nobody.
func (w *world) checkHeard(s *step) {
	said := map[[2]string]int{} // how many hear it
	for ev := range s.fx.Events() {
		if b, ok := ev.Body.(*event.PrivateReceived); ok {
			w.checkPrivate(s, b)
		}
		m := ev.Said()
		if m == nil {
			continue
		}
		key := [2]string{m.ID, m.Nick}
		if _, twice := said[key]; twice || m.ID == "" {
			w.fail("said twice, or without an id: %v", ev)
		}
		said[key] = 0
	}
	for _, m := range s.out {
		if m.el.name != "message" || m.el.attr("type") != "groupchat" || s.shownAgain(m) || m.el.attr("id") == "" && m.el.child(nsUser, "x") != nil {
			continue // what was said before, or a notice of the room's
		}
		nick, _ := nickIn(m.el.attr("from"))
		key := [2]string{m.el.attr("id"), nick}
		if _, known := said[key]; !known {
			w.fail("heard, and no event: %s", m.text)
		}
		said[key]++
	}
	for key, n := range said {
		if n != len(s.after.sessions) {
			w.fail("%q is heard by %d of %d", key, n, len(s.after.sessions))
		}
	}
	if to, private := s.toPuppet(); private && !slices.ContainsFunc(s.fx.Volatile, func(ev event.Event) bool {
		b, ok := ev.Body.(*event.PrivateReceived)
		return ok && b.To == to
	}) {
		w.fail("said to a puppet, and no event")
	}
}

// shownAgain reports whether a stanza goes to somebody who enters, or asks for everything
// again: history, or the subject.
func (s *step) shownAgain(m sent) bool {
	return s.resync && s.in.stanza.Tag == "presence" && m.to.String() == s.sender || slices.ContainsFunc(s.fx.Volatile, func(ev event.Event) bool {
		b, ok := ev.Body.(*event.Joined)
		return ok && b.JID == m.to
	})
}

// toPuppet is the puppet to whom a stanza of the step is a private message that was not
// refused.
func (s *step) toPuppet() (nick string, ok bool) {
	el := s.in.stanza
	if el == nil || el.Tag != "message" || s.err != nil || s.fx.Refused != nil || s.before.inside[s.sender] == nil {
		return "", false
	}
	if typ := plain(el, "type"); typ == "groupchat" || typ == "error" {
		return "", false
	}
	to, err := muc.ParseJID(plain(el, "to"))
	if err != nil || to.Resource() == "" {
		return "", false
	}
	return to.Resource(), slices.ContainsFunc(s.before.occupants, func(o muc.Occupant) bool { return o.Nick == to.Resource() && len(o.Sessions) == 0 })
}

// checkPrivate: what reached a puppet came from somebody inside, by the rules for private
// messages, and goes to nobody.
func (w *world) checkPrivate(s *step, b *event.PrivateReceived) {
	find := func(nick string) *muc.Occupant {
		for i := range s.after.occupants {
			if s.after.occupants[i].Nick == nick {
				return &s.after.occupants[i]
			}
		}
		w.fail("a private message between %q and %q, and one is not inside", b.Nick, b.To)
		return nil
	}
	from, to := find(b.Nick), find(b.To)
	w.tally.toPuppets++
	if len(to.Sessions) > 0 || len(s.out) > 0 {
		w.fail("to a puppet, with sessions %v, and %d stanzas", to.Sessions, len(s.out))
	}
	if from.JID != to.JID && s.after.conf.AllowPM == muc.PMNone && !(s.after.conf.ModeratorPM && to.Role == muc.Moderator) {
		w.fail("a private message where there are none: %+v", b)
	}
}
