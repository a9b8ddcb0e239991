package event

// State is where a room is in its life.
type State uint8

// The life of a room: it only moves forward.
const (
	Unborn    State = iota // not created yet: nothing to store
	Locked                 // created, but not configured by its owner yet (XEP-0045 §10.1.1)
	Open                   // in use
	Destroyed              // over; there only for its tombstone
)

var stateNames = [...]string{"unborn", "locked", "open", "destroyed"}

// String is the state's name in lower case.
func (s State) String() string {
	if int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}
