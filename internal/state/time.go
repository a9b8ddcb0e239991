package state

import (
	"time"

	"github.com/gomuc/muc/event"
)

// Instant is a time as a room remembers it: milliseconds since the year 1, so that
// zero is the zero time.
type Instant int64

const unixYear1 = -62135596800000 // in Unix time

func InstantOf(t time.Time) Instant { return Instant(t.UnixMilli() - unixYear1) }

func (i Instant) Time() time.Time { return time.UnixMilli(int64(i) + unixYear1).UTC() }

func (i Instant) stamp() event.Stamp { return event.Stamp{Time: i.Time()} }

// What a store gives back may be damaged or forged. A room must not come to life
// with it and fall over later, so all of it is checked before it is believed: in
// event_json.go for what any text or value must be, in apply*.go for what it means.

// LastTime is the latest that a room knows: later than anybody's clock, and early
// enough that all that is added to it can still be written down.
var LastTime = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// HostTime is what the host's clock said when an event happened, which stands in it
// where that was behind the room.
func HostTime(at time.Time, now event.Stamp) time.Time {
	if now.IsZero() {
		return at
	}
	return now.Time
}
