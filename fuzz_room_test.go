package muc_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gomuc/muc/stanza"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// worldSteps are what people and hosts do.
var worldSteps = []func(w *world){
	(*world).stepJoin, (*world).stepJoin, (*world).stepJoin, (*world).stepPresence, (*world).stepLeave,
	(*world).stepSay, (*world).stepSay, (*world).stepPrivate, (*world).stepAdmin, (*world).stepAdmin, (*world).stepRole, (*world).stepRole, (*world).stepOwner,
	(*world).stepConfigure, (*world).stepConfigure, (*world).stepRegister, (*world).stepAskRoom, (*world).stepAskOccupant,
	(*world).stepAnswer, (*world).stepBounce, (*world).stepInvite, (*world).stepVoice, (*world).stepCommand,
	(*world).stepCommand, (*world).stepTick, (*world).rebuild,
}

func (w *world) stepJoin() {
	x := `<x xmlns='http://jabber.org/protocol/muc'>`
	if w.one(4) {
		x += `<password>` + w.text() + `</password>`
	}
	if w.one(4) {
		x += fmt.Sprintf(`<history maxstanzas='%d' maxchars='%d' seconds='%d'/>`, w.pick(5), w.pick(256)*8, w.pick(20))
	}
	x += `</x>`
	if w.one(3) {
		x += `<show>away</show><status>` + w.text() + `</status>`
	}
	w.send(fmt.Sprintf(`<presence from='%s' to='%s' id='j%d'>%s</presence>`, w.full(), w.occupant(), w.pick(3), x))
}

func (w *world) stepPresence() {
	typ := choose(w, []string{"", "", "", "probe", "subscribe", "unsubscribed", "strange", "error"})
	if typ != "" {
		typ = ` type='` + typ + `'`
	}
	w.send(fmt.Sprintf(`<presence from='%s' to='%s'%s><status>%s</status></presence>`, w.full(), w.occupant(), typ, w.text()))
}

func (w *world) stepLeave() {
	w.send(fmt.Sprintf(`<presence type='unavailable' from='%s' to='%s'><status>%s</status></presence>`, w.full(), w.occupant(), w.text()))
}

var worldPayloads = []string{"<retract xmlns='urn:xmpp:message-retract:1' id='m1'/><body>%s</body>",
	"<body>%s</body>", "<subject>%s</subject>", "<subject>a</subject><subject xml:lang='de'>%s</subject>",
	"<subject>s</subject><body>%s</body>", "<body>%s</body><no-store xmlns='urn:xmpp:hints'/>",
	"<composing xmlns='http://jabber.org/protocol/chatstates'>%s</composing>", "<store xmlns='urn:xmpp:hints'/>%s",
	"<body>%s</body><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x>",
	"<body>%s</body><stanza-id xmlns='urn:xmpp:sid:0' by='room@chat.lit' id='forged'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>",
	"<body>%s</body><addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='a@b'/><address type='to' jid='c@d'/></addresses>"}

func (w *world) stepSay() {
	w.send(fmt.Sprintf(`<message type='groupchat' id='m%d' from='%s' to='room@chat.lit'>%s</message>`,
		w.pick(3), w.full(), fmt.Sprintf(choose(w, worldPayloads), w.text())))
}

func (w *world) stepPrivate() {
	typ := choose(w, []string{"chat", "normal", "headline", "groupchat", "strange"})
	w.send(fmt.Sprintf(`<message type='%s' id='p%d' from='%s' to='%s'>%s</message>`, typ, w.pick(3), w.full(), w.occupant(),
		fmt.Sprintf(choose(w, worldPayloads), w.text())))
}

var (
	worldAffiliations = []string{"none", "member", "admin", "owner", "outcast", "king"}
	worldRoles        = []string{"none", "visitor", "participant", "moderator", "king"}
)

func (w *world) stepAdmin() {
	items := ""
	for range 1 + w.pick(2)*w.pick(2)*w.pick(4) {
		who := ` jid='` + choose(w, []string{w.user(), w.full(), "one.lit", "two.lit"}) + `'`
		if w.one(2) {
			who = ` nick='` + escape(w.nick()) + `'`
		} else if w.one(3) {
			who += ` nick='` + escape(w.nick()) + `'`
		}
		what := ` affiliation='` + choose(w, worldAffiliations) + `'`
		if w.one(2) {
			what = ` role='` + choose(w, worldRoles) + `'`
		}
		items += `<item` + who + what + `><reason>` + w.text() + `</reason></item>`
	}
	w.iqFrom(w.ruler(), choose(w, []string{"set", "set", "set", "get"}), "room@chat.lit", `<query xmlns='http://jabber.org/protocol/muc#admin'>`+items+`</query>`)
}

// stepRole changes the role of somebody inside.
func (w *world) stepRole() {
	if who := w.present(); len(who) > 0 {
		w.iqFrom(w.ruler(), "set", "room@chat.lit", `<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='`+
			escape(choose(w, who).Nick)+`' role='`+choose(w, worldRoles)+`'/></query>`)
	}
}

// iq sends a request from somebody.
func (w *world) iq(typ, to, payload string) { w.iqFrom(w.full(), typ, to, payload) }

func (w *world) iqFrom(from, typ, to, payload string) {
	w.requests++
	w.send(fmt.Sprintf(`<iq type='%s' id='q%d' from='%s' to='%s'>%s</iq>`, typ, w.requests, from, to, payload))
}

func (w *world) stepOwner() {
	const query = `<query xmlns='http://jabber.org/protocol/muc#owner'>%s</query>`
	switch w.pick(7) {
	default:
		w.iqFrom(w.ruler(), "get", "room@chat.lit", fmt.Sprintf(query, ""))
	case 1:
		w.iqFrom(w.ruler(), "set", "room@chat.lit", fmt.Sprintf(query, `<x xmlns='jabber:x:data' type='`+choose(w, []string{"submit", "cancel", "form"})+`'/>`))
	case 2:
		if !w.one(4) {
			return
		}
		w.iqFrom(w.ruler(), "set", "room@chat.lit", fmt.Sprintf(query, `<destroy jid='venue@chat.lit'><reason>`+w.text()+`</reason></destroy>`))
	case 3:
		w.iqFrom(w.ruler(), "set", "room@chat.lit", fmt.Sprintf(query, ""))
	}
}

var worldFields = []string{"muc#roomconfig_roomname", "muc#roomconfig_persistentroom", "muc#roomconfig_membersonly",
	"muc#roomconfig_moderatedroom", "muc#roomconfig_roomsecret", "muc#roomconfig_passwordprotectedroom", "muc#roomconfig_whois",
	"muc#roomconfig_presencebroadcast", "muc#roomconfig_historylength", "muc#roomconfig_maxusers", "muc#roomconfig_allowpm",
	"muc#roomconfig_enablelogging", "muc#roomconfig_roomadmins", "muc#roomconfig_roomowners", "muc#roomconfig_changesubject",
	"muc#roomconfig_allowinvites", "muc#roomconfig_getmemberlist", "FORM_TYPE", "unknown",
	"muc#roomconfig_enablearchiving", "muc#roomconfig_enablearchiving", "muc#roomconfig_allowvisitornickchange", "allow_voice_requests",
	"allow_query_users", "muc#roomconfig_allowvisitorstatus", "public_list", "muc#roomconfig_publicroom"}

func (w *world) stepConfigure() {
	form := `<x xmlns='jabber:x:data' type='submit'>`
	for range w.pick(5) {
		name := choose(w, worldFields)
		values := []string{"1", "0", "1", "0", "anyone", "moderators", "moderator", "participant", "visitor", "none", w.text()}
		if strings.HasPrefix(name, "muc#roomconfig_room") && strings.HasSuffix(name, "s") {
			values = worldUsers // JIDs stand only where they may be shown
		}
		form += `<field var='` + name + `'>`
		for range w.pick(3) {
			form += `<value>` + choose(w, values) + `</value>`
		}
		form += `</field>`
	}
	w.iqFrom(w.ruler(), "set", "room@chat.lit", `<query xmlns='http://jabber.org/protocol/muc#owner'>`+form+`</x></query>`)
}

func (w *world) stepRegister() {
	form := `<x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>` + escape(w.nick()) + `</value></field></x>`
	payload := choose(w, []string{``, form, form, form, `<remove/>`, `<x xmlns='jabber:x:data' type='cancel'/>`})
	w.iq(choose(w, []string{"set", "set", "get"}), "room@chat.lit", `<query xmlns='jabber:iq:register'>`+payload+`</query>`)
}

var worldQueries = []string{`<query xmlns='urn:xmpp:mam:2'/>`, `<query xmlns='urn:xmpp:mam:2' queryid='q'><set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before/></set></query>`,
	`<metadata xmlns='urn:xmpp:mam:2'/>`, `<moderate xmlns='urn:xmpp:message-moderate:1' id='x'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`,
	`<query xmlns='http://jabber.org/protocol/disco#info'/>`, `<query xmlns='http://jabber.org/protocol/disco#items'/>`,
	`<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>`, `<ping xmlns='urn:xmpp:ping'/>`,
	`<vCard xmlns='vcard-temp'/>`, `<q xmlns='urn:ask'/>`, `<q xmlns='urn:unknown'><a/>text</q>`, `<unique xmlns='http://jabber.org/protocol/muc#unique'/>`,
	``, `<a xmlns='urn:ask'/><b xmlns='urn:ask'/>`, `text`, `<query xmlns='jabber:iq:version'/>`}

func (w *world) stepAskRoom() {
	w.iq(choose(w, []string{"get", "get", "set"}), "room@chat.lit", choose(w, worldQueries))
}

func (w *world) stepAskOccupant() {
	w.iq(choose(w, []string{"get", "get", "set"}), w.occupant(), choose(w, worldQueries))
}

// stepAnswer answers something that the room asked or passed on.
func (w *world) stepAnswer() {
	if len(w.asks) > 0 && w.one(2) {
		ask := choose(w, w.asks)
		a := muc.Answer{ID: ask.ID}
		switch w.pick(4) {
		case 0:
			a.Payload = etree.NewElement("answer")
		case 1:
			a.Refuse = &muc.StanzaError{Condition: stanza.Forbidden, Section: "host"}
		}
		if ask.Archive != nil && !w.one(4) {
			page, refused := ask.Archive.Page(w.log)
			a = muc.Answer{ID: ask.ID, Archive: &page, Refuse: refused}
		}
		w.do(a)
		return
	}
	if len(w.relayed) == 0 {
		return
	}
	out := choose(w, w.relayed)
	s := out.Stanza()
	from := out.To()[0].String()
	if w.one(4) {
		from = w.full()
	}
	w.send(fmt.Sprintf(`<iq type='%s' id='%s' from='%s' to='%s'><answer xmlns='urn:a'/></iq>`, choose(w, []string{"result", "error"}),
		escape(s.SelectAttrValue("id", "")), from, escape(s.SelectAttrValue("from", ""))))
}

func (w *world) stepBounce() {
	condition := choose(w, []string{"gone", "item-not-found", "recipient-unavailable", "forbidden", "not-acceptable", "remote-server-timeout"})
	from, to, id := w.full(), w.occupant(), "b"
	if len(w.private) > 0 && w.one(2) {
		out := choose(w, w.private)
		s := out.Stanza()
		from, to, id = out.To()[0].String(), escape(s.SelectAttrValue("from", "")), escape(s.SelectAttrValue("id", ""))
	}
	w.send(fmt.Sprintf(`<%s type='error' id='%s' from='%s' to='%s'><error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></%[1]s>`,
		choose(w, []string{"message", "message", "presence", "iq"}), id, from, to, condition))
}

func (w *world) stepInvite() {
	inside := `<invite to='` + w.full() + `'><reason>` + w.text() + `</reason></invite>`
	switch w.pick(4) {
	case 2:
		inside += `<invite to='` + w.user() + `'/>`
	case 3:
		inside = `<decline to='` + choose(w, []string{w.user(), w.occupant()}) + `'><reason>` + w.text() + `</reason></decline>`
	}
	w.send(fmt.Sprintf(`<message from='%s' to='room@chat.lit'><x xmlns='http://jabber.org/protocol/muc#user'>%s</x></message>`, w.full(), inside))
}

// stepVoice asks for voice, or sends back a form that the room sent.
func (w *world) stepVoice() {
	if len(w.forms) > 0 && w.one(2) {
		s := choose(w, w.forms).Stanza()
		form := s.SelectElement("x").Copy()
		form.CreateAttr("type", "submit")
		for _, f := range form.SelectElements("field") {
			if f.SelectAttrValue("type", "") == "boolean" && f.SelectElement("value") != nil {
				f.SelectElement("value").SetText(choose(w, []string{"1", "0", "maybe"}))
			}
		}
		doc := etree.NewDocument()
		m := doc.CreateElement("message")
		m.CreateAttr("from", w.ruler())
		m.CreateAttr("to", "room@chat.lit")
		m.AddChild(form)
		text, err := doc.WriteToString()
		require.NoError(w.t, err)
		w.send(text)
		return
	}
	w.send(fmt.Sprintf(`<message from='%s' to='room@chat.lit'><x xmlns='jabber:x:data' type='submit'>`+
		`<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>`+
		`<field var='muc#role'><value>%s</value></field></x></message>`, w.full(), choose(w, worldRoles)))
}

func (w *world) stepCommand() {
	j := muc.MustParseJID(w.user())
	as := muc.JID{}
	if w.one(3) {
		as = muc.MustParseJID(w.full())
	}
	text, nick := choose(w, append(worldTexts, "\x01")), w.nick()
	aff, role := muc.Affiliation(w.pick(7)-2), muc.Role(w.pick(5))
	conf := w.room.RoomConfig()
	conf.MembersOnly, conf.Moderated, conf.Persistent = w.one(4), w.one(2), !w.one(8)
	conf.Name, conf.Password, conf.Whois = text, "", muc.Whois(w.pick(3))
	el := etree.NewElement(choose(w, []string{"message", "presence", "message", "presence", "x"}))
	el.CreateElement(choose(w, []string{"body", "status", "subject"})).SetText(text)
	w.do(choose(w, []muc.Command{
		muc.Join{JID: muc.MustParseJID(w.full()), Nick: nick, Presence: el}, muc.Join{JID: j, Nick: nick},
		muc.Leave{Nick: nick, Presence: el}, muc.Leave{Nick: nick}, muc.Forget{JID: j}, muc.Forget{JID: j, Heir: as},
		muc.DecideRegistration{JID: j, Allow: w.one(2), As: as}, muc.Say{Nick: nick, Message: el, As: as},
		muc.Create{Owner: j, Config: conf}, muc.Vanished{JID: muc.MustParseJID(w.full())}, muc.Vanished{JID: j},
		muc.Vanished{JID: muc.MustParseJID("two.lit")}, muc.Kick{Nick: nick, Reason: text, As: as},
		muc.SetRole{Nick: nick, Role: role, Reason: text, As: as},
		muc.SetAffiliation{JID: j, Affiliation: aff, Nick: nick, Reason: text, As: as},
		muc.SetAffiliation{JID: muc.MustParseJID("one.lit"), Affiliation: aff, Reason: text, As: as},
		muc.Configure{Config: conf, As: as}, muc.SetSubject{Subject: text}, muc.Say{Body: text},
		muc.Invite{To: j, Reason: text, As: as},
		muc.Shutdown{Reason: text}, muc.Say{Body: text}, muc.Say{Body: text}, muc.Say{Body: text}, muc.Destroy{Reason: text, Alternate: j, Tombstone: w.one(2)},
	}))
}

func (w *world) stepTick() {
	w.now = w.now.Add(choose(w, []time.Duration{0, time.Second, time.Minute, time.Hour, 25 * time.Hour, -time.Hour}))
	due := w.room.Deadline()
	if !due.IsZero() && w.one(2) {
		w.now = due
	}
	fx, err := w.room.Tick(w.now)
	require.NoError(w.t, err)
	if due.IsZero() {
		require.Empty(w.t, fx.Events, "nothing was due")
	} else if !due.After(w.now) {
		require.NotEmpty(w.t, fx.Events, "something was due")
	}
	w.take(fx)
	next := w.room.Deadline()
	require.True(w.t, next.IsZero() || next.After(w.now) || next.After(due) || due.After(w.now), "what was due is done: %s after %s", next, due)
}

func FuzzRoom(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(16) {
		f.Add(scriptOf(seed, 400))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWorld(t, data[:min(len(data), 400)])
		for len(w.in) > 0 {
			w.step()
		}
		w.rebuild()
	})
}

// scriptOf is a list of bytes that looks random and is always the same.
func scriptOf(seed uint64, n int) []byte {
	b, r := make([]byte, n), rand.New(rand.NewPCG(seed, 45))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestWorld plays long lists, for what the fuzzer would need days to reach.
func TestWorld(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(t, scriptOf(1000+seed, 6000))
		for len(w.in) > 0 {
			w.step()
		}
		w.rebuild()
	}
}

// TestWorldSaysTheSame plays a list again, and once more in a room that is never
// moved: nobody can tell.
func TestWorldSaysTheSame(t *testing.T) {
	for seed := range uint64(6) {
		play := func(stays bool) string {
			w := newWorld(t, scriptOf(2000+seed, 5000))
			w.stays, w.trace = stays, new(strings.Builder)
			for len(w.in) > 0 {
				w.step()
			}
			return w.trace.String()
		}
		first := play(false)
		require.Greater(t, len(first), 10_000)
		require.Equal(t, first, play(false))
		require.Equal(t, first, play(true))
	}
}
