package muc

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/policy"
)

// Config is what the host decides about a room: its address, its secret, its
// limits and its policy. Functions in it must be pure: they are called in the
// middle of a step and may only look at their arguments. Rooms that share them may call
// them at the same time. Replaying events never calls them.
type Config struct {
	// Room is the room's address, a bare JID. Required, but for a [Template], whose
	// rooms are given theirs one by one.
	Room JID
	// Secret is the key of all ids that the room makes up: at least 16 random
	// bytes that never change for this room and never leave the host. Rooms may
	// share one. Required.
	Secret []byte
	// NewID makes the ids of messages and of archived stanzas. It must never
	// repeat itself nor be guessed. Nil means an HMAC of the Secret over the
	// room, its sequence and the time.
	NewID func() string
	// NormalizeDomain brings a domain to its one form, and leaves alone what it made of
	// one; nil means the function [NormalizeDomain].
	NormalizeDomain func(domain string) (string, error)
	// Nick is the rule for nicks; nil means [NormalizeNick].
	Nick NickRule
	// NickLockdown says what happens to somebody with a reserved nick who comes
	// with another one (XEP-0045 §7.2.17).
	NickLockdown Lockdown
	// Registration says who may register with the room: reserve a nick, and become a
	// member (XEP-0045 §7.10).
	Registration Registration
	// RegistrationFields are what the registration form asks for besides the nick.
	RegistrationFields []RegistrationField
	// RegistrationTimeout is how long a request to register waits for an admin
	// (§9.9): 0 means a week, negative for ever.
	RegistrationTimeout time.Duration
	// Instant opens a new room at once, instead of locking it until its owner has
	// configured it (XEP-0045 §10.1.2).
	Instant bool
	// LockTimeout is how long a new room waits for its configuration before it
	// opens with the default one (XEP-0045 §10.1.1). 0 means one hour, negative
	// for ever.
	LockTimeout time.Duration
	// EndUnconfigured takes a creator who let LockTimeout pass for one who cancelled:
	// the room ends instead of opening.
	EndUnconfigured bool
	// Defaults is the configuration of a new room; the zero value is that of
	// XEP-0045: public, open, temporary, semi-anonymous, unmoderated.
	Defaults RoomConfig
	// CreateByForm lets somebody create a room by asking for its configuration form,
	// without being inside (§10.1.3). A temporary room made so ends at the next
	// Tick unless somebody has joined.
	CreateByForm bool
	// Tombstones makes the address of a room that its owner destroyed answer "gone"
	// for ever (§10.9). The host must keep the room for that.
	Tombstones bool
	// Label puts what people read in a form into the asker's language, as in
	// xml:lang; nil leaves it in English. The field is that which the label stands by;
	// for a choice in it, also what is chosen, as in muc#roomconfig_whois=anyone; for
	// titles, instructions and headings it is empty.
	Label func(lang, field, label string) string
	// Info are further fields of the room's disco#info (§6.4).
	Info []InfoField
	// AvatarPresence tells the hash of the room's avatar also by a presence of the room
	// itself (XEP-0486 §5.2): for clients that do not find it in disco#info. Some others
	// take that presence for an occupant without a nick.
	AvatarPresence bool
	// ShowActivity publishes the activity of persistent public rooms (XEP-0502).
	ShowActivity bool
	// Archive says that the host keeps an archive of what events say was spoken, with
	// a [MessageRetracted.Tombstone] in place of what was taken back, and answers a
	// [Question] with an Archive query from it (XEP-0313): for who wants to read, and when a
	// moderator takes back what the room does not remember any more (XEP-0425).
	Archive bool
	// ForwardMentions lets owners have the room forward messages to people who are mentioned in
	// them and not inside (RoomConfig.ForwardMentions, XEP-0452).
	ForwardMentions bool
	// InviteTimeout is how long an invitation through the room may be declined: 0
	// means one day.
	InviteTimeout time.Duration
	// RelayTimeout is how long the answer to a request between occupants may take
	// (§17.4): 0 means five minutes.
	RelayTimeout time.Duration
	// VisitorsInvite lets visitors invite others (§5.1.1).
	VisitorsInvite bool
	// LegacyInvites adds to invitations the payload that clients older than XEP-0045
	// look for (§7.8.2, implementation note).
	LegacyInvites bool
	// InviteBody puts an invitation into words, for clients that do not know what it
	// is; nil sends none.
	InviteBody func(Invitation) string
	// Limits bound what people can make the room hold. Zero fields get defaults.
	Limits Limits
	// Rates bound how fast people may send. Zero fields bound nothing, but for those
	// that say otherwise.
	Rates Rates
	// SpeakFromOutside lets admins and owners speak to the room, and set its subject,
	// without being inside. They are heard as the room itself (§7.4).
	SpeakFromOutside bool

	// AnswersIQ tells which requests to the room the host answers: it gets them as
	// a [Question]. Space and local name are those of the payload. Nil means none, and
	// all that the room does not know is refused with service-unavailable.
	AnswersIQ func(space, local string) bool
	// QuestionTimeout is how long the host has to answer a Question: 0 means one minute.
	QuestionTimeout time.Duration

	// IsOwner tells who owns this room without being on its lists: an administrator
	// of the service. Such a person counts as owner while inside, as the event [*Joined]
	// says, and in requests from outside; nobody in the room can change that. It holds in
	// all rooms and is asked often, so it is not told which room asks. Nil means nobody.
	IsOwner func(JID) bool
	// IsBlocked tells whom the host keeps out of its rooms, as by a list that others keep of
	// those who send spam. Who is blocked and has no affiliation counts as banned, and creates no
	// room; an affiliation goes before it. Of who is inside nothing changes before [KickBlocked].
	// Like IsOwner it is not told which room asks. Nil means nobody.
	IsBlocked func(JID) bool
	// ManyNicks tells whom Limits.NicksPerPerson does not bound: those whom the host
	// trusts, such as a bridge that brings in many people under one account. Like
	// IsOwner it is not told which room asks. Nil means nobody.
	ManyNicks func(JID) bool
	// SelfKick lets moderators kick themselves, as people do on IRC, instead of
	// refusing it with conflict (XEP-0045 §8.2).
	SelfKick bool
	// TellAbsent tells people of a new affiliation that they got while they were
	// not inside: with status code 101, to their bare JID (XEP-0045 §18.1).
	TellAbsent bool

	// Policy are the host's own rules, asked last.
	Policy policy.Rules
	// AsksJoin tells which joins, of those that all rules admit, wait for the host's
	// own decision: it gets them as a [Question], and meanwhile may have a challenge
	// solved (XEP-0158) or look up an account. Nil means none. The creator of a
	// room does not wait: Policy.Create judges that.
	AsksJoin func(policy.Join) bool

	keyed hash.Hash   // an HMAC of the Secret, to be copied
	base  *state.Base // what the states of rooms are kept by
}

// InfoField is a field that the host adds to what a room tells about itself, as
// muc#roominfo_contactjid or muc#roominfo_logs (§16.5.4). It may have many values,
// where the registry does not give it one.
type InfoField struct {
	Var, Label string
	Values     []string
}

// kind is the type of the field in the form.
func (f *InfoField) kind() FieldType { return cmp.Or(registeredType(f.Var), TextMulti) }

// check checks the host's field once, when the room is made.
func (f *InfoField) check() error {
	if slices.Contains(ownInfo, f.Var) {
		return fmt.Errorf("%w: Info: the name %q is taken", ErrConfig, f.Var)
	}
	if len(f.Values) > 1 && !f.kind().multi() {
		return fmt.Errorf("%w: Info: %s has one value", ErrConfig, f.Var)
	}
	return nil
}

// Lockdown is a policy for people with a reserved nick.
type Lockdown uint8

// The policies of Config.NickLockdown. Nobody inside under a reserved nick takes
// another one (§7.6).
const (
	LockdownOff    Lockdown = iota // they may use other nicks too
	LockdownRefuse                 // another nick is refused: not-acceptable
	LockdownAssign                 // on entering or registering they are given their own: status 210
)

const minSecret = 16

// complete checks a configuration, but for the room's address, and fills in its
// defaults.
func (c Config) complete() (Config, error) {
	if len(c.Secret) < minSecret {
		return c, fmt.Errorf("%w: Secret has fewer than %d bytes", ErrConfig, minSecret)
	}
	c.Secret = slices.Clone(c.Secret)
	c.keyed = hmac.New(sha256.New, c.Secret)
	c.keyed.Reset() // has it hash the key once, for all copies
	if c.NormalizeDomain == nil {
		c.NormalizeDomain = NormalizeDomain
	}
	if c.Nick == nil {
		c.Nick = NormalizeNick
	}
	c.LockTimeout = cmp.Or(c.LockTimeout, time.Hour)
	c.RegistrationTimeout = cmp.Or(c.RegistrationTimeout, 7*24*time.Hour)
	c.QuestionTimeout = cmp.Or(max(c.QuestionTimeout, 0), time.Minute)
	c.InviteTimeout = cmp.Or(max(c.InviteTimeout, 0), 24*time.Hour)
	c.RelayTimeout = cmp.Or(max(c.RelayTimeout, 0), 5*time.Minute)
	if err := checkRegistrationFields(c.RegistrationFields); err != nil {
		return c, err
	}
	for i := range c.Info {
		if err := c.Info[i].check(); err != nil {
			return c, err
		}
	}
	var err error
	if c.Limits, err = c.Limits.complete(); err != nil {
		return c, err
	}
	c.base = &state.Base{Defaults: c.Defaults, History: c.Limits.History, HistoryBytes: c.Limits.HistoryBytes, Privates: c.Limits.Privates,
		RateShares: c.Limits.RateShares, Relays: c.Limits.Relays, PersonRelays: c.Limits.PersonRelays, ListChanges: c.Limits.ListChanges, RelayTimeout: c.RelayTimeout}
	c.Rates, err = c.Rates.complete()
	return c, err
}

// RoomConfig is the configuration that a room's owners choose, see [event.RoomConfig].
type RoomConfig = event.RoomConfig

// Whois is who sees real JIDs (XEP-0045 §4.2).
type Whois = event.Whois

// The values of RoomConfig.Whois.
const (
	WhoisModerators = event.WhoisModerators // semi-anonymous
	WhoisAnyone     = event.WhoisAnyone     // non-anonymous
)

// AllowPM is who may send private messages.
type AllowPM = event.AllowPM

// The values of RoomConfig.AllowPM.
const (
	PMAnyone       = event.PMAnyone
	PMParticipants = event.PMParticipants
	PMModerators   = event.PMModerators
	PMNone         = event.PMNone
	PMAffiliated   = event.PMAffiliated // members, admins and owners
)

// RoleSet is a set of roles.
type RoleSet = event.RoleSet

// Roles makes a set of roles.
func Roles(roles ...Role) RoleSet { return event.Roles(roles...) }

// judge asks a policy of the host, if there is one.
func judge[Q any](rule func(Q) *StanzaError, q Q) *StanzaError {
	if rule == nil {
		return nil
	}
	return rule(q)
}
