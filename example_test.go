package muc_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// The room is called by its host and says what to store and what to send.
func Example() {
	room, err := muc.New(muc.Config{Room: muc.MustParseJID("cellar@chat.example"), Secret: secret})
	if err != nil {
		log.Fatal(err)
	}
	step := func(fx muc.Effects, err error) {
		if err != nil {
			log.Fatal(err) // the host's fault: the room has not changed
		}
		if err := store.Append(fx.Durable); err != nil {
			log.Fatal(err) // drop the room; muc.Restore makes it again
		}
		for to, xml := range fx.Deliveries("") { // nothing goes out before it is stored
			send(to, xml)
		}
	}

	step(room.Handle(time.Now(), parse(`<presence from='romeo@example.org/pda' to='cellar@chat.example/Romeo'>
		<x xmlns='http://jabber.org/protocol/muc'/></presence>`))) // a stanza off the wire
	step(room.Do(time.Now(), muc.Kick{Nick: "Romeo", Reason: "closing time"})) // the host itself
	step(room.Tick(time.Now()))                                                // what room.Deadline said is due

	// Output:
	// to romeo@example.org/pda: presence from cellar@chat.example/Romeo
	// to romeo@example.org/pda: message from cellar@chat.example
	// to romeo@example.org/pda: presence from cellar@chat.example/Romeo, unavailable
}

// A newcomer enters a room where others are. Moderators see the newcomer's address, the
// others do not. The newcomer gets everybody's presence, the own one, the history and the
// subject.
func ExampleRoom_Handle() {
	room := roomWith("Romeo")
	fx, err := room.Handle(evening, parse(`<presence from='juliet@example.org/pad' to='cellar@chat.example/Juliet'>
		<x xmlns='http://jabber.org/protocol/muc'/></presence>`))
	if err != nil {
		log.Fatal(err)
	}
	for _, out := range fx.Outbound {
		stanza := out.Stanza()
		fmt.Println(stanza.SelectAttrValue("from", ""), "to", out.To())
		if item := stanza.FindElement("x/item"); item != nil {
			fmt.Println("  role", item.SelectAttrValue("role", ""), "jid", item.SelectAttrValue("jid", "-"))
		}
	}
	for ev := range fx.Events() {
		fmt.Println("event", ev.Type(), "durable:", ev.Durable())
	}
	// Output:
	// cellar@chat.example/Juliet to [romeo@example.org/pda]
	//   role participant jid juliet@example.org/pad
	// cellar@chat.example/Romeo to [juliet@example.org/pad]
	//   role moderator jid -
	// cellar@chat.example/Juliet to [juliet@example.org/pad]
	//   role participant jid juliet@example.org/pad
	// cellar@chat.example to [juliet@example.org/pad]
	// event joined durable: false
}

// A broken rule is no Go error: the sender gets an error stanza, the host reads
// in Effects.Refused which rule it was, and the room has not changed.
func ExampleEffects_refused() {
	room := roomWith("Romeo")
	fx, err := room.Handle(evening, parse(`<presence from='tybalt@example.org/pc' to='cellar@chat.example/ROMEO'>
		<x xmlns='http://jabber.org/protocol/muc'/></presence>`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fx.Refused)
	fmt.Println(len(fx.Durable)+len(fx.Volatile), "events")
	for _, out := range fx.Outbound {
		fmt.Println(string(out.AppendXML(nil, out.To()[0], "")))
	}
	// Output:
	// muc: conflict: The nick is in use. (XEP-0045 §7.2.8)
	// 0 events
	// <presence to='tybalt@example.org/pc' from='cellar@chat.example/ROMEO' type='error'><x xmlns='http://jabber.org/protocol/muc'/><error type='cancel' by='cellar@chat.example'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>The nick is in use.</text></error></presence>
}

// The host itself needs no privilege. With DoAs it acts in somebody's name and with
// that person's privileges; a refusal is an error then, and nobody is told.
func ExampleKick() {
	room := roomWith("Romeo", "Juliet", "Tybalt")

	_, err := room.DoAs(evening, muc.MustParseJID("juliet@example.org/pda"), muc.Kick{Nick: "Romeo"})
	fmt.Println(errors.Is(err, &muc.StanzaError{Condition: stanza.Forbidden}), err)

	fx, err := room.Do(evening, muc.Kick{Nick: "Tybalt", Reason: "duel"})
	if err != nil {
		log.Fatal(err)
	}
	for _, out := range fx.Outbound {
		var codes []string
		for _, status := range out.Stanza().FindElements("x/status") {
			codes = append(codes, status.SelectAttrValue("code", ""))
		}
		fmt.Println("to", out.To(), "status", strings.Join(codes, " "))
	}
	// Output:
	// true muc: forbidden: Only moderators change roles. (XEP-0045 §8)
	// to [tybalt@example.org/pda] status 110 307
	// to [romeo@example.org/pda] status 307
	// to [juliet@example.org/pda] status 307
}

// A host configures a room in Go; owners do the same with a form. What
// follows from it happens at once: here, somebody is no member.
func ExampleConfigure() {
	room := roomWith("Romeo", "Juliet")
	fx, err := room.Do(evening, muc.Configure{Change: func(c *muc.RoomConfig) {
		c.Name, c.MembersOnly = "The wine cellar", true
	}})
	if err != nil {
		log.Fatal(err)
	}
	for ev := range fx.Events() {
		switch b := ev.Body.(type) {
		case *event.Configured:
			for _, c := range b.Changes {
				fmt.Println(c.Var, c.Old, "->", c.New)
			}
		case *event.Removed:
			fmt.Println(b.Nick, "is put out:", b.Cause)
		}
	}
	// Output:
	// muc#roomconfig_roomname [] -> [The wine cellar]
	// muc#roomconfig_membersonly [0] -> [1]
	// Juliet is put out: members-only
}

// A host gives a room a picture; owners do the same from their clients. Those who may
// discover the room find its hash in disco#info, and read the vCard.
func ExampleSetVCard() {
	room := roomWith("Romeo", "Juliet")
	image := []byte("\x89PNG\r\n\x1a\n") // and more, in a real one

	vCard := etree.NewElement("vCard")
	vCard.CreateAttr("xmlns", "vcard-temp")
	photo := vCard.CreateElement("PHOTO")
	photo.CreateElement("TYPE").SetText("image/png")
	photo.CreateElement("BINVAL").SetText(base64.StdEncoding.EncodeToString(image))
	fx, err := room.Do(evening, muc.SetVCard{VCard: vCard})
	if err != nil {
		log.Fatal(err)
	}
	for ev := range fx.Events() {
		if b, ok := ev.Body.(*event.VCardChanged); ok {
			fmt.Println("the avatar is", b.Photos[0])
		}
	}
	for to, xml := range fx.Deliveries("") {
		fmt.Println(to.Local(), "is told:", bytes.Contains(xml, []byte("<status code='104'/>")))
	}
	// Output:
	// the avatar is 4caece539b039b16e16206ea2478f8c5ffb2ca05
	// romeo is told: true
	// juliet is told: true
}

// A room is rebuilt from its durable events alone: nobody is inside, all that
// matters is remembered.
func ExampleRestore() {
	config := muc.Config{Room: muc.MustParseJID("cellar@chat.example"), Secret: secret, Instant: true}
	room, err := muc.New(config)
	if err != nil {
		log.Fatal(err)
	}
	var stored bytes.Buffer // a line of JSON for each durable event
	keep := func(fx muc.Effects, err error) {
		if err != nil {
			log.Fatal(err)
		}
		for _, ev := range fx.Durable {
			if err := json.NewEncoder(&stored).Encode(ev); err != nil {
				log.Fatal(err)
			}
		}
	}
	keep(room.Do(evening, muc.Create{
		Owner: muc.MustParseJID("romeo@example.org"), Config: muc.RoomConfig{Name: "The wine cellar", Persistent: true},
	}))
	keep(room.Do(evening, muc.SetSubject{Subject: "Wherefore?"}))
	keep(room.Do(evening, muc.SetAffiliation{JID: muc.MustParseJID("tybalt@example.org"), Affiliation: muc.Outcast}))

	var events []event.Event
	for lines := json.NewDecoder(&stored); lines.More(); {
		var ev event.Event
		if err := lines.Decode(&ev); err != nil {
			log.Fatal(err)
		}
		events = append(events, ev)
	}
	again, err := muc.Restore(config, nil, events)
	if err != nil {
		log.Fatal(err)
	}
	subject, _ := again.Subject()
	fmt.Println(again.RoomConfig().Name, "/", subject, "/ last event", again.Seq())
	for jid, affiliation := range again.Affiliations() {
		fmt.Println(jid, affiliation)
	}
	fmt.Println(bytes.Equal(room.Snapshot(muc.Durable), again.Snapshot(muc.Durable)))
	// Output:
	// The wine cellar / Wherefore? / last event 4
	// romeo@example.org owner
	// tybalt@example.org outcast
	// true
}

// A live snapshot moves a room to another process in mid-conversation: nobody
// inside notices.
func ExampleRoom_Snapshot() {
	room := roomWith("Romeo", "Juliet")
	config := muc.Config{Room: muc.MustParseJID("cellar@chat.example"), Secret: secret}
	moved, err := muc.Restore(config, room.Snapshot(muc.Live), nil)
	if err != nil {
		log.Fatal(err)
	}
	for o := range moved.Occupants() {
		fmt.Println(o.Nick, o.Role, o.Affiliation, o.Sessions)
	}
	// Output:
	// Romeo moderator owner [romeo@example.org/pda]
	// Juliet participant none [juliet@example.org/pda]
}

// A message to everybody is one payload and two lists of addresses, whatever the
// size of the room. AppendXML writes it for one reader, into the caller's buffer;
// with a namespace for transports that frame each stanza on its own.
func ExampleOutbound_AppendXML() {
	room := roomWith("Romeo", "Juliet", "Tybalt")
	fx, err := room.Handle(evening, parse(`<message from='juliet@example.org/pda' to='cellar@chat.example' type='groupchat' id='m1'>
		<body>O Romeo!</body></message>`))
	if err != nil {
		log.Fatal(err)
	}
	var buffer []byte
	for _, out := range fx.Outbound {
		fmt.Println("one stanza to", len(out.To()))
		for _, to := range out.To() {
			buffer = out.AppendXML(buffer[:0], to, "jabber:client")
			fmt.Println(string(buffer[:bytes.IndexByte(buffer, '>')+1]))
		}
	}
	// Output:
	// one stanza to 1
	// <message xmlns='jabber:client' to='romeo@example.org/pda' from='cellar@chat.example/Juliet' type='groupchat' id='m1'>
	// one stanza to 2
	// <message xmlns='jabber:client' to='juliet@example.org/pda' from='cellar@chat.example/Juliet' type='groupchat' id='m1'>
	// <message xmlns='jabber:client' to='tybalt@example.org/pda' from='cellar@chat.example/Juliet' type='groupchat' id='m1'>
}

// A bot that lives in the host is a puppet: an occupant without a session. It
// reads the room's events instead of stanzas, and speaks by the same rules as
// everybody else.
func Example_bot() {
	room := roomWith("Romeo")
	if _, err := room.Do(evening, muc.Join{JID: muc.MustParseJID("clock@bots.example/clock"), Nick: "Clock"}); err != nil {
		log.Fatal(err)
	}
	fx, err := room.Handle(evening, parse(`<message from='romeo@example.org/pda' to='cellar@chat.example' type='groupchat' id='m1'>
		<body>!time</body></message>`))
	if err != nil {
		log.Fatal(err)
	}
	for ev := range fx.Events() {
		said := ev.Said()
		if said == nil || said.Body("") != "!time" {
			continue
		}
		answer, err := room.Do(evening, muc.Say{Nick: "Clock", Body: said.Nick + ": it is " + ev.Time.Format(time.TimeOnly)})
		if err != nil {
			log.Fatal(err)
		}
		for _, out := range answer.Outbound {
			stanza := out.Stanza()
			fmt.Println(stanza.SelectAttrValue("from", ""), "to", out.To(), stanza.FindElement("body").Text())
		}
	}
	// Output:
	// cellar@chat.example/Clock to [romeo@example.org/pda] Romeo: it is 20:00:00
}

// Policy is a pure function of the host's that returns nil or a refusal. It is
// asked only about what all rules of the room admit.
func ExampleConfig() {
	config := muc.Config{
		Room:   muc.MustParseJID("cellar@chat.example"),
		Secret: secret,
		Policy: policy.Rules{Create: func(q policy.Create) *muc.StanzaError {
			if q.Creator.Domain() != "example.org" {
				return &muc.StanzaError{Condition: stanza.NotAllowed, Text: "rooms are for our own people", Section: "house rule 1"}
			}
			return nil
		}},
	}
	room, err := muc.New(config)
	if err != nil {
		log.Fatal(err)
	}
	fx, err := room.Handle(evening, parse(`<presence from='iago@elsewhere.example/x' to='cellar@chat.example/Iago'>
		<x xmlns='http://jabber.org/protocol/muc'/></presence>`))
	fmt.Println(fx.Refused, err)
	fmt.Println(room.State())
	// Output:
	// muc: not-allowed: rooms are for our own people (house rule 1) <nil>
	// unborn
}

// Rooms of one service share what they have in common, checked once.
func ExampleTemplate() {
	template, err := muc.NewTemplate(muc.Config{Secret: secret, Instant: true, Defaults: muc.RoomConfig{Moderated: true}})
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"cellar", "attic"} {
		room, err := template.New(muc.MustParseJID(name + "@chat.example"))
		if err != nil {
			log.Fatal(err)
		}
		fx, err := room.Handle(evening, parse(fmt.Sprintf(`<presence from='romeo@example.org/pda' to='%s@chat.example/Romeo'>
			<x xmlns='http://jabber.org/protocol/muc'/></presence>`, name)))
		fmt.Println(fx.Outbound[0].Stanza().SelectAttrValue("from", ""), room.State(), room.RoomConfig().Moderated, err)
	}
	// Output:
	// cellar@chat.example/Romeo open true <nil>
	// attic@chat.example/Romeo open true <nil>
}

// What the examples need and a host has.

var (
	secret  = []byte("at least sixteen random bytes, kept")
	evening = time.Date(2026, time.May, 1, 20, 0, 0, 0, time.UTC)
	store   memory
)

// memory is a store that forgets when the process ends.
type memory struct{ events []event.Event }

func (m *memory) Append(events []event.Event) error {
	m.events = append(m.events, events...)
	return nil
}

func send(to muc.JID, stanza []byte) {
	el := parse(string(stanza))
	kind := ""
	if t := el.SelectAttrValue("type", ""); el.Tag == "presence" && t != "" {
		kind = ", " + t
	}
	fmt.Printf("to %s: %s from %s%s\n", to, el.Tag, el.SelectAttrValue("from", ""), kind)
}

func parse(text string) *etree.Element {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		log.Fatal(err)
	}
	return doc.Root()
}

// roomWith makes a room that Romeo owns, with these people inside.
func roomWith(nicks ...string) *muc.Room {
	room, err := muc.New(muc.Config{Room: muc.MustParseJID("cellar@chat.example"), Secret: secret, Instant: true})
	if err != nil {
		log.Fatal(err)
	}
	enter(room, nicks...)
	return room
}

func enter(room *muc.Room, nicks ...string) {
	for _, nick := range nicks {
		if _, err := room.Handle(evening, parse(`<presence from='`+strings.ToLower(nick)+`@example.org/pda' to='cellar@chat.example/`+nick+`'>
			<x xmlns='http://jabber.org/protocol/muc'/></presence>`)); err != nil {
			log.Fatal(err)
		}
	}
}
