package proptest

import (
	"encoding/json"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
)

// shot is what a live snapshot holds, as far as it is counted.
type shot struct {
	Events []struct {
		Type string
		Data struct {
			JID, Inviter muc.JID
			Occupant     uint32
			Session      uint32
			Payload      string
			Join         json.RawMessage
		}
	}
}

// roomSize is more than what rooms of the limits here can make of a live snapshot,
// whatever is sent: there is a bound.
const roomSize, roomySize = 80_000, 800_000

// checkSize: what people can make a room hold has bounds.
func (w *world) checkSize(s *step) {
	most := roomSize
	if w.cfg.Limits.History == roomyLimits.History {
		most = roomySize
	}
	if len(s.after.live) > most {
		w.fail("the room has grown to %d bytes: %s", len(s.after.live), s.after.live)
	}
	if rapid.IntRange(0, 15).Draw(w.t, "count") == 15 {
		w.checkLimits(s.after.live)
	}
}

// checkLimits holds each list in a room to its limit.
func (w *world) checkLimits(live []byte) {
	for _, c := range w.counted(live) {
		if c.n > c.most {
			w.fail("%d %s of %d: %s", c.n, c.what, c.most, live)
		}
	}
}

// counted is how long a list is, and how long it may be.
type counted struct {
	what    string
	n, most int
}

// counted counts what a live snapshot holds.
func (w *world) counted(live []byte) []counted {
	var r shot
	if err := json.Unmarshal(live, &r); err != nil {
		w.fail("%v: %s", err, live)
	}
	// events are counted by their type, and by whose they are; bytes are those of payloads.
	events, bytes, own := map[string]int{}, map[string]int{}, map[string]map[any]int{}
	count := func(typ string, whose any) {
		if own[typ] == nil {
			own[typ] = map[any]int{}
		}
		own[typ][whose]++
	}
	nicks, presence := map[uint32]muc.JID{}, 0
	for _, ev := range r.Events {
		d := &ev.Data
		events[ev.Type]++
		bytes[ev.Type] += len(d.Payload)
		switch ev.Type {
		case "affiliation-changed", "voice-stored", "registered":
			count("person", d.JID)
		case "hat-assigned":
			count("wearer", d.JID)
		case "joined":
			if _, known := nicks[d.Occupant]; !known {
				nicks[d.Occupant] = d.JID.Bare()
				count("nick", d.JID.Bare())
			}
			count("session", d.Occupant)
			presence = max(presence, len(d.Payload))
		case "relay-sent":
			count("relay", d.JID.Bare())
		case "invite-sent":
			if !d.Inviter.IsZero() {
				count("invitation", d.Inviter.Bare())
			}
		case "asked":
			if d.Join == nil {
				count("question", d.JID.Bare())
			}
		}
	}
	lim := &w.cfg.Limits
	most := func(typ string) (n int) {
		for _, k := range own[typ] {
			n = max(n, k)
		}
		return n
	}
	return []counted{
		{"persons", len(own["person"]), lim.Affiliations},
		{"hats", events["hat-created"], lim.Hats},
		{"people with hats", len(own["wearer"]), lim.HatWearers},
		{"hats of one person", most("wearer"), lim.PersonHats},
		{"requests to register", events["registration-requested"], lim.Registrations},
		{"requests for voice", events["voice-requested"], lim.VoiceRequests},
		{"shares of rates", events["rate-spent"], lim.RateShares},
		{"private messages", events["private-sent"], lim.Privates},
		{"requests to occupants", events["relay-sent"], lim.Relays},
		{"requests of one person to occupants", most("relay"), lim.PersonRelays},
		{"invitations", events["invite-sent"], lim.Invites},
		{"invitations by one person", most("invitation"), lim.PersonInvites},
		{"questions", events["asked"], lim.Questions},
		{"questions of one person", most("question"), lim.PersonQuestions},
		{"archived messages", events["message-archived"], lim.History},
		{"bytes of archived messages", bytes["message-archived"], lim.HistoryBytes},
		{"messages that are only kept", events["message-kept"], lim.History},
		{"bytes of messages that are only kept", bytes["message-kept"], lim.HistoryBytes},
		{"occupants", len(nicks), lim.Occupants + lim.AdminReserve},
		{"nicks of one person", most("nick"), lim.NicksPerPerson},
		{"sessions under one nick", most("session"), lim.SessionsPerNick},
		{"bytes of presence", presence, lim.PresenceBytes},
		{"vCards", events["vcard-changed"], 1},
		{"bytes of the vCard", bytes["vcard-changed"], lim.VCardBytes},
	}
}
