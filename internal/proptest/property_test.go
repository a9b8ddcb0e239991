package proptest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
)

// TestHistories plays random histories and holds each step to every promise.
func TestHistories(t *testing.T) {
	t.Parallel()
	var n tally
	defer func() { t.Log(&n) }()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, anyConfig(t), &n)
		n.histories++
		w.open()
		t.Repeat(map[string]func(*rapid.T){"step": func(t *rapid.T) {
			w.any()
		}})
		w.end()
	})
}

// any takes one step of any kind. A room that has ended may begin again.
func (w *world) any() {
	if w.last.state == muc.Destroyed && w.oneIn(2, "again") {
		w.end()
		w.begin()
		w.open()
	}
	w.random()
}

// open lets the first come to a room, and some of the others.
func (w *world) open() {
	if !w.oneIn(8, "nobody") {
		w.stanza(`<presence from='alice@one.example/a' to='room@rooms.example/Ann'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	}
	for range rapid.IntRange(0, 6).Draw(w.t, "company") {
		w.join()
	}
	if w.cfg.Limits.Occupants == crowded {
		for i := range rapid.IntRange(0, crowded).Draw(w.t, "crowd") {
			w.stanza(fmt.Sprintf(`<presence from='guest%d%s/r' to='%s/guest%d'><x xmlns='http://jabber.org/protocol/muc'><password>%s</password></x></presence>`,
				i, crowd, roomJID, i, password))
		}
	}
}

// end is what must hold of a whole life.
func (w *world) end() {
	w.settle()
	w.rest()
}

// settle waits until nobody waits any more.
func (w *world) settle() {
	w.outlive()
	w.checkPatience()
	w.checkLimits(w.last.live)
}
