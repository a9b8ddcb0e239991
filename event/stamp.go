package event

import (
	"fmt"
	"time"
)

// TimeFormat is how times stand in JSON: UTC, always three digits of a second.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Stamp is a time in an event or snapshot: UTC, to the millisecond, with one form
// in JSON.
type Stamp struct{ time.Time }

// MarshalJSON writes the one form, as 2030-01-01T12:00:00.000Z.
func (s Stamp) MarshalJSON() ([]byte, error) {
	return s.UTC().AppendFormat(nil, `"`+TimeFormat+`"`), nil
}

// UnmarshalJSON reads the one form, and no other.
func (s *Stamp) UnmarshalJSON(b []byte) error {
	const form = `"` + TimeFormat + `"`
	at, err := time.Parse(form, string(b))
	if err != nil || at.Format(form) != string(b) {
		return fmt.Errorf("%w: time %s", ErrCorrupt, b)
	}
	s.Time = at
	return nil
}
