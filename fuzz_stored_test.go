package muc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// spoil replaces one leaf of a JSON document, and tells how many there are. What
// looks like JSON is put in as it is, other text as a string.
func spoil(doc any, leaf int, text string) (any, int) {
	count := 0
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				v[k] = walk(v[k])
			}
			return v
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
			if len(v) > 0 && count == leaf {
				v = append(v, v[0])
			}
			count++
			return v
		}
		count++
		if count-1 != leaf {
			return v
		}
		var put any
		if json.Unmarshal([]byte(text), &put) == nil {
			return put
		}
		return text
	}
	return walk(doc), count
}

// poke does to a room what everybody does, to see whether it stands.
func (w *world) poke() {
	w.blind = true
	for _, text := range []string{
		`<presence from='gil@three.lit/a' to='room@chat.lit/Gil'><x xmlns='http://jabber.org/protocol/muc'><password>unguessable-password</password></x></presence>`,
		`<presence from='amy@one.lit/b' to='room@chat.lit/Amy2'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<message type='groupchat' from='amy@one.lit/a' to='room@chat.lit' id='1'><body>one</body></message>`,
		`<message type='groupchat' from='bob@one.lit/a' to='room@chat.lit' id='2'><subject>two</subject></message>`,
		`<presence from='bob@one.lit/b' to='room@chat.lit/Robert'><status>x</status></presence>`,
		`<presence from='bob@one.lit/b' to='room@chat.lit/Bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<iq type='get' from='amy@one.lit/a' to='room@chat.lit' id='3'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`,
		`<iq type='get' from='amy@one.lit/a' to='room@chat.lit' id='4'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query></iq>`,
		`<iq type='get' from='amy@one.lit/a' to='room@chat.lit' id='5'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='participant'/></query></iq>`,
		`<iq type='get' from='eve@two.lit/a' to='room@chat.lit' id='6'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		`<iq type='get' from='amy@one.lit/a' to='room@chat.lit' id='7'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
		`<iq type='get' from='bob@one.lit/a' to='room@chat.lit/Amy' id='8'><vCard xmlns='vcard-temp'/></iq>`,
		`<iq type='get' from='bob@one.lit/a' to='room@chat.lit' id='9'><q xmlns='urn:ask'/></iq>`,
		`<iq type='set' from='dan@two.lit/a' to='room@chat.lit' id='10'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>Dan</value></field></x></query></iq>`,
		`<iq type='set' from='amy@one.lit/a' to='room@chat.lit' id='11'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner' jid='dan@two.lit'/><item affiliation='none' jid='bob@one.lit'/></query></iq>`,
		`<iq type='set' from='amy@one.lit/a' to='room@chat.lit' id='12'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='none' nick='Robert'/></query></iq>`,
		`<message from='amy@one.lit/a' to='room@chat.lit/Dan' type='chat' id='13'><body>psst</body></message>`,
		`<message from='dan@two.lit/a' to='room@chat.lit/Amy' type='error' id='13'><error type='cancel'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
		`<message from='amy@one.lit/a' to='room@chat.lit'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='eve@two.lit'/></x></message>`,
		`<message from='dan@two.lit/a' to='room@chat.lit'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field><field var='muc#role'><value>participant</value></field></x></message>`,
		`<presence type='probe' from='amy@one.lit/a' to='room@chat.lit/Bob'/>`,
		`<presence type='unavailable' from='bob@one.lit/a' to='room@chat.lit/Bob'/>`,
	} {
		w.send(text)
	}
	w.do(muc.Vanished{JID: muc.MustParseJID("one.lit")})
	w.do(muc.SetSubject{Subject: "by the host"})
	_, _ = w.room.Subject()
	for range w.room.Registrations() {
	}
	_ = w.room.Summary()
	for range 3 {
		w.now = w.now.Add(time.Hour)
		fx, err := w.room.Tick(w.now)
		require.NoError(w.t, err)
		w.take(fx)
	}
	moved, err := muc.Restore(w.cfg, w.room.Snapshot(muc.Live), nil)
	require.NoError(w.t, err)
	require.Equal(w.t, string(w.room.Snapshot(muc.Live)), string(moved.Snapshot(muc.Live)))
	_, err = muc.Restore(w.cfg, w.room.Snapshot(muc.Durable), nil)
	require.NoError(w.t, err)
	w.do(muc.Destroy{})
}

// hostile is what is put into the place of something good.
var hostile = []string{"", "null", "0", "-1", "4294967295", "18446744073709551615", "1e99", "true", "[]", "{}", `[null]`, `"\u0000"`,
	"<", "<x>", "<x/>", "<x></y>", "<x a='1' a='2'/>", "<x a='<'/>", "<x>]]></x>", "<subject>&bad;</subject>", "text", "amy@one.lit", "a@b/c",
	"a@b/<&'>", "<@b", "\"@b", "owner", "moderator", "none", "2030-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z",
	"destroyed", "durable", "\u202E", "open"}

// FuzzRestore: a snapshot that was tampered with is refused, or makes a room that
// stands.
func FuzzRestore(f *testing.F) {
	shots := busySnapshots(f)
	var doc any
	require.NoError(f, json.Unmarshal(shots[0], &doc))
	_, leaves := spoil(doc, -1, "")
	for leaf := range leaves {
		for i := range 3 {
			f.Add([]byte{}, leaf, hostile[(leaf*3+i)%len(hostile)])
		}
	}
	f.Add(shots[1], -1, "")
	f.Add([]byte(`{}`), -1, "")
	f.Add([]byte(`[`), -1, "")
	f.Fuzz(func(t *testing.T, data []byte, leaf int, text string) {
		w := busyRoom(t)
		if len(data) == 0 {
			var doc any
			require.NoError(t, json.Unmarshal(shots[0], &doc))
			doc, leaves := spoil(doc, -1, "")
			doc, _ = spoil(doc, leaf%leaves, text)
			var err error
			data, err = json.Marshal(doc)
			require.NoError(t, err)
		}
		tryRestore(t, w, data)
	})
}

func tryRestore(t testing.TB, w *world, data []byte) {
	room, err := muc.Restore(w.cfg, data, nil)
	if err != nil {
		typedError(t, err)
		return
	}
	w.room = room
	live := room.Snapshot(muc.Live)
	again, err := muc.Restore(w.cfg, live, nil)
	require.NoError(t, err, "%s", live)
	require.Equal(t, string(live), string(again.Snapshot(muc.Live)))
	again, err = muc.Restore(w.cfg, room.Snapshot(muc.Durable), nil)
	require.NoError(t, err)
	require.True(t, again.Idle())
	_ = again.Deadline()
	w.poke()
}

func typedError(t testing.TB, err error) {
	var unknown *muc.UnknownEventError
	require.True(t, errors.Is(err, muc.ErrCorrupt) || errors.Is(err, muc.ErrKey) || errors.Is(err, muc.ErrOtherRoom) ||
		errors.As(err, &unknown), "%T %v", err, err)
}

// TestRestoreHostile puts hostile values into every place of a snapshot, others into
// each.
func TestRestoreHostile(t *testing.T) {
	shots := busySnapshots(t)
	w := busyRoom(t)
	accepted := 0
	for leaf := range 1 << 20 {
		leaves := 0
		for i := leaf % 9; i < len(hostile); i += 9 {
			text := hostile[i]
			var doc any
			require.NoError(t, json.Unmarshal(shots[0], &doc))
			doc, leaves = spoil(doc, leaf, text)
			data, err := json.Marshal(doc)
			require.NoError(t, err)
			if _, err := muc.Restore(w.cfg, data, nil); err == nil {
				accepted++
			}
			tryRestore(t, busyRoom(t), data)
		}
		if leaf >= leaves {
			require.Greater(t, leaves, 100)
			break
		}
	}
	require.Positive(t, accepted)
}

// filled is an event body with something in every field.
func filled(body muc.EventBody) muc.EventBody {
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

// FuzzEventJSON: an event that was tampered with is refused when it is read or
// applied, or leaves a room that stands.
func FuzzEventJSON(f *testing.F) {
	for i, body := range muc.NewBodies() {
		b, err := json.Marshal(muc.Event{Seq: 8, Time: time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC), Body: filled(body)})
		require.NoError(f, err)
		for leaf := range 8 {
			f.Add(b, leaf, hostile[(i*8+leaf)%len(hostile)])
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, leaf int, text string) {
		var doc any
		if json.Unmarshal(data, &doc) != nil {
			typedError(t, new(muc.Event).UnmarshalJSON(data))
			return
		}
		doc, leaves := spoil(doc, -1, "")
		if leaves > 0 {
			doc, _ = spoil(doc, leaf%leaves, text)
		}
		data, err := json.Marshal(doc)
		require.NoError(t, err)
		tryEvent(t, data)
	})
}

func tryEvent(t testing.TB, data []byte) {
	var ev muc.Event
	if err := ev.UnmarshalJSON(data); err != nil {
		typedError(t, err)
		return
	}
	b, err := json.Marshal(ev)
	require.NoError(t, err)
	var again muc.Event
	require.NoError(t, json.Unmarshal(b, &again))
	require.Equal(t, ev, again)
	w := busyRoom(t)
	// Where it does not follow, it is put where it does.
	if err := w.room.Apply(ev); errors.Is(err, muc.ErrGap) {
		w = busyRoom(t)
		var last struct{ Seq, Sub uint64 }
		require.NoError(t, json.Unmarshal(w.live, &last))
		ev.Seq, ev.Sub = last.Seq, last.Sub+1
		if ev.Durable() {
			ev.Seq, ev.Sub = last.Seq+1, 0
		}
		err = w.room.Apply(ev)
		if err != nil {
			typedError(t, err)
			return
		}
	} else if err != nil {
		typedError(t, err)
		return
	}
	live := w.room.Snapshot(muc.Live)
	moved, err := muc.Restore(w.cfg, live, nil)
	require.NoError(t, err, "%s", live)
	require.Equal(t, string(live), string(moved.Snapshot(muc.Live)))
	w.poke()
}
