package event

// State is where a room is in its life.
type State uint8

// The life of a room: it only moves forward.
const (
	Unborn    State = iota // nobody has created it: worth nothing to a store
	Locked                 // created, but its owner has not configured it yet (XEP-0045 §10.1.1)
	Open                   // in use
	Destroyed              // over; kept only for its tombstone
)

var stateNames = [...]string{"unborn", "locked", "open", "destroyed"}

// String names the state.
func (s State) String() string {
	if int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}
