package muc

import (
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
)

// tell sends a presence about one occupant, named by number, to everybody else
// inside: moderators always, the others if the room shows the role to them.
func (t *step) tell(num uint32, shown bool, doc *splice.Stanza, tail string) {
	a := t.r.audience()
	var x *splice.Extra
	if tail != "" {
		x = &splice.Extra{Tail: tail}
	}
	before, behind := a.moderators.around(num)
	v := viewFor(&t.r.st, Moderator)
	t.send(before, doc, v, x)
	t.send(behind, doc, v, x)
	if shown {
		t.tellOthers(num, doc, x)
	}
}

// tellOthers sends to everybody but moderators and one occupant.
func (t *step) tellOthers(num uint32, doc *splice.Stanza, x *splice.Extra) {
	v := viewFor(&t.r.st, Participant)
	before, behind := t.r.audience().others.around(num)
	t.send(before, doc, v, x)
	t.send(behind, doc, v, x)
}

// tellSelf sends a presence to each session that it is about, which sees its
// own JID in it. A session that enters in this step gets its own in its place
// there (renderEntry); one that asked for something else knows it by the id.
func (t *step) tellSelf(o *state.Occupant, doc *splice.Stanza, tail string) {
	x := &splice.Extra{Tail: tail}
	own := t.r.audience().sessionsOf(o)
	for i := range own {
		switch {
		case t.entry != nil && own[i] == t.entry.session:
		case t.own != nil && own[i] == t.in.from:
			t.send(own[i:i+1:i+1], doc, splice.Self, t.own)
		default:
			t.send(own[i:i+1:i+1], doc, splice.Self, x)
		}
	}
}

// tellEach sends a presence to sessions that it is about, whatever else they get.
func (t *step) tellEach(own []JID, doc *splice.Stanza, tail string) {
	x := &splice.Extra{Tail: tail}
	for i := range own {
		t.send(own[i:i+1:i+1], doc, splice.Self, x)
	}
}

// renderDepartures tells who is gone: the one concerned first, then the others.
func (t *step) renderDepartures(events []event.Event) {
	for _, ev := range events {
		switch b := ev.Body.(type) {
		case *event.Left:
			t.renderLeft(b, events)
		case *event.Removed:
			t.renderRemoved(b, events)
		}
	}
}

// tellGone tells the others of somebody who is gone. Those who see a hidden role no
// more since this step must hear of it too.
func (t *step) tellGone(role Role, doc *splice.Stanza, code int, events []event.Event) {
	tail := statuses(code)
	shown := t.was.Broadcasts(role)
	t.tell(0, shown, doc, tail)
	if shown {
		return
	}
	var told []*state.Occupant
	for _, ev := range events {
		b, ok := ev.Body.(*event.RoleChanged)
		if !ok || b.Old != Moderator {
			continue
		}
		if o := t.r.st.OccupantByNumber(b.Occupant); o != nil && o.Role() != Moderator && !slices.Contains(told, o) {
			told = append(told, o)
			t.send(t.r.audience().sessionsOf(o), doc, viewFor(&t.r.st, o.Role()), &splice.Extra{Tail: tail})
		}
	}
}

func (t *step) renderLeft(b *event.Left, events []event.Event) {
	doc := t.r.renderPresence(&presence{nick: b.Nick, id: b.OccupantID, kind: "unavailable", lang: b.Lang, payload: shownPayload(t.r.st.Config(), b.Role, b.Payload),
		item: item{affiliation: b.Affiliation, real: b.JID}})
	code := 0
	if b.How != event.DepartureWill {
		code = statusError
	}
	if b.How != event.DepartureVanished && b.Session != 0 {
		t.send([]JID{b.JID}, doc, splice.Self, &splice.Extra{ID: t.askedToLeave(b), Tail: statuses(statusSelf, code)})
	}
	if b.JID == t.cancels {
		t.renderCancelled(events)
	}
	if b.Last {
		t.tellGone(b.Role, doc, code, events)
	}
}

// askedToLeave is the id of the presence by which somebody leaves.
func (t *step) askedToLeave(b *event.Left) string {
	if t.in == nil || b.How != event.DepartureWill || t.in.from != b.JID {
		return ""
	}
	return t.in.id
}

// renderCancelled tells who left without configuring the room that it is no more
// (XEP-0045 §10.1.3). Clients wait for their own presence to leave (§7.14), so that
// comes first, and this is a presence of the room.
func (t *step) renderCancelled(events []event.Event) {
	end, _ := events[len(events)-1].Body.(*event.RoomDestroyed)
	t.send([]JID{t.cancels}, t.r.renderPresence(&presence{kind: "unavailable", destroy: end}), splice.None, nil)
}

func (t *step) renderRemoved(b *event.Removed, events []event.Event) {
	p := presence{nick: b.Nick, id: b.OccupantID, kind: "unavailable",
		item: item{affiliation: b.Affiliation, real: b.JID, reason: b.Reason, actor: b.Actor}}
	ends := b.Cause == event.CauseDestroyed || b.Cause == event.CauseShutdown
	if b.Cause == event.CauseDestroyed {
		p.destroy, _ = events[len(events)-1].Body.(*event.RoomDestroyed)
	}
	doc := t.r.renderPresence(&p)
	code := removalCodes[b.Cause]
	x := &splice.Extra{Tail: statuses(statusSelf, code)}
	for i := range b.JIDs {
		t.send(b.JIDs[i:i+1:i+1], doc, splice.Self, x)
	}
	// When everybody goes, each learns of himself alone.
	if !ends {
		t.tellGone(b.Role, doc, code, events)
	}
}

// touched is an occupant whose presence has to be sent again, and what is to be
// said about it.
type touched struct {
	occ     *state.Occupant
	oldRole Role // before this step
	moved   bool
	reason  string
	actor   event.Actor
}

// resend has the presence of somebody who is inside sent again, whatever has
// become of it (amendment 0.1 of the feature table: that is how a new or confirmed
// nick is told).
func (t *step) resend(bare JID, reason string, by event.Actor) {
	for _, o := range t.r.st.Concerned(bare) {
		t.resent = append(t.resent, touched{occ: o, reason: reason, actor: by})
	}
}

// renderPresences tells how everybody is now. Several events about one
// occupant make one presence.
func (t *step) renderPresences(events []event.Event) {
	s := &t.r.st
	var list []touched
	for _, ev := range events {
		switch b := ev.Body.(type) {
		case *event.Joined:
			t.renderArrival(b)
		case *event.PresenceChanged:
			if o := s.OccupantOf(b); o != nil {
				list = touch(list, touched{occ: o})
			}
		case *event.Renamed:
			t.renderRenamed(b)
		case *event.Left:
			if o := s.OccupantByNumber(b.Occupant); o != nil && b.Front {
				list = touch(list, touched{occ: o})
			}
		case *event.RoleChanged:
			if o := s.OccupantByNumber(b.Occupant); o != nil {
				list = touch(list, touched{o, b.Old, true, b.Reason, b.Actor})
			}
		case *event.AffiliationChanged:
			for _, o := range s.Concerned(b.JID) {
				if s.Affected(o, b) {
					list = touch(list, touched{occ: o, reason: b.Reason, actor: b.Actor})
				}
			}
		case *event.Registered:
			for _, o := range s.Concerned(b.JID) {
				list = touch(list, touched{occ: o})
			}
		}
	}
	for _, x := range t.resent {
		if s.OccupantByNumber(x.occ.Number()) != nil {
			list = touch(list, x)
		}
	}
	for i := range list {
		if !announced(list[i].occ, events) {
			t.renderTouched(&list[i])
		}
	}
	t.touched = list
	for i := range list {
		if x := &list[i]; x.oldRole != x.occ.Role() {
			t.renderSight(t.r.audience().sessionsOf(x.occ), x.occ, x.oldRole, nil)
		}
	}
}

// announced reports whether everybody has just been told of an occupant: he came
// in with this step, or was given another nick.
func announced(o *state.Occupant, events []event.Event) bool {
	for _, ev := range events {
		switch b := ev.Body.(type) {
		case *event.Joined:
			if b.Occupant == o.Number() {
				return true
			}
		case *event.Renamed:
			if b.Assigned && b.Occupant == o.Number() {
				return true
			}
		}
	}
	return false
}

// touch adds to the list, or completes what it says about the same occupant.
func touch(list []touched, x touched) []touched {
	if !x.moved {
		x.oldRole = x.occ.Role()
	}
	for i := range list {
		if l := &list[i]; l.occ == x.occ {
			if x.moved && !l.moved {
				l.oldRole, l.moved = x.oldRole, true
			}
			if x.reason != "" || l.reason == "" && l.actor == (event.Actor{}) {
				l.reason, l.actor = x.reason, x.actor // the last that was given
			}
			return list
		}
	}
	return append(list, x)
}

// renderTouched sends an occupant's presence to all who see him, and treats a
// change of role that hides or shows him as leaving or joining (XEP-0045 §5.1.3,
// muc#roomconfig_presencebroadcast).
func (t *step) renderTouched(x *touched) {
	r, o := t.r, x.occ
	doc := r.recipe(o)
	if x.reason != "" || x.actor != (event.Actor{}) {
		p := r.presenceOf(o)
		p.item.reason, p.item.actor = x.reason, x.actor
		doc = r.renderPresence(&p)
	}
	was, is := t.was.Broadcasts(x.oldRole), r.st.Config().Broadcasts(o.Role())
	t.tell(o.Number(), is, doc, "")
	if was && !is {
		t.tellOthers(o.Number(), r.absence(o), nil)
	}
	t.tellSelf(o, doc, statuses(statusSelf))
}

// absence is the presence by which an occupant disappears from the sight of
// somebody without going anywhere.
func (r *Room) absence(o *state.Occupant) *splice.Stanza {
	p := r.presenceOf(o)
	p.kind, p.lang, p.payload, p.item.role = "unavailable", "", "", RoleNone
	return r.renderPresence(&p)
}

// renderSight sends to sessions of an occupant what he sees of the others only
// since, or no more since, his role changed: real JIDs when he gains the sight of them, and
// those whom the room shows to moderators alone. What everybody is told in this
// step, he is told with them; of known he has been told already.
func (t *step) renderSight(to []JID, reader *state.Occupant, oldRole Role, known *state.Occupant) {
	s := &t.r.st
	gains := reader.Role() == Moderator && oldRole != Moderator
	loses := reader.Role() != Moderator && oldRole == Moderator
	jids := viewIn(t.was, oldRole) != viewFor(s, reader.Role())
	for _, o := range s.Occupants() {
		role, told := t.roleBefore(o)
		shown := t.was.Broadcasts(role)
		switch {
		case o == reader || o == known:
		case gains && !told && !t.retold(o) && (jids || !shown):
			t.send(to, t.r.recipe(o), viewFor(s, reader.Role()), nil)
		case loses && !shown && !s.Config().Broadcasts(o.Role()):
			t.send(to, t.r.absence(o), viewFor(s, reader.Role()), nil)
		}
	}
}

// roleBefore is the role that an occupant had before this step, and whether
// everybody who sees him has been told of him in it.
func (t *step) roleBefore(o *state.Occupant) (role Role, told bool) {
	for i := range t.touched {
		if t.touched[i].occ == o {
			return t.touched[i].oldRole, true
		}
	}
	return o.Role(), false
}

// renderLostTouch tells somebody who believes to be inside that he is not
// (XEP-0045 §7.2.18).
func (t *step) renderLostTouch() {
	doc := t.r.renderPresence(&presence{kind: "unavailable", nick: t.r.addressedAs(t.in).Resource(),
		item: item{reason: "You are not in the room."}})
	t.toSender(doc, splice.None, &splice.Extra{Tail: statuses(statusSelf, statusKicked, statusError)})
}
