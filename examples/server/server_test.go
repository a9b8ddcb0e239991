package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/server/c2s"
	"github.com/gomuc/muc/examples/server/c2stest"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
)

// Two people meet in a room, talk, one puts the other out, who comes back and hears what was
// said: over each way to connect.
func TestStory(t *testing.T) {
	for _, over := range [][2]string{{"tcp", "tcp"}, {"ws", "ws"}, {"tcp", "ws"}} {
		t.Run(over[0]+"-"+over[1], func(t *testing.T) {
			r := start(t)
			romeo, juliet := r.login(t, over[0], "romeo"), r.login(t, over[1], "juliet")
			require.Equal(t, "romeo@localhost/test", romeo.JID)
			romeo.Enters(theLobby, "Romeo")
			require.Empty(t, juliet.Enters(theLobby, "Juliet"))
			juliet.Says(theLobby, "Wherefore art thou?")
			romeo.Hears("Wherefore art thou?")
			romeo.Says(theLobby, "I &lt;3 thee &amp; only thee")
			juliet.Hears("I <3 thee & only thee")

			romeo.Send("<iq xmlns='jabber:client' type='set' id='kick' to='%s'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Juliet' role='none'/></query></iq>", theLobby)
			romeo.GetsTag("iq", "id", "kick", "type", "result")
			out := juliet.GetsTag("presence", "type", "unavailable")
			require.True(t, c2stest.StatusCode(out, "307"), c2stest.Text(out))
			require.Equal(t, []string{"Wherefore art thou?", "I <3 thee & only thee"}, juliet.Enters(theLobby, "Juliet"))

			juliet.Send("<iq xmlns='jabber:client' type='set' id='mam' to='%s'><query xmlns='urn:xmpp:mam:2'/></iq>", theLobby)
			juliet.Gets("what was said first", func(el *etree.Element) bool {
				body := el.FindElement("result/forwarded/message/body")
				return body != nil && body.Text() == "Wherefore art thou?"
			})
			juliet.GetsTag("iq", "id", "mam", "type", "result")
		})
	}
}

// A stop tells everybody in rooms, and then everybody.
func TestStop(t *testing.T) {
	r := start(t)
	romeo, juliet := r.login(t, "tcp", "romeo"), r.login(t, "ws", "juliet")
	for _, p := range []*c2stest.Peer{romeo, juliet} {
		p.Enters(theLobby, "N-"+p.JID)
	}
	require.NoError(t, r.stop())
	for _, p := range []*c2stest.Peer{romeo, juliet} {
		out := p.GetsTag("presence", "type", "unavailable", "from", theLobby+"/N-"+p.JID)
		require.True(t, c2stest.StatusCode(out, "332"), c2stest.Text(out))
		require.Equal(t, "system-shutdown", p.Ended())
	}
}

// Guests make rooms, but none that stay.
func TestGuestsMakeNothingLasting(t *testing.T) {
	r := start(t)
	guest := r.dial(t).Guest()
	guest.Enters("party@conference.localhost", "Guest")
	configure := func(field string) string {
		guest.Send("<iq type='set' id='cfg' to='party@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"+
			"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>%s</x></query></iq>", field)
		return guest.GetsTag("iq", "id", "cfg").SelectAttrValue("type", "")
	}
	require.Equal(t, "error", configure("<field var='muc#roomconfig_persistentroom'><value>1</value></field>"))
	require.Equal(t, "result", configure(""))
}

func TestMetrics(t *testing.T) {
	r := start(t)
	r.dial(t).Guest().Enters(theLobby, "Guest")
	_, said, _ := get(t, r.metrics)
	for _, line := range []string{"xmpp_sessions 1", "xmpp_connections 1", "muc_occupants 1", "xmpp_stanzas_received_total 1"} {
		require.Contains(t, said, "\n"+line+"\n")
	}
}

// Who asks for a page and does not send all of the request, or does not read the answer, keeps
// no connection; a WebSocket that came by a request is another matter.
func TestRequestsTakeNotForEver(t *testing.T) {
	r := start(t, "-request", "5s")
	socket := r.dialWebSocket(t)
	address := strings.TrimSuffix(strings.TrimPrefix(r.websocket, "ws://"), "/xmpp-websocket")
	var all sync.WaitGroup
	for _, said := range []string{"GET /", "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"} {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, said)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(c2stest.Patience)))
		all.Go(func() {
			_, err := io.ReadAll(conn) // until the server closes it
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, said)
		})
	}
	all.Wait()
	socket.Read()
	require.Equal(t, "success", socket.Scram("SCRAM-SHA-1", "juliet", "juliet", "").Tag)
}

// All who are connected may enter one room at once, as after a restart: none is refused for
// want of place in its queue.
func TestAllMayEnterAtOnce(t *testing.T) {
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "rooms.db"), sqlitestore.Options{})
	require.NoError(t, err)
	defer store.Close()
	for connections, place := range map[int]int{20: 1000, 7000: 7000} {
		set := settings{rooms: "conference.localhost", bounds: c2s.Bounds{Connections: connections}}
		assert.Equal(t, place, roomsConfig(&set, store, sqlitestore.NewAnswers(store, nil), nil, nil, service.Observer{}, nil).Limits.RoomQueue)
	}
}
