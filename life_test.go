package muc

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// life is a room that lives through everything: each type of event happens to it.
// Documents show its events, and the golden corpus keeps them.
type life struct {
	t    testing.TB
	cfg  Config
	room *Room
	now  time.Time
	log  []event.Event
	asks []Question
}

const (
	lifeRoom    = "cellar@chat.example"
	lifeRomeo   = "romeo@montague.example/orchard"
	lifeJuliet  = "juliet@capulet.example/balcony"
	lifeNurse   = "nurse@capulet.example/kitchen"
	lifeWeather = `<weather xmlns='urn:example:weather'/>`
)

// newLife makes the room, unborn.
func newLife(t testing.TB) *life {
	l := &life{t: t, now: time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)}
	l.cfg = Config{Room: MustParseJID(lifeRoom), Secret: []byte("the secret of the golden corpus"),
		Registration:       RegistrationApproved,
		RegistrationFields: []RegistrationField{{Var: "x-house", Type: ListSingle, Options: []string{"Montague", "Capulet"}}},
		InviteTimeout:      time.Hour,
		ForwardMentions:    true,
		Rates:              Rates{Messages: Rate{Burst: 20, Every: time.Minute}},
		AnswersIQ:          func(space, _ string) bool { return space == "urn:example:weather" },
		AsksJoin:           func(q policy.Join) bool { return q.JID.Domain() == "far.example" },
	}
	var err error
	l.room, err = New(l.cfg)
	require.NoError(t, err)
	return l
}

func (l *life) take(fx Effects, err error) []event.Event {
	l.t.Helper()
	require.NoError(l.t, err)
	require.Nil(l.t, fx.Refused)
	l.log, l.asks = slices.AppendSeq(l.log, fx.Events()), append(l.asks, fx.Questions...)
	return slices.Collect(fx.Events())
}

func (l *life) later(d time.Duration) time.Time {
	l.now = l.now.Add(d)
	return l.now
}

// send hands a stanza to the room: what is missing of it are the addresses.
func (l *life) send(from, to, kind, rest string, payload ...any) []event.Event {
	l.t.Helper()
	text := fmt.Sprintf("<%s from='%s' to='%s' %s>", kind, from, to, rest)
	text += fmt.Sprintf(payload[0].(string), payload[1:]...) + "</" + kind + ">"
	doc := etree.NewDocument()
	require.NoError(l.t, doc.ReadFromString(text), text)
	return l.take(l.room.Handle(l.later(1500*time.Millisecond), doc.Root()))
}

func (l *life) join(from, nick string) {
	l.t.Helper()
	l.send(from, lifeRoom+"/"+nick, "presence", "", `<x xmlns='http://jabber.org/protocol/muc'/><show>chat</show>`)
}

func (l *life) say(from, id, body string) []event.Event {
	l.t.Helper()
	return l.send(from, lifeRoom, "message", "type='groupchat' xml:lang='en' id='"+id+"'", `<body>%s</body>`, body)
}

func (l *life) do(cmd Command) []event.Event {
	l.t.Helper()
	return l.take(l.room.Do(l.later(250*time.Millisecond), cmd))
}

func (l *life) doAs(who string, cmd Command) []event.Event {
	l.t.Helper()
	return l.take(l.room.DoAs(l.later(250*time.Millisecond), MustParseJID(who), cmd))
}

func (l *life) element(xml string) *etree.Element {
	doc := etree.NewDocument()
	require.NoError(l.t, doc.ReadFromString(xml))
	return doc.Root()
}

// live goes on until the room holds something of everything that it can hold.
func (l *life) live() {
	l.birth()
	l.talk()
	l.people()
	l.waiting()
	l.unkept()
	l.followed()
	l.hats()
}

func (l *life) birth() {
	l.join(lifeRomeo, "Romeo")
	l.send(lifeRomeo, lifeRoom, "iq", "type='set' id='conf'", `<query xmlns='http://jabber.org/protocol/muc#owner'>
		<x xmlns='jabber:x:data' type='submit'>
			<field var='muc#roomconfig_roomname'><value>The Cellar</value></field>
			<field var='muc#roomconfig_persistentroom'><value>1</value></field>
			<field var='muc#roomconfig_moderatedroom'><value>1</value></field>
			<field var='muc#roomconfig_roomsecret'><value>open, sesame</value></field>
		</x></query>`)
	l.do(Reset{Config: RoomConfig{Name: "The Cellar", Persistent: true, Moderated: true,
		MemberList: Roles(Participant, Moderator), AllowPM: PMAnyone, History: 50}})
	l.send(lifeRomeo, lifeRoom, "iq", "type='set' id='avatar'", `<vCard xmlns='vcard-temp'>`+
		`<PHOTO><TYPE>image/png</TYPE><BINVAL>iVBORw0KGgo=</BINVAL></PHOTO></vCard>`)
	l.join(lifeJuliet, "Juliet")
	l.join("juliet@capulet.example/chamber", "Juliet")
	l.join(lifeNurse, "Nurse")
}

func (l *life) talk() {
	l.send(lifeJuliet, lifeRoom, "message", "", `<x xmlns='jabber:x:data' type='submit'>
		<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>
		<field var='muc#role'><value>participant</value></field></x>`)
	l.send(lifeRomeo, lifeRoom, "iq", "type='set' id='voice'", `<query xmlns='http://jabber.org/protocol/muc#admin'>
		<item nick='Juliet' role='participant'><reason>speak again</reason></item></query>`)
	l.say(lifeJuliet, "m1", "Ay me!")
	said := l.say(lifeJuliet, "m2", "Good night.")
	m := said[len(said)-1].Body.(*event.MessageArchived)
	l.send(lifeJuliet, lifeRoom, "message", "type='groupchat' id='m3'", `<retract xmlns='urn:xmpp:message-retract:1' id='%s'/>
		<body>took it back</body>`, m.StanzaID)
	said = l.say(lifeJuliet, "m5", "Buy my potions!")
	l.doAs(lifeRomeo, Moderate{ID: said[len(said)-1].Body.(*event.MessageArchived).StanzaID, Reason: "potions are not sold here"})
	l.send(lifeRomeo, lifeRoom, "message", "type='groupchat' id='s1'", `<subject>Wherefore?</subject><subject xml:lang='it'>Perch&#233;?</subject>`)
	conf := l.room.RoomConfig()
	conf.NoArchive = true
	l.doAs(lifeRomeo, Reset{Config: conf})
	l.say(lifeJuliet, "m4", "For us alone.")
	conf.NoArchive = false
	l.do(Reset{Config: conf})
	l.say(lifeRomeo, "m5", "It is &lt;my&gt; lady &amp; it's &quot;my love&quot;")
	l.send(lifeJuliet, lifeRoom+"/Romeo", "message", "type='chat' id='p1'", `<body>psst</body>`)
	l.send(lifeJuliet, lifeRoom+"/Romeo", "message", "type='chat' id='p2'", `<body>are you there?</body>`)
	l.send(lifeRomeo, lifeRoom+"/Juliet", "message", "type='error' id='p1'",
		`<error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`)
	l.ask("v1")
	l.send(lifeJuliet, lifeRoom+"/Romeo", "iq", "type='result' id='"+l.ask("v2")+"'", `<query xmlns='jabber:iq:version'/>`)
}

// ask has Romeo ask what Juliet's client is, and returns the id under which it does.
func (l *life) ask(id string) string {
	doc := l.element("<iq type='get' id='" + id + "' from='" + lifeRomeo + "' to='" + lifeRoom + "/Juliet'><query xmlns='jabber:iq:version'/></iq>")
	fx, err := l.room.Handle(l.later(time.Second), doc)
	l.take(fx, err)
	require.Len(l.t, fx.Outbound, 1)
	return fx.Outbound[0].Stanza().SelectAttrValue("id", "")
}

func (l *life) people() {
	l.send(lifeJuliet, lifeRoom+"/Juliet", "presence", "xml:lang='en'", `<show>away</show><status>at the balcony</status>`)
	l.send("juliet@capulet.example/chamber", lifeRoom+"/Julia", "presence", "", ``)
	for _, who := range []string{"mercutio@verona.example", "tybalt@capulet.example", "benvolio@montague.example"} {
		l.send(lifeRomeo, lifeRoom, "message", "", `<x xmlns='http://jabber.org/protocol/muc#user'><invite to='%s'/></x>`, who)
	}
	l.send("benvolio@montague.example/street", lifeRoom, "message", "", `<x xmlns='http://jabber.org/protocol/muc#user'>
		<decline to='cellar@chat.example/Romeo'><reason>supper</reason></decline></x>`)
	l.join("mercutio@verona.example/square", "Mercutio")
	l.later(59 * time.Minute)
	l.do(Invite{To: MustParseJID("balthasar@montague.example")})
	l.take(l.room.Tick(l.later(2 * time.Minute)))
	l.send(lifeRomeo, lifeRoom, "iq", "type='set' id='ban'", `<query xmlns='http://jabber.org/protocol/muc#admin'>
		<item jid='mercutio@verona.example' affiliation='outcast'><reason>a plague</reason></item></query>`)
	l.do(SetAffiliation{JID: MustParseJID("capulet.example"), Affiliation: Member})
	l.do(SetAffiliation{JID: MustParseJID("tybalt@capulet.example"), Affiliation: Admin, Reason: "prince of cats"})
	l.do(Join{JID: MustParseJID("chorus@stage.example/bot"), Nick: "Chorus", Presence: l.element(`<presence><status>narrates</status></presence>`)})
	l.join("peter@verona.example/door", "Peter")
	l.doAs(lifeRomeo, SetRole{Nick: "Peter", Role: Participant})
	l.send("peter@verona.example/door", lifeRoom+"/Peter", "presence", "type='unavailable'", `<status>exit</status>`)
}

func (l *life) register(who, nick string) {
	l.send(who, lifeRoom, "iq", "type='set' id='reg'", `<query xmlns='jabber:iq:register'>
		<x xmlns='jabber:x:data' type='submit'>
			<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>
			<field var='muc#register_roomnick'><value>%s</value></field>
			<field var='x-house'><value>Montague</value></field>
		</x></query>`, nick)
}

func (l *life) waiting() {
	for _, name := range []string{"laurence", "paris", "john"} {
		l.register(name+"@verona.example/cell", name)
	}
	l.doAs(lifeRomeo, DecideRegistration{JID: MustParseJID("laurence@verona.example"), Allow: true})
	l.doAs(lifeRomeo, DecideRegistration{JID: MustParseJID("paris@verona.example")})
	l.register(lifeRomeo, "Romeo")
	l.send(lifeRomeo, lifeRoom, "iq", "type='set' id='unreg'", `<query xmlns='jabber:iq:register'><remove/></query>`)
	l.join("rosaline@far.example/hall", "Rosaline")
	l.do(Answer{ID: l.asks[len(l.asks)-1].ID})
	l.send(lifeJuliet, lifeRoom, "iq", "type='get' id='w1'", lifeWeather)
	l.do(Answer{ID: l.asks[len(l.asks)-1].ID, Payload: l.element(`<weather xmlns='urn:example:weather'>fair</weather>`)})
	l.send(lifeJuliet, lifeRoom, "iq", "type='get' id='w2'", lifeWeather)
	l.do(Answer{ID: l.asks[len(l.asks)-1].ID, Refuse: &StanzaError{Condition: stanza.ItemNotFound, Section: "host", Text: "no window"}})
	l.join("nurse@capulet.example/market", "Nurse")
	l.say(lifeNurse, "m6", "What says he?")
	l.send(lifeNurse, lifeRoom, "iq", "type='get' id='w3'", lifeWeather)
	l.join("escalus@far.example/palace", "Prince")
}

// unkept is what happens to the room and leaves nothing in it.
func (l *life) unkept() {
	l.send(lifeNurse, lifeRoom, "message", "type='groupchat' id='c1'", `<composing xmlns='http://jabber.org/protocol/chatstates'/>`)
	l.send(lifeNurse, lifeRoom+"/Chorus", "message", "type='chat' xml:lang='en' id='p3'", `<body>how does it end?</body>`)
	l.do(Configure{Change: func(c *RoomConfig) { c.ForwardMentions = true }})
	l.send(lifeNurse, lifeRoom, "message", "type='groupchat' id='m7'", `<body>Holy Friar!</body>
		<reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:cellar@chat.example/laurence'/>`)
}

// followed is that a client keeps a copy of the lists of affiliations.
func (l *life) followed() {
	l.send(lifeRomeo, lifeRoom+"/Romeo", "presence", "", `<x xmlns='http://jabber.org/protocol/muc'><mav xmlns='urn:xmpp:muc:affiliations:1'/></x><show>chat</show>`)
	l.do(SetAffiliation{JID: MustParseJID("peter@verona.example"), Affiliation: Member})
	l.do(RemoveAffiliation{JID: MustParseJID("mercutio@verona.example")})
}

func (l *life) hats() {
	const prince, friar = "urn:example:hats#prince", "http://verona.example/hats#friar"
	l.doAs(lifeRomeo, CreateHat{URI: prince, Title: "Prince", Hue: "40.5", Lang: "en"})
	l.do(CreateHat{URI: friar, Title: "Friar & Apothecary"})
	l.doAs(lifeRomeo, AssignHat{JID: MustParseJID("escalus@far.example"), URI: prince})
	l.do(AssignHat{JID: MustParseJID(lifeNurse), URI: friar})
	l.do(AssignHat{JID: MustParseJID(lifeNurse), URI: prince})
	l.doAs(lifeRomeo, UnassignHat{JID: MustParseJID(lifeNurse), URI: prince})
	l.do(CreateHat{URI: "urn:example:hats#page", Title: "Page"})
	l.doAs(lifeRomeo, DestroyHat{URI: "urn:example:hats#page"})
}

// die ends the room.
func (l *life) die() {
	l.do(Destroy{Reason: "sold to the Prince", Alternate: MustParseJID("palace@chat.example"), Password: "escalus", Tombstone: true})
}
