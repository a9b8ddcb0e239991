package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/gomuc/muc/internal/xmlwire"
)

// Stored is an event as it stands in JSON.
type Stored struct {
	Seq     uint64 `json:"seq"`
	Sub     uint64 `json:"sub"`
	Time    Stamp  `json:"time"`
	Type    string `json:"type"`
	Version int    `json:"v"`
	// Data is the body. It is read when the type is known.
	Data json.RawMessage `json:"data"`
}

// MarshalJSON writes {"seq","sub","time","type","v","data"}. It fails only for what
// no room writes: an event without body, an unknown affiliation. The error wraps
// [ErrCorrupt].
func (e Event) MarshalJSON() ([]byte, error) {
	stored, err := e.Stored()
	if err != nil {
		return nil, err
	}
	return json.Marshal(stored)
}

// Stored is the event in its form for JSON. The errors are those of [Event.MarshalJSON].
func (e Event) Stored() (Stored, error) {
	if e.Body == nil {
		return Stored{}, fmt.Errorf("%w: event without body", ErrCorrupt)
	}
	t := e.Body.eventType()
	data, err := json.Marshal(e.Body)
	if err != nil {
		return Stored{}, fmt.Errorf("%w: %s: %w", ErrCorrupt, t.name, err)
	}
	return Stored{Seq: e.Seq, Sub: e.Sub, Time: Stamp{e.Time}, Type: t.name, Version: t.version, Data: data}, nil
}

// UnmarshalJSON reads what [Event.MarshalJSON] wrote, and keeps nothing of b. A type
// or version that it does not know is an [*UnknownEventError], anything else that is
// not an event wraps [ErrCorrupt]. Fields that it does not know are ignored.
func (e *Event) UnmarshalJSON(b []byte) error {
	var stored Stored
	if err := json.Unmarshal(b, &stored); err != nil {
		return fmt.Errorf("%w: no event: %w", ErrCorrupt, err)
	}
	ev, err := stored.Event()
	if err == nil {
		*e = ev
	}
	return err
}

// Event reads the body. The errors are those of [Event.UnmarshalJSON].
func (stored *Stored) Event() (Event, error) {
	known := bodiesByName[stored.Type]
	if known == nil || known.eventType().version != stored.Version {
		return Event{}, &UnknownEventError{Type: stored.Type, Version: stored.Version}
	}
	body := emptyLike(known)
	err := json.Unmarshal(stored.Data, body)
	if err == nil {
		err = checkStored(reflect.ValueOf(body), false)
	}
	if err != nil {
		return Event{}, fmt.Errorf("%w: %s: %w", ErrCorrupt, stored.Type, err)
	}
	return Event{Seq: stored.Seq, Sub: stored.Sub, Time: stored.Time.Time, Body: body}, nil
}

// checkStored refuses a text that cannot stand in XML, and a payload (a field whose
// tag says so) that is not in the form that every stanza is brought to when it is read:
// both are written into stanzas as they are.
func checkStored(v reflect.Value, isXML bool) error {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); !xmlwire.ValidText(s) || isXML && !xmlwire.IsCanonical(s) {
			return errors.New("a text or payload that cannot be sent")
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue // addresses and times have checked themselves
			}
			if err := checkStored(v.Field(i), f.Tag.Get("holds") == "xml"); err != nil {
				return err
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := checkStored(v.Index(i), false); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return checkStored(v.Elem(), false)
		}
	}
	return nil
}

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
