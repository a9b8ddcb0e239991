package c2s

import (
	"context"
	"net"

	"golang.org/x/time/rate"
)

// traffic is what a client may have read from it, in bytes: for long so many a second, as
// [Bounds] say. What gives the server more to do than its bytes tell counts for more.
type traffic struct{ *rate.Limiter }

const (
	burst        = 8        // seconds' traffic at once
	leastCost    = 1 << 10  // of a stanza, or a ping of a WebSocket
	contactsCost = 16 << 10 // of what all contacts are gone through for: presence, the roster
)

func newTraffic(most int) *traffic {
	return &traffic{rate.NewLimiter(rate.Limit(most), burst*most)}
}

// costs waits until so many bytes may have been read.
func (t *traffic) costs(bytes int) {
	_ = t.WaitN(context.Background(), min(max(bytes, 0), t.Burst())) // which fails only if it is too much, or too long
}

// metered is a connection from which no more is read than its traffic may be.
type metered struct {
	net.Conn
	*traffic
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p[:min(len(p), m.Burst())])
	m.costs(n)
	return n, err
}
