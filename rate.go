package muc

import (
	"fmt"
	"math"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/stanza"
)

// Rates (XEP-0045 §14.6).

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
	rate := t.r.cfg.Rates.of(kind)
	if rate.Every == 0 {
		return nil
	}
	if t.sender.aff >= Admin {
		return nil
	}
	full, _ := t.bucket(state.RateKey{JID: t.sender.bare, Kind: kind})
	n = min(n, rate.Burst)
	if full.Sub(t.now) > time.Duration(rate.Burst-n)*rate.Every {
		return refuse(stanza.PolicyViolation, "14.6", "you are sending too fast").WithType(stanza.TypeWait)
	}
	t.propose(&event.RateSpent{JID: t.sender.bare, Kind: kind, Until: event.Stamp{Time: full.Add(time.Duration(n) * rate.Every)}, Now: t.behind()})
	return nil
}

// bucket is when a bucket will be full again, not before now, and how many tokens are left.
// A time further away than possible was set by a clock that was ahead, and is ignored.
func (t *step) bucket(key state.RateKey) (full time.Time, left int) {
	rate, rare := t.r.cfg.Rates.of(key.Kind), t.r.st.Sparse()
	if rate.Every == 0 {
		return t.now, math.MaxInt
	}
	full = t.now
	most := t.now.Add(time.Duration(rate.Burst) * rate.Every)
	until, ok := rare.SpentUntil(key)
	if ok && until.After(full) && !until.After(most) && until.After(state.HostTime(t.r.st.At().Time(), rare.Clock())) {
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
	for _, key := range [...]state.RateKey{{JID: by.Bare(), Kind: event.RateNotices}, {JID: t.r.jid, Kind: event.RateRoomNotices}} {
		if every := t.r.cfg.Rates.of(key.Kind).Every; every > 0 {
			full, _ := t.bucket(key)
			t.propose(&event.RateSpent{JID: key.JID, Kind: key.Kind, Until: event.Stamp{Time: full.Add(time.Duration(n) * every)}, Now: t.behind()})
		}
	}
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
