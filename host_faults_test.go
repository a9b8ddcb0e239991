package muc_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
)

// A host whose store failed drops the room and restores it of what it has: the step
// has not happened, and when the stanza comes again, it happens as it would have.
func TestEventsAreNotStored(t *testing.T) {
	h := history(t)
	stored := append([]event.Event{}, h.Events()...)
	before, at := string(h.Snapshot(muc.Live)), h.Now
	lost := h.Client("hecate@shakespeare.lit/broom").Says("lost")
	require.NotEqual(t, before, string(h.Snapshot(muc.Live)))

	room, err := muc.Restore(h.Config, nil, stored)
	require.NoError(t, err)
	assert.Equal(t, before, string(room.Snapshot(muc.Live)))
	h.Room, h.Now = room, at
	again := h.Client("hecate@shakespeare.lit/broom").Says("lost")
	assert.Equal(t, describe(lost), describe(again))

	// A store that took a part of a step has a log of another moment, or none.
	events := slices.Collect(lost.Events())
	for n := range events {
		_, err := muc.Restore(h.Config, nil, append(stored[:len(stored):len(stored)], events[:n]...))
		assert.NoError(t, err, "the first %d of a step", n)
	}
}

// A stanza that is delivered twice changes nothing the second time, except that
// what is said twice was said twice.
func TestStanzasTwice(t *testing.T) {
	h := history(t)
	h.Client("bard@shakespeare.lit/globe").Joins("Bard")
	const admin = `<iq type='set' id='a' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'>` +
		`<query xmlns='http://jabber.org/protocol/muc#admin'><item %s/></query></iq>`
	for name, stanza := range map[string]string{
		"a join":            `<presence from='bard@shakespeare.lit/globe' to='coven@chat.shakespeare.lit/Bard'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		"an affiliation":    fmt.Sprintf(admin, `jid='bard@shakespeare.lit' affiliation='member'`),
		"a role":            fmt.Sprintf(admin, `nick='Bard' role='moderator'`),
		"a configuration":   configSubmit("c", "muc#roomconfig_roomname", "Heath"),
		"another nick":      `<presence from='hecate@shakespeare.lit/broom' to='coven@chat.shakespeare.lit/Queen'/>`,
		"a ban":             fmt.Sprintf(admin, `jid='puck@shakespeare.lit' affiliation='outcast'`),
		"an availability":   `<presence from='bard@shakespeare.lit/globe' to='coven@chat.shakespeare.lit/Bard'><show>away</show></presence>`,
		"a leave":           `<presence type='unavailable' from='bard@shakespeare.lit/globe' to='coven@chat.shakespeare.lit/Bard'/>`,
		"a bounced message": `<message type='error' id='m' from='bard@shakespeare.lit/globe' to='coven@chat.shakespeare.lit/firstwitch'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
	} {
		twin := h.Twin()
		twin.Handle(stanza)
		once := occupantsOf(twin.Room)
		twin.Handle(stanza)
		assert.Equal(t, once, occupantsOf(twin.Room), name)
	}
	const toBe = `<message id='m' type='groupchat'><body>to be</body></message>`
	h.Client("bard@shakespeare.lit/globe").Sends(toBe)
	first := h.Events()[len(h.Events())-1].Body.(*event.MessageArchived)
	h.Client("bard@shakespeare.lit/globe").Sends(toBe)
	second := h.Events()[len(h.Events())-1].Body.(*event.MessageArchived)
	assert.NotEqual(t, first.StanzaID, second.StanzaID, "two messages")
	assert.Equal(t, first.ID, second.ID, "their clients know by the id")
}

// occupantsOf writes down who is inside and who is what, and how the room is set.
func occupantsOf(room *muc.Room) string {
	s := fmt.Sprintf("%+v\n", room.RoomConfig())
	for o := range room.Occupants() {
		s += fmt.Sprintf("%+v\n", o)
	}
	for j, a := range room.Affiliations() {
		s += fmt.Sprintf("%s %s\n", j, a)
	}
	return s
}

// A leave that never came leaves a ghost: it goes when the host says that the
// session vanished, or when something that was sent to it comes back.
func TestStanzasLost(t *testing.T) {
	for name, end := range map[string]func(h *muctest.Room){
		"vanished": func(h *muctest.Room) { h.Do(muc.Vanished{JID: bard}) },
		"bounced": func(h *muctest.Room) {
			h.Handle(`<presence type='error' from='bard@shakespeare.lit/globe' to='coven@chat.shakespeare.lit/Bard'>` +
				`<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`)
		},
	} {
		h := history(t)
		empty := occupantsOf(h.Room)
		h.Client("bard@shakespeare.lit/globe").Joins("Bard")
		end(h)
		assert.Equal(t, empty, occupantsOf(h.Room), name)
	}
	// What was lost on the way to a client it gets when it enters again.
	h := history(t)
	h.Client("bard@shakespeare.lit/globe").Joins("Bard")
	h.Handle(`<presence from='hecate@shakespeare.lit/broom' to='coven@chat.shakespeare.lit/Queen'/>`)
	fx := h.Client("bard@shakespeare.lit/globe").Joins("Bard")
	assert.Empty(t, slices.Collect(fx.Events()))
	h.Client(bard.String()).Receives(muctest.Presence("Queen"))
}

// A clock that jumps back stands still for the room until it has caught up; what
// waits for a time waits for that time.
func TestClockJumpsBack(t *testing.T) {
	h := history(t)
	last := h.Events()[len(h.Events())-1].Time
	h.Now = h.Now.Add(-24 * time.Hour)
	for _, ev := range append(h.Client("crone@shakespeare.lit/desktop").Says("early").Durable, h.Do(muc.SetSubject{Subject: "x"}).Durable...) {
		assert.Equal(t, last, ev.Time)
	}
	h.Move()
	h.Now = last.Add(time.Minute)
	for ev := range h.Client("crone@shakespeare.lit/desktop").Says("in time").Events() {
		assert.True(t, ev.Time.After(last))
	}
}

// The tail of a log does not follow on any snapshot but its own.
func TestSnapshotAndTail(t *testing.T) {
	h := history(t)
	old := h.Snapshot(muc.Live)
	n := len(h.Events())
	h.Client("crone@shakespeare.lit/desktop").Says("one")
	h.Client("crone@shakespeare.lit/desktop").Says("two")
	_, err := muc.Restore(h.Config, old, h.Events()[n:])
	require.NoError(t, err)
	_, err = muc.Restore(h.Config, old, h.Events()[n+1:])
	assert.ErrorIs(t, err, muc.ErrGap, "one event is missing")
	_, err = muc.Restore(h.Config, old, h.Events()[n-1:])
	assert.ErrorIs(t, err, muc.ErrGap, "one event is in the snapshot already")
	_, err = muc.Restore(h.Config, nil, h.Events()[n:])
	assert.ErrorIs(t, err, muc.ErrCorrupt, "a tail without its snapshot")
	_, err = muc.Restore(h.Config, []byte("garbage"), nil)
	assert.ErrorIs(t, err, muc.ErrCorrupt)
}
