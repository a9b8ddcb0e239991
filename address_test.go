package muc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
)

// oldRules makes a room that stored an address by tables of another day, which those
// of today would change: it is on a list, and inside.
func oldRules(t *testing.T, cfg muc.Config, address string) (*muctest.Room, muc.JID) {
	t.Helper()
	var old muc.JID
	require.NoError(t, old.UnmarshalText([]byte(address)))
	cfg.Instant = true
	h := open(t, cfg)
	h.Do(muc.Join{JID: muc.MustParseJID("old@shakespeare.lit/x"), Nick: "Old"})
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("old@shakespeare.lit"), Affiliation: muc.Member})
	log := h.Events()
	for i, ev := range log {
		line, err := ev.MarshalJSON()
		require.NoError(t, err)
		require.NoError(t, ev.UnmarshalJSON([]byte(strings.ReplaceAll(string(line), `"old@shakespeare.lit`, `"`+address))))
		log[i] = ev
	}
	return muctest.Restore(t, h.Config, nil, log), old
}

// What was normalised once is not normalised again: an address that newer tables
// would change or refuse is still found by those who copy it out of a list, and by
// the host that has it of an event.
func TestStoredAddressesAreFound(t *testing.T) {
	for _, address := range []string{"Old\u0130@shakespeare.lit", "a\u2028@shakespeare.lit", "e\u0301@shakespeare.lit"} {
		t.Run(address, func(t *testing.T) {
			h, old := oldRules(t, muc.Config{}, address)
			fx := h.Handle(makes("<item jid='" + address + "' affiliation='none'/>"))
			require.Nil(t, fx.Refused)
			require.NotEmpty(t, slices.Collect(fx.Events()))
			assert.Equal(t, &event.AffiliationChanged{JID: old, Old: muc.Member, New: muc.AffiliationNone, Actor: event.Actor{JID: crone, Nick: "firstwitch"}}, slices.Collect(fx.Events())[0].Body)

			h, old = oldRules(t, muc.Config{}, address)
			fx = h.Do(muc.SetAffiliation{JID: old, Affiliation: muc.Outcast})
			assert.Equal(t, &event.AffiliationChanged{JID: old, Old: muc.Member, New: muc.Outcast}, slices.Collect(fx.Events())[0].Body)

			h, old = oldRules(t, muc.Config{}, address)
			h.Do(muc.Forget{JID: old})
			for j := range h.Affiliations() {
				assert.NotEqual(t, old, j)
			}

			h, _ = oldRules(t, muc.Config{}, address)
			fx = h.Handle(configSubmit("c", "muc#roomconfig_roomadmins", address))
			require.Nil(t, fx.Refused)
			assert.Equal(t, muc.Admin, affiliationIn(h.Room, old))
		})
	}
}

// The resource is the only part that is normalised when an address gets another.
func TestWithResource(t *testing.T) {
	j := muc.MustParseJID("crone@shakespeare.lit/desktop")
	for _, c := range [][2]string{{"", "crone@shakespeare.lit"}, {"pda", "crone@shakespeare.lit/pda"}, {"e\u0301", "crone@shakespeare.lit/é"},
		{"<&>'", "crone@shakespeare.lit/<&>'"}} {
		got, err := j.WithResource(c[0])
		require.NoError(t, err)
		assert.Equal(t, muc.MustParseJID(c[1]), got)
	}
	for _, bad := range []string{"\x00", "\xff", strings.Repeat("x", 1024)} {
		_, err := j.WithResource(bad)
		assert.ErrorIs(t, err, muc.ErrJID)
	}
	_, err := muc.JID{}.WithResource("x")
	assert.ErrorIs(t, err, muc.ErrJID)
}

func affiliationIn(room *muc.Room, who muc.JID) muc.Affiliation {
	for j, aff := range room.Affiliations() {
		if j == who {
			return aff
		}
	}
	return muc.AffiliationNone
}

// Domains are normalised by the rule that the host has chosen.
func TestDomainsOfTheHost(t *testing.T) {
	h := open(t, muc.Config{NormalizeDomain: func(domain string) (string, error) {
		return strings.ReplaceAll(strings.ToLower(domain), "ß", "ss"), nil
	}})
	h.Client("bard@Straße.example/x").Joins("Bard")
	fx := h.Handle(`<message type='groupchat' from='bard@strasse.example/x' to='coven@chat.shakespeare.lit'><body>x</body></message>`)
	assert.Nil(t, fx.Refused)
}
