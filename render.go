package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
)

// What everybody is told of a step is made here and in render_changes.go: the
// events of the step are sorted once by what they mean, and each renderer gets its own.

// happened is what the events of a step mean to those who are told of them. Of what
// stands here as one pointer, no step has more.
type happened struct {
	// configBefore is the configuration before the step, and locked is whether the room
	// waited for one (XEP-0045 §10.1.1).
	configBefore *RoomConfig
	locked       bool
	// gone are *event.Left and *event.Removed, in their order.
	gone    []event.Body
	joined  *event.Joined
	renamed *event.Renamed
	// changed are the occupants whose presence is to be sent again, each once.
	changed []changedPresence
	// absent are the last changes of affiliation of people of whom no presence tells,
	// and notices is to how many of them the room writes.
	absent  []*event.AffiliationChanged
	notices int
	// lists is what those who follow the lists of affiliations are told, nil for nothing.
	lists *listChanges
	// said is a message that is remembered, passed one that is not, or sets the subject.
	said, passed *event.Message
	// mentioned are those outside to whom said is forwarded.
	mentioned *event.Mentioned
	// voice and registration are requests for others to decide on.
	voice        *event.VoiceRequested
	registration *event.RegistrationRequested
	// refused are requests that waited for the host and are refused now.
	refused    []*event.Answered
	configured *event.Configured
	// avatar says that the vCard, in which the avatar is, is another.
	avatar bool
	// hats says that the room has other hats than before.
	hats bool
	// unlocked says that the configuration is the first, destroyed how the room ended.
	unlocked  bool
	destroyed *event.RoomDestroyed
}

// sort takes in the events of a step, when all of them are applied.
func (h *happened) sort(s *state.Room, bodies []event.Body) {
	for _, body := range bodies {
		switch b := body.(type) {
		case *event.Left:
			h.gone = append(h.gone, b)
			if o := s.OccupantByNumber(b.Occupant); o != nil && b.Front {
				h.change(changedPresence{occ: o})
			}
		case *event.Removed:
			h.gone = append(h.gone, b)
		case *event.Joined:
			h.joined = b
		case *event.Renamed:
			h.renamed = b
		case *event.PresenceChanged:
			if ses := s.SessionOf(b.Occupant, b.JID); ses != nil {
				h.change(changedPresence{occ: ses.Occupant()})
			}
		case *event.RoleChanged:
			if o := s.OccupantByNumber(b.Occupant); o != nil {
				h.change(changedPresence{o, b.Old, true, b.Reason, b.Actor})
			}
		case *event.AffiliationChanged:
			h.absent = append(h.absent, b)
			for _, o := range s.Concerned(b.JID) {
				if s.Affected(o, b) {
					h.change(changedPresence{occ: o, reason: b.Reason, actor: b.Actor})
				}
			}
		case *event.Registered:
			for _, o := range s.Concerned(b.JID) {
				h.change(changedPresence{occ: o})
			}
		case *event.MessageArchived:
			h.said = &b.Message
		case *event.MessageRemembered:
			h.said = &b.Message
		case *event.SubjectChanged:
			h.passed = &b.Message
		case *event.MessagePassed:
			h.passed = &b.Message
		case *event.Mentioned:
			h.mentioned = b
		case *event.VoiceRequested:
			h.voice = b
		case *event.RegistrationRequested:
			h.registration = b
		case *event.Answered:
			if b.Condition != "" {
				h.refused = append(h.refused, b)
			}
		case *event.Configured:
			h.configured = b
		case *event.VCardChanged:
			h.avatar = true
		case *event.HatCreated, *event.HatDestroyed:
			h.hats = true
		case *event.Unlocked:
			h.unlocked = true
		case *event.RoomDestroyed:
			h.destroyed = b
		}
	}
	if len(h.absent) > 0 {
		h.absent = h.onlyAbsent(s)
	}
}

// render tells what happened, in the order that XEP-0045 and the rows of the
// conformance table ask for.
func (t *step) render(h *happened) {
	for _, body := range h.gone { // the one concerned first, then the others
		switch b := body.(type) {
		case *event.Left:
			t.renderLeft(b, h)
		case *event.Removed:
			t.tellList(h, b.JID.Bare(), b.Affiliation, func() { t.renderRemoved(b, h) })
		}
	}
	if h.joined != nil {
		if o := t.r.st.OccupantByNumber(h.joined.Occupant); o != nil {
			t.tellList(h, o.Person().JID(), t.r.st.OccupantAffiliation(o), func() { t.announce(o) })
		}
	}
	if h.renamed != nil {
		t.renderRenamed(h)
	}
	if len(h.changed) > 0 {
		t.renderChanges(h)
	}
	if len(h.absent) > 0 {
		t.renderAbsent(h)
	}
	t.tellListRest(h.lists)
	if h.said != nil {
		t.broadcast(t.r.docOf(h.said))
	}
	if h.mentioned != nil {
		t.renderMentioned(h)
	}
	if h.passed != nil {
		t.broadcast(t.r.renderMessage(h.passed))
	}
	if h.voice != nil {
		t.send(t.r.audience().moderators.all(), t.r.voiceApproval(h.voice), splice.None, nil)
	}
	if h.registration != nil {
		t.renderRequest(h.registration)
	}
	for _, render := range t.owed {
		render()
	}
	for _, b := range h.refused {
		t.renderRefused(b)
	}
	if h.configured != nil && !h.unlocked && t.r.st.Alive() { // the first one is no change
		t.renderConfigured(h)
	}
	if h.avatar {
		t.renderAvatar()
	}
	if h.hats {
		t.tellStatuses(statusConfigured)
	}
}
