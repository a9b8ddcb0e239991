package muc

import (
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Sending messages: to everybody (XEP-0045 §7.4) and private ones (§7.5).

// groupchat decides on a message to everybody (XEP-0045 §7.4), which may be a
// new subject instead (§8.1): by somebody inside, or by somebody outside who may speak in
// the room's own name.
func (t *step) groupchat() *StanzaError {
	in := t.in
	switch ses := t.sender.session; {
	case ses != nil:
		return t.talk(in.spokenBy(ses.Occupant()), ses.Occupant().Role())
	case t.r.cfg.SpeakFromOutside && t.sender.aff >= Admin:
		return t.talk(event.Message{JID: in.from, ID: in.id, Lang: in.lang}, Moderator)
	}
	return t.outsider("7.4")
}

// talk judges and proposes the step's message, in the name that m says.
func (t *step) talk(m event.Message, role Role) *StanzaError {
	r, in := t.r, t.in
	subject := in.isSubject()
	switch {
	case subject && !r.allows(role, toChangeSubject):
		return refuse(stanza.Forbidden, "8.1", "you may not change the subject")
	case !roleMay(role, toSpeak):
		return refuse(stanza.Forbidden, "7.4", "you have no voice in this room")
	}
	if e := t.say(&m, Participant); e != nil {
		return e
	}
	if e := t.slow(); e != nil {
		return e
	}
	if e := judge(r.cfg.Policy.Speak, policy.Speak{Room: r.jid, JID: in.from, Nick: m.Nick, Role: role, Payload: m.Payload}); e != nil {
		return e
	}
	if subject {
		t.changeSubject(m)
	} else {
		t.speak(m, in)
	}
	return nil
}

// say puts the words of the step's message into m, as a reader sees them, if they do not
// come too soon.
func (t *step) say(m *event.Message, reader Role) (e *StanzaError) {
	if m.Payload, e = t.messagePayload(m.Nick, reader); e != nil {
		return e
	}
	return t.spend(t.in.weight())
}

// spokenBy is the message of an occupant, without words.
func (in *incoming) spokenBy(o *state.Occupant) event.Message {
	return event.Message{Nick: o.Nick(), Key: o.Key(), OccupantID: o.ID(), JID: in.from, ID: in.id, Lang: in.lang}
}

// outsider refuses what only occupants may do. A room that is not open yet is not
// there for anybody else (§17.2).
func (t *step) outsider(section string) *StanzaError {
	if e := closedTo(&t.r.st, &t.sender); e != nil {
		return e
	}
	return refuse(stanza.NotAcceptable, section, "you are not in the room")
}

// speak proposes that a message is said: archived, only kept for newcomers, or
// passing by. A message without id gets one (§7.4).
func (t *step) speak(m event.Message, in *incoming) {
	if m.ID == "" {
		m.ID = t.newID()
	}
	t.retract(&m)
	switch keep := in.worthKeeping(); {
	case keep && t.archivable(in):
		m.StanzaID = t.newID()
		t.propose(&event.MessageArchived{Message: m})
	case keep && !in.unstored():
		t.propose(&event.MessageRemembered{Message: m})
	default:
		t.propose(&event.MessagePassed{Message: m})
		return
	}
	t.mention(&m)
}

// archivable reports whether a message that is worth it may be archived.
func (t *step) archivable(in *incoming) bool { return !t.r.st.Config().NoArchive && !in.unstored() }

// worthKeeping reports whether newcomers would miss a message. Without a body it is
// worth keeping only when it is encrypted (XEP-0380), asks for it (XEP-0334 §4.4) or
// takes another back (XEP-0424 §5).
func (in *incoming) worthKeeping() bool {
	return in.Find("", "body") != nil || in.Find(ns.EME, "encryption") != nil || in.Find(ns.Hints, "store") != nil ||
		in.Find(ns.Retract, "retract") != nil
}

// weight is which rate a message uses up. What clients send by themselves while people
// read and write has no words, neither plain nor encrypted (XEP-0380).
func (in *incoming) weight() event.RateKind {
	if in.Find("", "body") != nil || in.Find("", "subject") != nil || in.Find(ns.EME, "encryption") != nil {
		return event.RateMessages
	}
	return event.RateSignals
}

// unstored reports whether a message asks not to be stored anywhere (XEP-0334 §4.1,
// §4.2).
func (in *incoming) unstored() bool {
	return in.Find(ns.Hints, "no-store") != nil || in.Find(ns.Hints, "no-permanent-store") != nil
}

// groupchatToOccupant refuses a private message of the wrong type (§7.5).
func (t *step) groupchatToOccupant() *StanzaError {
	if t.sender.session == nil {
		return t.outsider("7.5")
	}
	return refuse(stanza.BadRequest, "7.5", "a private message is not of type groupchat")
}

// messageMarkup is what a message takes beyond what is said, by whom, where and
// under which id: a buffer of that much more need not grow.
const messageMarkup = 272

// renderMessage writes a message from an occupant or from the room, with the ids
// that only the room may give (XEP-0421, XEP-0359).
func (r *Room) renderMessage(m *event.Message) *splice.Stanza {
	w := xmlwire.Writer{Bytes: make([]byte, 0, messageMarkup+2*len(r.jid.String())+len(m.Payload)+len(m.Nick)+len(m.ID))}
	d := splice.Start(&w, "message")
	r.writeMessage(&w, "groupchat", m)
	d.Tail = w.OpenTag()
	return d.Done(&w)
}

// writeMessage writes what a message is, in a start tag that is open.
func (r *Room) writeMessage(w *xmlwire.Writer, typ string, m *event.Message) {
	occupantAddress(w, "from", r.jid, m.Nick)
	w.AttrIf("type", typ)
	w.AttrIf("id", m.ID)
	w.AttrIf("xml:lang", m.Lang)
	w.Raw(m.Payload)
	occupantID(w, m.OccupantID)
	if m.StanzaID != "" {
		w.Empty("stanza-id", ns.SID, "by", r.jid.String(), "id", m.StanzaID)
	}
}

// messageToRoom refuses a message for which a room has no use.
func (t *step) messageToRoom() *StanzaError {
	return refuse(stanza.BadRequest, "7.4", "a room takes messages of type groupchat")
}

// privateMessage decides on a message to one occupant (XEP-0045 §7.5).
func (t *step) privateMessage() *StanzaError {
	ses := t.sender.session
	if ses == nil {
		return t.outsider("7.5")
	}
	return t.whisper(ses.Occupant(), t.r.addressee(t.in))
}

// whisper judges and proposes a private message from one occupant to another. Those to a
// puppet are for the host to read. If no session sent it, nobody is told when it bounces.
func (t *step) whisper(from, to *state.Occupant) *StanzaError {
	r, in := t.r, t.in
	if to == nil {
		return refuse(stanza.ItemNotFound, "7.5", "there is no such occupant")
	}
	if to.Person() != from.Person() && !r.st.Config().AllowsPM(from.Role(), t.sender.aff, to.Role()) {
		return refuse(stanza.Forbidden, "7.5", "private messages are not allowed here")
	}
	m, typ := in.spokenBy(from), in.typ
	if e := t.say(&m, to.Role()); e != nil {
		return e
	}
	if typ != "chat" && typ != "headline" {
		typ = "" // a type that nobody knows is the normal one (RFC 6121 §5.2.2)
	}
	if to.IsPuppet() {
		t.propose(&event.PrivateReceived{Occupant: to.Number(), To: to.Nick(), Type: typ, Message: m})
		return nil
	}
	if ses := t.sender.session; ses != nil && ses.Occupant() == from {
		t.propose(&event.PrivateSent{Session: ses.Number(), Occupant: to.Number(), ID: in.id})
	}
	t.owePrivate(r.audience().sessionsOf(to), typ, &m)
	return nil
}

// owePrivate owes a private message, which is kept nowhere: it is marked as one by an empty
// <x/> (§7.5).
func (t *step) owePrivate(to []JID, typ string, m *event.Message) {
	w := xmlwire.Writer{Bytes: make([]byte, 0, messageMarkup+len(m.Payload))}
	d := splice.Start(&w, "message")
	t.r.writeMessage(&w, typ, m)
	w.Empty("x", ns.User)
	d.Done(&w)
	t.owe(func() { t.send(to, d, splice.None, nil) })
}

// relayBounce decides on an error that is no farewell: it is passed on only as
// the answer to a private message, to the session that sent it. Anything else is
// a reflected message that somebody's client could not bear, or made up.
func (t *step) relayBounce(ses *state.Session) *StanzaError {
	in, o := t.in, ses.Occupant()
	sender := t.r.addressee(in)
	if in.kind != kindMessage || sender == nil {
		return nil
	}
	for _, p := range t.r.st.Sparse().Privates() {
		for to := range sender.Sessions() {
			if to.Number() != p.Session || p.Occupant != o.Number() || p.ID != in.id {
				continue
			}
			m, e := in.spokenBy(o), (*StanzaError)(nil)
			if m.Payload, e = t.messagePayload(m.Nick, sender.Role()); e == nil {
				t.propose((*event.PrivateBounced)(&p))
				t.owePrivate([]JID{to.Address()}, in.typ, &m)
			}
			return nil
		}
	}
	return nil
}
