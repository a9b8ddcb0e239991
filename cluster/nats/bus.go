package nats

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/gomuc/muc/cluster"
)

// What waits for one subscriber is bounded; what comes beyond that is dropped, as the bus may.
const (
	waitingMessages = 100_000
	waitingBytes    = 64 << 20
)

// Publish sends a message to all who listen on a subject. It waits for at most a second, when
// the server takes nothing.
func (e *Engine) Publish(subject string, data []byte) error {
	if err := plain(subject); err != nil {
		return err
	}
	if most := e.bus.MaxPayload(); int64(len(data)) > most {
		return fmt.Errorf("%w: %d bytes to %s, max_payload is %d", cluster.ErrTooLarge, len(data), subject, most)
	}
	if err := e.bus.Publish(e.subject("bus", subject), data); err != nil {
		return fmt.Errorf("cluster/nats: to %s: %w", subject, err)
	}
	return nil
}

// Subscribe calls a function for each message of a subject.
func (e *Engine) Subscribe(subject string, f func(data []byte)) (stop func(), err error) {
	if err := plain(subject); err != nil {
		return nil, err
	}
	s, err := e.bus.Subscribe(e.subject("bus", subject), func(m *nats.Msg) { f(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("cluster/nats: listening to %s: %w", subject, err)
	}
	if err = s.SetPendingLimits(waitingMessages, waitingBytes); err == nil {
		err = e.bus.FlushTimeout(appendTry)
	}
	if err != nil {
		_ = s.Unsubscribe()
		return nil, fmt.Errorf("cluster/nats: listening to %s: %w", subject, err)
	}
	return func() { _ = s.Unsubscribe() }, nil
}

// plain says whether a subject is one of the bus: words of letters, digits, - and _, with dots
// between them.
func plain(subject string) error {
	for word := range strings.SplitSeq(subject, ".") {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return fmt.Errorf("%w: the bus has no subject %q", ErrConfig, subject)
		}
	}
	return nil
}

var (
	_ cluster.Log    = (*Engine)(nil)
	_ cluster.Owners = (*Engine)(nil)
	_ cluster.Bus    = (*Engine)(nil)
)
