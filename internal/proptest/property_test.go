package proptest

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
)

// TestHistories plays random histories and holds each step to every promise.
func TestHistories(t *testing.T) {
	histories, steps := 0, 0
	defer func() { t.Logf("%d histories of %d steps", histories, steps) }()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer func() { histories, steps = histories+1, steps+len(w.inputs) }()
		w.stanza(`<presence from='alice@one.example/a' to='room@rooms.example/Ann'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		for range rapid.IntRange(1, 60).Draw(t, "length") {
			w.random()
		}
		w.checkCuts()
		w.checkDeterminism()
	})
}

// checkCuts: at every cut, a snapshot and the events after it make the same room
// as all events do.
func (w *world) checkCuts() {
	cut := rapid.IntRange(0, len(w.log)).Draw(w.t, "cut")
	head, err := muc.Restore(w.cfg, nil, w.log[:cut])
	if err != nil {
		w.fail("restore of %d events: %v", cut, err)
	}
	whole, err := muc.Restore(w.cfg, head.Snapshot(muc.Live), w.log[cut:])
	if err != nil {
		w.fail("restore of a snapshot and %d events: %v", len(w.log)-cut, err)
	}
	if !bytes.Equal(whole.Snapshot(muc.Live), w.room.Snapshot(muc.Live)) {
		w.fail("cut at %d:\n%s\nlive:\n%s", cut, whole.Snapshot(muc.Live), w.room.Snapshot(muc.Live))
	}
}

// checkDeterminism: the same steps give the same bytes.
func (w *world) checkDeterminism() {
	again := w.fresh()
	for i, in := range w.inputs {
		fx, _ := perform(again, in)
		if got := outputs(fx); got != w.output[i] {
			w.fail("step %d gave\n%s\nand now\n%s", i, w.output[i], got)
		}
	}
}
