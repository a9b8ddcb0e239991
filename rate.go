package muc

import (
	"cmp"
	"fmt"
	"time"
)

// Rate is how fast something may be done: Burst times at once, and once more
// for each Every that passes. With a zero Every it bounds nothing; a zero Burst
// means 1.
type Rate struct {
	Burst int
	Every time.Duration
}

// Rates bound how fast one person may send (XEP-0045 §14.6), with all sessions
// and nicks together. A stanza that comes too soon is refused with
// policy-violation and the error type "wait"; it uses nothing up. Admins and
// owners are exempt.
type Rates struct {
	Messages Rate // to everybody, a new subject, private ones, requests for voice, and each invitation
	Presence Rate // joining, asking for everything again, another nick or availability, registering
}

// RateKind is what one of the [Rates] counts.
type RateKind string

// The kinds of rates.
const (
	RateMessages RateKind = "messages"
	RatePresence RateKind = "presence"
)

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

func (r Rates) complete() (Rates, error) {
	var err, err2 error
	r.Messages, err = r.Messages.complete("Messages")
	r.Presence, err2 = r.Presence.complete("Presence")
	if err == nil {
		err = err2
	}
	return r, err
}

func (r *Rates) of(kind RateKind) Rate {
	if kind == RatePresence {
		return r.Presence
	}
	return r.Messages
}

// rateKey names a bucket: whose, and of what.
type rateKey struct {
	jid  JID
	kind RateKind
}

// spending is a bucket.
type spending struct {
	jid   JID
	kind  RateKind
	until time.Time // when it will be full again
	place int       // in rarities.soonest
}

func (x spending) indexKey() rateKey { return rateKey{x.jid, x.kind} }

func compareRateKeys(a, b rateKey) int {
	return cmp.Or(compareJIDs(a.jid, b.jid), cmp.Compare(a.kind, b.kind))
}

// hostTime is what the host's clock said when an event happened, which stands in it
// where that was behind the room.
func hostTime(at time.Time, now Stamp) time.Time {
	if now.IsZero() {
		return at
	}
	return now.Time
}

// spend takes one token out of the sender's bucket, or refuses him.
func (t *turn) spend(kind RateKind) *StanzaError { return t.spendMany(kind, 1) }

// spendMany takes several tokens at once; all there can be, if that is fewer. A
// bucket is one time: when it will be full again. One that is further away than it can
// be was spent by a clock that was ahead, and counts for nothing. It is the last of all
// rules that a handler judges, so that only what is accepted uses anything up.
func (t *turn) spendMany(kind RateKind, n int) *StanzaError {
	rate := t.r.cfg.Rates.of(kind)
	if rate.Every == 0 {
		return nil
	}
	s, bare := &t.r.st, t.in.from.Bare()
	if t.r.standing(bare) >= Admin || s.life == Unborn {
		return nil
	}
	full, spent := t.now, s.rare().spent
	most := t.now.Add(time.Duration(rate.Burst) * rate.Every)
	if x, ok := spent.get(rateKey{bare, kind}); ok && x.until.After(full) && !x.until.After(most) {
		full = x.until
	}
	n = min(n, rate.Burst)
	if full.Sub(t.now) > time.Duration(rate.Burst-n)*rate.Every {
		return refuse(PolicyViolation, "14.6", "you are sending too fast").as(TypeWait)
	}
	t.propose(&RateSpent{JID: bare, Kind: kind, Until: Stamp{full.Add(time.Duration(n) * rate.Every)}, Now: t.behind()})
	return nil
}
