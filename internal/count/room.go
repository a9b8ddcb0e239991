package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// now is the time of all steps.
var now = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func element(format string, args ...any) *etree.Element {
	doc := etree.NewDocument()
	must(0, doc.ReadFromString(fmt.Sprintf(format, args...)))
	return doc.Root()
}

func config() muc.Config {
	return muc.Config{Room: muc.MustParseJID("room@muc.example"), Secret: []byte("a secret for counting, of 32 byte"), Instant: true}
}

func handle(r *muc.Room, el *etree.Element) muc.Effects {
	fx := must(r.Handle(now, el))
	if fx.Refused != nil {
		panic(fx.Refused)
	}
	return fx
}

func join(i int) *etree.Element {
	return element(`<presence from='u%d@users.example/r' to='room@muc.example/u%d' id='j%d'><x xmlns='http://jabber.org/protocol/muc'/>`+
		`<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://client.example' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>`, i, i, i)
}

// message is one of 100 bytes.
func message(i int) *etree.Element {
	return element(`<message from='u%d@users.example/r' to='room@muc.example' type='groupchat' id='m%d'><body>%s</body></message>`,
		i, i, strings.Repeat("lorem ipsum dolor sit ", 5)[:100])
}

// signal is a chat state, of which nothing is kept.
func signal() *etree.Element {
	return element(`<message from='u0@users.example/r' to='room@muc.example' type='groupchat' id='s'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
}

func roomOf(occupants int) *muc.Room {
	r := must(muc.New(config()))
	for i := range occupants {
		handle(r, join(i))
	}
	return r
}

func messages(occupants int, el *etree.Element, write bool) func(int) {
	r := roomOf(occupants)
	for range 300 { // the history is full
		handle(r, el)
	}
	var b []byte
	return func(int) {
		fx := handle(r, el)
		if !write {
			return
		}
		for _, o := range fx.Outbound {
			for _, to := range o.To() {
				b = o.AppendXML(b[:0], to, "")
			}
		}
	}
}

func joins() func(int) {
	r, in := roomOf(100), join(100)
	out := element(`<presence from='u100@users.example/r' to='room@muc.example/u100' type='unavailable'/>`)
	return func(int) {
		handle(r, in)
		handle(r, out)
	}
}

// returns is that somebody leaves and enters, who keeps the lists of affiliations and has
// missed one change (XEP-0463).
func returns(members int) func(int) {
	r := withMembers(members)
	must(r.Do(now, muc.Configure{Change: func(c *muc.RoomConfig) { c.Persistent = true }}))
	var since string
	enter := func() *etree.Element {
		return element(`<presence from='u0@users.example/r' to='room@muc.example/u0'><x xmlns='http://jabber.org/protocol/muc'>`+
			`<mav xmlns='urn:xmpp:muc:affiliations:1' since='%s'/></x></presence>`, since)
	}
	for _, o := range handle(r, enter()).Outbound {
		if mav := o.Stanza().FindElement("x/mav"); mav != nil {
			since = mav.SelectAttrValue("until", "")
		}
	}
	must(r.Do(now, muc.SetAffiliation{JID: muc.MustParseJID("new@users.example"), Affiliation: muc.Member}))
	in, out := enter(), element(`<presence from='u0@users.example/r' to='room@muc.example/u0' type='unavailable'/>`)
	return func(int) {
		handle(r, out)
		handle(r, in)
	}
}

func withMembers(n int) *muc.Room {
	r := roomOf(1)
	for i := range n {
		must(r.Do(now, muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("a%d@users.example", i)), Affiliation: muc.Member}))
	}
	return r
}

func items() func(int) {
	r := withMembers(10000)
	var sets []*etree.Element
	for _, affiliation := range []string{"admin", "member"} {
		sets = append(sets, element(`<iq from='u0@users.example/r' to='room@muc.example' type='set' id='s'>`+
			`<query xmlns='http://jabber.org/protocol/muc#admin'><item jid='a500@users.example' affiliation='%s'/></query></iq>`, affiliation))
	}
	return func(i int) { handle(r, sets[i%2]) }
}

// events are those of 500 joins, and then of 500 messages.
func events() func(int) {
	r := must(muc.New(config()))
	var stored [][]byte
	keep := func(fx muc.Effects) {
		for ev := range fx.Events() {
			stored = append(stored, must(json.Marshal(ev)))
		}
	}
	for i := range 500 {
		keep(handle(r, join(i)))
	}
	for i := range 500 {
		keep(handle(r, message(i)))
	}
	r = must(muc.New(config()))
	read(stored[0])
	return func(i int) { must(0, r.Apply(read(stored[i]))) }
}

// read is an event as a store gives it back.
func read(stored []byte) (ev event.Event) {
	must(0, ev.UnmarshalJSON(stored))
	return ev
}

func snapshots() func(int) {
	r := withMembers(10000)
	return func(int) { r.Snapshot(muc.Durable) }
}

func restores() func(int) {
	b := withMembers(10000).Snapshot(muc.Durable)
	return func(int) { must(muc.Restore(config(), b, nil)) }
}
