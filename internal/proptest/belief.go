package proptest

import (
	"slices"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// forgetVanished: a session that went without being told, as sessions do that are
// gone, believes nothing any more.
func (w *world) forgetVanished(s *step) {
	for ev := range s.fx.Events() {
		// A puppet may bear the same address, and goes in another way.
		if b, ok := ev.Body.(*event.Left); ok && b.How == event.DepartureVanished {
			delete(w.clients, b.JID.String())
		}
	}
}

// checkBelief: what each session believes is what is so.
func (w *world) checkBelief(after *truth) {
	says := map[string]string{}
	for _, full := range after.sessions {
		own, c := after.inside[full], w.client(full)
		switch {
		case !c.inside:
			w.fail("%s does not know that it is inside", full)
		case c.nick != own.Nick:
			w.fail("%s believes to be %q and is %q", full, c.nick, own.Nick)
		case c.subject != after.subject || c.subjectBy != after.subjectBy:
			w.fail("%s believes in the subject %q of %q, but it is %q of %q", full, c.subject, c.subjectBy, after.subject, after.subjectBy)
		}
		n := 0
		for i := range after.occupants {
			if o := &after.occupants[i]; after.visible(o, own) {
				n++
				w.checkSeen(full, own, o, after, says)
			}
		}
		if n != len(c.roster) {
			w.fail("%s believes in %d occupants and should in %d: %v", full, len(c.roster), n, c.roster)
		}
	}
	for full, c := range w.clients {
		if _, inside := after.inside[full]; c.inside && !inside {
			w.fail("%s believes to be inside and is not", full)
		}
	}
	for i := range after.occupants {
		o := &after.occupants[i]
		bare := o.JID.Bare().String()
		if id, known := w.occupantIDs[bare]; known && id != o.ID {
			w.fail("%s was known by %s and is now by %s", bare, id, o.ID)
		}
		w.occupantIDs[bare] = o.ID
	}
}

// checkSeen: what one session believes of one occupant. Of what the occupant says
// of its availability, all believe the same.
func (w *world) checkSeen(full string, own, o *muc.Occupant, after *truth, says map[string]string) {
	s, known := w.clients[full].roster[o.Nick]
	if !known {
		w.fail("%s does not know that %s is inside", full, o.Nick)
	}
	if s.role != o.Role.String() || s.affiliation != o.Affiliation.String() || s.id != o.ID {
		w.fail("%s believes %+v of %s, who is %+v", full, s, o.Nick, *o)
	}
	if j, err := muc.ParseJID(s.jid); s.jid != "" && (err != nil || j.Bare() != o.JID.Bare()) {
		w.fail("%s takes %s for %s, who is %s", full, o.Nick, s.jid, o.JID)
	}
	if s.jid == "" && own.Role == muc.Moderator {
		w.fail("%s is a moderator and was not told who %s is", full, o.Nick)
	}
	if hats := after.hats[o.JID.Bare().String()]; s.hats != hats {
		w.fail("%s believes that %s wears %s, who wears %s", full, o.Nick, s.hats, hats)
	}
	if others, told := says[o.Nick]; told && others != s.says {
		w.fail("%s hears %q of %s, others %q", full, s.says, o.Nick, others)
	}
	says[o.Nick] = s.says
}

// checkSelf: one's own presence is marked as such, and nobody else's is (XEP-0045
// §7.2.2). Who is not inside at all is told so in the same way.
func (w *world) checkSelf(s *step) {
	for _, m := range s.out {
		nick, ofOccupant := nickIn(m.el.attr("from"))
		x := m.el.child(nsUser, "x")
		was, is := s.before.inside[m.to.String()], s.after.inside[m.to.String()]
		if m.el.name != "presence" || !ofOccupant || x == nil || was == nil && is == nil {
			continue
		}
		own := is != nil && is.Nick == nick
		if m.el.attr("type") == "unavailable" {
			own = was != nil && was.Nick == nick
		}
		if marked := slices.Contains(codesOf(x), "110"); marked != own {
			w.fail("status 110 is %v, one's own presence is %v: %s", marked, own, m.text)
		}
	}
}
