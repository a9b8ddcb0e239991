package muc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

const month = 30 * 24 * time.Hour

// ahead lets something happen with a clock that is a month ahead, once.
func (h *harness) ahead(f func()) {
	h.now = h.now.Add(month)
	f()
	h.now = h.now.Add(-month)
}

// moves puts the room into another process, and checks that it is the same.
func (h *harness) moves() {
	h.t.Helper()
	shot := h.room.Snapshot(muc.Live)
	moved, err := muc.Restore(h.cfg, shot, nil)
	require.NoError(h.t, err)
	require.Equal(h.t, string(shot), string(moved.Snapshot(muc.Live)))
	h.room = moved
}

// One call with a clock that is ahead locks nobody's rate until then: neither of who
// spoke at that time, nor of others; and rates are still bounded. The room may move
// meanwhile, and its events rebuild it.
func TestRatesAfterAClockThatWasAhead(t *testing.T) {
	for _, moving := range []bool{false, true} {
		t.Run(fmt.Sprint(moving), func(t *testing.T) {
			const wicca, hag = "wicca@shakespeare.lit/laptop", "hag@shakespeare.lit/pda"
			h := unborn(t, muc.Config{Instant: true, Rates: muc.Rates{Messages: muc.Rate{Burst: 3, Every: 10 * time.Second}}})
			var events []event.Event
			do := func(fx muc.Effects) *muc.StanzaError {
				events = slices.AppendSeq(events, fx.Events())
				if moving {
					h.moves()
				}
				return fx.Refused
			}
			speaks := func(who string, pause time.Duration) *muc.StanzaError {
				h.now = h.now.Add(pause - time.Second)
				return do(h.say(who, "Double, double"))
			}
			for i, who := range []string{"crone@shakespeare.lit/desktop", wicca, hag} {
				require.Nil(t, do(h.join(who, fmt.Sprint("witch", i))))
			}
			h.ahead(func() {
				for range 3 {
					require.Nil(t, speaks(wicca, 0))
				}
				require.NotNil(t, speaks(wicca, 0))
			})
			for _, who := range []string{wicca, hag} {
				for i := range 3 {
					require.Nil(t, speaks(who, 0), "%s, message %d", who, i+1)
				}
				require.NotNil(t, speaks(who, 0), who)
			}
			for range 5 {
				require.NotNil(t, speaks(wicca, 10*time.Second-time.Millisecond))
				require.Nil(t, speaks(wicca, time.Millisecond))
			}
			times := slices.IsSortedFunc(events, func(a, b event.Event) int { return a.Time.Compare(b.Time) })
			assert.True(t, times, "events never go back")
			again, err := muc.Restore(h.cfg, nil, events)
			require.NoError(t, err)
			assert.Equal(t, string(h.room.Snapshot(muc.Live)), string(again.Snapshot(muc.Live)))
			// When the clock has caught up, all is as ever.
			h.now = h.now.Add(month + time.Hour)
			for i := range 3 {
				require.Nil(t, speaks(wicca, 0), "message %d", i+1)
			}
			require.NotNil(t, speaks(wicca, 0))
			h.moves()
			assert.NotContains(t, string(h.room.Snapshot(muc.Live)), `"clock"`)
			require.NotNil(t, speaks(wicca, 0))
		})
	}
}

// What was set by a clock that was ahead is due when the clock is right again; what is
// set then has its own time.
func TestDeadlinesAfterAClockThatWasAhead(t *testing.T) {
	const wicca = "wicca@shakespeare.lit/laptop"
	h := coven(t, muc.Config{Instant: true, AnswersIQ: func(space, _ string) bool { return space == "urn:example:asked" },
		RegistrationTimeout: 7 * 24 * time.Hour, Registration: muc.RegistrationApproved, InviteTimeout: time.Hour})
	asks := func(id string) {
		require.Nil(t, h.send(`<iq type='get' id='`+id+`' from='`+wicca+`' to='coven@chat.shakespeare.lit'><x xmlns='urn:example:asked'/></iq>`).Refused)
		require.Nil(t, h.send(invites("crone@shakespeare.lit/desktop", id+"@shakespeare.lit")).Refused)
	}
	h.ahead(func() {
		asks("one")
		require.Nil(t, h.send(registers("bard@shakespeare.lit/globe", "bard")).Refused)
	})
	assert.True(t, h.room.Deadline().After(h.now.Add(month/2)))
	assert.False(t, h.room.DeadlineAt(h.now).After(h.now), "at once")
	asks("two")
	fx, err := h.room.Tick(h.now)
	require.NoError(t, err)
	var names []string
	for ev := range fx.Events() {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", ev.Body), "*event."))
	}
	assert.ElementsMatch(t, []string{"InviteExpired", "Answered", "RegistrationClosed"}, names)
	h.moves()
	due := h.room.DeadlineAt(h.now)
	assert.True(t, due.After(h.now) && !due.After(h.now.Add(time.Minute)), "the question of now")
	assert.Equal(t, due, h.room.Deadline())
	fx, err = h.room.Tick(due)
	require.NoError(t, err)
	assert.Len(t, slices.Collect(fx.Events()), 1)
	assert.False(t, h.room.DeadlineAt(h.now).After(h.now.Add(time.Hour)), "the invitation of now")
}

// A room that a clock ahead has locked does not stay so for a month.
func TestLockAfterAClockThatWasAhead(t *testing.T) {
	h := unborn(t, muc.Config{LockTimeout: time.Hour})
	h.ahead(func() { require.Nil(t, h.join("crone@shakespeare.lit/desktop", "firstwitch").Refused) })
	require.Equal(t, muc.Locked, h.room.State())
	assert.False(t, h.room.DeadlineAt(h.now).After(h.now))
	_, err := h.room.Tick(h.now)
	require.NoError(t, err)
	assert.Equal(t, muc.Open, h.room.State())

	endless := unborn(t, muc.Config{LockTimeout: -1})
	endless.ahead(func() { require.Nil(t, endless.join("crone@shakespeare.lit/desktop", "firstwitch").Refused) })
	_, err = endless.room.Tick(endless.now)
	require.NoError(t, err)
	assert.Equal(t, muc.Locked, endless.room.State(), "a lock without end has none")
}

// Who asked for voice by a clock that was ahead may ask again, and then has to wait.
func TestVoiceAfterAClockThatWasAhead(t *testing.T) {
	const hag = "hag@shakespeare.lit/pda"
	h := coven(t, muc.Config{Instant: true})
	require.Nil(t, h.send(configSubmit("c", "muc#roomconfig_moderatedroom", "1")).Refused)
	require.Nil(t, h.join(hag, "stranger").Refused)
	voice := func() *muc.StanzaError {
		return h.send(`<message from='` + hag + `' to='coven@chat.shakespeare.lit'><x xmlns='jabber:x:data' type='submit'>` +
			`<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>` +
			`<field var='muc#role'><value>participant</value></field></x></message>`).Refused
	}
	h.ahead(func() { require.Nil(t, voice()) })
	require.Nil(t, voice())
	require.NotNil(t, voice())
	h.moves()
	require.NotNil(t, voice())
	h.now = h.now.Add(24 * time.Hour)
	require.Nil(t, voice())
}
