package muc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/stanza"
)

// A new member of a members-only room is invited, but not to a room
// that ends in the same step: here its last occupant has to yield the nick.
func TestNobodyIsInvitedToTheEnd(t *testing.T) {
	for _, persistent := range []string{"1", "0"} {
		h := open(t, muc.Config{})
		h.send(configSubmit("c", "muc#roomconfig_membersonly", "1", "muc#roomconfig_persistentroom", persistent))
		h.do(muc.SetAffiliation{JID: wicca, Affiliation: muc.Member})
		h.join("wiccarocks@shakespeare.lit/laptop", "secondwitch")
		h.do(muc.Vanished{JID: crone})
		fx := h.do(muc.SetAffiliation{JID: bard, Affiliation: muc.Member, Nick: "secondwitch"})
		require.Len(t, sentTo(fx, wicca.String()), 1)
		assert.Contains(t, sentTo(fx, wicca.String())[0], `<status code='307'/>`)
		if persistent == "1" {
			assert.Len(t, sentTo(fx, bard.Bare().String()), 1)
			continue
		}
		assert.Equal(t, muc.Destroyed, h.room.State())
		assert.Empty(t, sentTo(fx, bard.Bare().String()))
	}
}

// Strangers cannot use up the invitations of a room: who has fewer open takes the place
// of the oldest of who has most, and people with an affiliation that of any stranger.
// Limits.Invites holds all the same.
//
// rows: L12
func TestInvitationsGiveWay(t *testing.T) {
	h := open(t, muc.Config{Instant: true, Limits: muc.Limits{Invites: 4, PersonInvites: 2},
		Rates: muc.Rates{Notices: muc.Rate{Burst: 1}, RoomNotices: muc.Rate{Burst: 1}}})
	invite := func(who, whom string) []event.Event {
		t.Helper()
		fx := h.send(invites(who+"@shakespeare.lit/x", whom+"@globe.lit"))
		require.Nil(t, fx.Refused, "%v", fx.Refused)
		require.Len(t, sentTo(fx, whom+"@globe.lit"), 1)
		return slices.Collect(fx.Events())
	}
	gone := func(who, whom string, events []event.Event) {
		t.Helper()
		require.Len(t, events, 2)
		assert.Equal(t, &event.InviteExpired{Invitee: muc.MustParseJID(whom + "@globe.lit"), Inviter: muc.MustParseJID(who + "@shakespeare.lit/x")}, events[0].Body)
		assert.Equal(t, 4, strings.Count(string(h.room.Snapshot(muc.Live)), `"invitee"`))
	}
	for _, who := range []string{"s1", "s2", "s3", "s4", "bard"} {
		h.join(who+"@shakespeare.lit/x", who)
	}
	h.join("crone@shakespeare.lit/x", "firstwitch")
	invite("s1", "a")
	invite("s1", "b")
	invite("s2", "c")
	invite("s2", "d")
	gone("s1", "a", invite("s3", "e"))
	fx := h.send(invites("s1@shakespeare.lit/x", "x@globe.lit"))
	gone("s2", "c", slices.Collect(fx.Events())) // s1 has one open by now, s2 has two
	fx = h.send(invites("s3@shakespeare.lit/x", "x@globe.lit"))
	gone("s1", "b", slices.Collect(fx.Events()))
	h.do(muc.SetAffiliation{JID: bard.Bare(), Affiliation: muc.Member})
	gone("s3", "e", invite("bard", "f"))
	gone("s2", "d", invite("crone", "g"))
	gone("s1", "x", invite("crone", "h"))
	gone("s3", "x", invite("bard", "i"))
	fx = h.send(invites("s4@shakespeare.lit/x", "y@globe.lit"))
	require.NotNil(t, fx.Refused, "strangers take nothing from others")
	assert.Equal(t, stanza.ResourceConstraint, fx.Refused.Condition)
	assert.Empty(t, slices.Collect(fx.Events()))
	fx = h.do(muc.Invite{To: muc.MustParseJID("z@globe.lit")})
	gone("bard", "f", slices.Collect(fx.Events()))
}
