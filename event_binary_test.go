package muc

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	_ encoding.BinaryAppender    = Event{}
	_ encoding.BinaryMarshaler   = Event{}
	_ encoding.BinaryUnmarshaler = (*Event)(nil)
)

// fill gives each field of a body a value of its own: n makes them differ, and 0
// leaves lists empty.
func fill(t *testing.T, v reflect.Value, n *int) {
	switch x := v.Addr().Interface().(type) {
	case *JID:
		*n++
		*x = MustParseJID("user" + strconv.Itoa(*n) + "@example.lit/ré<s>")
		return
	case *Stamp:
		*n++
		*x = Stamp{time.UnixMilli(1_900_000_000_000 + int64(*n)).UTC()}
		return
	case *Affiliation:
		*x = [...]Affiliation{Outcast, Member, Admin, Owner}[*n%4]
		return
	case *Role:
		*x = [...]Role{Visitor, Participant, Moderator}[*n%3]
		return
	case *Whois:
		*x = WhoisAnyone
		return
	case *AllowPM:
		*x = PMAffiliated
		return
	case *RoleSet:
		*x = Roles(Visitor, Moderator)
		return
	}
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if fill(t, v.Field(i), n); v.Type().Field(i).Name == "Payload" || v.Type().Field(i).Name == "Archive" {
				v.Field(i).SetString("<body n='" + strconv.Itoa(*n) + "'>x &amp; ü</body>")
			}
		}
	case reflect.String:
		v.SetString("text <" + strconv.Itoa(*n) + "> ü\n")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(-*n * 1000))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n * 100000))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	default:
		require.Fail(t, "a field of a kind that has no value here", v.Type().String())
	}
}

// filledEvents are an event of each type with a value in each field, and one with
// none.
func filledEvents(t *testing.T) []Event {
	var list []Event
	n := 0
	for _, fresh := range newBodies {
		full := fresh()
		fill(t, reflect.ValueOf(full).Elem(), &n)
		at := time.Date(2030, 1, 1, 12, 0, 0, 1e6, time.UTC)
		list = append(list, Event{Seq: uint64(n), Sub: 3, Time: at, Body: full}, Event{Time: time.Time{}, Body: fresh()})
	}
	return list
}

// TestEventBinary writes and reads each type of event, cuts it short and makes it
// longer.
func TestEventBinary(t *testing.T) {
	for _, ev := range filledEvents(t) {
		b, err := ev.AppendBinary([]byte("before"))
		require.NoError(t, err)
		b = b[len("before"):]
		var back Event
		require.NoError(t, back.UnmarshalBinary(b), ev.Type())
		assert.Equal(t, ev, back)
		again, err := back.MarshalBinary()
		require.NoError(t, err)
		assert.Equal(t, b, again)

		for n := range b {
			assert.Error(t, new(Event).UnmarshalBinary(b[:n]), "%s cut after %d bytes", ev.Type(), n)
		}
		assert.ErrorIs(t, new(Event).UnmarshalBinary(append(b, 0)), ErrCorrupt, "something behind it")
	}
}

// TestTimesInJSON holds all times in events to one form.
func TestTimesInJSON(t *testing.T) {
	for _, ev := range filledEvents(t) {
		text, err := json.Marshal(ev)
		require.NoError(t, err)
		for _, word := range strings.Split(string(text), `"`) {
			if _, err := time.Parse(time.RFC3339Nano, word); err == nil {
				_, err = time.Parse(eventTime, word)
				assert.NoError(t, err, ev.Type())
			}
		}
	}
	var s Stamp
	for _, other := range []string{`"2030-01-01T12:00:00Z"`, `"2030-01-01T12:00:00.000+00:00"`, `"2030-01-01T12:00:00.0000Z"`, `5`, `null`} {
		assert.ErrorIs(t, s.UnmarshalJSON([]byte(other)), ErrCorrupt, other)
	}
}

// TestNumbersOfTypes: one number and one name belong to one type, for ever.
func TestNumbersOfTypes(t *testing.T) {
	numbers, names := map[uint64]string{}, map[string]bool{}
	for _, typ := range bodyTypes {
		assert.Empty(t, numbers[typ.number], "%s has a number that is taken", typ.name)
		assert.False(t, names[typ.name], typ.name)
		assert.NotZero(t, typ.number)
		numbers[typ.number], names[typ.name] = typ.name, true
	}
}

// widen adds fields that nobody knows to all objects in JSON.
func widen(t *testing.T, text []byte) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&v))
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
			v["of_tomorrow"] = map[string]any{"seq": 9, "nick": []any{"x"}}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(v)
	wide, err := json.Marshal(v)
	require.NoError(t, err)
	return wide
}

// TestUnknownFields: what a later version adds to a type is ignored by this one, in
// both forms, and changes nothing that is known.
func TestUnknownFields(t *testing.T) {
	for _, ev := range filledEvents(t) {
		text, err := json.Marshal(ev)
		require.NoError(t, err)
		var back Event
		require.NoError(t, json.Unmarshal(widen(t, text), &back))
		assert.Equal(t, ev, back)

		b, err := ev.MarshalBinary()
		require.NoError(t, err)
		c := codec{buf: nil}
		c.sized(func(c *codec) {
			ev.Body.fields(c)
			n, s := uint64(7), "of tomorrow"
			c.uint(1000, "of_tomorrow", &n)
			c.str(1001, "of_the_day_after", &s)
		})
		plain := codec{}
		plain.sized(ev.Body.fields)
		wide := append(bytes.Clone(bytes.TrimSuffix(b, plain.buf)), c.buf...)
		back = Event{}
		require.NoError(t, back.UnmarshalBinary(wide))
		assert.Equal(t, ev, back)
	}
}

// TestUnknownBinary: a type, version or format of another library is told from
// damage.
func TestUnknownBinary(t *testing.T) {
	var unknown *UnknownEventError
	for _, b := range [][]byte{
		{1, 200, 1, 1, 1, 0, 0, 0}, // a number
		{1, 2, 2, 1, 0, 0, 0},      // a version
		{2},                        // a format
	} {
		ev := Event{Seq: 99}
		require.ErrorAs(t, ev.UnmarshalBinary(b), &unknown, "%x", b)
		assert.Equal(t, Event{Seq: 99}, ev)
	}
}

// TestHostileBinary: lengths that lie, fields out of order, values of the wrong
// kind, and values that no room has.
func TestHostileBinary(t *testing.T) {
	event := func(number uint64, fields ...byte) []byte {
		b := []byte{binaryFormat, byte(number), 1, 1, 0, 0}
		return append(binary.AppendUvarint(b, uint64(len(fields))), fields...)
	}
	num := func(b EventBody) uint64 { return b.eventType().number }
	registered, joined, role := num(&Registered{}), num(&Joined{}), num(&RoleChanged{})
	require.NoError(t, new(Event).UnmarshalBinary(event(registered, 2<<1|1, 1, 'x')))
	for name, b := range map[string][]byte{
		"nothing":                   {},
		"a length beyond the end":   event(registered, 2<<1|1, 255, 255, 255, 255, 255, 255, 255, 255, 127, 'x'),
		"a length without an end":   event(registered, 2<<1|1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1),
		"a field twice":             event(registered, 2<<1|1, 1, 'x', 2<<1|1, 1, 'y'),
		"fields in another order":   event(registered, 3<<1|1, 1, 'x', 2<<1|1, 1, 'y'),
		"field number 0":            event(registered, 1, 1, 'x'),
		"a number for a text":       event(registered, 2<<1, 1),
		"a text for a number":       event(joined, 1<<1|1, 1, 'x'),
		"a number too large":        event(joined, 1<<1, 255, 255, 255, 255, 255, 1),
		"no such role":              event(role, 2<<1, 4),
		"no such truth":             event(joined, 8<<1, 2),
		"no address":                event(registered, 1<<1|1, 1, '@'),
		"a bad element":             event(registered, 4<<1|1, 3, 2, 1<<1, 0),
		"an element beyond the end": event(registered, 4<<1|1, 1, 9),
		"a time beyond all":         {1, byte(num(&Unlocked{})), 1, 1, 0, 255, 255, 255, 255, 255, 255, 255, 255, 127, 0},
		"a text for no XML":         event(registered, 2<<1|1, 1, 0),
		"a text in no code":         event(registered, 2<<1|1, 1, 255),
		"a payload of no elements":  event(num(&MessageKept{}), 8<<1|1, 1, 'x'),
		"something behind it":       append(event(registered), 0),
	} {
		assert.ErrorIs(t, new(Event).UnmarshalBinary(b), ErrCorrupt, name)
	}
	_, err := Event{}.MarshalBinary()
	require.ErrorIs(t, err, ErrCorrupt)
	_, err = Event{Body: &RoleChanged{New: 9}}.MarshalBinary()
	require.ErrorIs(t, err, ErrCorrupt)
}

// FuzzEventBinary: hostile bytes are an error, never a panic, and what is read is
// written again so that it is read as the same.
func FuzzEventBinary(f *testing.F) {
	for _, ev := range filledEvents(&testing.T{}) {
		b, err := ev.MarshalBinary()
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var ev, back Event
		if ev.UnmarshalBinary(b) != nil {
			require.Nil(t, ev.Body)
			return
		}
		written, err := ev.MarshalBinary()
		require.NoError(t, err)
		require.NoError(t, back.UnmarshalBinary(written))
		require.Equal(t, ev, back)
	})
}
