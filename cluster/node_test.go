package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// room is a room on a node, in which two clients of other nodes are.
func (w *world) roomWith(node string, people ...*client) string {
	w.t.Helper()
	room := w.roomOf(node)
	for _, c := range people {
		w.send(c, joinText, room, c.jid.Local())
		w.settle()
	}
	return room
}

// A node dies in the middle of what is said: within seconds its rooms go on elsewhere, with
// everybody inside, and nothing is lost or heard twice.
func TestOwnerDies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, func(c *cluster.Config) { c.MarkEvery = time.Hour }, "a", "b", "c")
		romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
		room := w.roomWith("c", romeo, juliet)
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprint(i))
			w.send(romeo, sayText, room, "", want[i])
			time.Sleep(time.Millisecond)
		}
		w.nodes["c"].kill()
		delete(w.nodes, "c")
		died := time.Now()
		w.send(romeo, sayText, room, "", "and now?")
		for len(w.heard(juliet, room)) <= 20 {
			time.Sleep(10 * time.Millisecond)
		}
		assert.Less(t, time.Since(died), 3*time.Second)
		w.settle()
		for _, c := range []*client{romeo, juliet} {
			assert.Equal(t, append(want, "and now?"), w.heard(c, room))
			assert.False(t, w.saw(c, room, "romeo"))
			assert.False(t, w.saw(c, room, "juliet"))
		}
		assert.Positive(t, w.counted("redone true"))
		assert.Positive(t, w.counted("copies"), "what was done again is not delivered again")
	})
}

// Who says much while a room has no owner is heard, though all of it comes to the next owner at once.
func TestMuchIsSaidMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
		room := w.roomWith("c", romeo, juliet)
		w.nodes["c"].kill()
		delete(w.nodes, "c")
		var want []string
		for i := range 200 {
			want = append(want, fmt.Sprint(i))
			w.send(romeo, sayText, room, "", want[i])
		}
		w.settle()
		assert.Equal(t, want, w.heard(juliet, room))
	})
}

// A node dies with its clients: those who were inside leave the rooms of all nodes, once it is
// sure that they are gone; nobody else does.
func TestGatewayDies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		romeo, juliet, tybalt := w.at("a", "romeo"), w.at("b", "juliet"), w.at("c", "tybalt")
		var rooms []string
		for _, node := range []string{"a", "b", "c"} {
			rooms = append(rooms, w.roomWith(node, romeo, juliet, tybalt))
		}
		w.nodes["c"].kill()
		delete(w.nodes, "c")
		time.Sleep(20 * time.Second)
		w.settleOpen()
		for _, room := range rooms {
			assert.False(t, w.saw(romeo, room, "tybalt"), "it may come back")
		}
		time.Sleep(20 * time.Second)
		w.settle()
		for _, room := range rooms {
			for _, c := range []*client{romeo, juliet} {
				assert.True(t, w.saw(c, room, "tybalt"))
				assert.False(t, w.saw(c, room, "romeo") || w.saw(c, room, "juliet"))
			}
		}
	})
}

// settleOpen waits until all stanzas of clients are done, though a client's node is gone.
func (w *world) settleOpen() {
	for range 100 {
		synctest.Wait()
		open := 0
		for _, m := range w.nodes {
			open += m.Stats().Open
		}
		if open == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.t.Fatal("something stays open")
}

// A node that stands still loses its rooms. When it goes on, the log refuses what it writes, and
// nobody hears of it.
func TestZombie(t *testing.T) {
	for _, standsStill := range []time.Duration{5 * time.Second, 20 * time.Second} {
		t.Run(standsStill.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, 1, nil, "a", "b", "c")
				romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
				room := w.roomWith("c", romeo, juliet)
				w.send(romeo, sayText, room, "", "before")
				w.settle()
				w.send(romeo, sayText, room, "", "on its way") // which the zombie has when it wakes
				time.Sleep(500 * time.Microsecond)
				w.nodes["c"].engine.freeze()
				time.Sleep(standsStill)
				w.send(juliet, sayText, room, "", "meanwhile")
				w.settleOpen()
				w.nodes["c"].engine.thaw()
				w.settle()
				w.send(romeo, sayText, room, "", "after")
				w.settle()
				for _, c := range []*client{romeo, juliet} {
					assert.Equal(t, []string{"before", "on its way", "meanwhile", "after"}, w.heard(c, room))
				}
				assert.NoError(t, w.nodes["c"].Err())
				assert.NotEqual(t, 0, w.nodes["c"].Stats().Owned, "it has shards again")
			})
		})
	}
}

// A node that was silent for so long that its clients were put out is told, and ends.
func TestExpelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		romeo, juliet := w.at("a", "romeo"), w.at("c", "juliet")
		room := w.roomWith("a", romeo, juliet)
		c := w.nodes["c"]
		c.engine.freeze()
		time.Sleep(40 * time.Second)
		assert.True(t, w.saw(romeo, room, "juliet"))
		c.engine.thaw()
		<-c.Done()
		assert.ErrorIs(t, c.Err(), cluster.ErrExpelled)
		assert.ErrorIs(t, c.Handle(t.Context(), juliet.jid, parse(fmt.Sprintf(sayText, room, "", "I?"))), cluster.ErrClosed)
		delete(w.nodes, "c")
		w.start("c")
		w.ready()
		w.settle()
		for _, name := range []string{"a", "b", "c"} {
			assert.NoError(t, w.nodes[name].Err())
		}
	})
}

// Who is cut off from the majority gives up nobody: when it is back, it is the one that was away.
func TestMinorityExpelsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		c := w.nodes["c"]
		c.engine.put(&c.engine.alone, true) // it hears itself, nobody else, and has no majority
		time.Sleep(time.Minute)
		c.engine.put(&c.engine.alone, false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assert.NoError(t, w.nodes["a"].Err())
		assert.NoError(t, w.nodes["b"].Err())
		assert.ErrorIs(t, c.Err(), cluster.ErrExpelled)
		assert.Zero(t, w.counted("expelled by c"))
		delete(w.nodes, "c")
	})
}

// A node that stops in good order hands its rooms over: nobody notices.
func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
		room := w.roomWith("c", romeo, juliet)
		closed := make(chan error)
		c := w.nodes["c"]
		go func() { closed <- c.Close(t.Context()) }()
		var want []string
		for i := range 30 {
			want = append(want, fmt.Sprint(i))
			w.send(romeo, sayText, room, "", want[i])
			time.Sleep(2 * time.Millisecond)
		}
		require.NoError(t, <-closed)
		delete(w.nodes, "c")
		w.settle()
		assert.Equal(t, want, w.heard(romeo, room))
		assert.Equal(t, want, w.heard(juliet, room))
		assert.Zero(t, w.counted("took")-cluster.Shards, "all of its shards were handed over")
		assert.Zero(t, w.counted("redone true"))
	})
}

// All nodes stop and start again: rooms are as they were, with everybody inside.
func TestAllStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, behindLink, "a")
		romeo := w.at("a", "romeo")
		room := w.roomWith("a", romeo)
		w.send(romeo, sayText, room, "", "before")
		w.settle()
		require.NoError(t, w.nodes["a"].Close(t.Context()))
		assert.ErrorIs(t, w.nodes["a"].Handle(t.Context(), romeo.jid, parse(fmt.Sprintf(sayText, room, "", ""))), cluster.ErrClosed)
		w.start("a")
		w.ready()
		w.send(romeo, sayText, room, "", "after")
		w.settle()
		assert.Equal(t, []string{"before", "after"}, w.heard(romeo, room))
	})
}

// behindLink has all nodes speak over the link of the active one.
func behindLink(c *cluster.Config) { c.Home = nil }

// Behind one link, the active node has it. When that dies, what it may not have said is said by
// the next one.
func TestActiveDies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, behindLink, "a", "b", "c")
		var link, other string
		for name, m := range w.nodes {
			if m.Active() == m.ID() {
				link = name
			} else {
				other = name
			}
		}
		require.NotEmpty(t, link)
		romeo := w.at(link, "romeo")
		room := w.roomWith(other, romeo)
		w.send(romeo, sayText, room, "", "before")
		w.settle()
		romeo.at = other // the server sends to another link
		w.nodes[link].engine.freeze()
		for i := range 5 {
			w.send(romeo, sayText, room, "", fmt.Sprint(i))
			time.Sleep(time.Second)
		}
		w.nodes[link].kill()
		delete(w.nodes, link)
		time.Sleep(5 * time.Second)
		w.settle()
		assert.Equal(t, []string{"before", "0", "1", "2", "3", "4"}, w.heard(romeo, room))
	})
}

// An active node that comes back has the link again, also where the next one stands still then.
func TestActiveComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w *world
		said := map[string]string{} // body → node
		w = newWorld(t, 1, func(c *cluster.Config) {
			behindLink(c)
			name := c.Node
			c.Service.Deliver = func(_ context.Context, s service.Stanza) {
				w.mu.Lock()
				defer w.mu.Unlock()
				if body := s.Stanza().SelectElement("body"); body != nil {
					said[body.Text()] += name
				}
			}
		}, "a", "b", "c")
		active := func() string {
			for name, m := range w.nodes {
				if m.Active() == m.ID() {
					return name
				}
			}
			return ""
		}
		first := active()
		ids := map[string]bool{"a": true, "b": true, "c": true}
		delete(ids, first)
		var rest []string
		for name := range ids {
			rest = append(rest, w.nodes[name].ID())
		}
		second := strings.Split(cluster.HeirOf(0, rest), "-")[0]
		delete(ids, second)
		for third := range ids { // one is left, which is no active node, and has the room
			romeo := w.at(third, "romeo")
			room := w.roomWith(third, romeo)
			w.nodes[first].engine.freeze()
			time.Sleep(5 * time.Second)
			seen := func() string { return strings.Split(w.nodes[third].Active(), "-")[0] }
			require.Equal(t, second, seen())
			w.nodes[second].engine.freeze()
			w.send(romeo, sayText, room, "", "1") // for the second, which does not hear it
			time.Sleep(1900 * time.Millisecond)
			w.nodes[first].engine.thaw()
			time.Sleep(3 * time.Second)
			require.Equal(t, first, seen())
			w.nodes[second].engine.thaw()
			w.settle()
			w.send(romeo, sayText, room, "", "2")
			w.settle()
			w.mu.Lock()
			assert.Contains(t, said["1"], first)
			assert.Equal(t, first, said["2"])
			w.mu.Unlock()
		}
	})
}

// Who learns while it stops that the others have given it up does not wait for them.
func TestExpelledWhileItStops(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		c := w.nodes["c"]
		c.engine.freeze()
		time.Sleep(40 * time.Second)
		closed := make(chan error, 1)
		go func() { closed <- c.Close(t.Context()) }()
		synctest.Wait()
		c.TellAll([]byte("something that nobody takes any more"))
		c.engine.thaw()
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case err := <-closed:
			assert.ErrorIs(t, err, cluster.ErrExpelled)
		default:
			assert.Fail(t, "it waits")
		}
		assert.ErrorIs(t, c.Err(), cluster.ErrExpelled)
		delete(w.nodes, "c")
	})
}

// A stanza of which several owners die one after the other is refused.
func TestPoison(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w *world
		died := make(chan string, 10)
		w = newWorld(t, 1, func(c *cluster.Config) {
			name, engine := c.Node, c.Log.(*faulty)
			c.Service.Room.Policy.Speak = func(s policy.Speak) *stanza.Error {
				if strings.Contains(s.Payload, "poison") {
					engine.kill() // and nothing comes of what it did
					died <- name
				}
				return nil
			}
		}, "a", "b", "c", "d", "e", "f")
		romeo := w.at("a", "romeo")
		successors := []string{"b", "c", "d"}
		room := w.roomThatGoesTo(successors...)
		w.send(romeo, joinText, room, "romeo")
		w.settle()
		w.send(romeo, sayText, room, "m1", "poison")
		for _, successor := range successors {
			name := <-died
			assert.Equal(t, successor, name)
			w.nodes[name].kill()
			delete(w.nodes, name)
		}
		time.Sleep(5 * time.Second)
		w.settle()
		w.mu.Lock()
		all := strings.Join(romeo.inbox[room+"@chat.example"], "\n")
		w.mu.Unlock()
		assert.Contains(t, all, "internal-server-error")
		assert.Empty(t, w.heard(romeo, room))
		w.send(romeo, sayText, room, "m2", "antidote")
		w.settle()
		assert.Equal(t, []string{"antidote"}, w.heard(romeo, room))
		assert.Empty(t, died)
	})
}

// What a node keeps of its clients is bounded, for one person and for all.
func TestGatewayBounds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, func(c *cluster.Config) {
			c.Limits = cluster.Limits{Open: 10, SenderOpen: 4, SenderBytes: 2000, StanzaBytes: 1500}
		}, "a", "b")
		romeo := w.at("a", "romeo")
		var people []*client
		for i := range 10 {
			people = append(people, w.at("a", fmt.Sprint("person", i)))
		}
		room := w.roomOf("b")
		w.nodes["b"].engine.freeze()
		refused := func(c *client) (list []string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, text := range c.inbox[room+"@chat.example"] {
				if e := parse(text).SelectElement("error"); e != nil {
					list = append(list, e.ChildElements()[0].Tag)
				}
			}
			return list
		}
		w.send(romeo, sayText, room, "", strings.Repeat("x", 1500))
		assert.Equal(t, []string{"policy-violation"}, refused(romeo))
		w.send(romeo, sayText, room, "", strings.Repeat("x", 1000))
		w.send(romeo, sayText, room, "", strings.Repeat("x", 1000))
		assert.Equal(t, []string{"policy-violation", "resource-constraint"}, refused(romeo))
		for range 4 {
			w.send(romeo, sayText, room, "", "y")
		}
		assert.Len(t, refused(romeo), 3, "the fifth")
		w.send(romeo, leaveText, room, "romeo")
		assert.Len(t, refused(romeo), 3, "a goodbye has a place of its own")
		for _, c := range people {
			w.send(c, sayText, room, "", "z")
		}
		assert.Equal(t, []string{"resource-constraint"}, refused(people[9]))
		assert.Empty(t, refused(people[4]))
		assert.Equal(t, 10, w.nodes["a"].Stats().Open)
		w.nodes["b"].engine.thaw()
		w.settle()
		assert.Zero(t, w.nodes["a"].Stats().OpenBytes)
		w.send(romeo, sayText, room, "", "y")
		w.settle()
		assert.Len(t, refused(romeo), 3+4+1, "the rest was done: nobody is in the room")
	})
}

// fullLog takes nothing while it is full.
type fullLog struct {
	cluster.Log
	full *atomic.Bool
}

func (l fullLog) Append(ctx context.Context, m cluster.Message, after cluster.Pos) (cluster.Pos, error) {
	if l.full.Load() {
		return 0, errors.New("no place is left")
	}
	return l.Log.Append(ctx, m, after)
}

// While the engine takes nothing rooms stand still, and the log says why, but not all the time.
func TestFull(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var full atomic.Bool
		var log bytes.Buffer
		w := newWorld(t, 1, func(c *cluster.Config) {
			c.Log = fullLog{c.Log, &full}
			c.Service.Log = slog.New(slog.NewTextHandler(&log, nil))
		}, "a")
		romeo := w.at("a", "romeo")
		rooms := []string{"one", "two", "three"}
		for _, room := range rooms {
			w.send(romeo, joinText, room, "romeo")
		}
		w.settle()
		full.Store(true)
		for _, room := range rooms {
			w.send(romeo, sayText, room, "", "hello")
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		assert.Equal(t, 1, strings.Count(log.String(), "no place is left"), log.String())
		full.Store(false)
		w.settle()
		for _, room := range rooms {
			assert.Equal(t, []string{"hello"}, w.heard(romeo, room))
		}
	})
}

// Who has gone leaves all rooms, however much is open.
func TestGoodbyesAreKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, func(c *cluster.Config) { c.Limits = cluster.Limits{SenderOpen: 4} }, "a", "b")
		romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
		var rooms []string
		for i := range 20 {
			rooms = append(rooms, fmt.Sprint("room", i))
			for _, c := range []*client{juliet, romeo} {
				w.send(c, joinText, rooms[i], c.jid.Local())
				w.settle()
			}
		}
		w.nodes["b"].engine.freeze()
		require.NoError(t, w.nodes["a"].Offline(t.Context(), romeo.jid, parse("<presence type='unavailable'/>")))
		time.Sleep(500 * time.Millisecond)
		w.nodes["b"].engine.thaw()
		w.settle()
		for _, room := range rooms {
			assert.True(t, w.saw(juliet, room, "romeo"), room)
		}
	})
}

// The list of rooms is that of all nodes, on each of them.
func TestDirectory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		people := map[string]*client{"a": w.at("a", "romeo"), "b": w.at("b", "juliet"), "c": w.at("c", "tybalt")}
		var rooms []string
		for _, node := range []string{"a", "b", "c"} {
			rooms = append(rooms, w.roomWith(node, people["a"]))
		}
		for name, c := range people {
			w.send(c, "<iq to='chat.example' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
			synctest.Wait()
			for _, room := range rooms {
				assert.Contains(t, c.inbox["chat.example"][0], room+"@chat.example", name)
			}
			var list []string
			for e, err := range w.nodes[name].Service().Rooms(t.Context()) {
				require.NoError(t, err)
				list = append(list, e.Room.Local())
			}
			assert.ElementsMatch(t, rooms, list)
		}
		w.send(people["a"], leaveText, rooms[1], "romeo") // a temporary room ends
		w.settle()
		time.Sleep(2 * time.Minute)
		for name, c := range people {
			w.send(c, "<iq to='chat.example' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
			synctest.Wait()
			assert.NotContains(t, c.inbox["chat.example"][1], rooms[1]+"@chat.example", name)
		}
		for e, err := range w.engine.Entries(t.Context(), shardOf(rooms[2])) { // hidden, and nobody was told
			require.NoError(t, err)
			e.Public = false
			e.At++
			require.NoError(t, w.engine.PutEntry(t.Context(), shardOf(rooms[2]), e))
		}
		time.Sleep(2 * cluster.Shards * 2 * time.Second)
		w.send(people["a"], "<iq to='chat.example' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
		synctest.Wait()
		assert.NotContains(t, people["a"].inbox["chat.example"][2], rooms[2]+"@chat.example")
		w.start("d") // it reads what there is
		w.ready()
		w.settle()
		time.Sleep(5 * time.Second)
		nurse := w.at("d", "nurse")
		w.send(nurse, "<iq to='chat.example' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
		synctest.Wait()
		assert.Contains(t, nurse.inbox["chat.example"][0], rooms[0]+"@chat.example")
	})
}

// An older line of the list, which was long under way or was read before, takes no newer one's place.
func TestOlderLine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b")
		room := muc.MustParseJID(w.roomOf("b") + "@chat.example")
		line := func(at cluster.Pos, name string) cluster.Entry {
			return cluster.Entry{At: at, Gone: name == "", Entry: service.Entry{Room: room, Name: name, Public: name != ""}}
		}
		listed := func() (n int) { return w.nodes["a"].Service().Stats().Listed }
		w.nodes["a"].List(line(7, "new"))
		assert.Equal(t, 1, listed())
		w.nodes["a"].List(line(9, ""))
		assert.Zero(t, listed())
		w.nodes["a"].List(line(8, "old"))
		assert.Zero(t, listed())
		w.nodes["a"].List(line(9, "of the same message"))
		assert.Equal(t, 1, listed())
	})
}

// The list of all rooms is read at once, and not shard by shard.
func TestListIsOneCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b")
		room := w.roomWith("b", w.at("a", "romeo"))
		f := w.nodes["a"].engine
		f.mu.Lock()
		f.lists = 0
		f.mu.Unlock()
		var list []string
		for e, err := range w.nodes["a"].Service().Rooms(t.Context()) {
			require.NoError(t, err)
			list = append(list, e.Room.Local())
		}
		assert.Equal(t, []string{room}, list)
		f.mu.Lock()
		defer f.mu.Unlock()
		assert.LessOrEqual(t, f.lists, 1, "which a node does from time to time")
	})
}

// A session that vanishes, or logs out, leaves the rooms of all nodes, after what it said before.
func TestVanished(t *testing.T) {
	for _, how := range []string{"vanished", "offline", "person"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, 1, nil, "a", "b", "c")
				romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
				var rooms []string
				for _, node := range []string{"a", "b", "c"} {
					rooms = append(rooms, w.roomWith(node, romeo, juliet))
				}
				m := w.nodes["a"]
				for _, room := range rooms {
					w.send(romeo, sayText, room, "", "farewell")
				}
				switch how {
				case "vanished":
					require.NoError(t, m.Vanished(t.Context(), romeo.jid))
				case "offline":
					require.NoError(t, m.Offline(t.Context(), romeo.jid, parse("<presence type='unavailable'><status>asleep</status></presence>")))
				case "person":
					w.settle()
					require.NoError(t, m.Vanished(t.Context(), romeo.jid.Bare()))
				}
				w.settle()
				time.Sleep(time.Second)
				synctest.Wait()
				for _, room := range rooms {
					assert.True(t, w.saw(juliet, room, "romeo"))
					assert.Equal(t, []string{"farewell"}, w.heard(juliet, room))
					assert.Equal(t, how == "offline", strings.Contains(strings.Join(juliet.inbox[room+"@chat.example"], ""), "asleep"))
				}
			})
		})
	}
}

// Who logs out, or vanishes, is not told of activity any more.
func TestActivityEnds(t *testing.T) {
	for how, end := range map[string]func(m *member, who muc.JID) error{
		"vanished": func(m *member, who muc.JID) error { return m.Vanished(context.Background(), who) },
		"offline":  func(m *member, who muc.JID) error { return m.Offline(context.Background(), who, nil) },
	} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, 1, func(c *cluster.Config) {
					c.Service.Activity = func(_, _ muc.JID) bool { return true }
					c.Service.Limits.PersonWatchers = 1
				}, "a", "b")
				romeo := w.at("a", "romeo")
				room := w.roomWith("b", romeo)
				watch := func() (refused bool) {
					w.send(romeo, "<presence to='chat.example'><rai xmlns='urn:xmpp:rai:0'/></presence>")
					w.settle()
					return last(w, romeo, "chat.example", "error") != ""
				}
				assert.False(t, watch())
				was := romeo.jid
				w.mu.Lock()
				romeo.jid = muc.MustParseJID(was.String() + "2")
				w.clients[romeo.jid.String()] = romeo
				w.mu.Unlock()
				assert.True(t, watch(), "one client is watching")
				require.NoError(t, end(w.nodes["a"], was))
				w.settle()
				w.mu.Lock()
				romeo.inbox = map[string][]string{}
				w.mu.Unlock()
				assert.False(t, watch())
				assert.NotEmpty(t, room)
			})
		})
	}
}

// Only a session that has an address ends, and with a presence.
func TestOfflineErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a")
		n, romeo := w.nodes["a"], w.at("a", "romeo")
		require.ErrorIs(t, n.Offline(t.Context(), muc.JID{}, nil), muc.ErrNoFrom)
		require.ErrorIs(t, n.Offline(t.Context(), romeo.jid.Bare(), nil), muc.ErrNoFrom)
		require.ErrorIs(t, n.Offline(t.Context(), romeo.jid, parse("<message/>")), muc.ErrNotStanza)
	})
}

// Announce and KickBlocked reach the rooms of all nodes.
func TestAnnounce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var blocked atomic.Bool
		w := newWorld(t, 1, func(c *cluster.Config) {
			c.Service.Room.IsBlocked = func(who muc.JID) bool { return blocked.Load() && who.Local() == "juliet" }
		}, "a", "b", "c")
		romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
		var rooms []string
		for _, node := range []string{"a", "b", "c"} {
			rooms = append(rooms, w.roomWith(node, romeo, juliet))
		}
		require.NoError(t, w.nodes["b"].Announce(t.Context(), "fire"))
		time.Sleep(time.Second)
		blocked.Store(true)
		require.NoError(t, w.nodes["b"].KickBlocked(t.Context(), ""))
		time.Sleep(time.Second)
		for _, room := range rooms {
			assert.Equal(t, []string{"fire"}, w.heard(romeo, room))
			assert.True(t, w.saw(romeo, room, "juliet"))
		}
	})
}

func TestConfig(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := cluster.NewMemory()
		for what, spoil := range map[string]func(c *cluster.Config){
			"a name":           func(c *cluster.Config) { c.Node = "a.b" },
			"a long name":      func(c *cluster.Config) { c.Node = strings.Repeat("a", 33) },
			"no log":           func(c *cluster.Config) { c.Log = nil },
			"no owners":        func(c *cluster.Config) { c.Owners = nil },
			"no bus":           func(c *cluster.Config) { c.Bus = nil },
			"nobody delivers":  func(c *cluster.Config) { c.Service.Deliver = nil },
			"whose rooms":      func(c *cluster.Config) { c.Service.Owns = func(muc.JID) bool { return true } },
			"no domain":        func(c *cluster.Config) { c.Service.Domain = "" },
			"ids of its own":   func(c *cluster.Config) { c.Service.Room.NewID = func() string { return "" } },
			"a secret missing": func(c *cluster.Config) { c.Service.Room.Secret = nil },
		} {
			c := cluster.Config{Node: "a", Log: e, Owners: e, Bus: e}
			c.Service.Domain, c.Service.Room, c.Service.Deliver = "chat.example", roomConfig(), nobodyHears
			spoil(&c)
			_, err := cluster.New(t.Context(), c)
			assert.Error(t, err, what)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		c := cluster.Config{Node: "a", Log: e, Owners: e, Bus: e}
		c.Service.Domain, c.Service.Room, c.Service.Deliver = "chat.example", roomConfig(), nobodyHears
		_, err := cluster.New(ended, c)
		assert.ErrorIs(t, err, context.Canceled)
	})
}

// Who takes a shard over moves its mark, so that who had it cannot any more.
func TestMarkIsFenced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, func(c *cluster.Config) { c.MarkEvery = time.Hour }, "a", "b")
		romeo := w.at("a", "romeo")
		shard := cluster.ShardOf(muc.MustParseJID(w.roomWith("b", romeo) + "@chat.example"))
		_, before, err := w.engine.Mark(t.Context(), shard)
		require.NoError(t, err)
		w.nodes["b"].engine.freeze()
		time.Sleep(5 * time.Second)
		_, after, err := w.engine.Mark(t.Context(), shard)
		require.NoError(t, err)
		assert.NotEqual(t, before, after)
		w.nodes["b"].engine.thaw()
	})
}

// A mark whose answer was lost is moved on.
func TestMarkAfterLostAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a")
		romeo := w.at("a", "romeo")
		room := w.roomWith("a", romeo)
		jid := muc.MustParseJID(room + "@chat.example")
		for range 3 {
			w.nodes["a"].engine.mu.Lock()
			w.nodes["a"].engine.marks = 1
			w.nodes["a"].engine.mu.Unlock()
			w.send(romeo, sayText, room, "", "x")
			w.settle()
			time.Sleep(2 * time.Second)
			last, err := w.engine.Last(t.Context(), jid)
			require.NoError(t, err)
			mark, _, err := w.engine.Mark(t.Context(), cluster.ShardOf(jid))
			require.NoError(t, err)
			assert.GreaterOrEqual(t, mark, last.Pos)
		}
	})
}

// A shard that could not be handed over is opened again under a new epoch.
func TestMoveFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a")
		romeo := w.at("a", "romeo")
		room := w.roomWith("a", romeo)
		shard := cluster.ShardOf(muc.MustParseJID(room + "@chat.example"))
		before, err := w.engine.Get(t.Context(), shard)
		require.NoError(t, err)
		w.nodes["a"].FailMove(shard)
		w.send(romeo, sayText, room, "", "meanwhile")
		time.Sleep(3 * time.Second)
		w.settle()
		after, err := w.engine.Get(t.Context(), shard)
		require.NoError(t, err)
		assert.Greater(t, after.Epoch, before.Epoch)
		assert.Equal(t, []string{"meanwhile"}, w.heard(romeo, room))
	})
}

// A snapshot, which takes away what could be said again, waits until all was delivered everywhere.
func TestSnapshotWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, func(c *cluster.Config) { c.Service.CompactAfter = 1 }, "a", "b")
		romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
		room := w.roomWith("b", romeo, juliet)
		jid := muc.MustParseJID(room + "@chat.example")
		begin := func() cluster.Pos { // of what the log has
			last, err := w.engine.Last(t.Context(), jid)
			require.NoError(t, err)
			for m, err := range w.engine.Read(t.Context(), jid, last.Pos) {
				require.NoError(t, err)
				return m.Pos
			}
			return 0
		}
		before := begin()
		w.nodes["a"].engine.freeze()
		for range 30 {
			w.send(juliet, sayText, room, "", strings.Repeat("x", 2000))
			time.Sleep(50 * time.Millisecond)
		}
		assert.Equal(t, before, begin())
		w.nodes["a"].engine.thaw()
		w.settle()
		for range 30 {
			w.send(juliet, sayText, room, "", strings.Repeat("x", 2000))
			w.settle()
		}
		assert.Greater(t, begin(), before)
	})
}

// An answer of which nothing is stored, and that its client's node has not heard, is not lost when the room
// gets another owner: also if what came after it is stored, which says that all before it is done.
func TestAnswersAreNotLost(t *testing.T) {
	for name, end := range map[string]func(w *world, say func(text string)){
		"killed": func(w *world, say func(string)) {
			say("stored")
			time.Sleep(10 * time.Millisecond)
			w.nodes["c"].kill()
		},
		"stopped": func(w *world, say func(string)) {
			closed := make(chan error)
			go func() { closed <- w.nodes["c"].Close(w.t.Context()) }()
			time.Sleep(200 * time.Millisecond)
			w.nodes["a"].engine.hearAll()
			say("stored") // by the next owner
			require.NoError(w.t, <-closed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, 1, nil, "a", "b", "c")
				romeo, nurse, juliet := w.at("a", "romeo"), w.at("a", "nurse"), w.at("b", "juliet")
				room := w.roomWith("c", nurse, juliet)
				say := func(text string) { w.send(nurse, sayText, room, "", text) }
				w.nodes["a"].engine.hearNothingOf("out." + w.nodes["a"].ID())
				w.send(romeo, sayText, room, "", "who is not inside")
				time.Sleep(10 * time.Millisecond)
				end(w, say)
				time.Sleep(time.Second)
				w.nodes["a"].engine.hearAll()
				delete(w.nodes, "c")
				w.settle()
				assert.Equal(t, []string{"stored"}, w.heard(juliet, room))
				w.mu.Lock()
				defer w.mu.Unlock()
				require.NotEmpty(t, romeo.inbox[room+"@chat.example"])
				for _, text := range romeo.inbox[room+"@chat.example"] { // perhaps twice
					assert.NotNil(t, parse(text).FindElement("error/not-acceptable"))
				}
			})
		})
	}
}

// A room is destroyed while a node does not hear of it, and made again: nobody is refused.
func TestDestroyedAndMadeAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b")
		romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
		room := w.roomWith("b", juliet, romeo)
		w.nodes["a"].engine.freeze()
		w.send(juliet, "<iq to='%s@chat.example' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>", room)
		time.Sleep(time.Second)
		w.send(juliet, joinText, room, "juliet")
		w.send(juliet, sayText, room, "", "again")
		time.Sleep(500 * time.Millisecond)
		w.nodes["a"].engine.thaw()
		w.settle()
		assert.Equal(t, []string{"again"}, w.heard(juliet, room))
		assert.True(t, w.saw(romeo, room, "romeo"))
		w.nodes["b"].kill() // and the log makes the room that is
		delete(w.nodes, "b")
		w.ready()
		w.send(romeo, joinText, room, "romeo")
		w.settle()
		assert.Equal(t, []string{"again"}, w.heard(romeo, room), "its history")
	})
}

// A node that does not hear itself answers nothing, not even what needs no write.
func TestCutAnswersNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b")
		romeo := w.at("b", "romeo")
		room := w.roomWith("b", romeo)
		w.nodes["b"].engine.set(0, true)
		time.Sleep(4 * time.Second)
		w.send(romeo, "<iq to='%s@chat.example' type='get' id='late'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", room)
		answered := func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return strings.Contains(strings.Join(romeo.inbox[room+"@chat.example"], ""), "late")
		}
		time.Sleep(5 * time.Second)
		assert.False(t, answered())
		w.nodes["b"].engine.set(0, false)
		w.settle()
		assert.True(t, answered())
	})
}

// A node that does not hear on the bus that rooms have another owner learns it from what that one asks for.
func TestOwnerIsNotHeardOf(t *testing.T) {
	for offset := range 5 {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, 1, nil, "a", "b", "c")
			romeo, room := w.at("b", "romeo"), w.roomThatGoesTo("a", "c")
			w.send(romeo, joinText, room, "romeo")
			w.settle()
			time.Sleep(time.Duration(offset) * time.Second)
			w.nodes["b"].engine.hearNothingOf("owner")
			w.nodes["a"].kill()
			delete(w.nodes, "a")
			w.send(romeo, sayText, room, "", "hello")
			time.Sleep(3 * time.Second) // two of them are the silence after which it is taken for dead
			assert.Equal(t, []string{"hello"}, w.heard(romeo, room))
		})
	}
}

// A node that is cut off while it takes over as many shards as it takes at a time goes on afterwards.
func TestCutWhileItTakesOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b")
		romeo, b := w.at("b", "romeo"), w.nodes["b"].engine
		var rooms []string
		shards := map[int]bool{}
		for i := 0; len(rooms) < 40; i++ {
			room := muc.MustParseJID(fmt.Sprint("room", i, "@chat.example"))
			if shard := cluster.ShardOf(room); w.nodes["a"].Owner(room) == w.nodes["a"].ID() && !shards[shard] {
				shards[shard] = true
				rooms = append(rooms, room.Local())
				w.send(romeo, joinText, room.Local(), "romeo")
			}
		}
		w.settle()
		b.put(&b.unclaimed, true)
		w.nodes["a"].kill()
		delete(w.nodes, "a")
		time.Sleep(5 * time.Second)
		b.set(0, true)
		time.Sleep(5 * time.Second)
		b.put(&b.unclaimed, false)
		b.set(0, false)
		for _, room := range rooms {
			w.send(romeo, sayText, room, "", "hello")
		}
		w.settle()
		for _, room := range rooms {
			assert.Equal(t, []string{"hello"}, w.heard(romeo, room))
		}
	})
}

// Who stored what became of a room, and died before the list said so: who takes it over sees to
// that.
func TestListIsRepaired(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		romeo := w.at("a", "romeo")
		room := w.roomOf("c")
		jid := muc.MustParseJID(room + "@chat.example")
		w.nodes["c"].engine.put(&w.nodes["c"].engine.entries, true)
		w.send(romeo, joinText, room, "romeo")
		w.settle()
		w.nodes["c"].kill()
		delete(w.nodes, "c")
		time.Sleep(10 * time.Second)
		var list []string
		for e, err := range w.engine.Entries(t.Context(), cluster.ShardOf(jid)) {
			require.NoError(t, err)
			assert.True(t, e.Inhabited)
			list = append(list, e.Room.String())
		}
		assert.Equal(t, []string{jid.String()}, list)
	})
}

func shardOf(room string) int { return cluster.ShardOf(muc.MustParseJID(room + "@chat.example")) }

// A node that is only a gateway has clients and no rooms, also when others die; and it gives up nodes that are no more.
func TestGatewayOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var gone []string
		w := newWorld(t, 1, func(c *cluster.Config) {
			c.Gateway = c.Node == "g"
			c.MarkEvery = time.Hour
			if c.Gateway {
				c.Gone = func(node string) {
					mu.Lock()
					defer mu.Unlock()
					gone = append(gone, node)
				}
			}
		}, "a", "b", "g")
		dead := w.nodes["a"].ID()
		romeo := w.at("g", "romeo")
		room := w.roomWith("a", romeo)
		w.send(romeo, sayText, room, "", "before")
		w.settle()
		assert.Zero(t, w.nodes["g"].Stats().Owned)
		w.nodes["a"].kill()
		delete(w.nodes, "a")
		time.Sleep(5 * time.Second)
		w.send(romeo, sayText, room, "", "after")
		time.Sleep(time.Minute)
		w.settle()
		assert.Equal(t, []string{"before", "after"}, w.heard(romeo, room))
		assert.Zero(t, w.nodes["g"].Stats().Owned)
		mu.Lock()
		assert.Equal(t, []string{dead}, gone)
		mu.Unlock()
		require.NoError(t, w.nodes["g"].Close(t.Context()))
		delete(w.nodes, "g")
		assert.Equal(t, cluster.Shards, w.nodes["b"].Stats().Owned)
	})
}

// A room is destroyed, and its owner is gone before it has stored that nothing is left of it: who enters next
// makes a new one.
func TestDestroyedByAnother(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		romeo := w.at("a", "romeo")
		room := w.roomWith("c", romeo)
		w.send(romeo, "<iq to='%s@chat.example' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>", room)
		w.send(romeo, joinText, room, "romeo")
		for !w.saw(romeo, room, "romeo") {
			time.Sleep(100 * time.Microsecond)
		}
		w.nodes["c"].kill()
		delete(w.nodes, "c")
		w.settle()
		w.mu.Lock()
		defer w.mu.Unlock()
		heard := romeo.inbox[room+"@chat.example"]
		isIn := func(text string) bool { return parse(text).FindElement("x/status[@code='201']") != nil }
		assert.True(t, slices.ContainsFunc(heard[len(heard)-2:], isIn), heard)
	})
}
