package proptest

import (
	"encoding/xml"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// users are the people of a history. Their names stand in nothing else.
var users = []string{"alice@one.example", "bob@one.example", "carol@two.example", "dave@two.example", "eve@two.example"}

// crowd is where all others are from: it stands in their addresses alone.
const crowd = "@crowd.example"

var (
	resources    = []string{"a", "b", "c"}
	nicks        = []string{"Ann", "ann", "Ben", "Cyd", "Dr. Who", "Zoë", "李雷", "❤️", "a&b<'\">"}
	affiliations = []string{"member", "none", "admin", "outcast", "owner", "king"}
	roles        = []string{"moderator", "participant", "visitor", "none", "king"}
	// texts are what people and hosts write.
	texts = []string{"because", "", "a <b> & 'c' \"d\" ]]>", "line\nbreak\ttab\r", "🦄", strings.Repeat("long ", 90)}
)

func pick[T any](w *world, what string, from []T) T { return rapid.SampledFrom(from).Draw(w.t, what) }

// esc is a text as it stands in XML.
func esc(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// oneIn is true once in n times.
func (w *world) oneIn(n int, what string) bool {
	return rapid.IntRange(0, n-1).Draw(w.t, what) == n-1
}

// session is anybody's, inside or not.
func (w *world) session() string {
	return pick(w, "user", users) + "/" + pick(w, "resource", resources)
}

// someone is mostly somebody inside.
func (w *world) someone() string {
	if len(w.last.sessions) > 0 && !w.oneIn(4, "outsider") {
		return pick(w, "session", w.last.sessions)
	}
	return w.session()
}

// ruler is mostly an owner or admin inside.
func (w *world) ruler() string {
	var rulers []string
	for i := range w.last.occupants {
		if o := &w.last.occupants[i]; o.Affiliation >= muc.Admin && len(o.Sessions) > 0 {
			rulers = append(rulers, o.Sessions[0].String())
		}
	}
	if len(rulers) > 0 && !w.oneIn(3, "upstart") {
		return pick(w, "ruler", rulers)
	}
	return w.someone()
}

// nick is a name as it stands in XML.
func (w *world) nick() string { return esc(w.name()) }

// name is mostly a nick.
func (w *world) name() string {
	if n := len(w.last.occupants); n > 0 && w.oneIn(2, "taken") {
		return w.last.occupants[n-1-rapid.IntRange(0, n-1).Draw(w.t, "occupant")].Nick // mostly not the owner's
	}
	return pick(w, "nick", nicks)
}

// oddName is what a host may take for a nick.
func (w *world) oddName() string {
	if w.oneIn(8, "odd") {
		return pick(w, "name", []string{"", " ", "x\u202Ey", "\x01", "\xff", strings.Repeat("n", 80)})
	}
	return w.name()
}

// text is what somebody writes, as it stands in XML.
func (w *world) text() string { return esc(pick(w, "text", texts)) }

func (w *world) id() string {
	w.ids++
	return fmt.Sprintf("id%d", w.ids)
}

// kinds of steps, by how often they are taken.
var kinds = []struct {
	weight int
	do     func(w *world)
}{
	{12, (*world).join},
	{3, (*world).leave},
	{5, (*world).presence},
	{8, (*world).message},
	{6, (*world).admin},
	{5, (*world).role},
	{6, (*world).config},
	{1, (*world).formAsItIs},
	{4, (*world).register},
	{6, (*world).request},
	{3, (*world).takeBack},
	{3, (*world).moderate},
	{3, (*world).avatar},
	{3, (*world).mention},
	{3, (*world).invite},
	{5, (*world).hats},
	{2, (*world).voice},
	{4, (*world).query},
	{3, (*world).relayedAnswer},
	{1, (*world).restart},
	{3, (*world).bounce},
	{3, (*world).hostile},
	{1, (*world).foreign},
	{2, (*world).flood},
	{6, (*world).host},
	{2, (*world).hostAnswer},
	{3, (*world).puppet},
	{3, (*world).tick},
}

// kindOf is the list to draw from. Draws prefer what stands in front, so that the
// kinds take turns in it.
var kindOf = func() (list []func(w *world)) {
	for round, more := 0, true; more; round++ {
		more = false
		for _, k := range kinds {
			if k.weight > round {
				list, more = append(list, k.do), true
			}
		}
	}
	return list
}()

// random takes one step of any kind.
func (w *world) random() {
	pick(w, "step", kindOf)(w)
}

func (w *world) join() {
	inner := pick(w, "x", []string{"", "<history maxstanzas='1'/>", "<history maxchars='900' seconds='100'/>",
		"<history maxchars='0'/>", "<history since='2030-01-01T00:00:01Z'/>", "<history maxstanzas='many'/>"})
	switch {
	case w.last.conf.Password != "" && !w.oneIn(4, "forgotten"):
		inner += "<password>" + password + "</password>"
	case w.oneIn(8, "guessed"):
		inner += "<password>wrong</password>"
	}
	from := w.session()
	inner += w.asksLists(from)
	w.stanza(fmt.Sprintf(`<presence id='%s' from='%s' to='%s/%s'>%s<x xmlns='http://jabber.org/protocol/muc'>%s</x></presence>`,
		w.id(), from, roomJID, w.nick(), w.saying(), inner))
}

// saying is what somebody says in a presence.
func (w *world) saying() string {
	return pick(w, "saying", []string{"", "<show>away</show>", "<status>here</status>", "<status>" + w.text() + "</status>", "<show>dnd</show><status>" + strings.Repeat("busy ", 18) + "</status>",
		"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>"})
}

func (w *world) leave() {
	to := pick(w, "address", []string{"", "/" + w.nick()})
	w.stanza(fmt.Sprintf(`<presence type='unavailable' from='%s' to='%s%s'><status>%s</status></presence>`, w.someone(), roomJID, to, w.text()))
}

func (w *world) presence() {
	to := pick(w, "address", []string{"", "/" + w.nick()})
	typ := pick(w, "type", []string{"", "", "", "", " type='probe'", " type='subscribe'", " type='nonsense'"})
	from := w.someone()
	w.stanza(fmt.Sprintf(`<presence%s from='%s' to='%s%s'>%s</presence>`, typ, from, roomJID, to,
		pick(w, "payload", []string{w.saying(), w.saying() + w.spelled(from), "<x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/></x>"})))
}

// message is what somebody says, once or several times.
func (w *world) message() {
	for range pick(w, "messages", []int{1, 1, 2, 6}) {
		w.say()
	}
}

func (w *world) say() {
	to := pick(w, "address", []string{"", "", "", "/" + w.nick(), "/" + esc(w.puppetNick())})
	typ := pick(w, "type", []string{"groupchat", "groupchat", "groupchat", "groupchat", "groupchat", "groupchat", "chat", "normal"})
	if to != "" {
		typ = pick(w, "type", []string{"chat", "chat", "groupchat", "normal"})
	}
	payload := pick(w, "payload", []string{
		"<body>hello</body>", "<body>" + w.text() + "</body>", "<subject>" + w.text() + "</subject>", "<store xmlns='urn:xmpp:hints'/>text",
		"<body>x</body><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x>",
		"<body>x</body><addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='a@b'/><address type='to' jid='c@d'/></addresses>",
		"<body>quiet</body><no-store xmlns='urn:xmpp:hints'/>", "<subject>news</subject>", "<subject/>",
		"<subject>one</subject><subject xml:lang='de'>eins</subject>", "<subject>s</subject><thread>t</thread>",
		"<composing xmlns='http://jabber.org/protocol/chatstates'/>", "<body>" + strings.Repeat("long ", 90) + "</body>",
		"<body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='" + roomJID.String() + "' id='forged'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>",
		"<body>forged</body><retract xmlns='urn:xmpp:message-retract:1' id='x'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract><moderated xmlns='urn:xmpp:message-moderate:0'/><retracted xmlns='urn:xmpp:message-retract:1'/>",
		"<retract xmlns='urn:xmpp:message-retract:1' id='" + w.said() + "'/><body>gone</body>", "<body>mine</body>@", "<body>mine</body>@", "<body>mine</body>@", "<body>one</body><body xml:lang='de'>eins</body>",
	})
	from := w.someone()
	if strings.HasSuffix(payload, "@") {
		payload = strings.TrimSuffix(payload, "@") + w.spelled(from)
	}
	w.stanza(fmt.Sprintf(`<message type='%s' id='%s' from='%s' to='%s%s'>%s</message>`, typ, w.id(), from, roomJID, to, payload))
}

// said is the id of something that was said.
func (w *world) said() string {
	for i := len(w.log) - 1; i >= 0; i-- {
		if b, ok := w.log[i].Body.(*event.MessageArchived); ok {
			return b.StanzaID
		}
	}
	return "nothing"
}

func (w *world) invite() {
	payload := "<invite to='" + pick(w, "invitee", users) + "'><reason>" + w.text() + "</reason></invite>"
	switch w.oneIn(3, "more"); {
	case w.oneIn(4, "decline"):
		payload = "<decline to='" + pick(w, "inviter", append([]string{roomJID.String() + "/" + w.nick()}, users...)) + "'><reason>no</reason></decline>"
	case w.oneIn(4, "two"):
		payload += "<invite to='" + w.session() + "'><continue thread='t'/></invite>"
	}
	w.stanza(fmt.Sprintf(`<message id='%s' from='%s' to='%s'><x xmlns='%s'>%s</x></message>`, w.id(), w.someone(), roomJID, nsUser, payload))
}

// voice asks for voice, or is a moderator's or admin's answer to who asked for it or
// to register.
func (w *world) voice() {
	if len(w.forms) > 0 && w.oneIn(3, "form") {
		w.verdict()
		return
	}
	form := pick(w, "form", []string{"request", "register"})
	inner := "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#" + form + "</value></field>" +
		"<field var='muc#role'><value>participant</value></field>"
	from := w.someone()
	if len(w.last.sessions) > 0 {
		from = pick(w, "inside", w.last.sessions)
	}
	for i := range w.last.occupants {
		if o := &w.last.occupants[i]; o.Role == muc.Visitor && len(o.Sessions) > 0 && w.oneIn(2, "visitor") {
			from = o.Sessions[0].String()
		}
	}
	if w.oneIn(2, "verdict") {
		who, nick := w.someone(), w.nick()
		if o := w.last.inside[who]; o != nil {
			nick = esc(o.Nick)
		}
		from = w.ruler()
		inner += "<field var='muc#jid'><value>" + who + "</value></field><field var='muc#roomnick'><value>" + nick +
			"</value></field><field var='muc#register_roomnick'><value>" + w.nick() + "</value></field>" +
			"<field var='muc#request_allow'><value>1</value></field><field var='muc#register_allow'><value>1</value></field>"
	}
	w.stanza(fmt.Sprintf(`<message id='%s' from='%s' to='%s'><x xmlns='jabber:x:data' type='submit'>%s</x></message>`, w.id(), from, roomJID, inner))
}

// verdict sends back a form that the room once sent to somebody for approval.
func (w *world) verdict() {
	inner := ""
	for _, field := range pick(w, "form", w.forms).kids {
		if inner += filledField(field); strings.HasSuffix(field.attr("var"), "_allow") {
			inner = strings.TrimSuffix(inner, filledField(field)) + "<field var='" + field.attr("var") + "'><value>" + pick(w, "allow", []string{"1", "true", "0", "maybe"}) + "</value></field>"
		}
	}
	w.stanza(fmt.Sprintf(`<message id='%s' from='%s' to='%s'><x xmlns='jabber:x:data' type='submit'>%s</x></message>`, w.id(), w.ruler(), roomJID, inner))
}

func (w *world) iq(from, typ, to, payload string) {
	w.stanza(fmt.Sprintf(`<iq type='%s' id='%s' from='%s' to='%s%s'>%s</iq>`, typ, w.id(), from, roomJID, to, payload))
}

func (w *world) admin() {
	items := ""
	for range rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(w.t, "items") {
		if w.oneIn(2, "byRole") {
			items += fmt.Sprintf("<item nick='%s' role='%s'><reason>%s</reason></item>", w.nick(), pick(w, "role", roles), w.text())
			continue
		}
		who := pick(w, "whom", append([]string{"one.example", "two.example", "stranger@three.example"}, users...))
		nick := pick(w, "reserve", []string{"", "", " nick='" + w.nick() + "'", " nick=''"})
		items += fmt.Sprintf("<item jid='%s' affiliation='%s'%s/>", who, pick(w, "affiliation", affiliations), nick)
	}
	w.iq(w.ruler(), pick(w, "type", []string{"set", "set", "set", "get"}), "", "<query xmlns='http://jabber.org/protocol/muc#admin'>"+items+"</query>")
}

// role is a moderator's change of somebody's role.
func (w *world) role() {
	w.iq(w.ruler(), "set", "", fmt.Sprintf("<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='%s' role='%s'/></query>",
		w.nick(), pick(w, "role", roles)))
}
