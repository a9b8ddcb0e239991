package proptest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// checkRules holds what happened to the tables of XEP-0045 §5, written down a second
// time: who enters, in what role, and who is heard.
func (w *world) checkRules(s *step) {
	if n := len(w.inputs); n > 1 && s.in.at.Before(w.inputs[n-2].at) {
		w.slow = nil // what was set by a clock that was ahead does not count
	}
	for ev := range s.fx.Events() {
		switch b := ev.Body.(type) {
		case *event.Joined:
			if b.Session != 0 {
				w.checkAdmission(s, b)
			}
		case *event.MessageArchived:
			w.checkVoice(s, &b.Message)
			w.checkSlow(s, &b.Message)
		case *event.MessageRemembered:
			w.checkVoice(s, &b.Message)
			w.checkSlow(s, &b.Message)
		case *event.SubjectChanged:
			w.checkVoice(s, &b.Message)
		case *event.MessagePassed:
			w.checkSlow(s, &b.Message)
		case *event.VoiceStored:
			w.voices[b.JID] = b.Role
		case *event.AffiliationChanged:
			delete(w.voices, b.JID) // the new affiliation decides now
		}
	}
	// A room may forget who has to wait when it remembers as many as it may, and lets go
	// those whose wait is another one now.
	full := bytes.Count(s.after.live, []byte(`"type":"rate-spent"`)) >= w.cfg.Limits.RateShares
	if full || s.before.conf.SlowMode != s.after.conf.SlowMode {
		w.slow = nil
	}
}

// checkForgotten: of an account that is forgotten nothing stays but what it said, its places in the
// past of the room, and what ends by itself.
func (w *world) checkForgotten(s *step) {
	c, forgotten := s.in.cmd.(muc.Forget)
	if !forgotten || s.err != nil {
		return
	}
	var r struct {
		Events []struct {
			Type string
			Data json.RawMessage
		}
	}
	if err := json.Unmarshal(s.after.live, &r); err != nil {
		w.fail("%v: %s", err, s.after.live)
	}
	stay := []string{"created", "affiliations-versioned", "message-archived", "message-kept", "subject-changed",
		"rate-spent", "voice-requested", "relay-sent", "asked"}
	for _, ev := range r.Events {
		if !slices.Contains(stay, ev.Type) && names(string(ev.Data), c.JID.Bare().String()) {
			w.fail("%s is forgotten, and there is %s: %s", c.JID, ev.Type, ev.Data)
		}
	}
}

// checkSlow: in slow mode nobody but admins and owners is heard twice within the wait
// (XEP-0500 §6).
func (w *world) checkSlow(s *step, m *event.Message) {
	who, wait := m.JID.Bare(), s.before.conf.SlowMode
	if m.Nick == "" || wait <= 0 || s.imports() || s.before.affiliation(who) >= muc.Admin || !strings.Contains(m.Payload, "<body") {
		return
	}
	last, spoke := w.slow[who]
	now := s.in.at.Truncate(time.Millisecond) // as rooms tell time
	if gone := now.Sub(last); spoke && gone >= 0 && gone < wait {
		w.fail("%s is heard %v after the last message", who, gone)
	}
	if w.slow == nil {
		w.slow = map[muc.JID]time.Time{}
	}
	w.slow[who] = now
	w.tally.slowed++
}

// checkAdmission: who enters may, with the password, where there is one, and in the
// role of their affiliation.
func (w *world) checkAdmission(s *step, b *event.Joined) {
	aff, conf := s.before.affiliation(b.JID.Bare()), &s.before.conf
	if w.blocks(s.before, b.JID.Bare()) && !s.before.isInside(b.JID.Bare()) {
		w.fail("%s enters, being blocked", b.JID)
	}
	if s.before.state == muc.Unborn {
		return // it is theirs: they created it
	}
	if aff == muc.Outcast || conf.MembersOnly && aff < muc.Member {
		w.fail("%s enters, being %s", b.JID, aff)
	}
	said := s.in.text
	if a, waited := s.in.cmd.(muc.Answer); waited {
		for _, ask := range w.ledger.asks {
			if ask.ID == a.ID {
				said = ask.Payload
			}
		}
	}
	if conf.Password != "" && aff < muc.Admin && !strings.Contains(said, "<password>"+conf.Password+"</password>") &&
		!(s.in.wild && strings.Contains(said, conf.Password)) {
		w.fail("%s enters without the password", b.JID)
	}
	for i := range s.before.occupants {
		if o := &s.before.occupants[i]; o.Nick == b.Nick {
			return // another session of an occupant
		}
	}
	role := muc.Participant
	switch {
	case aff >= muc.Admin:
		role = muc.Moderator
	case aff == muc.AffiliationNone && conf.Moderated:
		role = muc.Visitor
		if voice, stored := w.voices[b.JID.Bare()]; stored && voice != muc.RoleNone {
			role = voice
		}
	}
	if b.Role != role {
		w.fail("%s, who is %s, enters as %s", b.JID, aff, b.Role)
	}
}

// blocks reports whether the host keeps somebody out, who has no affiliation.
func (w *world) blocks(t *truth, bare muc.JID) bool {
	return w.cfg.IsBlocked != nil && w.cfg.IsBlocked(bare) && t.affiliation(bare) == muc.AffiliationNone
}

// checkBlocked: when the host has put out those whom it blocks, none of them is inside.
func (w *world) checkBlocked(s *step) {
	if _, put := s.in.cmd.(muc.KickBlocked); !put || s.err != nil {
		return
	}
	for i := range s.after.occupants {
		if o := &s.after.occupants[i]; w.blocks(s.after, o.JID.Bare()) {
			w.fail("%s is inside, being blocked", o.JID)
		}
	}
	for ev := range s.fx.Events() {
		if b, ok := ev.Body.(*event.Removed); ok && !w.blocks(s.before, b.JID.Bare()) {
			w.fail("%s is put out, and not blocked", b.JID)
		}
	}
}

// imports reports whether what is heard was heard elsewhere.
func (s *step) imports() bool {
	_, is := s.in.cmd.(muc.ImportMessage)
	return is
}

// checkVoice: who is heard has a voice. The room itself always has one, and what is imported was heard
// elsewhere: while nobody is inside here.
func (w *world) checkVoice(s *step, m *event.Message) {
	if m.Nick == "" || s.imports() && len(s.before.occupants) == 0 {
		return
	}
	for i := range s.before.occupants {
		if o := &s.before.occupants[i]; o.Nick == m.Nick {
			if o.Role < muc.Participant && s.before.conf.Moderated {
				w.fail("%s is heard, being a %s", m.Nick, o.Role)
			}
			return
		}
	}
	w.fail("%s is heard and not inside", m.Nick)
}
