package scansion

import (
	"context"
	"io"
	"time"

	"github.com/gomuc/muc"
)

// Epoch is what the clock shows when a script starts.
var Epoch = time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)

// testSecret keys the rooms of a host that does not care which key it is.
const testSecret = "scansion: a key for tests, known to everybody"

// Options says how scripts are played. The zero value will do.
type Options struct {
	// Config is the template for each room: Room is filled in, and so is Secret
	// when it is empty.
	Config muc.Config
	// Mode is for scripts that do not choose their own.
	Mode Mode
	// CheckReplay makes each step check that a room restored from its recorded
	// events is the live one: from all of them with its live snapshot, from the
	// durable ones alone with its durable snapshot.
	CheckReplay bool
	// Move has each room written down after each step and restored from its live
	// snapshot, as if it moved to another process in mid-conversation. Nobody in a
	// script may notice.
	Move bool
	// Observe, when set, is shown what each step of a room returned, before it is
	// delivered: to hold a whole directory of scripts to one more rule.
	Observe func(room muc.JID, fx muc.Effects)
	// Dial, when set, has scripts played by real clients against a server over the network,
	// as Network says, instead of against rooms in this process: it logs in one client. Config,
	// CheckReplay, Move, Observe and Settings mean nothing then. Package
	// github.com/gomuc/muc/cmd/scansion/remote has one for XMPP over TCP.
	Dial func(ctx context.Context, who Login) (Conn, error)
	// Network says how; it means something only with Dial.
	Network Network
	// Trace, when set, gets the whole conversation for people to read.
	Trace io.Writer
	// Commands are what `host:` lines can say beyond the built-in commands, by
	// name.
	Commands map[string]Command
	// Settings are what `# config:` lines can set beyond the built-in settings,
	// by name.
	Settings map[string]Setting
}

// Command makes the command of a `host:` line of its arguments, in which
// references have been put in. The argument `as` is not among them: with it the command is
// that person's, by [muc.Room.DoAs].
type Command func(args map[string]string) (muc.Command, error)

// Setting carries out a header line `# config: name=value`.
type Setting func(cfg *muc.Config, value string) error
