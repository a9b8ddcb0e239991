package muc_test

import (
	"maps"
	"testing"

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
	h.join("hag66@shakespeare.lit/pda", "thirdwitch")
	before := h.room.Snapshot(muc.Live)

	for name, cmd := range map[string]muc.Forget{
		"without an heir": {JID: crone},
		"its own heir":    {JID: crone, Heir: crone},
	} {
		_, err := h.room.Do(h.tick(), cmd)
		assert.ErrorIs(t, err, &muc.StanzaError{Condition: stanza.Conflict}, name)
	}
	for name, cmd := range map[string]muc.Forget{
		"nobody":          {},
		"a domain":        {JID: muc.MustParseJID("shakespeare.lit")},
		"a domain's heir": {JID: crone, Heir: muc.MustParseJID("shakespeare.lit")},
	} {
		_, err := h.room.Do(h.tick(), cmd)
		assert.ErrorIs(t, err, &muc.StanzaError{Condition: stanza.JIDMalformed}, name)
	}
	assert.Equal(t, before, h.room.Snapshot(muc.Live))

	admin := muc.MustParseJID("admin@shakespeare.lit")
	h.do(muc.Forget{JID: muc.MustParseJID("crone@shakespeare.lit/desktop"), Heir: admin})
	assert.Equal(t, map[muc.JID]muc.Affiliation{admin: muc.Owner}, maps.Collect(h.room.Affiliations()))

	// There is an heir already, so that the next one inherits nothing.
	h.do(muc.SetAffiliation{JID: crone, Affiliation: muc.Owner})
	h.do(muc.Forget{JID: crone, Heir: muc.MustParseJID("hag66@shakespeare.lit")})
	assert.Equal(t, map[muc.JID]muc.Affiliation{admin: muc.Owner}, maps.Collect(h.room.Affiliations()))
}

// All that a deleted account had in the room is gone: also what waits for it, and
// the puppets in its name.
//
// rows: N5
func TestForgetAll(t *testing.T) {
	h := open(t, muc.Config{Registration: muc.RegistrationApproved, Defaults: muc.RoomConfig{Persistent: true, Moderated: true}})
	hag := muc.MustParseJID("hag66@shakespeare.lit")
	h.do(muc.Join{JID: muc.MustParseJID("hag66@shakespeare.lit/bridge"), Nick: "bridged"})
	h.join("hag66@shakespeare.lit/pda", "thirdwitch")
	h.do(muc.SetRole{Nick: "thirdwitch", Role: muc.Participant})
	h.do(muc.Invite{To: hag})
	require.Nil(t, h.send(registration("hag66@shakespeare.lit/pda", "thirdwitch")).Refused)

	h.do(muc.Forget{JID: hag})

	inside := 0
	for o := range h.room.Occupants() {
		inside++
		assert.Equal(t, "firstwitch", o.Nick)
	}
	assert.Equal(t, 1, inside)
	assert.NotContains(t, string(h.room.Snapshot(muc.Live)), "hag66")
}

// A temporary room whose only occupant was deleted needs no heir: it ends.
//
// rows: N5, F24
func TestForgetTheLastOccupant(t *testing.T) {
	h := open(t, muc.Config{})

	fx := h.do(muc.Forget{JID: muc.MustParseJID("crone@shakespeare.lit")})

	assert.Equal(t, muc.Destroyed, h.room.State())
	assert.Empty(t, fx.Outbound)
}
