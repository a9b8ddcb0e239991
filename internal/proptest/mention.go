package proptest

import (
	"fmt"
	"strings"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// mention is a message with references to people, often to those who are not inside.
func (w *world) mention() {
	if who := muc.MustParseJID(pick(w, "absent", users)); w.cfg.ForwardMentions && !w.last.isInside(who) && w.last.affs[who.String()] < muc.Member {
		w.command(muc.Configure{Change: func(c *muc.RoomConfig) { c.ForwardMentions = true }})
		w.command(muc.SetAffiliation{JID: who, Affiliation: muc.Member, Nick: w.name()})
	}
	refs, sender := "", w.someone()
	for range pick(w, "mentions", []int{1, 2, 5}) {
		uri := roomJID.String() + "/" + w.nick()
		if len(w.reserved) > 0 && w.oneIn(2, "reserved") {
			uri = roomJID.String() + "/" + esc(pick(w, "reservation", w.reservedNicks()))
		}
		if w.last.conf.Whois == muc.WhoisAnyone && w.oneIn(2, "real") { // elsewhere it would give somebody away
			uri = pick(w, "mentioned", users)
			if !strings.HasPrefix(sender, uri+"/") {
				w.named[uri] = true
			}
		}
		refs += "<reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:" + uri + "'/>"
	}
	w.stanza(fmt.Sprintf(`<message type='groupchat' id='%s' from='%s' to='%s'><body>you</body>%s</message>`, w.id(), sender, roomJID, refs))
}

// withoutMentions leaves out of a text the addresses by which people mentioned somebody else
// while the room showed them: what people write is their own, and history keeps it.
func (w *world) withoutMentions(text string) string {
	for u := range w.named {
		text = strings.ReplaceAll(text, "uri='xmpp:"+u+"'", "")
	}
	return text
}

// reservedNicks are those that people have, by address.
func (w *world) reservedNicks() (list []string) {
	for _, u := range users {
		if nick := w.reserved[muc.MustParseJID(u)]; nick != "" {
			list = append(list, nick)
		}
	}
	return append(list, "Ann")
}

// checkMentions: a message is forwarded to those alone who have an affiliation and a nick, are
// not inside, and where host and owners want it (XEP-0452).
func (w *world) checkMentions(s *step) {
	told := map[muc.JID]bool{}
	for ev := range s.fx.Events() {
		switch b := ev.Body.(type) {
		case *event.Registered:
			w.reserved[b.JID] = b.Nick
		case *event.Deregistered:
			delete(w.reserved, b.JID)
		case *event.Mentioned:
			if !w.cfg.ForwardMentions || !s.before.conf.ForwardMentions {
				w.fail("a mention is forwarded in a room that does not: %v", b.JIDs)
			}
			for _, j := range b.JIDs {
				if told[j] || s.before.affiliation(j) < muc.Member || w.reserved[j] == "" || s.before.isInside(j) {
					w.fail("%s hears of a mention", j)
				}
				told[j] = true
				w.tally.mentioned++
			}
		}
	}
	for _, m := range s.out {
		if !strings.Contains(m.text, "<mentions xmlns='urn:xmpp:mmn:0'>") {
			continue
		}
		if !told[m.to] || m.el.attr("from") != roomJID.String() {
			w.fail("a mention is forwarded to %s: %s", m.to, m.text)
		}
		delete(told, m.to)
	}
	if len(told) > 0 {
		w.fail("mentioned and not told: %v", told)
	}
}

// isInside reports whether a person is inside, with a session or as a puppet.
func (t *truth) isInside(bare muc.JID) bool {
	for i := range t.occupants {
		if t.occupants[i].JID.Bare() == bare {
			return true
		}
	}
	return false
}
