package service_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

// disk is a store that fails at random moments: whether a call fails follows from what
// it stores, and how often that was tried.
type disk struct {
	service.Memory
	seed uint64

	mu      sync.Mutex
	percent int
	tried   map[string]int
	archive map[string]bool // what was ever said, by room and payload
	lives   map[muc.JID]int // how many rooms there have been at an address
	gate    chan struct{}
}

// fail lets so many of 100 calls fail from now on.
func (d *disk) fail(percent int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.percent = percent
}

// hold keeps calls waiting until release.
func (d *disk) hold() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate = make(chan struct{})
}

func (d *disk) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.gate)
	d.gate = nil
}

// pass waits at the gate.
func (d *disk) pass() {
	d.mu.Lock()
	gate := d.gate
	d.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

// fails decides on one try to do something, out of the given number of hundreds.
func (d *disk) fails(what string, hundreds int) bool {
	d.tried[what]++
	h := fnv.New32a()
	fmt.Fprint(h, d.seed, what, d.tried[what])
	return int(h.Sum32()>>8)%(100*hundreds) < d.percent
}

// Append fails before it has stored anything, or says so although it has stored all.
func (d *disk) Append(ctx context.Context, batches []service.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, after := false, false
	for _, b := range batches {
		before = d.fails(fmt.Sprint("before ", b.Room, b.After), 1) || before
		after = d.fails(fmt.Sprint("after ", b.Room, b.After), 4) || after
	}
	if before {
		return errDisk
	}
	if err := d.Memory.Append(ctx, batches); err != nil {
		return err
	}
	for _, b := range batches {
		if b.Gone {
			d.lives[b.Room]++
		}
		for _, ev := range b.Events {
			if m, ok := ev.Body.(*event.MessageArchived); ok {
				d.archive[b.Room.String()+m.Payload] = true
			}
		}
	}
	if after {
		return errDisk
	}
	return nil
}

// life counts the rooms that were at an address before the one of now.
func (d *disk) life(room muc.JID) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lives[room]
}

func (d *disk) archived(what string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.archive[what]
}

// connection is the disk as one process has it, which must be alive for that.
type connection struct {
	*disk
	alive func() bool
}

func (c *connection) Append(ctx context.Context, batches []service.Batch) error {
	c.pass()
	if !c.alive() {
		return errDisk
	}
	return c.disk.Append(ctx, batches)
}

// Delivered is lost now and then.
func (c *connection) Delivered(room muc.JID, at service.Position) {
	c.mu.Lock()
	lost := c.fails(fmt.Sprint("delivered ", room, at), 1)
	c.mu.Unlock()
	if !lost && c.alive() {
		c.Memory.Delivered(room, at)
	}
}

func (c *connection) Load(ctx context.Context, room muc.JID) (service.Saved, error) {
	c.mu.Lock()
	failed := c.fails(fmt.Sprint("load ", room), 3)
	c.mu.Unlock()
	if failed || !c.alive() {
		return service.Saved{}, errDisk
	}
	return c.Memory.Load(ctx, room)
}

// receive is what clients make of a stanza.
func (w *world) receive(s service.Stanza) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, to := range s.To() {
		el := parse(string(s.AppendXML(nil, to, "")))
		from := muc.MustParseJID(el.SelectAttrValue("from", ""))
		c, typ := w.clients[to.String()], el.SelectAttrValue("type", "")
		switch {
		case el.Tag == "iq" && (typ == "result" || typ == "error"):
			id := el.SelectAttrValue("id", "")
			broken := el.FindElement("error/internal-server-error") != nil
			if w.again[id] && w.open[id] == "" && (broken || w.broken[id]) {
				break // a room that cannot be loaded does not know what it has done: see Submit
			}
			assert.Equal(w.t, to.String(), w.open[id], "one answer to one request: %s", text(el))
			delete(w.open, id)
			w.broken[id] = broken
		case c == nil || c.dead:
		case el.Tag == "message" && typ == "groupchat":
			w.hear(c, from.Bare(), el)
		case el.Tag == "presence" && typ != "error" && slices.Contains(strings.Fields(statuses(el)), "110"):
			c.see(from, el)
		}
	}
}

// hear: what somebody says is stored when it is heard, and the subject is what it is.
func (w *world) hear(c *client, room muc.JID, el *etree.Element) {
	body, subject := el.SelectElement("body"), el.SelectElement("subject")
	switch at := c.rooms[room.Local()]; {
	case body != nil:
		assert.True(w.t, w.disk.archived(room.String()+"<body>"+body.Text()+"</body>"), "told before it was stored: %s", text(el))
	case subject != nil && at != nil:
		at.subject = subject.Text()
	}
}

// see takes in one's own presence.
func (c *client) see(from muc.JID, el *etree.Element) {
	gone := el.SelectAttrValue("type", "") == "unavailable"
	switch at := c.rooms[from.Local()]; {
	case gone && el.FindElement("x/status[@code='303']") != nil: // another nick
	case gone:
		delete(c.rooms, from.Local())
	case at == nil:
		at = new(sight)
		c.rooms[from.Local()] = at
		fallthrough
	default:
		at.affiliation = el.FindElement("x/item").SelectAttrValue("affiliation", "")
	}
}

// compare holds the rooms, when nothing moves, to what is stored and to what people know.
func (w *world) compare() {
	w.t.Helper()
	for _, room := range roomsOfWorld {
		saved, err := w.disk.Memory.Load(w.t.Context(), at(room))
		require.NoError(w.t, err)
		config := w.config.Room
		config.Room = at(room)
		events, kind := saved.Events, muc.Durable
		for _, step := range saved.Steps {
			events, kind = append(events, step.Events...), muc.Live
		}
		stored, err := muc.Restore(config, saved.Snapshot, events)
		require.NoError(w.t, err)
		var inside []string
		live := stored // a room that cannot be loaded
		_ = w.service.Read(w.t.Context(), at(room), func(r *muc.Room) {
			live = r
			for o := range r.Occupants() {
				for _, jid := range o.Sessions {
					inside = append(inside, jid.String())
				}
			}
			assert.Equal(w.t, string(stored.Snapshot(kind)), string(live.Snapshot(kind)), "%s is not what is stored", room)
		})
		w.compareSights(room, inside, stored)
	}
}

// compareSights: who believes to be inside is inside, and believes what is stored.
func (w *world) compareSights(room string, inside []string, stored *muc.Room) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var believe []string
	affiliations := map[muc.JID]muc.Affiliation{}
	for who, affiliation := range stored.Affiliations() {
		affiliations[who] = affiliation
	}
	subject, _ := stored.Subject()
	for _, c := range w.clients {
		c.dead = false
		if at := c.rooms[room]; at != nil {
			believe = append(believe, c.jid)
			assert.Equal(w.t, affiliations[muc.MustParseJID(c.jid).Bare()].String(), at.affiliation, "%s in %s", c.jid, room)
			assert.Equal(w.t, subject, at.subject, "%s in %s", c.jid, room)
		}
	}
	assert.ElementsMatch(w.t, inside, believe, "who is in %s, and who believes to be", room)
}

// everybodyKnows: after a stop nobody believes to be inside, and nobody waits.
func (w *world) everybodyKnows() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.clients {
		assert.Empty(w.t, c.rooms, "%s was not told of the stop", c.jid)
	}
	assert.Empty(w.t, w.open, "requests without an answer")
}
