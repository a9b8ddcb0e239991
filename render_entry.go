package muc

import (
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Presence of those who have entered (XEP-0045 §7.2.2, §7.2.3).

// renderArrival tells everybody else of a session that came in. What the session itself
// gets is an entryReply.
func (t *step) renderArrival(b *event.Joined) {
	r, s := t.r, &t.r.st
	o := s.OccupantByNumber(b.Occupant)
	if o == nil {
		return // came and went in one step
	}
	doc := r.presenceBytes(o)
	t.tell(o.Number(), s.Config().Broadcasts(o.Role()), doc, "")
	t.tellSelf(o, doc, statuses(statusSelf))
}

// render sends to a session all that entering entitles it to, in the order
// of XEP-0045 §7.1: the others, the absent, itself, the past, the subject.
func (j *entryReply) render(t *step) {
	r, s := t.r, &t.r.st
	ses, inside := s.Session(j.session)
	if !inside {
		return
	}
	to := []JID{j.session}
	own, v := ses.Occupant(), viewFor(s, ses.Occupant().Role())
	out := slices.Grow(t.fx.Outbound, len(s.Occupants())+min(s.Config().HistoryLength(), s.Archived().Len()+s.Unarchived().Len())+1)
	n := len(out)
	out = out[:n+len(s.Occupants())]
	for _, o := range s.Occupants() { // this is nearly all of a join: each is made in its place
		if o != own && shows(s, o.Role(), own) {
			doc := r.presenceBytes(o)
			if doc.MaxLen(nil) > t.r.cfg.Limits.OutboundBytes && len(t.fitting(to, doc, v, nil)) == 0 {
				continue
			}
			x := &out[n]
			x.to, x.doc, x.extra, x.view = to, doc, nil, v
			n++
		}
	}
	t.fx.Outbound = out[:n]
	if s.Config().ShowAbsent {
		t.renderAbsentMembers(to)
	}
	t.send(to, r.presenceBytes(own), splice.Self, &splice.Extra{ID: j.id, Tail: statuses(j.codes...)})
	t.renderHistory(to, j.history)
	t.renderSubject(to)
	t.renderRequests(to, own)
}

// renderAbsentMembers tells of those who have a reserved nick and are not here
// (muc#roomconfig_presencebroadcast with "none"): their item alone names the
// nick. Limits.Absent bounds it.
func (t *step) renderAbsentMembers(to []JID) {
	if t.r.st.Sparse().Reserved() > t.r.cfg.Limits.Absent {
		return // a small presence would be answered by far too many
	}
	for _, p := range t.r.st.AbsentMembers() {
		doc := t.r.renderPresence(&presence{nick: p.Nick(), kind: "unavailable", id: t.r.occupantID(p.JID()),
			item: item{affiliation: p.Affiliation(), nick: p.Nick()}})
		t.send(to, doc, splice.None, nil)
	}
}

// renderSubject sends the subject to a newcomer, also an empty one, because it ends the
// entry (XEP-0045 §7.2.15).
func (t *step) renderSubject(to []JID) {
	r, e := t.r, t.r.st.Subject()
	if e == nil {
		t.send(to, r.renderMessage(&event.Message{Payload: xmlwire.EmptyElement("subject")}), splice.None, nil)
		return
	}
	if e.Cache().Doc == nil {
		m := *e.Message()
		m.Payload = subjectOnly(m.Payload)
		e.Cache().Doc = r.renderMessage(&m)
	}
	t.send(to, e.Cache().Doc, splice.None, r.late(e))
}

// subjectOnly keeps the subject elements of a payload, in all languages.
func subjectOnly(payload string) string {
	return xmlwire.Filtered(payload, func(n *xmlwire.Node) bool { return n.NS == "" && n.Name == "subject" })
}
