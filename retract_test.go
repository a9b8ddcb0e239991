package muc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// What an archive is asked to take back is the author's own, under the id that was
// named, whatever else a host may ask about.
//
// rows: T8
func TestRetractionMeans(t *testing.T) {
	said := func(change func(m *event.MessageArchived)) *event.MessageArchived {
		m := &event.MessageArchived{Message: event.Message{Nick: "Romeo", OccupantID: "romeo", StanzaID: "s1", ID: "m1",
			Payload: "<body>one</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"}}
		change(m)
		return m
	}
	own := func(*event.MessageArchived) {}
	payload := func(p string) func(*event.MessageArchived) {
		return func(m *event.MessageArchived) { m.Payload = p }
	}
	by := event.MessageRetracted{OccupantID: "romeo", ID: "r1"}
	for _, c := range []struct {
		stanzaID, named string
		said            *event.MessageArchived
		want            bool
	}{
		{"s1", "", said(own), true},
		{"s2", "", said(own), false},
		{"s2", "m1", said(own), false},
		{"", "s1", said(own), true},
		{"", "m1", said(own), true},
		{"", "o1", said(own), true},
		{"", "o2", said(own), false},
		{"", "", said(func(m *event.MessageArchived) { m.ID = "" }), false},
		{"", "m1", said(func(m *event.MessageArchived) { m.OccupantID = "juliet" }), false},
		{"s1", "", said(func(m *event.MessageArchived) { m.OccupantID = "juliet" }), false},
		// An id that stands deeper is that of something else.
		{"", "o1", said(payload("<x xmlns='urn:x'><origin-id xmlns='urn:xmpp:sid:0' id='o1'/></x>")), false},
		// A retraction stays, and what is gone is not taken back again.
		{"", "m1", said(payload("<retract xmlns='urn:xmpp:message-retract:1' id='m0'/>")), false},
		{"", "m1", said(payload("<retracted xmlns='urn:xmpp:message-retract:1' id='r0'/>")), false},
		{"", "m1", said(payload("<retracted xmlns='urn:xmpp:message-retract:1' id='r0'/><body>not really</body>")), true},
		// What no room has written is no message.
		{"", "m1", said(payload("<body")), false},
		{"", "o1", said(payload("<origin-id xmlns='urn:xmpp:sid:0' id=")), false},
	} {
		b := by
		b.StanzaID, b.Named = c.stanzaID, c.named
		assert.Equal(t, c.want, b.Means(&c.said.Message), "%+v means %+v", b, c.said)
	}
}

// What the room does not remember any more may be in the archive: the host is told
// what its author calls it. A name that is too long is nobody's.
func TestRetractionOfWhatIsForgotten(t *testing.T) {
	h := open(t, muc.Config{Limits: muc.Limits{History: 1}})
	say := func(id, payload string) muc.Effects {
		return h.Handle(fmt.Sprintf(`<message type='groupchat' id='%s' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'>%s</message>`, id, payload))
	}
	retract := func(id string) *event.MessageRetracted {
		for ev := range say("r", "<retract xmlns='urn:xmpp:message-retract:1' id='"+id+"'/><no-store xmlns='urn:xmpp:hints'/>").Events() {
			if b, ok := ev.Body.(*event.MessageRetracted); ok {
				return b
			}
		}
		return nil
	}
	say("m1", "<body>one</body>")
	say("m2", "<body>two</body>")
	forgotten, remembered := retract("m1"), retract("m2")
	require.NotNil(t, forgotten)
	require.NotNil(t, remembered)
	assert.Empty(t, forgotten.StanzaID)
	assert.Equal(t, "m1", forgotten.Named)
	assert.NotEmpty(t, remembered.StanzaID)
	assert.Empty(t, remembered.Named)
	assert.Nil(t, retract(strings.Repeat("m", 1024)))
	assert.Nil(t, retract(""))
}
