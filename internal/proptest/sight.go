package proptest

import (
	"fmt"
	"strings"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// checkSecrets: a real JID reaches only who may see it; the password only who owns
// the room or is invited; the host's secret and what belongs to other rooms nobody,
// be it in a stanza or in an error. What somebody has just said is no news to them.
func (w *world) checkSecrets(s *step) {
	for _, m := range s.out {
		m.text = w.withoutMentions(m.text)
		w.checkSpellings(s, m)
		said := ""
		if m.to.String() == s.sender || s.in.wild {
			said = strings.Replace(s.in.text, "from='"+s.sender+"'", "", 1)
		}
		if !s.seesJIDs(m.to) {
			for _, u := range users {
				if strings.Contains(withoutOwn(m, u), u) && !strings.Contains(said, u) && !declined(s, m, u) {
					w.fail("%s learns of %s: %s", m.to, u, m.text)
				}
			}
			if others := strings.ReplaceAll(m.text, m.to.Bare().String(), ""); strings.Contains(others, crowd) && !strings.Contains(said, crowd) {
				w.fail("%s learns of one of the crowd: %s", m.to, m.text)
			}
		}
		if strings.Contains(m.text, password) && !strings.Contains(said, password) && !mayRead(s, m) {
			w.fail("%s learns the password: %s", m.to, m.text)
		}
		if strings.Contains(m.text, nextDoor) && !strings.Contains(said, nextDoor) {
			w.fail("%s hears from next door: %s", m.to, m.text)
		}
		if strings.Contains(m.text, secret) {
			w.fail("the secret: %s", m.text)
		}
	}
	if s.err == nil && s.fx.Refused == nil {
		return
	}
	errors := ""
	if s.err != nil {
		errors = s.err.Error()
	}
	if e := s.fx.Refused; e != nil {
		errors += fmt.Sprintf("%v %+v", e, *e)
	}
	for _, not := range append([]string{password, secret, nextDoor}, users...) {
		if strings.Contains(errors, not) {
			w.fail("%s stands in an error: %s", not, errors)
		}
	}
}

// withoutOwn is what somebody is told, without the own address where another one is a part of it.
func withoutOwn(m sent, other string) string {
	if own := m.to.Bare().String(); strings.Contains(own, other) {
		return strings.ReplaceAll(m.text, own, "")
	}
	return m.text
}

// checkSpellings: no client gives its user's address away to whom the room does not
// show it, in whatever spelling. What people write is their own.
func (w *world) checkSpellings(s *step, m sent) {
	if s.in.stanza == nil || s.in.wild || s.seesJIDs(m.to) || m.to.String() == s.sender {
		return
	}
	for _, u := range users {
		if m.to.Bare().String() != u && names(m.text, u) && !declined(s, m, u) {
			w.fail("%s learns of %s: %s", m.to, u, m.text)
		}
	}
}

// names reports whether an address stands in a text, in whatever spelling.
func names(text, bare string) bool { return strings.Contains(unescaped(text), bare) }

// unescaped is a text without the ways in which clients write addresses.
func unescaped(text string) string {
	text = strings.ToLower(text)
	for range 3 {
		text = strings.NewReplacer("%40", "@", "%2e", ".", "%3a", ":", "%25", "%").Replace(text)
	}
	return text
}

// spelled is somebody's own address as clients write it in what they send.
func (w *world) spelled(full string) string {
	bare, _, _ := strings.Cut(full, "/")
	escaped := strings.Replace(bare, "@", "%40", 1)
	uri := pick(w, "spelling", []string{full, bare, strings.ToUpper(bare), "xmpp:" + bare + "?join", "XMPP:" + strings.ToUpper(full), "see " + bare + ".",
		"xmpp:" + escaped, "https://x.example/?u=" + escaped + "&amp;v=1", "https://x.example/?u=" + strings.Replace(escaped, "%", "%25", 1)})
	return pick(w, "place", []string{
		"<reference xmlns='urn:xmpp:reference:0' uri='" + uri + "'/>", "<x xmlns='jabber:x:oob'><url>" + uri + "</url></x>",
		"<x xmlns='urn:x' xmlns:p='" + uri + "' xmlns:q='" + strings.ToUpper(bare) + "' p:a='1' q:a='2'/>",
		"<stanza-id xmlns='urn:xmpp:sid:0' by='" + bare + "' id='own'/>", "<delay xmlns='urn:xmpp:delay' from='" + full + "' stamp='2030-01-01T00:00:00Z'/>",
	})
}

// seesJIDs is who sees real JIDs in what a step gave: those who do when it is over; of those
// who left with it, those who did before.
func (s *step) seesJIDs(to muc.JID) bool {
	if _, stays := s.after.inside[to.String()]; stays {
		return s.after.seesJIDs(to)
	}
	return s.before.seesJIDs(to) || s.after.seesJIDs(to)
}

// declined reports whether a stanza tells an inviter that the one who was invited
// by that address declines.
func declined(s *step, m sent, who string) bool {
	for ev := range s.fx.Events() {
		if b, ok := ev.Body.(*event.InviteUsed); ok && b.Declined && b.Inviter.Bare() == m.to.Bare() && b.Invitee.Bare().String() == who {
			return true
		}
	}
	return false
}

// mayRead reports whether somebody may be told the password: an owner, somebody who is
// about to be one, and somebody who is invited (XEP-0045 §7.8.2).
func mayRead(s *step, m sent) bool {
	if s.before.state == muc.Unborn {
		return true
	}
	if who := m.to.Bare(); s.before.affiliation(who) == muc.Owner || s.after.affiliation(who) == muc.Owner {
		return true
	}
	x := m.el.child(nsUser, "x")
	return m.el.name == "message" && x != nil && x.child("", "invite") != nil
}
