package proptest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomuc/muc"
)

// tally counts what was played, so that "a million operations" is a figure that
// can be looked up.
type tally struct {
	histories, lives, operations, refused int
	// replayed are operations that were done again, for determinism, cuts the points
	// at which a log was cut in two.
	replayed, cuts, stanzas int
	// takenBack are messages that their authors took back, lookedUp those that the
	// archive showed.
	takenBack, lookedUp int
	moderated           int // messages
	toPuppets           int // private messages
	slowed              int // messages in slow mode
	avatars, cards      int // set, and read
	listed              int // stanzas to those who follow lists
	mentioned           int // people who were not inside
	events              map[string]int
}

// count takes one operation into account.
func (n *tally) count(fx muc.Effects, err error) {
	n.operations++
	if err != nil || fx.Refused != nil {
		n.refused++
	}
	if n.events == nil {
		n.events = map[string]int{}
	}
	for ev := range fx.Events() {
		n.events[ev.Type()]++
	}
}

func (n *tally) String() string {
	var types []string
	events := 0
	for _, typ := range slices.Sorted(maps.Keys(n.events)) {
		types = append(types, fmt.Sprintf("%s %d", typ, n.events[typ]))
		events += n.events[typ]
	}
	return fmt.Sprintf("%d histories, %d rooms, %d operations, of which %d were refused; %d events, %d stanzas read, %d operations repeated, %d cuts, %d messages taken back, %d by moderators, %d shown from the archive, %d in private to puppets, %d in slow mode, %d avatars set and %d read, %d with versions of lists, %d people mentioned outside\nevents: %s",
		n.histories, n.lives, n.operations, n.refused, events, n.stanzas, n.replayed, n.cuts, n.takenBack, n.moderated, n.lookedUp, n.toPuppets, n.slowed, n.avatars, n.cards, n.listed, n.mentioned, strings.Join(types, ", "))
}
