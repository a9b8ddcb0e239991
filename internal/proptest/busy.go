package proptest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
)

// busyConfig is the host of the room that fuzz targets start from.
func busyConfig() muc.Config {
	lim := smallLimits
	lim.Affiliations, lim.ItemsPerSet, lim.History, lim.HistoryBytes, lim.StanzaBytes = 20, 8, 8, 4000, 8000
	return muc.Config{Room: roomJID, Secret: []byte(secret), Limits: lim, Registration: muc.RegistrationApproved, Archive: true,
		Rates:     muc.Rates{Messages: muc.Rate{Burst: 50, Every: time.Second}, Presence: muc.Rate{Burst: 50, Every: time.Second}},
		AnswersIQ: func(space, _ string) bool { return space == "urn:example:asked" }}
}

// busy is a room with people of all kinds inside, a password, a past and open
// questions. Ann owns it, Ben is a participant, Dan a visitor, Bot a puppet. It is played
// once, for every input of a fuzzer starts from it.
func busy(t *rapid.T) *world { return theBusy().copy(t) }

var theBusy = sync.OnceValue(func() *world { return rapid.Custom(playBusy).Example(0) })

func playBusy(t *rapid.T) *world {
	w := newWorld(t, busyConfig(), new(tally))
	conf := muc.RoomConfig{Persistent: true, Moderated: true, Password: password}
	w.do(muc.Create{Owner: muc.MustParseJID(users[0]), Config: conf})
	w.do(muc.SetAffiliation{JID: muc.MustParseJID(users[1]), Affiliation: muc.Member, Nick: "Ben"})
	w.do(muc.SetAffiliation{JID: muc.MustParseJID(users[2]), Affiliation: muc.Admin})
	w.do(muc.SetVCard{VCard: parse("<vCard xmlns='vcard-temp'><PHOTO><BINVAL>iVBORw0KGgo=</BINVAL></PHOTO></vCard>")})
	w.do(muc.CreateHat{URI: hatURIs[0], Title: "Hat"})
	w.do(muc.AssignHat{JID: muc.MustParseJID(users[1]), URI: hatURIs[0]})
	for _, who := range []string{users[0] + "/a Ann", users[1] + "/a Ben", users[1] + "/b Ben", users[3] + "/a Dan"} {
		full, nick, _ := strings.Cut(who, " ")
		w.say1(fmt.Sprintf(`<presence from='%s' to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'><password>%s</password></x><status>here</status></presence>`,
			full, roomJID, nick, password))
	}
	for i, text := range []string{
		`<message type='groupchat' from='bob@one.example/a' id='1'><body>first</body></message>`,
		`<message type='groupchat' from='alice@one.example/a' id='2'><subject>topic</subject></message>`,
		`<iq type='get' from='bob@one.example/a' id='3'><q xmlns='urn:example:asked'/></iq>`,
		`<iq type='get' from='bob@one.example/a' to='/Ann' id='4'><vCard xmlns='vcard-temp'/></iq>`,
		`<message type='groupchat' from='bob@one.example/b' id='5'><body>off the record</body></message>`,
		`<message type='chat' from='bob@one.example/b' to='/Dan' id='6'><body>psst</body></message>`,
		`<message from='alice@one.example/a'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='eve@two.example'/></x></message>`,
		`<message from='dave@two.example/a'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>` +
			`<field var='muc#role'><value>participant</value></field></x></message>`,
		`<iq type='set' from='dave@two.example/a' id='7'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>` +
			`<field var='muc#register_roomnick'><value>Daniel</value></field></x></query></iq>`,
	} {
		conf.NoArchive = i == 4
		if i == 4 || i == 5 {
			w.do(muc.Reset{Config: conf})
		}
		w.say1(addressed(text))
	}
	w.do(muc.Join{JID: muc.MustParseJID("bot@rooms.example/bot"), Nick: "Bot"})
	for _, c := range w.counted(w.last.live) {
		if c.n == 0 {
			w.fail("not so busy: no %s in %s", c.what, w.last.live) // or they are not found there
		}
	}
	if w.last.conf.Password == "" || w.last.subject == "" {
		w.fail("not so busy: %s", w.last.live)
	}
	return w
}

// copy is the same world to another test: nothing that happens in one is seen in the
// other. What the room did until now is not done again.
func (w *world) copy(t *rapid.T) *world {
	c := *w
	c.t, c.tally = t, new(tally)
	c.base, c.log, c.inputs, c.outputs = w.last.live, nil, nil, nil
	c.steps, c.privates, c.forms = slices.Clone(w.steps), slices.Clone(w.privates), slices.Clone(w.forms)
	c.room = c.fresh()
	c.kept = replicas{follower: c.fresh(), moved: c.fresh(), restart: c.restore(w.kept.durable, nil), durable: w.kept.durable}
	c.occupantIDs, c.voices = maps.Clone(w.occupantIDs), maps.Clone(w.voices)
	c.spoken = nil
	for _, y := range w.spoken {
		other := *y
		c.spoken = append(c.spoken, &other)
	}
	c.clients = map[string]*client{}
	for full, who := range w.clients {
		other := *who
		other.roster = maps.Clone(who.roster)
		c.clients[full] = &other
	}
	c.ledger = ledger{open: maps.Clone(w.ledger.open), asks: slices.Clone(w.ledger.asks)}
	for _, r := range w.ledger.relayed {
		other := *r
		if w.clients[r.asker] == r.client {
			other.client = c.clients[r.asker]
		}
		c.ledger.relayed = append(c.ledger.relayed, &other)
		if slices.Contains(w.ledger.ways, r) {
			c.ledger.ways = append(c.ledger.ways, &other)
		}
	}
	return &c
}

// addressed has a stanza go to the room, or to the nick that it names.
func addressed(text string) string {
	if nick := strings.Index(text, " to='/"); nick > 0 {
		return text[:nick+5] + roomJID.String() + text[nick+5:]
	}
	kind, rest, _ := strings.Cut(text, " ")
	return kind + " to='" + roomJID.String() + "' " + rest
}

// say1 and do play one step a second later.
func (w *world) say1(text string)   { w.next(input{stanza: parse(text), text: text}) }
func (w *world) do(cmd muc.Command) { w.next(input{cmd: cmd}) }

func (w *world) next(in input) {
	w.now = w.now.Add(time.Second)
	w.stepAt(in)
}
