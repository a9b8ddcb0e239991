package proptest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	"pgregory.net/rapid"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// roomJID is the address of the one room of a history.
var roomJID = muc.MustParseJID("room@rooms.example")

// password is what a room of a history is protected with, if at all: a text that
// nothing else contains. secret is the host's.
const (
	password = "sesame-4711"
	secret   = "a secret that is only for tests!"
)

// world is one room, its users, and all that was ever said between them.
type world struct {
	t    *rapid.T
	cfg  muc.Config
	room *muc.Room
	now  time.Time
	// last is what the room knew after the last step, latest that step.
	last   *truth
	latest *step
	// log is every event of this life, past what is durable of those before.
	log, past []event.Event
	kept      replicas
	// base is the snapshot that the life of the room began with, nil for none.
	base []byte

	clients map[string]*client
	copies  map[string]*copied
	// occupantIDs are those that people ever had, the same in each life of a room.
	occupantIDs map[string]string
	// voices are those that the room has stored for people without affiliation.
	voices map[muc.JID]muc.Role
	// reserved are the nicks that people have reserved.
	reserved map[muc.JID]string
	// named are the addresses by which somebody else mentioned people.
	named map[string]bool
	// slow is when those who must wait in slow mode spoke last.
	slow   map[muc.JID]time.Time
	ids    int
	ledger ledger
	// spoken are the messages to all that were kept, in their order.
	spoken []*spoken
	// privates are the private messages that were passed on, as they came.
	privates []sent
	// forms are what was sent to people for their approval.
	forms []*element
	// runs is how often a life is played again.
	runs int
	// steps is the history, for the report of a failure; inputs and outputs are what
	// was done and said, for doing it again.
	steps   []string
	inputs  []input
	outputs [][]byte
	tally   *tally
}

// input is one step that can be done again.
type input struct {
	at     time.Time
	stanza *etree.Element
	text   string // of the stanza
	cmd    muc.Command
	as     muc.JID
	tick   bool
	// answers is the request that a stanza truly answers, if any.
	answers *relayed
	// wild is a stanza that a fuzzer made: no stanza perhaps, and it may name anybody.
	wild bool
}

// sent is one stanza as somebody gets it.
type sent struct {
	to   muc.JID
	text string
	el   *element
}

func newWorld(t *rapid.T, cfg muc.Config, n *tally) *world {
	w := &world{t: t, cfg: cfg, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), occupantIDs: map[string]string{}, named: map[string]bool{}, copies: map[string]*copied{}, tally: n, runs: 20}
	w.begin()
	return w
}

// begin brings a room to life.
func (w *world) begin() {
	w.base, w.past, w.spoken, w.voices, w.reserved = nil, nil, nil, map[muc.JID]muc.Role{}, map[muc.JID]string{}
	w.room = w.fresh()
	w.steps = append(w.steps, "— a room")
	w.live()
}

// restart ends a life of the room as the end of its host would: what is durable goes
// on, and nobody is inside.
func (w *world) restart() {
	w.rest()
	w.base = w.room.Snapshot(muc.Durable)
	for _, ev := range w.log {
		if ev.Durable() {
			w.past = append(w.past, ev)
		}
	}
	w.spoken = slices.DeleteFunc(w.spoken, func(y *spoken) bool { return y.stanzaID == "" })
	w.room = w.fresh()
	w.steps = append(w.steps, "— restarted")
	w.live()
}

// live starts a life of the room. Nobody believes anything of it yet.
func (w *world) live() {
	w.kept = replicas{follower: w.fresh(), restart: w.fresh(), moved: w.fresh()}
	w.kept.durable = w.kept.restart.Snapshot(muc.Durable)
	w.last, w.slow = truthOf(w.room, w.cfg.IsOwner), nil
	w.log, w.inputs, w.outputs, w.privates, w.forms = nil, nil, nil, nil, nil
	w.clients, w.ledger = map[string]*client{}, ledger{open: map[string]*event.Asked{}, relayed: w.ledger.relayed}
}

// fresh is the room as it was when its life began.
func (w *world) fresh() *muc.Room {
	if w.base != nil {
		return w.restore(w.base, nil)
	}
	room, err := muc.New(w.cfg)
	if err != nil {
		w.t.Fatalf("New: %v", err)
	}
	return room
}

// fail ends the history with what was done and what is wrong.
func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\nhistory:\n%s", fmt.Sprintf(format, args...), strings.Join(w.steps, "\n"))
}

// parse reads what somebody sends; what is no XML is nil.
func parse(xml string) *etree.Element {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(xml); err != nil {
		return nil
	}
	return doc.Root()
}

// stanza plays one stanza as text; what is no XML is not played.
func (w *world) stanza(xml string) {
	if el := parse(xml); el != nil {
		w.step(input{stanza: el, text: xml})
	}
}

// plain is an attribute without prefix: etree would take one with any prefix.
func plain(el *etree.Element, name string) string {
	for _, a := range el.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value
		}
	}
	return ""
}

// payload is a child of that name and namespace.
func payload(el *etree.Element, ns, name string) *etree.Element {
	for _, c := range el.ChildElements() {
		if c.Tag == name && c.NamespaceURI() == ns {
			return c
		}
	}
	return nil
}

func (w *world) command(cmd muc.Command) { w.step(input{cmd: cmd}) }

// commandAs is a command of somebody, or, if that is the zero address, of the host.
func (w *world) commandAs(who muc.JID, cmd muc.Command) { w.step(input{cmd: cmd, as: who}) }

// client is what a session believes.
func (w *world) client(full string) *client {
	c := w.clients[full]
	if c == nil {
		c = &client{}
		w.clients[full] = c
	}
	return c
}

// pauses are how much later the next step is.
var pauses = []time.Duration{0, 0, time.Second, time.Second, time.Second, time.Second, time.Second, 700 * time.Millisecond, time.Second / 3,
	30 * time.Second, 30 * time.Second, -40 * time.Second, -40 * time.Second, 4000 * time.Second, 4000 * time.Second, 720 * time.Hour, -720 * time.Hour}

// step does one thing and checks every property that a step must have.
func (w *world) step(in input) {
	w.now = w.now.Add(pick(w, "later", pauses))
	w.stepAt(in)
}

func (w *world) stepAt(in input) {
	in.at = w.now
	w.inputs = append(w.inputs, in)
	w.steps = append(w.steps, describe(in))
	before, due := w.last, w.room.Deadline()
	fx, err := perform(w.room, in)
	if err != nil && in.cmd == nil && !(in.wild && (errors.Is(err, muc.ErrNotStanza) || errors.Is(err, muc.ErrNotForRoom) || errors.Is(err, muc.ErrNoFrom))) {
		w.fail("a stanza is never the host's fault here: %v", err)
	}
	w.log = slices.AppendSeq(w.log, fx.Events())
	out := output(nil, fx, err)
	w.outputs = append(w.outputs, out)
	w.tally.count(fx, err)
	s := &step{in: in, fx: fx, err: err, due: due, before: before, after: w.look(before, fx)}
	w.last = s.after
	if el := in.stanza; el != nil {
		s.sender = plain(el, "from")
		if j, err := muc.ParseJID(s.sender); err == nil {
			s.sender = j.String()
		}
		s.resync = before.inside[s.sender] != nil && payload(el, "http://jabber.org/protocol/muc", "x") != nil
	}
	s.out = w.read(fx)
	w.latest = s
	w.check(s, out)
}

// look is what the room knows after a step. Where nothing happened the snapshot
// tells whether that is true.
func (w *world) look(before *truth, fx muc.Effects) *truth {
	if len(slices.Collect(fx.Events())) == 0 && bytes.Equal(before.live, w.room.Snapshot(muc.Live)) {
		return before
	}
	return truthOf(w.room, w.cfg.IsOwner)
}

// read is what everybody gets, as a client reads it.
func (w *world) read(fx muc.Effects) []sent {
	var list []sent
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			text := string(out.AppendXML(nil, to, ""))
			el, err := readElement(text)
			if err != nil {
				w.fail("%v: %s", err, text)
			}
			list = append(list, sent{to, text, el})
		}
	}
	return list
}

func perform(room *muc.Room, in input) (muc.Effects, error) {
	switch {
	case in.cmd != nil && !in.as.IsZero():
		return room.DoAs(in.at, in.as, in.cmd)
	case in.cmd != nil:
		return room.Do(in.at, in.cmd)
	case in.tick:
		return room.Tick(in.at)
	}
	return room.Handle(in.at, in.stanza)
}

var pointers = regexp.MustCompile(`\b0x[0-9a-f]+`)

func describe(in input) string {
	at := in.at.Format("15:04:05 ")
	switch {
	case in.cmd != nil:
		// Addresses in memory are not the same the next time.
		return at + pointers.ReplaceAllString(fmt.Sprintf("%v %T%+v", in.as, in.cmd, in.cmd), "…")
	case in.tick:
		return at + "tick"
	}
	return at + in.text
}

// output is all that a step gave, as bytes.
func output(b []byte, fx muc.Effects, err error) []byte {
	for ev := range fx.Events() {
		text, bad := ev.MarshalJSON()
		if bad != nil {
			panic(bad)
		}
		b = append(append(b, text...), '\n')
	}
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			b = append(out.AppendXML(b, to, ""), '\n')
		}
	}
	for _, a := range fx.Questions {
		if q := a.Archive; q != nil {
			a.Archive = nil
			b = fmt.Appendf(b, "%+v ", *q)
		}
		b = fmt.Appendf(b, "%+v\n", a)
	}
	if fx.Refused != nil {
		b = fmt.Appendf(b, "refused %+v\n", *fx.Refused)
	}
	if err != nil {
		b = fmt.Appendf(b, "error %v\n", err)
	}
	return b
}

// rest is what must hold of a life that ends in the middle.
func (w *world) rest() {
	w.tally.lives++
	w.checkLimits(w.last.live)
	w.checkCuts()
	w.checkDeterminism()
}
