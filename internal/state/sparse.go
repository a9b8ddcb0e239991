package state

import (
	"crypto/subtle"
	"slices"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// Sparse is the part of a room that is empty in most rooms, allocated when needed.
type Sparse struct {
	end *event.RoomDestroyed

	vCard *event.VCardChanged

	reserved index[string, reservation]     // by comparison key of the nick
	requests []*event.RegistrationRequested // to register, in the order of asking

	voiceAsked []voiceAsked        // in the order of asking
	invites    []*event.InviteSent // open invitations, the one that expires first in front

	versions *Versions              // of the lists of affiliations; nil as long as nobody asked for them
	hats     []event.Hat            // in the order of their creation
	wearers  index[string, *wearer] // who has hats, by bare JID

	asks []*event.Asked // open questions to the host, in the order of asking

	privates []event.PrivateSent // the last private messages, bounded by Config.Limits
	relays   []Relay             // the last requests between occupants, bounded by Config.Limits
	// spent is until when a person's share of Config.Rates is used up, soonest is the
	// same with the first in front. What lies in the past means nothing and is dropped
	// when something is added. clock is what the host's clock said then, if it was behind
	// the room's last event.
	spent   index[RateKey, *spending]
	soonest spendings
	clock   event.Stamp
}

// emptySparse is the sparse part of most rooms. Nobody writes to it.
var emptySparse Sparse

// Sparse is the room's sparse part, for reading.
func (s *Room) Sparse() *Sparse {
	if s.sparse == nil {
		return &emptySparse
	}
	return s.sparse
}

// mutableSparse is the same for writing, allocated if need be.
func (s *Room) mutableSparse() *Sparse {
	if s.sparse == nil {
		s.sparse = new(Sparse)
	}
	return s.sparse
}

// End is how a destroyed room ended, nil for any other room.
func (m *Sparse) End() *event.RoomDestroyed { return m.end }

// VCard is the room's vCard and who set it, nil for none.
func (m *Sparse) VCard() *event.VCardChanged { return m.vCard }

// Reserved is the number of reserved nicks.
func (m *Sparse) Reserved() int { return m.reserved.len() }

// Requests are the open requests to register, in the order of asking.
func (m *Sparse) Requests() []*event.RegistrationRequested { return m.requests }

// Invites are the open invitations, the one that expires first in front.
func (m *Sparse) Invites() []*event.InviteSent { return m.invites }

// Asks are the open questions to the host, in the order of asking.
func (m *Sparse) Asks() []*event.Asked { return m.asks }

// Privates are the last private messages, the oldest first.
func (m *Sparse) Privates() []event.PrivateSent { return m.privates }

// Clock is the host's time when a rate was last used, if it was behind the room's last
// event.
func (m *Sparse) Clock() event.Stamp { return m.clock }

// voiceAsked is a request for voice, remembered so that the person does not ask again too
// soon (XEP-0045 §7.13), not even after leaving and coming back.
type voiceAsked struct {
	bare jid.JID
	at   time.Time
}

// AwaitVoice lists the bare JIDs for which it is too soon to ask for voice again. A request
// in the future was made by a clock that was ahead, and does not count.
func (s *Room) AwaitVoice(now time.Time) []jid.JID {
	var list []jid.JID
	for _, v := range s.Sparse().voiceAsked {
		if s.counts(v, now) {
			list = append(list, v.bare)
		}
	}
	return list
}

func (s *Room) counts(v voiceAsked, now time.Time) bool {
	return !v.at.After(now) && v.at.Add(s.conf.VoiceWait()).After(now)
}

// Relay is a request to another occupant that may still be answered: which session
// sent it, when, and the signature that its answer has to show.
type Relay struct {
	Session uint32
	JID     jid.JID // full
	At      Instant
	Way     string
}

// over reports whether the time for the answer is up. A request from as far in the future
// was sent by a clock that was ahead, and is over too.
func (x *Relay) over(now Instant, timeout time.Duration) bool {
	return now.Time().Sub(x.At.Time()).Abs() > timeout
}

// OpenRelay finds the request that an answer claims to be for, and reports whether it is
// still open. The signatures are compared in constant time.
func (s *Room) OpenRelay(session uint32, at Instant, way string, now time.Time, timeout time.Duration) (x Relay, open bool) {
	relays := s.Sparse().relays
	i := slices.IndexFunc(relays, func(x Relay) bool {
		return x.Session == session && x.At == at && subtle.ConstantTimeCompare([]byte(x.Way), []byte(way)) == 1
	})
	if i < 0 || relays[i].over(InstantOf(now), timeout) {
		return Relay{}, false
	}
	return relays[i], true
}
