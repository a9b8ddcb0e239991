package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
)

// Presence of those who have left or were removed.

// renderDepartures tells who is gone: the one concerned first, then the others.
func (t *step) renderDepartures(h *happened) {
	for _, body := range h.gone {
		switch b := body.(type) {
		case *event.Left:
			t.renderLeft(b, h)
		case *event.Removed:
			t.renderRemoved(b, h)
		}
	}
}

// tellGone tells the others of somebody who is gone. Those who see a hidden role no
// more since this step must hear of it too.
func (t *step) tellGone(role Role, doc *splice.Stanza, code int, h *happened) {
	tail := statuses(code)
	shown := h.configBefore.Broadcasts(role)
	t.tell(0, shown, doc, tail)
	if shown {
		return
	}
	for i := range h.changed {
		if c := &h.changed[i]; c.oldRole == Moderator && c.occ.Role() != Moderator {
			t.send(t.r.audience().sessionsOf(c.occ), doc, viewFor(&t.r.st, c.occ.Role()), &splice.Extra{Tail: tail})
		}
	}
}

func (t *step) renderLeft(b *event.Left, h *happened) {
	doc := t.r.renderPresence(&presence{nick: b.Nick, id: b.OccupantID, kind: "unavailable", lang: b.Lang, payload: shownPayload(t.r.st.Config(), b.Role, b.Payload),
		item: item{affiliation: b.Affiliation, real: b.JID}})
	code := 0
	if b.How != event.DepartureWill {
		code = statusError
	}
	if b.How != event.DepartureVanished && b.Session != 0 {
		t.send([]JID{b.JID}, doc, splice.Self, &splice.Extra{ID: t.askedToLeave(b), Tail: statuses(statusSelf, code)})
	}
	if b.Last && b.Session != 0 && b.How != event.DepartureVanished && h.locked && h.destroyed != nil {
		t.renderCancelled(b.JID, h.destroyed)
	}
	if b.Last {
		t.tellGone(b.Role, doc, code, h)
	}
}

// askedToLeave is the id of the presence by which somebody leaves.
func (t *step) askedToLeave(b *event.Left) string {
	if t.in == nil || b.How != event.DepartureWill || t.in.from != b.JID {
		return ""
	}
	return t.in.id
}

// renderCancelled tells who left without configuring the room that it is no more
// (XEP-0045 §10.1.3). Clients wait for their own presence to leave (§7.14), so that
// comes first, and this is a presence of the room.
func (t *step) renderCancelled(session JID, end *event.RoomDestroyed) {
	t.send([]JID{session}, t.r.renderPresence(&presence{kind: "unavailable", destroy: end}), splice.None, nil)
}

func (t *step) renderRemoved(b *event.Removed, h *happened) {
	p := presence{nick: b.Nick, id: b.OccupantID, kind: "unavailable",
		item: item{affiliation: b.Affiliation, real: b.JID, reason: b.Reason, actor: b.Actor}}
	ends := b.Cause == event.CauseDestroyed || b.Cause == event.CauseShutdown
	if b.Cause == event.CauseDestroyed {
		p.destroy = h.destroyed
	}
	doc := t.r.renderPresence(&p)
	code := removalCodes[b.Cause]
	x := &splice.Extra{Tail: statuses(statusSelf, code)}
	for i := range b.JIDs {
		t.send(b.JIDs[i:i+1:i+1], doc, splice.Self, x)
	}
	// When everybody goes, each learns only of their own going.
	if !ends {
		t.tellGone(b.Role, doc, code, h)
	}
}
