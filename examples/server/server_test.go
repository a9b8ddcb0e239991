package main

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"
)

// Two people meet in a room, talk, one puts the other out, who comes back and hears what was
// said: over each way to connect.
func TestStory(t *testing.T) {
	for _, over := range [][2]string{{"tcp", "tcp"}, {"ws", "ws"}, {"tcp", "ws"}} {
		t.Run(over[0]+"-"+over[1], func(t *testing.T) {
			r := start(t)
			romeo, juliet := r.login(t, over[0], "romeo"), r.login(t, over[1], "juliet")
			require.Equal(t, "romeo@localhost/test", romeo.jid)
			romeo.enters(lobby, "Romeo")
			require.Empty(t, juliet.enters(lobby, "Juliet"))
			juliet.says(lobby, "Wherefore art thou?")
			romeo.hears("Wherefore art thou?")
			romeo.says(lobby, "I &lt;3 thee &amp; only thee")
			juliet.hears("I <3 thee & only thee")

			romeo.send("<iq xmlns='jabber:client' type='set' id='kick' to='%s'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Juliet' role='none'/></query></iq>", lobby)
			romeo.getsTag("iq", "id", "kick", "type", "result")
			out := juliet.getsTag("presence", "type", "unavailable")
			require.True(t, statusCode(out, "307"), text(out))
			require.Equal(t, []string{"Wherefore art thou?", "I <3 thee & only thee"}, juliet.enters(lobby, "Juliet"))

			juliet.send("<iq xmlns='jabber:client' type='set' id='mam' to='%s'><query xmlns='urn:xmpp:mam:2'/></iq>", lobby)
			juliet.gets("what was said first", func(el *etree.Element) bool {
				body := el.FindElement("result/forwarded/message/body")
				return body != nil && body.Text() == "Wherefore art thou?"
			})
			juliet.getsTag("iq", "id", "mam", "type", "result")
		})
	}
}

// A stanza is from the client that sent it, whatever stands in it as from.
func TestFromIsNeverBelieved(t *testing.T) {
	r := start(t)
	romeo, juliet := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet")
	romeo.enters(lobby, "Romeo")
	juliet.enters(lobby, "Juliet")
	romeo.online()
	juliet.send("<message xmlns='jabber:client' from='romeo@localhost/test' type='chat' to='romeo@localhost'><body>to one</body></message>")
	require.Equal(t, juliet.jid, romeo.hears("to one").SelectAttrValue("from", ""))
	juliet.send("<message xmlns='jabber:client' from='romeo@localhost/test' type='groupchat' to='%s'><body>to all</body></message>", lobby)
	require.Equal(t, lobby+"/Juliet", romeo.hears("to all").SelectAttrValue("from", ""))
	juliet.send("<iq xmlns='jabber:client' from='romeo@localhost/test' type='set' id='k' to='%s'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Romeo' role='none'/></query></iq>", lobby)
	juliet.getsTag("iq", "id", "k", "type", "error")
}

// Who does not read loses the connection, and slows nobody.
func TestSlowReader(t *testing.T) {
	r := start(t, "-unsent", "300000", "-traffic", "100000000")
	romeo := r.login(t, "tcp", "romeo") // who owns the room, and may say as much as he likes
	romeo.enters(lobby, "Romeo")
	deaf := r.dial(t)
	require.NoError(t, deaf.conn.(*net.TCPConn).SetReadBuffer(4096))
	deaf.read()
	require.Equal(t, "success", deaf.auth("ANONYMOUS", "").Tag)
	deaf.open()
	deaf.read()
	deaf.send("<iq type='set' id='b'><bind xmlns='%s'/></iq>", nsBind)
	deaf.send("<presence to='%s/Deaf'><x xmlns='http://jabber.org/protocol/muc'/></presence>", lobby)
	listens := r.guest(t)
	listens.enters(lobby, "Listener")
	long := strings.Repeat("x", 15000)
	for i := range 3000 { // more than a socket and the server hold
		body := fmt.Sprint(i, long)
		romeo.says(lobby, body)
		listens.hears(body)
		if romeoSees(romeo, "Deaf") {
			_, metrics, _ := get(t, r.metrics)
			require.Contains(t, metrics, "\nxmpp_slow_clients_total 1\n")
			return
		}
	}
	require.FailNow(t, "who does not read is still there")
}

// romeoSees looks, without waiting, whether somebody was put out as lost.
func romeoSees(p *peer, nick string) bool {
	for {
		select {
		case el := <-p.came:
			if el.Tag == "presence" && el.SelectAttrValue("from", "") == lobby+"/"+nick && statusCode(el, "333") {
				return true
			}
		default:
			return false
		}
	}
}

// Who comes back under the same address takes the place of the old connection, which has left
// the room.
func TestReconnect(t *testing.T) {
	r := start(t)
	romeo, juliet := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet")
	romeo.enters(lobby, "Romeo")
	juliet.enters(lobby, "Juliet")
	again := r.login(t, "tcp", "juliet")
	require.Equal(t, juliet.jid, again.jid)
	require.Equal(t, "conflict", juliet.ended())
	left := romeo.getsTag("presence", "type", "unavailable", "from", lobby+"/Juliet")
	require.True(t, statusCode(left, "333"), text(left))
	again.enters(lobby, "Juliet")
	romeo.says(lobby, "welcome back")
	again.hears("welcome back")
}

// Rooms see how a session ends: in good order, or not.
func TestGoodbye(t *testing.T) {
	for _, over := range []string{"tcp", "ws"} {
		r := start(t)
		romeo := r.login(t, "tcp", "romeo")
		romeo.enters(lobby, "Romeo")
		for _, lost := range []bool{true, false} {
			juliet := r.login(t, over, "juliet")
			juliet.enters(lobby, "Juliet")
			switch {
			case lost && juliet.ws != nil:
				juliet.ws.CloseNow()
			case lost:
				juliet.conn.Close()
			case juliet.ws != nil:
				juliet.send("<close xmlns='%s'/>", nsFraming)
			default:
				juliet.send("</stream:stream>")
			}
			left := romeo.getsTag("presence", "type", "unavailable", "from", lobby+"/Juliet")
			require.Equal(t, lost, statusCode(left, "333"), "%s: %s", over, text(left))
			if !lost {
				require.Empty(t, juliet.ended())
			}
		}
	}
}

// A stop tells everybody in rooms, and then everybody.
func TestStop(t *testing.T) {
	r := start(t)
	romeo, juliet := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet")
	for _, p := range []*peer{romeo, juliet} {
		p.enters(lobby, "N-"+p.jid)
	}
	require.NoError(t, r.stop())
	for _, p := range []*peer{romeo, juliet} {
		out := p.getsTag("presence", "type", "unavailable", "from", lobby+"/N-"+p.jid)
		require.True(t, statusCode(out, "332"), text(out))
		require.Equal(t, "system-shutdown", p.ended())
	}
}
