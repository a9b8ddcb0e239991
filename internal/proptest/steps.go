package proptest

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
)

// users are the people of a history. Their names stand in nothing else.
var users = []string{"alice@one.example", "bob@one.example", "carol@two.example", "dave@two.example", "eve@two.example"}

var (
	resources    = []string{"a", "b", "c"}
	nicks        = []string{"Ann", "ann", "Ben", "Cyd", "Dr. Who", "Zoë", "李雷", "❤️"}
	affiliations = []string{"outcast", "none", "member", "admin", "owner"}
	roles        = []string{"none", "visitor", "participant", "moderator"}
)

func pick[T any](w *world, what string, from []T) T { return rapid.SampledFrom(from).Draw(w.t, what) }

func (w *world) session() string {
	return pick(w, "user", users) + "/" + pick(w, "resource", resources)
}

func (w *world) nick() string { return pick(w, "nick", nicks) }

func (w *world) id() string {
	w.ids++
	return fmt.Sprintf("id%d", w.ids)
}

// kinds of steps, by how often they are taken.
var kinds = []struct {
	weight int
	do     func(w *world)
}{
	{10, (*world).join},
	{3, (*world).leave},
	{4, (*world).presence},
	{6, (*world).message},
	{6, (*world).admin},
	{5, (*world).config},
	{4, (*world).register},
	{5, (*world).request},
	{2, (*world).bounce},
	{3, (*world).hostile},
	{5, (*world).host},
	{2, func(w *world) { w.step(input{tick: true}) }},
}

// random takes one step of any kind.
func (w *world) random() {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := rapid.IntRange(0, total-1).Draw(w.t, "step")
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			k.do(w)
			return
		}
	}
}

func (w *world) join() {
	inner := pick(w, "x", []string{"", "", "", "<password>" + password + "</password>", "<password>wrong</password>", "<history maxstanzas='1'/>"})
	payload := pick(w, "payload", []string{"", "<show>away</show>", "<status>here</status>"})
	w.stanza(fmt.Sprintf(`<presence id='%s' from='%s' to='%s/%s'>%s<x xmlns='http://jabber.org/protocol/muc'>%s</x></presence>`,
		w.id(), w.session(), roomJID, w.nick(), payload, inner))
}

func (w *world) leave() {
	to := pick(w, "address", []string{"", "/" + w.nick()})
	w.stanza(fmt.Sprintf(`<presence type='unavailable' from='%s' to='%s%s'><status>bye</status></presence>`, w.session(), roomJID, to))
}

func (w *world) presence() {
	to := pick(w, "address", []string{"", "/" + w.nick()})
	typ := pick(w, "type", []string{"", "", "", " type='probe'", " type='subscribe'", " type='nonsense'"})
	w.stanza(fmt.Sprintf(`<presence%s from='%s' to='%s%s'>%s</presence>`, typ, w.session(), roomJID, to,
		pick(w, "payload", []string{"", "<show>dnd</show>", "<x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/></x>"})))
}

func (w *world) message() {
	to := pick(w, "address", []string{"", "", "", "/" + w.nick()})
	typ := pick(w, "type", []string{"groupchat", "groupchat", "groupchat", "chat", "normal"})
	payload := pick(w, "payload", []string{
		"<body>hello</body>", "<body>quiet</body><no-store xmlns='urn:xmpp:hints'/>", "<subject>news</subject>", "<subject/>",
		"<composing xmlns='http://jabber.org/protocol/chatstates'/>",
		"<body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='" + roomJID.String() + "' id='forged'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>",
		"<x xmlns='http://jabber.org/protocol/muc#user'><invite to='" + pick(w, "invitee", users) + "'><reason>come</reason></invite></x>",
		"<retract xmlns='urn:xmpp:message-retract:1' id='forged'/><body>gone</body>", "<body>one</body><body xml:lang='de'>eins</body>",
		"<x xmlns='http://jabber.org/protocol/muc#user'><decline to='" + pick(w, "inviter", users) + "'/></x>",
		"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field><field var='muc#role'><value>participant</value></field></x>",
		w.approval(),
	})
	w.stanza(fmt.Sprintf(`<message type='%s' id='%s' from='%s' to='%s%s'>%s</message>`, typ, w.id(), w.session(), roomJID, to, payload))
}

// approval is a moderator's or admin's answer to who asked for voice or to
// register.
func (w *world) approval() string {
	form := pick(w, "form", []string{"request", "register"})
	who := w.session()
	return "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#" + form + "</value></field>" +
		"<field var='muc#role'><value>participant</value></field><field var='muc#jid'><value>" + who + "</value></field>" +
		"<field var='muc#roomnick'><value>" + w.nick() + "</value></field><field var='muc#register_roomnick'><value>" + w.nick() + "</value></field>" +
		"<field var='muc#request_allow'><value>1</value></field><field var='muc#register_allow'><value>1</value></field></x>"
}

func (w *world) admin() {
	items := ""
	for range rapid.IntRange(1, 3).Draw(w.t, "items") {
		if rapid.Bool().Draw(w.t, "byRole") {
			items += fmt.Sprintf("<item nick='%s' role='%s'><reason>why</reason></item>", w.nick(), pick(w, "role", roles))
			continue
		}
		who := pick(w, "whom", append([]string{"one.example", "two.example", "stranger@three.example"}, users...))
		nick := pick(w, "reserve", []string{"", "", " nick='" + w.nick() + "'", " nick=''"})
		items += fmt.Sprintf("<item jid='%s' affiliation='%s'%s/>", who, pick(w, "affiliation", affiliations), nick)
	}
	w.iq("set", "", "<query xmlns='http://jabber.org/protocol/muc#admin'>"+items+"</query>")
}

func (w *world) iq(typ, to, payload string) {
	w.stanza(fmt.Sprintf(`<iq type='%s' id='%s' from='%s' to='%s%s'>%s</iq>`, typ, w.id(), w.session(), roomJID, to, payload))
}

var settings = []string{
	"persistentroom:0", "persistentroom:1", "membersonly:0", "membersonly:1", "moderatedroom:0", "moderatedroom:1",
	"roomsecret:" + password, "roomsecret:", "whois:anyone", "whois:moderators", "maxusers:3", "maxusers:0", "maxusers:many",
	"changesubject:1", "allowpm:none", "allowpm:anyone", "presencebroadcast:moderator", "presencebroadcast:participant",
	"presencebroadcast:none", "enablelogging:1", "enablearchiving:0", "historylength:2", "roomadmins:" + users[1],
	"roomowners:" + users[0], "roomowners:", "allowinvites:1", "allowvisitorstatus:0", "allowvisitorstatus:1",
	"allowvisitornickchange:0", "allowvoicerequests:0", "getmemberlist:participant",
}

func (w *world) config() {
	if rapid.IntRange(0, 9).Draw(w.t, "cancel") == 0 {
		w.iq("set", "", "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='cancel'/></query>")
		return
	}
	fields := ""
	for _, s := range rapid.SliceOfN(rapid.SampledFrom(settings), 0, 3).Draw(w.t, "settings") {
		for i := range s {
			if s[i] == ':' {
				fields += fmt.Sprintf("<field var='muc#roomconfig_%s'><value>%s</value></field>", s[:i], s[i+1:])
				break
			}
		}
	}
	w.iq("set", "", "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"+fields+"</x></query>")
}

func (w *world) register() {
	payload := pick(w, "registration", []string{"<remove/>",
		"<x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>" + w.nick() + "</value></field></x>"})
	w.iq("set", "", "<query xmlns='jabber:iq:register'>"+payload+"</query>")
}

func (w *world) request() {
	to := pick(w, "address", []string{"", "", "/" + w.nick()})
	w.iq(pick(w, "type", []string{"get", "get", "set", "result", "error"}), to, pick(w, "request", []string{
		"<query xmlns='http://jabber.org/protocol/disco#info'/>", "<query xmlns='http://jabber.org/protocol/disco#items'/>",
		"<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>", "<ping xmlns='urn:xmpp:ping'/>",
		"<query xmlns='jabber:iq:register'/>", "<query xmlns='http://jabber.org/protocol/muc#owner'/>",
		"<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query>",
		"<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner'/></query>",
		"<query xmlns='http://jabber.org/protocol/muc#admin'><item role='participant'/></query>",
		"<vCard xmlns='vcard-temp'/>", "<q xmlns='urn:example:unknown'/>", "<q xmlns='urn:example:asked'/>", "", "<a/><b/>",
	}))
}

func (w *world) bounce() {
	kind := pick(w, "kind", []string{"message", "presence", "iq"})
	condition := pick(w, "condition", []string{"gone", "remote-server-timeout", "not-acceptable", "feature-not-implemented"})
	to := pick(w, "address", []string{"", "/" + w.nick()})
	w.stanza(fmt.Sprintf(`<%s type='error' id='%s' from='%s' to='%s%s'><error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></%s>`,
		kind, w.id(), w.session(), roomJID, to, condition, kind))
}

// hostile is what no honest client sends.
func (w *world) hostile() {
	kind := pick(w, "kind", []string{"message", "presence", "iq"})
	typ := pick(w, "type", []string{"", "get", "set", "groupchat", "unavailable", "error", "?"})
	payload := pick(w, "payload", []string{
		"<x xmlns='http://jabber.org/protocol/muc'/>", "<query xmlns='http://jabber.org/protocol/muc#admin'/>",
		"<query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='@'/></query>",
		"<query xmlns='http://jabber.org/protocol/muc#admin'><item role='none' affiliation='none' nick='Ann'/></query>",
		"<a:b xmlns:a='urn:x' a:c='d'>&amp;&lt;<!-- no --><?no no?></a:b>", "<subject>s</subject><body>b</body>",
		"<x xmlns='jabber:x:data' type='submit'/>", "<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'/></query>",
		"<delay xmlns='urn:xmpp:delay' from='" + roomJID.String() + "'/><addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='x'/></addresses><body>z</body>",
	})
	from := pick(w, "from", []string{w.session(), pick(w, "user", users), "one.example", "@@"})
	to := pick(w, "address", []string{"", "/", "/ ", "/" + w.nick(), "/\u202Eevil", "/very-long-nick-very-long-nick-very-long-nick-very-long-nick-very-long-nick"})
	w.stanza(fmt.Sprintf(`<%s type='%s' id='%s' from='%s' to='%s%s'>%s</%s>`, kind, typ, w.id(), from, roomJID, to, payload, kind))
}

func (w *world) host() {
	who := muc.MustParseJID(w.session())
	w.command(pick(w, "command", []muc.Command{
		muc.Vanished{JID: who}, muc.Vanished{JID: who.Bare()}, muc.Kick{Nick: w.nick(), Reason: "out"},
		muc.SetRole{Nick: w.nick(), Role: muc.Role(rapid.IntRange(0, 3).Draw(w.t, "role"))},
		muc.SetAffiliation{JID: who.Bare(), Affiliation: muc.Affiliation(rapid.IntRange(-1, 3).Draw(w.t, "affiliation")), Nick: pick(w, "reserve", []string{"", w.nick()})},
		muc.SetAffiliation{JID: who.Bare(), Affiliation: muc.Owner}, muc.Say{Body: "announcement"}, muc.SetSubject{Subject: "order"},
		muc.Create{Owner: who, Config: muc.RoomConfig{Persistent: true}}, muc.Shutdown{Reason: "maintenance"},
		muc.Kick{Nick: w.nick(), As: who}, muc.Join{JID: who, Nick: w.nick()}, muc.Leave{Nick: w.nick()},
		muc.Forget{JID: who.Bare()}, muc.Forget{JID: who.Bare(), Heir: muc.MustParseJID("heir@three.example")},
		muc.Invite{To: who.Bare(), Reason: "come"}, muc.Say{As: who, Body: "for him"},
		muc.DecideRegistration{JID: who.Bare(), Allow: rapid.Bool().Draw(w.t, "allow")}, w.answer(), w.answer(),
	}))
}

// answer is the host's answer to something that it was once asked.
func (w *world) answer() muc.Command {
	if len(w.asks) == 0 {
		return muc.Answer{ID: "nonsense"}
	}
	a := muc.Answer{ID: pick(w, "ask", w.asks).ID}
	switch rapid.IntRange(0, 2).Draw(w.t, "answer") {
	case 0:
		a.Refuse = &muc.StanzaError{Condition: muc.NotAllowed}
	case 1:
		a.Payload = parse("<q xmlns='urn:example:asked'/>")
	}
	return a
}
