package proptest

import (
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"
	"pgregory.net/rapid"

	"github.com/gomuc/muc"
)

// roomJID is the address of the one room of a history.
var roomJID = muc.MustParseJID("room@rooms.example")

// password is what a room of a history is protected with, if at all: a text that
// nothing else contains.
const password = "sesame-4711"

// world is one room, its users, and all that was ever said between them.
type world struct {
	t    *rapid.T
	cfg  muc.Config
	room *muc.Room
	now  time.Time
	// log is every event so far; follower and restart replay all of them and the
	// durable ones alone.
	log               []muc.Event
	follower, restart *muc.Room
	clients           map[string]*client
	ids               int
	asks              []muc.Ask
	// steps is the history, for the report of a failure, and inputs is what was
	// done, for doing it again.
	steps  []string
	inputs []input
	output []string
}

// input is one step that can be done again.
type input struct {
	at     time.Time
	stanza string
	cmd    muc.Command
	tick   bool
}

func newWorld(t *rapid.T) *world {
	cfg := muc.Config{Room: roomJID, Secret: []byte("a secret that is only for tests!")}
	cfg.Instant = rapid.Bool().Draw(t, "instant")
	cfg.Registration = muc.Registration(rapid.IntRange(0, 3).Draw(t, "registration"))
	cfg.SelfKick = rapid.Bool().Draw(t, "selfKick")
	cfg.TellAbsent = rapid.Bool().Draw(t, "tellAbsent")
	cfg.LegacyInvites = rapid.Bool().Draw(t, "legacyInvites")
	if rapid.Bool().Draw(t, "asksJoin") {
		cfg.AsksJoin = func(q muc.JoinRequest) bool { return q.JID.Bare().String() == users[4] }
	}
	if rapid.Bool().Draw(t, "isOwner") {
		cfg.IsOwner = func(j muc.JID) bool { return j.Bare().String() == users[3] }
	}
	if rapid.Bool().Draw(t, "rates") {
		cfg.Rates.Messages = muc.Rate{Burst: 2, Every: 20 * time.Second}
		cfg.Rates.Presence = muc.Rate{Burst: 3, Every: 10 * time.Second}
	}
	cfg.NickLockdown = muc.Lockdown(rapid.IntRange(0, 2).Draw(t, "lockdown"))
	cfg.Limits = muc.Limits{History: 5, SessionsPerNick: 3, Occupants: 8, AdminReserve: 1, Affiliations: 12, Asks: 3}
	cfg.AnswersIQ = func(space, _ string) bool { return space == "urn:example:asked" }
	w := &world{t: t, cfg: cfg, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), clients: map[string]*client{}}
	w.room, w.follower, w.restart = w.fresh(), w.fresh(), w.fresh()
	return w
}

func (w *world) fresh() *muc.Room {
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

func parse(xml string) *etree.Element {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(xml); err != nil {
		return nil
	}
	return doc.Root()
}

// stanza plays one stanza as text; what is no XML is not played.
func (w *world) stanza(xml string) {
	el := parse(xml)
	if el == nil {
		return
	}
	w.step(input{stanza: xml})
}

func (w *world) command(cmd muc.Command) { w.step(input{cmd: cmd}) }

// step does one thing and checks every property that a step must have.
func (w *world) step(in input) {
	w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 1, 1, 30, 4000}).Draw(w.t, "seconds")) * time.Second)
	in.at = w.now
	w.inputs = append(w.inputs, in)
	w.steps = append(w.steps, describe(in))
	before := w.truth()
	fx, err := perform(w.room, in)
	w.output = append(w.output, outputs(fx))
	if err != nil && in.cmd == nil {
		w.fail("a stanza is never the host's fault here: %v", err)
	}
	w.log = append(w.log, fx.Events...)
	w.asks = append(w.asks, fx.Asks...)
	w.check(in, before, w.truth(), fx, err)
}

func perform(room *muc.Room, in input) (muc.Effects, error) {
	switch {
	case in.cmd != nil:
		return room.Do(in.at, in.cmd)
	case in.tick:
		return room.Tick(in.at)
	}
	return room.Handle(in.at, parse(in.stanza))
}

func describe(in input) string {
	at := in.at.Format("15:04:05 ")
	switch {
	case in.cmd != nil:
		return at + fmt.Sprintf("%T%+v", in.cmd, in.cmd)
	case in.tick:
		return at + "tick"
	}
	return at + in.stanza
}

// outputs is all that a step gave, as text.
func outputs(fx muc.Effects) string {
	var b strings.Builder
	for _, ev := range fx.Events {
		j, err := ev.MarshalJSON()
		fmt.Fprintln(&b, string(j), err)
	}
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			fmt.Fprintln(&b, string(out.AppendXML(nil, to, "")))
		}
	}
	for _, a := range fx.Asks {
		fmt.Fprintf(&b, "%+v\n", a)
	}
	fmt.Fprintln(&b, fx.Refused)
	return b.String()
}
