package muc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// speaks is what comes of a message that somebody sends after a pause.
func speaks(h *muctest.Room, from string, pause time.Duration) *muc.StanzaError {
	h.Advance(pause)
	return h.Client(from).Says("Double, double").Refused
}

// A bucket holds its burst, fills by one token each interval, to the
// millisecond, and loses nothing to what is refused.
//
// rows: E13
func TestRateIsExact(t *testing.T) {
	h := open(t, muc.Config{Rates: muc.Rates{Messages: muc.Rate{Burst: 3, Every: 10 * time.Second}}})
	h.Client("wicca@shakespeare.lit/laptop").Joins("secondwitch")
	const wicca = "wicca@shakespeare.lit/laptop"
	for i := range 3 {
		require.Nil(t, speaks(h, wicca, 0), "message %d", i+1)
	}
	for range 5 {
		refused := speaks(h, wicca, time.Second)
		h.Client(wicca).ReceivesOnly(muctest.Error(stanza.PolicyViolation, stanza.TypeWait))
		h.IsRefused(stanza.PolicyViolation)
		assert.Equal(t, "XEP-0045 §14.6", refused.Section)
	}
	assert.NotNil(t, speaks(h, wicca, 5*time.Second-time.Millisecond))
	assert.Nil(t, speaks(h, wicca, time.Millisecond))
	assert.NotNil(t, speaks(h, wicca, 10*time.Second-time.Millisecond))
	// Refused, it was not used up.
	assert.Nil(t, speaks(h, wicca, time.Millisecond))
	// Silence fills the bucket, and no more than that.
	for i := range 3 {
		require.Nil(t, speaks(h, wicca, time.Duration(1-min(i, 1))*time.Hour), "message %d", i+1)
	}
	assert.NotNil(t, speaks(h, wicca, 0))
	// Nobody else has to wait for her.
	h.Client("hag@shakespeare.lit/pda").Joins("thirdwitch")
	assert.Nil(t, speaks(h, "hag@shakespeare.lit/pda", 0))
}

// What a person has used up moves with the room, and is forgotten by a restart;
// what has filled up again is kept nowhere.
//
// rows: E13, E36, L14
func TestRateMovesWithTheRoom(t *testing.T) {
	h := open(t, muc.Config{Rates: muc.Rates{
		Messages: muc.Rate{Burst: 1, Every: time.Minute},
		Presence: muc.Rate{Burst: 2, Every: time.Minute},
	}})
	const wicca = "wicca@shakespeare.lit/laptop"
	h.Client(wicca).Joins("secondwitch")
	require.Nil(t, speaks(h, wicca, 0))

	h.Move()
	assert.NotNil(t, speaks(h, wicca, 0))

	restarted := h.Twin()
	restarted.Restart()
	assert.NotContains(t, string(restarted.Snapshot(muc.Live)), "spent")

	h.Advance(10 * time.Minute)
	h.Client("crone@shakespeare.lit/desktop").Says("Fire burn")
	assert.NotContains(t, string(h.Snapshot(muc.Live)), `"spent"`)
}

// However many come and go, a room remembers only those who would have to wait.
//
// rows: L12
func TestRateForgets(t *testing.T) {
	h := open(t, muc.Config{Rates: muc.Rates{Presence: muc.Rate{Burst: 3, Every: time.Second}}})
	small := 0
	for i := range 1000 {
		from := fmt.Sprintf("hag%d@shakespeare.lit/pda", i)
		h.Join(from, "hag").Leaves()
		h.Advance(2 * time.Second)
		if size := len(h.Snapshot(muc.Live)); i == 100 {
			small = size
		} else if i > 100 {
			require.InDelta(t, small, size, 200)
		}
	}
}

// Of more people than a room may remember, those are forgotten who would have to wait
// the shortest: they may speak again too soon, and the room holds no more.
func TestRateSharesAreForgotten(t *testing.T) {
	h := open(t, muc.Config{Limits: muc.Limits{RateShares: 3}, Rates: muc.Rates{Presence: muc.Rate{Burst: 1, Every: time.Hour}}})
	hag := func(i int) string { return fmt.Sprintf("hag%d@shakespeare.lit/pda", i) }
	for i := range 5 {
		h.Join(hag(i), fmt.Sprintf("hag%d", i)).Leaves()
		h.Advance(time.Second)
	}
	assert.Equal(t, 3, strings.Count(string(h.Snapshot(muc.Live)), `"kind":"presence"`))
	for _, h := range []*muctest.Room{h.Twin(), h} {
		require.NotNil(t, h.Client(hag(4)).Joins("hag4").Refused)
		require.NotNil(t, h.Client(hag(2)).Joins("hag2").Refused)
		h.Join(hag(1), "hag1")
		require.Nil(t, h.Client(hag(2)).Joins("hag2").Refused, "forgotten for the one before")
	}
}

// A rate that makes no sense is the host's fault.
func TestRateIsChecked(t *testing.T) {
	for _, bad := range []muc.Rates{
		{Messages: muc.Rate{Burst: -1, Every: time.Second}},
		{Presence: muc.Rate{Burst: 1, Every: -time.Second}},
		{Presence: muc.Rate{Burst: 1 << 30, Every: time.Hour}},
	} {
		_, err := muc.New(muc.Config{Room: muc.MustParseJID("coven@chat.shakespeare.lit"),
			Secret: []byte("a secret of sixteen bytes or more"), Rates: bad})
		assert.ErrorIs(t, err, muc.ErrConfig, "%+v", bad)
	}
}

// slowRoom is a room in slow mode with a participant, who has just spoken.
func slowRoom(t *testing.T, cfg muc.Config) *muctest.Room {
	h := open(t, cfg)
	h.Client("wicca@shakespeare.lit/laptop").Joins("secondwitch")
	require.Nil(t, speaks(h, "wicca@shakespeare.lit/laptop", 0))
	return h
}

// In slow mode a person waits to the millisecond, in whole seconds, also after a move of the
// room; a restart forgets it. Admins do not wait, nor does the room itself.
func TestSlowMode(t *testing.T) {
	h := slowRoom(t, muc.Config{Defaults: muc.RoomConfig{SlowMode: 19*time.Second + time.Nanosecond}})
	const wicca = "wicca@shakespeare.lit/laptop"
	h.Move()
	refused := speaks(h, wicca, 20*time.Second-time.Millisecond)
	require.NotNil(t, refused)
	h.Client(wicca).ReceivesOnly(muctest.Error(stanza.PolicyViolation, stanza.TypeWait))
	h.IsRefused(stanza.PolicyViolation)
	assert.Equal(t, "XEP-0500 §6", refused.Section)
	assert.Equal(t, "This room is in slow mode: wait 20 seconds between two messages, 1 second until your next one.", refused.Text)
	assert.Nil(t, speaks(h, wicca, time.Millisecond))
	h.Do(muc.Say{Body: "Peace!"})
	h.Do(muc.Say{Body: "Peace, I say!"})
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("wicca@shakespeare.lit"), Affiliation: muc.Admin})
	assert.Nil(t, speaks(h, wicca, 0))
	assert.Nil(t, speaks(h, wicca, 0))
}

// A shorter wait lets go who waits for longer than it; a longer one holds from the next
// message on. No wait is longer than a week.
func TestSlowModeChanges(t *testing.T) {
	h := slowRoom(t, muc.Config{Defaults: muc.RoomConfig{SlowMode: 1<<63 - 1}})
	const wicca = "wicca@shakespeare.lit/laptop"
	assert.NotNil(t, speaks(h, wicca, 7*24*time.Hour-time.Second))
	assert.Nil(t, speaks(h, wicca, time.Second))
	h.Handle(configSubmit("a", "muc#roomconfig_slow_mode_duration", "10"))
	assert.Nil(t, speaks(h, wicca, 0))
	h.Handle(configSubmit("b", "muc#roomconfig_slow_mode_duration", "60"))
	assert.NotNil(t, speaks(h, wicca, 9*time.Second))
	assert.Nil(t, speaks(h, wicca, time.Second))
	assert.NotNil(t, speaks(h, wicca, 59*time.Second))
	h.Handle(configSubmit("c", "muc#roomconfig_slow_mode_duration", "604801"))
	h.IsRefused(stanza.BadRequest)
}

// Of more people than a room may remember, those are forgotten who wait the shortest.
func TestSlowModeIsBounded(t *testing.T) {
	h := slowRoom(t, muc.Config{Limits: muc.Limits{RateShares: 2}, Defaults: muc.RoomConfig{SlowMode: time.Minute}})
	for _, nick := range []string{"hag", "crone2"} {
		h.Join(nick+"@shakespeare.lit/pda", nick)
		require.Nil(t, speaks(h, nick+"@shakespeare.lit/pda", time.Second))
	}
	assert.Equal(t, 2, strings.Count(string(h.Snapshot(muc.Live)), `"kind":"slow-mode"`))
	assert.NotNil(t, speaks(h, "hag@shakespeare.lit/pda", 0))
	assert.Nil(t, speaks(h, "wicca@shakespeare.lit/laptop", 0), "forgotten for the others")
}
