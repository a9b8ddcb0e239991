package c2s

import (
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/server/c2stest"
)

// What clients ask for when they start.
func TestRequests(t *testing.T) {
	r := start(t, Config{})
	for _, over := range []string{"tcp", "ws"} {
		p := r.login(t, over, "juliet")
		ask := func(kind, to, payload string) string {
			address := ""
			if to != "" {
				address = "to='" + to + "'"
			}
			p.Send("<iq xmlns='jabber:client' type='%s' id='q' %s>%s</iq>", kind, address, payload)
			el := p.GetsTag("iq", "id", "q")
			require.Equal(t, to, el.SelectAttrValue("from", to), "who was asked answers")
			switch children := el.ChildElements(); {
			case el.SelectAttrValue("type", "") == "error":
				return el.FindElement("error").ChildElements()[0].Tag
			case len(children) == 0:
				return ""
			default:
				return c2stest.Text(children[0].Copy())
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
		p.Send("<iq xmlns='jabber:client' type='get' id='m' to='@'><ping xmlns='urn:xmpp:ping'/></iq>")
		require.NotNil(t, p.GetsTag("iq", "id", "m").FindElement("error/jid-malformed"))
	}
}

// Accounts see each other come and go, and write to each other.
func TestPeople(t *testing.T) {
	r := start(t, Config{})
	romeo, juliet, guest := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet"), r.guest(t)
	write := func(p *c2stest.Peer, kind, to, body string) {
		p.Send("<message xmlns='jabber:client' type='%s' to='%s' id='%s'><body>%s</body></message>", kind, to, body, body)
	}
	write(romeo, "chat", "juliet@localhost", "too early")
	require.NotNil(t, romeo.GetsTag("message", "type", "error", "id", "too early").FindElement("error/service-unavailable"))
	write(romeo, "chat", juliet.JID, "to the very one")
	juliet.Hears("to the very one")

	romeo.Online()
	juliet.Send("<presence xmlns='jabber:client'><show>away</show></presence>")
	require.Equal(t, "away", romeo.GetsTag("presence", "from", juliet.JID).SelectElement("show").Text())
	juliet.GetsTag("presence", "from", romeo.JID)
	guest.Send("<presence xmlns='jabber:client'/>")
	seesNobody(t, guest)
	write(romeo, "chat", "juliet@localhost", "hello")
	juliet.Hears("hello")
	write(guest, "", "juliet@localhost", "from a guest")
	require.Equal(t, guest.JID, juliet.Hears("from a guest").SelectAttrValue("from", ""))
	write(romeo, "groupchat", "juliet@localhost", "no room")
	romeo.GetsTag("message", "type", "error", "id", "no room")
	for _, kind := range []string{"", "normal", "headline"} { // RFC 6121 §8.5.3.2.1: to nobody else
		write(romeo, kind, "juliet@localhost/gone", "only "+kind)
		romeo.GetsTag("message", "type", "error", "id", "only "+kind)
	}
	write(romeo, "chat", "juliet@localhost/gone", "to whichever")
	juliet.Gets("what is to whichever", func(el *etree.Element) bool {
		require.NotContains(t, el.SelectAttrValue("id", ""), "only")
		return el.SelectAttrValue("id", "") == "to whichever"
	})
	write(romeo, "chat", "nobody@localhost", "nobody")
	romeo.GetsTag("message", "type", "error", "id", "nobody")

	long := "<status>" + strings.Repeat("x", presenceBytes) + "</status></presence>"
	juliet.Send("<presence xmlns='jabber:client' id='long'>%s", long)
	require.NotNil(t, juliet.GetsTag("presence", "type", "error", "id", "long").FindElement("error/policy-violation"))
	juliet.Send("<presence xmlns='jabber:client' type='unavailable'>%s", long)
	require.Empty(t, romeo.GetsTag("presence", "type", "unavailable", "from", juliet.JID).ChildElements())
	juliet.Send("<presence xmlns='jabber:client'><priority>-1</priority></presence>")
	romeo.Gets("another presence", func(el *etree.Element) bool { return el.SelectElement("priority") != nil })
	write(romeo, "chat", "juliet@localhost", "not wanted")
	romeo.GetsTag("message", "type", "error", "id", "not wanted")

	romeo.Send("<presence xmlns='jabber:client' type='subscribe' to='juliet@localhost'/>")
	romeo.GetsTag("presence", "type", "subscribed", "from", "juliet@localhost")
	guest.Send("<presence xmlns='jabber:client' type='subscribe' to='juliet@localhost'/>")
	guest.GetsTag("presence", "type", "unsubscribed", "from", "juliet@localhost")

	juliet.WS.CloseNow()
	romeo.GetsTag("presence", "from", juliet.JID, "type", "unavailable")
	seesNobody(t, guest)
	guest.Send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
	require.Nil(t, guest.GetsTag("iq", "id", "roster").FindElement("query/item"))
}

// seesNobody checks that of what has come no presence is of anybody else.
func seesNobody(t *testing.T, p *c2stest.Peer) {
	t.Helper()
	p.Send("<iq xmlns='jabber:client' type='get' id='end'><ping xmlns='urn:xmpp:ping'/></iq>")
	p.Gets("the answer", func(el *etree.Element) bool {
		require.True(t, el.Tag != "presence" || el.SelectAttrValue("from", "") == p.JID, c2stest.Text(el))
		return el.SelectAttrValue("id", "") == "end"
	})
}

// Who is not in a room is invited to it at the account.
func TestInvitation(t *testing.T) {
	r := start(t, Config{})
	romeo, juliet := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet")
	romeo.Enters(lobby, "Romeo")
	juliet.Online()
	romeo.Send("<message to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='juliet@localhost'/></x></message>", lobby)
	juliet.Gets("an invitation", func(el *etree.Element) bool {
		return el.FindElement("x/invite") != nil && el.SelectAttrValue("from", "") == lobby
	})
}

// A client that logs out of the server without leaving its stream leaves its rooms.
func TestUnavailable(t *testing.T) {
	r := start(t, Config{})
	romeo, juliet := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet")
	romeo.Enters(lobby, "Romeo")
	juliet.Enters(lobby, "Juliet")
	juliet.Send("<presence xmlns='jabber:client' type='unavailable'><status>good night</status></presence>")
	left := romeo.GetsTag("presence", "type", "unavailable", "from", lobby+"/Juliet")
	require.Equal(t, "good night", left.SelectElement("status").Text())
	juliet.Enters(lobby, "Juliet")
}

// A stanza is from the client that sent it, whatever stands in it as from.
func TestFromIsNeverBelieved(t *testing.T) {
	r := start(t, Config{})
	romeo, juliet := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet")
	romeo.Enters(lobby, "Romeo")
	juliet.Enters(lobby, "Juliet")
	romeo.Online()
	juliet.Send("<message xmlns='jabber:client' from='romeo@localhost/test' type='chat' to='romeo@localhost'><body>to one</body></message>")
	require.Equal(t, juliet.JID, romeo.Hears("to one").SelectAttrValue("from", ""))
	juliet.Send("<message xmlns='jabber:client' from='romeo@localhost/test' type='groupchat' to='%s'><body>to all</body></message>", lobby)
	require.Equal(t, lobby+"/Juliet", romeo.Hears("to all").SelectAttrValue("from", ""))
	juliet.Send("<iq xmlns='jabber:client' from='romeo@localhost/test' type='set' id='k' to='%s'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Romeo' role='none'/></query></iq>", lobby)
	juliet.GetsTag("iq", "id", "k", "type", "error")
}

// Who comes back under the same address takes the place of the old connection, which has left
// the room.
func TestReconnect(t *testing.T) {
	r := start(t, Config{})
	romeo, juliet := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet")
	romeo.Enters(lobby, "Romeo")
	juliet.Enters(lobby, "Juliet")
	again := r.login(t, "tcp", "juliet")
	require.Equal(t, juliet.JID, again.JID)
	require.Equal(t, "conflict", juliet.Ended())
	left := romeo.GetsTag("presence", "type", "unavailable", "from", lobby+"/Juliet")
	require.True(t, c2stest.StatusCode(left, "333"), c2stest.Text(left))
	again.Enters(lobby, "Juliet")
	romeo.Says(lobby, "welcome back")
	again.Hears("welcome back")
}

// Rooms see how a session ends: in good order, or not.
func TestGoodbye(t *testing.T) {
	for _, over := range []string{"tcp", "ws"} {
		r := start(t, Config{})
		romeo := r.login(t, "tcp", "romeo")
		romeo.Enters(lobby, "Romeo")
		for _, lost := range []bool{true, false} {
			juliet := r.login(t, over, "juliet")
			juliet.Enters(lobby, "Juliet")
			switch {
			case lost && juliet.WS != nil:
				juliet.WS.CloseNow()
			case lost:
				juliet.Conn.Close()
			case juliet.WS != nil:
				juliet.Send("<close xmlns='%s'/>", nsFraming)
			default:
				juliet.Send("</stream:stream>")
			}
			left := romeo.GetsTag("presence", "type", "unavailable", "from", lobby+"/Juliet")
			require.Equal(t, lost, c2stest.StatusCode(left, "333"), "%s: %s", over, c2stest.Text(left))
			if !lost {
				require.Empty(t, juliet.Ended())
			}
		}
	}
}

// Stanzas are counted for who wants to know what has arrived (XEP-0198).
func TestAcknowledgements(t *testing.T) {
	r := start(t, Config{})
	for _, over := range []string{"tcp", "ws"} {
		p := r.login(t, over, "juliet")
		p.Send("<iq xmlns='jabber:client' type='get' id='before'><ping xmlns='urn:xmpp:ping'/></iq>")
		p.Send("<enable xmlns='%s' resume='true'/>", nsAcks)
		enabled := p.GetsTag("enabled")
		require.Nil(t, enabled.SelectAttr("resume"), "sessions are not kept")
		p.Send("<iq xmlns='jabber:client' type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>")
		p.Send("<presence xmlns='jabber:client'/>")
		p.Send("<r xmlns='%s'/>", nsAcks)
		p.GetsTag("a", "h", "2")
		p.Send("<resume xmlns='%s' previd='x' h='1'/>", nsAcks)
		p.GetsTag("failed")
	}
}

// A stream has a language, which goes with its stanzas, but nothing that is none.
func TestLanguage(t *testing.T) {
	r := start(t, Config{})
	for tag, want := range map[string]string{"de": "de", strings.Repeat("x", 36): ""} {
		p := r.dial(t)
		p.Read()
		require.Equal(t, "success", p.Auth("ANONYMOUS", "").Tag)
		p.Lang = tag
		p.Bind("")
		p.Send("<message to='%s'><body>hi</body></message>", p.JID)
		require.Equal(t, want, p.Hears("hi").SelectAttrValue("xml:lang", ""))
	}
}

// Elements of every length arrive over WebSocket, alone and many at once.
func TestFrames(t *testing.T) {
	r := start(t, Config{Bounds: Bounds{Traffic: 1 << 20}})
	p := r.login(t, "ws", "juliet")
	for _, n := range []int{1, 125, 126, 127, 65535, 65536, 100000} {
		for more := -200; more <= 0; more += 10 { // what is around the body
			if n+more > 0 {
				body := strings.Repeat("x", n+more)
				p.Send("<message xmlns='jabber:client' to='%s'><body>%s</body></message>", p.JID, body)
				p.Hears(body)
			}
		}
	}
	for n, of := range map[int]string{125: "\x81\x7d", 126: "\x81\x7e\x00\x7e", 65535: "\x81\x7e\xff\xff", 65536: "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"} {
		text := strings.Repeat("x", n)
		require.Equal(t, "before"+of+text, string(frame([]byte("before"+text), len("before"))))
	}
}
