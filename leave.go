package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/stanzaerror"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Exiting a room (XEP-0045 §7.14), and sessions that are not there any more (§11.1).

// leave decides on an unavailable presence (XEP-0045 §7.14). Whatever address it
// has, the session leaves; from strangers it means nothing (§17.3).
func (t *step) leave() *StanzaError {
	ses := t.sender.session
	if ses == nil {
		t.withdrawJoins(t.in.from)
		return nil
	}
	payload, refused := t.presencePayload(ses.Occupant().Nick())
	if refused != nil {
		payload = "" // a reason for going that is too long keeps nobody inside
	}
	t.part(ses, payload, event.DepartureWill)
	return nil
}

// part proposes that one session goes, and what that means for the room.
func (t *step) part(ses *state.Session, payload string, how event.Departure) {
	last := ses.Occupant().SessionCount() == 1
	t.proposeLeft(ses, payload, how, last)
	if last {
		t.endIfEmpty(1)
	}
}

func (t *step) proposeLeft(ses *state.Session, payload string, how event.Departure, last bool) {
	o := ses.Occupant()
	b := &event.Left{Occupant: o.Number(), Session: ses.Number(), JID: ses.JID(), Nick: o.Nick(), OccupantID: o.ID(), Role: o.Role(),
		Affiliation: t.r.st.OccupantAffiliation(o), How: how, Last: last, Front: o.Front() == ses, Payload: payload}
	if payload != "" {
		b.Lang = t.in.lang
	}
	t.propose(b)
}

// remove proposes that an occupant is put out.
func (t *step) remove(o *state.Occupant, cause event.Cause, aff Affiliation, reason string, by event.Actor) {
	b := &event.Removed{Occupant: o.Number(), JID: o.FrontJID(), Nick: o.Nick(), OccupantID: o.ID(), Role: o.Role(), Affiliation: aff,
		Cause: cause, Reason: reason, Actor: by, JIDs: make([]JID, 0, o.SessionCount())}
	for ses := range o.Sessions() {
		b.JIDs = append(b.JIDs, ses.JID())
	}
	t.propose(b)
}

// condition is that of the error which a stanza reports; empty for none.
func (in *incoming) condition() stanza.Condition {
	if c := in.Find("", "error"); c != nil {
		n := xmlwire.ParseNode(in.XML(c))
		for i := range n.Kids {
			if n.Kids[i].NS == ns.Stanzas && n.Kids[i].Name != "text" {
				return stanza.Condition(n.Kids[i].Name)
			}
		}
	}
	return ""
}

// bounced decides on a message or presence of type error: a session that cannot
// be reached any more is put out (XEP-0045 §11.1), whatever the address.
func (t *step) bounced() *StanzaError {
	ses := t.sender.session
	if ses == nil {
		return nil
	}
	if stanzaerror.ReachOf(t.in.condition()) == stanzaerror.Gone {
		t.part(ses, "", event.DepartureError)
		return nil
	}
	return t.relayBounce(ses)
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
	doc := t.r.renderPresence(&presence{nick: b.Nick, id: b.OccupantID, kind: "unavailable", lang: b.Lang,
		payload: shownPayload(t.r.st.Config(), b.Role, b.Payload), item: item{affiliation: b.Affiliation, real: b.JID}})
	code := statusIf(b.How != event.DepartureWill, statusError)
	if b.How != event.DepartureVanished && b.Session != 0 {
		x := &splice.Extra{Tail: statuses(statusSelf, code)}
		if t.in != nil && b.How == event.DepartureWill && t.in.from == b.JID {
			x.ID = t.in.id
		}
		t.send([]JID{b.JID}, doc, splice.Self, x)
		if b.Last && h.locked && h.destroyed != nil {
			// Without a configuration the room is no more (XEP-0045 §10.1.3). Clients wait for their own
			// presence to leave (§7.14), so that comes first, and this is a presence of the room.
			t.send([]JID{b.JID}, t.r.renderPresence(&presence{kind: "unavailable", destroy: h.destroyed}), splice.None, nil)
		}
	}
	if b.Last {
		t.tellGone(b.Role, doc, code, h)
	}
}

func (t *step) renderRemoved(b *event.Removed, h *happened) {
	p := presence{nick: b.Nick, id: b.OccupantID, kind: "unavailable",
		item: item{affiliation: b.Affiliation, real: b.JID, reason: b.Reason, actor: b.Actor}}
	if b.Cause == event.CauseDestroyed {
		p.destroy = h.destroyed
	}
	doc, code := t.r.renderPresence(&p), removalCodes[b.Cause]
	t.tellEach(b.JIDs, doc, statuses(statusSelf, code))
	// When everybody goes, each learns only of their own going.
	if b.Cause != event.CauseDestroyed && b.Cause != event.CauseShutdown {
		t.tellGone(b.Role, doc, code, h)
	}
}
