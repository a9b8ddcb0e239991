package muc

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The bodies bear the names of their fields as tags too, for hosts that print them.
// So encoding/json says what is right.

type referenceEvent struct {
	Seq  uint64          `json:"seq"`
	Sub  uint64          `json:"sub"`
	Time Stamp           `json:"time"`
	Type string          `json:"type"`
	V    int             `json:"v"`
	Data json.RawMessage `json:"data"`
}

func referenceJSON(t testing.TB, ev Event) []byte {
	data, err := json.Marshal(ev.Body)
	require.NoError(t, err)
	typ := ev.Body.eventType()
	text, err := json.Marshal(referenceEvent{ev.Seq, ev.Sub, Stamp{ev.Time}, typ.name, typ.version, data})
	require.NoError(t, err)
	return text
}

func fromReferenceJSON(text []byte) (Event, bool) {
	var j referenceEvent
	if json.Unmarshal(text, &j) != nil {
		return Event{}, false
	}
	at, found := typesByName[j.Type]
	if !found || j.V != bodyTypes[at].version {
		return Event{}, false
	}
	body := newBodies[at]()
	if json.Unmarshal(j.Data, body) != nil {
		return Event{}, false
	}
	return Event{Seq: j.Seq, Sub: j.Sub, Time: j.Time.Time, Body: body}, storable(reflect.ValueOf(body).Elem(), "")
}

// storable reports whether all texts can stand in XML, and payloads are canonical.
func storable(v reflect.Value, field string) bool {
	switch v.Kind() {
	case reflect.String:
		return validText(v.String()) && (field != "Payload" && field != "Archive" || isCanonical(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			if !storable(v.Field(i), v.Type().Field(i).Name) {
				return false
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if !storable(v.Index(i), "") {
				return false
			}
		}
	case reflect.Pointer:
		return v.IsNil() || v.Type() != reflect.TypeFor[*WaitingJoin]() || storable(v.Elem(), "")
	}
	return true
}

// requireReference: what encoding/json reads of a text is what we read, and the same
// texts are refused.
func requireReference(t testing.TB, text []byte) (Event, bool) {
	want, good := fromReferenceJSON(text)
	var got Event
	err := got.UnmarshalJSON(text)
	if !good {
		require.Error(t, err, "%s", text)
		return got, false
	}
	require.NoError(t, err, "%s", text)
	require.Equal(t, want, got, "%s", text)
	return got, true
}

var oddTexts = []string{"", "plain", "ümläut \U0001F600", "<&>\"'\\/", "\t\n\r", "\u2028\u2029", "\u007f\ufffd", "a\\u003cb", "日本 \u0301"}

// scatter changes values at random, some to nothing.
func scatter(random *rand.Rand, v reflect.Value) {
	switch v.Interface().(type) {
	case JID, Stamp:
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if random.IntN(3) == 0 {
				v.Field(i).SetZero()
			} else if v.Type().Field(i).IsExported() && v.Type().Field(i).Name != "Payload" && v.Type().Field(i).Name != "Archive" {
				scatter(random, v.Field(i))
			}
		}
	case reflect.String:
		v.SetString(oddTexts[random.IntN(len(oddTexts))])
	case reflect.Slice:
		v.SetLen(random.IntN(v.Len() + 1))
		for i := range v.Len() {
			scatter(random, v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			scatter(random, v.Elem())
		}
	}
}

// scattered are events of each type with all sorts of values in them.
func scattered(t *testing.T, rounds int) []Event {
	random := rand.New(rand.NewPCG(3, 4))
	list := filledEvents(t)
	for range rounds {
		for _, ev := range filledEvents(t) {
			if at := reflect.ValueOf(ev.Body).Elem(); ev.Seq > 0 {
				scatter(random, at)
				list = append(list, ev)
			}
		}
	}
	return list
}

// TestEventJSONReference: events are written to the byte and read as encoding/json
// would.
func TestEventJSONReference(t *testing.T) {
	for _, ev := range scattered(t, 20) {
		want := referenceJSON(t, ev)
		got, err := ev.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
		_, good := requireReference(t, got)
		require.True(t, good)
	}
	for _, text := range oddTexts {
		for _, odd := range []string{text, "\x00\x01\x1f\b\f", "\xff", "a\xc3", "\xed\xa0\x80"} {
			want, err := json.Marshal(odd + text)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(appendQuoted(nil, odd+text)))
		}
	}
}

// TestSnapshotReference: the same for snapshots.
func TestSnapshotReference(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for round := range 30 {
		var shot snapshot
		n := 2
		if round > 0 {
			fill(t, reflect.ValueOf(&shot).Elem(), &n)
		}
		if round > 1 {
			scatter(random, reflect.ValueOf(&shot).Elem())
		}
		w := codec{mode: writesJSON}
		w.writeObject(shot.fields)
		require.False(t, w.bad)
		require.Equal(t, string(must(json.Marshal(&shot))), string(w.buf))

		var want, got snapshot
		require.NoError(t, json.Unmarshal(w.buf, &want))
		r := codec{mode: readsJSON, buf: w.buf}
		r.readObject(got.fields)
		require.True(t, r.ends())
		require.Equal(t, want, got)
	}
}

// TestEventJSONSpoiled: of every event, each byte is left out, and exchanged for
// another.
func TestEventJSONSpoiled(t *testing.T) {
	accepted := 0
	for i, ev := range scattered(t, 2) {
		text, err := ev.MarshalJSON()
		require.NoError(t, err)
		for at := range text {
			for n, put := range []string{"", " ", `"`, `\`, "0", "-", ".", "e", "{", "}", "[", "]", ",", "null", "\xff", "\u2028", `\ud83d`, `A`} {
				if n%6 != (i+at)%6 {
					continue
				}
				spoiled := string(text[:at]) + put + string(text[at+1:])
				if _, good := requireReference(t, []byte(spoiled)); good {
					accepted++
				}
			}
		}
	}
	require.Positive(t, accepted)
}

// TestEventJSONForms: the order of members, their case, blanks between, numbers and
// texts in other forms, members that are there twice.
func TestEventJSONForms(t *testing.T) {
	const head = `{"seq":1,"sub":0,"time":"2030-01-01T00:00:00.000Z","type":"renamed","v":1,"data":`
	for text, good := range map[string]bool{
		`{"data":{"nick":"x"},"v":1,"type":"renamed","time":"2030-01-01T00:00:00.000Z"}`:                 true,
		` { "TYPE" : "renamed" , "v" : 1 , "Data" : { "NICK" : "x" , "unknown" : [ { } , -1.5e+3 ] } } `: true,
		"\n\t\r" + head + `{}}` + "\n": true,
		head + `null}`:                 true,
		head + `{"nick":null,"from":null,"front":null,"jid":null}}`: true,
		head + `{"nick":"x","nick":"y","from":1,"from":2}}`:         true,
		head + `{"n\u0069ck":"\ud83d\ude00\u00e9\/\b"}}`:            false, // a backspace
		head + `{"n\u0069ck":"\ud83d\ude00\u00E9\/\t"}}`:            true,
		head + `{"nick":"\ud83d x \ude00 \ud83d\u0041"}}`:           true,
		head + `{"payload":"\u003cx/>"}}`:                           true,
		head + `{"role":"moderator","role":"none"}}`:                true,
		head + `{"from":0,"occupant":4294967295}}`:                  true,
		head + `{"":1}}`:                  true,
		head + `{"nick":1}}`:              false,
		head + `{"from":"1"}}`:            false,
		head + `{"from":-1}}`:             false,
		head + `{"from":1.0}}`:            false,
		head + `{"from":1e0}}`:            false,
		head + `{"from":01}}`:             false,
		head + `{"occupant":4294967296}}`: false,
		head + `{"front":1}}`:             false,
		head + `{"front":truth}}`:         false,
		head + `{"role":null}}`:           true,
		head + `{"role":""}}`:             false,
		head + `[]}`:                      false,
		head + `{}}}`:                     false,
		head + `{},}`:                     false,
		head + `{"nick":"x",}}`:           false,
		head + `{"nick":"x" "key":"y"}}`:  false,
		head + `{"nick":"` + "\n" + `"}}`: false,
		head + `{"nick":"\x"}}`:           false,
		head + `{"nick":"\u12"}}`:         false,
		head + `{"unknown":"\u12"}}`:      false,
		head + `{"unknown":` + strings.Repeat("[", 20000) + `}}`:               false,
		head + `{"unknown":-}}`:                                                false,
		head + `{"unknown":1.}}`:                                               false,
		head + `{"unknown":00}}`:                                               false,
		head + `{"unknown":{"a" 1}}}`:                                          false,
		`{"time":null,"type":"unlocked","v":1,"data":{}}`:                      false,
		`{"seq":18446744073709551615,"type":"unlocked","v":1,"data":{}}`:       true,
		`{"seq":18446744073709551616,"type":"unlocked","v":1,"data":{}}`:       false,
		`{"type":"configured","v":1,"data":{"changes":null}}`:                  true,
		`{"type":"configured","v":1,"data":{"changes":[null,{"old":[null]}]}}`: true,
		`{"type":"configured","v":1,"data":{"changes":[{}],"changes":[]}}`:     true,
		`{"type":"removed","v":1,"data":{"jids":[null,"a@b"]}}`:                true,
		`{"type":"asked","v":1,"data":{"join":null}}`:                          true,
		`{"type":"asked","v":1,"data":{"join":{}}}`:                            true,
		`{"type":"created","v":1,"data":{"config":{"max_users":-0,"hidden_roles":"moderator visitor","whois":"anyone"}}}`: true,
		`{"type":"created","v":1,"data":{"config":{"max_users":9223372036854775808}}}`:                                    false,
		`{"type":"created","v":1,"data":{"config":{"whois":"nobody"}}}`:                                                   false,
		`{"type":"created","v":1,"data":{"config":{"hidden_roles":"king"}}}`:                                              false,
		// The type comes after the body, or is another then.
		`{"type":"renamed","v":1,"data":{"nick":1},"type":"unlocked"}`:              true,
		`{"type":"renamed","v":1,"data":{"nick":"x"},"type":"removed"}`:             true,
		`{"type":"renamed","v":1,"data":{"nick":"x"},"v":2}`:                        false,
		`{"type":"renamed","v":2,"data":{"nick":"x"},"v":1}`:                        true,
		`{"type":"unlocked","v":1,"data":{"nick":1},"type":"renamed"}`:              false,
		`{"type":"renamed","v":1,"data":{"nick":"x","key":"x"},"data":{"key":"y"}}`: true,
		`{"type":"renamed","v":1,"data":{"nick":"x"},"data":null}`:                  true,
		`{"type":"renamed","v":1,"data":{"nick":1},"data":{"nick":"x"}}`:            true,
		`{"type":"renamed","v":1,"data":{"nick":1}`:                                 false,
		`{"type":"renamed","v":1}`:                                                  false,
		`{"type":"ren\u0061med","v":1,"data":{"nick":"x"}}`:                         true,
		`{"type":"renamed\u0000","v":1,"data":{}}`:                                  false,
		`null`: false, ``: false, `"x"`: false, `{`: false, `{}`: false,
	} {
		_, read := requireReference(t, []byte(text))
		assert.Equal(t, good, read, "%.200s", text)
	}
}

// TestEventAllocations: reading a message takes memory for its body and for all its
// texts together, as does a departure; a join has its address apart. Writing an event
// takes memory for what is written.
func TestEventAllocations(t *testing.T) {
	said := Message{Nick: "Nick", Key: "nick", OccupantID: "1", JID: MustParseJID("a@b/c"), StanzaID: "2", Payload: "<body>&amp;</body>"}
	joined := &Joined{JID: said.JID, Nick: said.Nick, Key: said.Key, OccupantID: said.OccupantID, Payload: "<x/>"}
	left := &Left{JID: said.JID, Nick: said.Nick, OccupantID: said.OccupantID}
	for ev, most := range map[Event]float64{
		{Seq: 1, Body: &MessageArchived{said}}:     2,
		{Seq: 1, Sub: 1, Body: &MessageKept{said}}: 2,
		{Seq: 1, Sub: 1, Body: left}:               2,
		{Seq: 1, Sub: 1, Body: joined}:             3,
	} {
		text, inBinary := must(ev.MarshalJSON()), must(ev.MarshalBinary())
		var back Event
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = back.UnmarshalJSON(text) }), most)
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = back.UnmarshalBinary(inBinary) }), most)
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = ev.MarshalJSON() }), 1.0)
		assert.Zero(t, testing.AllocsPerRun(100, func() { text, _ = ev.AppendBinary(text[:0]) }))
	}
}

// TestEventsAreWrittenAtOnce: a body is shared, so writing it changes nothing in it,
// not even to what it was. The race detector sees that.
func TestEventsAreWrittenAtOnce(t *testing.T) {
	events := filledEvents(t)
	texts := make(chan string)
	for range 2 {
		go func() {
			var all []byte
			for _, ev := range events {
				all = append(all, must(ev.MarshalJSON())...)
				all = must(ev.AppendBinary(all))
			}
			texts <- string(all)
		}()
	}
	assert.Equal(t, <-texts, <-texts)
}

// TestStampForms: of a time there is one form, and no day that the month has not.
func TestStampForms(t *testing.T) {
	for text, good := range map[string]bool{
		`"2032-02-29T23:59:59.999Z"`: true, `"0000-01-01T00:00:00.000Z"`: true, `"9999-12-31T23:59:59.999Z"`: true, `"2030-10-02T03:04:05.067Z"`: true,
		`"2030-02-29T00:00:00.000Z"`: false, `"2030-04-31T00:00:00.000Z"`: false, `"2030-00-01T00:00:00.000Z"`: false,
		`"2030-13-01T00:00:00.000Z"`: false, `"2030-01-00T00:00:00.000Z"`: false, `"2030-01-01T24:00:00.000Z"`: false,
		`"2030-01-01T00:60:00.000Z"`: false, `"2030-01-01T00:00:60.000Z"`: false, `"2030-01-01T00:00:00,000Z"`: false,
		`"2030-01-01T00:00:00.00Z"`: false, `"2030-01-01 00:00:00.000Z"`: false,
	} {
		var s Stamp
		err := s.UnmarshalJSON([]byte(text))
		require.Equal(t, good, err == nil, text)
		if good {
			again, err := s.MarshalJSON()
			require.NoError(t, err)
			require.Equal(t, text, string(again))
		}
	}
}

// FuzzEventJSONReference: the same for whatever text.
func FuzzEventJSONReference(f *testing.F) {
	for _, ev := range filledEvents(&testing.T{}) {
		text, err := ev.MarshalJSON()
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var doc any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if json.Valid(text) && d.Decode(&doc) == nil {
			// Of members with one name we take the last; encoding/json mixes them.
			text = must(json.Marshal(inLowerCase(doc)))
		}
		ev, good := requireReference(t, text)
		if !good {
			return
		}
		again, err := ev.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, string(referenceJSON(t, ev)), string(again))
	})
}

func inLowerCase(v any) any {
	switch v := v.(type) {
	case map[string]any:
		lower := map[string]any{}
		for name, x := range v {
			lower[strings.ToLower(name)] = inLowerCase(x)
		}
		return lower
	case []any:
		for i := range v {
			v[i] = inLowerCase(v[i])
		}
	}
	return v
}
