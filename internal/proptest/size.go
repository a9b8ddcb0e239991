package proptest

import (
	"encoding/json"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
)

// shot is what a live snapshot holds, as far as it is counted.
type shot struct {
	Persons   []json.RawMessage
	Requests  []json.RawMessage
	Archived  []entry
	Kept      []entry
	Occupants []struct {
		JID      muc.JID
		Sessions []struct{ Payload string }
	}
	VoiceAsked []json.RawMessage `json:"voice_asked"`
	Invites    []muc.InviteSent
	Asks       []muc.Asked
	Privates   []json.RawMessage
	Spent      []json.RawMessage
	Relays     []struct{ JID muc.JID }
}

type entry struct{ Payload string }

// roomSize is more than what rooms of the limits here can make of a live snapshot,
// whatever is sent: there is a bound.
const roomSize = 80_000

// checkSize: what people can make a room hold has bounds.
func (w *world) checkSize(s *step) {
	if len(s.after.live) > roomSize {
		w.fail("the room has grown to %d bytes: %s", len(s.after.live), s.after.live)
	}
	if rapid.IntRange(0, 15).Draw(w.t, "count") == 15 {
		w.checkLimits(s.after.live)
	}
}

// checkLimits holds each list in a room to its limit.
func (w *world) checkLimits(live []byte) {
	var r shot
	if err := json.Unmarshal(live, &r); err != nil {
		w.fail("%v: %s", err, live)
	}
	lim := &w.cfg.Limits
	atMost := func(what string, n, most int) {
		if n > most {
			w.fail("%d %s of %d: %s", n, what, most, live)
		}
	}
	atMost("persons", len(r.Persons), lim.Affiliations)
	atMost("requests to register", len(r.Requests), lim.Registrations)
	atMost("requests for voice", len(r.VoiceAsked), lim.VoiceRequests)
	atMost("shares of rates", len(r.Spent), lim.RateShares)
	atMost("private messages", len(r.Privates), lim.Privates)
	atMost("requests to occupants", len(r.Relays), lim.Relays)
	atMost("invitations", len(r.Invites), lim.Invites)
	atMost("questions", len(r.Asks), lim.Asks)
	for _, list := range [][]entry{r.Archived, r.Kept} {
		bytes := 0
		for _, e := range list {
			bytes += len(e.Payload)
		}
		atMost("messages", len(list), lim.History)
		atMost("bytes of messages", bytes, lim.HistoryBytes)
	}
	nicks, invites, asks := map[muc.JID]int{}, map[muc.JID]int{}, map[muc.JID]int{}
	for _, o := range r.Occupants {
		nicks[o.JID]++
		atMost("nicks of one person", nicks[o.JID], lim.NicksPerPerson)
		atMost("sessions under one nick", len(o.Sessions), lim.SessionsPerNick)
		for _, ses := range o.Sessions {
			atMost("bytes of presence", len(ses.Payload), lim.PresenceBytes)
		}
	}
	relays := map[muc.JID]int{}
	for _, x := range r.Relays {
		relays[x.JID.Bare()]++
		atMost("requests of one person to occupants", relays[x.JID.Bare()], lim.PersonRelays)
	}
	for _, b := range r.Invites {
		if !b.Inviter.IsZero() {
			invites[b.Inviter.Bare()]++
			atMost("invitations by one person", invites[b.Inviter.Bare()], lim.PersonInvites)
		}
	}
	for _, b := range r.Asks {
		if b.Join == nil {
			asks[b.JID.Bare()]++
			atMost("questions of one person", asks[b.JID.Bare()], lim.PersonAsks)
		}
	}
	atMost("occupants", len(r.Occupants), lim.Occupants+lim.AdminReserve)
}
