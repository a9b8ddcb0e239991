package muc

import (
	"crypto/subtle"
	"slices"
	"strconv"
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// Requests between occupants (XEP-0045 §17.4), and pings (XEP-0199, XEP-0410). A request
// that is passed on gets an id that holds the way back, signed so that nobody can forge
// one. So an answer is passed back even if the one who gives it has left or been renamed.
// The room remembers which requests are open: each may be answered once, for some minutes.
// A restarted room has none open; one that was moved still has them.

// maxWayBack is how much longer a passed-on id is than the asker's.
const maxWayBack = 7 + 1 + 12 + 1 + 2*idBytes + 1 + 4 + 1 + jid.MaxPartSize

// ping answers a ping of the room itself (XEP-0199) and a self-ping, by which a client learns
// whether it is still inside (XEP-0410 §3.3); pings of other occupants are passed on like any
// request.
func (t *step) ping() *StanzaError {
	if t.in.toNick && (t.sender.session == nil || t.r.addressee(t.in) != t.sender.occupant) {
		return t.relayIQ()
	}
	t.answer(nil)
	return nil
}

// relayIQ passes a request on to the front session of the occupant; vCard and PubSub
// requests go to the account, which answers them.
func (t *step) relayIQ() *StanzaError {
	r, in := t.r, t.in
	k := &in.Kids[0]
	ses := t.sender.session
	switch {
	case ses == nil && (k.NS == ns.DiscoInfo || k.NS == ns.DiscoItems):
		return refuse(stanza.BadRequest, "6.6", "only occupants learn about occupants")
	case ses == nil:
		return refuse(stanza.NotAcceptable, "17.4", "you are not in the room")
	case r.reserved(in, k):
		return refuse(stanza.BadRequest, "17.4", "this request is one for the room")
	case in.keys() && !seesJIDs(&r.st, t.sender.role, t.sender.aff):
		return refuse(stanza.NotAllowed, "17.4", "the keys of occupants would tell who they are")
	case r.st.Config().NoQueries && !in.asksForPicture(ns.PictureNodes) && (hidesJIDs(&r.st) || !in.asksForPicture(ns.KeyNodes)):
		return refuse(stanza.NotAllowed, "17.4", "occupants of this room do not query each other")
	}
	to := r.addressee(in)
	switch {
	case to == nil:
		return refuse(stanza.ItemNotFound, "17.4", "there is no such occupant")
	case to.IsPuppet():
		return refuse(stanza.ServiceUnavailable, "17.4", "the occupant has no client")
	}
	if refused := t.spend(event.RateQueries); refused != nil {
		return refused
	}
	way := r.relayMAC(ses.JID(), state.InstantOf(t.now), to.Person().JID(), in.nick, in.id)
	t.propose(&event.RelaySent{Session: ses.Number(), JID: ses.JID(), Way: way, Now: t.behind()})
	target := to.Front().Address()
	switch k.NS {
	case ns.VCard, ns.VCard4, ns.PubSub:
		target = target.Bare()
	}
	nick := ses.Occupant().Nick()
	if !t.passOn(target, t.wayBack(ses, way), in.typ, r.at(nick), r.veil(in.Text, in.from, nick, to.Role())) {
		return refuse(stanza.PolicyViolation, "14.6", "This is too large to be passed on")
	}
	return nil
}

// passOn owes a request or answer to another occupant, if it is not too large.
func (t *step) passOn(to JID, id, typ string, from JID, payload string) (fits bool) {
	d := splice.Write("iq", 192+len(payload), func(w *xmlwire.Writer) {
		address(w, "from", from)
		w.Attr("id", id)
		w.Attr("type", typ)
		w.Raw(payload)
	})
	if len(t.fitting([]JID{to}, d, splice.None, nil)) == 0 {
		return false
	}
	t.owe(func() { t.send([]JID{to}, d, splice.None, nil) })
	return true
}

// asksForPicture reports whether a request is for a vCard or picture, which clients send
// to draw a list of occupants, or for one of other PubSub nodes.
func (in *incoming) asksForPicture(nodes []string) bool {
	k := &in.Kids[0]
	switch {
	case in.typ != "get":
		return false
	case k.NS == ns.PubSub:
		n := xmlwire.ParseNode(in.XML(k))
		return len(n.Kids) == 1 && n.Kids[0].NS == ns.PubSub && n.Kids[0].Name == "items" && isNode(n.Kids[0].AttrOr("node", ""), nodes)
	}
	return k.NS == ns.VCard || k.NS == ns.VCard4
}

// keys reports whether a request is about somebody's keys (XEP-0384), by which an occupant
// whose real JID is hidden could be recognised.
func (in *incoming) keys() bool {
	k := &in.Kids[0]
	if k.NS != ns.PubSub && k.NS != ns.DiscoItems && k.NS != ns.DiscoInfo {
		return false
	}
	n := xmlwire.ParseNode(in.XML(k))
	ofKeys := func(n xmlwire.Node) bool { return isNode(n.AttrOr("node", ""), ns.KeyNodes) }
	return ofKeys(n) || slices.ContainsFunc(n.Kids, ofKeys)
}

// isNode reports whether a PubSub node is one of a list, in which one that ends in a colon
// stands for all that begin so.
func isNode(node string, list []string) bool {
	return slices.ContainsFunc(list, func(known string) bool {
		return node == known || strings.HasSuffix(known, ":") && strings.HasPrefix(node, known)
	})
}

// wayBack is the id of a request that is passed on: the asker's session, the time, a
// signature, the nick that was asked, as the asker wrote it, and the asker's id.
func (t *step) wayBack(asker *state.Session, way string) string {
	return strconv.FormatUint(uint64(asker.Number()), 36) + "." + strconv.FormatInt(int64(state.InstantOf(t.now)), 36) + "." + way + "." +
		strconv.Itoa(len(t.in.nick)) + "." + t.in.nick + t.in.id
}

// relayAnswer passes an answer back to the asker, once, from the address that was asked.
// Answers to no open request and those of banned people are dropped: an answer must not be
// answered.
func (t *step) relayAnswer() *StanzaError {
	r, in := t.r, t.in
	parts := strings.SplitN(in.id, ".", 5)
	if len(parts) < 5 {
		return nil
	}
	session, err := strconv.ParseUint(parts[0], 36, 32)
	at, err2 := strconv.ParseInt(parts[1], 36, 64)
	size, err3 := strconv.ParseUint(parts[3], 10, 16)
	if err != nil || err2 != nil || err3 != nil || int(size) > len(parts[4]) {
		return nil
	}
	x, open := r.st.OpenRelay(uint32(session), state.Instant(at), parts[2], t.now, r.cfg.RelayTimeout)
	if !open {
		return nil
	}
	asker := r.st.Session(x.JID)
	nick, id := parts[4][:size], parts[4][size:]
	mac := r.relayMAC(x.JID, x.At, t.sender.bare, nick, id)
	if asker == nil || asker.Number() != x.Session || subtle.ConstantTimeCompare([]byte(x.Way), []byte(mac)) != 1 ||
		t.sender.aff == Outcast {
		return nil
	}
	t.propose(&event.RelayAnswered{Session: x.Session, Way: x.Way})
	payload := r.veil(r.sanitized(in), in.from, nick, asker.Occupant().Role())
	if !t.passOn(asker.Address(), id, in.typ, r.at(nick), payload) { // who asked gets another answer
		large := refuse(stanza.PolicyViolation, "14.6", "The answer is too large to be passed on")
		t.passOn(asker.Address(), id, "error", r.at(nick), string(large.AppendXML(nil, "")))
	}
	return nil
}
