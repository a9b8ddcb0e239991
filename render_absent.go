package muc

import (
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
)

// Changes of affiliation of people who are not inside (XEP-0045 §9.3 and on).

// onlyAbsent is what is left of the changes of affiliation when those are taken out of
// which a presence tells. Of several that somebody gets in one step the last is told.
func (h *happened) onlyAbsent(s *state.Room) []*event.AffiliationChanged {
	left := h.absent[:0]
	for i, b := range h.absent {
		again := slices.ContainsFunc(h.absent[i+1:], func(later *event.AffiliationChanged) bool { return later.JID == b.JID })
		if b.Old != b.New && !again && !h.concernsPresent(s, b) {
			left = append(left, b)
		}
	}
	return left
}

// concernsPresent reports whether a presence tells of a change of affiliation: that of
// an occupant, or of one who came in or was put out in the same step.
func (h *happened) concernsPresent(s *state.Room, b *event.AffiliationChanged) bool {
	if p, ok := s.Persons().Get(b.JID); ok && p.Inside() || h.joined != nil && h.joined.JID.Bare() == b.JID {
		return true
	}
	return slices.ContainsFunc(h.gone, func(body event.Body) bool {
		o, removed := body.(*event.Removed)
		return removed && o.JID.Bare() == b.JID && o.Affiliation == b.New
	})
}

// rationAbsent takes what renderAbsent may send to people outside from the notices of
// the person who wanted it.
func (t *step) rationAbsent(h *happened) {
	if !t.r.st.Alive() {
		return // the end of the room ended that too
	}
	var by JID
	n := 0
	for _, b := range h.absent {
		if b.JID.Local() != "" {
			by = b.Actor.JID
			n++
		}
	}
	if t.in != nil {
		by = t.in.from // a change of one's own names no actor
	}
	h.notices = t.notices(by, n)
}

// renderAbsent tells those who see real JIDs of an affiliation that somebody who is
// not inside has now (XEP-0045 §9.3 and on; XEP-0463 §4), and the person concerned, if
// the host wants it.
func (t *step) renderAbsent(h *happened) {
	for _, b := range h.absent {
		d, a := t.renderAffiliation(b, ""), t.r.audience()
		t.send(a.moderators.all(), d, splice.None, nil)
		if viewFor(&t.r.st, Participant) == splice.All {
			t.send(a.others.all(), d, splice.None, nil)
		}
		if b.JID.Local() != "" && h.notices > 0 {
			h.notices--
			t.send([]JID{b.JID}, t.renderAffiliation(b, statuses(statusAbsent)), splice.None, nil)
		}
	}
}
