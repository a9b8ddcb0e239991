package main

import (
	"errors"
	"sync"
	"time"

	"github.com/gomuc/muc/examples/component/xmppcomp"
)

// dropLogEvery is how often the log tells of stanzas that were dropped; the metrics
// count each.
const dropLogEvery = time.Minute

// dropLog remembers when the log was told of each reason.
type dropLog struct {
	mu    sync.Mutex
	told  map[string]time.Time
	since map[string]int
}

// tell counts, and reports whether the log is to be told, of how many.
func (d *dropLog) tell(reason string, n int, now time.Time) (count int, tell bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.told == nil {
		d.told, d.since = map[string]time.Time{}, map[string]int{}
	}
	d.since[reason] += n
	if last, ever := d.told[reason]; ever && now.Sub(last) < dropLogEvery {
		return 0, false
	}
	count = d.since[reason]
	d.told[reason], d.since[reason] = now, 0
	return count, true
}

// Why stanzas do not go out, as metrics and log say it.
const (
	dropTooLarge = "too large"
	dropFull     = "queue full"
	dropGuilty   = "ended a stream"
)

// lost notes that stanzas to somebody do not go out.
func (c *component) lost(err error, to string, n int) {
	switch {
	case errors.Is(err, xmppcomp.ErrTooLarge):
		c.drop(dropTooLarge, to, n)
	case errors.Is(err, xmppcomp.ErrFull):
		c.drop(dropFull, to, n)
	default: // the component stops
		c.metrics.unsent.Add(float64(n))
	}
}

// dropped notes a stanza in the middle of which a stream ended.
func (c *component) dropped(stanza []byte) {
	c.drop(dropGuilty, "", 1)
	c.log.Debug("a stream ended in this stanza", "stanza", string(stanza[:min(len(stanza), 1000)]))
}

func (c *component) drop(reason, to string, n int) {
	c.metrics.dropped.WithLabelValues(reason).Add(float64(n))
	if count, tell := c.drops.tell(reason, n, time.Now()); tell {
		c.log.Warn("stanzas were dropped", "reason", reason, "last_to", to, "count", count)
	}
}
