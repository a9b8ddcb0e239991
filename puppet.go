package muc

import (
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// Puppets: occupants of the host. What they and the room itself say.

// Join brings in a puppet: an occupant of the host that has no
// session, such as a bot that lives in the host or somebody from a network on the
// other side of a bridge. Everybody sees it like anybody else, with the
// affiliation of its JID and the role that follows from it; it can be
// silenced and put out by those who may. Nothing is ever sent to it: it is in no
// [Outbound.To]. A private message to it is an event for the host, [*event.PrivateReceived],
// which can answer with [Say]; a request to it alone is refused with service-unavailable.
//
// A puppet needs what others need to enter, but for the password: it must not be
// banned, must be a member where only members may enter, and have a nick that is
// free, in a room that is not full. It stays until it [Leave]s or is put out. To
// join again under the same nick changes what its presence says.
type Join struct {
	// JID is what the puppet is known by: those who see real JIDs see this one, and
	// its bare form has the affiliation. What is shown is a full JID (§17.3); a bare
	// one gets the nick for a resource.
	JID  JID
	Nick string
	// Presence is a <presence/> whose children the puppet's presence has; nil for none.
	Presence *etree.Element
}

func (c Join) do(t *step) error {
	r, s := t.r, &t.r.st
	jid, e := r.normal(c.JID)
	if e != nil {
		return e
	}
	nick, e := r.judgeNick(c.Nick)
	if e != nil {
		return e
	}
	if jid.IsBare() {
		jid = jid.WithNormalResource(nick.Nick)
	}
	lang, payload, err := t.ownPresence(c.Presence)
	if err != nil {
		return err
	}
	if o := s.OccupantByNick(nick.Nick, nick.Key); o != nil && o.IsPuppet() && o.FrontJID() == jid {
		if lang != o.Front().Lang() || payload != o.Front().Payload() {
			t.propose(&event.PresenceChanged{Occupant: o.Number(), JID: jid, Lang: lang, Payload: payload})
		}
		return nil
	}
	a := r.senderOf(jid)
	if e := t.admits(&a, s.Config()); e != nil {
		return e
	}
	if _, e := t.place(&a, &nick, s.Config(), true); e != nil {
		return e
	}
	b := t.arrival(&a, nick, nil, s.Config())
	b.Lang, b.Payload = lang, payload
	t.propose(b)
	return nil
}

// Rename gives a puppet another nick (XEP-0045 §7.6).
type Rename struct{ Nick, To string }

func (c Rename) do(t *step) error {
	o, err := t.r.puppet(c.Nick)
	if err != nil {
		return err
	}
	nick, e := t.r.judgeNick(c.To)
	if e != nil {
		return e
	}
	if nick.Nick == o.Nick() {
		return nil
	}
	if nick.Key != o.Key() {
		if _, e := t.freeNick(o.Person().JID(), nick, true); e != nil {
			return e
		}
	}
	t.propose(renamed(o, nick))
	return nil
}

// renamed is another nick for an occupant that says the same in its presence.
func renamed(o *state.Occupant, nick NickResult) *event.Renamed {
	return &event.Renamed{JID: o.FrontJID(), From: o.Number(), Occupant: o.Number(), Old: o.Nick(), Role: o.Role(), Front: true,
		Nick: nick.Nick, Key: nick.Key, Lang: o.Front().Lang(), Payload: o.Front().Payload()}
}

// Leave takes a puppet out of the room again (XEP-0045 §7.14). Of other
// occupants it is the sessions that leave: see [Vanished] and [Kick].
type Leave struct {
	Nick string
	// Presence is a <presence/> with what is said in farewell; nil for nothing.
	Presence *etree.Element
}

func (c Leave) do(t *step) error {
	o, err := t.r.puppet(c.Nick)
	if err != nil {
		return err
	}
	lang, payload, err := t.ownPresence(c.Presence)
	if err != nil {
		return err
	}
	t.proposePuppetLeft(o, lang, payload)
	t.endIfEmpty(1)
	return nil
}

func (t *step) proposePuppetLeft(o *state.Occupant, lang, payload string) {
	t.propose(&event.Left{Occupant: o.Number(), JID: o.FrontJID(), Nick: o.Nick(), OccupantID: o.ID(), Role: o.Role(),
		Affiliation: t.r.st.OccupantAffiliation(o), Last: true, Lang: lang, Payload: payload})
}

// puppet finds a puppet by its nick.
func (r *Room) puppet(nick string) (*state.Occupant, error) {
	switch o := r.occupantNamed(nick); {
	case o == nil:
		return nil, ErrNotFound
	case !o.IsPuppet():
		return nil, refuse(stanza.NotAllowed, "", "the occupant is a person, not a puppet")
	default:
		return o, nil
	}
}

// ownPresence is what the presence of a puppet says, and in which language.
func (t *step) ownPresence(el *etree.Element) (lang, payload string, err error) {
	if el == nil {
		return "", "", nil
	}
	if t.in, err = t.r.readOwn(el, kindPresence); err != nil {
		return "", "", err
	}
	payload, e := t.presencePayload("")
	if e != nil {
		return "", "", e
	}
	return t.in.lang, payload, nil
}

// Say speaks to everybody (XEP-0045 §7.4): in the room's own name, in that of a
// puppet (see [Join]) by its Nick, or, by [Room.DoAs], in that of somebody who is
// inside. Puppets and people speak by the rules that hold for them; what the room
// itself says is judged by none.
type Say struct {
	Nick string
	// To is the nick of the one occupant who shall hear it (XEP-0045 §7.5), as a message of
	// type chat; empty means everybody. The room itself says nothing in private.
	To string
	// Body is the text. Message can be given instead: a <message/> of which the
	// children are said, and whose id and xml:lang are kept.
	Body    string
	Message *etree.Element
}

func (c Say) do(t *step) error {
	el := c.Message
	switch {
	case (c.Body != "") == (el != nil):
		return refuse(stanza.BadRequest, "7.4", "either Body or Message")
	case el == nil && strings.TrimSpace(c.Body) == "":
		return refuse(stanza.BadRequest, "7.4", "there is nothing to say")
	case el == nil:
		el = etree.NewElement("message")
		el.CreateElement("body").SetText(c.Body)
	}
	return t.sayBy(c.Nick, c.To, el)
}

// SetSubject changes the subject, or clears it when it is empty (XEP-0045 §8.1):
// in the room's own name, in that of a puppet by its Nick, or, by [Room.DoAs], in that
// of somebody who is inside, by the rules that hold for them. [Say] a <message/> with subjects to
// give one in several languages.
type SetSubject struct {
	Subject string
	Nick    string
}

func (c SetSubject) do(t *step) error {
	el := etree.NewElement("message")
	el.CreateElement("subject").SetText(c.Subject)
	return t.sayBy(c.Nick, "", el)
}

// sayBy has a message said by the room, by a puppet or by a person, to everybody or to one
// nick.
func (t *step) sayBy(nick, to string, el *etree.Element) error {
	in, err := t.r.readOwn(el, kindMessage)
	if err != nil {
		return err
	}
	if len(in.Kids) == 0 {
		return refuse(stanza.BadRequest, "7.4", "there is nothing to say")
	}
	in.typ, t.in = "groupchat", in
	o, err := t.voiceOf(nick)
	if err != nil {
		return err
	}
	switch {
	case o != nil:
		return failure(t.sayAs(o, to))
	case to != "":
		return refuse(stanza.BadRequest, "7.5", "the room itself says nothing in private")
	}
	payload, e := t.messagePayload("", Participant)
	if e != nil {
		return e
	}
	m := event.Message{ID: in.id, Lang: in.lang, Payload: payload}
	if in.isSubject() {
		t.changeSubject(m)
	} else {
		t.speak(m, in)
	}
	return nil
}

// sayAs has the step's message said by an occupant.
func (t *step) sayAs(o *state.Occupant, to string) *StanzaError {
	if to == "" {
		return t.talk(t.in.spokenBy(o), o.Role())
	}
	t.in.typ = "chat"
	return t.whisper(o, t.r.occupantNamed(to))
}

// voiceOf finds in whose name a command talks, nil for the room's own, and notes
// it as the sender.
func (t *step) voiceOf(nick string) (*state.Occupant, error) {
	r := t.r
	switch {
	case t.sender.host && nick == "":
		return nil, nil
	case t.sender.host:
		o, err := r.puppet(nick)
		if err == nil {
			t.in.from, t.sender = o.FrontJID(), r.senderOf(o.FrontJID())
		}
		return o, err
	case nick != "":
		return nil, refuse(stanza.BadRequest, "7.4", "a puppet is spoken for by the host itself")
	}
	t.in.from = t.sender.jid
	if o := t.sender.occupant; o != nil {
		return o, nil
	}
	return nil, refuse(stanza.NotAcceptable, "7.4", "that person is not in the room")
}

// readOwn reads a stanza of the host's own.
func (r *Room) readOwn(el *etree.Element, k kind) (*incoming, error) {
	in := new(incoming)
	if err := in.readHead(el); err != nil {
		return nil, err
	}
	if in.kind != k {
		return nil, ErrNotStanza
	}
	if e := in.checkHead(jid.MaxPartSize); e != nil {
		return nil, e
	}
	if e := in.readPayload(el, &r.cfg.Limits); e != nil {
		return nil, e
	}
	return in, nil
}
