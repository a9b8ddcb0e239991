// Command tour plays a short evening in a chat room, and prints what goes in,
// what goes out and to whom, and what a host stores. In the end it builds the
// room again from what was stored, and tells whether it is the same: the exit
// status is 1 if it is not.
//
//	go run ./examples/tour
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

func main() {
	if err := tour(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tour:", err)
		os.Exit(1)
	}
}

var (
	config = muc.Config{
		Room:   muc.MustParseJID("cellar@chat.example"),
		Secret: []byte("only for this tour: use random bytes"),
	}
	// evening is when the tour begins. A room has no clock: the host tells it the
	// time, so the tour is the same whenever it is played.
	evening = time.Date(2026, time.May, 1, 20, 0, 0, 0, time.UTC)
)

// host is what a server does around a room, in small.
type host struct {
	room *muc.Room
	now  time.Time
	log  [][]byte // the events as JSON: all that survives
	out  *printer
}

func tour(w io.Writer) error {
	h, err := play(w)
	if err != nil {
		return err
	}
	return h.rebuild()
}

// play plays the story.
func play(w io.Writer) (*host, error) {
	room, err := muc.New(config)
	if err != nil {
		return nil, err
	}
	h := &host{room: room, now: evening, out: &printer{w: w}}
	h.out.prologue(config.Room)
	for i, scene := range story {
		h.now = h.now.Add(time.Minute)
		h.out.scene(i+1, scene.title, scene.remark)
		if err := h.receive(scene.from, scene.sends); err != nil {
			return nil, fmt.Errorf("scene %d: %w", i+1, err)
		}
	}
	return h, nil
}

// receive is the contract in one place: call the room, store its events, then
// deliver.
func (h *host) receive(from, text string) error {
	stanza, err := parse(text)
	if err != nil {
		return err
	}
	h.out.sends(from, stanza)
	stanza.CreateAttr("from", from) // a server knows whose session it is
	fx, err := h.room.Handle(h.now, stanza)
	if err != nil {
		return err // the host's own fault: the room has not changed
	}
	for ev := range fx.Events() {
		line, err := json.Marshal(ev)
		if err != nil {
			return err
		}
		h.log = append(h.log, line)
	}
	for _, out := range fx.Outbound {
		h.out.delivers(out) // a server writes out.AppendXML for each of out.To
	}
	h.out.effects(fx)
	return nil
}

// parse makes a stanza of a text.
func parse(text string) (*etree.Element, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		return nil, err
	}
	doc.Unindent()
	return doc.Root(), nil
}

// rebuild makes the room again from its log and compares the two.
func (h *host) rebuild() error {
	var events []event.Event
	durable := 0
	for _, line := range h.log {
		var ev event.Event
		if err := json.Unmarshal(line, &ev); err != nil {
			return err
		}
		if ev.Durable() {
			durable++
		}
		events = append(events, ev)
	}
	again, err := muc.Restore(config, nil, events)
	if err != nil {
		return err
	}
	h.out.rebuilt(len(events), durable)
	was, is := h.room.Snapshot(muc.Live), again.Snapshot(muc.Live)
	if !bytes.Equal(was, is) {
		fmt.Fprintf(h.out.w, "snapshots differ:\n%s\n%s\n", was, is)
		return errors.New("the rebuilt room is another one")
	}
	sum := sha256.Sum256(is)
	fmt.Fprintf(h.out.w, "snapshots equal: %x\n", sum[:16])
	return nil
}
