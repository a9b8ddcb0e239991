package muc

import (
	"strconv"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Activity of a room (XEP-0502).

// activityWindow is the time over which messages are counted: XEP-0502 §4 allows up to
// three days.
const activityWindow = 24 * time.Hour

// activity is the number of messages per hour (XEP-0502 §3.1), counted in the history. If
// that is full and does not reach back far enough, it is the rate over the time it covers.
func (r *Room) activity(now time.Time) string {
	since := now.Add(-activityWindow)
	lists := [...]*state.History{r.st.Archived(), r.st.Unarchived()}
	for _, list := range lists {
		if list.Len() >= r.cfg.Limits.History && list.At(0).At().After(since) {
			since = list.At(0).At()
		}
	}
	n := 0
	for _, list := range lists {
		for e := range list.All() {
			if !e.At().Before(since) && countsAsActivity(e.Message()) {
				n++
			}
		}
	}
	hours := max(now.Sub(since).Hours(), 1.0/60)
	return strconv.FormatFloat(float64(n)/hours, 'f', 2, 64)
}

// countsAsActivity reports whether a message has a body and is not a correction of another
// one (XEP-0308).
func countsAsActivity(m *event.Message) bool {
	words := false
	for r := (xmlwire.Reader{Text: m.Payload}); !r.Done(); {
		switch n := r.ReadNode(""); {
		case n.NS == ns.Correct:
			return false
		case n.NS == "" && n.Name == "body":
			words = true
		}
	}
	return words
}
