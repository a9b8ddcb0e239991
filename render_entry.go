package muc

import (
	"slices"
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/jid"
)

// renderArrival tells everybody else of a session that came in; its own share is
// renderEntry's.
func (t *step) renderArrival(b *event.Joined) {
	r, s := t.r, &t.r.st
	o := s.occupantByNumber(b.Occupant)
	if o == nil {
		return // came and went in one step
	}
	doc := r.recipe(o)
	t.tell(o.num, s.conf.Broadcasts(o.role), doc, "")
	t.tellSelf(o, doc, statuses(statusSelf))
}

// renderEntry sends to a session all that entering entitles it to, in the order
// of XEP-0045 §7.1: the others, the absent, itself, the past, the subject.
func (t *step) renderEntry(j *joinRender) {
	r, s := t.r, &t.r.st
	ses, inside := s.session(j.session)
	if !inside {
		return
	}
	to := []JID{j.session}
	own, v := ses.occ, s.viewOf(ses.occ.role)
	out := slices.Grow(t.fx.Outbound, len(s.occupants)+min(s.conf.HistoryLength(), s.archived.len()+s.kept.len())+1)
	n := len(out)
	out = out[:n+len(s.occupants)]
	for _, o := range s.occupants { // this is nearly all of a join: each is made in its place
		if o != own && s.shows(o.role, own) {
			doc := r.recipe(o)
			if doc.Most(nil) > t.r.cfg.Limits.OutboundBytes && len(t.fitting(to, doc, v, nil)) == 0 {
				continue
			}
			x := &out[n]
			x.to, x.doc, x.extra, x.view = to, doc, nil, v
			n++
		}
	}
	t.fx.Outbound = out[:n]
	if s.conf.ShowAbsent {
		t.renderAbsentMembers(to)
	}
	t.send(to, r.recipe(own), splice.Self, &splice.Extra{ID: j.id, Tail: statuses(j.codes...)})
	t.renderHistory(to, j.history)
	t.renderSubject(to)
	t.renderRequests(to, own)
}

// renderAbsentMembers tells of those who have a reserved nick and are not here
// (muc#roomconfig_presencebroadcast with "none"): their item alone names the
// nick. Limits.Absent bounds it.
func (t *step) renderAbsentMembers(to []JID) {
	if reserved := t.r.st.rare().reserved; reserved.len() > t.r.cfg.Limits.Absent {
		return // a small presence would be answered by far too many
	}
	for _, p := range t.r.st.absentMembers() {
		doc := t.r.renderPresence(&presence{nick: p.nick(), kind: "unavailable", id: t.r.occupantID(p.jid()),
			item: item{affiliation: p.aff, nick: p.nick()}})
		t.send(to, doc, splice.None, nil)
	}
}

// absentMembers lists, by JID, the affiliated with a reserved nick who are not
// inside. Only those with a nick are looked at, not everybody whom the room knows.
func (s *state) absentMembers() []*person {
	var list []*person
	reserved := s.rare().reserved
	for _, key := range sortedKeys(&reserved, strings.Compare) {
		if p, _ := reserved.get(key); p.aff >= Member && !p.inside() {
			list = append(list, p.person)
		}
	}
	slices.SortFunc(list, func(a, b *person) int { return jid.Compare(a.jid(), b.jid()) })
	return list
}
