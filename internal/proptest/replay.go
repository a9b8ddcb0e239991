package proptest

import (
	"bytes"
	"slices"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// replicas are rooms that must be the room, each made in another way.
type replicas struct {
	// follower is told all events, restart the durable ones; now and then they are
	// restored from their own snapshots.
	follower, restart *muc.Room
	durable           []byte // restart's snapshot
	// moved was restored from a live snapshot at some step and does everything that
	// the room does.
	moved *muc.Room
}

// checkReplay: who follows the events is the room, the durable ones alone make what
// is durable of it, and a room that was moved says what the room says, to the byte.
func (w *world) checkReplay(s *step, out []byte) {
	k, live := &w.kept, s.before.live
	lasting := false
	for ev := range s.fx.Events() {
		if err := k.follower.Apply(ev); err != nil {
			w.fail("replay: %v", err)
		}
		if ev.Durable() {
			lasting = true
			if err := k.restart.Apply(ev); err != nil {
				w.fail("replay of durable events: %v", err)
			}
		}
	}
	// Nothing happened to who was not told of anything.
	if len(slices.Collect(s.fx.Events())) > 0 {
		live = k.follower.Snapshot(muc.Live)
	}
	if lasting {
		k.durable = k.restart.Snapshot(muc.Durable)
	}
	if !bytes.Equal(s.after.live, live) {
		w.fail("replay differs\nlive:     %s\nreplayed: %s", s.after.live, live)
	}
	if durable := w.room.Snapshot(muc.Durable); s.after != s.before && !bytes.Equal(durable, k.durable) {
		w.fail("durable replay differs\nlive:     %s\nreplayed: %s", durable, k.durable)
	}
	fx, err := perform(k.moved, s.in)
	if got := output(nil, fx, err); !bytes.Equal(got, out) {
		w.fail("a room that was moved says\n%s\nthe one that stayed\n%s", got, out)
	}
	due := w.room.Deadline()
	if moved, followed := k.moved.Deadline(), k.follower.Deadline(); due != moved || due != followed {
		w.fail("due at %v, moved at %v, replayed at %v", due, moved, followed)
	}
	w.move(s)
}

// move restores the replicas from snapshots, at one step in sixteen.
func (w *world) move(s *step) {
	if rapid.IntRange(0, 15).Draw(w.t, "move") != 15 {
		return
	}
	w.steps = append(w.steps, "— moved")
	k := &w.kept
	if got := k.moved.Snapshot(muc.Live); !bytes.Equal(got, s.after.live) {
		w.fail("moved:  %s\nstayed: %s", got, s.after.live)
	}
	k.moved = w.restore(s.after.live, nil)
	k.follower = w.restore(s.after.live, nil)
	k.restart = w.restore(k.durable, nil)
	w.checkRestart(s)
}

// checkRestart: after a restart nobody is inside, and the first tick ends a room that
// was waiting for its configuration or lived by its occupants, and no other.
func (w *world) checkRestart(s *step) {
	room := w.restore(w.kept.durable, nil)
	if !room.Idle() {
		w.fail("somebody is inside after a restart")
	}
	want := s.after.state
	if want == muc.Locked || want == muc.Open && !s.after.conf.Persistent {
		want = muc.Destroyed
	}
	if _, err := room.Tick(w.now); err != nil || room.State() != want {
		w.fail("a %v room is %v after a restart and a tick: %v", s.after.state, room.State(), err)
	}
}

func (w *world) restore(snapshot []byte, events []event.Event) *muc.Room {
	room, err := muc.Restore(w.cfg, snapshot, events)
	if err != nil {
		w.fail("restore of %d events and %s: %v", len(events), snapshot, err)
	}
	return room
}

// maxCuts is at how many points the log of one life is cut: at every one, unless it
// is so long that this would be most of the work.
const maxCuts = 40

// checkCuts: at every cut, a snapshot and the events after it make the same room
// as all events do, live and durable.
func (w *world) checkCuts() {
	live, durable := w.room.Snapshot(muc.Live), w.room.Snapshot(muc.Durable)
	first, stride := 0, 1+len(w.log)/maxCuts
	if stride > 1 {
		first = rapid.IntRange(0, stride-1).Draw(w.t, "cut")
	}
	head := w.fresh()
	var tail []event.Event
	for _, ev := range w.log {
		if ev.Durable() {
			tail = append(tail, ev)
		}
	}
	for i := 0; ; i++ {
		if i%stride == first {
			w.tally.cuts++
			if got := w.restore(head.Snapshot(muc.Live), w.log[i:]).Snapshot(muc.Live); !bytes.Equal(got, live) {
				w.fail("cut at %d:\n%s\nlive:\n%s", i, got, live)
			}
			if i == 0 || w.log[i-1].Durable() {
				if got := w.restore(head.Snapshot(muc.Durable), tail).Snapshot(muc.Durable); !bytes.Equal(got, durable) {
					w.fail("durable cut at %d:\n%s\nlive:\n%s", i, got, durable)
				}
			}
		}
		if i == len(w.log) {
			return
		}
		if err := head.Apply(w.log[i]); err != nil {
			w.fail("replay: %v", err)
		}
		if w.log[i].Durable() {
			tail = tail[1:]
		}
	}
}

// checkDeterminism: the same steps give the same bytes, each time.
func (w *world) checkDeterminism() {
	var got []byte
	for range w.runs {
		again := w.fresh()
		for i, in := range w.inputs {
			fx, err := perform(again, in)
			if got = output(got[:0], fx, err); !bytes.Equal(got, w.outputs[i]) {
				w.fail("%s gave\n%s\nand now\n%s", describe(in), w.outputs[i], got)
			}
		}
		w.tally.replayed += len(w.inputs)
	}
}
