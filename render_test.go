package muc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Sorting what a step means takes no memory for a message or a join, the most frequent
// steps of a large room.
func TestSortingTakesNoMemory(t *testing.T) {
	s := new(state.Room)
	message, join := &event.MessageArchived{Message: event.Message{StanzaID: "s"}}, &event.Joined{Occupant: 1}
	spent := &event.RateSpent{}
	var h happened
	allocs := testing.AllocsPerRun(100, func() {
		h = happened{}
		h.sort(s, []event.Body{spent, message, join})
	})
	assert.Zero(t, allocs)
	assert.Equal(t, happened{joined: join, said: &message.Message}, h)
}

// Several things that are owed keep their order.
func TestOwedKeepsItsOrder(t *testing.T) {
	var done []string
	s := &step{r: new(Room)}
	for _, name := range []string{"invitation", "another", "result"} {
		s.owe(func() { done = append(done, name) })
	}
	s.render(new(happened))
	assert.Equal(t, []string{"invitation", "another", "result"}, done)
}

// Several events about an occupant make one change: with the role before the first of
// them and the last reason that was given.
func TestChangesOfOneOccupantAreOne(t *testing.T) {
	occ := new(state.Occupant)
	var h happened
	h.change(changedPresence{occ: occ, reason: "first"})
	h.change(changedPresence{occ, Visitor, true, "", event.Actor{}})
	h.change(changedPresence{occ, Participant, true, "last", event.Actor{Nick: "crone"}})
	h.change(changedPresence{occ: occ})
	assert.Equal(t, []changedPresence{{occ, Visitor, true, "last", event.Actor{Nick: "crone"}}}, h.changed)
}

// A message to everybody takes ten pieces of memory at most, three of them in the HMAC of its
// id, and those who enter share one list of readers for all that they are shown.
func TestStepsTakeFewPiecesOfMemory(t *testing.T) {
	r, err := New(Config{Room: MustParseJID("room@chat.lit"), Secret: []byte("a secret of sixteen bytes or more"), Instant: true})
	require.NoError(t, err)
	handle := func(stanza string) Effects {
		fx, err := r.Handle(time.Unix(1e9, 0), xmlwire.Element(stanza))
		require.NoError(t, err)
		require.Nil(t, fx.Refused)
		return fx
	}
	for _, name := range []string{"a", "b", "c"} {
		fx := handle("<presence from='" + name + "@x.lit/r' to='room@chat.lit/" + name + "'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		if name == "c" {
			require.Len(t, fx.Outbound, 6)
			assert.Same(t, fx.Outbound[2].readers, fx.Outbound[3].readers, "the presences of a and b")
		}
	}
	message := xmlwire.Element("<message from='a@x.lit/r' to='room@chat.lit' type='groupchat' id='m'><body>hello</body></message>")
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = r.Handle(time.Unix(1e9, 0), message) }), 10.0)
}
