package muc

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// Who is restored has a place of his own, and who has gone leaves no presence in it.
// Later nobody shares his memory.
func TestPlaces(t *testing.T) {
	cfg := Config{Room: MustParseJID("r@muc.example"), Secret: []byte("a secret of sixteen bytes or more"), Instant: true}
	room, err := New(cfg)
	require.NoError(t, err)
	c := &crowd{t: t, room: room}
	for n := range 3 * groupSize {
		c.handle(`<presence from='u%d@example/r' to='r@muc.example/n%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, n, n)
	}
	shot := room.Snapshot(Live)
	c.room, err = Restore(cfg, shot, nil)
	require.NoError(t, err)
	assert.Equal(t, string(shot), string(c.room.Snapshot(Live)))
	assert.Nil(t, c.room.st.places)

	gone := c.room.st.occupants[3]
	c.room.recipe(gone)
	require.NotNil(t, gone.presence.doc)
	c.handle(`<presence type='unavailable' from='u3@example/r' to='r@muc.example/n3'/>`)
	assert.Nil(t, c.room.st.nicks["n3"])
	assert.Nil(t, gone.presence.doc)

	var g group[int]
	for n := range 2*groupSize + 1 {
		v := g.next()
		assert.Zero(t, *v)
		*v = n + 1
	}
}
