package state

import (
	"crypto/subtle"
	"time"

	"github.com/gomuc/muc/jid"
)

// Private is a private message that may still come back as an error: the sender's session,
// the recipient and the id.
type Private struct {
	session, occupant uint32
	id                string
}

// voiceAsked is a request for voice, remembered so that the person does not ask again too
// soon (XEP-0045 §7.13), not even after leaving and coming back.
type voiceAsked struct {
	real jid.JID // bare
	at   time.Time
}

// JID is the bare JID that asked for voice.
func (v *voiceAsked) JID() jid.JID { return v.real }

// WaitsForVoice reports whether it is too soon to ask for voice again. A request in the
// future was made by a clock that was ahead, and does not count.
func (s *Room) WaitsForVoice(v *voiceAsked, now time.Time) bool {
	return !v.at.After(now) && v.at.Add(s.conf.VoiceWait()).After(now)
}

// relayed is a request to another occupant that may still be answered: which session
// sent it, when, and what its answer has to show.
type relayed struct {
	session uint32
	real    jid.JID // full
	at      Instant
	way     string
}

// JID is the full JID that sent the request.
func (x *relayed) JID() jid.JID { return x.real }

// Over reports whether the time for the answer is up. A request from as far in the future
// was sent by a clock that was ahead, and is over too.
func (x *relayed) Over(now Instant, timeout time.Duration) bool {
	return now.Time().Sub(x.at.Time()).Abs() > timeout
}

// OpenRelay finds the request that an answer claims to be for, or nil. The signatures are
// compared in constant time.
func (s *Room) OpenRelay(session uint32, at Instant, way string) *relayed {
	relays := s.Sparse().relays
	for x := range relays.All() {
		if x.session == session && x.at == at && subtle.ConstantTimeCompare([]byte(x.way), []byte(way)) == 1 {
			return x
		}
	}
	return nil
}
