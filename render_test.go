package muc

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
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
