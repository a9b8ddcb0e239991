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

// stampForm is the one form: a 0 stands for any digit.
const stampForm = `"0000-00-00T00:00:00.000Z"`

func parseStamp(b []byte) (at time.Time, ok bool) {
	if len(b) != len(stampForm) {
		return at, false
	}
	for i := range len(stampForm) {
		if digit := stampForm[i] == '0'; digit && (b[i] < '0' || b[i] > '9') || !digit && b[i] != stampForm[i] {
			return at, false
		}
	}
	number := func(from, to int) (n int) {
		for _, c := range b[from:to] {
			n = 10*n + int(c-'0')
		}
		return n
	}
	month, day, hour, minute, second := number(6, 8), number(9, 11), number(12, 14), number(15, 17), number(18, 20)
	at = time.Date(number(1, 5), time.Month(month), day, hour, minute, second, 1e6*number(21, 24), time.UTC)
	// A day that the month does not have would be one of the next.
	return at, month >= 1 && month <= 12 && at.Day() == day && hour < 24 && minute < 60 && second < 60
}
