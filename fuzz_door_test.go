package muc_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// busyRoom is a room with people of all kinds inside, a password, a history and
// open questions.
func busyRoom(t testing.TB) *world {
	shots := busySnapshots(t)
	w := newWorld(t, nil)
	w.cfg = busyConfig(w.cfg)
	var err error
	w.room, err = muc.Restore(w.cfg, shots[0], nil)
	require.NoError(t, err)
	w.live, w.durable = shots[0], shots[1]
	return w
}

func busyConfig(cfg muc.Config) muc.Config {
	cfg.Registration = muc.RegistrationApproved
	cfg.Rates = muc.Rates{Messages: muc.Rate{Burst: 50, Every: time.Second}, Presence: muc.Rate{Burst: 50, Every: time.Second}}
	return cfg
}

var busyOnce sync.Once
var busyShots [2][]byte

// busySnapshots makes the room once, for it is needed for every input.
func busySnapshots(t testing.TB) [2][]byte {
	busyOnce.Do(func() {
		w := newWorld(t, nil)
		w.cfg = busyConfig(w.cfg)
		w.begin()
		conf := muc.RoomConfig{Persistent: true, Moderated: true, Password: "unguessable-password"}
		w.do(muc.Create{Owner: muc.MustParseJID("amy@one.lit"), Config: conf})
		for i, who := range []string{"amy@one.lit/a", "bob@one.lit/a", "bob@one.lit/b", "dan@two.lit/a"} {
			nick := []string{"Amy", "Bob", "Bob", "Dan"}[i]
			w.send(`<presence from='` + who + `' to='room@chat.lit/` + nick + `'><x xmlns='http://jabber.org/protocol/muc'>` +
				`<password>unguessable-password</password></x><status>here</status></presence>`)
		}
		w.do(muc.SetAffiliation{JID: muc.MustParseJID("bob@one.lit"), Affiliation: muc.Member, Nick: "Bob"})
		w.do(muc.SetAffiliation{JID: muc.MustParseJID("cat@one.lit"), Affiliation: muc.Admin})
		w.send(`<message type='groupchat' from='bob@one.lit/a' to='room@chat.lit' id='1'><body>first</body></message>`)
		w.send(`<message type='groupchat' from='amy@one.lit/a' to='room@chat.lit' id='2'><subject>topic</subject></message>`)
		w.send(`<iq type='get' from='bob@one.lit/a' to='room@chat.lit' id='3'><q xmlns='urn:ask'/></iq>`)
		conf.NoArchive = true
		w.do(muc.Configure{Config: conf})
		w.send(`<message type='groupchat' from='bob@one.lit/b' to='room@chat.lit' id='4'><body>off the record</body></message>`)
		conf.NoArchive = false
		w.do(muc.Configure{Config: conf})
		w.send(`<message type='chat' from='bob@one.lit/b' to='room@chat.lit/Dan' id='5'><body>psst</body></message>`)
		w.send(`<message from='amy@one.lit/a' to='room@chat.lit'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='eve@two.lit'/></x></message>`)
		w.send(`<message from='dan@two.lit/a' to='room@chat.lit'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>` +
			`<value>http://jabber.org/protocol/muc#request</value></field><field var='muc#role'><value>participant</value></field></x></message>`)
		w.send(`<iq type='set' from='dan@two.lit/a' to='room@chat.lit' id='6'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>` +
			`<field var='muc#register_roomnick'><value>Daniel</value></field></x></query></iq>`)
		w.do(muc.Join{JID: muc.MustParseJID("bot@chat.lit/bot"), Nick: "Bot"})
		require.Equal(w.t, muc.Open, w.room.State())
		require.Len(w.t, w.present(), 4)
		for _, part := range []string{"affiliation-changed", "registered", "registration-requested", "subject-changed", "message-archived", "message-kept", "joined", "voice-requested", "invite-sent", "asked", "private-sent", "rate-spent"} {
			require.Contains(w.t, string(w.room.Snapshot(muc.Live)), `"`+part+`"`)
		}
		busyShots = [2][]byte{w.room.Snapshot(muc.Live), w.room.Snapshot(muc.Durable)}
	})
	return busyShots
}

// FuzzDoor hands whatever parses as XML to a busy room.
func FuzzDoor(f *testing.F) {
	for _, from := range []string{"amy@one.lit/a", "bob@one.lit/b", "dan@two.lit/a", "eve@two.lit/a"} {
		for _, payload := range append(append([]string{}, worldPayloads...), worldQueries...) {
			payload = strings.ReplaceAll(payload, "%s", "text")
			f.Add(`<message type='groupchat' id='1' from='` + from + `' to='room@chat.lit'>` + payload + `</message>`)
			f.Add(`<iq type='set' id='1' from='` + from + `' to='room@chat.lit/Amy'>` + payload + `</iq>`)
		}
	}
	for _, s := range doorSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc := etree.NewDocument()
		if doc.ReadFromString(text) != nil || doc.Root() == nil {
			return
		}
		w := busyRoom(t)
		el, state := doc.Root(), w.room.Snapshot(muc.Live)
		given := print(el)
		fx, err := w.room.Handle(w.now, el)
		require.Equal(t, given, print(el), "the element is the host's")
		if err != nil {
			require.True(t, errors.Is(err, muc.ErrNotStanza) || errors.Is(err, muc.ErrNotForRoom), err)
			require.Equal(t, string(state), string(w.room.Snapshot(muc.Live)))
			require.Empty(t, fx.Outbound)
			return
		}
		w.take(fx)
		if j, err := muc.ParseJID(plainAttr(el, "from")); err == nil && j.String() == plainAttr(el, "from") {
			w.judgeAnswer(el, fx, text)
		}
		for _, out := range fx.Outbound {
			if b := out.AppendXML(nil, out.To()[0], ""); !strings.Contains(text, "unguessable") && !fromOwner(el) {
				require.NotContains(t, string(b), "unguessable")
			}
		}
		w.rebuild()
	})
}

// fromOwner: the owner reads the password in the form, and those whom he invites
// get it.
func fromOwner(el *etree.Element) bool {
	from, err := muc.ParseJID(plainAttr(el, "from"))
	return err == nil && (from.Bare().String() == "amy@one.lit" || el.Tag == "message")
}

// plainAttr is an attribute without prefix: etree would take one with any prefix.
func plainAttr(el *etree.Element, name string) string {
	for _, a := range el.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value
		}
	}
	return ""
}

// print writes an element as it is, from outside etree.
func print(el *etree.Element) string {
	var b strings.Builder
	type frame struct {
		el   *etree.Element
		next int
	}
	stack := []frame{{el: el}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == 0 {
			b.WriteString("<" + top.el.Space + ":" + top.el.Tag)
			for _, a := range top.el.Attr {
				b.WriteString(" " + a.Space + ":" + a.Key + "=" + a.Value)
			}
		}
		if top.next == len(top.el.Child) {
			b.WriteString(">")
			stack = stack[:len(stack)-1]
			continue
		}
		child := top.el.Child[top.next]
		top.next++
		switch c := child.(type) {
		case *etree.Element:
			stack = append(stack, frame{el: c})
		case *etree.CharData:
			b.WriteString(c.Data)
		case *etree.Comment:
			b.WriteString("!" + c.Data)
		}
	}
	return b.String()
}

var doorSeeds = []string{
	`<message from="bob@one.lit/a" to="room@chat.lit" type="groupchat"><xml:a xmlns:p="urn:p" xmlns:q="urn:p" p:x="1" q:x="2"/></message>`,
	`<a:iq xmlns:a='jabber:client' type='get' id='1' from='bob@one.lit/a' to='room@chat.lit'><b:ping xmlns:b='urn:xmpp:ping'/></a:iq>`,
	`<message from='bob@one.lit/a' to='room@chat.lit' type='groupchat'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>x</body></message></forwarded></message>`,
	`<presence from='bob@one.lit/a' to='room@chat.lit/Bob'><!-- c --><?pi x?><status xml:lang='de'><![CDATA[<a&b>]]></status></presence>`,
	`<message from='bob@one.lit/a' to='room@chat.lit' type='groupchat'><x a='1' a='2' b:c='3' xmlns:b='urn:b'/></message>`,
	`<message from='bob@one.lit/a' to='room@chat.lit' type='groupchat'><x xmlns=''><y xmlns='urn:y'><z xmlns=''/></y></x></message>`,
	`<iq from='bob@one.lit/a' to='room@chat.lit' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`,
	`<iq from='amy@one.lit/a' to='room@chat.lit' type='get' id='1'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`,
	`<presence from='eve@two.lit/a' to='room@chat.lit/Eve'><x xmlns='http://jabber.org/protocol/muc'><password>wrong</password></x></presence>`,
	`<iq xmlns='jabber:server' from='amy@one.lit/a' to='ROOM@Chat.lit.' type='get' id='1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
	`<message from='amy@one.lit/a' to='room@chat.lit'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='eve@two.lit'/></x></message>`,
	strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40),
	`<iq from='amy@one.lit/a' to='room@chat.lit' type='set' id='1'>` + strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40) + `</iq>`,
}

// FuzzJID: what ParseJID accepts is normal, and survives being written.
func FuzzJID(f *testing.F) {
	for _, s := range []string{"", "a", "a@b", "a@b/c", "@", "/", "a@/c", "A@B/C", "ü@ö/ä", "a@b/", "a b@c", "a@b/c d", "a@[::1]/x",
		"juliet@example.com.", "a@b@c/d@e/f", "\u212A@x", "a@\u3002b", "x@y/\u202E", "é@x/e\u0301", "a@b/<&>'\"", strings.Repeat("a", 1024) + "@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		j, err := muc.ParseJID(s)
		if err != nil {
			require.ErrorIs(t, err, muc.ErrJID)
			require.True(t, j.IsZero())
			return
		}
		require.True(t, utf8.ValidString(j.String()))
		again, err := muc.ParseJID(j.String())
		require.NoError(t, err, "%q of %q", j, s)
		require.Equal(t, j, again, "%q of %q", j, s)
		require.True(t, j == again)
		text := j.Domain()
		if j.Local() != "" {
			text = j.Local() + "@" + text
		}
		require.Equal(t, text, j.Bare().String())
		if j.Resource() != "" {
			text += "/" + j.Resource()
		}
		require.Equal(t, text, j.String())
		require.Equal(t, j.IsBare(), j.Resource() == "")
		require.Equal(t, j.Bare(), j.Bare().Bare())
		require.True(t, j.Bare().IsBare())
		for _, part := range []string{j.Local(), j.Domain(), j.Resource()} {
			require.LessOrEqual(t, len(part), 1023)
		}
		b, err := json.Marshal(j)
		require.NoError(t, err)
		var back muc.JID
		require.NoError(t, json.Unmarshal(b, &back))
		require.True(t, back == j)
	})
}

// FuzzNick: a nick that the rules accept comes back unchanged, is an address, has
// one key however it is written, and can be read.
func FuzzNick(f *testing.F) {
	for _, s := range worldNicks {
		f.Add(s)
	}
	for _, s := range []string{"Zoe\u0308", "ＦＵＬＬ", "a  b", "\u200Bx", "x\uFE0F", "1\uFE0F\u20E3", "👩‍💻", "👨‍👩‍👧", "ǅ", "ß", "İ", "ﬃ", "\u00A0", "ي"} {
		f.Add(s)
	}
	room := muc.MustParseJID("room@chat.lit")
	f.Fuzz(func(t *testing.T, s string) {
		for _, rule := range []muc.NickRule{muc.NormalizeNick, muc.StrictNick} {
			res, refused := rule(s)
			if len(res.Nick) > 1023 {
				continue // the room refuses it, whatever the rule
			}
			if refused != nil {
				require.NotEmpty(t, refused.Condition)
				require.NotEmpty(t, refused.Section)
				require.Zero(t, res)
				continue
			}
			require.NotEmpty(t, res.Nick)
			require.NotEmpty(t, res.Key)
			require.Equal(t, res.Nick != s, res.Changed)
			again, refused := rule(res.Nick)
			require.Nil(t, refused, "%q of %q", res.Nick, s)
			require.Equal(t, muc.NickResult{Nick: res.Nick, Key: res.Key}, again, "of %q", s)
			j, err := muc.ParseJID(room.String() + "/" + res.Nick)
			require.NoError(t, err, "%q", res.Nick)
			require.Equal(t, res.Nick, j.Resource())
			key, refused := rule(res.Key)
			if refused == nil {
				require.Equal(t, res.Key, key.Key, "a key is its own key: %q of %q", res.Key, s)
			}
			require.NotContains(t, res.Nick, "\u202E")
		}
	})
}

// FuzzForm submits any form.
func FuzzForm(f *testing.F) {
	f.Add(0, `<field var='muc#roomconfig_roomname'><value>x</value></field>`)
	f.Add(0, `<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_maxusers'><value>-1</value></field>`)
	f.Add(0, `<field var='muc#roomconfig_presencebroadcast'><value>none</value><value>moderator</value></field>`)
	f.Add(0, `<field var='muc#roomconfig_roomowners'><value>bob@one.lit</value></field>`)
	f.Add(0, `<field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field><field var='muc#roomconfig_roomsecret'/>`)
	f.Add(0, `<field/><field var=''/><value/><field var='x'><value/><value/></field>`)
	f.Add(1, `<field var='muc#register_roomnick'><value>Bob</value></field>`)
	f.Add(2, `<field var='muc#role'><value>participant</value></field>`)
	f.Fuzz(func(t *testing.T, which int, fields string) {
		w := busyRoom(t)
		to, ns, kind := ` to='room@chat.lit'>`, "http://jabber.org/protocol/muc#owner", "submit"
		switch which % 4 {
		case 1:
			ns = "jabber:iq:register"
		case 2:
			kind = "cancel"
		}
		text := `<iq type='set' id='1' from='amy@one.lit/a'` + to + `<query xmlns='` + ns + `'><x xmlns='jabber:x:data' type='` + kind + `'>` + fields + `</x></query></iq>`
		if which%4 == 3 {
			text = `<message from='dan@two.lit/a'` + to + `<x xmlns='jabber:x:data' type='submit'>` + fields + `</x></message>`
		}
		if etree.NewDocument().ReadFromString(text) != nil {
			return
		}
		old := w.room.RoomConfig()
		fx := w.send(text)
		if fx.Refused != nil {
			require.Equal(t, old, w.room.RoomConfig())
		}
		w.rebuild()
		// What the room says of itself can be submitted again and changes nothing.
		if w.room.State() != muc.Open {
			return
		}
		fx = w.send(`<iq type='get' id='2' from='amy@one.lit/a' to='room@chat.lit'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`)
		form := fx.Outbound[0].Stanza().FindElement("query/x")
		if form == nil {
			return // the form took the owner's rights away
		}
		form.CreateAttr("type", "submit")
		doc := etree.NewDocument()
		iq := doc.CreateElement("iq")
		for _, a := range [][2]string{{"type", "set"}, {"id", "3"}, {"from", "amy@one.lit/a"}, {"to", "room@chat.lit"}} {
			iq.CreateAttr(a[0], a[1])
		}
		q := iq.CreateElement("query")
		q.CreateAttr("xmlns", "http://jabber.org/protocol/muc#owner")
		q.AddChild(form)
		again, err := doc.WriteToString()
		require.NoError(t, err)
		old = w.room.RoomConfig()
		fx = w.send(again)
		require.Nil(t, fx.Refused, again)
		require.Empty(t, fx.Events, again)
		require.Equal(t, old, w.room.RoomConfig())
	})
}
