package service

import (
	"maps"
	"slices"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/jid"
)

// What people know of a room that crashed is what they were told last: the room as
// it was before the step that is lost. Nobody has a copy of that, but the events of
// the step tell what it was, when they are undone from the last to the first.

// known is what people know of a room.
type known struct {
	room   muc.JID
	inside map[muc.JID]place    // by session
	open   map[string]*incoming // what waits for the host, by the id of the question
}

// place is where a session believes to be, and why it has to go.
type place struct{ nick, occupantID, reason string }

const startsAgain = "the room has to start again"

// farewell tells those who believe to be in a room that crashed that they are out
// (XEP-0045 §11.2), and answers requests and joins that wait for the host.
func (s *Service) farewell(r *room, live *muc.Room, done []outcome, cause error) {
	var end outcome
	_ = guarded(func() (err error) {
		end.fx, err = live.Do(s.cfg.Now(), muc.Shutdown{Reason: startsAgain})
		return err
	})
	// Now nobody is inside and nothing is open: undoing it all leads to what was.
	k := known{r.jid, map[muc.JID]place{}, map[string]*incoming{}}
	k.undo(slices.Collect(end.fx.Events()))
	for _, o := range slices.Backward(done) {
		k.undo(slices.Collect(o.fx.Events()))
	}
	for _, id := range slices.Sorted(maps.Keys(k.open)) {
		s.fail(&outcome{call: call{stanza: k.open[id]}}, cause)
	}
	for _, who := range slices.SortedFunc(maps.Keys(k.inside), jid.Compare) {
		s.send(s.ctx, k.removed(who))
	}
}

// undo goes back over the events of a step. Puppets have no session and know
// nothing; who vanished is not there to be told.
func (k *known) undo(events []event.Event) {
	for _, ev := range slices.Backward(events) {
		switch b := ev.Body.(type) {
		case *event.Joined:
			if b.Session != 0 {
				delete(k.inside, b.JID)
			}
		case *event.Renamed:
			if at, there := k.inside[b.JID]; there && at.nick == b.Nick {
				at.nick = b.Old
				k.inside[b.JID] = at
			}
		case *event.Left:
			if b.Session != 0 && b.How != event.DepartureVanished {
				k.inside[b.JID] = place{b.Nick, b.OccupantID, startsAgain}
			}
		case *event.Removed:
			at := place{b.Nick, b.OccupantID, startsAgain}
			if b.Cause == event.CauseShutdown { // which still holds
				at.reason = b.Reason
			}
			for _, session := range b.JIDs {
				k.inside[session] = at
			}
		case *event.Asked:
			delete(k.open, b.ID)
		case *event.Answered:
			k.open[b.ID] = k.question(b)
		}
	}
}

// question is the stanza that an answer was for, as far as it takes to refuse it.
func (k *known) question(b *event.Answered) *incoming {
	if b.Nick == "" {
		return &incoming{el: etree.NewElement("iq"), typ: "get", id: b.IQ, from: b.JID, to: k.room}
	}
	return &incoming{el: etree.NewElement("presence"), id: b.IQ, from: b.JID, to: occupantIn(k.room, b.Nick)}
}

// removed tells a session that it is out. Affiliations may be part of what is lost, so
// it says what the example of XEP-0045 §11.2 says of everybody.
func (k *known) removed(who muc.JID) *reply {
	at := k.inside[who]
	el := etree.NewElement("presence")
	el.CreateAttr("from", occupantIn(k.room, at.nick).String())
	el.CreateAttr("type", "unavailable")
	if at.occupantID != "" {
		child(el, ns.OccupantID, "occupant-id").CreateAttr("id", at.occupantID)
	}
	x := child(el, ns.User, "x")
	item := x.CreateElement("item")
	item.CreateAttr("affiliation", "none")
	item.CreateAttr("role", "none")
	if at.reason != "" {
		item.CreateElement("reason").SetText(at.reason)
	}
	for _, code := range []string{"110", "332"} {
		x.CreateElement("status").CreateAttr("code", code)
	}
	return &reply{[]muc.JID{who}, el}
}
