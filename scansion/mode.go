package scansion

import "fmt"

// Mode is how an expectation is compared with what came. See the package
// documentation for what each of them asks.
type Mode int

// The modes. Subset is the zero value; [Ordered] is the one for new scripts.
const (
	Subset Mode = iota
	Scansion
	Ordered
	Exact
	// Spec is for services of others: matched as the specification allows, see [Judge].
	Spec
)

var modeNames = [...]string{Subset: "subset", Scansion: "scansion", Ordered: "ordered", Exact: "exact", Spec: "spec"}

// skipsNothing reports whether each stanza that comes has to be expected, in its
// order.
func (m Mode) skipsNothing() bool { return m == Ordered || m == Exact }

// ParseMode reads the name of a mode as a header line or a flag has it.
func ParseMode(s string) (Mode, error) {
	for m, name := range modeNames {
		if s == name {
			return Mode(m), nil
		}
	}
	return Subset, fmt.Errorf("no matching mode %q: it is subset, scansion, ordered, exact or spec", s)
}

// String is the mode's name, as [ParseMode] reads it.
func (m Mode) String() string {
	if m < 0 || int(m) >= len(modeNames) {
		return fmt.Sprintf("Mode(%d)", int(m))
	}
	return modeNames[m]
}

// MarshalText and [Mode.UnmarshalText] let a Mode be a flag (flag.TextVar).
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText is [ParseMode].
func (m *Mode) UnmarshalText(text []byte) error {
	parsed, err := ParseMode(string(text))
	if err == nil {
		*m = parsed
	}
	return err
}
