package proptest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"pgregory.net/rapid"

	"github.com/gomuc/muc"
)

// drawn plays a history whose draws are those of some bytes, and when they are used
// up the first of everything.
func drawn(t *testing.T, data []byte, play func(t *rapid.T)) {
	defer func() {
		if t.Skipped() {
			t.Error("longer than it may be")
		}
	}()
	const most = 1 << 17
	padded := make([]byte, most)
	copy(padded[:most/2], data)
	rapid.MakeFuzz(play)(t, padded)
}

// FuzzRoom plays short histories, as TestHistories plays long ones.
func FuzzRoom(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(16) {
		noise, r := make([]byte, 8000), rand.New(rand.NewPCG(seed, 45))
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		f.Add(noise)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		drawn(t, data, func(t *rapid.T) {
			w := newWorld(t, anyConfig(t), new(tally))
			w.runs = 2 // there will be more inputs
			w.open()
			for range 8 {
				w.any()
			}
			w.end()
		})
	})
}

// FuzzStanza hands whatever parses as XML to a busy room.
func FuzzStanza(f *testing.F) {
	for _, from := range []string{users[0] + "/a", users[1] + "/b", users[3] + "/a", users[4] + "/a"} {
		for _, payload := range wild {
			f.Add(addressed(`<message type='groupchat' id='1' from='` + from + `'>` + payload + `</message>`))
			f.Add(addressed(`<iq type='set' id='1' from='` + from + `' to='/Ann'>` + payload + `</iq>`))
			f.Add(addressed(`<presence from='` + from + `' to='/New'>` + payload + `</presence>`))
		}
	}
	for _, s := range []string{
		`<a:iq xmlns:a='jabber:client' type='get' id='1' from='bob@one.example/a' to='room@rooms.example'><b:ping xmlns:b='urn:xmpp:ping'/></a:iq>`,
		`<iq xmlns='jabber:server' from='alice@one.example/a' to='ROOM@Rooms.example.' type='get' id='1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		`<iq from='bob@one.example/a' to='room@rooms.example' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`,
		`<message e='' d='' p:from='b' to='room@rooms.example'><body></body><no-store xmlns='urn:xmpp:hints'/></message>`, // a prefix makes another attribute
		`<iq from='alice@one.examPlea' to='room@rooms.example'><body/></iq>`,                                              // somebody whose address begins as another one
		strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if el := parse(text); el != nil {
			drawn(t, nil, func(t *rapid.T) { busy(t).wild(el) })
		}
	})
}

// wild is one stanza that a fuzzer made, and the time in which all that is open comes
// to its end.
func (w *world) wild(el *etree.Element) {
	given, in := written(el), input{stanza: el, wild: true}
	in.text = given
	w.next(in)
	if written(el) != given {
		w.fail("the element is the host's: %s", given)
	}
	w.settle()
}

func written(el *etree.Element) string {
	text, err := etree.NewDocumentWithRoot(el.Copy()).WriteToString()
	if err != nil {
		panic(err)
	}
	return text
}

// wild are payloads that no honest client sends, or seldom.
var wild = []string{
	`<body>a &lt;b&gt; &amp; 'c' "d" ]]&gt;</body>`, `<subject>s</subject><body>b</body>`, `<subject>a</subject><subject xml:lang='de'>b</subject>`,
	`<retract xmlns='urn:xmpp:message-retract:1' id='1'/>`, `<body>x</body><no-store xmlns='urn:xmpp:hints'/>`, `<store xmlns='urn:xmpp:hints'/>text`,
	`<x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x>`, `<x xmlns='http://jabber.org/protocol/muc#user'><invite to='eve@two.example'/></x>`,
	`<x xmlns='http://jabber.org/protocol/muc#user'><decline to='bob@one.example'/></x>`, `<x xmlns='http://jabber.org/protocol/muc'><password>wrong</password></x>`,
	`<stanza-id xmlns='urn:xmpp:sid:0' by='room@rooms.example' id='forged'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>`,
	`<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='a@b'/><address type='to' jid='c@d'/></addresses>`,
	`<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>x</body></message></forwarded>`,
	`<!-- c --><?pi x?><status xml:lang='de'><![CDATA[<a&b>]]></status>`, `<x a='1' a='2' b:c='3' xmlns:b='urn:b'/>`,
	`<xml:a xmlns:p='urn:p' xmlns:q='urn:p' p:x='1' q:x='2'/>`, `<x xmlns=''><y xmlns='urn:y'><z xmlns=''/></y></x>`,
	`<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:list-assigned'/>`,
	`<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:create'><x xmlns='jabber:x:data' type='submit'>` +
		`<field var='hats#uri'><value>urn:x:y</value></field><field var='hats#title'><value>X</value></field></x></command>`,
	`<query xmlns='http://jabber.org/protocol/muc#owner'/>`, `<query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='@'/></query>`,
	`<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Ben' role='king'/><item affiliation='king' jid='@'/></query>`,
	`<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>`, `<ping xmlns='urn:xmpp:ping'/>`, `<vCard xmlns='vcard-temp'/>`,
	`<q xmlns='urn:example:asked'/>`, `<unique xmlns='http://jabber.org/protocol/muc#unique'/>`, ``, `text`, `<a/><b/>`, strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40),
	`<query xmlns='urn:xmpp:mam:2' queryid='q'><set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before/></set></query>`,
	`<moderate xmlns='urn:xmpp:message-moderate:1' id='x'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`,
}

// FuzzForm submits any form, and then what the room says of itself, which changes
// nothing.
func FuzzForm(f *testing.F) {
	f.Add(0, `<field var='muc#roomconfig_roomname'><value>x</value></field>`)
	f.Add(0, `<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_maxusers'><value>-1</value></field>`)
	f.Add(0, `<field var='muc#roomconfig_presencebroadcast'><value>none</value><value>moderator</value></field>`)
	f.Add(0, `<field var='muc#roomconfig_roomowners'><value>bob@one.example</value></field>`)
	f.Add(0, `<field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field><field var='muc#roomconfig_roomsecret'/>`)
	f.Add(0, `<field/><field var=''/><value/><field var='x'><value/><value/></field>`)
	f.Add(1, `<field var='muc#register_roomnick'><value>Bob</value></field>`)
	f.Add(2, `<field var='muc#role'><value>participant</value></field>`)
	f.Add(3, `<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field><field var='muc#role'><value>participant</value></field>`)
	f.Fuzz(func(t *testing.T, which int, fields string) {
		ns, kind := nsOwner, "submit"
		switch which % 4 {
		case 1:
			ns = "jabber:iq:register"
		case 2:
			kind = "cancel"
		}
		text := `<iq type='set' id='1' from='alice@one.example/a'><query xmlns='` + ns + `'><x xmlns='jabber:x:data' type='` + kind + `'>` + fields + `</x></query></iq>`
		if which%4 == 3 {
			text = `<message from='dave@two.example/a'><x xmlns='jabber:x:data' type='submit'>` + fields + `</x></message>`
		}
		el := parse(addressed(text))
		if el == nil {
			return
		}
		drawn(t, nil, func(t *rapid.T) {
			w := busy(t)
			w.next(input{stanza: el, text: written(el), wild: true})
			if w.last.state == muc.Open {
				w.resubmit(users[0] + "/a")
			}
			w.settle()
		})
	})
}
