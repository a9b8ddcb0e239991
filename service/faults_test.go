package service_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
)

// seeds is how many random histories of live rooms are played: more of them when something in
// that has changed, go test ./service -seeds 200.
var seeds = flag.Uint64("seeds", 12, "how many random histories of live rooms")

// A service is given random stanzas while its store fails at random moments, it is
// stopped, and its process is killed. Through all of that nobody is told what is not
// stored, each request has one answer, people know whether they are inside, what failed
// comes back, and nothing blocks: a bubble in which everything waits is an error.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, seed, false)
				for range 60 {
					w.step()
				}
				w.end()
			})
		})
	}
}

// The same with rooms that outlive the process: now nobody is put out by a store that fails or a
// process that is killed, what was taken is submitted again and done once, and what comes twice is
// the same, and says so.
func TestRandomFaultsLive(t *testing.T) {
	var copies atomic.Int64
	t.Cleanup(func() { assert.NotZero(t, copies.Load()) })
	for seed := range *seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, seed, true)
				for range 60 {
					w.step()
				}
				w.end()
				copies.Add(int64(w.copies))
			})
		})
	}
}

// roomsOfWorld are few, so that much happens in each.
var roomsOfWorld = []string{"cellar", "garden", "hall", "attic"}

// world is a service, the clients of it, and a store that fails.
type world struct {
	t   *testing.T
	rnd *rand.Rand
	*host
	disk *disk
	live bool

	names  []string // of all clients; the first so many of them act at this moment
	people int
	places int // how many rooms they act in

	mu      sync.Mutex
	process int // which one is alive
	clients map[string]*client
	open    map[string]string // requests without an answer, and whose they are
	asks    []question
	doing   sync.WaitGroup // what the host does

	// What follows is of a world that is live.
	numbers   uint64
	submitted map[uint64]string // what nobody has said to be done
	// again are the ids of what was submitted again; broken are those of them to which it was said
	// that the service could not do it.
	again, broken map[string]bool
	told          map[string][]string // what was delivered
	copies        int
}

// client is what a client knows from what it was sent.
type client struct {
	jid   string
	rooms map[string]*sight // in which it is
	dead  bool              // until the next step
}

// sight is a room as a client sees it.
type sight struct{ affiliation, subject string }

// question is one that a room put to its host.
type question struct {
	room muc.JID
	id   string
}

func newWorld(t *testing.T, seed uint64, live bool) *world {
	w := &world{t: t, live: live, submitted: map[uint64]string{}, again: map[string]bool{}, broken: map[string]bool{}, told: map[string][]string{}, rnd: rand.New(rand.NewPCG(seed, 0)), clients: map[string]*client{}, open: map[string]string{}}
	w.disk = &disk{seed: seed, archive: map[string]bool{}, tried: map[string]int{}, lives: map[muc.JID]int{}}
	for _, who := range []string{"romeo", "juliet", "tybalt", "nurse"} {
		for _, device := range []string{"pda", "home"} {
			jid := who + "@example.org/" + device
			w.names = append(w.names, jid)
			w.clients[jid] = &client{jid: jid, rooms: map[string]*sight{}}
		}
	}
	w.host = newHost(t, func(h *host) {
		h.config.Room = muc.Config{Secret: secret, Instant: seed%2 == 0, AnswersIQ: func(space, _ string) bool { return space == "urn:example:asked" }}
		if seed%4 == 1 {
			h.config.Room.AsksJoin = func(q policy.Join) bool { return q.JID.Local() == "nurse" }
		}
		h.config.Live = live
		h.config.CompactAfter, h.config.IdleAfter = 1+int(seed%20), time.Minute
		h.config.Limits = service.Limits{Batch: 1 + int(seed%9), Writers: 1 + w.rnd.IntN(8), StoreBatch: int(seed % 3), Workers: int(seed % 5), Rooms: 2 + int(seed%7)}
		w.connect(h)
	})
	return w
}

// next lets another process take the place of the one that is alive.
func (w *world) next() { w.connect(w.host) }

// connect gives a process the store and the clients.
func (w *world) connect(h *host) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.process++
	this := w.process
	alive := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.process == this
	}
	h.config.Store = &connection{w.disk, alive}
	h.config.DeliverBatch = nil
	if w.live {
		h.config.DeliverBatch = func(_ context.Context, d service.Delivery) {
			if alive() && w.isNew(d) {
				for _, s := range d.Stanzas {
					w.receive(s)
				}
			}
		}
	}
	h.config.Deliver = func(_ context.Context, s service.Stanza) {
		if alive() {
			w.receive(s)
		}
	}
	h.config.Question = func(_ context.Context, room muc.JID, ask muc.Question) {
		if alive() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.asks = append(w.asks, question{room, ask.ID})
		}
	}
}

// step lets something happen, and looks at what came of it.
func (w *world) step() {
	w.t.Helper()
	w.disk.fail([]int{0, 0, 0, 0, 0, 0, 20, 50, 100}[w.rnd.IntN(9)])
	switch w.rnd.IntN(20) {
	case 0:
		w.restart(w.rnd.IntN(2) == 0)
	default:
		w.burst()
		w.disk.release()
	}
	w.settle()
	if w.live {
		w.disk.fail(0)
		sleep(2 * time.Minute) // what the store did not take is tried again
	}
	w.compare()
	sleep(time.Duration(w.rnd.IntN(100)) * time.Second)
	w.compare()
}

// settle waits until nothing moves any more and the host has an answer to all it wanted.
func (w *world) settle() {
	w.t.Helper()
	synctest.Wait()
	ended := make(chan struct{})
	go func() { w.doing.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Hour):
		w.t.Fatal("the host waits for ever")
	}
}

// burst is much at once, by few or many people in few or many rooms. What a room does
// first waits for the store, which is held, and all else waits for that, so that it
// becomes one batch.
func (w *world) burst() {
	w.disk.hold()
	w.rnd.Shuffle(len(w.names), func(i, j int) { w.names[i], w.names[j] = w.names[j], w.names[i] })
	w.people, w.places = 1+w.rnd.IntN(len(w.names)), 1+w.rnd.IntN(len(roomsOfWorld))
	for range 1 + w.rnd.IntN(20) {
		w.act()
		synctest.Wait()
	}
}

// act is one thing that a client or the host does.
func (w *world) act() {
	who := w.anybody()
	room := w.roomFor(who)
	switch w.rnd.IntN(30) {
	case 0:
		w.vanish(who)
	case 1, 2:
		who, affiliation := muc.MustParseJID(w.anybody().jid).Bare(), w.affiliation()
		if affiliation == muc.AffiliationNone {
			w.command(at(room), muc.RemoveAffiliation{JID: who})
		} else {
			w.command(at(room), muc.SetAffiliation{JID: who, Affiliation: affiliation})
		}
	case 3:
		w.command(at(room), muc.Destroy{})
	case 4, 5:
		w.mu.Lock()
		asks := w.asks
		w.asks = nil
		w.mu.Unlock()
		for _, q := range asks {
			w.command(q.room, muc.Answer{ID: q.id})
		}
	case 6, 7, 8, 9, 10, 11:
		w.handle(w.request(who, room))
	default:
		w.handle(w.stanza(who, room))
	}
}

// roomFor is some room, most often one in which somebody is.
func (w *world) roomFor(c *client) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	room := roomsOfWorld[w.rnd.IntN(w.places)]
	for range 3 {
		if c.rooms[room] == nil {
			room = roomsOfWorld[w.rnd.IntN(w.places)]
		}
	}
	return room
}

// anybody is one of the people of the moment, or any that is alive.
func (w *world) anybody() *client {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := w.rnd.IntN(w.people); ; i = (i + 1) % len(w.names) {
		if c := w.clients[w.names[i]]; !c.dead {
			return c
		}
	}
}

// affiliation is any, seldom one with which nobody can do anything.
func (w *world) affiliation() muc.Affiliation {
	return []muc.Affiliation{muc.Outcast, muc.AffiliationNone, muc.AffiliationNone, muc.Member, muc.Admin, muc.Owner, muc.Owner}[w.rnd.IntN(7)]
}

// command is what the host wants; what comes of it is no matter, but it has an end.
func (w *world) command(room muc.JID, cmd muc.Command) {
	w.doing.Go(func() { _, _ = w.service.Do(w.t.Context(), room, cmd) })
}

func (w *world) handle(text string) {
	w.t.Helper()
	if !w.live {
		require.NoError(w.t, handle(w.t.Context(), w.service, parse(text)))
		return
	}
	w.mu.Lock()
	w.numbers++
	number := w.numbers
	w.submitted[number] = text
	w.mu.Unlock()
	w.submit(number)
}

// submit submits what was taken.
func (w *world) submit(number uint64) {
	w.t.Helper()
	w.mu.Lock()
	this, el := w.process, parse(w.submitted[number])
	w.mu.Unlock()
	from := muc.MustParseJID(el.SelectAttrValue("from", ""))
	require.NoError(w.t, w.service.Submit(w.t.Context(), from, el, "world", number, func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.process == this && !errors.Is(err, service.ErrClosed) {
			assert.NoError(w.t, err)
			assert.Contains(w.t, w.submitted, number, "it ends once")
			delete(w.submitted, number)
		}
	}))
}

// isNew reports whether a delivery comes for the first time, as those see to it who stand between
// a service that may fail and its clients. What comes again says so and is the same.
func (w *world) isNew(d service.Delivery) bool {
	if d.At == (service.Position{}) {
		return true
	}
	var stanzas []string
	for _, s := range d.Stanzas {
		for _, to := range s.To() {
			stanzas = append(stanzas, string(s.AppendXML(nil, to, "")))
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	what := fmt.Sprint(d.Room, w.disk.life(d.Room), d.At, d.Time) // here, all of a room's life may take no time
	before, again := w.told[what]
	if again {
		assert.True(w.t, d.Again, what)
		assert.Equal(w.t, before, stanzas, what)
		w.copies++
	}
	w.told[what] = stanzas
	return !again
}

// vanish ends a session without a word.
func (w *world) vanish(c *client) {
	require.NoError(w.t, w.service.Vanished(w.t.Context(), muc.MustParseJID(c.jid)))
	w.mu.Lock()
	defer w.mu.Unlock()
	c.die()
}

// die: what is on its way to somebody who vanished is for nobody.
func (c *client) die() {
	clear(c.rooms)
	c.dead = true
}

// stanza is one that needs no answer; most people come and talk.
func (w *world) stanza(c *client, room string) string {
	const join = "<presence from='%[1]s' to='%[2]s@chat.example/%[3]s'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
	const say = "<message from='%[1]s' to='%[2]s@chat.example' type='groupchat'><body>%[4]d</body></message>"
	nick := fmt.Sprint("nick", w.rnd.IntN(12))
	return fmt.Sprintf([]string{
		join, join, join, join, join, join, join, join, say, say, say, say, say, say, say, say,
		"<message from='%[1]s' to='%[2]s@chat.example' type='groupchat'><subject>%[4]d</subject></message>",
		"<message from='%[1]s' to='%[2]s@chat.example/%[3]s' type='chat'><body>%[4]d</body></message>",
		"<presence from='%[1]s' to='%[2]s@chat.example/%[3]s'/>",
		"<presence from='%[1]s' to='%[2]s@chat.example/%[3]s' type='unavailable'/>",
		"<message from='%[1]s' to='%[2]s@chat.example/%[3]s' type='error'><error><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
		"<iq from='%[1]s' to='%[2]s@chat.example' type='result' id='r%[4]d'/>",
	}[w.rnd.IntN(22)], c.jid, room, nick, w.rnd.Uint32())
}

// request is one that wants an answer.
func (w *world) request(c *client, room string) string {
	id := fmt.Sprintf("q%d", w.rnd.Uint64())
	w.mu.Lock()
	w.open[id] = c.jid
	w.mu.Unlock()
	typ, payload := "set", ""
	switch w.rnd.IntN(9) {
	case 0:
		typ, payload = "get", info
	case 1:
		typ, payload = "get", "<query xmlns='http://jabber.org/protocol/muc#owner'/>"
	case 2, 3:
		typ, payload = []string{"get", "set"}[w.rnd.IntN(2)], "<x xmlns='urn:example:asked'/>"
	case 4:
		payload = "<query xmlns='jabber:iq:register'><remove/></query>"
	case 5:
		payload = fmt.Sprintf("<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='%s' jid='%s'/></query>",
			w.affiliation(), muc.MustParseJID(w.anybody().jid).Bare())
	case 6:
		payload = fmt.Sprintf("<query xmlns='http://jabber.org/protocol/muc#admin'><item role='none' nick='nick%d'/></query>", w.rnd.IntN(12))
	case 7:
		payload = "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>" +
			"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>" +
			fmt.Sprintf("<field var='muc#roomconfig_persistentroom'><value>%d</value></field></x></query>", w.rnd.IntN(2))
	case 8:
		payload = "<query xmlns='http://jabber.org/protocol/muc#owner'>" + []string{"<destroy/>", ""}[min(1, w.rnd.IntN(4))] + "</query>"
	}
	return fmt.Sprintf("<iq from='%s' to='%s@chat.example' type='%s' id='%s'>%s</iq>", c.jid, room, typ, id, payload)
}

// restart stops the service, or kills its process, in the middle of its work, and
// starts another one.
func (w *world) restart(killed bool) {
	w.t.Helper()
	w.burst()
	if killed {
		w.next() // from now on nothing of the old one is heard, nor stored
		w.disk.release()
		synctest.Wait()
		ended, cancel := context.WithCancel(w.t.Context())
		cancel()
		_ = w.service.Shutdown(ended, "")
		w.settle()
		if w.live {
			w.goOn()
			return
		}
	} else {
		w.doing.Go(func() { assert.NoError(w.t, w.service.Shutdown(w.t.Context(), "closing time")) })
		synctest.Wait()
		w.disk.release()
		w.settle()
		if w.next(); w.live {
			w.goOn()
			return
		}
		w.everybodyKnows()
	}
	w.mu.Lock()
	for _, c := range w.clients {
		clear(c.rooms)
	}
	clear(w.open)
	w.asks = nil
	w.mu.Unlock()
	w.start()
}

// goOn starts the next process, in which everybody is where they were.
func (w *world) goOn() {
	w.t.Helper()
	w.mu.Lock()
	w.asks = nil
	open := slices.Sorted(maps.Keys(w.submitted))
	w.mu.Unlock()
	w.serve()
	for _, number := range open {
		w.mu.Lock()
		w.again[parse(w.submitted[number]).SelectAttrValue("id", "")] = true
		w.mu.Unlock()
		w.submit(number)
	}
	for _, name := range slices.Sorted(slices.Values(w.names)) {
		if c := w.clients[name]; c.dead {
			w.vanish(c) // nobody else remembers that
		}
	}
	w.settle()
}

// end lets the store be well again, and everything come to its end.
func (w *world) end() {
	w.t.Helper()
	w.disk.fail(0)
	sleep(5 * time.Minute)
	w.compare()
	w.mu.Lock()
	assert.Empty(w.t, w.open, "requests without an answer")
	w.mu.Unlock()
	for _, c := range w.clients {
		w.vanish(c) // and makes place for rooms that are not in memory
	}
	synctest.Wait()
	for _, room := range roomsOfWorld {
		require.NoError(w.t, w.service.Read(w.t.Context(), at(room), func(*muc.Room) {}), "what failed comes back")
	}
	synctest.Wait() // an answer goes out before its worker is at rest
	stats := w.service.Stats()
	assert.Zero(w.t, stats.Queued+stats.Working)
	w.stop()
	w.everybodyKnows()
	w.next()
	w.start()
	w.compare()
}
