package muc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gomuc/muc/internal/xmlwire"
)

// The host's faults. A call that returns one of them has changed nothing.
var (
	// ErrConfig: a Config that cannot make a room.
	ErrConfig = errors.New("muc: bad config")
	// ErrNilStanza: Handle was given no element.
	ErrNilStanza = errors.New("muc: nil stanza")
	// ErrNotStanza: an element that is not a message, presence or iq.
	ErrNotStanza = errors.New("muc: not a stanza")
	// ErrNotForRoom: a stanza addressed to somebody else.
	ErrNotForRoom = errors.New("muc: stanza is not for this room")
	// ErrNotOpen: a command for a room that is not alive.
	ErrNotOpen = errors.New("muc: room is not alive")
	// ErrNotFound: a command names an occupant, session or ask that is not there.
	ErrNotFound = errors.New("muc: not found")
	// ErrCorrupt: a log or snapshot that no room can have written.
	ErrCorrupt = errors.New("muc: corrupt log")
	// ErrGap: events are missing, repeated or out of order. It is an ErrCorrupt.
	ErrGap = fmt.Errorf("%w: sequence has a gap", ErrCorrupt)
	// ErrKey: the log was written with another Config.Secret.
	ErrKey = errors.New("muc: log belongs to another secret")
	// ErrOtherRoom: the log belongs to a room with another address.
	ErrOtherRoom = errors.New("muc: log belongs to another room")
)

// UnknownEventError reports an event of a type or version that this version of
// the library does not know. Nothing was applied.
type UnknownEventError struct {
	Type    string
	Version int
}

// Error names the type and version.
func (e *UnknownEventError) Error() string {
	return fmt.Sprintf("muc: unknown event %q version %d", e.Type, e.Version)
}

// ErrorType says what the sender may do about an error (RFC 6120 §8.3.2).
type ErrorType string

// The error types of RFC 6120 §8.3.2. A room itself never uses TypeContinue.
const (
	TypeAuth     ErrorType = "auth"
	TypeCancel   ErrorType = "cancel"
	TypeContinue ErrorType = "continue"
	TypeModify   ErrorType = "modify"
	TypeWait     ErrorType = "wait"
)

// Condition is a defined stanza error condition (RFC 6120 §8.3.3).
type Condition string

// The conditions that a room uses.
const (
	BadRequest            Condition = "bad-request"
	Conflict              Condition = "conflict"
	FeatureNotImplemented Condition = "feature-not-implemented"
	Forbidden             Condition = "forbidden"
	Gone                  Condition = "gone"
	ItemNotFound          Condition = "item-not-found"
	JIDMalformed          Condition = "jid-malformed"
	NotAcceptable         Condition = "not-acceptable"
	NotAllowed            Condition = "not-allowed"
	NotAuthorized         Condition = "not-authorized"
	PolicyViolation       Condition = "policy-violation"
	RecipientUnavailable  Condition = "recipient-unavailable"
	RegistrationRequired  Condition = "registration-required"
	RemoteServerTimeout   Condition = "remote-server-timeout"
	ResourceConstraint    Condition = "resource-constraint"
	ServiceUnavailable    Condition = "service-unavailable"
	UndefinedCondition    Condition = "undefined-condition"
	UnexpectedRequest     Condition = "unexpected-request"
)

// defaultTypes gives each condition the type that RFC 6120 §8.3.3 and the
// tables of XEP-0045 give it.
var defaultTypes = map[Condition]ErrorType{
	BadRequest:            TypeModify,
	Conflict:              TypeCancel,
	FeatureNotImplemented: TypeCancel,
	Forbidden:             TypeAuth,
	Gone:                  TypeCancel,
	ItemNotFound:          TypeCancel,
	JIDMalformed:          TypeModify,
	NotAcceptable:         TypeCancel,
	NotAllowed:            TypeCancel,
	NotAuthorized:         TypeAuth,
	PolicyViolation:       TypeModify,
	RecipientUnavailable:  TypeWait,
	RegistrationRequired:  TypeAuth,
	RemoteServerTimeout:   TypeWait,
	ResourceConstraint:    TypeWait,
	ServiceUnavailable:    TypeCancel,
	UnexpectedRequest:     TypeWait,
}

// StanzaError is a rule that the sender of a stanza broke. The room answers the
// stanza with it and reports it in Effects.Refused; [Room.Do] returns it as an
// error instead. Policy hooks in [Config] return one to refuse.
type StanzaError struct {
	// Type is filled in from Condition when empty.
	Type ErrorType
	// Condition is the defined condition, an element name of RFC 6120 §8.3.3.
	Condition Condition
	// Text is for people, in English; it may be empty.
	Text string
	// Section names the rule, as "XEP-0045 §7.2.5". It is not sent.
	Section string
	// App is an application-specific condition; the zero value is none.
	App AppCondition
	// URI is where to go instead; only sent with the condition Gone.
	URI string
}

// AppCondition is the name of an application-specific condition element
// (RFC 6120 §8.3.4).
type AppCondition struct{ Space, Local string }

// Error is the refusal in one line: condition, text, section.
func (e *StanzaError) Error() string {
	s := "muc: " + string(e.Condition)
	if e.Text != "" {
		s += ": " + e.Text
	}
	if e.Section != "" {
		s += " (" + e.Section + ")"
	}
	return s
}

// Is makes errors.Is match on the condition alone, so that a host can write
// errors.Is(err, &muc.StanzaError{Condition: muc.Conflict}).
func (e *StanzaError) Is(target error) bool {
	t, ok := target.(*StanzaError)
	return ok && t.Condition == e.Condition
}

func (e *StanzaError) typeOrDefault() ErrorType {
	if e.Type != "" {
		return e.Type
	}
	return e.Condition.Type()
}

// Type is the error type that a condition has where nothing else is said: cancel
// for those that a room does not use.
func (c Condition) Type() ErrorType {
	if t, ok := defaultTypes[c]; ok {
		return t
	}
	return TypeCancel
}

// settled is a refusal that can be sent whoever made it: hooks and hosts may have
// left out its type, or written what XML cannot hold.
func (e *StanzaError) settled() *StanzaError {
	s := *e
	if !xmlwire.ValidName(string(s.Condition)) {
		s.Condition = UndefinedCondition
	}
	if !xmlwire.ValidName(s.App.Local) || !xmlwire.ValidText(s.App.Space) || s.App.Space == "" || xmlwire.EscapedInAttr.In(s.App.Space) {
		s.App = AppCondition{}
	}
	if !xmlwire.ValidText(s.Text) {
		s.Text = ""
	}
	if !xmlwire.ValidText(s.URI) {
		s.URI = ""
	}
	switch s.Type {
	case TypeAuth, TypeCancel, TypeContinue, TypeModify, TypeWait:
	default:
		s.Type = ""
	}
	s.Type = s.typeOrDefault()
	return &s
}

// refuse makes the refusal for a broken rule. The section is the XEP-0045 one
// unless it names another document.
func refuse(c Condition, section, text string) *StanzaError {
	return &StanzaError{Type: defaultTypes[c], Condition: c, Section: sectionName(section), Text: sentence(text)}
}

// sentence makes a sentence, which clients show to people as it is, of what a rule
// says in the middle of one.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	if c := text[0]; 'a' <= c && c <= 'z' {
		text = string(c-'a'+'A') + text[1:]
	}
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "!") {
		return text
	}
	return text + "."
}

func sectionName(section string) string {
	if section != "" && section[0] >= '0' && section[0] <= '9' {
		return "XEP-0045 §" + section
	}
	return section
}

// refuseField is the refusal of a form for one of its fields, which people know by
// its label.
func refuseField(c Condition, section, label, text string) *StanzaError {
	return refuse(c, section, "the field “"+label+"” "+text)
}

// as changes the type of a fresh refusal where XEP-0045 departs from the
// condition's usual one.
func (e *StanzaError) as(t ErrorType) *StanzaError {
	e.Type = t
	return e
}
