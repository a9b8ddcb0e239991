package proptest

import (
	"slices"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// ledger is who still waits for an answer.
type ledger struct {
	// open are the questions to the host, by their ids.
	open map[string]*event.Asked
	asks []muc.Question
	// relayed are the requests that were passed on to other occupants, in all lives of
	// the room; ways are those of them that may still be answered.
	relayed, ways []*relayed
}

// relayed is a request that one occupant sent to another.
type relayed struct {
	id, from, answerer string // of the stanza that was passed on
	asked              string // the address that was asked
	asker, askerID     string
	client             *client // the asker's, and which of its visits
	visit              int
	at                 time.Time
}

// waits reports whether the asker is still the one who asked, and was not answered
// yet, nor has waited too long.
func (r *relayed) waits(w *world, s *step) bool {
	_, inside := s.before.inside[r.asker]
	answerer := muc.MustParseJID(r.answerer).Bare()
	banned := s.before.affiliation(answerer) == muc.Outcast || w.blocks(s.before, answerer) && !s.before.isInside(answerer)
	return slices.Contains(w.ledger.ways, r) && inside && w.clients[r.asker] == r.client && r.client.visit == r.visit &&
		!banned && s.in.at.Sub(r.at).Abs() <= relayTimeout
}

const relayTimeout = 5 * time.Minute

// passed keeps a request that was passed on, and forgets those for which a room of
// these limits has no place any more.
func (w *world) passed(r *relayed) {
	l, lim := &w.ledger, &w.cfg.Limits
	l.relayed = append(l.relayed, r)
	l.ways = append(slices.DeleteFunc(l.ways, func(o *relayed) bool { return r.at.Sub(o.at).Abs() > relayTimeout }), r)
	own, asker := 0, muc.MustParseJID(r.asker).Bare()
	byAsker := func(o *relayed) bool { return muc.MustParseJID(o.asker).Bare() == asker }
	for _, o := range l.ways {
		if byAsker(o) {
			own++
		}
	}
	if own > lim.PersonRelays {
		i := slices.IndexFunc(l.ways, byAsker)
		l.ways = slices.Delete(l.ways, i, i+1)
	}
	if len(l.ways) > lim.Relays {
		l.ways = l.ways[1:]
	}
}

type reply struct{ to, id string }

// checkAnswers: a request gets exactly one answer, is passed on, or is asked about
// and answered later; nothing else is ever answered.
func (w *world) checkAnswers(s *step) {
	due := w.askedAndAnswered(s)
	request, answers, senderIs := false, false, false
	id := ""
	if in := s.in.stanza; in != nil {
		_, bad := muc.ParseJID(s.sender)
		senderIs = bad == nil
		typ := plain(in, "type")
		id = plain(in, "id")
		request = s.err == nil && in.Tag == "iq" && typ != "result" && typ != "error" && bad == nil
		answers = in.Tag == "iq" && typ == "result" || typ == "error"
	}
	direct, returned, passed, errors := 0, 0, 0, 0
	for _, m := range s.out {
		typ, to := m.el.attr("type"), reply{m.to.String(), m.el.attr("id")}
		if answers && typ == "error" && due[to] == 0 && to.to == s.sender && m.el.child("", "error").attr("by") == roomJID.String() {
			w.fail("an error is answered: %s", m.text)
		}
		if m.el.name != "iq" {
			if typ == "error" && to.to == s.sender && s.in.stanza != nil && m.el.name == s.in.stanza.Tag && m.el.child("", "error").attr("by") == roomJID.String() {
				errors++
			}
			continue
		}
		switch {
		case typ == "get" || typ == "set":
			passed++
			w.passed(&relayed{id: to.id, from: m.el.attr("from"), asked: plain(s.in.stanza, "to"),
				answerer: to.to, asker: s.sender, askerID: id, client: w.client(s.sender), visit: w.client(s.sender).visit,
				at: s.in.at})
		case due[to] > 0:
			due[to]--
		case request && to == reply{s.sender, id}:
			direct++
		case answers:
			returned++
			if r := s.in.answers; r == nil || to != (reply{r.asker, r.askerID}) || m.el.attr("from") != r.asked {
				w.fail("an answer to nothing: %s", m.text)
			}
		default:
			w.fail("an answer that nobody waits for: %s", m.text)
		}
	}
	for to, n := range due {
		if n > 0 {
			w.fail("no answer for %v", to)
		}
	}
	asked := 0
	for _, a := range s.fx.Questions {
		if !a.Join {
			asked++
		}
	}
	if n := direct + passed + asked; request && n != 1 || !request && n != 0 {
		w.fail("%d answers, %d passed on, %d asks", direct, passed, asked)
	}
	if in := s.in.stanza; in != nil && s.err == nil && in.Tag != "iq" && !answers && senderIs {
		if refused := s.fx.Refused != nil; errors > 1 || refused != (errors == 1) {
			w.fail("%d errors, refused: %v", errors, s.fx.Refused)
		}
	}
	if r := s.in.answers; r != nil {
		if waits := r.waits(w, s); waits != (returned == 1) || returned > 1 {
			w.fail("%d answers returned to %s, who waits: %v", returned, r.asker, waits)
		}
		if returned > 0 {
			w.ledger.ways = slices.DeleteFunc(w.ledger.ways, func(o *relayed) bool { return o == r })
		}
	}
}

// askedAndAnswered keeps the questions to the host, and tells which answers must be
// sent because of those that are answered now.
func (w *world) askedAndAnswered(s *step) map[reply]int {
	due, asked := map[reply]int{}, 0
	for ev := range s.fx.Events() {
		switch b := ev.Body.(type) {
		case *event.Asked:
			if asked == len(s.fx.Questions) || s.fx.Questions[asked].ID != b.ID {
				w.fail("a question that the host does not hear: %+v", b)
			}
			asked++
			w.ledger.open[b.ID] = b
		case *event.Answered:
			a, open := w.ledger.open[b.ID]
			if !open {
				w.fail("an answer to what is not open: %+v", b)
			}
			delete(w.ledger.open, b.ID)
			if a.Join == nil {
				due[reply{a.JID.String(), a.IQ}]++
			}
		}
	}
	if asked != len(s.fx.Questions) {
		w.fail("%d questions and %d asks", asked, len(s.fx.Questions))
	}
	w.ledger.asks = append(w.ledger.asks, s.fx.Questions...)
	return due
}

// checkPatience: all who waited for the host have been answered when their time is up.
func (w *world) checkPatience() {
	for _, a := range w.ledger.open {
		w.fail("never answered: %+v", a)
	}
}
