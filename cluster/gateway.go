package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// gateway keeps what this node's clients say until the owner of the room has done it.
type gateway struct {
	n *Node

	mu      sync.Mutex
	shards  [Shards]gateShard
	open    int
	bytes   int
	senders map[muc.JID]*gateSender            // by person, while something of theirs is open
	inside  map[muc.JID]map[membership]muc.JID // by person: the rooms that their sessions have asked to enter, and as whom
	entered int                                // how many of these there are of all sessions
	closed  bool                               // nothing more is taken
}

// membership is a session in a room.
type membership struct{ session, room muc.JID }

// mostInside is how many rooms are remembered that the sessions of one person have asked to enter: for each session its rooms.
const mostInside = 10_000

// gateShard is what is open for the rooms of a shard, in order.
type gateShard struct {
	next  uint64
	items []*gateItem
	moved time.Time     // when something was done, or sent again
	wait  time.Duration // until it is sent again
}

// gateItem is a stanza of which it is not known that it is done.
type gateItem struct {
	number uint64
	from   muc.JID
	room   muc.JID
	text   string
	sentTo string // the owner that has it, perhaps
	deaths int    // owners that died with it
}

type gateSender struct{ open, bytes int }

func (g *gateway) start(n *Node) {
	g.n, g.senders, g.inside = n, map[muc.JID]*gateSender{}, map[muc.JID]map[membership]muc.JID{}
}

// load is how much is open.
func (g *gateway) load() (open, bytes int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open, g.bytes
}

// close takes nothing more from now on, if nothing is open, and reports whether that is so.
func (g *gateway) close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = g.closed || g.open == 0
	return g.closed
}

// handle takes a stanza for a room.
func (g *gateway) handle(ctx context.Context, from, room muc.JID, el *etree.Element) error {
	text := stanzaText(el, from)
	var e *muc.StanzaError
	switch {
	case text == "":
		e = &muc.StanzaError{Condition: stanza.BadRequest, Text: "The stanza is not well-formed XML.", Section: "RFC 6120 §4.9.3.13"}
	case len(text) > g.n.cfg.Limits.StanzaBytes:
		e = tooLarge()
	default:
		e = g.keep(from, room, el, text, false)
	}
	if e != nil {
		g.answer(ctx, from, el, e)
	}
	return nil
}

func tooLarge() *muc.StanzaError {
	return &muc.StanzaError{Condition: stanza.PolicyViolation, Text: "The stanza is too large.", Section: "XEP-0045 §14.6"}
}

// answer tells who sent a stanza that it is not done.
func (g *gateway) answer(ctx context.Context, from muc.JID, el *etree.Element, e *muc.StanzaError) {
	if el == nil || isAnswer(el) {
		return
	}
	defer g.n.caught("Deliver")
	g.n.deliver(ctx, refusal(el, from, e))
}

// keep takes a stanza, if there is place or it must be kept, and sends it.
func (g *gateway) keep(from, room muc.JID, el *etree.Element, text string, must bool) *muc.StanzaError {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, factor := &g.n.cfg.Limits, 1
	if isGoodbye(el) {
		factor = 2
	}
	who := from.Bare()
	p := g.senders[who]
	if p == nil {
		p = new(gateSender)
	}
	switch {
	case g.closed:
		return &muc.StanzaError{Condition: stanza.RecipientUnavailable, Text: "The service stops."}
	case must:
	case p.open >= factor*l.SenderOpen, p.bytes+len(text) > factor*l.SenderBytes:
		return &muc.StanzaError{Condition: stanza.ResourceConstraint, Text: "Too many of your stanzas are waiting."}
	case g.open >= factor*l.Open, g.bytes+len(text) > factor*l.OpenBytes:
		return &muc.StanzaError{Condition: stanza.ResourceConstraint, Text: "Too many stanzas are waiting."}
	case g.entered >= l.Inside && g.enters(from, room, el):
		return &muc.StanzaError{Condition: stanza.ResourceConstraint, Text: "Too many rooms have been entered."}
	}
	g.senders[who] = p
	g.count(p, 1, len(text))
	g.noteInside(from, room, el)
	shard := ShardOf(room)
	sh := &g.shards[shard]
	sh.next++
	if len(sh.items) == 0 {
		sh.moved, sh.wait = time.Now(), resendAfter
	}
	sh.items = append(sh.items, &gateItem{number: sh.next, from: from, room: room, text: text})
	if last := len(sh.items) - 1; !g.send(shard, g.n.ownerOf(shard), last) {
		g.remove(sh, last)
		return tooLarge()
	}
	return nil
}

func (g *gateway) count(p *gateSender, open, bytes int) {
	p.open += open
	p.bytes += bytes
	g.open += open
	g.bytes += bytes
}

// enters reports whether a session may get into a room by a stanza, and was not there.
func (g *gateway) enters(from, room muc.JID, el *etree.Element) bool {
	_, is := g.inside[from.Bare()][membership{from, room}]
	return !is && el.Tag == "presence" && el.SelectAttrValue("type", "") == ""
}

// noteInside remembers in which rooms a session may be.
func (g *gateway) noteInside(from, room muc.JID, el *etree.Element) {
	if el.Tag != "presence" {
		return
	}
	who, in := from.Bare(), membership{from, room}
	rooms := g.inside[who]
	had := len(rooms)
	switch el.SelectAttrValue("type", "") {
	case "unavailable", "error":
		if delete(rooms, in); len(rooms) == 0 {
			delete(g.inside, who)
		}
	case "":
		if rooms == nil {
			rooms = map[membership]muc.JID{}
			g.inside[who] = rooms
		}
		if _, is := rooms[in]; is || len(rooms) < mostInside {
			rooms[in], _ = muc.ParseJID(el.SelectAttrValue("to", ""))
		}
	}
	g.entered += len(rooms) - had
}

// isOut forgets what a session is remembered to be in. gateway.mu is held.
func (g *gateway) isOut(session muc.JID) {
	rooms := g.inside[session.Bare()]
	had := len(rooms)
	maps.DeleteFunc(rooms, func(in membership, _ muc.JID) bool { return in.session == session })
	if g.entered += len(rooms) - had; len(rooms) == 0 {
		delete(g.inside, session.Bare())
	}
}

// leave has a session leave all rooms that it has entered through this node, and reports whether
// there were any.
func (g *gateway) leave(ctx context.Context, session muc.JID, presence *etree.Element) (known bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	g.mu.Lock()
	var rooms []muc.JID
	to := map[muc.JID]muc.JID{}
	for in, occupant := range g.inside[session.Bare()] {
		if in.session == session {
			rooms, to[in.room] = append(rooms, in.room), occupant
		}
	}
	g.mu.Unlock()
	slices.SortFunc(rooms, jid.Compare)
	for _, room := range rooms {
		if presence != nil {
			g.keepGoodbye(session, room, to[room], presence.Copy(), false)
		}
		// Should the first be refused. It must be kept, since nobody says it again: there is one for each
		// room that was entered.
		g.keepGoodbye(session, room, to[room], etree.NewElement("presence"), true)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isOut(session) // also where a goodbye found no place
	return len(rooms) > 0, nil
}

func (g *gateway) keepGoodbye(session, room, to muc.JID, el *etree.Element, must bool) {
	el.CreateAttr("type", "unavailable")
	el.CreateAttr("to", to.String())
	if text := stanzaText(el, session); text != "" && len(text) <= g.n.cfg.Limits.StanzaBytes {
		_ = g.keep(session, room, el, text, must)
	}
}

// ownerOf is who has a shard, as far as this node knows.
func (n *Node) ownerOf(shard int) Owner {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.owners[shard]
}

// send sends an item to the owner, if there is one, and reports whether the bus takes what is so
// large. gateway.mu is held.
func (g *gateway) send(shard int, o Owner, at int) (fits bool) {
	to := o.id()
	if to == "" {
		return true
	}
	items := g.shards[shard].items
	item := items[at]
	f := inFrame{Gateway: g.n.id, Shard: shard, Epoch: o.Epoch, Number: item.number, Room: item.room, From: item.from, Text: item.text}
	if at > 0 {
		f.Before = items[at-1].number
	}
	item.sentTo = to
	if to == g.n.id {
		g.n.local.put(&f, g.n.intake.take)
		return true
	}
	return !errors.Is(g.n.cfg.Bus.Publish("in."+to, encode(f)), ErrTooLarge)
}

// sendAll sends what is open for a shard, from the first on. gateway.mu is held.
func (g *gateway) sendAll(shard int, o Owner) {
	sh := &g.shards[shard]
	sh.moved = time.Now()
	bytes := 0
	for at := 0; at < len(sh.items); at++ {
		if !g.send(shard, o, at) { // it was for this node, until now
			item := sh.items[at]
			g.n.tasks.Go(func() { g.refuse(item, tooLarge()) })
			g.remove(sh, at)
			at--
			continue
		}
		if bytes += len(sh.items[at].text); bytes > resendBytes {
			g.n.cfg.Observer.Resent(at + 1)
			return
		}
	}
	if len(sh.items) > 0 {
		g.n.cfg.Observer.Resent(len(sh.items))
	}
}

// again sends again what has been open for too long.
func (g *gateway) again(now time.Time) {
	for shard := range g.shards {
		o := g.n.ownerOf(shard)
		g.mu.Lock()
		if sh := &g.shards[shard]; len(sh.items) > 0 && now.Sub(sh.moved) >= sh.wait {
			sh.wait = min(2*sh.wait, resendMost)
			g.sendAll(shard, o)
		}
		g.mu.Unlock()
	}
}

// onAck hears what another node has done.
func (g *gateway) onAck(data []byte) {
	var a ackFrame
	if json.Unmarshal(data, &a) == nil && a.Shard >= 0 && a.Shard < Shards {
		g.acked(&a)
	}
}

// acked takes in what the owner of a room has done. Once there is another owner, what the one before said
// may have come too late for this node's clients: the other one says whether it is done.
func (g *gateway) acked(a *ackFrame) {
	o := g.n.ownerOf(a.Shard)
	if a.Epoch > o.Epoch { // the message that there is another owner may be lost
		time.AfterFunc(beatEvery, func() {
			if g.n.ownerOf(a.Shard).Epoch < a.Epoch {
				g.n.verify(a.Shard)
			}
		})
	}
	if a.Epoch < max(o.Epoch, g.n.seen[a.Shard].last()) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	sh := &g.shards[a.Shard]
	if a.Again {
		if o.Epoch == a.Epoch {
			g.sendAll(a.Shard, o)
		}
		return
	}
	at, is := slices.BinarySearchFunc(sh.items, a.Number, func(item *gateItem, number uint64) int {
		return cmp.Compare(item.number, number)
	})
	if is {
		g.remove(sh, at)
		sh.moved, sh.wait = time.Now(), resendAfter
	}
}

// remove forgets an item. gateway.mu is held.
func (g *gateway) remove(sh *gateShard, at int) {
	item := sh.items[at]
	if sh.items = slices.Delete(sh.items, at, at+1); len(sh.items) == 0 {
		sh.items = nil
	}
	who := item.from.Bare()
	p := g.senders[who]
	if g.count(p, -1, -len(item.text)); p.open == 0 {
		delete(g.senders, who)
	}
}

// moved has what is open for a shard done by its new owner. If several owners have died while the
// same stanza was the first that was open, they may have died of it: it is refused.
func (g *gateway) moved(shard int, was, is Owner, dead bool) {
	var refused *gateItem
	g.mu.Lock()
	sh := &g.shards[shard]
	if dead && len(sh.items) > 0 && sh.items[0].sentTo != "" && sh.items[0].sentTo == was.id() {
		if sh.items[0].deaths++; sh.items[0].deaths >= mostDeaths {
			refused = sh.items[0]
			g.remove(sh, 0)
		}
	}
	sh.wait = resendAfter
	g.sendAll(shard, is)
	g.mu.Unlock()
	if refused != nil {
		g.n.log.Error("a stanza is refused with which several nodes have died", "from", refused.from, "shard", shard)
		g.refuse(refused, &muc.StanzaError{Type: stanza.TypeWait, Condition: stanza.InternalServerError, Text: "The service could not do this."})
	}
}

// refuse tells somebody that a stanza, which was taken, is refused.
func (g *gateway) refuse(item *gateItem, e *muc.StanzaError) {
	g.answer(g.n.ctx, item.from, elementOf(item.text), e)
}
