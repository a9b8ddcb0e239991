package muc_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// A room is not left without an owner: the last one is forgotten only if there is an heir.
//
// rows: N5, A20
func TestForgetTheOnlyOwner(t *testing.T) {
	h := open(t, muc.Config{Defaults: muc.RoomConfig{Persistent: true}})
	crone := muc.MustParseJID("crone@shakespeare.lit")
	h.Client("hag66@shakespeare.lit/pda").Joins("thirdwitch")
	domain := muc.MustParseJID("shakespeare.lit")

	h.Refuses(because(stanza.Conflict), muc.Forget{JID: crone}, muc.Forget{JID: crone, Heir: crone})
	h.Refuses(because(stanza.JIDMalformed), muc.Forget{}, muc.Forget{JID: domain}, muc.Forget{JID: crone, Heir: domain})

	admin := muc.MustParseJID("admin@shakespeare.lit")
	h.Do(muc.Forget{JID: muc.MustParseJID("crone@shakespeare.lit/desktop"), Heir: admin})
	assert.Equal(t, map[muc.JID]muc.Affiliation{admin: muc.Owner}, maps.Collect(h.Affiliations()))

	// There is an heir already, so that the next one inherits nothing.
	h.Do(muc.SetAffiliation{JID: crone, Affiliation: muc.Owner})
	h.Do(muc.Forget{JID: crone, Heir: muc.MustParseJID("hag66@shakespeare.lit")})
	assert.Equal(t, map[muc.JID]muc.Affiliation{admin: muc.Owner}, maps.Collect(h.Affiliations()))
}

// All that a deleted account had in the room is gone: also what waits for it, and
// the puppets in its name.
//
// rows: N5
func TestForgetAll(t *testing.T) {
	h := open(t, muc.Config{Registration: muc.RegistrationApproved, Defaults: muc.RoomConfig{Persistent: true, Moderated: true}})
	hag := muc.MustParseJID("hag66@shakespeare.lit")
	h.Do(muc.Join{JID: muc.MustParseJID("hag66@shakespeare.lit/bridge"), Nick: "bridged"})
	h.Client("hag66@shakespeare.lit/pda").Joins("thirdwitch")
	h.Do(muc.SetRole{Nick: "thirdwitch", Role: muc.Participant})
	h.Do(muc.Invite{To: hag})
	h.Do(muc.SetAffiliation{JID: hag, Affiliation: muc.Owner})
	h.DoAs(hag, muc.SetVCard{VCard: parse(cardOf)})
	require.Nil(t, h.Handle(registration("hag66@shakespeare.lit/pda", "thirdwitch")).Refused)
	require.Nil(t, h.Handle(invites("hag66@shakespeare.lit/pda", "bard@shakespeare.lit")).Refused)
	require.Nil(t, h.Handle(invites(crone.String(), "hag66@shakespeare.lit/phone")).Refused)
	h.Advance(time.Hour) // what was used up of the rates is there again

	h.Do(muc.Forget{JID: hag})

	inside := 0
	for o := range h.Occupants() {
		inside++
		assert.Equal(t, "firstwitch", o.Nick)
	}
	assert.Equal(t, 1, inside)
	assert.NotContains(t, string(h.Snapshot(muc.Live)), "hag66")
}

// A temporary room whose only occupant was deleted needs no heir: it ends.
//
// rows: N5, F24
func TestForgetTheLastOccupant(t *testing.T) {
	h := open(t, muc.Config{})

	fx := h.Do(muc.Forget{JID: muc.MustParseJID("crone@shakespeare.lit")})

	assert.Equal(t, muc.Destroyed, h.State())
	assert.Empty(t, fx.Outbound)
}
