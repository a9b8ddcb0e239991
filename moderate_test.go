package muc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// archivedIn is the message that a step archives.
func archivedIn(t *testing.T, fx muc.Effects) *event.MessageArchived {
	t.Helper()
	for ev := range fx.Events() {
		if b, ok := ev.Body.(*event.MessageArchived); ok {
			return b
		}
	}
	require.Fail(t, "nothing was archived")
	return nil
}

// takenBack is the retraction that a step tells of.
func takenBack(t *testing.T, fx muc.Effects) *event.MessageRetracted {
	t.Helper()
	for ev := range fx.Events() {
		if b, ok := ev.Body.(*event.MessageRetracted); ok {
			return b
		}
	}
	require.Fail(t, "nothing was taken back")
	return nil
}

// moderate is a request of somebody's for a message.
func moderate(who, id string) string {
	return fmt.Sprintf(`<iq type='set' id='mod' from='%s' to='coven@chat.shakespeare.lit'><moderate xmlns='urn:xmpp:message-moderate:1' id='%s'>`+
		`<retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>`, who, id)
}

// What the host's command needs, and what becomes of one without it: nothing.
func TestModerateCommand(t *testing.T) {
	h := coven(t, muc.Config{Limits: muc.Limits{History: 1}})
	old := archivedIn(t, h.Client(wicca.String()).Says("Double, double"))
	last := archivedIn(t, h.Client(wicca.String()).Says("toil and trouble"))

	h.Refuses(muc.ErrMissing, muc.Moderate{}, muc.Moderate{Reason: "spam"}, muc.Moderate{Archived: old})
	h.Refuses(muc.ErrNotFound, muc.Moderate{ID: "nothing"}, muc.Moderate{ID: old.StanzaID}, muc.Moderate{ID: "nothing", Archived: old}, muc.Moderate{ID: last.ID})
	h.Refuses(because(stanza.PolicyViolation), muc.Moderate{ID: last.StanzaID, Reason: "\x01"}, muc.Moderate{ID: last.StanzaID, Reason: strings.Repeat("x", 1025)})
	assert.ErrorIs(t, h.Handle(moderate(crone.String(), strings.Repeat("x", 1024))).Refused, because(stanza.BadRequest))
	h.RefusesAs(wicca, because(stanza.Forbidden), muc.Moderate{ID: last.StanzaID}, muc.Moderate{ID: old.StanzaID, Archived: old})

	fx := h.DoAs(crone, muc.Moderate{ID: old.StanzaID, Reason: "noise", Archived: old})
	b := takenBack(t, fx)
	assert.True(t, b.Means(&old.Message))
	assert.False(t, b.Means(&last.Message))
	assert.Equal(t, wicca, b.JID, "the author")
	assert.Equal(t, event.Moderation{By: muc.MustParseJID("coven@chat.shakespeare.lit/firstwitch"), OccupantID: b.Moderated.OccupantID, Reason: "noise",
		Actor: event.Actor{JID: crone, Nick: "firstwitch"}}, *b.Moderated)
	h.Client(hecate.String()).ReceivesOnly(muctest.XML("<message type='groupchat' from='coven@chat.shakespeare.lit'/>").With("<retract xmlns='urn:xmpp:message-retract:1' id='" + old.StanzaID + "'>" +
		"<moderated xmlns='urn:xmpp:message-moderate:1' by='coven@chat.shakespeare.lit/firstwitch'/><reason>noise</reason></retract>"))

	gone := *old
	gone.Message = b.Tombstone(old.Message, h.Now)
	h.Refuses(muc.ErrNotFound, muc.Moderate{ID: old.StanzaID, Archived: &gone})
	assert.Equal(t, event.Actor{}, takenBack(t, h.Do(muc.Moderate{ID: archivedIn(t, fx).StanzaID})).Moderated.Actor, "the host may take back what the room says")
}

// What the host finds when a moderator asks is held to what was asked for.
func TestModerationAnswered(t *testing.T) {
	h := coven(t, muc.Config{Archive: true, Limits: muc.Limits{History: 1}})
	old, other := archivedIn(t, h.Client(wicca.String()).Says("Double, double")), archivedIn(t, h.Client(wicca.String()).Says("toil and trouble"))
	fx := h.Handle(moderate(crone.String(), old.StanzaID))
	require.Len(t, fx.Questions, 1)
	ask := fx.Questions[0]
	assert.Equal(t, &muc.ArchiveQuery{IDs: []string{old.StanzaID}, Max: 1}, ask.Archive)
	page := func(messages ...event.Body) *muc.ArchivePage {
		p := new(muc.ArchivePage)
		for _, b := range messages {
			p.Messages = append(p.Messages, event.Event{Time: h.Now, Body: b})
		}
		return p
	}
	h.Refuses(because(stanza.BadRequest), muc.Answer{ID: ask.ID}, muc.Answer{ID: ask.ID, Archive: page(other)}, muc.Answer{ID: ask.ID, Archive: page(new(event.Unlocked))})
	h.Refuses(because(stanza.PolicyViolation), muc.Answer{ID: ask.ID, Archive: page(old, old)})

	for _, nothing := range []*muc.ArchivePage{page(), page(&event.SubjectChanged{Message: old.Message})} {
		fx = h.Do(muc.Answer{ID: ask.ID, Archive: nothing})
		require.Len(t, fx.Outbound, 1)
		assert.Contains(t, xmlOf(fx.Outbound[0]), "<item-not-found")
		ask = h.Handle(moderate(crone.String(), old.StanzaID)).Questions[0]
	}
	assert.True(t, takenBack(t, h.Do(muc.Answer{ID: ask.ID, Archive: page(old)})).Means(&old.Message))
}

// A moderator who is no admin moderates no faster than others speak, however old the
// messages are.
func TestModerationHasARate(t *testing.T) {
	h := coven(t, muc.Config{Archive: true, Limits: muc.Limits{History: 4}, Rates: muc.Rates{Messages: muc.Rate{Burst: 2, Every: time.Minute}}})
	h.Do(muc.SetRole{Nick: "secondwitch", Role: muc.Moderator})
	var ids []string
	for range 5 {
		ids = append(ids, archivedIn(t, h.Client(crone.String()).Says("Double, double")).StanzaID)
	}
	answer := func(i int) string {
		ask := h.Handle(moderate(wicca.String(), ids[i])).Questions[0]
		page, _ := ask.Archive.Page(h.Events())
		fx := h.Do(muc.Answer{ID: ask.ID, Archive: &page})
		return xmlOf(fx.Outbound[len(fx.Outbound)-1])
	}
	assert.Nil(t, h.Handle(moderate(wicca.String(), ids[4])).Refused)
	assert.Contains(t, answer(0), "type='result'")
	assert.Contains(t, answer(1), "<policy-violation")
	assert.Equal(t, stanza.TypeWait, h.Handle(moderate(wicca.String(), ids[3])).Refused.Settled().Type)
	assert.Nil(t, h.Handle(moderate(crone.String(), ids[3])).Refused)
}

// A moderator's retraction means one message, of any author: under the room's id, or by
// one of its author's where it has none.
func TestModerationMeans(t *testing.T) {
	by := &event.Moderation{By: muc.MustParseJID("coven@chat.shakespeare.lit/firstwitch")}
	retraction := "<retract xmlns='urn:xmpp:message-retract:1' id='m0'/><body>spam</body>"
	for _, c := range []struct {
		b    event.MessageRetracted
		said event.Message
		want bool
	}{
		{event.MessageRetracted{StanzaID: "s1"}, event.Message{StanzaID: "s1", OccupantID: "romeo"}, true},
		{event.MessageRetracted{StanzaID: "s1"}, event.Message{StanzaID: "s1"}, true}, // the room's own
		{event.MessageRetracted{StanzaID: "s1"}, event.Message{StanzaID: "s1", Payload: retraction}, true},
		{event.MessageRetracted{StanzaID: "s1"}, event.Message{StanzaID: "s2", ID: "s1"}, false},
		{event.MessageRetracted{Named: "m1", OccupantID: "romeo"}, event.Message{ID: "m1", OccupantID: "romeo"}, true},
		{event.MessageRetracted{Named: "m1", OccupantID: "romeo"}, event.Message{ID: "m1", OccupantID: "romeo", Payload: retraction}, true},
		{event.MessageRetracted{Named: "m1"}, event.Message{ID: "m1"}, true},
		{event.MessageRetracted{Named: "m1", OccupantID: "romeo"}, event.Message{ID: "m1", OccupantID: "juliet"}, false},
		{event.MessageRetracted{Named: "m1", OccupantID: "romeo"}, event.Message{ID: "m1", OccupantID: "romeo", StanzaID: "s1"}, false},
		{event.MessageRetracted{Named: "s1", OccupantID: "romeo"}, event.Message{OccupantID: "romeo", StanzaID: "s1"}, false},
		{event.MessageRetracted{}, event.Message{}, false},
	} {
		c.b.Moderated = by
		assert.Equal(t, c.want, c.b.Means(&c.said), "%+v means %+v", c.b, c.said)
		c.b.Moderated = nil
		if c.said.OccupantID == "" || c.said.Payload != "" {
			assert.False(t, c.b.Means(&c.said), "an author's %+v means %+v", c.b, c.said)
		}
	}
	assert.Equal(t, event.Message{}, new(event.MessageRetracted).Announcement(), "an author's")
}

// Whatever a moderator writes, and however long the ids and nicks are, what everybody gets
// is within its bound.
func TestModerationIsBounded(t *testing.T) {
	h := coven(t, muc.Config{Limits: muc.Limits{OutboundBytes: 65536, ReasonBytes: 1000}})
	h.Do(muc.Configure{Change: func(c *muc.RoomConfig) { c.NoArchive = true }})
	id := strings.Repeat("'", 1000)
	h.Handle(`<message type='groupchat' id="` + id + `" from='` + wicca.String() + `' to='coven@chat.shakespeare.lit'><body>x</body></message>`)
	fx := h.Do(muc.Moderate{ID: id, Reason: strings.Repeat("&", 1000)})
	for _, out := range fx.Outbound {
		assert.LessOrEqual(t, len(xmlOf(out)), 65536)
	}
	require.NotEmpty(t, fx.Outbound)

	h = coven(t, muc.Config{Limits: muc.Limits{OutboundBytes: 65536, StanzaBytes: 4096}})
	m := archivedIn(t, h.Client(wicca.String()).Says("x"))
	h.Refuses(because(stanza.PolicyViolation), muc.Moderate{ID: m.StanzaID, Reason: strings.Repeat("&", 1000)})
}
