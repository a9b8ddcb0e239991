package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
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
	last := ses.Occupant().First().Next() == nil
	t.proposeLeft(ses, payload, how, last)
	if last {
		t.endIfEmpty(1)
	}
}

func (t *step) proposeLeft(ses *state.Session, payload string, how event.Departure, last bool) {
	o := ses.Occupant()
	t.propose(&event.Left{Occupant: o.Number(), Session: ses.Number(), JID: ses.JID(), Nick: o.Nick(), OccupantID: o.ID(), Role: o.Role(),
		Affiliation: t.r.st.OccupantAffiliation(o), How: how, Last: last, Front: o.Front() == ses,
		Lang: t.langOf(payload), Payload: payload})
}

// langOf is the language of what the step's stanza says in its presence, if it is
// passed on at all.
func (t *step) langOf(payload string) string {
	if payload == "" {
		return ""
	}
	return t.in.lang
}

// remove proposes that an occupant is put out.
func (t *step) remove(o *state.Occupant, cause event.Cause, aff Affiliation, reason string, by event.Actor) {
	b := &event.Removed{Occupant: o.Number(), JID: o.FrontJID(), Nick: o.Nick(), OccupantID: o.ID(), Role: o.Role(), Affiliation: aff,
		Cause: cause, Reason: reason, Actor: by, JIDs: make([]JID, 0, o.Sessions())}
	for ses := o.First(); ses != nil; ses = ses.Next() {
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
