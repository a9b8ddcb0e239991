package muc

import (
	"crypto/subtle"
	"strconv"
	"strings"
)

// Requests between occupants pass through the room (XEP-0045 §17.4). The room
// keeps nothing of them: the way back is written into the id that the request
// gets, signed so that nobody can make one up.

// maxWayBack is how much longer a passed-on id is than the asker's.
const maxWayBack = 7 + 1 + 2*idBytes + 1

// relayRender is a request or answer on its way to another occupant.
type relayRender struct {
	to      JID
	id, typ string
	nick    string // of whom it comes from
	payload string
}

// pingRoom answers a ping of the room itself (XEP-0199).
func (t *turn) pingRoom() *StanzaError {
	t.answer = emptyResult
	return nil
}

// pingOccupant answers an occupant who pings himself to learn whether he is
// still inside (XEP-0410 §3); other occupants are pinged like anything else.
func (t *turn) pingOccupant() *StanzaError {
	ses, inside := t.r.st.sessions.get(t.in.from)
	if inside && t.r.addressee(t.in) == ses.occ {
		t.answer = emptyResult
		return nil
	}
	return t.relayIQ()
}

// relayIQ passes a request on to one session of the occupant it is for; vCard and
// PubSub requests go to his account, which is where the answer is kept.
func (t *turn) relayIQ() *StanzaError {
	r, in := t.r, t.in
	ses, inside := r.st.sessions.get(in.from)
	if !inside {
		if k := in.kids[0]; k.ns == nsDiscoInfo || k.ns == nsDiscoItems {
			return refuse(BadRequest, "6.6", "only occupants learn about occupants")
		}
		return refuse(NotAcceptable, "17.4", "you are not in the room")
	}
	to := r.addressee(in)
	if to == nil || to.front == nil {
		return refuse(ItemNotFound, "17.4", "there is no such occupant")
	}
	target := to.front.address()
	switch in.kids[0].ns {
	case nsVCard, nsVCard4, nsPubSub:
		target = target.Bare()
	}
	t.relay = &relayRender{to: target, id: r.wayBack(ses, to, in.id), typ: in.typ,
		nick: ses.occ.nick, payload: r.sanitized(in)}
	return nil
}

// wayBack is the id of a passed-on request: the asker's session, his own id, and
// a signature over both and over who may answer.
func (r *Room) wayBack(asker *session, target *occupant, id string) string {
	num := strconv.FormatUint(uint64(asker.num), 36)
	return num + "." + r.mac("relay", num, target.person.jid().String(), id) + "." + id
}

// relayAnswer passes an answer back to whoever asked. Answers to nothing are
// dropped: they must not be answered themselves.
func (t *turn) relayAnswer() *StanzaError {
	r, in := t.r, t.in
	num, rest, ok := strings.Cut(in.id, ".")
	sig, id, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return nil
	}
	session, err := strconv.ParseUint(num, 36, 32)
	if err != nil {
		return nil
	}
	asker, answerer := r.st.sessionByNumber(uint32(session)), r.answerer(in)
	if asker == nil || answerer == nil ||
		subtle.ConstantTimeCompare([]byte(sig), []byte(r.mac("relay", num, answerer.person.jid().String(), id))) != 1 {
		return nil
	}
	t.relay = &relayRender{to: asker.address(), id: id, typ: in.typ, nick: answerer.nick, payload: r.sanitized(in)}
	return nil
}

// answerer is the occupant that an answer comes from: a session of his, or his
// account.
func (r *Room) answerer(in *stanza) *occupant {
	if ses, inside := r.st.sessions.get(in.from); inside {
		return ses.occ
	}
	if p, ok := r.st.persons.get(in.from); ok && len(p.occupants) > 0 {
		return p.occupants[0]
	}
	return nil
}

func (t *turn) renderRelay(x *relayRender) {
	d := &rendered{head: len("<iq")}
	w := xmlWriter{b: make([]byte, 0, 192+len(x.payload))}
	w.start("iq", "")
	w.address("from", t.r.at(x.nick))
	w.attr("id", x.id)
	w.attr("type", x.typ)
	w.raw(x.payload)
	w.end()
	d.b = w.b
	t.send([]JID{x.to}, d, viewNone, nil)
}
