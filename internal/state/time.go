package state

import (
	"time"

	"github.com/gomuc/muc/event"
)

// Instant is a time in milliseconds since the year 1, so that 0 is the zero time. It takes
// a third of the memory of a time.Time.
type Instant int64

const unixYear1 = -62135596800000 // in Unix time

// InstantOf is a time as an Instant, cut to the millisecond.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMilli() - unixYear1) }

// Time is the Instant as a time in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i) + unixYear1).UTC() }

func (i Instant) stamp() event.Stamp { return event.Stamp{Time: i.Time()} }

// LastTime is the latest time that an event may have, so that whatever is added to it can
// still be written in JSON. A store may give back anything.
var LastTime = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// HostTime is the host's time when an event happened: now, which the event holds if the
// host's clock was behind the room, else the event's own time.
func HostTime(at time.Time, now event.Stamp) time.Time {
	if now.IsZero() {
		return at
	}
	return now.Time
}
