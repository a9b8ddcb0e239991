package main

import (
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"
)

// What clients ask for when they start.
func TestRequests(t *testing.T) {
	r := start(t)
	for _, over := range []string{"tcp", "ws"} {
		p := r.login(t, over, "juliet")
		ask := func(kind, to, payload string) string {
			address := ""
			if to != "" {
				address = "to='" + to + "'"
			}
			p.send("<iq xmlns='jabber:client' type='%s' id='q' %s>%s</iq>", kind, address, payload)
			el := p.getsTag("iq", "id", "q")
			require.Equal(t, to, el.SelectAttrValue("from", to), "who was asked answers")
			switch children := el.ChildElements(); {
			case el.SelectAttrValue("type", "") == "error":
				return el.FindElement("error").ChildElements()[0].Tag
			case len(children) == 0:
				return ""
			default:
				return text(children[0].Copy())
			}
		}
		require.Equal(t, `<query xmlns="jabber:iq:roster"><item jid="romeo@localhost" name="romeo" subscription="both"/></query>`,
			ask("get", "", "<query xmlns='jabber:iq:roster'/>"))
		require.Equal(t, "not-allowed", ask("set", "", "<query xmlns='jabber:iq:roster'><item jid='a@b'/></query>"))
		require.Equal(t, "service-unavailable", ask("get", "romeo@localhost", "<query xmlns='jabber:iq:roster'/>"))
		require.Contains(t, ask("get", "localhost", "<query xmlns='http://jabber.org/protocol/disco#info'/>"), `category="server" type="im"`)
		require.Contains(t, ask("get", "localhost", "<query xmlns='http://jabber.org/protocol/disco#items'/>"), `<item jid="conference.localhost"/>`)
		require.Contains(t, ask("get", "juliet@localhost", "<query xmlns='http://jabber.org/protocol/disco#info'/>"), `category="account" type="registered"`)
		require.Contains(t, ask("get", "conference.localhost", "<query xmlns='http://jabber.org/protocol/disco#info'/>"), `category="conference"`)
		require.Contains(t, ask("get", "conference.localhost", "<query xmlns='http://jabber.org/protocol/disco#items'/>"), `jid="lobby@conference.localhost"`)
		for _, to := range []string{"", "localhost", "juliet@localhost", "conference.localhost"} {
			require.Empty(t, ask("get", to, "<ping xmlns='urn:xmpp:ping'/>"))
		}
		require.Empty(t, ask("set", "", "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"))
		require.Equal(t, "service-unavailable", ask("get", "", "<vCard xmlns='vcard-temp'/>"))
		require.Equal(t, "service-unavailable", ask("get", "nobody@localhost/x", "<ping xmlns='urn:xmpp:ping'/>"))
		require.Equal(t, "remote-server-not-found", ask("get", "elsewhere.example", "<ping xmlns='urn:xmpp:ping'/>"))
		require.Equal(t, "bad-request", ask("get", "localhost", ""))
		p.send("<iq xmlns='jabber:client' type='get' id='m' to='@'><ping xmlns='urn:xmpp:ping'/></iq>")
		require.NotNil(t, p.getsTag("iq", "id", "m").FindElement("error/jid-malformed"))
	}
}

// Accounts see each other come and go, and write to each other.
func TestPeople(t *testing.T) {
	r := start(t)
	romeo, juliet, guest := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet"), r.guest(t)
	write := func(p *peer, kind, to, body string) {
		p.send("<message xmlns='jabber:client' type='%s' to='%s' id='%s'><body>%s</body></message>", kind, to, body, body)
	}
	write(romeo, "chat", "juliet@localhost", "too early")
	require.NotNil(t, romeo.getsTag("message", "type", "error", "id", "too early").FindElement("error/service-unavailable"))
	write(romeo, "chat", juliet.jid, "to the very one")
	juliet.hears("to the very one")

	romeo.online()
	juliet.send("<presence xmlns='jabber:client'><show>away</show></presence>")
	require.Equal(t, "away", romeo.getsTag("presence", "from", juliet.jid).SelectElement("show").Text())
	juliet.getsTag("presence", "from", romeo.jid)
	guest.send("<presence xmlns='jabber:client'/>")
	guest.seesNobody()
	write(romeo, "chat", "juliet@localhost", "hello")
	juliet.hears("hello")
	write(guest, "", "juliet@localhost", "from a guest")
	require.Equal(t, guest.jid, juliet.hears("from a guest").SelectAttrValue("from", ""))
	write(romeo, "groupchat", "juliet@localhost", "no room")
	romeo.getsTag("message", "type", "error", "id", "no room")
	write(romeo, "chat", "nobody@localhost", "nobody")
	romeo.getsTag("message", "type", "error", "id", "nobody")

	juliet.send("<presence xmlns='jabber:client' id='long'><status>%s</status></presence>", strings.Repeat("x", presenceBytes))
	require.NotNil(t, juliet.getsTag("presence", "type", "error", "id", "long").FindElement("error/policy-violation"))
	juliet.send("<presence xmlns='jabber:client'><priority>-1</priority></presence>")
	romeo.gets("another presence", func(el *etree.Element) bool { return el.SelectElement("priority") != nil })
	write(romeo, "chat", "juliet@localhost", "not wanted")
	romeo.getsTag("message", "type", "error", "id", "not wanted")

	romeo.send("<presence xmlns='jabber:client' type='subscribe' to='juliet@localhost'/>")
	romeo.getsTag("presence", "type", "subscribed", "from", "juliet@localhost")
	guest.send("<presence xmlns='jabber:client' type='subscribe' to='juliet@localhost'/>")
	guest.getsTag("presence", "type", "unsubscribed", "from", "juliet@localhost")

	juliet.ws.CloseNow()
	romeo.getsTag("presence", "from", juliet.jid, "type", "unavailable")
	guest.seesNobody()
	guest.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
	require.Nil(t, guest.getsTag("iq", "id", "roster").FindElement("query/item"))
}

// seesNobody checks that of what has come no presence is of anybody else.
func (p *peer) seesNobody() {
	p.t.Helper()
	p.send("<iq xmlns='jabber:client' type='get' id='end'><ping xmlns='urn:xmpp:ping'/></iq>")
	p.gets("the answer", func(el *etree.Element) bool {
		require.True(p.t, el.Tag != "presence" || el.SelectAttrValue("from", "") == p.jid, text(el))
		return el.SelectAttrValue("id", "") == "end"
	})
}

// Who is not in a room is invited to it at the account.
func TestInvitation(t *testing.T) {
	r := start(t)
	romeo, juliet := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet")
	romeo.enters(lobby, "Romeo")
	juliet.online()
	romeo.send("<message to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='juliet@localhost'/></x></message>", lobby)
	juliet.gets("an invitation", func(el *etree.Element) bool {
		return el.FindElement("x/invite") != nil && el.SelectAttrValue("from", "") == lobby
	})
}

// A client that logs out of the server without leaving its stream leaves its rooms.
func TestUnavailable(t *testing.T) {
	r := start(t)
	romeo, juliet := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet")
	romeo.enters(lobby, "Romeo")
	juliet.enters(lobby, "Juliet")
	juliet.send("<presence xmlns='jabber:client' type='unavailable'><status>good night</status></presence>")
	left := romeo.getsTag("presence", "type", "unavailable", "from", lobby+"/Juliet")
	require.Equal(t, "good night", left.SelectElement("status").Text())
	juliet.enters(lobby, "Juliet")
}

// Guests make rooms, but none that stay.
func TestGuestsMakeNothingLasting(t *testing.T) {
	r := start(t)
	guest := r.guest(t)
	guest.enters("party@conference.localhost", "Guest")
	configure := func(field string) string {
		guest.send("<iq type='set' id='cfg' to='party@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"+
			"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>%s</x></query></iq>", field)
		return guest.getsTag("iq", "id", "cfg").SelectAttrValue("type", "")
	}
	require.Equal(t, "error", configure("<field var='muc#roomconfig_persistentroom'><value>1</value></field>"))
	require.Equal(t, "result", configure(""))
}

// Stanzas are counted for who wants to know what has arrived (XEP-0198).
func TestAcknowledgements(t *testing.T) {
	r := start(t)
	for _, over := range []string{"tcp", "ws"} {
		p := r.login(t, over, "juliet")
		p.send("<iq xmlns='jabber:client' type='get' id='before'><ping xmlns='urn:xmpp:ping'/></iq>")
		p.send("<enable xmlns='%s' resume='true'/>", nsAcks)
		enabled := p.getsTag("enabled")
		require.Nil(t, enabled.SelectAttr("resume"), "sessions are not kept")
		p.send("<iq xmlns='jabber:client' type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>")
		p.send("<presence xmlns='jabber:client'/>")
		p.send("<r xmlns='%s'/>", nsAcks)
		p.getsTag("a", "h", "2")
		p.send("<resume xmlns='%s' previd='x' h='1'/>", nsAcks)
		p.getsTag("failed")
	}
}

func TestMetrics(t *testing.T) {
	r := start(t)
	r.guest(t).enters(lobby, "Guest")
	_, said, _ := get(t, r.metrics)
	for _, line := range []string{"xmpp_sessions 1", "xmpp_connections 1", "muc_occupants 1", "xmpp_stanzas_received_total 1"} {
		require.Contains(t, said, "\n"+line+"\n")
	}
}

// A stream has a language, which goes with its stanzas, but nothing that is none.
func TestLanguage(t *testing.T) {
	r := start(t)
	for tag, want := range map[string]string{"de": "de", strings.Repeat("x", 36): ""} {
		p := r.dial(t)
		p.read()
		require.Equal(t, "success", p.auth("ANONYMOUS", "").Tag)
		p.lang = tag
		p.bind("")
		p.send("<message to='%s'><body>hi</body></message>", p.jid)
		require.Equal(t, want, p.hears("hi").SelectAttrValue("xml:lang", ""))
	}
}
