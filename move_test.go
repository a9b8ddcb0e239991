package muc_test

import (
	"testing"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/scansion"
)

// A room that is written down and restored after every step, as if it were moved
// to another process all the time, is the same room to everybody: all scripts go
// as ever.
//
// rows: L14
func TestRoomsMove(t *testing.T) {
	scansion.RunOptions(t, scansion.Options{Config: muc.Config{}, Move: true}, "testdata")
}

// A room whose host stops for a moment keeps everybody; nobody is told. What waited for the
// host is refused.
func TestShutdownStays(t *testing.T) {
	room := muctest.New(t, muc.Config{Instant: true, AnswersIQ: func(space, _ string) bool { return space == "urn:example:weather" }})
	romeo := room.Join("romeo@example.org/pc", "Romeo")
	juliet := room.Join("juliet@example.org/pc", "Juliet")
	romeo.Sends("<iq type='get' id='w'><weather xmlns='urn:example:weather'/></iq>")
	room.Do(muc.Shutdown{Stay: true})
	romeo.ReceivesOnly(muctest.XML("<iq type='error' id='w'><error type='wait'><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"))
	juliet.ReceivesNothing()
	room.Move()
	romeo.Says("still here")
	juliet.Receives(muctest.Message("still here").From("Romeo"))
}
