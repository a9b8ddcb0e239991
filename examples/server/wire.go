package main

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/beevik/etree"
)

// wire is what differs between TCP (RFC 6120) and WebSocket (RFC 7395). One goroutine
// reads, one at a time writes.
type wire interface {
	// opened reads the element by which the client opens a stream, for the first time or
	// again, and returns the domain that it is for.
	opened() (to string, err error)
	// next reads the next element and says how many bytes it had. After a
	// [stanza.TooLargeError] the stream goes on.
	next() (*etree.Element, int, error)
	// write writes elements that stand one after the other in buffers; if space is not empty,
	// in one, where they end at ends.
	write(batch [][]byte, ends []int) error

	// opening and closing are what opens and closes the server's stream.
	opening(attrs string) string
	closing() string
	// space is the namespace that each stanza has to name: "" if the stream does.
	space() string
	encrypted() bool
	startTLS(config *tls.Config) error
	// limit bounds the bytes of one element.
	limit(bytes int)
	// readUntil is when reading fails; the zero time is never.
	readUntil(time.Time)
	// finish says that nothing more is written, and gives the client a moment to close;
	// linger reads what it still says: who hangs up on that takes back what was written.
	finish()
	linger()
	// abort closes the connection at once.
	abort()
}

// language is a language that a stream says its stanzas are in, which goes with each of them:
// none if it is longer than any is (RFC 5646 §4.4.1).
func language(tag string) string {
	if len(tag) > 35 {
		return ""
	}
	return tag
}

const (
	nsClient  = "jabber:client"
	nsStream  = "http://etherx.jabber.org/streams"
	nsFraming = "urn:ietf:params:xml:ns:xmpp-framing"
)

// errClosed: the client has closed its stream.
var errClosed = errors.New("the client closed the stream")

// streamError ends a stream and tells the client why: a condition of RFC 6120 §4.9.3.
type streamError string

func (e streamError) Error() string { return "stream error: " + string(e) }

func (e streamError) xml() string {
	return "<stream:error xmlns:stream='" + nsStream + "'><" + string(e) +
		" xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
}

const (
	writeTimeout  = 30 * time.Second // for one write
	finishTimeout = 2 * time.Second  // for the client to close after us
)
