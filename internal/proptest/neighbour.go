package proptest

import (
	"fmt"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// nextDoor stands in all names of another room of the same host, and in nothing
// else.
const nextDoor = "nextdoor"

// neighbour is what is known of the other room: the ids that it gave to requests,
// questions and messages. Rooms may share a secret, so a room must tell the ids of
// another from its own.
type neighbour struct {
	relayed, ask, stanza string
	occupant             string // the id of the first of users
}

// theNeighbour is made once: it never changes.
var theNeighbour = sync.OnceValue(func() neighbour {
	cfg := muc.Config{Room: muc.MustParseJID("nextdoor@rooms.example"), Secret: []byte(secret), Instant: true,
		AnswersIQ: func(space, _ string) bool { return space == "urn:example:asked" }}
	room, err := muc.New(cfg)
	if err != nil {
		panic(err)
	}
	var n neighbour
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, text := range []string{
		`<presence from='%[1]s/a' to='%[2]s/nextdoor1'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence from='%[3]s/a' to='%[2]s/nextdoor2'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<message type='groupchat' from='%[1]s/a' to='%[2]s'><body>nextdoor</body></message>`,
		`<iq type='get' id='1' from='%[1]s/a' to='%[2]s/nextdoor2'><q xmlns='urn:example:unknown'/></iq>`,
		`<iq type='get' id='2' from='%[1]s/a' to='%[2]s'><q xmlns='urn:example:asked'/></iq>`,
	} {
		fx, err := room.Handle(now, parse(fmt.Sprintf(text, users[0], cfg.Room, users[1])))
		if err != nil || fx.Refused != nil {
			panic(fmt.Sprint(err, fx.Refused))
		}
		for _, out := range fx.Outbound {
			if s := out.Stanza(); s.Tag == "iq" {
				n.relayed = s.SelectAttrValue("id", "")
			}
		}
		for ev := range fx.Events() {
			switch b := ev.Body.(type) {
			case *event.Asked:
				n.ask = b.ID
			case *event.MessageArchived:
				n.stanza = b.StanzaID
			}
		}
	}
	for o := range room.Occupants() {
		if o.JID.String() == users[0] {
			n.occupant = o.ID
		}
	}
	return n
})

// foreign brings in what belongs to the room next door.
func (w *world) foreign() {
	n := theNeighbour()
	switch pick(w, "foreign", []string{"answer", "ask", "retraction"}) {
	case "answer":
		w.stanza(fmt.Sprintf(`<iq type='result' id='%s' from='%s/a' to='%s/%s'/>`, n.relayed, users[1], roomJID, w.nick()))
	case "ask":
		w.command(muc.Answer{ID: n.ask})
	default:
		w.stanza(fmt.Sprintf(`<message type='groupchat' id='%s' from='%s' to='%s'><retract xmlns='urn:xmpp:message-retract:1' id='%s'/></message>`,
			w.id(), w.someone(), roomJID, n.stanza))
	}
}
