package proptest

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

var settings = []string{
	"persistentroom:0", "persistentroom:1", "membersonly:0", "membersonly:1", "moderatedroom:0", "moderatedroom:1",
	"roomsecret:" + password, "roomsecret:", "whois:anyone", "whois:moderators", "maxusers:3", "maxusers:0", "maxusers:many",
	"changesubject:1", "allowpm:none", "allowpm:anyone", "presencebroadcast:moderator", "presencebroadcast:participant",
	"presencebroadcast:none", "enablelogging:1", "enablelogging:0", "enablearchiving:0", "enablearchiving:1", "historylength:2",
	"roomadmins:" + users[1], "roomowners:" + users[0], "roomowners:", "allowinvites:1", "allowvisitorstatus:0", "allowvisitorstatus:1",
	"allowvisitornickchange:0", "allowvoicerequests:0", "getmemberlist:participant", "publicroom:0", "roomname:A room", "roomdesc:d", "lang:de",
	"passwordprotectedroom:0", "whois:king", "presencebroadcast:", "roomowners:@", "roomname:a &lt;b&gt; &amp; &apos;c&apos;", "nosuch:1",
	"forwardmentions:1", "forwardmentions:0", "slow_mode_duration:0", "slow_mode_duration:20", "slow_mode_duration:-1", "allow_query_users:0", "public_list:1", "allow_voice_requests:0",
}

const nsOwner = "http://jabber.org/protocol/muc#owner"

// config is what an owner does with the room.
func (w *world) config() {
	form := "<x xmlns='jabber:x:data' type='submit'>"
	switch rapid.IntRange(0, 20).Draw(w.t, "owner") {
	case 20:
		w.iq(w.ruler(), "set", "", "<query xmlns='"+nsOwner+"'>"+pick(w, "no form", []string{"", "<x xmlns='jabber:x:data' type='form'/>"})+"</query>")
		return
	case 18:
		form = "<x xmlns='jabber:x:data' type='cancel'>"
	case 19:
		if w.oneIn(3, "destroy") {
			w.iq(w.ruler(), "set", "", "<query xmlns='"+nsOwner+"'><destroy jid='other@rooms.example'><password>elsewhere</password><reason>over</reason></destroy></query>")
			return
		}
	}
	for _, s := range rapid.SliceOfN(rapid.SampledFrom(settings), 0, 3).Draw(w.t, "settings") {
		name, value, _ := strings.Cut(s, ":")
		if !strings.Contains(name, "_") || strings.HasPrefix(name, "slow") {
			name = "muc#roomconfig_" + name
		}
		form += fmt.Sprintf("<field var='%s'><value>%s</value></field>", name, value)
	}
	w.iq(w.ruler(), "set", "", "<query xmlns='"+nsOwner+"'>"+form+"</x></query>")
}

// formAsItIs is an owner's look at the form, which is sent back.
func (w *world) formAsItIs() { w.resubmit(w.ruler()) }

// resubmit sends a room's own form back to it, in which nothing has changed.
func (w *world) resubmit(from string) {
	w.iq(from, "get", "", "<query xmlns='"+nsOwner+"'/>")
	before, form := w.last, ""
	for _, m := range w.latest.out {
		if q := m.el.child(nsOwner, "query"); q != nil {
			for _, field := range q.child("jabber:x:data", "x").kids {
				form += filledField(field)
			}
		}
	}
	if form == "" {
		return
	}
	w.iq(from, "set", "", "<query xmlns='"+nsOwner+"'><x xmlns='jabber:x:data' type='submit'>"+form+"</x></query>")
	if before.state != muc.Open {
		return // it opens
	}
	for ev := range w.latest.fx.Events() {
		switch ev.Body.(type) {
		case *event.Configured, *event.AffiliationChanged:
			w.fail("the form as it was changes something: %s", ev.Type())
		}
	}
	if e := w.latest.fx.Refused; e != nil && w.cfg.Policy.Configure == nil && w.last.state == muc.Open {
		w.fail("the form as it was is refused: %v", e)
	}
}

// filledField is what a client sends of a field of a form: its name and values.
func filledField(field *element) string {
	if field.attr("var") == "" {
		return ""
	}
	values := ""
	for _, v := range field.kids {
		if v.name == "value" {
			values += "<value>" + esc(v.text) + "</value>"
		}
	}
	return "<field var='" + esc(field.attr("var")) + "'>" + values + "</field>"
}

func (w *world) register() {
	payload := pick(w, "registration", []string{"<remove/>", "", "", "<x xmlns='jabber:x:data' type='cancel'/>",
		"<x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>" + w.nick() + "</value></field></x>"})
	if payload == "" {
		payload = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>" +
			"<field var='muc#register_roomnick'><value>" + w.nick() + "</value></field></x>"
	}
	w.iq(w.someone(), "set", "", "<query xmlns='jabber:iq:register'>"+payload+"</query>")
}

func (w *world) request() {
	to, from := pick(w, "address", []string{"", "", "/" + w.nick(), "/" + esc(w.puppetNick())}), w.someone()
	w.iq(from, pick(w, "type", []string{"get", "get", "get", "set", "set", "result", "error"}), to, pick(w, "request", []string{
		"<query xmlns='http://jabber.org/protocol/disco#info'/>", "<query xmlns='http://jabber.org/protocol/disco#items'/>",
		"<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>", "<ping xmlns='urn:xmpp:ping'/>",
		"<query xmlns='jabber:iq:register'/>", "<query xmlns='http://jabber.org/protocol/muc#owner'/>",
		"<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='" + pick(w, "list", affiliations) + "'/></query>",
		"<query xmlns='http://jabber.org/protocol/muc#admin'><item role='participant'/></query>",
		"<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query>",
		"<vCard xmlns='vcard-temp'/>", "<q xmlns='urn:example:unknown'/>", "<q xmlns='urn:example:asked'/>", "<q xmlns='urn:example:asked'/>",
		"<query xmlns='urn:xmpp:mam:2' queryid='q'><set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before/></set></query>",
		"<query xmlns='urn:xmpp:mam:2'/>", "<metadata xmlns='urn:xmpp:mam:2'/>", "text", "<unique xmlns='http://jabber.org/protocol/muc#unique'/>", "<a xmlns='urn:example:asked'/><b xmlns='urn:example:asked'/>",
		"<moderate xmlns='urn:xmpp:message-moderate:1' id='" + w.said() + "'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>",
		"<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item publisher='" + from + "'/></items></pubsub>", "", "<a/><b/>",
	}))
}

// query is a request of somebody inside to an occupant, which is mostly answered at
// once.
func (w *world) query() {
	if len(w.last.sessions) == 0 {
		return
	}
	n := len(w.ledger.relayed)
	from := pick(w, "asker", w.last.sessions)
	w.iq(from, "get", "/"+esc(w.last.inside[pick(w, "asked", w.last.sessions)].Nick), pick(w, "query", []string{
		"<query xmlns='jabber:iq:version'>" + w.spelled(from) + "</query>", "<vCard xmlns='vcard-temp'/>", "<query xmlns='http://jabber.org/protocol/disco#items' node='" + from + "'/>"}))
	if len(w.ledger.relayed) > n && !w.oneIn(3, "later") {
		w.answer(w.ledger.relayed[n])
	}
}

// relayedAnswer answers a request that was passed on, now or in an earlier life of the
// room.
func (w *world) relayedAnswer() {
	if len(w.ledger.relayed) > 0 {
		w.answer(pick(w, "relayed", w.ledger.relayed))
	}
}

// answer answers a request once or more, or claims to.
func (w *world) answer(r *relayed) {
	from, truly := r.answerer, r
	if w.oneIn(4, "forged") {
		from, truly = w.session(), nil
		if j := muc.MustParseJID(from); j.Bare() == muc.MustParseJID(r.answerer).Bare() {
			return // another session of the same person may answer too
		}
	}
	typ := pick(w, "type", []string{"result", "result", "error"})
	text := fmt.Sprintf(`<iq type='%s' id='%s' from='%s' to='%s'><vCard xmlns='vcard-temp'><JABBERID>%s</JABBERID></vCard></iq>`,
		typ, esc(r.id), from, esc(r.from), from)
	if w.oneIn(8, "banned") {
		w.command(muc.SetAffiliation{JID: muc.MustParseJID(r.answerer).Bare(), Affiliation: muc.Outcast})
	}
	for range pick(w, "times", []int{1, 1, 2, 3}) {
		w.step(input{stanza: parse(text), text: text, answers: truly})
	}
}

// bounce is a stanza that comes back, perhaps one that was sent.
func (w *world) bounce() {
	kind := pick(w, "kind", []string{"message", "presence", "iq"})
	condition := pick(w, "condition", []string{"gone", "remote-server-timeout", "not-acceptable", "feature-not-implemented", "item-not-found", "recipient-unavailable", "forbidden"})
	to, from, id := roomJID.String()+pick(w, "address", []string{"", "/" + w.nick()}), w.someone(), w.id()
	if len(w.privates) > 0 && w.oneIn(2, "private") {
		m := pick(w, "sent", w.privates)
		kind, condition = "message", "not-acceptable"
		to, from, id = esc(m.el.attr("from")), m.to.String(), esc(m.el.attr("id"))
	}
	w.stanza(fmt.Sprintf(`<%s type='error' id='%s' from='%s' to='%s'><error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></%s>`,
		kind, id, from, to, condition, kind))
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
		strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40), "<body>" + strings.Repeat("&lt;", 900) + "</body>",
		"<x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/><item affiliation='owner' role='moderator'/></x><body>z</body>",
	})
	from := pick(w, "from", []string{w.someone(), pick(w, "user", users), "one.example", "@@"})
	to := pick(w, "address", []string{"", "/", "/ ", "/" + w.nick(), "/\u202Eevil", "/" + strings.Repeat("very-long-nick-", 6)})
	w.stanza(fmt.Sprintf(`<%s type='%s' id='%s' from='%s' to='%s%s'>%s</%s>`, kind, typ, w.id(), from, roomJID, to, payload, kind))
}

// flood is somebody new each time, who leaves as much behind as possible.
func (w *world) flood() {
	guest := func() string { return "guest" + w.id() + strings.Repeat("-of-many", 20) + crowd }
	for range rapid.IntRange(1, 12).Draw(w.t, "guests") {
		who, nick := guest(), w.id()+strings.Repeat("n", 50)
		join := fmt.Sprintf(`<presence from='%s/r' to='%s/%s'><status>%s</status><x xmlns='http://jabber.org/protocol/muc'><password>%s</password></x></presence>`,
			who, roomJID, nick, strings.Repeat("s", 90), password)
		switch pick(w, "flood", []string{"join", "pass", "invite", "ban", "register", "ask", "voice"}) {
		case "join":
			w.stanza(join)
		case "pass":
			w.stanza(join)
			w.stanza(fmt.Sprintf(`<presence type='unavailable' from='%s/r' to='%s/%s'/>`, who, roomJID, nick))
		case "invite":
			w.stanza(fmt.Sprintf(`<message from='%s' to='%s'><x xmlns='%s'><invite to='%s'><reason>%s</reason></invite></x></message>`,
				w.someone(), roomJID, nsUser, who, strings.Repeat("r", 90)))
		case "ban":
			w.iq(w.ruler(), "set", "", "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='"+who+"'><reason>"+strings.Repeat("r", 90)+"</reason></item></query>")
		case "register":
			w.iq(who+"/r", "set", "", "<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>"+nick+"</value></field></x></query>")
		case "ask":
			w.iq(who+"/r", "get", "", "<q xmlns='urn:example:asked'/>")
		case "voice":
			w.stanza(join)
			w.stanza(fmt.Sprintf(`<message from='%s/r' to='%s'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>`+
				`<field var='muc#role'><value>participant</value></field></x></message>`, who, roomJID))
		}
	}
}
