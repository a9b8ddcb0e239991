package muc

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Bounds: of size and number, and of rate (XEP-0045 §14.6).

// Limits bound what people can make a room hold or do. Sizes are bytes of
// canonical XML or UTF-8. A zero field has the default that its comment names.
//
// Outgoing stanzas are bounded by OutboundBytes. Of these, 8 KiB are reserved for what the
// room adds (addresses, ids, the frame of an answer from the archive), so StanzaBytes is
// lower by that much at least. If one of the two is zero it follows from the other. Limits
// under which the room could not write its own answers are an [ErrConfig].
type Limits struct {
	OutboundBytes   int // of one stanza that leaves the room, for each of its addressees: 262144
	PageBytes       int // of the items in one answer; longer lists come in pages (XEP-0059): 65536
	StanzaBytes     int // of the children of one stanza: 253952
	StanzaDepth     int // of elements in a stanza: 32
	StanzaElements  int // in one stanza: 1000
	StanzaAttrs     int // on one element, the stanza itself too: 32
	NickBytes       int // 256
	NickChars       int // code points in a nick: 64
	StatusBytes     int // of a presence status: 1024
	PresenceBytes   int // of all that a session says in its presence: 16384
	SubjectBytes    int // 4096
	BodyBytes       int // of a message body in one language: 16384
	ReasonBytes     int // of a reason for a kick, ban or destruction: 1024
	FieldBytes      int // of one value in a form, such as the description of the room: 4096
	NameBytes       int // of the room's name, and of each other short value of its configuration: 256
	Occupants       int // 20000; a room's own maxusers can only lower it
	AdminReserve    int // places beyond the maximum for admins and owners: 5
	SessionsPerNick int // 20
	NicksPerPerson  int // nicks that one person may have in the room at once: 10
	History         int // messages remembered for newcomers: 100
	HistoryBytes    int // of all of them: 262144
	Affiliations    int // people and domains remembered: 50000
	ListChanges     int // changes of affiliations remembered for clients that were away (XEP-0463), who get whole lists beyond that: 1000
	ItemsPerSet     int // in one admin request, and occupants whose hat can be changed or destroyed at once: 100
	ListItems       int // in one answer; longer lists come in pages (XEP-0059): 10000
	Absent          int // reserved nicks; where there are more, newcomers are told of nobody absent: 500
	Registrations   int // requests to register that wait for an admin: 100
	VoiceRequests   int // requests for voice within the interval between two of one visitor: 100
	Questions       int // questions to the host that are open at once: 100
	PersonQuestions int // of these, requests of one person: 10
	RateShares      int // shares of Rates and slow modes, six for each person at most, that are remembered as used up: 50000
	Privates        int // private messages whose errors still find their way back: 200
	Relays          int // requests to other occupants whose answers still find their way back: 1000
	PersonRelays    int // of these, requests of one person: 100
	Invites         int // invitations that are open at once: 1000
	PersonInvites   int // of these, by one person: 50
	ArchivePage     int // messages in one answer from the archive: 100
	VCardBytes      int // of the room's vCard, with its avatar: 131072
	Hats            int // that the room has (XEP-0317): 50
	HatBytes        int // of one, as it stands in a presence: 512
	PersonHats      int // of one person: 10
	HatWearers      int // people who have hats: 1000
}

// withDefaults fills in the limits that are zero.
func (l Limits) withDefaults() Limits {
	l.OutboundBytes = cmp.Or(l.OutboundBytes, max(262144, l.StanzaBytes+envelopeBytes))
	l.StanzaBytes = cmp.Or(l.StanzaBytes, l.OutboundBytes-envelopeBytes)
	l.StanzaDepth = cmp.Or(l.StanzaDepth, 32)
	l.StanzaElements = cmp.Or(l.StanzaElements, 1000)
	l.StanzaAttrs = cmp.Or(l.StanzaAttrs, 32)
	l.PageBytes = cmp.Or(l.PageBytes, min(65536, l.OutboundBytes/4))
	l.NickBytes = cmp.Or(l.NickBytes, 256)
	l.NickChars = cmp.Or(l.NickChars, 64)
	l.StatusBytes = cmp.Or(l.StatusBytes, 1024)
	l.PresenceBytes = cmp.Or(l.PresenceBytes, min(16384, l.StanzaBytes))
	l.SubjectBytes = cmp.Or(l.SubjectBytes, 4096)
	l.BodyBytes = cmp.Or(l.BodyBytes, 16384)
	l.ReasonBytes = cmp.Or(l.ReasonBytes, min(1024, l.OutboundBytes/64))
	l.FieldBytes = cmp.Or(l.FieldBytes, min(4096, l.OutboundBytes/64))
	l.NameBytes = cmp.Or(l.NameBytes, 256)
	l.Occupants = cmp.Or(l.Occupants, 20000)
	l.AdminReserve = cmp.Or(l.AdminReserve, 5)
	l.SessionsPerNick = cmp.Or(l.SessionsPerNick, 20)
	l.NicksPerPerson = cmp.Or(l.NicksPerPerson, 10)
	l.History = cmp.Or(l.History, 100)
	l.HistoryBytes = cmp.Or(l.HistoryBytes, 262144)
	l.Affiliations = cmp.Or(l.Affiliations, 50000)
	l.ListChanges = cmp.Or(l.ListChanges, 1000)
	l.ItemsPerSet = cmp.Or(l.ItemsPerSet, 100)
	l.ListItems = cmp.Or(l.ListItems, 10000)
	l.Absent = cmp.Or(l.Absent, 500)
	l.Registrations = cmp.Or(l.Registrations, 100)
	l.VoiceRequests = cmp.Or(l.VoiceRequests, 100)
	l.Questions = cmp.Or(l.Questions, 100)
	l.PersonQuestions = cmp.Or(l.PersonQuestions, 10)
	l.RateShares = cmp.Or(l.RateShares, 50000)
	l.Privates = cmp.Or(l.Privates, 200)
	l.Relays = cmp.Or(l.Relays, 1000)
	l.PersonRelays = cmp.Or(l.PersonRelays, 100)
	l.Invites = cmp.Or(l.Invites, 1000)
	l.PersonInvites = cmp.Or(l.PersonInvites, 50)
	l.ArchivePage = cmp.Or(l.ArchivePage, 100)
	l.VCardBytes = cmp.Or(l.VCardBytes, min(131072, l.OutboundBytes/2))
	l.Hats = cmp.Or(l.Hats, min(50, l.OutboundBytes/1024))
	l.HatBytes = cmp.Or(l.HatBytes, min(512, l.OutboundBytes/128))
	l.PersonHats = cmp.Or(l.PersonHats, 10)
	l.HatWearers = cmp.Or(l.HatWearers, 1000)
	return l
}

// What the room adds to bounded content.
const (
	// envelopeBytes are kept for the frame of a stanza: addresses, ids, wrappers.
	envelopeBytes = 8192
	// formMarkup is more than the configuration form takes beside its values.
	formMarkup = 16384
)

// complete fills in the zero limits, and checks that whatever people may store fits into
// OutboundBytes.
func (l Limits) complete() (Limits, error) {
	l = l.withDefaults()
	for _, need := range [...]struct {
		what  string
		bytes int
	}{
		{"StanzaBytes", l.StanzaBytes},
		{"VCardBytes", l.VCardBytes},
		{"PresenceBytes, ReasonBytes, PersonHats and HatBytes", l.PresenceBytes + xmlwire.Escaping*l.ReasonBytes + l.PersonHats*l.HatBytes},
		{"Hats and HatBytes", l.Hats * (l.HatBytes + hatMarkup)},
		{"PageBytes", l.PageBytes + envelopeBytes},
		{"NickBytes and ReasonBytes", xmlwire.Escaping * (l.NickBytes + l.ReasonBytes)},
		// The reason of an invitation and its thread stand in it three times, for older
		// clients, and the password twice.
		{"ReasonBytes and NameBytes", xmlwire.Escaping * (5*l.ReasonBytes + 2*l.NameBytes)},
		{"FieldBytes, NameBytes and PageBytes", formMarkup + xmlwire.Escaping*(l.FieldBytes+3*l.NameBytes) + l.PageBytes},
	} {
		if need.bytes+envelopeBytes > l.OutboundBytes {
			return l, fmt.Errorf("%w: Limits: %s are too large for OutboundBytes, or that is too small", ErrConfig, need.what)
		}
	}
	return l, nil
}

// Rate is a token bucket: Burst times at once, and once more after each Every. A zero
// Every bounds nothing, also in those [Rates] whose zero value is a default; a zero Burst
// means 1.
type Rate struct {
	Burst int
	Every time.Duration
}

// Rates bound how fast one person may send (XEP-0045 §14.6), with all sessions and nicks
// together. A stanza that comes too soon is refused with policy-violation and the error
// type "wait", and uses nothing up. Admins and owners are exempt, but not from Notices and
// RoomNotices.
type Rates struct {
	Messages Rate // to everybody, a new subject, private ones, requests for voice, and each invitation
	// Signals are messages without words, to everybody or private: chat states,
	// markers, receipts, reactions. They use up nothing of Messages. Zero means five
	// times as many as Messages.
	Signals Rate
	// Queries are requests to other occupants, which clients make for each of them when
	// they enter. Zero means five times as many as Messages.
	Queries  Rate
	Presence Rate // joining, asking for everything again, another nick or availability, registering
	// Notices are stanzas to people outside that a person causes: invitations, declines,
	// and those of Config.TellAbsent. Only the host is exempt. Invitations and declines
	// that come too soon are refused; a notice that goes with a change of affiliation is
	// left out, and the change happens. Zero means 30 at once and one a minute.
	Notices Rate
	// RoomNotices are the notices of all people together: zero means 100 at once and one
	// every 20 seconds.
	RoomNotices Rate
}

// maxRateTime bounds the time in which a bucket fills up, so that no sum overflows.
const maxRateTime = 365 * 24 * time.Hour

// complete checks a rate and fills in its default.
func (r Rate) complete(name string) (Rate, error) {
	if r.Burst == 0 {
		r.Burst = 1
	}
	if r.Burst < 0 || r.Every < 0 || r.Every > maxRateTime/time.Duration(r.Burst) {
		return r, fmt.Errorf("%w: Rates.%s is negative or longer than a year", ErrConfig, name)
	}
	if r.Every > 0 {
		r.Every = max(r.Every.Truncate(time.Millisecond), time.Millisecond)
	}
	return r, nil
}

// lighter is the default rate of what is lighter than messages.
func (r Rate) lighter() Rate { return Rate{5 * r.Burst, r.Every / 5} }

func (r Rates) complete() (Rates, error) {
	var err error
	if r.Messages, err = r.Messages.complete("Messages"); err != nil {
		return r, err
	}
	for _, f := range [...]struct {
		name      string
		rate      *Rate
		otherwise Rate
	}{
		{"Presence", &r.Presence, Rate{}},
		{"Signals", &r.Signals, r.Messages.lighter()},
		{"Queries", &r.Queries, r.Messages.lighter()},
		{"Notices", &r.Notices, Rate{30, time.Minute}},
		{"RoomNotices", &r.RoomNotices, Rate{100, 20 * time.Second}},
	} {
		if *f.rate == (Rate{}) {
			*f.rate = f.otherwise
		}
		if *f.rate, err = f.rate.complete(f.name); err != nil {
			return r, err
		}
	}
	return r, nil
}

// rate is how fast somebody may send what is of a kind.
func (r *Room) rate(kind event.RateKind) Rate {
	if kind == event.RateSlowMode {
		return Rate{1, r.st.Config().SlowWait()}
	}
	return r.cfg.Rates.of(kind)
}

func (r *Rates) of(kind event.RateKind) Rate {
	switch kind {
	case event.RateSignals:
		return r.Signals
	case event.RateQueries:
		return r.Queries
	case event.RatePresence:
		return r.Presence
	case event.RateNotices:
		return r.Notices
	case event.RateRoomNotices:
		return r.RoomNotices
	}
	return r.Messages
}

// spend takes one token out of the sender's bucket, or refuses the stanza.
func (t *step) spend(kind event.RateKind) *StanzaError { return t.spendMany(kind, 1) }

// spendMany takes several tokens at once, at most all that the bucket can hold. A handler
// calls it after all other rules, so that only accepted stanzas use up anything.
func (t *step) spendMany(kind event.RateKind, n int) *StanzaError {
	if t.sender.aff >= Admin {
		return nil
	}
	key := state.RateKey{JID: t.sender.bare, Kind: kind}
	n = min(n, t.r.rate(kind).Burst)
	if _, left := t.bucket(key); left < n {
		return refuse(stanza.PolicyViolation, "14.6", "you are sending too fast").WithType(stanza.TypeWait)
	}
	t.take(key, n)
	return nil
}

// take proposes that tokens are taken out of a bucket.
func (t *step) take(key state.RateKey, n int) {
	if every := t.r.rate(key.Kind).Every; every > 0 {
		full, _ := t.bucket(key)
		t.propose(&event.RateSpent{JID: key.JID, Kind: key.Kind, Until: event.Stamp{Time: full.Add(time.Duration(n) * every)}, Now: t.behind()})
	}
}

// bucket is when a bucket will be full again, not before now, and how many tokens are left.
// A time further away than possible was set by a clock that was ahead, and is ignored.
func (t *step) bucket(key state.RateKey) (full time.Time, left int) {
	rate, rare := t.r.rate(key.Kind), t.r.st.Sparse()
	if rate.Every == 0 {
		return t.now, math.MaxInt
	}
	full = t.now
	most := t.now.Add(time.Duration(rate.Burst) * rate.Every)
	until := rare.SpentUntil(key)
	if until.After(full) && !until.After(most) && until.After(state.HostTime(t.r.st.At().Time(), rare.Clock())) {
		full = until
	}
	return full, max(rate.Burst-int((full.Sub(t.now)+rate.Every-1)/rate.Every), 0)
}

// noticesLeft is how many notices a person may cause now, by the person's share and the
// room's. The host, which is the zero JID, is unbounded.
func (t *step) noticesLeft(by JID) int {
	if by.IsZero() {
		return math.MaxInt
	}
	_, own := t.bucket(state.RateKey{JID: by.Bare(), Kind: event.RateNotices})
	_, all := t.bucket(state.RateKey{JID: t.r.jid, Kind: event.RateRoomNotices})
	return min(own, all)
}

// notices takes up to n notices and returns how many.
func (t *step) notices(by JID, n int) int {
	if n = min(n, t.noticesLeft(by)); n == 0 || by.IsZero() {
		return n
	}
	t.take(state.RateKey{JID: by.Bare(), Kind: event.RateNotices}, n)
	t.take(state.RateKey{JID: t.r.jid, Kind: event.RateRoomNotices}, n)
	return n
}

// spendNotices takes n notices, or refuses all of them.
func (t *step) spendNotices(by JID, n int) *StanzaError {
	if t.noticesLeft(by) < n {
		return tooManyNotices()
	}
	t.notices(by, n)
	return nil
}

func tooManyNotices() *StanzaError {
	return refuse(stanza.PolicyViolation, "14.6", "too much is sent to people outside at once").WithType(stanza.TypeWait)
}
