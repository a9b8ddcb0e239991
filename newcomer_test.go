package muc_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// What somebody does who holds the library for the first time, and what must not come of
// it: each of these once gave power away, lost something, or passed without a word.

func inside(room *muctest.Room) int { return len(slices.Collect(room.Occupants())) }

// A bot looks up who gave it a command, finds nobody, and passes the zero address on.
func TestNewcomerActsForNobody(t *testing.T) {
	room := muctest.New(t, muc.Config{Instant: true})
	room.Join("romeo@example.org/pc", "Romeo")
	room.Join("tybalt@example.org/pc", "Tybalt")
	room.RefusesAs(muc.JID{}, muc.ErrNobody, muc.Kick{Nick: "Tybalt"})
	assert.Equal(t, 2, inside(room))
}

// A host stores what the field says, and starts again: nobody haunts the room.
func TestNewcomerStores(t *testing.T) {
	var stored []event.Event
	room := muctest.New(t, muc.Config{Instant: true})
	for _, fx := range []muc.Effects{
		room.Do(muc.Create{Owner: muc.MustParseJID("romeo@example.org"), Config: muc.RoomConfig{Persistent: true}}),
		room.Client("romeo@example.org/pc").Joins("Romeo"),
		room.Client("romeo@example.org/pc").Says("hello"),
	} {
		stored = append(stored, fx.Durable...)
	}
	again := muctest.Restore(t, room.Config, nil, stored)
	assert.True(t, again.Idle())
	again.Join("romeo@example.org/pc", "Romeo").Receives(muctest.Presence("Romeo").As(muc.Owner, muc.Moderator))
}

// A bot listens to what is said: nothing is said that it does not hear.
func TestNewcomerListens(t *testing.T) {
	room := muctest.New(t, muc.Config{Instant: true})
	romeo := room.Join("romeo@example.org/pc", "Romeo")
	for _, hint := range []string{"", "<no-store xmlns='urn:xmpp:hints'/>", "<no-permanent-store xmlns='urn:xmpp:hints'/>"} {
		fx := romeo.Sends("<message type='groupchat'><body xml:lang='de'>Ach</body><body>!help</body>" + hint + "</message>")
		var heard []string
		for ev := range fx.Events() {
			if m := ev.Said(); m != nil {
				heard = append(heard, m.Body("en"))
			}
		}
		assert.Equal(t, []string{"!help"}, heard, hint)
	}
}

// A server forgets who sent a stanza, or what it is.
func TestNewcomerForgetsFrom(t *testing.T) {
	room, err := muc.New(muc.Config{Room: muc.MustParseJID("cellar@chat.example"), Secret: []byte("sixteen bytes or more")})
	require.NoError(t, err)
	el, err := stanza.Parse([]byte("<presence to='cellar@chat.example/Romeo'/>"), stanza.Stream{})
	require.NoError(t, err)
	_, err = room.Handle(time.Now(), el)
	require.ErrorIs(t, err, muc.ErrNoFrom)
	_, err = room.Handle(time.Now(), nil)
	require.ErrorIs(t, err, muc.ErrNilStanza)
	_, err = muc.ParseJID("@x")
	require.ErrorContains(t, err, `"@x"`)
}

// A test compares a refusal that is not there.
func TestNewcomerComparesRefusals(t *testing.T) {
	room := muctest.New(t, muc.Config{Instant: true})
	fx := room.Client("romeo@example.org/pc").Joins("Romeo")
	assert.NotErrorIs(t, error(fx.Refused), &muc.StanzaError{Condition: stanza.Conflict})
	assert.False(t, errors.Is(fx.Refused, nil))
}

// A field that is left out removes nobody and demotes nobody.
func TestNewcomerLeavesOutFields(t *testing.T) {
	room := muctest.New(t, muc.Config{Instant: true})
	romeo := room.Join("romeo@example.org/pc", "Romeo")
	room.Refuses(muc.ErrMissing, muc.SetRole{Nick: "Romeo"}, muc.SetAffiliation{JID: romeo.JID.Bare()}, muc.Configure{})
	room.Refuses(muc.ErrNotFound, muc.Kick{})
	assert.Equal(t, 1, inside(room))
	room.Join("juliet@example.org/pc", "Juliet").Receives(muctest.Presence("Romeo").As(muc.Owner, muc.Moderator))
}

// A host changes one field of the configuration: the others stay, such as the password.
func TestNewcomerConfigures(t *testing.T) {
	room := muctest.New(t, muc.Config{Instant: true})
	room.Do(muc.Create{Owner: muc.MustParseJID("romeo@example.org"), Config: muc.RoomConfig{Password: "cauldronburn", Persistent: true}})
	room.Do(muc.Configure{Change: func(c *muc.RoomConfig) { c.Name = "The wine cellar" }})
	room.Client("tybalt@example.org/pc").Joins("Tybalt")
	room.IsRefused(stanza.NotAuthorized)
}
