package muc

import (
	"fmt"
	"time"
)

// eventTime is how times stand in JSON: UTC, always three digits of a second.
const eventTime = "2006-01-02T15:04:05.000Z"

// Stamp is a time in an event or snapshot: UTC, to the millisecond, with one form
// in JSON.
type Stamp struct{ time.Time }

// MarshalJSON writes the one form, as 2030-01-01T12:00:00.000Z.
func (s Stamp) MarshalJSON() ([]byte, error) {
	return s.appendJSON(make([]byte, 0, len(eventTime)+2)), nil
}

func (s Stamp) appendJSON(dst []byte) []byte {
	at := s.UTC()
	dst = at.AppendFormat(append(dst, '"'), time.RFC3339) // which package time is fast at
	ms := at.Nanosecond() / 1e6
	return append(dst[:len(dst)-len("Z")], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z', '"')
}

// UnmarshalJSON reads the one form, and no other.
func (s *Stamp) UnmarshalJSON(b []byte) error {
	at, ok := parseStamp(b)
	if !ok {
		return fmt.Errorf("%w: time %s", ErrCorrupt, b)
	}
	s.Time = at
	return nil
}

// stampForm is the one form, with a 0 for each digit.
const stampForm = `"0000-00-00T00:00:00.000Z"`

func parseStamp(b []byte) (at time.Time, ok bool) {
	if len(b) != len(stampForm) || b[0] != '"' || b[5] != '-' || b[8] != '-' || b[11] != 'T' ||
		b[14] != ':' || b[17] != ':' || b[20] != '.' || b[24] != 'Z' || b[25] != '"' {
		return at, false
	}
	year, month, day := digits(b[1:5]), digits(b[6:8]), digits(b[9:11])
	hour, minute, second, ms := digits(b[12:14]), digits(b[15:17]), digits(b[18:20]), digits(b[21:24])
	if min(year, month-1, day, hour, minute, second, ms) < 0 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return at, false
	}
	at = time.Date(year, time.Month(month), day, hour, minute, second, 1e6*ms, time.UTC)
	return at, at.Day() == day // one that the month does not have would be one of the next
}

// digits is a number of digits alone, negative if there is something else.
func digits(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n
}
