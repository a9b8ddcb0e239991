package scansion

import (
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// stage is where a script is played: rooms in this process ([service]), or a server at the
// other end of a network ([network]). What comes of an action is in the inboxes of users when
// its method returns, as far as the stage can know.
type stage interface {
	// begin is called before the first action, and end after the last or a failure.
	begin() error
	end()

	// tick is called when an action begins that is not one to look at what came.
	tick() error
	// pass lets time pass, and clock is what time it is, for a trace.
	pass(time.Duration) error
	clock() time.Time

	connect(*user) error
	// disconnect ends a session without a word.
	disconnect(*user) error
	// send sends a stanza that has an address, and to is as much of it as a host routes by.
	send(u *user, to muc.JID, stanza *etree.Element) error

	// do and doEverywhere carry out what the host does, and reply what it answers.
	do(room muc.JID, d hostCommand) error
	doEverywhere(hostCommand) error
	reply(*action) error

	// features are what rooms there tell of themselves, and formFields the names of the fields of a
	// room's configuration form, as an owner is shown it; nil if all is there that scripts need.
	features() ([]string, error)
	formFields(u *user, room muc.JID) ([]string, error)

	// more waits for another stanza to a user, and reports whether one came in time.
	more(*user) (bool, error)
	// settle waits until everything has come that will come of what was done so far.
	settle() error
}
