package muc

import (
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
)

// What has changed: presences, affiliations of people who are not inside (XEP-0045 §9.3 and on), the configuration (§10.2.1).

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
			o := h.changed[i].occ
			t.tellList(h, o.Person().JID(), t.r.st.OccupantAffiliation(o), func() { t.renderChanged(&h.changed[i], h) })
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
	p.kind, p.lang, p.payload, p.item.role, p.hats = "unavailable", "", "", RoleNone, nil
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
	if s.Person(b.JID).Inside() || h.joined != nil && h.joined.JID.Bare() == b.JID {
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
		t.tellList(h, b.JID, b.New, func() {
			d, a := t.renderAffiliation(b, ""), t.r.audience()
			t.send(a.moderators.all(), d, splice.None, nil)
			if viewFor(&t.r.st, Participant) == splice.All {
				t.send(a.others.all(), d, splice.None, nil)
			}
		})
		if b.JID.Local() != "" && h.notices > 0 {
			h.notices--
			t.send([]JID{b.JID}, t.renderAffiliation(b, statuses(statusAbsent)), splice.None, nil)
		}
	}
}

// renderConfigured tells everybody inside what kind of change was made
// (XEP-0045 §10.2.1), and what they see differently now.
func (t *step) renderConfigured(h *happened) {
	var codes []int
	for _, c := range h.configured.Changes {
		codes = append(codes, t.changeCodes(c.Var, h.configBefore)...)
	}
	slices.Sort(codes)
	t.tellStatuses(slices.Compact(codes)...)
	t.renderNewSights(h)
}

// tellStatuses tells everybody inside of a change of the room by status codes.
func (t *step) tellStatuses(codes ...int) {
	t.broadcast(splice.Write("message", 192, func(w *xmlwire.Writer) {
		address(w, "from", t.r.jid)
		w.Attr("type", "groupchat")
		w.Start("x", ns.User)
		w.Raw(statuses(codes...))
		w.End()
	}))
}

// changeCodes are the statuses that tell everybody that a field has changed (§10.2.1).
// Some depend on whether the host keeps an archive.
func (t *step) changeCodes(field string, old *RoomConfig) []int {
	c, archive := t.r.st.Config(), t.r.cfg.Archive
	kept, keeps := keepsMessages(old, archive), keepsMessages(c, archive)
	code := statusConfigured
	switch field {
	case "muc#roomconfig_whois":
		code = statusEither(c.Whois == WhoisAnyone, statusNowNonAnonymous, statusNowSemiAnonymous)
	case "muc#roomconfig_presencebroadcast":
		return []int{
			statusIf(old.ShowAbsent != c.ShowAbsent, statusEither(c.ShowAbsent, statusShowsAbsent, statusHidesAbsent)),
			statusIf(old.HiddenRoles != c.HiddenRoles, statusConfigured)}
	case "muc#roomconfig_enablearchiving": // unless a public log says as much before and after
		if kept != keeps {
			code = statusEither(keeps, statusLogged, statusNotLogged)
		}
	case "muc#roomconfig_enablelogging": // its end is none of the archive
		if c.Logging || !keeps {
			code = statusEither(keeps, statusLogged, statusNotLogged)
		}
	}
	return []int{code}
}

// renderNewSights sends again the presences that show more than before: real
// JIDs in a room that became non-anonymous, occupants whose role is no longer
// hidden, visitors whose status text is seen or not seen now. Occupants whose role
// became hidden disappear. Of occupants who changed themselves in this step
// everybody knows already.
func (t *step) renderNewSights(h *happened) {
	s := &t.r.st
	opened := h.configBefore.Whois == WhoisModerators && s.Config().Whois == WhoisAnyone
	for _, o := range s.Occupants() {
		if _, told := h.roleBefore(o); told {
			continue
		}
		was, is := h.configBefore.Broadcasts(o.Role()), s.Config().Broadcasts(o.Role())
		differs := t.seenDifferently(o, h)
		switch {
		case is && (!was || opened || differs):
			t.tellOthers(o.Number(), t.r.presenceBytes(o), nil)
		case was && !is:
			t.tellOthers(o.Number(), t.r.absence(o), nil)
		}
		if differs {
			t.tell(o.Number(), false, t.r.presenceBytes(o), "")
			t.tellSelf(o, t.r.presenceBytes(o), statuses(statusSelf))
		}
	}
}

// seenDifferently reports whether moderators too see something else in an occupant's
// presence since this step changed the configuration.
func (t *step) seenDifferently(o *state.Occupant, h *happened) bool {
	return o.Front() != nil && shownPayload(h.configBefore, o.Role(), o.Front().Payload()) != shownPayload(t.r.st.Config(), o.Role(), o.Front().Payload())
}
