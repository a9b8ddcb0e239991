package muc_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
)

// A bot of the host may be the moderator who decides on requests for voice: it
// reads them among the events, and answers with a command.
//
// rows: F13, F14
func TestBotGrantsVoice(t *testing.T) {
	h := open(t, muc.Config{Defaults: muc.RoomConfig{Moderated: true}})
	bot := muc.MustParseJID("bot@shakespeare.lit/host")
	h.Do(muc.SetAffiliation{JID: bot, Affiliation: muc.Admin})
	h.Do(muc.Join{JID: bot, Nick: "Bot"})
	h.Client("hag66@shakespeare.lit/pda").Joins("thirdwitch")
	h.Client("crone@shakespeare.lit/desktop").Leaves()

	fx := h.Handle(`<message from='hag66@shakespeare.lit/pda' to='coven@chat.shakespeare.lit'><x xmlns='jabber:x:data' type='submit'>` +
		`<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>` +
		`<field var='muc#role'><value>participant</value></field></x></message>`)

	require.Nil(t, fx.Refused)
	assert.Empty(t, fx.Outbound, "nothing is ever sent to a puppet")
	asked := only[*event.VoiceRequested](t, fx)
	assert.Equal(t, "hag66@shakespeare.lit/pda", asked.JID.String())
	assert.Equal(t, "thirdwitch", asked.Nick)
	assert.Empty(t, fx.Durable)

	h.DoAs(bot, muc.SetRole{Nick: asked.Nick, Role: muc.Participant})
	h.Client("hag66@shakespeare.lit/pda").ReceivesOnly(muctest.Presence("thirdwitch").Actor("Bot"))
}

// Who waits to ask for voice again is known to a room that was moved, also when the
// interval changes after that.
func TestVoiceIntervalMoves(t *testing.T) {
	h := open(t, muc.Config{Defaults: muc.RoomConfig{Moderated: true, VoiceInterval: time.Minute}})
	ask := func(h *muctest.Room, who string) muc.Effects {
		return h.Handle(`<message from='` + who + `' to='coven@chat.shakespeare.lit'><x xmlns='jabber:x:data' type='submit'>` +
			`<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>` +
			`<field var='muc#role'><value>participant</value></field></x></message>`)
	}
	const hag, bard = "hag66@shakespeare.lit/pda", "bard@shakespeare.lit/globe"
	h.Client(hag).Joins("thirdwitch")
	h.Client(bard).Joins("Bard")
	require.Nil(t, ask(h, hag).Refused)
	h.Advance(40 * time.Second)
	require.Nil(t, ask(h, bard).Refused)
	h.Handle(configSubmit("c", "voice_request_min_interval", "10"))
	twin := h.Twin()
	for _, h := range []*muctest.Room{h, twin} {
		h.Handle(configSubmit("d", "voice_request_min_interval", "3600"))
		assert.NotNil(t, ask(h, hag).Refused)
		assert.NotNil(t, ask(h, bard).Refused)
	}
	assert.Equal(t, string(h.Snapshot(muc.Live)), string(twin.Snapshot(muc.Live)))
}
