package muc_test

import (
	"testing"

	"github.com/gomuc/muc"
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
