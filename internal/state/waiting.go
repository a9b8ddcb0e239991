package state

import (
	"crypto/subtle"
	"time"

	"github.com/gomuc/muc/jid"
)

// Private is a private message that may still come back as an error: who sent
// it, to whom, under which id.
type Private struct {
	session, occupant uint32
	id                string
}

// voiceAsked is somebody who asked for voice and when, so that he does not ask
// again too soon (XEP-0045 §7.13), not even after leaving and coming back.
type voiceAsked struct {
	real jid.JID // bare; read in visibility.go only
	at   time.Time
}

// JID is who asked for voice, for the same places.
func (v *voiceAsked) JID() jid.JID { return v.real }

// WaitsForVoice reports whether somebody who asked for voice may not yet ask
// again. Who asked in the future did so by a clock that was ahead.
func (s *Room) WaitsForVoice(v *voiceAsked, now time.Time) bool {
	return !v.at.After(now) && v.at.Add(s.conf.VoiceWait()).After(now)
}

// relayed is a request to another occupant that may still be answered: which session
// sent it, when, and what its answer has to show.
type relayed struct {
	session uint32
	real    jid.JID // full; read in visibility.go only
	at      Instant
	way     string
}

// JID is who sent a request to another occupant, for the same places.
func (x *relayed) JID() jid.JID { return x.real }

// Over reports whether a request has waited for its answer for too long, or was sent
// by a clock that was ahead by as much.
func (x *relayed) Over(now Instant, timeout time.Duration) bool {
	return now.Time().Sub(x.at.Time()).Abs() > timeout
}

// OpenRelay finds the request that an answer claims to be for, nil for none.
func (s *Room) OpenRelay(session uint32, at Instant, way string) *relayed {
	relays := s.Sparse().relays
	for x := range relays.All() {
		if x.session == session && x.at == at && subtle.ConstantTimeCompare([]byte(x.way), []byte(way)) == 1 {
			return x
		}
	}
	return nil
}
