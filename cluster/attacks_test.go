package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/service"
)

// A room whose snapshot the engine never stores goes on as it is: it is not given up, nor loaded
// again for each message.
func TestSnapshotTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b")
		w.config = func(c *cluster.Config) {
			c.Service.CompactAfter = 4
			c.Service.Observer.Loaded = func(time.Duration, error) { w.count("loaded", 1) }
			c.Service.Observer.Stored = func(_, _ int, _ time.Duration, err error) {
				if err != nil {
					w.count("failed", 1)
				}
			}
		}
		c := w.start("c").engine
		c.put(&c.unshot, true)
		w.ready()
		time.Sleep(10 * time.Second) // until it has some shards
		romeo := w.at("a", "romeo")
		room := w.roomWith("c", romeo)
		var want []string
		for i := range 30 {
			want = append(want, fmt.Sprint(i))
			w.send(romeo, sayText, room, "", want[i])
			w.settle()
		}
		assert.Equal(t, want, w.heard(romeo, room))
		assert.Positive(t, w.counted("failed"), "snapshots were refused")
		assert.Equal(t, 1, w.counted("loaded"))
	})
}

// More rooms speak than those of which a node remembers the end of the log: it asks for that, and does not take them for
// another node's.
func TestManyRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w *world
		w = newWorld(t, 1, func(c *cluster.Config) {
			c.Limits.Rooms = 2
			c.Service.Observer.Loaded = func(time.Duration, error) { w.count("loaded", 1) }
		}, "a")
		romeo := w.at("a", "romeo")
		var rooms, want []string
		for i := range 8 {
			rooms = append(rooms, fmt.Sprint("room", i))
			w.send(romeo, joinText, rooms[i], "romeo")
			w.settle()
		}
		for i := range 5 {
			want = append(want, fmt.Sprint(i))
			for _, room := range rooms {
				w.send(romeo, sayText, room, "", want[i])
				w.settle()
			}
		}
		for _, room := range rooms {
			assert.Equal(t, want, w.heard(romeo, room))
		}
		assert.Equal(t, len(rooms), w.counted("loaded"))
	})
}

// large is a text that takes twice its bytes in JSON.
var large = strings.Repeat(`"`, busBytes/2)

// What one person says and the bus does not take is refused, and holds up nobody else.
func TestStanzaTooLargeForTheBus(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, func(c *cluster.Config) { c.Limits = cluster.Limits{StanzaBytes: 1 << 20, SenderBytes: 4 << 20} }, "a", "b")
		romeo, juliet := w.at("a", "romeo"), w.at("a", "juliet")
		room := w.roomWith("b", romeo, juliet)
		w.send(romeo, sayText, room, "", large)
		w.send(juliet, sayText, room, "", "unhurt")
		w.settle()
		assert.Equal(t, []string{"unhurt"}, w.heard(juliet, room))
		assert.Contains(t, last(w, romeo, room+"@chat.example", "error"), "policy-violation")
	})
}

// last is the last stanza of a type that a client was sent by somebody.
func last(w *world, c *client, from, kind string) (text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range c.inbox[from] {
		if parse(one).SelectAttrValue("type", "") == kind {
			text = one
		}
	}
	return text
}

// What a host has to say to another one, and is too large for the bus, is lost, and holds up nothing
// of what rooms say to that node.
func TestTellTooLargeForTheBus(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b")
		romeo := w.at("b", "romeo")
		room := w.roomWith("a", romeo)
		w.nodes["a"].Tell(w.nodes["b"].ID(), []byte(large+large))
		w.send(romeo, sayText, room, "", "unhurt")
		w.settle()
		assert.Equal(t, []string{"unhurt"}, w.heard(romeo, room))
	})
}

// A node remembers so many rooms of its sessions and no more, also of those that ask in vain; of a
// session that has gone it remembers none, even if the rooms cannot be told now.
func TestInsideIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, func(c *cluster.Config) { c.Limits = cluster.Limits{Inside: 3, SenderOpen: 4} }, "a")
		romeo, juliet := w.at("a", "romeo"), w.at("a", "juliet")
		for i := range 3 {
			w.send(romeo, joinText, fmt.Sprint("room", i), "romeo")
			w.settle()
		}
		w.send(juliet, joinText, "garden", "juliet")
		w.settle()
		assert.Contains(t, last(w, juliet, "garden@chat.example", "error"), "resource-constraint")
		w.send(romeo, joinText, "room0", "another")
		w.settle()
		assert.Empty(t, last(w, romeo, "room0@chat.example", "error"), "who is inside already may go on")

		w.nodes["a"].engine.freeze()
		for range 8 { // no place is left, also not for goodbyes
			w.send(romeo, "<iq type='error' id='x' to='room0@chat.example'/>")
		}
		require.NoError(t, w.nodes["a"].Offline(t.Context(), romeo.jid, nil))
		w.nodes["a"].engine.thaw()
		w.settle()
		w.send(juliet, joinText, "garden", "juliet")
		w.settle()
		assert.Contains(t, last(w, juliet, "garden@chat.example", ""), "garden@chat.example/juliet", "she is inside")
	})
}

// crowd is a stanza to many.
type crowd struct {
	who  []muc.JID
	text string
}

func (c *crowd) To() []muc.JID { return c.who }
func (c *crowd) Name() string  { return "message" }
func (c *crowd) Type() string  { return "groupchat" }
func (c *crowd) ID() string    { return "" }
func (c *crowd) AppendXML(b []byte, to muc.JID, _ string) []byte {
	return fmt.Appendf(b, "<message to='%s'><x>%s</x></message>", to.AppendEscaped(nil), c.text)
}
func (c *crowd) Stanza() *etree.Element { return parse(string(c.AppendXML(nil, c.who[0], ""))) }

// Whatever people say, and however long their addresses are, the bus takes it.
func TestSpeechFitsTheBus(t *testing.T) {
	var who []muc.JID
	for i := range 2000 {
		who = append(who, muc.MustParseJID(fmt.Sprintf("%s@example.org/%s%d", strings.Repeat("x", 1000), strings.Repeat(`"`, 1000), i)))
	}
	text := strings.Repeat(`"`, 253952) // Limits.StanzaBytes of a room
	sizes := cluster.SizesOf([]service.Stanza{&crowd{who: who}, &crowd{who: who[:200], text: text}, &crowd{who: who[:50], text: text}, &crowd{who: who[:1], text: text}})
	assert.Greater(t, len(sizes), 10)
	for _, size := range sizes {
		assert.Less(t, size, busBytes-1024)
	}
}
