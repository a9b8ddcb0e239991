package proptest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// checkModeration: what is not taken back by its author is by a moderator, an admin or the
// host, and then everybody is told so by the room; nobody else says so.
func (w *world) checkModeration(s *step) {
	told := map[string]bool{}
	for ev := range s.fx.Events() {
		b, ok := ev.Body.(*event.MessageRetracted)
		if !ok || b.Moderated == nil {
			continue
		}
		if !s.mayModerate(b.Moderated.Actor.JID) {
			w.fail("taken back by who is no moderator: %+v", b.Moderated)
		}
		said := w.meantBy(b)
		if said == nil || said.gone && !said.unsure {
			w.fail("taken back, and it is not there: %+v", b)
		}
		said.gone, said.unsure = true, false
		told[b.ID] = true
		w.tally.moderated++
	}
	n := 0
	for _, m := range s.out {
		if m.el.name != "message" || !strings.Contains(m.text, "<moderated ") || m.el.child(nsMAM, "result") != nil || s.shownAgain(m) {
			continue
		}
		if n++; m.el.attr("from") != roomJID.String() || !told[m.el.attr("id")] {
			w.fail("it says that something was moderated: %s", m.text)
		}
	}
	if n != len(told)*len(s.after.sessions) {
		w.fail("%d of %d are told that something was moderated", n, len(s.after.sessions))
	}
}

// mayModerate reports whether somebody may take back what others say: a moderator inside, an
// admin anywhere, the host for itself.
func (s *step) mayModerate(who muc.JID) bool {
	if who.IsZero() {
		_, ok := s.in.cmd.(muc.Moderate)
		return ok && s.in.as.IsZero()
	}
	if s.before.affiliation(who.Bare()) >= muc.Admin {
		return true
	}
	for i := range s.before.occupants {
		o := &s.before.occupants[i]
		known := o.JID == who || s.in.cmd != nil && (o.JID.Bare() == who || who == s.in.as && o.JID.Bare() == who.Bare())
		if o.Role == muc.Moderator && (known || slices.Contains(o.Sessions, who)) {
			return true
		}
	}
	return false
}

// meantBy is what a moderator takes back: the message with that id of the room's or, of those
// that have none, the last of that author's with another.
func (w *world) meantBy(b *event.MessageRetracted) *spoken {
	if b.StanzaID != "" {
		return w.spokenUnder(b.StanzaID)
	}
	for _, y := range slices.Backward(w.spoken) {
		if y.stanzaID == "" && !y.gone && y.author == b.OccupantID && y.named(b.Named) {
			return y
		}
	}
	return nil
}

// moderate is a wish to take back what somebody said, mostly a moderator's, and a look at the
// past.
func (w *world) moderate() {
	id := "nothing"
	if len(w.spoken) > 0 {
		y := pick(w, "saying", w.spoken)
		id = pick(w, "called", []string{y.stanzaID, y.stanzaID, y.id, y.origin})
	}
	if w.oneIn(3, "host") {
		cmd := muc.Moderate{ID: id, Reason: pick(w, "reason", texts)}
		page, refused := muc.ArchiveQuery{IDs: []string{id}, Max: 1}.Page(slices.Concat(w.past, w.log))
		if refused == nil && len(page.Messages) > 0 && w.oneIn(2, "archived") {
			cmd.Archived, _ = page.Messages[0].Body.(*event.MessageArchived)
		}
		w.commandAs(w.as(), cmd)
	} else {
		asks := len(w.ledger.asks)
		w.iq(w.ruler(), "set", "", fmt.Sprintf(pick(w, "form", []string{
			"<moderate xmlns='urn:xmpp:message-moderate:1' id='%s'><retract xmlns='urn:xmpp:message-retract:1'/><reason>%s</reason></moderate>",
			"<apply-to xmlns='urn:xmpp:fasten:0' id='%s'><moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/><reason>%s</reason></moderate></apply-to>",
		}), esc(id), w.text()))
		if !w.oneIn(4, "later") {
			w.archiveAnswers(asks)
		}
	}
	w.join()
	w.lookUp()
}
