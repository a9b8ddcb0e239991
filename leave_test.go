package muc_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
)

// A temporary room ends in the step in which its last occupant goes, in any way; a
// persistent one stays.
//
// rows: F24
func TestLastLeaveEndsTemporaryRoom(t *testing.T) {
	for name, gone := range map[string]func(h *muctest.Room) muc.Effects{
		"leaves": func(h *muctest.Room) muc.Effects {
			return h.Client("crone@shakespeare.lit/desktop").Leaves()
		},
		"bounces": func(h *muctest.Room) muc.Effects {
			return h.Handle(`<presence type='error' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit/firstwitch'>` +
				`<error type='cancel'><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`)
		},
		"vanishes": func(h *muctest.Room) muc.Effects {
			return h.Do(muc.Vanished{JID: muc.MustParseJID("shakespeare.lit")})
		},
		"is kicked": func(h *muctest.Room) muc.Effects { return h.Do(muc.Kick{Nick: "firstwitch"}) },
	} {
		for _, persistent := range []bool{false, true} {
			h := open(t, muc.Config{Defaults: muc.RoomConfig{Persistent: persistent}})

			fx := gone(h)

			require.NotEmpty(t, slices.Collect(fx.Events()), name)
			_, ends := slices.Collect(fx.Events())[len(slices.Collect(fx.Events()))-1].Body.(*event.RoomDestroyed)
			assert.Equal(t, !persistent, ends, name)
			assert.True(t, h.Deadline().IsZero(), name)
			assert.True(t, h.Idle(), name)
		}
	}
}
