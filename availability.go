package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/stanza"
)

// Changing nickname (XEP-0045 §7.6) and availability status (§7.7), and probes (§17.3).

// available decides on a presence without <x/>: an update (XEP-0045 §7.7), a new nick
// (§7.6), or a sign that a client believes to be inside and is not (§7.2.18).
func (t *step) available() *StanzaError {
	in, ses := t.in, t.sender.session
	if ses == nil {
		doc := t.r.renderPresence(&presence{kind: "unavailable", nick: t.r.addressedAs(in).Resource(),
			item: item{reason: "You are not in the room."}})
		t.toSender(doc, splice.None, &splice.Extra{Tail: statuses(statusSelf, statusKicked, statusError)})
		return nil
	}
	nick, payload, refused := t.wanted()
	if !in.toNick { // the room's own address stands for the nick
		nick = NickResult{Nick: ses.Occupant().Nick()}
		payload, refused = t.presencePayload(nick.Nick)
	}
	if refused != nil {
		return refused
	}
	t.oweSelf(nick.Changed)
	if nick.Nick != ses.Occupant().Nick() {
		return t.rename(ses, nick, payload)
	}
	return t.update(ses, payload)
}

// oweSelf owes the presence that the session asked for, which says whether its nick is
// another one than it wanted.
func (t *step) oweSelf(nickChanged bool) {
	t.own = &splice.Extra{ID: t.in.id, Tail: statuses(statusSelf, statusIf(nickChanged, statusNickChanged))}
}

// update proposes a session's new presence.
func (t *step) update(ses *state.Session, payload string) *StanzaError {
	if refused := t.spend(event.RatePresence); refused != nil {
		return refused
	}
	t.propose(&event.PresenceChanged{JID: ses.JID(), Lang: t.in.lang, Payload: payload})
	return nil
}

// rename decides on a new nick for a session. Its occupant takes the nick, or the session
// alone does as a new occupant, or it joins another occupant of the same person (XEP-0045
// §7.6, §7.2.8).
func (t *step) rename(ses *state.Session, nick NickResult, payload string) *StanzaError {
	r, s, o := t.r, &t.r.st, ses.Occupant()
	if !r.allows(o.Role(), toChangeNick) {
		return refuse(stanza.NotAllowed, "5.1.1", "visitors keep their nick in this room")
	}
	if p := t.sender.person; p.Nick() != "" && p.Nick() != nick.Nick && r.cfg.NickLockdown != LockdownOff {
		return refuse(stanza.NotAcceptable, "7.6", "you must use your reserved nick")
	}
	at, e := t.freeNick(t.sender.bare, nick, false)
	if e != nil {
		e.Section = "XEP-0045 §7.6"
		return e
	}
	b := &event.Renamed{JID: t.in.from, From: o.Number(), Occupant: o.Number(), Old: o.Nick(), Role: o.Role(), Front: o.Front() == ses,
		Nick: nick.Nick, Key: nick.Key, Lang: t.in.lang, Payload: payload}
	switch {
	case at == o:
		// Another spelling of the same nick: all of its sessions take it.
	case at != nil:
		if e := t.space(&t.sender, at, s.Config()); e != nil {
			return e
		}
		b.Occupant, b.Nick, b.Key = at.Number(), at.Nick(), at.Key()
		t.oweSelf(at.Nick() != nick.Nick)
	case o.SessionCount() > 1:
		if e := t.space(&t.sender, nil, s.Config()); e != nil {
			return e
		}
		b.Occupant = s.LastOccupant() + 1
	}
	if refused := t.spend(event.RatePresence); refused != nil {
		return refused
	}
	t.propose(b)
	return nil
}

// probe answers an occupant with the presence of another or, if the room is asked, with
// the occupant's own (XEP-0045 §17.3). Others are refused.
func (t *step) probe() *StanzaError {
	r, own := t.r, t.sender.occupant
	if t.sender.session == nil {
		return nil
	}
	target, view, x := own, splice.Self, &splice.Extra{ID: t.in.id, Tail: statuses(statusSelf)}
	if t.in.toNick {
		target = r.addressee(t.in)
	}
	if target != own {
		if target == nil || !shows(&r.st, target.Role(), own) {
			return refuse(stanza.ItemNotFound, "17.3", "there is no such occupant")
		}
		view, x.Tail = viewFor(&r.st, own.Role()), ""
	}
	t.toSender(r.presenceBytes(target), view, x)
	return nil
}

// renderRenamed tells of a new nick: the old one goes with 303 and the new one
// comes (XEP-0045 §7.6). Where other sessions stay under the old nick, only the
// mover sees it go, and is told that it is still there. Where a session joins
// others under another nick of its person, everybody sees the old one go and the
// presence of the other change. A nick that was given and not chosen is marked
// with 210 for everybody (§7.10).
func (t *step) renderRenamed(h *happened) {
	r, s, b := t.r, &t.r.st, h.renamed
	ses := s.SessionOf(b.From, b.JID)
	if ses == nil {
		return
	}
	o, mover := ses.Occupant(), []JID{b.JID}
	gone := r.renderPresence(&presence{nick: b.Old, id: o.ID(), kind: "unavailable", item: item{
		affiliation: s.OccupantAffiliation(o), role: b.Role, nick: b.Nick, real: b.JID}})
	own := r.audience().sessionsOf(o)
	stays, movers := s.OccupantByNumber(b.From), mover
	if stays == o {
		movers = own
	}
	t.tellEach(movers, gone, statuses(statusSelf, statusRenamed))
	if stays != nil && stays != o {
		t.renderStaying(stays, b, o)
	} else {
		t.tell(o.Number(), s.Config().Broadcasts(b.Role), gone, statuses(statusRenamed))
	}
	if stays == nil && shows(s, b.Role, o) {
		for i := range own {
			if own[i] != b.JID {
				t.send(own[i:i+1:i+1], gone, viewFor(s, o.Role()), &splice.Extra{Tail: statuses(statusRenamed)})
			}
		}
	}
	assigned := statusIf(b.Assigned, statusNickChanged)
	t.tell(o.Number(), s.Config().Broadcasts(o.Role()), r.presenceBytes(o), statuses(assigned))
	t.tellSelf(o, r.presenceBytes(o), statuses(statusSelf, assigned))
	if b.Role != o.Role() {
		t.renderSight(mover, o, b.Role, stays, h)
	}
}

// renderStaying tells of an occupant whom one of its sessions has left for
// another nick: the mover, who just saw it go, and everybody else if another
// session speaks for it now.
func (t *step) renderStaying(stays *state.Occupant, b *event.Renamed, mover *state.Occupant) {
	if b.Front {
		t.announce(stays)
	} else if s := &t.r.st; shows(s, stays.Role(), mover) {
		t.send([]JID{b.JID}, t.r.presenceBytes(stays), viewFor(s, mover.Role()), nil)
	}
}
