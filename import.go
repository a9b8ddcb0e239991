package muc

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// What was said in the room while it was on another server.

// ImportMessage takes over a message to everybody, or a subject (XEP-0045 §7.4, §8.1), that
// was said in this room elsewhere, as the archive of the server on which it was before has it. It is
// said at the time of the call, so messages come in the order in which they were said, each with a
// time of its own; and while nobody is inside, because nobody is to hear it now.
//
// What clients may not claim is taken out of it, and the limits hold, but neither rates nor
// policies. A message that newcomers would not be shown is refused with not-acceptable, as is one that is
// not to be archived, because neither would be there afterwards. One that takes back another
// (XEP-0424) does so.
type ImportMessage struct {
	// Message is the <message/>, of which the children are said, and whose id and xml:lang are
	// kept.
	Message *etree.Element
	// Nick is whose message it is; empty for the room itself.
	Nick string
	// JID is the real address, bare or full; zero if it is not known. Such a message is shown, and
	// found, but nobody can take it back as its author.
	JID JID
	// StanzaID is the id that it has in that archive (XEP-0359), so that clients that have read
	// the archive up to there go on from there. It must be no other message's. Empty makes
	// another one.
	StanzaID string
}

func (c ImportMessage) do(t *step) error {
	r := t.r
	if c.Message == nil {
		return fmt.Errorf("%w: ImportMessage.Message", ErrMissing)
	}
	in, err := r.readOwn(c.Message, kindMessage)
	if err != nil {
		return err
	}
	m := event.Message{ID: in.id, Lang: in.lang, StanzaID: c.StanzaID}
	if len(r.st.Occupants()) > 0 {
		return refuse(stanza.Conflict, "7.4", "there are people inside who did not hear it")
	}
	if e := cmp.Or(checkText(c.StanzaID, jid.MaxPartSize), c.author(r, &m)); e != nil {
		return e
	}
	in.typ, in.from, t.in = "groupchat", m.JID, in
	var e *StanzaError
	if m.Payload, e = t.messagePayload(m.Nick, Participant); e != nil {
		return e
	}
	return failure(t.recall(&m))
}

// author notes whose message it is.
func (c ImportMessage) author(r *Room, m *event.Message) (e *StanzaError) {
	if !c.JID.IsZero() {
		if m.JID, e = r.normal(c.JID); e != nil {
			return e
		}
		m.OccupantID = r.occupantID(m.JID.Bare())
	}
	if c.Nick != "" {
		var nick NickResult
		if nick, e = r.judgeNick(c.Nick); e != nil {
			return e
		}
		m.Nick, m.Key = nick.Nick, nick.Key
	}
	return nil
}

// recall proposes that a message was said at the time of the step.
func (t *step) recall(m *event.Message) *StanzaError {
	in, subject := t.in, t.in.isSubject()
	archived := t.archivable(in)
	switch {
	case subject:
	case !archived:
		return refuse(stanza.NotAcceptable, "XEP-0313", "the message is not to be archived")
	case !in.worthKeeping():
		return refuse(stanza.NotAcceptable, "7.2.13", "there is nothing in the message that is kept")
	}
	if m.ID == "" {
		m.ID = t.newID()
	}
	switch {
	case !archived:
		m.StanzaID = ""
	case m.StanzaID == "":
		m.StanzaID = t.newID()
	case slices.ContainsFunc(t.r.st.Archived(), func(e state.Entry) bool { return e.Message().StanzaID == m.StanzaID }):
		return refuse(stanza.Conflict, "XEP-0359", "another message has that id")
	}
	if subject {
		t.propose(&event.SubjectChanged{Message: *m})
		return nil
	}
	t.retract(m)
	t.propose(&event.MessageArchived{Message: *m})
	return nil
}
