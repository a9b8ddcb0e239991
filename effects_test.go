package muc_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// A host that stores what the field Durable has, and nothing else, has a log: from it
// comes the room after a restart, with nobody inside.
func TestWhatIsStoredBringsNobodyBack(t *testing.T) {
	h := unborn(t, muc.Config{Instant: true})
	var stored []event.Event
	keep := func(fx muc.Effects) { stored = append(stored, fx.Durable...) }
	keep(h.Client("crone@shakespeare.lit/desktop").Joins("firstwitch"))
	keep(h.Do(muc.Reset{Config: muc.RoomConfig{Persistent: true}}))
	keep(h.Client("hecate@shakespeare.lit/broom").Joins("thirdwitch"))
	keep(h.Client("hecate@shakespeare.lit/broom").Says("boo"))

	room, err := muc.Restore(h.Config, nil, stored)
	require.NoError(t, err)
	assert.True(t, room.Idle())
	assert.Equal(t, h.Seq(), room.Seq())
	assert.False(t, h.Idle())
}

// Both fields together are everything that happened, in its order.
func TestEventsInTheirOrder(t *testing.T) {
	h := coven(t, muc.Config{Instant: true})
	mixed := 0
	for _, fx := range []muc.Effects{
		h.Do(muc.SetAffiliation{JID: hecate, Affiliation: muc.Outcast}),
		h.Do(muc.Reset{Config: muc.RoomConfig{MembersOnly: true, Moderated: true}}),
		h.Client("crone@shakespeare.lit/desktop").Says("boo"),
		h.Do(muc.Destroy{}),
	} {
		events := slices.Collect(fx.Events())
		assert.Len(t, events, len(fx.Durable)+len(fx.Volatile))
		assert.True(t, slices.IsSortedFunc(events, func(a, b event.Event) int {
			if a.Seq != b.Seq {
				return int(a.Seq) - int(b.Seq)
			}
			return int(a.Sub) - int(b.Sub)
		}))
		for _, ev := range fx.Durable {
			assert.True(t, ev.Durable())
		}
		for _, ev := range fx.Volatile {
			assert.False(t, ev.Durable())
		}
		if len(fx.Durable) > 0 && len(fx.Volatile) > 0 {
			mixed++
		}
		for range fx.Events() {
			break
		}
	}
	assert.Positive(t, mixed)
}

// Deliveries are what Outbound has, each with bytes of its own.
func TestDeliveries(t *testing.T) {
	h := coven(t, muc.Config{Instant: true})
	fx := h.Client("crone@shakespeare.lit/desktop").Says("boo")
	var to []muc.JID
	var xml [][]byte
	for j, bytes := range fx.Deliveries("jabber:client") {
		to, xml = append(to, j), append(xml, bytes)
	}
	require.Len(t, to, 3)
	i := 0
	for _, out := range fx.Outbound {
		for _, j := range out.To() {
			assert.Equal(t, j, to[i])
			assert.Equal(t, string(out.AppendXML(nil, j, "jabber:client")), string(xml[i]))
			i++
		}
	}
	for range fx.Deliveries("") {
		break
	}
}
