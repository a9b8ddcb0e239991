package muc

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Place is made for those who are there at once, not for all who ever came.
func TestPeak(t *testing.T) {
	var events []Event
	add := func(n int, body EventBody) {
		for range n {
			events = append(events, Event{Body: body})
		}
	}
	add(4, &Joined{})
	add(2, &Left{})
	add(1, &Removed{JIDs: make([]JID, 2)})
	add(1, &Removed{}) // a puppet
	add(3, &Joined{})
	add(10, &AffiliationChanged{Old: None, New: Member})
	add(10, &AffiliationChanged{Old: Member, New: Admin})
	add(3, &AffiliationChanged{Old: Admin, New: None})
	add(2, &AffiliationChanged{Old: None, New: Outcast})
	add(2, &AffiliationChanged{Old: None, New: None}) // a reason
	shot := snapshot{Occupants: make([]occupantShot, 3), Persons: make([]personShot, 5)}

	inside, known := peak(&shot, events)
	assert.Equal(t, 7, inside)
	assert.Equal(t, 15, known)
	inside, known = peak(&snapshot{}, nil)
	assert.Zero(t, inside)
	assert.Zero(t, known)
}

// A small room stays small.
func TestExpect(t *testing.T) {
	var s state
	s.expect(smallIndex, smallIndex)
	assert.Nil(t, s.nicks)
	assert.Nil(t, s.persons.byText.many)
	s.expect(1, smallIndex+1)
	assert.Nil(t, s.nicks)
	assert.NotNil(t, s.persons.byText.many)
	s.expect(smallIndex+1, 0)
	assert.NotNil(t, s.nicks)
}
