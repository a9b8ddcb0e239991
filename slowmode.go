package muc

import (
	"strconv"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/stanza"
)

// Slow mode (XEP-0500): how it is found out (§5.2), and what it refuses (§6).

// slowModeField tells everybody how long the wait is (XEP-0500 §5.2).
const slowModeField = "muc#roominfo_slow_mode_duration"

// slow refuses a message with a body that comes too soon after the last one of the same
// person (XEP-0500 §6): with all sessions and nicks together (§8). What has no body, as a
// chat state or a new subject, neither waits nor counts.
func (t *step) slow() *StanzaError {
	wait := t.r.st.Config().SlowWait()
	if wait == 0 || t.in.Find("", "body") == nil || t.spend(event.RateSlowMode) == nil {
		return nil
	}
	again, _ := t.bucket(state.RateKey{JID: t.sender.bare, Kind: event.RateSlowMode})
	return refuse(stanza.PolicyViolation, "XEP-0500 §6", "this room is in slow mode: wait "+inWords(wait)+" between two messages, "+
		inWords(again.Sub(t.now))+" until your next one").WithType(stanza.TypeWait)
}

// inWords is a time in seconds, rounded up, for people to read.
func inWords(d time.Duration) string {
	text := inSeconds(d+time.Second-1) + " seconds"
	if text == "1 seconds" {
		return "1 second"
	}
	return text
}

// inSeconds is a time in whole seconds.
func inSeconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
