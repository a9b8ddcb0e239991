package proptest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

const (
	nsRetract = "urn:xmpp:message-retract:1"
	nsSID     = "urn:xmpp:sid:0"
	nsMAM     = "urn:xmpp:mam:2"
)

// spoken is one message that was said to all and is kept: archived, or for newcomers.
type spoken struct {
	author, payload string // the author by occupant-id
	jid             muc.JID
	body            string // all of the payload but what may name its author
	stanzaID        string // of one that is archived
	id, origin      string // that its author gave it
	retraction      bool
	// gone: its author or a moderator took it back. unsure: the author took back something of that id, of which
	// there are several.
	gone, unsure bool
}

func (y *spoken) named(id string) bool { return y.stanzaID == id || y.id == id || y.origin == id }

// checkRetraction: a message is taken back by its author and nobody else, by any of
// its ids; newcomers are not shown it, and of the archive no more than that
// there was one. All others are shown as they were said, but for their author's address
// to who does not see it.
func (w *world) checkRetraction(s *step) {
	by, named := s.retraction()
	for ev := range s.fx.Events() {
		if b, ok := ev.Body.(*event.MessageRetracted); ok && b.Moderated == nil {
			said := w.spokenUnder(b.StanzaID)
			if b.OccupantID != by || by == "" || said != nil && (said.author != by || !said.named(named)) {
				w.fail("taken back, and not by its author: %+v", b)
			}
		}
	}
	w.checkModeration(s)
	for _, m := range s.out {
		w.checkShown(s, m)
	}
	if by != "" {
		w.takenBack(by, named)
	}
	for ev := range s.fx.Events() {
		switch b := ev.Body.(type) {
		case *event.MessageArchived:
			w.spoken = append(w.spoken, spokenIn(&b.Message))
		case *event.MessageRemembered:
			w.spoken = append(w.spoken, spokenIn(&b.Message))
		}
	}
}

// retraction is who takes something back in a step, and what.
func (s *step) retraction() (by, named string) {
	el := s.in.stanza
	author := s.before.inside[s.sender]
	if el == nil || author == nil || s.fx.Refused != nil || el.Tag != "message" || plain(el, "type") != "groupchat" {
		return "", ""
	}
	if c := payload(el, nsRetract, "retract"); c != nil {
		return author.ID, plain(c, "id")
	}
	return "", ""
}

func spokenIn(m *event.Message) *spoken {
	y := &spoken{author: m.OccupantID, payload: m.Payload, jid: m.JID, stanzaID: m.StanzaID, id: m.ID}
	y.body, _, _ = strings.Cut(m.Payload, "</body>")
	if el, err := readElement("<message>" + m.Payload + "</message>"); err == nil {
		y.retraction = el.child(nsRetract, "retract") != nil
		y.origin = el.child(nsSID, "origin-id").attr("id")
	}
	return y
}

// shown is what a reader is shown of a message for certain.
func (y *spoken) shown(s *step, to muc.JID) string {
	if names(y.payload, y.jid.Bare().String()) && !s.seesJIDs(to) {
		return y.body
	}
	return y.payload
}

func (w *world) spokenUnder(stanzaID string) *spoken {
	for _, y := range w.spoken {
		if stanzaID != "" && y.stanzaID == stanzaID {
			return y
		}
	}
	return nil
}

// takenBack notes what an author means. That something was taken back stays.
func (w *world) takenBack(by, named string) {
	var meant []*spoken
	for _, y := range w.spoken {
		if y.author == by && !y.gone && !y.retraction && named != "" && y.named(named) {
			meant = append(meant, y)
		}
	}
	for _, y := range meant {
		y.gone, y.unsure = len(meant) == 1, len(meant) > 1
		w.tally.takenBack++
	}
}

// checkShown holds a message from the past, or from the archive, to what became of it.
func (w *world) checkShown(s *step, m sent) {
	if m.el.name != "message" {
		return
	}
	if result := m.el.child(nsMAM, "result"); result != nil {
		y := w.spokenUnder(result.attr("id"))
		switch stone := strings.Contains(m.text, "<retracted "); {
		case y == nil || y.unsure: // a subject
		case y.gone != stone:
			w.fail("taken back: %v, and the archive shows %s", y.gone, m.text)
		case strings.Contains(m.text, y.shown(s, m.to)) == y.gone:
			w.fail("taken back: %v, and the archive shows %s", y.gone, m.text)
		}
		w.tally.lookedUp++
		return
	}
	if d := m.el.child(nsDelay, "delay"); d == nil || d.attr("from") != roomJID.String() {
		return
	}
	for _, y := range w.spoken {
		same := y.stanzaID == m.el.child(nsSID, "stanza-id").attr("id") && y.author == occupantID(m.el) && y.id == m.el.attr("id")
		if same && y.gone && strings.Contains(m.text, y.shown(s, m.to)) {
			w.fail("shown, although it was taken back: %s", m.text)
		}
	}
}

// takeBack is a message, a wish to take it back, mostly its author's, and a look at
// the past.
func (w *world) takeBack() {
	who := w.someone()
	id := w.id()
	body := "regretted " + id
	if w.oneIn(6, "reused") && len(w.spoken) > 0 {
		id = pick(w, "id", w.spoken).id
	}
	unstored := pick(w, "store", []string{"", "", "", "<no-permanent-store xmlns='urn:xmpp:hints'/>"})
	w.stanza(fmt.Sprintf(`<message type='groupchat' id='%s' from='%s' to='%s'><body>%s</body><origin-id xmlns='%s' id='o%s'/>%s</message>`,
		id, who, roomJID, body, nsSID, id, unstored))
	for range pick(w, "between", []int{0, 0, 1, 7}) {
		w.say()
	}
	named := pick(w, "named", []string{id, "o" + id, w.said()})
	if len(w.spoken) > 0 && w.oneIn(3, "other") {
		y := pick(w, "saying", w.spoken)
		named = pick(w, "called", []string{y.stanzaID, y.id, y.origin})
	}
	if w.oneIn(3, "not the author") {
		who = w.someone()
	}
	w.stanza(fmt.Sprintf(`<message type='groupchat' id='%s' from='%s' to='%s'><retract xmlns='%s' id='%s'/><body>sorry</body></message>`,
		w.id(), who, roomJID, nsRetract, named))
	w.join()
	w.lookUp()
}

// lookUp asks for the archive, and the host answers at once.
func (w *world) lookUp() {
	asks := len(w.ledger.asks)
	w.iq(w.someone(), "set", "", "<query xmlns='"+nsMAM+"'><set xmlns='http://jabber.org/protocol/rsm'><max>3</max><before/></set></query>")
	w.archiveAnswers(asks)
}

// archiveAnswers is the host's answer to the question that was asked since there were so many.
func (w *world) archiveAnswers(asks int) {
	if len(w.ledger.asks) == asks || w.ledger.asks[asks].Archive == nil {
		return
	}
	ask := w.ledger.asks[asks]
	page, refused := ask.Archive.Page(slices.Concat(w.past, w.log))
	w.command(muc.Answer{ID: ask.ID, Archive: &page, Refuse: refused})
}
