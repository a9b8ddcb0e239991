package muc

import (
	"errors"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/stanza"
)

// The host's faults. A call that returns one of them has changed nothing.
var (
	// ErrConfig: a Config that cannot make a room.
	ErrConfig = errors.New("muc: bad config")
	// ErrNilStanza: Handle was given no element.
	ErrNilStanza = errors.New("muc: nil stanza")
	// ErrNotStanza: an element that is not a message, presence or iq.
	ErrNotStanza = errors.New("muc: not a stanza")
	// ErrNoFrom: a stanza that does not say who sent it.
	ErrNoFrom = errors.New("muc: stanza without from")
	// ErrNotForRoom: a stanza addressed to somebody else.
	ErrNotForRoom = errors.New("muc: stanza is not for this room")
	// ErrNotOpen: a command for a room that is not alive.
	ErrNotOpen = errors.New("muc: room is not alive")
	// ErrNotFound: a command names an occupant, session or question that is not there.
	ErrNotFound = errors.New("muc: not found")
	// ErrMissing: a command without a field that it must have.
	ErrMissing = errors.New("muc: a command lacks a field")
	// ErrNobody: DoAs was not told as whom, but given a zero address.
	ErrNobody = errors.New("muc: a command of nobody")
	// ErrHostOnly: DoAs was given a command that people cannot give.
	ErrHostOnly = errors.New("muc: only the host itself gives this command")
	// ErrCorrupt: a log or snapshot that no room can have written.
	ErrCorrupt = event.ErrCorrupt
	// ErrGap: events are missing, repeated or out of order. It is an ErrCorrupt.
	ErrGap = event.ErrGap
	// ErrKey: the log was written with another Config.Secret.
	ErrKey = errors.New("muc: log belongs to another secret")
	// ErrOtherRoom: the log belongs to a room with another address.
	ErrOtherRoom = state.ErrOtherRoom
)

// UnknownEventError reports an event of a type or version that this version of the
// library does not know, see [event.UnknownEventError].
type UnknownEventError = event.UnknownEventError

// StanzaError is a rule that the sender of a stanza broke: see [stanza.Error]. The room
// answers the stanza with it and reports it in Effects.Refused; [Room.Do] returns it as an
// error instead. Policies in [Config] return one to refuse.
type StanzaError = stanza.Error

// refuse makes the refusal for a broken rule. The section is the XEP-0045 one
// unless it names another document.
func refuse(c stanza.Condition, section, text string) *StanzaError {
	return stanza.NewError(c, section, text)
}

// refuseField is the refusal of a form for one of its fields, which people know by
// its label.
func refuseField(c stanza.Condition, section, label, text string) *StanzaError {
	return stanza.FieldError(c, section, label, text)
}
