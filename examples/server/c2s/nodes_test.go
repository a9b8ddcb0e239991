package c2s

import (
	"context"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/server/c2stest"
	"github.com/gomuc/muc/service"
)

// wires are the Nodes of one node of a test, which knows the others by name.
type wires struct {
	name   string
	others map[string]*Server
	heard  chan func() // what is to be done at others, in order
}

func (w *wires) Changed(of Session) {
	w.heard <- func() {
		for _, other := range w.others {
			other.Heard(w.name, of)
		}
	}
}

func (w *wires) Send(node string, to muc.JID, xml []byte) {
	w.heard <- func() { w.others[node].Receive(to, xml) }
}

// startNodes starts two servers that know each other.
func startNodes(t *testing.T) (one, two *running) {
	t.Helper()
	connect := func(name string) *wires {
		w := &wires{name: name, others: map[string]*Server{}, heard: make(chan func(), 1000)}
		go func() {
			for do := range w.heard {
				do()
			}
		}()
		return w
	}
	first, second := connect("one"), connect("two")
	one, two = start(t, Config{Node: "one", Nodes: first}), start(t, Config{Node: "two", Nodes: second})
	first.others["two"], second.others["one"] = two.server, one.server
	return one, two
}

// People of two nodes see each other and write to each other, by every kind of address.
func TestPeopleOfTwoNodes(t *testing.T) {
	one, two := startNodes(t)
	romeo, juliet := one.login(t, "tcp", "romeo"), two.login(t, "ws", "juliet")
	require.Regexp(t, `^romeo@localhost/test\.\w+$`, romeo.JID, "no other node gives it")
	romeo.Online()
	juliet.Send("<presence xmlns='jabber:client'><show>away</show></presence>")
	require.Equal(t, "away", romeo.GetsTag("presence", "from", juliet.JID).SelectElement("show").Text())
	juliet.GetsTag("presence", "from", romeo.JID)
	for _, to := range []string{"juliet@localhost", juliet.JID} {
		romeo.Send("<message to='%s' type='chat'><body>to %s</body></message>", to, to)
		require.Equal(t, romeo.JID, juliet.Hears("to "+to).SelectAttrValue("from", ""))
	}
	juliet.Send("<iq xmlns='jabber:client' type='get' id='q' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", romeo.JID)
	romeo.GetsTag("iq", "id", "q", "from", juliet.JID)
	for _, of := range []string{juliet.JID, "juliet@localhost"} {
		require.Equal(t, []string{"two"}, one.server.Home(muc.MustParseJID(of)))
		require.Equal(t, []string{"two"}, two.server.Home(muc.MustParseJID(of)))
	}

	juliet.Send("<presence xmlns='jabber:client'><priority>-1</priority></presence>")
	romeo.Gets("another presence", func(el *etree.Element) bool { return el.SelectElement("priority") != nil })
	romeo.Send("<message to='juliet@localhost' type='chat' id='no'/>")
	romeo.GetsTag("message", "type", "error", "id", "no")
	juliet.Send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
	romeo.GetsTag("presence", "type", "unavailable", "from", juliet.JID)
	juliet.Ended()
	romeo.Send("<message to='%s' type='chat' id='gone'/>", juliet.JID)
	romeo.GetsTag("message", "type", "error", "id", "gone")
}

// spread delivers what rooms say at the nodes where the addresses are at home.
func spread(nodes map[string]*Server) func(context.Context, service.Delivery) {
	return func(ctx context.Context, d service.Delivery) {
		at := map[string]bool{}
		for _, out := range d.Stanzas {
			for _, to := range out.To() {
				for _, node := range nodes["one"].Home(to) {
					at[node] = true
				}
			}
		}
		for node := range at {
			nodes[node].Deliver(ctx, d)
		}
	}
}

// What a room says reaches who is inside, at whatever node, and each once.
func TestRoomOfTwoNodes(t *testing.T) {
	one, two := startNodes(t)
	deliver := spread(map[string]*Server{"one": one.server, "two": two.server})
	rooms, err := service.New(t.Context(), service.Config{Domain: "conference.localhost", DeliverBatch: deliver, Store: new(service.Memory),
		Deliver: func(ctx context.Context, out service.Stanza) {
			deliver(ctx, service.Delivery{Stanzas: []service.Stanza{out}})
		},
		Room: muc.Config{Secret: []byte(strings.Repeat("s", 32))}})
	require.NoError(t, err)
	defer rooms.Shutdown(context.Background(), "")
	one.server.services["conference.localhost"], two.server.services["conference.localhost"] = rooms, rooms
	_, err = rooms.Do(t.Context(), muc.MustParseJID(lobby), muc.Create{Owner: muc.MustParseJID("romeo@localhost"), Config: muc.RoomConfig{Persistent: true}})
	require.NoError(t, err)
	romeo, juliet, again := one.login(t, "tcp", "romeo"), two.login(t, "ws", "juliet"), one.login(t, "tcp", "juliet")
	romeo.Online()
	juliet.Online()
	again.Online()
	romeo.GetsTag("presence", "from", juliet.JID) // so what rooms say to juliet finds the way
	romeo.Enters(lobby, "Romeo")
	juliet.Enters(lobby, "Juliet")
	juliet.Says(lobby, "hello")
	romeo.Hears("hello")
	juliet.Hears("hello")
	romeo.Send("<message to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='juliet@localhost'/></x></message>", lobby)
	romeo.Says(lobby, "after the invitation")
	juliet.Gets("an invitation", func(el *etree.Element) bool { return el.FindElement("x/invite") != nil })
	romeo.Hears("after the invitation")
	romeo.Send("<message to='%s' type='chat'><body>what was sent from node to node before has come</body></message>", juliet.JID)
	juliet.Gets("one invitation only", func(el *etree.Element) bool {
		require.Nil(t, el.FindElement("x/invite"), c2stest.Text(el))
		return el.SelectAttrValue("type", "") == "chat"
	})
	again.Gets("an invitation", func(el *etree.Element) bool { return el.FindElement("x/invite") != nil })
}

// A node that comes late hears of all; one that is lost takes its people with it.
func TestNodesComeAndGo(t *testing.T) {
	one, two := startNodes(t)
	romeo, juliet := one.login(t, "tcp", "romeo"), two.login(t, "ws", "juliet")
	romeo.Online()
	juliet.Online()
	romeo.GetsTag("presence", "from", juliet.JID)
	one.server.Heard("three", Session{JID: muc.MustParseJID("juliet@localhost/three"), Available: true, Presence: "<presence/>"})
	require.Equal(t, []muc.JID{muc.MustParseJID(juliet.JID)}, one.server.Lost("two"))
	require.Equal(t, []string{"three"}, one.server.Home(muc.MustParseJID("juliet@localhost")))
	romeo.GetsTag("presence", "type", "unavailable", "from", juliet.JID)
	require.Empty(t, one.server.Home(muc.MustParseJID(juliet.JID)))
	require.Empty(t, one.server.Lost("two"))
	two.server.Announce()
	romeo.GetsTag("presence", "from", juliet.JID)
	romeo.Send("<message to='%s'><body>again</body></message>", juliet.JID)
	juliet.Hears("again")

	one.server.Heard("two", Session{JID: muc.MustParseJID(romeo.JID), Over: true}) // is not true
	juliet.Send("<message xmlns='jabber:client' to='%s'><body>still here</body></message>", romeo.JID)
	romeo.Hears("still here")
	require.Equal(t, 1, one.server.Stats().Sessions, "of this node")
}

// The sessions of an account at all nodes together are bounded.
func TestSessionsOfAllNodesAreBounded(t *testing.T) {
	one, two := startNodes(t)
	one.server.Bounds.Sessions = 1
	romeo, juliet := one.login(t, "tcp", "romeo"), two.login(t, "tcp", "juliet")
	romeo.Online()
	juliet.Online()
	romeo.GetsTag("presence", "from", juliet.JID)
	p := one.dial(t)
	p.Read()
	require.Equal(t, "success", p.Scram("SCRAM-SHA-1", "juliet", "juliet", "").Tag)
	p.Open()
	p.Read()
	p.Send("<iq type='set' id='bind'><bind xmlns='%s'/></iq>", nsBind)
	require.NotNil(t, p.Read().FindElement("error/resource-constraint"))
}
