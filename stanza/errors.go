package stanza

import (
	"cmp"
	"strings"

	"github.com/gomuc/muc/internal/xmlwire"
)

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

// The conditions of RFC 6120 §8.3.3.
const (
	BadRequest            Condition = "bad-request"
	Conflict              Condition = "conflict"
	FeatureNotImplemented Condition = "feature-not-implemented"
	Forbidden             Condition = "forbidden"
	Gone                  Condition = "gone"
	InternalServerError   Condition = "internal-server-error"
	ItemNotFound          Condition = "item-not-found"
	JIDMalformed          Condition = "jid-malformed"
	NotAcceptable         Condition = "not-acceptable"
	NotAllowed            Condition = "not-allowed"
	NotAuthorized         Condition = "not-authorized"
	PolicyViolation       Condition = "policy-violation"
	RecipientUnavailable  Condition = "recipient-unavailable"
	Redirect              Condition = "redirect"
	RegistrationRequired  Condition = "registration-required"
	RemoteServerNotFound  Condition = "remote-server-not-found"
	RemoteServerTimeout   Condition = "remote-server-timeout"
	ResourceConstraint    Condition = "resource-constraint"
	ServiceUnavailable    Condition = "service-unavailable"
	SubscriptionRequired  Condition = "subscription-required"
	UndefinedCondition    Condition = "undefined-condition"
	UnexpectedRequest     Condition = "unexpected-request"
)

// Type is the error type that a condition has where nothing else is said (RFC 6120 §8.3.3 and
// the tables of XEP-0045); cancel for one that they do not know.
func (c Condition) Type() ErrorType {
	switch c {
	case Forbidden, NotAuthorized, RegistrationRequired, SubscriptionRequired:
		return TypeAuth
	case BadRequest, JIDMalformed, PolicyViolation, Redirect:
		return TypeModify
	case RecipientUnavailable, RemoteServerTimeout, ResourceConstraint, UnexpectedRequest:
		return TypeWait
	}
	return TypeCancel
}

// Error is what is wrong with a stanza (RFC 6120 §8.3): a rule that its sender broke, or
// what keeps it from being done.
type Error struct {
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

// Error is the refusal in one line: condition, text, section. That of a nil one says that
// there is none.
func (e *Error) Error() string {
	if e == nil {
		return "muc: no refusal"
	}
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
// errors.Is(err, &stanza.Error{Condition: stanza.Conflict}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t != nil && e != nil && t.Condition == e.Condition
}

// TypeOrDefault is the type, or that which goes with the condition.
func (e *Error) TypeOrDefault() ErrorType {
	if e == nil {
		return ""
	}
	return cmp.Or(e.Type, e.Condition.Type())
}

// Settled is a copy that can be sent: hooks and hosts may have left out the type, or used
// text that XML cannot hold.
func (e *Error) Settled() *Error {
	if e == nil {
		return nil
	}
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
	s.Type = s.TypeOrDefault()
	return &s
}

// WithType changes the type of a fresh refusal where XEP-0045 departs from the
// condition's usual one.
func (e *Error) WithType(t ErrorType) *Error {
	if e != nil {
		e.Type = t
	}
	return e
}

// NewError makes an error for a broken rule, with the type that goes with its condition.
// The section names the rule: one that begins with a digit is of XEP-0045. The text, which
// clients show to people as it is, becomes a sentence.
func NewError(c Condition, section, text string) *Error {
	if section != "" && section[0] >= '0' && section[0] <= '9' {
		section = "XEP-0045 §" + section
	}
	return &Error{Type: c.Type(), Condition: c, Section: section, Text: sentence(text)}
}

// FieldError is the error for one field of a form, which people know by its label.
func FieldError(c Condition, section, label, text string) *Error {
	return NewError(c, section, "the field “"+label+"” "+text)
}

// sentence makes the text of a rule a sentence: with a capital and a full stop.
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
