package muc

import (
	"crypto/subtle"
	"strconv"
	"strings"
)

// Requests between occupants pass through the room (XEP-0045 §17.4). The room
// keeps nothing of them: the way back is written into the id that the request
// gets, signed so that nobody can make one up. So an answer finds its way also
// when the one who gives it has left or has another nick by now.

// maxWayBack is how much longer a passed-on id is than the asker's.
const maxWayBack = 7 + 1 + 2*idBytes + 1 + 4 + 1 + maxPartSize

// relayRender is a request or answer on its way to another occupant.
type relayRender struct {
	to      JID
	id, typ string
	from    JID // an occupant's address
	payload string
}

// pingRoom answers a ping of the room itself (XEP-0199).
func (t *turn) pingRoom() *StanzaError {
	t.done = true
	return nil
}

// pingOccupant answers an occupant who pings himself to learn whether he is
// still inside (XEP-0410 §3.3); other occupants are pinged like anything else.
func (t *turn) pingOccupant() *StanzaError {
	ses, inside := t.r.st.session(t.in.from)
	if inside && t.r.addressee(t.in) == ses.occ {
		t.done = true
		return nil
	}
	return t.relayIQ()
}

// relayIQ passes a request on to one session of the occupant it is for, the one
// whose presence everybody sees; vCard and PubSub requests go to his account,
// which is where the answer is kept.
func (t *turn) relayIQ() *StanzaError {
	r, in := t.r, t.in
	k := &in.kids[0]
	ses, inside := r.st.session(in.from)
	switch {
	case !inside && (k.ns == nsDiscoInfo || k.ns == nsDiscoItems):
		return refuse(BadRequest, "6.6", "only occupants learn about occupants")
	case !inside:
		return refuse(NotAcceptable, "17.4", "you are not in the room")
	case r.reserved(in, k):
		return refuse(BadRequest, "17.4", "this request is one for the room")
	case r.st.conf.NoQueries:
		return refuse(NotAllowed, "17.4", "occupants of this room do not query each other")
	}
	to := r.addressee(in)
	if to == nil {
		return refuse(ItemNotFound, "17.4", "there is no such occupant")
	}
	if to.isPuppet() {
		return refuse(ServiceUnavailable, "17.4", "the occupant has no client")
	}
	target := to.front.address()
	switch k.ns {
	case nsVCard, nsVCard4, nsPubSub:
		target = target.Bare()
	}
	t.relay = &relayRender{to: target, id: r.wayBack(ses, to, in), typ: in.typ, from: r.at(ses.occ.nick),
		payload: r.veil(in.body, in.from, ses.occ.nick, to.role)}
	return nil
}

// wayBack is the id of a passed-on request: the asker's session, a signature over
// all that follows and over who may answer, the nick that was asked, as the asker
// writes it, and his own id.
func (r *Room) wayBack(asker *session, target *occupant, in *stanza) string {
	num := strconv.FormatUint(uint64(asker.num), 36)
	return num + "." + r.relayMAC(num, target.person.jid(), in.nick, in.id) + "." +
		strconv.Itoa(len(in.nick)) + "." + in.nick + in.id
}

func (r *Room) relayMAC(asker string, answerer JID, nick, id string) string {
	return r.mac("relay", asker, answerer.String(), nick, id)
}

// relayAnswer passes an answer back to whoever asked, as coming from the address
// that he asked. Answers to nothing are dropped: they must not be answered
// themselves.
func (t *turn) relayAnswer() *StanzaError {
	r, in := t.r, t.in
	parts := strings.SplitN(in.id, ".", 4)
	if len(parts) < 4 {
		return nil
	}
	session, err := strconv.ParseUint(parts[0], 36, 32)
	size, err2 := strconv.ParseUint(parts[2], 10, 16)
	if err != nil || err2 != nil || int(size) > len(parts[3]) {
		return nil
	}
	nick, id := parts[3][:size], parts[3][size:]
	mac := r.relayMAC(parts[0], in.from.Bare(), nick, id)
	asker := r.st.sessionByNumber(uint32(session))
	if asker == nil || subtle.ConstantTimeCompare([]byte(parts[1]), []byte(mac)) != 1 {
		return nil
	}
	t.relay = &relayRender{to: asker.address(), id: id, typ: in.typ, from: r.at(nick),
		payload: r.veil(r.sanitized(in), in.from, nick, asker.occ.role)}
	return nil
}

func (t *turn) renderRelay(x *relayRender) {
	w := xmlWriter{b: make([]byte, 0, 192+len(x.payload))}
	d := w.stanza("iq")
	w.address("from", x.from)
	w.attr("id", x.id)
	w.attr("type", x.typ)
	w.raw(x.payload)
	w.end()
	d.b = w.b
	t.send([]JID{x.to}, d, viewNone, nil)
}
