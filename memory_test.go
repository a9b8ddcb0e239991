package muc

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
)

// What everybody inside costs is counted in bytes. Memory comes in sizes of 48, 64,
// 80, 96, 112, … 416, 448, 480: one field too many costs the next of them, times all
// rooms or people of a service. What few of them have belongs behind one pointer.
func TestSizesOfWhatThereIsManyOf(t *testing.T) {
	assert.LessOrEqual(t, unsafe.Sizeof(Room{}), uintptr(448))
	assert.LessOrEqual(t, unsafe.Sizeof(state.Person{}), uintptr(48))
	assert.LessOrEqual(t, unsafe.Sizeof(state.Occupant{}), uintptr(96))
	assert.LessOrEqual(t, unsafe.Sizeof(state.Session{}), uintptr(80))
	assert.LessOrEqual(t, unsafe.Sizeof(splice.Stanza{}), uintptr(80))
}
