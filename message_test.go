package muc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// The words of XEP-0045 and those of other servers for who may send private
// messages; the form shows the former.
//
// rows: E20
func TestWordsForAllowPM(t *testing.T) {
	const field = "muc#roomconfig_allowpm"
	for _, c := range []struct {
		field, word string
		want        muc.AllowPM
		shown       string
	}{
		{field, "anyone", muc.PMAnyone, "anyone"},
		{field, "participants", muc.PMParticipants, "participants"},
		{field, "moderators", muc.PMModerators, "moderators"},
		{field, "none", muc.PMNone, "none"},
		{field, "everyone", muc.PMAnyone, "anyone"},
		{field, "visitor", muc.PMAnyone, "anyone"},
		{field, "participant", muc.PMParticipants, "participants"},
		{field, "moderator", muc.PMModerators, "moderators"},
		{field, "affiliated", muc.PMAffiliated, "affiliated"},
		{field, "members", muc.PMAffiliated, "affiliated"},
		{field, "nobody", muc.PMNone, "none"},
		{"allow_private_messages", "0", muc.PMNone, "none"},
		{"allow_private_messages", "1", muc.PMAnyone, "anyone"},
	} {
		t.Run(c.word, func(t *testing.T) {
			h := open(t, muc.Config{Defaults: muc.RoomConfig{AllowPM: muc.PMModerators}})
			require.Nil(t, h.Handle(configSubmit("pm", c.field, c.word)).Refused)
			assert.Equal(t, c.want, h.RoomConfig().AllowPM)
			crone := h.Client("crone@shakespeare.lit/desktop")
			crone.Sends(`<iq type='get' id='form'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`)
			form := crone.Received()
			require.Len(t, form, 1)
			_, rest, found := strings.Cut(form[0], "var='"+field+"'")
			require.True(t, found)
			_, rest, _ = strings.Cut(rest, "<value>")
			value, _, _ := strings.Cut(rest, "<")
			assert.Equal(t, c.shown, value)
		})
	}
	h := open(t, muc.Config{})
	h.Handle(configSubmit("pm", field, "friends"))
	h.IsRefused(stanza.BadRequest)
}

// Of private messages between people the room remembers only that they were sent, and not
// for long; no event tells what they said.
//
// rows: Q10, L12
func TestPrivateMessagesAreForgotten(t *testing.T) {
	h := open(t, muc.Config{Limits: muc.Limits{Privates: 3}})
	h.Client("wicca@shakespeare.lit/laptop").Joins("secondwitch")
	bounce := func(id int) int {
		return len(h.Handle(fmt.Sprintf(`<message type='error' id='p%d' from='wicca@shakespeare.lit/laptop' to='coven@chat.shakespeare.lit/firstwitch'>`+
			`<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`, id)).Outbound)
	}
	for id := range 5 {
		fx := h.Handle(fmt.Sprintf(`<message type='chat' id='p%d' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit/secondwitch'>`+
			`<body>When shall we meet again?</body></message>`, id))
		require.Nil(t, fx.Refused)
		for ev := range fx.Events() {
			assert.False(t, ev.Durable())
			text, err := ev.MarshalJSON()
			require.NoError(t, err)
			assert.NotContains(t, string(text), "meet")
		}
	}
	assert.NotContains(t, string(h.Snapshot(muc.Live)), "meet")
	assert.Zero(t, bounce(0))
	assert.Zero(t, bounce(1))
	assert.Equal(t, 1, bounce(2))
	assert.Equal(t, 1, bounce(4))
	assert.Zero(t, bounce(4))
}

// A negative limit is none: the room remembers no message, and no private one.
//
// rows: L12
func TestNothingIsRemembered(t *testing.T) {
	for _, limits := range []muc.Limits{{History: -1, Privates: -1}, {HistoryBytes: -1, Privates: -1}} {
		h := open(t, muc.Config{Limits: limits})
		h.Client("wicca@shakespeare.lit/laptop").Joins("secondwitch")
		for range 3 {
			require.Nil(t, h.Client("crone@shakespeare.lit/desktop").Says("When shall we meet again?").Refused)
			require.Nil(t, h.Handle(`<message type='chat' id='p' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit/secondwitch'>`+
				`<body>When shall we meet again?</body></message>`).Refused)
		}
		shot := string(h.Snapshot(muc.Live))
		assert.NotContains(t, shot, `"archived"`)
		assert.NotContains(t, shot, `"privates"`)
	}
}

// The host's own policy judges what is said to everybody, subjects too, after the
// rules of the room.
func TestPolicySpeak(t *testing.T) {
	var asked []policy.Speak
	h := open(t, muc.Config{Policy: policy.Rules{Speak: func(r policy.Speak) *muc.StanzaError {
		asked = append(asked, r)
		if strings.Contains(r.Payload, "Macbeth") {
			return &muc.StanzaError{Condition: stanza.PolicyViolation, Text: "not that name"}
		}
		return nil
	}}})
	const crone, wicca = "crone@shakespeare.lit/desktop", "wicca@shakespeare.lit/laptop"
	h.Client(wicca).Joins("secondwitch")
	assert.Nil(t, h.Client(wicca).Says("There to meet").Refused)
	h.Client(wicca).Says("with Macbeth")
	h.Client(wicca).Receives(muctest.Error(stanza.PolicyViolation, stanza.TypeModify).Reason("not that name"))
	h.Client(wicca).IsRefused(stanza.PolicyViolation)
	subject := func(from, text string) muc.Effects {
		return h.Handle(`<message type='groupchat' from='` + from + `' to='coven@chat.shakespeare.lit'><subject>` + text + `</subject></message>`)
	}
	assert.NotNil(t, subject(crone, "Macbeth").Refused)
	assert.Nil(t, subject(crone, "The heath").Refused)
	asked = nil
	subject(wicca, "The heath")
	h.IsRefused(stanza.Forbidden)
	assert.Empty(t, asked)
}

// Of a subject in several languages, discovery shows the one without a language, else the
// first.
func TestSubjectInDiscovery(t *testing.T) {
	for subjects, want := range map[string]string{
		"<subject xml:lang='it'>Faida</subject><subject>The\n  feud</subject>":            "The feud",
		"<subject xml:lang='it'>Faida</subject><subject xml:lang='en'>The feud</subject>": "Faida",
	} {
		h := open(t, muc.Config{})
		h.Do(muc.Say{Message: parse("<message xml:lang='en'>" + subjects + "</message>")})
		reader := h.Client(crone.String())
		reader.Sends(`<iq type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
		reader.ReceivesOnly(muctest.XML(`<iq type='result' id='i'><query xmlns='http://jabber.org/protocol/disco#info'>` +
			`<x xmlns='jabber:x:data'><field var='muc#roominfo_subject'><value>` + want + `</value></field></x></query></iq>`))
	}
}
