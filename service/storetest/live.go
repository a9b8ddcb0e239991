package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// RunSingle is [Run] for a store that stores one batch at a call, of whose service
// Limits.StoreBatch is 1: it is given no more than one, and that a call is all or nothing is not
// tested.
func RunSingle(t *testing.T, open func(t *testing.T) service.Store) {
	run(t, func(t *testing.T) service.Store { return single{open(t)} }, func(name string) bool { return name != atomicTest })
}

// single gives a store the batches of a call one after the other.
type single struct{ service.Store }

func (s single) Append(ctx context.Context, batches []service.Batch) error {
	for i := range batches {
		if err := s.Store.Append(ctx, batches[i:i+1]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// RunLive tests stores that keep rooms with everybody inside, beside [Run] or [RunSingle]. They
// are given one batch at a call.
func RunLive(t *testing.T, open func(t *testing.T) service.LiveStore) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s service.LiveStore)
	}{
		{"steps come back as they were", testSteps},
		{"a step that does not fit is a conflict", testStepConflict},
		{"what was delivered is known, or not yet", testDelivered},
		{"a snapshot takes the place of steps", testLiveSnapshot},
		{"a room that is gone leaves its sources", testGoneSources},
		{"what was stored before it was live", testBeforeLive},
		{"memory of steps belongs to the caller", testStepMemory},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// liveLog is a room with people inside, and what a store should have of it.
type liveLog struct {
	t     *testing.T
	live  *muc.Room
	room  muc.JID
	given int
	want  service.Saved
	at    service.Position
	entry service.Entry
}

func newLiveLog(t *testing.T, local string) *liveLog {
	t.Helper()
	l := newLog(t, local)
	return &liveLog{t: t, live: l.live, room: l.room}
}

// step has somebody enter, speak, and write to another one, and is the batch of that.
func (l *liveLog) step() service.Batch {
	l.t.Helper()
	b := service.Batch{Room: l.room, After: l.at, Entry: service.Entry{Room: l.room, Inhabited: true, Creator: owner.Bare()}}
	for _, form := range []string{
		"<presence from='guest%[1]d@example.org/x' to='%[2]s/guest%[1]d'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
		"<message type='groupchat' from='guest%[1]d@example.org/x' to='%[2]s'><body>größer als \"%[1]d\"</body></message>",
		"<message type='chat' from='guest%[1]d@example.org/x' to='%[2]s/guest%[1]d'><body>&lt;psst/&gt;</body></message>",
	} {
		stanza := fmt.Sprintf(form, l.given/3, l.room)
		doc := etree.NewDocument()
		must(l.t, doc.ReadFromString(stanza))
		l.given++
		now := evening.Add(time.Duration(l.given) * 1234 * time.Millisecond)
		fx, err := l.live.Handle(now, doc.Root())
		must(l.t, err)
		in := service.Input{Time: now, Source: fmt.Sprint("source", l.given%2), Number: uint64(l.given), Stanza: stanza}
		if l.given%5 == 0 {
			in = service.Input{Time: now, Command: json.RawMessage(`{"name":"tick"}`), From: owner, Refused: true}
		}
		b.Inputs = append(b.Inputs, in)
		for ev := range fx.Events() {
			b.Events = append(b.Events, ev)
		}
	}
	l.at, l.entry = b.At(), b.Entry
	l.want.Steps = append(l.want.Steps, service.Step{Inputs: slices.Clone(b.Inputs), Events: slices.Clone(b.Events)})
	return b
}

// snapshot is the batch that takes the place of all steps.
func (l *liveLog) snapshot() service.Batch {
	sources := []service.Source{{Name: "b", Number: 1 << 40}, {Name: "a \"ü\"", Number: 7}}
	b := service.Batch{Room: l.room, After: l.at, Snapshot: l.live.Snapshot(muc.Live), Sources: sources, Entry: l.entry}
	l.want = service.Saved{Snapshot: slices.Clone(b.Snapshot), Sources: slices.Clone(sources)}
	return b
}

func (l *liveLog) check(s service.LiveStore) service.Saved {
	l.t.Helper()
	got, err := s.Load(l.t.Context(), l.room)
	must(l.t, err)
	if string(got.Snapshot) != string(l.want.Snapshot) || !slices.Equal(got.Sources, l.want.Sources) || len(got.Steps) != len(l.want.Steps) {
		l.t.Fatalf("%s: %d bytes of snapshot, sources %v, %d steps\nwant %d, %v, %d", l.room,
			len(got.Snapshot), got.Sources, len(got.Steps), len(l.want.Snapshot), l.want.Sources, len(l.want.Steps))
	}
	checkEvents(l.t, got.Events, l.want.Events)
	for i := range got.Steps {
		checkEvents(l.t, got.Steps[i].Events, l.want.Steps[i].Events)
		if g, w := inputs(l.t, got.Steps[i]), inputs(l.t, l.want.Steps[i]); g != w {
			l.t.Fatalf("the inputs of step %d are\n%s\nwant\n%s", i, g, w)
		}
	}
	return got
}

func inputs(t *testing.T, step service.Step) string {
	t.Helper()
	text, err := json.Marshal(step.Inputs)
	must(t, err)
	return string(text)
}

// inhabited is what the list says of the room.
func (l *liveLog) inhabited(s service.LiveStore) bool {
	l.t.Helper()
	list, err := s.List(l.t.Context(), muc.JID{}, 1000)
	must(l.t, err)
	for _, e := range list {
		if e.Room == l.room {
			return e.Inhabited
		}
	}
	l.t.Fatalf("%s is not listed", l.room)
	return false
}

func store(t *testing.T, s service.LiveStore, b service.Batch) {
	t.Helper()
	must(t, s.Append(t.Context(), []service.Batch{b}))
}

func testSteps(t *testing.T, s service.LiveStore) {
	l, other := newLiveLog(t, "cellar"), newLiveLog(t, "balcony")
	for range 4 {
		store(t, s, l.step())
		l.check(s)
		store(t, s, other.step())
	}
	other.check(s)
	if !l.inhabited(s) {
		t.Error("somebody is inside")
	}
}

func testStepConflict(t *testing.T, s service.LiveStore) {
	l := newLiveLog(t, "cellar")
	first := l.step()
	store(t, s, first)
	conflicts(t, s, first)
	next := l.step()
	for _, after := range []service.Position{{}, {Seq: next.After.Seq}, {Seq: next.After.Seq, Sub: next.After.Sub - 1}, {Seq: next.After.Seq, Sub: next.After.Sub + 1}, {Seq: next.After.Seq + 1}} {
		wrong := next
		wrong.After = after
		conflicts(t, s, wrong)
		wrong.Events, wrong.Inputs, wrong.Snapshot = nil, nil, []byte("{}")
		conflicts(t, s, wrong)
	}
	store(t, s, next)
	l.check(s)
	old := l.snapshot()
	store(t, s, old)
	store(t, s, l.step())
	conflicts(t, s, old)
	l.check(s)
}

func testDelivered(t *testing.T, s service.LiveStore) {
	l := newLiveLog(t, "cellar")
	s.Delivered(l.room, service.Position{Seq: 1}) // of a room that is not there
	first := l.step()
	store(t, s, first)
	empty := l.step()
	empty.Entry.Inhabited = false
	store(t, s, empty)
	if got := l.check(s); got.Delivered != (service.Position{}) {
		t.Errorf("%s is delivered, and nothing was", got.Delivered)
	}
	if !l.inhabited(s) {
		t.Error("nobody is inside, but something is not delivered: the list does not say so")
	}
	for _, at := range []service.Position{first.At(), empty.At(), first.At()} {
		s.Delivered(l.room, at)
		if got := l.check(s); got.Delivered.Compare(empty.At()) > 0 {
			t.Errorf("%s is delivered, of %s", got.Delivered, empty.At())
		}
	}
	more := l.step()
	store(t, s, more)
	if got := l.check(s); got.Delivered.Compare(more.After) > 0 {
		t.Errorf("%s is delivered, of %s", got.Delivered, more.After)
	}
	if !l.inhabited(s) {
		t.Error("somebody is inside")
	}
}

func testLiveSnapshot(t *testing.T, s service.LiveStore) {
	l := newLiveLog(t, "cellar")
	for range 3 {
		store(t, s, l.step())
		store(t, s, l.step())
		s.Delivered(l.room, l.at)
		store(t, s, l.snapshot())
		l.check(s)
	}
	store(t, s, l.step())
	got := l.check(s)
	again, err := muc.Restore(muc.Config{Room: l.room, Secret: secret, Instant: true}, got.Snapshot, got.Steps[0].Events)
	must(t, err)
	if string(again.Snapshot(muc.Live)) != string(l.live.Snapshot(muc.Live)) {
		t.Error("the room is another one")
	}
	// As a service without Config.Live does it, to whom such a room was handed.
	durable := service.Batch{Room: l.room, After: l.at, Snapshot: l.live.Snapshot(muc.Durable), Entry: l.entry}
	l.want = service.Saved{Snapshot: slices.Clone(durable.Snapshot)}
	store(t, s, durable)
	l.check(s)
}

func testGoneSources(t *testing.T, s service.LiveStore) {
	l := newLiveLog(t, "cellar")
	store(t, s, l.step())
	sources := []service.Source{{Name: "a", Number: 3}}
	store(t, s, service.Batch{Room: l.room, After: l.at, Gone: true, Sources: sources, Entry: service.Entry{Room: l.room}})
	again := newLiveLog(t, "cellar")
	again.want.Sources = sources
	again.check(s)
	store(t, s, again.step())
	again.check(s)
}

func testBeforeLive(t *testing.T, s service.LiveStore) {
	before := newLog(t, "cellar")
	b := before.batch(3)
	store(t, s, b)
	l := &liveLog{t: t, live: before.live, room: before.room, at: before.after}
	l.want.Events = before.stored.Events
	store(t, s, l.step())
	l.check(s)
	store(t, s, l.step())
	l.check(s)
}

func testStepMemory(t *testing.T, s service.LiveStore) {
	l := newLiveLog(t, "cellar")
	b := l.step()
	store(t, s, b)
	clear(b.Events)
	clear(b.Inputs)
	l.check(s)
	shot := l.snapshot()
	store(t, s, shot)
	clear(shot.Snapshot)
	clear(shot.Sources)
	got := l.check(s)
	clear(got.Sources)
	l.check(s)
}
