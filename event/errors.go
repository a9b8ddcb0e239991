package event

import (
	"errors"
	"fmt"
)

// The errors of restoring.
var (
	// ErrCorrupt is wrapped by errors about a log or snapshot that no room can have
	// written.
	ErrCorrupt = errors.New("muc: corrupt log")
	// ErrGap is wrapped where events are missing, repeated or out of order. It wraps
	// ErrCorrupt.
	ErrGap = fmt.Errorf("%w: sequence has a gap", ErrCorrupt)
)

// UnknownEventError reports an event of a type or version that this version of
// the library does not know. Nothing was applied.
type UnknownEventError struct {
	Type    string
	Version int
}

// Error names the type and version.
func (e *UnknownEventError) Error() string {
	return fmt.Sprintf("muc: unknown event %q version %d", e.Type, e.Version)
}
