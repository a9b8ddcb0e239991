package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
)

// Presence that has changed.

// changedPresence is an occupant whose presence has to be sent again, and what is to
// be said about it.
type changedPresence struct {
	occ         *state.Occupant
	oldRole     Role // before this step
	roleChanged bool
	reason      string
	actor       event.Actor
}

// resend has the presence of somebody who is inside sent again, whatever has
// become of it (amendment 0.1 of the feature table: that is how a new or confirmed
// nick is told).
func (t *step) resend(bare JID, reason string, by event.Actor) {
	for _, o := range t.r.st.Concerned(bare) {
		t.resent = append(t.resent, changedPresence{occ: o, reason: reason, actor: by})
	}
}

// renderChanges tells how everybody is now of whom something has changed.
func (t *step) renderChanges(h *happened) {
	for i := range h.changed {
		if !h.announced(h.changed[i].occ) {
			t.renderChanged(&h.changed[i], h)
		}
	}
	for i := range h.changed {
		if c := &h.changed[i]; c.oldRole != c.occ.Role() {
			t.renderSight(t.r.audience().sessionsOf(c.occ), c.occ, c.oldRole, nil, h)
		}
	}
}

// announced reports whether everybody has just been told of an occupant, who came
// in with this step or was given another nick.
func (h *happened) announced(o *state.Occupant) bool {
	return h.joined != nil && h.joined.Occupant == o.Number() ||
		h.renamed != nil && h.renamed.Assigned && h.renamed.Occupant == o.Number()
}

// change adds an occupant, or completes what is said about one that is there already:
// several events about an occupant make one presence.
func (h *happened) change(c changedPresence) {
	if !c.roleChanged {
		c.oldRole = c.occ.Role()
	}
	for i := range h.changed {
		if known := &h.changed[i]; known.occ == c.occ {
			if c.roleChanged && !known.roleChanged {
				known.oldRole, known.roleChanged = c.oldRole, true
			}
			if c.reason != "" || known.reason == "" && known.actor == (event.Actor{}) {
				known.reason, known.actor = c.reason, c.actor // the last that was given
			}
			return
		}
	}
	h.changed = append(h.changed, c)
}

// resend adds those whose presence is to be sent again in any case, if they are still
// inside.
func (h *happened) resend(s *state.Room, list []changedPresence) {
	for _, c := range list {
		if s.OccupantByNumber(c.occ.Number()) != nil {
			h.change(c)
		}
	}
}

// renderChanged sends an occupant's presence to all who see it, and treats a change
// of role that hides or shows the occupant as leaving or joining (XEP-0045 §5.1.3,
// muc#roomconfig_presencebroadcast).
func (t *step) renderChanged(c *changedPresence, h *happened) {
	r, o := t.r, c.occ
	doc := r.presenceBytes(o)
	if c.reason != "" || c.actor != (event.Actor{}) {
		p := r.presenceOf(o)
		p.item.reason, p.item.actor = c.reason, c.actor
		doc = r.renderPresence(&p)
	}
	was, is := h.configBefore.Broadcasts(c.oldRole), r.st.Config().Broadcasts(o.Role())
	t.tell(o.Number(), is, doc, "")
	if was && !is {
		t.tellOthers(o.Number(), r.absence(o), nil)
	}
	t.tellSelf(o, doc, statuses(statusSelf))
}

// absence is the presence by which an occupant disappears from the sight of
// somebody without going anywhere.
func (r *Room) absence(o *state.Occupant) *splice.Stanza {
	p := r.presenceOf(o)
	p.kind, p.lang, p.payload, p.item.role = "unavailable", "", "", RoleNone
	return r.renderPresence(&p)
}

// renderSight sends to sessions of an occupant what it sees of the others only since,
// or no more since, its role changed: real JIDs, and those whom the room shows to
// moderators alone. It leaves out what everybody is told in this step, and known, of
// whom it has been told already.
func (t *step) renderSight(to []JID, reader *state.Occupant, oldRole Role, known *state.Occupant, h *happened) {
	s := &t.r.st
	gains := reader.Role() == Moderator && oldRole != Moderator
	loses := reader.Role() != Moderator && oldRole == Moderator
	jids := viewIn(h.configBefore, oldRole) != viewFor(s, reader.Role())
	for _, o := range s.Occupants() {
		role, told := h.roleBefore(o)
		shown := h.configBefore.Broadcasts(role)
		switch {
		case o == reader || o == known:
		case gains && !told && !t.seenDifferently(o, h) && (jids || !shown):
			t.send(to, t.r.presenceBytes(o), viewFor(s, reader.Role()), nil)
		case loses && !shown && !s.Config().Broadcasts(o.Role()):
			t.send(to, t.r.absence(o), viewFor(s, reader.Role()), nil)
		}
	}
}

// roleBefore is the role that an occupant had before this step, and whether
// everybody who sees that occupant has been told in it.
func (h *happened) roleBefore(o *state.Occupant) (role Role, told bool) {
	for i := range h.changed {
		if h.changed[i].occ == o {
			return h.changed[i].oldRole, true
		}
	}
	return o.Role(), false
}

// renderLostTouch tells a session that believes to be inside that it is not
// (XEP-0045 §7.2.18).
func (t *step) renderLostTouch() {
	doc := t.r.renderPresence(&presence{kind: "unavailable", nick: t.r.addressedAs(t.in).Resource(),
		item: item{reason: "You are not in the room."}})
	t.toSender(doc, splice.None, &splice.Extra{Tail: statuses(statusSelf, statusKicked, statusError)})
}
