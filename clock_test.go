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
	"github.com/gomuc/muc/muctest"
)

const month = 30 * 24 * time.Hour

// ahead lets something happen with a clock that is a month ahead, once.
func ahead(h *muctest.Room, f func()) {
	h.Now = h.Now.Add(month)
	f()
	h.Now = h.Now.Add(-month)
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
					h.Move()
				}
				return fx.Refused
			}
			speaks := func(who string, pause time.Duration) *muc.StanzaError {
				h.Now = h.Now.Add(pause)
				return do(h.Client(who).Says("Double, double"))
			}
			for i, who := range []string{"crone@shakespeare.lit/desktop", wicca, hag} {
				require.Nil(t, do(h.Client(who).Joins(fmt.Sprint("witch", i))))
			}
			ahead(h, func() {
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
			again, err := muc.Restore(h.Config, nil, events)
			require.NoError(t, err)
			assert.Equal(t, string(h.Snapshot(muc.Live)), string(again.Snapshot(muc.Live)))
			// When the clock has caught up, all is as ever.
			h.Now = h.Now.Add(month + time.Hour)
			for i := range 3 {
				require.Nil(t, speaks(wicca, 0), "message %d", i+1)
			}
			require.NotNil(t, speaks(wicca, 0))
			h.Move()
			assert.NotContains(t, string(h.Snapshot(muc.Live)), `"clock"`)
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
		require.Nil(t, h.Handle(`<iq type='get' id='`+id+`' from='`+wicca+`' to='coven@chat.shakespeare.lit'><x xmlns='urn:example:asked'/></iq>`).Refused)
		require.Nil(t, h.Handle(invites("crone@shakespeare.lit/desktop", id+"@shakespeare.lit")).Refused)
	}
	ahead(h, func() {
		asks("one")
		require.Nil(t, h.Handle(registers("bard@shakespeare.lit/globe", "bard")).Refused)
	})
	assert.True(t, h.Deadline().After(h.Now.Add(month/2)))
	assert.False(t, h.DeadlineAt(h.Now).After(h.Now), "at once")
	asks("two")
	fx := h.Tick()
	var names []string
	for ev := range fx.Events() {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", ev.Body), "*event."))
	}
	assert.ElementsMatch(t, []string{"InviteExpired", "Answered", "RegistrationClosed"}, names)
	h.Move()
	due := h.DeadlineAt(h.Now)
	assert.True(t, due.After(h.Now) && !due.After(h.Now.Add(time.Minute)), "the question of now")
	assert.Equal(t, due, h.Deadline())
	h.Now = due
	fx = h.Tick()
	assert.Len(t, slices.Collect(fx.Events()), 1)
	assert.False(t, h.DeadlineAt(h.Now).After(h.Now.Add(time.Hour)), "the invitation of now")
}

// A room that a clock ahead has locked does not stay so for a month.
func TestLockAfterAClockThatWasAhead(t *testing.T) {
	h := unborn(t, muc.Config{LockTimeout: time.Hour})
	ahead(h, func() { h.Join("crone@shakespeare.lit/desktop", "firstwitch") })
	require.Equal(t, muc.Locked, h.State())
	assert.False(t, h.DeadlineAt(h.Now).After(h.Now))
	h.Tick()
	assert.Equal(t, muc.Open, h.State())

	endless := unborn(t, muc.Config{LockTimeout: -1})
	ahead(endless, func() { endless.Join("crone@shakespeare.lit/desktop", "firstwitch") })
	endless.Tick()
	assert.Equal(t, muc.Locked, endless.State(), "a lock without end has none")
}

// Who asked for voice by a clock that was ahead may ask again, and then has to wait.
func TestVoiceAfterAClockThatWasAhead(t *testing.T) {
	const hag = "hag@shakespeare.lit/pda"
	h := coven(t, muc.Config{Instant: true})
	require.Nil(t, h.Handle(configSubmit("c", "muc#roomconfig_moderatedroom", "1")).Refused)
	h.Join(hag, "stranger")
	voice := func() *muc.StanzaError {
		return h.Handle(`<message from='` + hag + `' to='coven@chat.shakespeare.lit'><x xmlns='jabber:x:data' type='submit'>` +
			`<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>` +
			`<field var='muc#role'><value>participant</value></field></x></message>`).Refused
	}
	ahead(h, func() { require.Nil(t, voice()) })
	require.Nil(t, voice())
	require.NotNil(t, voice())
	h.Move()
	require.NotNil(t, voice())
	h.Now = h.Now.Add(24 * time.Hour)
	require.Nil(t, voice())
}
