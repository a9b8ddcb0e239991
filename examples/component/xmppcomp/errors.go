package xmppcomp

import (
	"errors"
	"fmt"
)

// ErrClosed is what a closed [Queue] or [Link] says.
var ErrClosed = errors.New("the stream is closed")

// errEnded: the server ended the stream in good order.
var errEnded = errors.New("the server closed the stream")

// errNoStream: somebody else answers on that port.
var errNoStream = errors.New("what answers there is no XMPP server: its stream does not open with <stream:stream>")

// errText: text between stanzas.
var errText = errors.New("text between the stanzas of the stream, which XMPP forbids")

// errDirective: what RFC 6120 §11.1 keeps out of streams.
var errDirective = errors.New("a comment, processing instruction or DTD in the stream, which XMPP forbids")

// StreamError is the reason that the server gave for ending the stream (RFC 6120
// §4.9).
type StreamError struct {
	// Condition is the name of the defined condition.
	Condition string
	// Text is what the server says about it; it may be empty.
	Text string
	// Domain is the component's own.
	Domain string
}

// advice says for the conditions that are a matter of configuration what to do.
var advice = map[string]string{
	"not-authorized":   "the server refuses the secret of %s: domain and secret must be those of the component in the server's configuration",
	"conflict":         "another component is connected to the server as %s: stop that one, or take another domain",
	"host-unknown":     "the server has no component %s: add it to the server's configuration, or correct the domain",
	"improper-address": "the server takes %s for no address: correct the domain",
	"system-shutdown":  "the server of %s is shutting down",
}

// Error is the condition in words, with what to do about it, in one line.
func (e *StreamError) Error() string {
	said := e.Condition
	if e.Text != "" {
		said += ": " + e.Text
	}
	format, ok := advice[e.Condition]
	if !ok {
		return fmt.Sprintf("the server ended the stream of %s (%q)", e.Domain, said)
	}
	return fmt.Sprintf(format, e.Domain) + fmt.Sprintf(" (%q)", said)
}

// Final reports whether another try would end the same way: something must be
// changed first. A conflict is final only for who was never connected; otherwise
// the server may still hold the stream that broke.
func (e *StreamError) Final(connectedBefore bool) bool {
	switch e.Condition {
	case "not-authorized", "host-unknown", "improper-address", "invalid-namespace":
		return true
	case "conflict":
		return !connectedBefore
	}
	return false
}

// Blames reports whether the server may have ended the stream because of what the
// component had sent: a stanza that was too large for it, or not well-formed.
func (e *StreamError) Blames() bool {
	switch e.Condition {
	case "system-shutdown", "conflict", "connection-timeout", "reset", "remote-connection-failed", "see-other-host",
		"host-gone", "host-unknown", "not-authorized":
		return false
	}
	return true
}
