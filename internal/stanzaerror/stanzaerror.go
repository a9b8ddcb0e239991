// Package stanzaerror says what an error that comes back means for who sent the stanza.
package stanzaerror

import (
	"github.com/gomuc/muc/stanza"
)

// Reach is what an error that came back from a session says about whether it is there.
type Reach uint8

const (
	// Present: somebody is there and refuses.
	Present Reach = iota
	// Gone: nobody is there any more.
	Gone
	// Doubtful: a server says the same of a client that is gone (RFC 6121 §8.5.3.2.1) and
	// of one that blocks who wrote (XEP-0191 §3.5).
	Doubtful
)

// ReachOf judges a condition (XEP-0045 §18.1.2).
func ReachOf(c stanza.Condition) Reach {
	switch c {
	case stanza.Gone, stanza.ItemNotFound, stanza.RecipientUnavailable, stanza.Redirect,
		stanza.RemoteServerNotFound, stanza.RemoteServerTimeout:
		return Gone
	case stanza.ServiceUnavailable:
		return Doubtful
	}
	return Present
}
