package muc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
)

// Every event comes back from JSON as it was, every field of it, and has the form
// that is promised.
func TestEventJSON(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 60_000_000, time.UTC)
	names := map[string]bool{}
	for _, body := range event.Bodies() {
		ev := event.Event{Seq: 7, Sub: 3, Time: at, Body: filled(body)}
		require.NotEmpty(t, ev.Type())
		require.False(t, names[ev.Type()], "two events called %s", ev.Type())
		names[ev.Type()] = true
		b, err := json.Marshal(ev)
		require.NoError(t, err)
		var back event.Event
		require.NoError(t, json.Unmarshal(b, &back), "%s", b)
		assert.Equal(t, ev, back)
		again, err := json.Marshal(back)
		require.NoError(t, err)
		assert.Equal(t, string(b), string(again))

		var form struct {
			Seq, Sub   uint64
			Time, Type string
			V          int
			Data       map[string]any
		}
		require.NoError(t, json.Unmarshal(b, &form))
		assert.Equal(t, "2030-01-02T03:04:05.060Z", form.Time)
		assert.Equal(t, ev.Type(), form.Type)
		assert.Positive(t, form.V)
		assert.Len(t, form.Data, countFields(reflect.TypeOf(body).Elem()), "%s: a field without a name in JSON, or two with one: %s", ev.Type(), b)
	}
	_, err := json.Marshal(event.Event{})
	assert.ErrorIs(t, err, muc.ErrCorrupt)
	assert.Empty(t, event.Event{}.Type())
	assert.False(t, event.Event{}.Durable())
}

// countFields counts the fields that stand in JSON, those of embedded structs too.
func countFields(t reflect.Type) int {
	n := 0
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous {
			n += countFields(f.Type)
		} else {
			n++
		}
	}
	return n
}

// What a later version of the library wrote is named, not guessed at.
func TestUnknownEvents(t *testing.T) {
	for text, want := range map[string]muc.UnknownEventError{
		`{"seq":1,"sub":0,"time":"2030-01-01T00:00:00.000Z","type":"levitated","v":1,"data":{}}`: {Type: "levitated", Version: 1},
		`{"seq":1,"sub":0,"time":"2030-01-01T00:00:00.000Z","type":"unlocked","v":99,"data":{}}`: {Type: "unlocked", Version: 99},
		`{"seq":1,"sub":0,"time":"2030-01-01T00:00:00.000Z","data":{}}`:                          {},
	} {
		var ev event.Event
		err := json.Unmarshal([]byte(text), &ev)
		var unknown *muc.UnknownEventError
		require.ErrorAs(t, err, &unknown)
		assert.Equal(t, want, *unknown)
		assert.NotEmpty(t, err.Error())
		assert.Zero(t, ev)
	}
	for _, text := range []string{`[]`, `{"time":"yesterday"}`, `{"time":"2030-01-01T00:00:00.000Z","type":"joined","v":1,"data":[]}`,
		`{"time":"2030-01-01T00:00:00.000Z","type":"joined","v":1}`,
		`{"time":"2030-01-01T00:00:00.000Z","type":"joined","v":1,"data":{"role":"king"}}`,
		`{"time":"2030-01-01T00:00:00.000Z","type":"joined","v":1,"data":{"jid":"@"}}`,
		`{"time":"2030-01-01T00:00:00.000Z","type":"joined","v":1,"data":{"payload":"<x>"}}`,
		`{"time":"2030-01-01T00:00:00.000Z","type":"joined","v":1,"data":{"nick":"\u0000"}}`} {
		var ev event.Event
		assert.ErrorIs(t, json.Unmarshal([]byte(text), &ev), muc.ErrCorrupt, text)
	}
}

// history is a room that has lived a little, and its events.
func history(t *testing.T) *muctest.Room {
	t.Helper()
	h := coven(t, muc.Config{})
	h.Client("crone@shakespeare.lit/desktop").Says("Round about the cauldron go")
	h.Handle(configSubmit("c", "muc#roomconfig_persistentroom", "1", "muc#roomconfig_roomname", "Coven"))
	h.Do(muc.SetAffiliation{JID: hecate, Affiliation: muc.Admin, Nick: "Hecate"})
	h.Client("hecate@shakespeare.lit/broom").Says("In the poison'd entrails throw")
	h.Client("wiccarocks@shakespeare.lit/laptop").Leaves()
	require.Greater(t, len(h.Events()), 10)
	return h
}

// lasting are the durable ones of some events.
func lasting(log []event.Event) []event.Event {
	var list []event.Event
	for _, ev := range log {
		if ev.Durable() {
			list = append(list, ev)
		}
	}
	return list
}

// A lost, repeated or exchanged event is noticed, wherever it is missing.
func TestGapsAreNoticed(t *testing.T) {
	h := history(t)
	for name, log := range map[string][]event.Event{"all": h.Events(), "durable": lasting(h.Events())} {
		_, err := muc.Restore(h.Config, nil, log)
		require.NoError(t, err)
		for i := range len(log) - 1 {
			without := append(append([]event.Event{}, log[:i]...), log[i+1:]...)
			if log[i].Durable() || !log[i+1].Durable() {
				_, err := muc.Restore(h.Config, nil, without)
				assert.ErrorIs(t, err, muc.ErrGap, "%s: without %d", name, i)
				assert.ErrorIs(t, err, muc.ErrCorrupt)
			}
			twice := append(append([]event.Event{}, log[:i+1]...), log[i:]...)
			_, err := muc.Restore(h.Config, nil, twice)
			assert.ErrorIs(t, err, muc.ErrGap, "%s: twice %d", name, i)
			swapped := append([]event.Event{}, log...)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			_, err = muc.Restore(h.Config, nil, swapped)
			assert.ErrorIs(t, err, muc.ErrGap, "%s: swapped %d", name, i)
		}
	}
}

// A log is for one room and one secret, and says nothing of things that are not
// there.
func TestForeignLogs(t *testing.T) {
	h := history(t)
	other := h.Config
	other.Room = muc.MustParseJID("cave@chat.shakespeare.lit")
	_, err := muc.Restore(other, nil, h.Events())
	assert.ErrorIs(t, err, muc.ErrOtherRoom)
	_, err = muc.Restore(other, h.Snapshot(muc.Live), nil)
	assert.ErrorIs(t, err, muc.ErrOtherRoom)
	other = h.Config
	other.Secret = []byte("another secret of sixteen bytes")
	_, err = muc.Restore(other, nil, h.Events())
	assert.ErrorIs(t, err, muc.ErrKey)
	_, err = muc.Restore(other, h.Snapshot(muc.Durable), nil)
	assert.ErrorIs(t, err, muc.ErrKey)

	last := h.Events()[len(h.Events())-1]
	for i, body := range []event.Body{&event.Left{JID: bard}, &event.Removed{Occupant: 99}, &event.RoleChanged{Occupant: 99, New: muc.Visitor},
		&event.PresenceChanged{JID: bard}, &event.Renamed{JID: bard, Nick: "x", Key: "x"}, &event.Deregistered{JID: bard.Bare()},
		&event.Answered{ID: "never asked"}, &event.Joined{JID: crone, Occupant: 1, Session: 99, Nick: "x", Key: "x"}, &event.Created{Room: h.Config.Room},
		&event.AffiliationChanged{JID: bard, New: muc.Member}, &event.Configured{Changes: []event.ConfigChange{{Var: "colour"}}}, nil} {
		room, err := muc.Restore(h.Config, nil, h.Events())
		require.NoError(t, err)
		ev := event.Event{Seq: last.Seq, Sub: last.Sub + 1, Time: last.Time, Body: body}
		if ev.Durable() {
			ev.Seq, ev.Sub = last.Seq+1, 0
		}
		err = room.Apply(ev)
		assert.True(t, errors.Is(err, muc.ErrCorrupt) || errors.Is(err, muc.ErrKey), "%d %T: %v", i, body, err)
	}
	end := time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]string{
		last.Time: "", last.Time.Add(999 * time.Microsecond): "", end: "",
		last.Time.Add(-time.Microsecond): "back in time", {}: "back in time", time.Unix(-1<<60, 0): "back in time", time.Unix(-1<<55, 0): "back in time",
		end.Add(time.Millisecond): "end of time", time.Unix(1<<60, 0): "end of time", time.Unix(1<<55, 0): "end of time",
	} {
		room, err := muc.Restore(h.Config, nil, h.Events())
		require.NoError(t, err)
		err = room.Apply(event.Event{Seq: last.Seq + 1, Time: at, Body: &event.Registered{JID: bard.Bare(), Nick: "x", Key: "x"}})
		if want == "" {
			assert.NoError(t, err, "%v", at)
			continue
		}
		assert.ErrorIs(t, err, muc.ErrCorrupt, "%v", at)
		assert.ErrorContains(t, err, want, "%v", at)
	}
	assert.ErrorIs(t, fmt.Errorf("%w", muc.ErrGap), muc.ErrCorrupt)
}

// TestQuestionOfNobody: what a host is asked has an id and somebody who asks, or the
// event is refused. A fuzzer found that a log might hold what a snapshot must not.
func TestQuestionOfNobody(t *testing.T) {
	for _, b := range []event.Asked{{JID: hecate, IQ: "1"}, {ID: "a question", IQ: "1"}} {
		h := coven(t, muc.Config{})
		state := string(h.Snapshot(muc.Live))
		last := h.Events()[len(h.Events())-1]
		require.ErrorIs(t, h.Room.Apply(event.Event{Seq: last.Seq, Sub: last.Sub + 1, Time: last.Time, Body: &b}), muc.ErrCorrupt)
		require.Equal(t, state, string(h.Snapshot(muc.Live)))
	}
}

// filled is an event body with something in every field.
func filled(body event.Body) event.Body {
	fill(reflect.ValueOf(body).Elem(), 1)
	return body
}

func fill(v reflect.Value, n int) {
	switch v.Interface().(type) {
	case muc.JID:
		v.Set(reflect.ValueOf(muc.MustParseJID(fmt.Sprintf("user%d@one.lit/ä %d", n, n))))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2030, 1, 2, 3, 4, 5, 6000000, time.UTC)))
		return
	case muc.Affiliation:
		v.Set(reflect.ValueOf(muc.Admin))
		return
	case muc.Role:
		v.Set(reflect.ValueOf(muc.Moderator))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n+i)
			if name := v.Type().Field(i).Name; name == "Payload" || name == "Archive" {
				v.Field(i).SetString(`<body>text &amp; more</body><x xmlns='urn:x' a='&quot;'/>`)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n+1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d <&>", n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(1) // the first of some named values that is not the default
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(n))
	case reflect.Int8, reflect.Int16, reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(n))
	default:
		panic("a kind of field that no event has: " + v.Type().String())
	}
}
