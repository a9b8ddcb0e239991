package muc

import (
	"slices"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Question is something that the room needs from its host: the answer to a request
// that the room does not know itself. It is answered once, with Do(Answer{…}),
// or expires at its deadline, when the room refuses the request.
type Question struct {
	// ID names the question in Answer.
	ID       string
	Deadline time.Time
	// Join tells a join that waits for the host's decision (Config.AsksJoin) from a
	// request.
	Join bool
	// JID is who asks: a full JID, inside or not. Nick and Role are those of the
	// occupant, empty for a stranger; of a join, the nick that it would give.
	JID         JID
	Nick        string
	Role        Role
	Affiliation Affiliation
	// Set tells a request of type set from one of type get.
	Set bool
	// Payload is the request's one child element, as canonical XML; of a join, all
	// children of the presence, with the password that may be among them.
	Payload string
	// Archive is what is wanted of the archive (Config.Archive): to be shown, or to be
	// moderated. It is nil for all other requests.
	Archive *ArchiveQuery
}

// Answer is the host's answer to a [Question]. A join is admitted by it, if all rules
// of the room still admit it, or refused.
type Answer struct {
	ID string
	// Payload is the child of the iq result; nil for an empty one. A join has none.
	Payload *etree.Element
	// Archive is the answer to a query of the archive, without which there is none. One who
	// moderates is not shown it.
	Archive *ArchivePage
	// Refuse refuses the request or the join instead.
	Refuse *StanzaError
}

// unknownIQ hands a request that the room does not know to the host, if the host
// knows it, or refuses it.
func (t *step) unknownIQ() *StanzaError {
	r, in := t.r, t.in
	k := &in.Kids[0]
	if r.cfg.AnswersIQ == nil || !r.cfg.AnswersIQ(k.NS, k.Name) {
		return refuse(stanza.ServiceUnavailable, "RFC 6120 §8.4", "the room does not know this request")
	}
	return t.ask(nil)
}

// ask puts the request of this step to the host: as it is, or as a query of the archive.
func (t *step) ask(archive *ArchiveQuery) *StanzaError {
	r, in := t.r, t.in
	own := 0
	for _, a := range r.st.Sparse().Asks() {
		if a.Join == nil && a.JID.Bare() == t.sender.bare {
			own++
		}
	}
	if len(r.st.Sparse().Asks()) >= r.cfg.Limits.Questions || own >= r.cfg.Limits.PersonQuestions {
		return refuse(stanza.ResourceConstraint, "14.6", "too many requests are waiting")
	}
	if e := judge(r.cfg.Policy.Ask, policy.Ask{Room: r.jid, JID: in.from, Archive: archive != nil}); e != nil {
		return e
	}
	b := &event.Asked{}
	if archive != nil {
		b.Archive = in.Text
	}
	a := &t.sender
	t.question(b, Question{Nick: a.nick, Role: a.role, Affiliation: a.aff, Set: in.typ == "set", Archive: archive})
	return nil
}

// question puts the stanza of this step to the host.
func (t *step) question(b *event.Asked, q Question) {
	in := t.in
	b.ID, b.JID, b.IQ, b.Deadline.Time = t.newID(), in.from, in.id, t.now.Add(t.r.cfg.QuestionTimeout)
	q.ID, q.JID, q.Deadline, q.Payload = b.ID, b.JID, b.Deadline.Time, in.Text
	t.propose(b)
	t.fx.Questions = append(t.fx.Questions, q)
}

func (c Answer) do(t *step) error {
	asks := t.r.st.Sparse().Asks()
	i := slices.IndexFunc(asks, func(a *event.Asked) bool { return a.ID == c.ID })
	if i < 0 {
		return ErrNotFound
	}
	a := asks[i]
	if a.Join != nil {
		t.answerJoin(a, c)
		return nil
	}
	b := answerTo(a)
	switch {
	case c.Refuse != nil:
		refuseAnswer(b, c.Refuse.Settled())
	case a.Archive != "":
		if err := t.answerArchive(b, a.Archive, c.Archive); err != nil {
			return err
		}
	case c.Payload != nil:
		payload, e := t.r.canonical(c.Payload)
		if e != nil {
			return e
		}
		b.Payload = payload
	}
	t.propose(b)
	if b.Condition == "" {
		t.in = requestOf(b)
		if a.Archive == "" {
			t.answer(func(w *xmlwire.Writer) { w.Raw(b.Payload) })
		}
	}
	return nil
}

// canonical is an element of the host's as canonical text.
func (r *Room) canonical(el *etree.Element) (string, *StanzaError) {
	in := new(incoming)
	root := etree.Element{Child: []etree.Token{el}}
	if e := in.readPayload(&root, &r.cfg.Limits); e != nil {
		return "", e
	}
	return in.Text, nil
}

// answerTo is the answer to a question, without content yet.
func answerTo(a *event.Asked) *event.Answered {
	b := &event.Answered{ID: a.ID, JID: a.JID, IQ: a.IQ}
	if a.Join != nil {
		b.Nick = a.Join.Nick
	}
	return b
}

// refuseAnswer makes an answer a refusal.
func refuseAnswer(b *event.Answered, e *StanzaError) {
	b.Condition, b.Type, b.Text = e.Condition, e.Type, e.Text
}

// answerAsks proposes one answer to all questions that fit and have not been
// answered in this step.
func (t *step) answerAsks(e *StanzaError, fits func(a event.Asked) bool) {
	asks := t.r.st.Sparse().Asks()
	if len(asks) == 0 {
		return
	}
	done := t.bodies
	for _, a := range asks {
		isAnswer := func(body event.Body) bool {
			b, ok := body.(*event.Answered)
			return ok && b.ID == a.ID
		}
		if fits(*a) && !slices.ContainsFunc(done, isAnswer) {
			b := answerTo(a)
			if e != nil {
				refuseAnswer(b, e)
			}
			t.propose(b)
		}
	}
}

// expireAsks refuses what the host did not answer in time.
func (t *step) expireAsks() {
	t.answerAsks(refuse(stanza.RemoteServerTimeout, "RFC 6120 §8.3.3.16", "no answer came in time"),
		func(a event.Asked) bool { return t.r.due(a.Deadline.Time, t.r.cfg.QuestionTimeout, t.now) })
}

// renderRefused refuses a request that waited for the host.
func (t *step) renderRefused(b *event.Answered) {
	waited := step{r: t.r, now: t.now, fx: t.fx, in: requestOf(b)}
	waited.renderError(&StanzaError{Condition: b.Condition, Type: b.Type, Text: b.Text})
}

// requestOf is what is left of the request that an answer is for.
func requestOf(b *event.Answered) *incoming {
	if b.Nick != "" {
		return &incoming{kind: kindPresence, id: b.IQ, from: b.JID, nick: b.Nick, toNick: true,
			Payload: xmlwire.Payload{Kids: []xmlwire.Child{{NS: ns.MUC, Name: "x"}}}}
	}
	return &incoming{kind: kindIQ, typ: "get", id: b.IQ, from: b.JID}
}

// Joins that wait for the host: a challenge to be solved (XEP-0158), an account to be
// looked up elsewhere. All rules are judged before and after; nobody in the room is told
// of a join that waits.

// askJoin makes a join wait for the host. A session waits for one join: the last.
func (t *step) askJoin(q policy.Join) *StanzaError {
	r, in := t.r, t.in
	others := 0
	for _, a := range r.st.Sparse().Asks() {
		if a.Join == nil || a.JID != in.from {
			others++
		}
	}
	if others >= r.cfg.Limits.Questions {
		return refuse(stanza.ResourceConstraint, "14.6", "too many requests are waiting")
	}
	t.withdrawJoins(in.from)
	t.question(&event.Asked{Join: &event.WaitingJoin{Nick: in.nick, Lang: in.lang, Payload: in.Text}},
		Question{Join: true, Nick: q.Nick, Affiliation: q.Affiliation})
	return nil
}

// answerJoin decides on a join that waited. Much may have happened meanwhile, so
// every rule is judged again.
func (t *step) answerJoin(a *event.Asked, c Answer) {
	b := answerTo(a)
	t.propose(b)
	if c.Refuse != nil {
		refuseAnswer(b, c.Refuse.Settled())
		return
	}
	t.in, t.hostAgrees, t.sender = joinStanza(a.Join, a), true, t.r.senderOf(a.JID)
	if e := t.join(); e != nil {
		refuseAnswer(b, e.Settled())
		t.fx.Refused = e
	}
}

// joinStanza is the presence that asked for a join.
func joinStanza(j *event.WaitingJoin, a *event.Asked) *incoming {
	in := &incoming{kind: kindPresence, id: a.IQ, lang: j.Lang, from: a.JID, nick: j.Nick, toNick: true}
	in.Payload = xmlwire.PayloadOf(j.Payload)
	return in
}

// withdrawJoins ends the waiting of sessions that want something else now, or are
// gone: of one session, of an account or of a domain.
func (t *step) withdrawJoins(who JID) {
	t.answerAsks(nil, func(a event.Asked) bool { return a.Join != nil && a.JID.Within(who) })
}
