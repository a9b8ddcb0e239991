package scansion

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/gomuc/muc"
)

// Network says how scripts are played against a server, see [Options.Dial].
type Network struct {
	// Rooms is the domain of the server's rooms, such as conference.example.org.
	Rooms string
	// Settings are the settings of `# config:` lines that the server is known to have, as
	// name=value. Scripts that ask for others are skipped, but for instant=true, for which new
	// rooms are opened by their creators.
	Settings []string
	// Wait bounds how long the answer to a request is waited for: 0 means 5 s.
	Wait time.Duration
	// Late is how long after an action a stanza may come that has not come when the pings of
	// the clients are answered: 0 means half a second.
	Late time.Duration
	// LeftBehind, when set, is told of each room that nobody could destroy in the end.
	LeftBehind func(room string)
	// Script bounds how long a script may take: 0 means a minute.
	Script time.Duration
}

func (n Network) wait() time.Duration { return cmp.Or(n.Wait, 5*time.Second) }

func (n Network) late() time.Duration { return cmp.Or(n.Late, time.Second/2) }

func (n Network) script() time.Duration { return cmp.Or(n.Script, time.Minute) }

// Login is a client that takes part in a script, and has to be logged in.
type Login struct {
	// People are all who take part in the script, by the bare JIDs that the script gives
	// them. Each needs an account of their own, the same one until the script ends.
	People []muc.JID
	// Person is whose client it is, an index into People.
	Person int
	// Resource is what to ask the server for.
	Resource string
}

// Conn is the connection of a client that is logged in, has a resource and has not sent any
// presence. One goroutine uses it.
type Conn interface {
	// JID is the client's full JID.
	JID() muc.JID
	// Send writes a stanza.
	Send(ctx context.Context, stanza []byte) error
	// Receive returns the next stanza that comes, as it came; the namespace jabber:client and
	// no other may be left undeclared. The connection is good for another call after ctx
	// has ended.
	Receive(ctx context.Context) ([]byte, error)
	// Cut ends the connection without a word, as one that breaks.
	Cut()
	// Close closes the stream in good order.
	Close()
}

// Skipped is why a script was not played over the network, or not to its end.
type Skipped struct{ Reason string }

// Error is the reason.
func (s *Skipped) Error() string { return s.Reason }

// skip makes a [*Skipped].
func skip(format string, args ...any) error { return &Skipped{fmt.Sprintf(format, args...)} }

// NetworkError is a client that could not be logged in. Other scripts will fare no better.
type NetworkError struct{ Err error }

// Error says what went wrong, on one line.
func (e *NetworkError) Error() string { return e.Err.Error() }

// Unwrap is what [Options.Dial] returned.
func (e *NetworkError) Unwrap() error { return e.Err }
