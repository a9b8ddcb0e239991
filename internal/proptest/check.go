package proptest

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// step is one step and all that came of it.
type step struct {
	in            input
	fx            muc.Effects
	err           error
	due           time.Time // before
	before, after *truth
	sender        string // of a stanza, as written there
	// resync: the sender is inside and joins once more (XEP-0045 §17.3).
	resync bool
	out    []sent
}

// check holds one step to all promises that concern a step. out is its output as
// bytes.
func (w *world) check(s *step, out []byte) {
	w.checkReplay(s, out)
	w.checkRefusal(s)
	w.checkDue(s)
	if (s.after.state == muc.Locked || s.after.state == muc.Open) && !s.after.hasOwner() {
		w.fail("the room has no owner")
	}
	w.checkRecipients(s)
	w.checkSecrets(s)
	w.checkEntry(s)
	w.checkSelf(s)
	w.checkRules(s)
	w.checkForgotten(s)
	w.checkBlocked(s)
	w.checkAnswers(s)
	w.checkRetraction(s)
	w.checkHats(s)
	w.checkMentions(s)
	w.checkHeard(s)
	w.checkAvatar(s)
	w.checkBounds(s.out)
	for _, m := range s.out {
		w.tally.stanzas++
		if !m.to.IsBare() {
			w.client(m.to.String()).fold(m.el)
		}
		w.remember(m)
	}
	w.checkLists(s)
	w.forgetVanished(s)
	w.checkBelief(s.after)
	w.checkSize(s)
}

// remember keeps a private message, for somebody to send back.
func (w *world) remember(m sent) {
	if _, ofOccupant := nickIn(m.el.attr("from")); ofOccupant && m.el.name == "message" && m.el.attr("type") == "chat" {
		w.privates = append(w.privates, m)
	}
	if x := m.el.child("jabber:x:data", "x"); x != nil && m.el.name == "message" {
		w.forms = append(w.forms, x)
	}
}

// checkRefusal: who is refused has changed nothing. A join that waited for the
// host's answer waits no more, whatever comes of it.
func (w *world) checkRefusal(s *step) {
	if s.err != nil && (len(s.fx.Outbound) > 0 || len(s.fx.Questions) > 0) {
		w.fail("refused (%v) and yet said something", s.err)
	}
	if e := s.fx.Refused; e != nil && (e.Condition == "" || e.Section == "") {
		w.fail("refused without a reason: %+v", e)
	}
	if _, waited := s.in.cmd.(muc.Answer); waited && s.err == nil {
		return
	}
	if (s.err != nil || s.fx.Refused != nil) && (!bytes.Equal(s.before.live, s.after.live) || len(slices.Collect(s.fx.Events())) > 0) {
		w.fail("refused (%v, %v) and yet changed", s.err, s.fx.Refused)
	}
}

// checkDue: when a room is due something happens, and what was due is done; when it is
// not, nothing happens.
func (w *world) checkDue(s *step) {
	if !s.in.tick {
		return
	}
	isDue := !s.due.IsZero() && !s.due.After(s.in.at)
	if s.due.IsZero() && len(slices.Collect(s.fx.Events())) > 0 || isDue && len(slices.Collect(s.fx.Events())) == 0 {
		w.fail("due at %v, and %d events at %v", s.due, len(slices.Collect(s.fx.Events())), s.in.at)
	}
	if next := w.room.Deadline(); isDue && !next.IsZero() && !next.After(s.in.at) && !next.After(s.due) {
		w.fail("due at %v, still or again, after %v", next, s.in.at)
	}
}

// checkRecipients: who gets a stanza is inside, or sent what it answers, or is
// concerned by it; and nobody gets anything twice, unless it asks for everything
// again and changes something at the same time.
func (w *world) checkRecipients(s *step) {
	concerned := map[muc.JID]bool{}
	for ev := range s.fx.Events() {
		switch b := ev.Body.(type) {
		case *event.Answered:
			concerned[b.JID] = true
		case *event.InviteSent:
			concerned[b.Invitee] = true
		case *event.InviteUsed:
			concerned[b.Inviter.Bare()] = true
		case *event.AffiliationChanged:
			concerned[b.JID] = true
		case *event.Registered:
			concerned[b.JID] = true
		case *event.RegistrationClosed:
			concerned[b.JID] = true
		case *event.Mentioned:
			for _, j := range b.JIDs {
				concerned[j] = true
			}
		}
	}
	texts, presences := map[string]bool{}, map[[3]string]bool{}
	for _, m := range s.out {
		to := m.to.String()
		if from, inRoom := strings.CutPrefix(m.el.attr("from"), roomJID.String()); !inRoom || from != "" && from[0] != '/' {
			w.fail("not from the room: %s", m.text)
		}
		if !concerned[m.to] && to != s.sender && !s.before.hosts(m) && !s.after.hosts(m) {
			w.fail("sent to a stranger, %s: %s", to, m.text)
		}
		if s.resync && to == s.sender {
			continue
		}
		if texts[to+m.text] {
			w.fail("sent twice to %s: %s", to, m.text)
		}
		texts[to+m.text] = true
		if m.el.name != "presence" || m.el.attr("type") == "error" {
			continue
		}
		about := [3]string{to, m.el.attr("from"), m.el.attr("type")}
		if presences[about] {
			w.fail("told twice, the second time %s", m.text)
		}
		presences[about] = true
	}
}

// hosts reports whether a stanza goes to somebody inside: to a session, or, of
// requests that accounts answer, to the account of one.
func (t *truth) hosts(m sent) bool {
	if _, inside := t.inside[m.to.String()]; inside || !m.to.IsBare() || m.el.name != "iq" {
		return inside
	}
	for i := range t.occupants {
		if t.occupants[i].JID == m.to {
			return true
		}
	}
	return false
}
