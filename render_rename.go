package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
)

// Presence of those with a new nick (XEP-0045 §7.6).

// renderRenamed tells of a new nick: the old one goes with 303 and the new one
// comes (XEP-0045 §7.6). Where other sessions stay under the old nick, only the
// mover sees it go, and is told that it is still there. Where a session joins
// others under another nick of its person, everybody sees the old one go and the
// presence of the other change. A nick that was given and not chosen is marked
// with 210 for everybody (§7.10).
func (t *step) renderRenamed(h *happened) {
	r, s, b := t.r, &t.r.st, h.renamed
	ses := s.RenamedSession(b)
	if ses == nil {
		return
	}
	o, mover := ses.Occupant(), []JID{b.JID}
	gone := r.renderPresence(&presence{nick: b.Old, id: o.ID(), kind: "unavailable", item: item{
		affiliation: s.OccupantAffiliation(o), role: b.Role, nick: b.Nick, real: b.JID}})
	self, others := statuses(statusSelf, statusRenamed), statuses(statusRenamed)
	stays := s.OccupantByNumber(b.From)
	switch {
	case stays == o:
		t.tellEach(r.audience().sessionsOf(o), gone, self)
		t.tell(o.Number(), s.Config().Broadcasts(b.Role), gone, others)
	case stays == nil:
		t.tellEach(mover, gone, self)
		t.tell(o.Number(), s.Config().Broadcasts(b.Role), gone, others)
		if shows(s, b.Role, o) {
			for _, to := range r.audience().sessionsOf(o) {
				if to != b.JID {
					t.send([]JID{to}, gone, viewFor(s, o.Role()), &splice.Extra{Tail: others})
				}
			}
		}
	default:
		t.tellEach(mover, gone, self)
		t.renderStaying(stays, b, o)
	}
	assigned := 0
	if b.Assigned {
		assigned = statusNickChanged
	}
	doc := r.presenceBytes(o)
	t.tell(o.Number(), s.Config().Broadcasts(o.Role()), doc, statuses(assigned))
	t.tellSelf(o, doc, statuses(statusSelf, assigned))
	if b.Role != o.Role() {
		t.renderSight(mover, o, b.Role, stays, h)
	}
}

// renderStaying tells of an occupant whom one of its sessions has left for
// another nick: the mover, who just saw it go, and everybody else if another
// session speaks for it now.
func (t *step) renderStaying(stays *state.Occupant, b *event.Renamed, mover *state.Occupant) {
	r, s := t.r, &t.r.st
	if b.Front {
		t.tell(stays.Number(), s.Config().Broadcasts(stays.Role()), r.presenceBytes(stays), "")
		t.tellSelf(stays, r.presenceBytes(stays), statuses(statusSelf))
	} else if shows(s, stays.Role(), mover) {
		t.send([]JID{b.JID}, r.presenceBytes(stays), viewFor(s, mover.Role()), nil)
	}
}
