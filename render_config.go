package muc

import (
	"slices"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Notices of a new configuration (XEP-0045 §10.2.1).

// renderConfigured tells everybody inside what kind of change was made
// (XEP-0045 §10.2.1), and what they see differently now.
func (t *step) renderConfigured(h *happened) {
	t.renderStatus(h)
	t.renderNewSights(h)
}

// renderStatus sends the status codes of a changed configuration, in one
// message.
func (t *step) renderStatus(h *happened) {
	var codes []int
	for _, c := range h.configured.Changes {
		if of := changeCodes[c.Var]; of != nil {
			codes = append(codes, of(h.configBefore, t.r.st.Config(), t.r.cfg.Archive)...)
		} else {
			codes = append(codes, statusConfigured)
		}
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	w := xmlwire.Writer{Bytes: make([]byte, 0, 192)}
	d := splice.Start(&w, "message")
	address(&w, "from", t.r.jid)
	w.Attr("type", "groupchat")
	w.Start("x", ns.User)
	w.Raw(statuses(codes...))
	w.End()
	w.End()
	d.Bytes = w.Bytes
	t.broadcast(d)
}

// changeCodes are the statuses that tell everybody of a change, by the name of the field
// (§10.2.1); for others it is 104. Some depend on whether the host keeps an archive.
var changeCodes = map[string]func(old, new *RoomConfig, archive bool) []int{
	"muc#roomconfig_whois":             whoisCodes,
	"muc#roomconfig_presencebroadcast": broadcastCodes,
	"muc#roomconfig_enablearchiving":   archiveCodes,
	"muc#roomconfig_enablelogging":     loggingCodes,
}

func whoisCodes(_, c *RoomConfig, _ bool) []int {
	if c.Whois == WhoisAnyone {
		return []int{statusNowNonAnonymous}
	}
	return []int{statusNowSemiAnonymous}
}

func broadcastCodes(old, new *RoomConfig, _ bool) []int {
	var list []int
	if old.ShowAbsent != new.ShowAbsent {
		list = append(list, statusHidesAbsent)
		if new.ShowAbsent {
			list[0] = statusShowsAbsent
		}
	}
	if old.HiddenRoles != new.HiddenRoles {
		list = append(list, statusConfigured)
	}
	return list
}

// loggingCodes tell of a public log. One that ends while messages are still
// archived is no reason to say that nothing is kept.
func loggingCodes(_, c *RoomConfig, archive bool) []int {
	switch {
	case c.Logging:
		return []int{statusLogged}
	case keepsMessages(c, archive):
		return []int{statusConfigured}
	}
	return []int{statusNotLogged}
}

// archiveCodes tell of the archive, unless a public log says as much before and
// after.
func archiveCodes(old, c *RoomConfig, archive bool) []int {
	switch was, is := keepsMessages(old, archive), keepsMessages(c, archive); {
	case is && !was:
		return []int{statusLogged}
	case was && !is:
		return []int{statusNotLogged}
	}
	return []int{statusConfigured}
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
