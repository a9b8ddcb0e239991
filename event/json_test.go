package event

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/jid"
)

// fill gives each field of a body a value of its own: n makes them differ, and 0
// leaves lists empty.
func fill(t *testing.T, v reflect.Value, n *int) {
	switch x := v.Addr().Interface().(type) {
	case *jid.JID:
		*n++
		*x = jid.MustParse("user" + strconv.Itoa(*n) + "@example.lit/ré<s>")
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
	case *AffiliationSet:
		*x = Affiliations(Outcast, Admin)
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
	case reflect.Int, reflect.Int64:
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
	empty := Bodies()
	for i, full := range Bodies() {
		fill(t, reflect.ValueOf(full).Elem(), &n)
		at := time.Date(2030, 1, 1, 12, 0, 0, 1e6, time.UTC)
		list = append(list, Event{Seq: uint64(n), Sub: 3, Time: at, Body: full}, Event{Time: time.Time{}, Body: empty[i]})
	}
	return list
}

var oddTexts = []string{"", "plain", "ümläut \U0001F600", "<&>\"'\\/", "\t\n\r", "\u2028\u2029", "\u007f\ufffd", "a\\u003cb", "日本 \u0301"}

// scatter changes values at random, some to nothing.
func scatter(random *rand.Rand, v reflect.Value) {
	switch v.Interface().(type) {
	case jid.JID, Stamp:
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

// TestEventJSONOfAllSorts: events with all sorts of values in them come back as they
// were, and are written so again.
func TestEventJSONOfAllSorts(t *testing.T) {
	for _, ev := range scattered(t, 20) {
		text, err := ev.MarshalJSON()
		require.NoError(t, err)
		var back Event
		require.NoError(t, back.UnmarshalJSON(text), "%s", text)
		again, err := back.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, string(text), string(again))
	}
}

// TestStoredTexts: no event and no snapshot is read that has a text which cannot stand
// in XML, in whatever field, or a payload in another form than a stanza's.
func TestStoredTexts(t *testing.T) {
	spoiled := 0
	for _, ev := range filledEvents(t) {
		good := string(must(ev.MarshalJSON()))
		for at := range good {
			for _, mark := range []string{`"text \u003c`, `"\u003cbody`} {
				if !strings.HasPrefix(good[at:], mark) {
					continue
				}
				for _, put := range []string{`"\u0000`, `"\ufffe`, `"\b`} {
					bad := good[:at] + put + good[at+1:]
					require.ErrorIs(t, new(Event).UnmarshalJSON([]byte(bad)), ErrCorrupt, bad)
					spoiled++
				}
			}
			if strings.HasPrefix(good[at:], `"\u003cbody`) {
				for _, put := range []string{`"x`, `"\u003cx`, `"\u003cx\u003e`, `"\u003c!---->`} {
					require.ErrorIs(t, new(Event).UnmarshalJSON([]byte(good[:at]+put+good[at+1:])), ErrCorrupt, put)
				}
			}
		}
	}
	require.Greater(t, spoiled, 100)
}

// TestValuesThatThereAreNot: what has no name is not written.
func TestValuesThatThereAreNot(t *testing.T) {
	for _, body := range []Body{&AffiliationChanged{New: 9}, &AffiliationChanged{Old: -2}, &VoiceStored{Role: 7},
		&Created{Config: RoomConfig{Whois: 9}}, &Created{Config: RoomConfig{AllowPM: 9}}, &Created{Config: RoomConfig{HiddenRoles: 1 << 5}}} {
		_, err := Event{Body: body}.MarshalJSON()
		assert.ErrorIs(t, err, ErrCorrupt, "%+v", body)
	}
}

// TestTimesInJSON holds all times in events to one form.
func TestTimesInJSON(t *testing.T) {
	for _, ev := range filledEvents(t) {
		text, err := json.Marshal(ev)
		require.NoError(t, err)
		for _, word := range strings.Split(string(text), `"`) {
			if _, err := time.Parse(time.RFC3339Nano, word); err == nil {
				_, err = time.Parse(TimeFormat, word)
				assert.NoError(t, err, ev.Type())
			}
		}
	}
	var s Stamp
	for _, other := range []string{`"2030-01-01T12:00:00Z"`, `"2030-01-01T12:00:00.000+00:00"`, `"2030-01-01T12:00:00.0000Z"`, `5`, `null`} {
		assert.ErrorIs(t, s.UnmarshalJSON([]byte(other)), ErrCorrupt, other)
	}
}

// TestNamesOfTypes: one name belongs to one type, for ever.
func TestNamesOfTypes(t *testing.T) {
	names := map[string]bool{}
	for _, body := range Bodies() {
		typ := body.eventType()
		assert.False(t, names[typ.name], typ.name)
		names[typ.name] = true
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

// TestUnknownFields: what a later version adds to a type is ignored by this one, and
// changes nothing that is known.
func TestUnknownFields(t *testing.T) {
	for _, ev := range filledEvents(t) {
		text, err := json.Marshal(ev)
		require.NoError(t, err)
		var back Event
		require.NoError(t, json.Unmarshal(widen(t, text), &back))
		assert.Equal(t, ev, back)
	}
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
		var ev Event
		assert.Equal(t, good, ev.UnmarshalJSON([]byte(text)) == nil, "%.200s", text)
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

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A log shows which event it was, and nothing of people.
func TestEventInLogs(t *testing.T) {
	ev := Event{Seq: 12, Sub: 3, Time: time.UnixMilli(0).UTC(), Body: &Joined{Nick: "Romeo", JID: jid.MustParse("romeo@example.org/pda")}}
	assert.Equal(t, "12.3 joined", ev.String())
	assert.Equal(t, "13 unlocked", Event{Seq: 13, Body: &Unlocked{}}.String())
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "event", ev)
	assert.Contains(t, b.String(), "event.seq=12 event.sub=3 event.time=1970-01-01T00:00:00.000Z event.type=joined")
	assert.NotContains(t, b.String(), "omeo")
}
