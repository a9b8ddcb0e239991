package muc

import (
	"fmt"
	"math"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/stanza"
)

// Rate is how fast something may be done: Burst times at once, and once more
// for each Every that passes. With a zero Every it bounds nothing; a zero Burst
// means 1. In [Rates], a rate with a Burst alone bounds nothing, also where zero means
// something else.
type Rate struct {
	Burst int
	Every time.Duration
}

// Rates bound how fast one person may send (XEP-0045 §14.6), with all sessions
// and nicks together. A stanza that comes too soon is refused with
// policy-violation and the error type "wait"; it uses nothing up. Admins and
// owners are exempt, but not from Notices and RoomNotices.
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
	// Notices are what the room sends to people outside because somebody inside, or an
	// admin, wants it: invitations and declines, and what Config.TellAbsent tells.
	// Nobody is exempt but the host. Invitations and declines that come too soon are
	// refused. Where a notice is a courtesy that goes with a change of affiliation, the
	// change happens and the notice is left out. Zero means 30 at once and one a minute.
	Notices Rate
	// RoomNotices are the same of all people together: zero means 100 at once and one
	// each 20 seconds.
	RoomNotices Rate
}

// maxRateTime bounds what a bucket can hold back, so that no sum of times
// overflows.
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

// lighter is the rate of what weighs less than messages.
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

// spend takes one token out of the sender's bucket, or refuses him.
func (t *step) spend(kind event.RateKind) *StanzaError { return t.spendMany(kind, 1) }

// spendMany takes several tokens at once; all there can be, if that is fewer. It is the
// last of all rules that a handler judges, so that only what is accepted uses anything
// up.
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

// bucket is when a share will be there in full, not before now, and how much of it is
// left. A bucket is one time: when it will be full again. One that is further away than
// it can be was spent by a clock that was ahead, and counts for nothing.
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

// noticesLeft is how many notices somebody may have sent to people outside now: what is
// left of his share and of the room's. Nothing bounds the host, which is the zero JID.
func (t *step) noticesLeft(by JID) int {
	if by.IsZero() {
		return math.MaxInt
	}
	_, own := t.bucket(state.RateKey{JID: by.Bare(), Kind: event.RateNotices})
	_, all := t.bucket(state.RateKey{JID: t.r.jid, Kind: event.RateRoomNotices})
	return min(own, all)
}

// notices takes up to n of them, and tells how many.
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
