package muc

import (
	"time"

	"github.com/beevik/etree"
)

// Ask is something that the room needs from its host: the answer to a request
// that the room does not know itself. It is answered once, with Do(Answer{…}),
// or expires at its deadline, when the room refuses the request.
type Ask struct {
	// ID names the question in Answer.
	ID       string
	Deadline time.Time
	// JID is who asks: a full JID, inside or not. Nick and Role are what he goes by
	// here, empty for a stranger.
	JID         JID
	Nick        string
	Role        Role
	Affiliation Affiliation
	// Set tells a request of type set from one of type get.
	Set bool
	// Payload is the request's one child element, as canonical XML.
	Payload string
}

// Answer is the host's answer to an [Ask].
type Answer struct {
	ID string
	// Payload is the child of the iq result; nil for an empty one.
	Payload *etree.Element
	// Refuse refuses the request instead.
	Refuse *StanzaError
}

// unknownIQ hands a request that the room does not know to the host, if the host
// knows it, or refuses it.
func (t *turn) unknownIQ() *StanzaError {
	r, in := t.r, t.in
	k := &in.kids[0]
	if r.cfg.AnswersIQ == nil || !r.cfg.AnswersIQ(k.ns, k.name) {
		return refuse(ServiceUnavailable, "RFC 6120 §8.4", "the room does not know this request")
	}
	if len(r.st.asks) >= r.cfg.Limits.Asks {
		return refuse(ResourceConstraint, "14.6", "too many requests are waiting")
	}
	a := t.actor()
	ask := Ask{ID: t.newID(), Deadline: t.now.Add(r.cfg.AskTimeout), JID: in.from, Nick: a.nick, Role: a.role,
		Affiliation: a.aff, Set: in.typ == "set", Payload: in.body}
	t.propose(&Asked{ID: ask.ID, JID: in.from, IQ: in.id, Deadline: ask.Deadline})
	t.fx.Asks = append(t.fx.Asks, ask)
	return nil
}

func (c Answer) do(t *turn) error {
	for _, a := range t.r.st.asks {
		if a.ID != c.ID {
			continue
		}
		b := &Answered{ID: a.ID, JID: a.JID, IQ: a.IQ}
		if c.Refuse != nil {
			e := c.Refuse.settled()
			b.Condition, b.Text = e.Condition, e.Text
		} else if c.Payload != nil {
			payload, e := t.r.canonical(c.Payload)
			if e != nil {
				return e
			}
			b.Payload = payload
		}
		t.propose(b)
		return nil
	}
	return ErrNotFound
}

// canonical brings an element of the host's through the door.
func (r *Room) canonical(el *etree.Element) (string, *StanzaError) {
	in := new(stanza)
	d := door{lim: &r.cfg.Limits, in: in}
	root := etree.Element{Child: []etree.Token{el}}
	if e := d.children(&root); e != nil {
		return "", e
	}
	return in.body, nil
}

// end proposes the end of the room. Whoever still waits for an answer gets one.
func (t *turn) end(b *RoomDestroyed) {
	for _, a := range t.r.st.asks {
		t.propose(&Answered{ID: a.ID, JID: a.JID, IQ: a.IQ, Condition: ItemNotFound, Text: "the room is no more"})
	}
	t.propose(b)
}

// expireAsks refuses what the host did not answer in time.
func (t *turn) expireAsks() {
	for _, a := range t.r.st.asks {
		if !a.Deadline.After(t.now) {
			t.propose(&Answered{ID: a.ID, JID: a.JID, IQ: a.IQ, Condition: RemoteServerTimeout, Text: "no answer in time"})
		}
	}
}

// renderAnswers sends the answers to requests that the host was asked about.
func (t *turn) renderAnswers(events []Event) {
	for _, ev := range events {
		b, ok := ev.Body.(*Answered)
		if !ok {
			continue
		}
		in := &stanza{kind: kindIQ, typ: "get", id: b.IQ, from: b.JID}
		reply := turn{r: t.r, now: t.now, fx: t.fx, in: in}
		if b.Condition != "" {
			reply.renderError(&StanzaError{Condition: b.Condition, Text: b.Text})
		} else {
			reply.renderResult(func(w *xmlWriter) { w.raw(b.Payload) })
		}
	}
}
