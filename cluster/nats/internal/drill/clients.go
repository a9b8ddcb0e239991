package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// chat is a room and its people: three who stay, the first of them its owner, and one who comes and goes
// and is banned at times.
type chat struct {
	jid   muc.JID
	stay  []*client
	guest *client
	said  atomic.Uint64 // messages, so far
	heard atomic.Uint64 // by the first who stays
	spoke time.Time     // when that was last; world.mu guards it

	mu      sync.Mutex
	refused map[string]bool // messages, by id, of which the sender was told that there is too much to do
}

// tooMuch notes that a message was refused because there was too much to do, as it may be where the machine is
// slow, and says whether that was why.
func (r *chat) tooMuch(el *etree.Element) bool {
	e := el.SelectElement("error")
	if e == nil || e.SelectElement("resource-constraint") == nil {
		return false
	}
	if el.Tag == "message" {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.refused[el.SelectAttrValue("id", "")] = true
	}
	return true
}

// expected is how many messages are to be heard.
func (r *chat) expected() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.Load() - uint64(len(r.refused))
}

// client is a client of the node in this process.
type client struct {
	jid  muc.JID
	room *chat
	nick string

	mu     sync.Mutex
	inside bool
	heard  []line
	ids    map[string]string // stanza-id to body
	bodies map[string]bool
}

// enter makes the rooms and lets everybody in.
func (w *world) enter(ctx context.Context) error {
	for i := range w.options.rooms {
		r := &chat{refused: map[string]bool{}, jid: muc.MustParseJID(fmt.Sprintf("room%d@%s", i, domain))}
		for j := range 4 {
			c := &client{room: r, nick: fmt.Sprint("nick", j), ids: map[string]string{}, bodies: map[string]bool{},
				jid: muc.MustParseJID(fmt.Sprintf("person%d-%d@example.org/%s.x", i, j, w.gate.ID()))}
			w.byJID[c.jid.String()] = c
			if j == 3 {
				r.guest = c
			} else {
				r.stay = append(r.stay, c)
			}
		}
		w.rooms = append(w.rooms, r)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var entering sync.WaitGroup
	for _, r := range w.rooms {
		entering.Go(func() {
			for _, c := range r.stay {
				w.send(ctx, c, `<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, r.jid, c.nick)
				for !c.isInside() && ctx.Err() == nil {
					pause(ctx, time.Millisecond)
				}
			}
		})
	}
	entering.Wait()
	if ctx.Err() != nil {
		return errors.New("somebody does not get in")
	}
	ctx, w.quiet = context.WithCancel(context.WithoutCancel(ctx))
	for i, r := range w.rooms {
		w.talking.Go(func() { w.talk(ctx, r, rand.New(rand.NewPCG(w.seed, uint64(i)+1))) })
		w.talking.Go(func() { w.visit(ctx, r, rand.New(rand.NewPCG(w.seed, uint64(i)+1_000_001))) })
	}
	return nil
}

// talk has those who stay say something, again and again.
func (w *world) talk(ctx context.Context, r *chat, rnd *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		c := r.stay[rnd.IntN(len(r.stay))]
		r.said.Add(1)
		w.send(ctx, c, `<message to='%s' type='groupchat' id='m%d'><body>%d %s</body></message>`, r.jid, n, n, c.nick)
		pause(ctx, w.pace/2+time.Duration(rnd.Int64N(int64(w.pace))))
	}
}

// visit has the guest come and go; the owner bans and pardons it at times, or kicks it.
func (w *world) visit(ctx context.Context, r *chat, rnd *rand.Rand) {
	admin := func(id string, n int, item string, args ...any) {
		w.send(ctx, r.stay[0], `<iq to='%s' type='set' id='%s%d'><query xmlns='http://jabber.org/protocol/muc#admin'>%s</query></iq>`,
			r.jid, id, n, fmt.Sprintf(item, args...))
	}
	affiliate := func(n int, affiliation string) {
		admin("ban", n, `<item jid='%s' affiliation='%s'/>`, r.guest.jid.Bare(), affiliation)
	}
	for n := 0; ctx.Err() == nil; n++ {
		w.send(ctx, r.guest, `<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, r.jid, r.guest.nick)
		pause(ctx, 4*w.pace)
		switch rnd.IntN(4) {
		case 0:
			affiliate(2*n, "outcast")
			pause(ctx, w.pace)
			affiliate(2*n+1, "none")
		case 1:
			admin("kick", n, `<item nick='%s' role='none'/>`, r.guest.nick)
		default:
			w.send(ctx, r.guest, `<presence to='%s/%s' type='unavailable'/>`, r.jid, r.guest.nick)
		}
		pause(ctx, 4*w.pace)
	}
}

// send has a client send a stanza. What is taken must be done.
func (w *world) send(ctx context.Context, c *client, format string, args ...any) {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(fmt.Sprintf(format, args...)); err != nil {
		panic(err)
	}
	if err := w.gate.Handle(context.WithoutCancel(ctx), c.jid, doc.Root()); err != nil && !errors.Is(err, context.Canceled) {
		w.blame("%s: not taken: %v", c.jid, err)
	}
}

// deliver is what the node in this process has for its clients.
func (w *world) deliver(_ context.Context, s service.Stanza) {
	for _, to := range s.To() {
		if c := w.byJID[to.String()]; c != nil {
			w.hear(c, s.Stanza())
		}
	}
}

// hear looks at a stanza as a client does.
func (w *world) hear(c *client, el *etree.Element) {
	_, nick, _ := strings.Cut(el.SelectAttrValue("from", ""), "/")
	kind := el.SelectAttrValue("type", "")
	stays := c != c.room.guest
	switch {
	case kind == "error" && c.room.tooMuch(el):
		w.tell("stanzas refused: too much to do", 1, 0)
	case kind == "error" && isLate(el): // the guest is not there yet, or not any more
	case kind == "error" && stays:
		w.blame("%s was refused: %s", c.jid, text(el))
	case el.Tag == "presence" && nick == c.nick:
		c.mu.Lock()
		was := c.inside
		c.inside = kind == ""
		c.mu.Unlock()
		if stays && was && kind != "" {
			w.blame("%s was put out: %s", c.jid, text(el))
		}
	case el.Tag == "message" && kind == "groupchat" && el.SelectElement("body") != nil && el.SelectElement("delay") == nil:
		id := ""
		if s := el.SelectElement("stanza-id"); s != nil {
			id = s.SelectAttrValue("id", "")
		}
		w.listen(c, line{id, el.SelectElement("body").Text()})
	}
}

// isLate reports whether somebody was to be kicked who is not there.
func isLate(el *etree.Element) bool {
	e := el.SelectElement("error")
	return strings.HasPrefix(el.SelectAttrValue("id", ""), "kick") && e != nil && e.SelectElement("item-not-found") != nil
}

// listen notes a message; one that was heard before is a fault.
func (w *world) listen(c *client, l line) {
	c.mu.Lock()
	_, twice := c.ids[l.ID]
	again := c.bodies[l.Body]
	c.ids[l.ID], c.bodies[l.Body] = l.Body, true
	c.heard = append(c.heard, l)
	c.mu.Unlock()
	switch {
	case twice:
		w.blame("%s heard a copy of %v", c.jid, l)
	case again:
		w.blame("%s heard %q under two ids", c.jid, l.Body)
	}
	if c == c.room.stay[0] {
		w.speaks(c.room, l)
	}
}

// speaks ends the waits for a room that has said something that was sent after its node was killed.
func (w *world) speaks(r *chat, l line) {
	first, _, _ := strings.Cut(l.Body, " ")
	n, _ := strconv.ParseUint(first, 10, 64)
	r.heard.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if !r.spoke.IsZero() {
		w.longest = max(w.longest, now.Sub(r.spoke))
	}
	r.spoke = now
	left := w.waiting[:0]
	for _, v := range w.waiting {
		if v.room == r && n >= v.after {
			w.silences = append(w.silences, time.Since(v.since))
		} else {
			left = append(left, v)
		}
	}
	w.waiting = left
}

func (c *client) isInside() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inside
}

func text(el *etree.Element) string {
	doc := etree.NewDocument()
	doc.SetRoot(el.Copy())
	s, _ := doc.WriteToString()
	return s
}
