package muc_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// Whoever becomes a member of a members-only room is invited, but not to a room
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
