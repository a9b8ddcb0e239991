package muc

import (
	"fmt"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/stanza"
)

// Moderation of messages: moderators take back what others said (XEP-0425 §3, §4). Clients ask
// for it in the present form, or in that of version 0.2, as a fastening (XEP-0422); what
// everybody is told has both.

// Moderate takes back what somebody said, and tells everybody so (XEP-0425): by [Room.Do] in
// the room's own name, by [Room.DoAs] in that of a moderator. Newcomers are not shown it any
// more, and the archive has a tombstone in its place. A new subject is not moderated, but
// changed.
type Moderate struct {
	// ID is the stanza-id that the room gave the message (XEP-0359). A message of a room that
	// archives nothing has none, and goes by its id or origin-id.
	ID string
	// Reason is shown to everybody; empty for none.
	Reason string
	// Archived is the message as the host's archive has it. It is only needed for one that the
	// room may not remember any more, beyond [Limits].History.
	Archived *event.MessageArchived
}

func (c Moderate) do(t *step) error {
	if c.ID == "" {
		return fmt.Errorf("%w: Moderate.ID", ErrMissing)
	}
	if e := checkText(c.Reason, t.r.cfg.Limits.ReasonBytes); e != nil {
		return e
	}
	if e := t.sender.mayTakeBack(); e != nil {
		return e
	}
	said := t.r.st.MessageNamed(c.ID)
	if said == nil && c.Archived != nil && c.Archived.StanzaID == c.ID {
		said = &c.Archived.Message
	}
	return failure(t.takeBack(said, c.ID, c.Reason))
}

// mayTakeBack judges whether somebody may moderate at all, before the request is looked at.
func (a *sender) mayTakeBack() *StanzaError {
	if !roleMay(a.role, toModerate) {
		return refuse(stanza.Forbidden, "XEP-0425 §3.2", "only moderators take back what others said")
	}
	return nil
}

// moderate decides on a request of a moderator (XEP-0425 §3). What the room does not remember
// is looked for in the archive.
func (t *step) moderate() *StanzaError {
	n := t.query()
	if n.NS == ns.Fasten && n.Child(ns.OldModerate, "moderate") == nil {
		return t.unknownIQ()
	}
	id, reason, refused := t.r.judgeModeration(&t.sender, n)
	if refused != nil {
		return refused
	}
	said := t.r.st.MessageNamed(id)
	if said == nil && t.r.archives() {
		return t.ask(&ArchiveQuery{IDs: []string{id}, Max: 1})
	}
	if refused = t.takeBack(said, id, reason); refused == nil {
		t.answer(nil)
	}
	return refused
}

// answerModeration goes on with a request when the host has found the message, or has not.
// Much may have happened meanwhile, so every rule is judged again.
func (t *step) answerModeration(b *event.Answered, n *xmlwire.Node, page *ArchivePage) error {
	if e := checkPage(page, 1); e != nil {
		return e
	}
	t.sender = t.r.senderOf(b.JID)
	id, reason, refused := t.r.judgeModeration(&t.sender, n)
	if refused == nil {
		said, e := found(page, id)
		if e != nil {
			return e
		}
		refused = t.takeBack(said, id, reason)
	}
	if refused != nil {
		refuseAnswer(b, refused.Settled())
		return nil
	}
	t.answer(nil)
	return nil
}

// found is the message that a page of the archive has, nil for none.
func found(page *ArchivePage, id string) (*event.Message, *StanzaError) {
	if len(page.Messages) == 0 {
		return nil, nil
	}
	if page.Messages[0].Archived().StanzaID != id {
		return nil, refuse(stanza.BadRequest, "XEP-0313 §4.1.3", "the page has another message")
	}
	if b, ok := page.Messages[0].Body.(*event.MessageArchived); ok {
		return &b.Message, nil
	}
	return nil, nil // a subject
}

// judgeModeration reads and judges a request, both when it comes and when the host has looked
// for the message. A refusal tells who is no moderator nothing else.
func (r *Room) judgeModeration(a *sender, n *xmlwire.Node) (id, reason string, refused *StanzaError) {
	if e := a.mayTakeBack(); e != nil {
		return "", "", e
	}
	id, wish := n.AttrOr("id", ""), n
	if n.NS == ns.Fasten {
		wish = n.Child(ns.OldModerate, "moderate")
	}
	if c := wish.Child(wish.NS, "reason"); c != nil {
		reason = c.Text
	}
	switch {
	case id == "" || len(id) > jid.MaxPartSize:
		return "", "", refuse(stanza.BadRequest, "XEP-0425 §3", "it is not said which message is meant")
	case wish.Child(ns.Retract, "retract") == nil && wish.Child(ns.OldRetract, "retract") == nil:
		return "", "", refuse(stanza.FeatureNotImplemented, "XEP-0425 §1", "messages can only be taken back")
	case len(reason) > r.cfg.Limits.ReasonBytes:
		return "", "", refuse(stanza.PolicyViolation, "14.6", "the reason is too long")
	}
	return id, reason, nil
}

// takeBack proposes that a message is taken back and everybody is told, by whom and why. What
// the room itself says, such as that a message was taken back, stands above moderators.
func (t *step) takeBack(said *event.Message, id, reason string) *StanzaError {
	switch {
	case said == nil || said.IsTombstone():
		return refuse(stanza.ItemNotFound, "XEP-0425 §3.2", "there is no such message")
	case said.OccupantID == "" && !t.sender.host:
		return refuse(stanza.NotAllowed, "XEP-0425 §3.2", "what the room itself says stays")
	}
	b := &event.MessageRetracted{StanzaID: said.StanzaID, OccupantID: said.OccupantID, Nick: said.Nick, JID: said.JID,
		ID: t.newID(), Moderated: t.moderation(reason)}
	if b.StanzaID == "" {
		b.Named = id
	}
	m := b.Announcement()
	if len(m.Payload) > t.r.cfg.Limits.StanzaBytes {
		return refuse(stanza.PolicyViolation, "14.6", "the reason is too long")
	}
	if e := t.spend(event.RateMessages); e != nil {
		return e
	}
	t.propose(b)
	if t.r.st.Config().NoArchive {
		t.propose(&event.MessageRemembered{Message: m})
		return nil
	}
	m.StanzaID = t.newID()
	t.propose(&event.MessageArchived{Message: m})
	return nil
}

// moderation is who takes a message back in this step: somebody outside, and the host, do so in
// the room's name.
func (t *step) moderation(reason string) *event.Moderation {
	a := &t.sender
	m := &event.Moderation{By: t.r.jid, Reason: reason, Actor: a.event()}
	if a.nick != "" {
		m.By = t.r.at(a.nick)
	}
	if !a.host {
		m.OccupantID = t.r.occupantID(a.bare)
	}
	return m
}
