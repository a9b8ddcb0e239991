package cluster_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/service"
)

var seeds = flag.Uint64("seeds", 5, "how many random histories are played")

// Random histories: what clients of several nodes do while nodes are killed, stand still, are cut
// off, lose answers and messages, and hand rooms over. Every client hears what it hears of one
// service to which nothing happens, in the same order, nothing twice.
func TestRandomFaults(t *testing.T) {
	counts := map[string]int{}
	all := []string{"fenced", "copies", "took", "moved", "resent", "redone true"}
	missing := func() bool { return slices.ContainsFunc(all, func(what string) bool { return counts[what] == 0 }) }
	// What goroutines do at the same time is not in the seed: what has not happened yet is looked for in more
	// histories.
	for seed := uint64(0); seed < *seeds || seed < *seeds+20 && missing() && !t.Failed(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newHistory(t, seed)
				for range 12 {
					h.round()
				}
				h.end()
				h.mu.Lock()
				defer h.mu.Unlock()
				for what, n := range h.counts {
					counts[what] += n
				}
			})
		})
	}
	t.Log(counts)
	for _, what := range all {
		assert.Positive(t, counts[what], what)
	}
	assert.Zero(t, counts["redone false"])
}

// history is a world in which a script is played that one service plays as well.
type history struct {
	*world
	single  *service.Service
	people  []*client          // in the cluster
	doubles map[string]*client // by address: the same at the single service
	said    int
	rooms   []string
}

// Clients are at the nodes a, b and c, which are not killed; d and e come and go.
func newHistory(t *testing.T, seed uint64) *history {
	h := &history{world: newWorld(t, seed, func(c *cluster.Config) {
		c.Service.CompactAfter = 1 + int(seed%15)
		c.Service.IdleAfter = 20 * time.Second
		c.MarkEvery = []time.Duration{50 * time.Millisecond, time.Second, 5 * time.Second}[seed%3]
	}, "a", "b", "c", "d", "e"), doubles: map[string]*client{}}
	for i := range 6 {
		h.rooms = append(h.rooms, fmt.Sprint("hall", i))
	}
	single, err := service.New(t.Context(), service.Config{Domain: "chat.example", Room: roomConfig(), Store: new(service.Memory),
		Log: slog.New(slog.NewTextHandler(logTo(t), nil)), IdleAfter: 20 * time.Second, CompactAfter: 1 + int(seed%15),
		Deliver: func(_ context.Context, s service.Stanza) {
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, to := range s.To() {
				if c := h.doubles[to.String()]; c != nil {
					c.hears(string(s.AppendXML(nil, to, "")))
				}
			}
		}})
	require.NoError(t, err)
	h.single = single
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = single.Shutdown(ended, "")
		synctest.Wait()
	})
	for i, name := range []string{"romeo", "juliet", "tybalt", "nurse", "paris", "rosaline"} {
		c := h.at([]string{"a", "b", "c"}[i%3], name)
		h.people = append(h.people, c)
		h.doubles[c.jid.String()] = &client{jid: c.jid, inbox: map[string][]string{}}
	}
	return h
}

// round lets somebody do something in each room, all at the same time, while a fault begins,
// goes on and ends.
func (h *history) round() {
	h.t.Helper()
	var heal func()
	for range 3 {
		for _, room := range h.rooms {
			who := h.people[h.rnd.IntN(len(h.people))]
			for range 1 + h.rnd.IntN(4) {
				h.act(who, room)
			}
		}
		if heal == nil {
			h.wait(time.Duration(h.rnd.IntN(12)) * time.Millisecond)
			heal = h.fault()
		}
		h.wait(time.Duration(h.rnd.IntN(6000)) * time.Millisecond)
		if h.rnd.IntN(2) == 0 {
			heal()
			heal = nil
		}
		h.quiet(heal != nil)
	}
	if heal != nil {
		heal()
	}
	h.quiet(false)
	if h.rnd.IntN(4) == 0 {
		h.offline()
		h.quiet(false)
	}
	h.compare()
}

func (h *history) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// quiet waits until nothing is under way, if the fault that goes on allows it: what one client does
// in a room comes after what another one did there.
func (h *history) quiet(goesOn bool) {
	h.t.Helper()
	if !goesOn {
		h.settle()
		return
	}
	for range 100 {
		synctest.Wait()
		open := 0
		for _, name := range []string{"a", "b", "c"} {
			open += h.nodes[name].Stats().Open
		}
		if open == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, m := range h.nodes {
		m.engine.thaw()
		m.engine.set(0, false)
	}
	h.settle()
}

// act has a client do the same at the cluster and at the single service.
func (h *history) act(c *client, room string) {
	h.t.Helper()
	h.said++
	nick := c.jid.Local()
	texts := []string{
		fmt.Sprintf(joinText, room, nick), fmt.Sprintf(joinText, room, nick),
		fmt.Sprintf(sayText, room, fmt.Sprint("m", h.said), fmt.Sprint("text ", h.said)),
		fmt.Sprintf(sayText, room, fmt.Sprint("m", h.said), fmt.Sprint("text ", h.said)),
		fmt.Sprintf(sayText, room, fmt.Sprint("m", h.said), fmt.Sprint("text ", h.said)),
		fmt.Sprintf("<message to='%s@chat.example' type='groupchat'><subject>subject %d</subject></message>", room, h.said),
		fmt.Sprintf("<presence to='%s@chat.example/%s'><show>away</show><status>%d</status></presence>", room, nick, h.said),
		fmt.Sprintf("<iq to='%s@chat.example' type='get' id='q%d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", room, h.said),
		fmt.Sprintf("<message to='%s@chat.example/%s' type='chat'><body>private %d</body></message>", room, h.people[h.rnd.IntN(len(h.people))].jid.Local(), h.said),
		fmt.Sprintf("<iq to='%s@chat.example' type='set' id='k%d'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='none' nick='%s'/></query></iq>",
			room, h.said, h.people[h.rnd.IntN(len(h.people))].jid.Local()),
		fmt.Sprintf("<iq to='%s@chat.example' type='set' id='b%d'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='%s' jid='%s'/></query></iq>",
			room, h.said, []string{"outcast", "none", "member", "owner"}[h.rnd.IntN(4)], h.people[h.rnd.IntN(len(h.people))].jid.Bare()),
		fmt.Sprintf("<iq to='%s@chat.example' type='set' id='c%d'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"+
			"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"+
			"<field var='muc#roomconfig_persistentroom'><value>%d</value></field></x></query></iq>", room, h.said, h.rnd.IntN(2)),
		fmt.Sprintf(leaveText, room, nick),
	}
	synctest.Wait()
	kind := h.rnd.IntN(len(texts))
	if kind < 2 && slices.Contains(h.single.Where(c.jid), muc.MustParseJID(room+"@chat.example")) {
		kind = 2 // who comes again is told all again, of which nothing is stored: after a fault perhaps twice
	}
	text := texts[kind]
	if h.rnd.IntN(60) == 0 {
		text = fmt.Sprintf("<iq to='%s@chat.example' type='set' id='d%d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>", room, h.said)
	}
	h.send(c, "%s", text)
	require.NoError(h.t, h.single.Handle(h.t.Context(), c.jid, parse(text)))
}

// offline has a client leave all rooms.
func (h *history) offline() {
	h.t.Helper()
	c := h.people[h.rnd.IntN(len(h.people))]
	require.NoError(h.t, h.nodes[c.at].Offline(h.t.Context(), c.jid, nil))
	require.NoError(h.t, h.single.Offline(h.t.Context(), c.jid, nil))
}

// fault has something go wrong, and returns what ends it.
func (h *history) fault() (heal func()) {
	names := []string{"a", "b", "c", "d", "e"}
	m := h.nodes[names[h.rnd.IntN(len(names))]]
	killable := h.nodes[names[3+h.rnd.IntN(2)]]
	switch h.rnd.IntN(8) {
	case 0, 1:
		killable.kill()
		delete(h.nodes, killable.name)
		return func() { h.start(killable.name) }
	case 2:
		m.engine.freeze()
		return m.engine.thaw
	case 3:
		m.engine.set(0, true)
		return func() { m.engine.set(0, false) }
	case 4, 5:
		for _, name := range slices.Sorted(maps.Keys(h.nodes)) {
			h.nodes[name].engine.set([]int{2, 10, 30}[h.rnd.IntN(3)], false)
		}
		return func() {
			for _, m := range h.nodes {
				m.engine.set(0, false)
			}
		}
	case 6: // it stops in good order
		ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
		defer cancel()
		assert.NoError(h.t, killable.Close(ctx))
		return func() { h.start(killable.name) }
	}
	return func() {}
}

var changing = regexp.MustCompile(` (stamp|id)=["'][^"']*["']`)

// plain is what a client heard without what differs each time. Of what is not stored, as answers
// and errors are, a copy may come after a fault.
func plain(texts []string) (list []string) {
	seen := map[string]bool{}
	for _, text := range texts {
		el, key := parse(text), ""
		switch typ := el.SelectAttrValue("type", ""); {
		case el.Tag == "iq":
			key = "iq " + el.SelectAttrValue("id", "")
		case typ == "error", el.FindElement("x/status[@code='333']") != nil:
			key = text
		}
		if key != "" && seen[key] {
			continue
		}
		seen[key] = true
		list = append(list, changing.ReplaceAllString(textOf(el), ""))
	}
	return list
}

// compare holds what every client heard against what its double did.
func (h *history) compare() {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.people {
		double := h.doubles[c.jid.String()]
		for _, room := range h.rooms {
			of := room + "@chat.example"
			got, want := plain(c.inbox[of]), plain(double.inbox[of])
			if !slices.Equal(got, want) {
				i := 0
				for i < len(got) && i < len(want) && got[i] == want[i] {
					i++
				}
				h.t.Fatalf("%s in %s, from %d on:\n%s\n\nwant\n%s\n\nbefore\n%s", c.jid, room, i, strings.Join(first(got[i:], 4), "\n"), strings.Join(first(want[i:], 4), "\n"),
					strings.Join(got[max(0, i-3):i], "\n"))
			}
		}
	}
}

func first(list []string, n int) []string { return list[:min(n, len(list))] }

// end looks at everything once more: no client is said to be inside where it is not, each room
// is where all believe it to be, and its log makes a room.
func (h *history) end() {
	h.t.Helper()
	h.ready()
	h.settle()
	for _, name := range []string{"a", "b", "c"} {
		assert.NoError(h.t, h.nodes[name].Err())
	}
	for _, room := range h.rooms {
		jid := muc.MustParseJID(room + "@chat.example")
		var is, want string
		assert.Eventually(h.t, func() bool { // it may be on its way to another node
			owners := 0
			for _, m := range h.nodes {
				if m.Service().Read(h.t.Context(), jid, func(r *muc.Room) { is = whoIsInside(r) }) == nil {
					owners++
				}
			}
			return owners == 1
		}, time.Minute, time.Second, "%s has one owner", room)
		require.NoError(h.t, h.single.Read(h.t.Context(), jid, func(r *muc.Room) { want = whoIsInside(r) }))
		assert.Equal(h.t, want, is, room)
	}
}

func whoIsInside(r *muc.Room) string {
	var list []string
	for o := range r.Occupants() {
		list = append(list, fmt.Sprint(o.Nick, o.Role, o.Affiliation, o.Sessions))
	}
	slices.Sort(list)
	return fmt.Sprint(r.State(), r.RoomConfig().Persistent, list)
}
