package muc

import (
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// Commands that speak: messages, subject, invitations.

// Say speaks to everybody (XEP-0045 §7.4): in the room's own name, in that of a
// puppet (see [Join]) by its Nick, or, by [Room.DoAs], in that of somebody who is
// inside. Puppets and people speak by the rules that hold for them; what the room
// itself says is judged by none.
type Say struct {
	Nick string
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
	return t.sayBy(c.Nick, el)
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
	return t.sayBy(c.Nick, el)
}

// sayBy has a message said by the room, by a puppet or by a person.
func (t *step) sayBy(nick string, el *etree.Element) error {
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
	if o != nil {
		if e := t.talk(in.spokenBy(o), o.Role()); e != nil {
			return e
		}
		return nil
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

// Invite invites somebody (XEP-0045 §7.8.2), in the room's own name or that of a person.
// To a members-only room it makes that person a member.
type Invite struct {
	To     JID
	Reason string
}

func (c Invite) do(t *step) error {
	a := &t.sender
	e := t.mayInvite(a)
	inv := Invitation{Reason: c.Reason}
	if e == nil {
		inv.To, e = t.r.normal(c.To)
	}
	if e == nil {
		e = t.spendNotices(a.jid, 1)
	}
	if e == nil {
		e = t.inviteOne(a, t.newAdminSet(&theHost, a.event()), inv)
	}
	if e != nil {
		return e
	}
	return nil
}
