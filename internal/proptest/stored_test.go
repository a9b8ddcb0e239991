package proptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// busyShot is the live snapshot of a busy room.
func busyShot() []byte { return theBusy().last.live }

// hostile is what is put into the place of something good.
var hostile = []string{"", "null", "0", "-1", "4294967295", "18446744073709551615", "1e99", "true", "[]", "{}", `[null]`, `"\u0000"`,
	"<", "<x>", "<x/>", "<x></y>", "<x a='1' a='2'/>", "<x a='<'/>", "<x>]]></x>", "<subject>&bad;</subject>", "text", "amy@one.lit", "a@b/c",
	"a@b/<&'>", "<@b", "\"@b", "owner", "moderator", "none", "2030-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "0000-01-01T00:00:00.000Z",
	"destroyed", "durable", "\u202E", "open"}

// spoil replaces one leaf of a JSON document, and tells how many there are. What
// looks like JSON is put in as it is, other text as a string.
func spoil(doc any, leaf int, text string) (any, int) {
	count := 0
	var walk func(v any) any
	walk = func(v any) any {
		here := count == leaf
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
			if here = count == leaf; len(v) > 0 && here {
				v = append(v, v[0])
			}
			count++
			return v
		}
		count++
		var put any
		switch {
		case !here:
			return v
		case json.Unmarshal([]byte(text), &put) == nil:
			return put
		}
		return text
	}
	return walk(doc), count
}

// spoilt is a JSON document of which one leaf was replaced; what is no JSON stays.
func spoilt(data []byte, leaf int, text string) []byte {
	var doc any
	if json.Unmarshal(data, &doc) != nil {
		return data
	}
	doc, leaves := spoil(doc, -1, "")
	if leaves > 0 && leaf >= 0 {
		doc, _ = spoil(doc, leaf%leaves, text)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return data
}

// leaves is how many places of a document can be spoilt.
func leaves(t testing.TB, data []byte) int {
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	_, n := spoil(doc, -1, "")
	return n
}

// FuzzRestore: a snapshot that was tampered with is refused, or makes a room that
// stands. No data is that of a busy room.
func FuzzRestore(f *testing.F) {
	for leaf := range leaves(f, busyShot()) {
		for i := range 4 {
			f.Add([]byte{}, leaf, hostile[(leaf*4+i)%len(hostile)])
		}
	}
	for _, name := range []string{"live", "durable", "ended"} {
		data, err := os.ReadFile("../../testdata/golden/v4/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, -1, "")
	}
	f.Add([]byte(`{}`), -1, "")
	f.Add([]byte(`[`), -1, "")
	f.Fuzz(func(t *testing.T, data []byte, leaf int, text string) {
		if len(data) == 0 {
			data = busyShot()
		}
		room, err := muc.Restore(busyConfig(), spoilt(data, leaf, text), nil)
		if err != nil {
			typed(t, err)
			return
		}
		stands(t, room)
	})
}

// FuzzEventJSON: an event that was tampered with is refused when it is read or
// applied, or leaves a room that stands.
func FuzzEventJSON(f *testing.F) {
	log, err := os.ReadFile("../../testdata/golden/v4/events.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for i, data := range bytes.Split(bytes.TrimSpace(log), []byte("\n")) {
		for leaf := range leaves(f, data) {
			f.Add(data, leaf, hostile[(i*8+leaf)%len(hostile)])
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, leaf int, text string) {
		var ev, again event.Event
		if err := ev.UnmarshalJSON(spoilt(data, leaf, text)); err != nil {
			typed(t, err)
			return
		}
		first, err := json.Marshal(ev)
		if err == nil {
			err = json.Unmarshal(first, &again)
		}
		if second, bad := json.Marshal(again); err != nil || bad != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s\n%s: %v, %v", first, second, err, bad)
		}
		// It is put where it follows.
		room := restored(t, busyShot())
		var last struct{ Seq, Sub uint64 }
		if err := json.Unmarshal(busyShot(), &last); err != nil {
			t.Fatal(err)
		}
		if ev.Seq, ev.Sub = last.Seq, last.Sub+1; ev.Durable() {
			ev.Seq, ev.Sub = last.Seq+1, 0
		}
		if err := room.Apply(ev); err != nil {
			typed(t, err)
			return
		}
		stands(t, room)
	})
}

// typed: what a host hands in and is no good is one of these errors.
func typed(t *testing.T, err error) {
	var unknown *muc.UnknownEventError
	if !errors.Is(err, muc.ErrCorrupt) && !errors.Is(err, muc.ErrKey) && !errors.Is(err, muc.ErrOtherRoom) && !errors.As(err, &unknown) {
		t.Fatalf("%T %v", err, err)
	}
}

func restored(t *testing.T, snapshot []byte) *muc.Room {
	room, err := muc.Restore(busyConfig(), snapshot, nil)
	if err != nil {
		t.Fatalf("%v: %s", err, snapshot)
	}
	return room
}

// stands does to a room what everybody does, to see whether it stands: it answers, says
// nothing that cannot be read, and moves. Nobody says that it makes sense.
func stands(t *testing.T, room *muc.Room) {
	moves := func() {
		live := room.Snapshot(muc.Live)
		if again := restored(t, live).Snapshot(muc.Live); !bytes.Equal(live, again) {
			t.Fatalf("%s\n%s", live, again)
		}
		if !restored(t, room.Snapshot(muc.Durable)).Idle() {
			t.Fatal("somebody is inside after a restart")
		}
	}
	moves()
	now := time.Date(2030, 1, 1, 1, 0, 0, 0, time.UTC)
	for _, in := range everything {
		if now = now.Add(time.Second); in.tick {
			now = now.Add(time.Hour)
		}
		in.at = now
		if in.text != "" {
			in.stanza = parse(addressed(in.text))
		}
		fx, err := perform(room, in)
		if err != nil && in.cmd == nil {
			t.Fatalf("%v: %s", err, describe(in))
		}
		for _, out := range fx.Outbound {
			for _, to := range out.To() {
				text := string(out.AppendXML(nil, to, ""))
				if _, err := readElement(text); err != nil {
					t.Fatalf("%v: %s", err, text)
				}
			}
		}
	}
	_, _ = room.Subject()
	for range room.Registrations() {
	}
	_ = room.Summary()
	moves()
	if _, err := room.Do(now, muc.Destroy{}); err != nil && room.State() != muc.Unborn && room.State() != muc.Destroyed {
		t.Fatal(err)
	}
	moves()
}

// everything is what everybody does.
var everything = []input{
	{text: `<presence from='eve@two.example/a' to='/Eve'><x xmlns='http://jabber.org/protocol/muc'><password>sesame-4711</password></x></presence>`},
	{text: `<presence from='alice@one.example/b' to='/Ann2'><x xmlns='http://jabber.org/protocol/muc'/></presence>`},
	{text: `<message type='groupchat' from='alice@one.example/a' id='1'><body>one</body></message>`},
	{text: `<message type='groupchat' from='bob@one.example/a' id='2'><subject>two</subject></message>`},
	{text: `<presence from='bob@one.example/b' to='/Robert'><status>x</status></presence>`},
	{text: `<presence from='bob@one.example/b' to='/Ben'><x xmlns='http://jabber.org/protocol/muc'/></presence>`},
	{text: `<iq type='get' from='alice@one.example/a' id='3'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`},
	{text: `<iq type='get' from='alice@one.example/a' id='4'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query></iq>`},
	{text: `<iq type='get' from='alice@one.example/a' id='5'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='participant'/></query></iq>`},
	{text: `<iq type='get' from='eve@two.example/a' id='6'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`},
	{text: `<iq type='get' from='alice@one.example/a' id='7'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`},
	{text: `<iq type='get' from='bob@one.example/a' to='/Ann' id='8'><vCard xmlns='vcard-temp'/></iq>`},
	{text: `<iq type='get' from='bob@one.example/a' id='8v'><vCard xmlns='vcard-temp'/></iq>`},
	{text: `<iq type='set' from='alice@one.example/a' id='8w'><vCard xmlns='vcard-temp'><PHOTO><BINVAL>R0lGODlh</BINVAL></PHOTO></vCard></iq>`},
	{text: `<iq type='get' from='bob@one.example/a' id='9'><q xmlns='urn:example:asked'/></iq>`},
	{text: `<iq type='set' from='dave@two.example/a' id='10'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>Dan</value></field></x></query></iq>`},
	{text: `<iq type='set' from='alice@one.example/a' id='11'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner' jid='dave@two.example'/><item affiliation='none' jid='bob@one.example'/></query></iq>`},
	{text: `<iq type='set' from='alice@one.example/a' id='12'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='none' nick='Robert'/></query></iq>`},
	{text: `<message from='alice@one.example/a' to='/Dan' type='chat' id='13'><body>psst</body></message>`},
	{text: `<message from='dave@two.example/a' to='/Ann' type='error' id='13'><error type='cancel'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`},
	{text: `<message from='alice@one.example/a'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='eve@two.example'/></x></message>`},
	{text: `<message from='dave@two.example/a'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field><field var='muc#role'><value>participant</value></field></x></message>`},
	{text: `<presence type='probe' from='alice@one.example/a' to='/Ben'/>`},
	{text: `<presence type='unavailable' from='bob@one.example/a' to='/Ben'/>`},
	{cmd: muc.Vanished{JID: muc.MustParseJID("one.example")}}, {cmd: muc.SetSubject{Subject: "by the host"}}, {tick: true}, {tick: true}, {tick: true},
}
