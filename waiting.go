package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// A join that all rules admit may wait for the host's own decision: a challenge to
// be solved (XEP-0158), an account to be looked up elsewhere. It waits as an Ask,
// and nobody in the room knows of it.

// askJoin makes a join wait for the host. A session waits for one join: the last.
func (t *step) askJoin(q JoinRequest) *StanzaError {
	r, in := t.r, t.in
	others := 0
	for _, a := range r.st.Sparse().Asks() {
		if a.Join == nil || a.JID != in.from {
			others++
		}
	}
	if others >= r.cfg.Limits.Asks {
		return refuse(stanza.ResourceConstraint, "14.6", "too many requests are waiting")
	}
	t.withdrawJoins(in.from)
	b := &event.Asked{ID: t.newID(), JID: in.from, IQ: in.id, Deadline: event.Stamp{Time: t.now.Add(r.cfg.AskTimeout)},
		Join: &event.WaitingJoin{Nick: in.nick, Lang: in.lang, Payload: in.Text}}
	t.propose(b)
	t.fx.Asks = append(t.fx.Asks, Ask{ID: b.ID, Deadline: b.Deadline.Time, Join: true, JID: q.JID, Nick: q.Nick,
		Affiliation: q.Affiliation, Payload: in.Text})
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

// stanza is the presence that asked for the join.
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
