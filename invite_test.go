package muc_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// A new member of a members-only room is invited, but not to a room
// that ends in the same step: here its last occupant has to yield the nick.
func TestNobodyIsInvitedToTheEnd(t *testing.T) {
	for _, persistent := range []string{"1", "0"} {
		h := open(t, muc.Config{})
		h.Handle(configSubmit("c", "muc#roomconfig_membersonly", "1", "muc#roomconfig_persistentroom", persistent))
		h.Do(muc.SetAffiliation{JID: wicca, Affiliation: muc.Member})
		h.Client("wiccarocks@shakespeare.lit/laptop").Joins("secondwitch")
		h.Do(muc.Vanished{JID: crone})
		h.Do(muc.SetAffiliation{JID: bard, Affiliation: muc.Member, Nick: "secondwitch"})
		h.Client(wicca.String()).ReceivesOnly(muctest.Status(307))
		invited := h.Client(bard.Bare().String())
		if persistent == "1" {
			assert.Len(t, invited.Received(), 1)
			continue
		}
		assert.Equal(t, muc.Destroyed, h.State())
		invited.ReceivesNothing()
	}
}

// Who is invited to a members-only room becomes a member, so it is refused where the lists
// are full, also by the host.
//
// rows: L12
func TestInvitationsToFullLists(t *testing.T) {
	h := open(t, muc.Config{Limits: muc.Limits{Affiliations: 2}, Defaults: muc.RoomConfig{MembersOnly: true}})
	full := because(stanza.ResourceConstraint)
	h.Do(muc.Invite{To: wicca.Bare()}) // with the owner, that makes two

	h.Refuses(full, muc.Invite{To: hecate.Bare()})
	h.RefusesAs(crone, full, muc.Invite{To: hecate.Bare()})
	assert.ErrorIs(t, h.Handle(invites(crone.String(), hecate.Bare().String())).Refused, full)

	h.Do(muc.Invite{To: wicca.Bare()}) // who is on the lists already
	assert.Len(t, maps.Collect(h.Affiliations()), 2)
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
		fx := h.Handle(invites(who+"@shakespeare.lit/x", whom+"@globe.lit"))
		require.Nil(t, fx.Refused, "%v", fx.Refused)
		require.Len(t, h.Client(whom+"@globe.lit").Received(), 1)
		return slices.Collect(fx.Events())
	}
	gone := func(who, whom string, events []event.Event) {
		t.Helper()
		require.Len(t, events, 2)
		assert.Equal(t, &event.InviteExpired{Invitee: muc.MustParseJID(whom + "@globe.lit"), Inviter: muc.MustParseJID(who + "@shakespeare.lit/x")}, events[0].Body)
		assert.Equal(t, 4, strings.Count(string(h.Snapshot(muc.Live)), `"invitee"`))
	}
	for _, who := range []string{"s1", "s2", "s3", "s4", "bard"} {
		h.Client(who + "@shakespeare.lit/x").Joins(who)
	}
	h.Client("crone@shakespeare.lit/x").Joins("firstwitch")
	invite("s1", "a")
	invite("s1", "b")
	invite("s2", "c")
	invite("s2", "d")
	gone("s1", "a", invite("s3", "e"))
	fx := h.Handle(invites("s1@shakespeare.lit/x", "x@globe.lit"))
	gone("s2", "c", slices.Collect(fx.Events())) // s1 has one open by now, s2 has two
	fx = h.Handle(invites("s3@shakespeare.lit/x", "x@globe.lit"))
	gone("s1", "b", slices.Collect(fx.Events()))
	h.Do(muc.SetAffiliation{JID: bard.Bare(), Affiliation: muc.Member})
	gone("s3", "e", invite("bard", "f"))
	gone("s2", "d", invite("crone", "g"))
	gone("s1", "x", invite("crone", "h"))
	gone("s3", "x", invite("bard", "i"))
	h.Handle(invites("s4@shakespeare.lit/x", "y@globe.lit"))
	h.IsRefused(stanza.ResourceConstraint) // strangers take nothing from others
	fx = h.Do(muc.Invite{To: muc.MustParseJID("z@globe.lit")})
	gone("bard", "f", slices.Collect(fx.Events()))
}
