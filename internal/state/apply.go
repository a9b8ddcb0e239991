package state

import (
	"fmt"
	"slices"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/roomconfig"
)

// Base holds the settings by which states are changed. Many states share one.
type Base struct {
	// Defaults is a configuration that all states with equal values share in memory.
	Defaults event.RoomConfig
	// The limits of what is remembered, as in muc.Limits.
	History, HistoryBytes, Privates, RateShares, Relays, PersonRelays int
	// RelayTimeout is how long a relayed request may be answered.
	RelayTimeout time.Duration
}

// Apply changes the room by one event: the only way to change it. Live calls and Restore
// use it alike, so a replayed room equals the live one by construction. It checks no
// rules and renders nothing. An error wraps [event.ErrCorrupt] and means that a room in
// this state cannot have written the event.
func (s *Room) Apply(ev *event.Event, base *Base) error {
	if err := s.follows(ev); err != nil {
		return err
	}
	err := s.applyBody(ev, base)
	if err != nil {
		return fmt.Errorf("%w: event %d.%d %s: %s", event.ErrCorrupt, ev.Seq, ev.Sub, ev.Type(), err)
	}
	s.seq, s.sub, s.at = ev.Seq, ev.Sub, InstantOf(ev.Time)
	if ev.Sub == 0 {
		s.durableAt = s.at
	}
	return nil
}

// follows checks that an event is the next one: not lost, repeated or back in time.
func (s *Room) follows(ev *event.Event) error {
	if ev.Body == nil {
		return fmt.Errorf("%w: event without body", event.ErrCorrupt)
	}
	next := ev.Sub == s.sub+1 && ev.Seq == s.seq
	if ev.Durable() {
		next = ev.Seq == s.seq+1 && ev.Sub == 0
	}
	if !next {
		return fmt.Errorf("%w: %d.%d after %d.%d", event.ErrGap, ev.Seq, ev.Sub, s.seq, s.sub)
	}
	second := ev.Time.Unix() // the milliseconds of a far time overflow
	switch at := InstantOf(ev.Time); {
	case second > LastTime.Unix(), second > 0 && at > InstantOf(LastTime):
		return fmt.Errorf("%w: event %d.%d is at the end of time", event.ErrCorrupt, ev.Seq, ev.Sub)
	case second < unixYear1/1000, at < s.at:
		return fmt.Errorf("%w: event %d.%d goes back in time", event.ErrCorrupt, ev.Seq, ev.Sub)
	}
	return nil
}

// badEvent says why an event cannot be applied.
type badEvent string

// Error is the reason.
func (e badEvent) Error() string { return string(e) }

func (s *Room) applyBody(ev *event.Event, base *Base) error {
	if _, birth := ev.Body.(*event.Created); birth != (s.life == event.Unborn) {
		return badEvent("out of place in the room's life")
	}
	if s.life == event.Destroyed {
		return badEvent("after the end of the room")
	}
	switch b := ev.Body.(type) {
	case *event.Created:
		return s.applyCreated(b, base)
	case *event.Unlocked:
		s.life, s.lockedUntil = event.Open, 0
	case *event.Configured:
		return s.applyConfigured(b, base)
	case *event.AffiliationChanged:
		return s.applyAffiliation(b)
	case *event.Registered:
		return s.applyRegistered(b)
	case *event.Deregistered:
		return s.applyDeregistered(b)
	case *event.RegistrationRequested:
		return s.applyRegistrationRequested(b)
	case *event.RegistrationClosed:
		return s.applyRegistrationClosed(b)
	case *event.VoiceStored:
		return s.applyVoice(b)
	case *event.SubjectChanged:
		e := entryOf(ev, &b.Message)
		s.subject = &e
	case *event.MessageArchived:
		s.archived.remember(entryOf(ev, &b.Message), base)
	case *event.MessageRetracted:
		// Replayed under other limits, it may be forgotten already.
		if !s.archived.retract(b) {
			s.unarchived.retract(b)
		}
	case *event.MessageRemembered:
		s.unarchived.remember(entryOf(ev, &b.Message), base)
	case *event.RoomDestroyed:
		s.applyDestroyed(b)
	case *event.Joined:
		return s.applyJoined(b)
	case *event.PresenceChanged:
		return s.applyPresence(b)
	case *event.Renamed:
		return s.applyRenamed(b)
	case *event.RoleChanged:
		return s.applyRole(b)
	case *event.Left:
		return s.applyLeft(b)
	case *event.Removed:
		return s.applyRemoved(b)
	case *event.VoiceRequested:
		return s.applyVoiceRequested(b, HostTime(ev.Time, b.Now))
	case *event.PrivateSent:
		s.applyPrivate(Private{b.Session, b.Occupant, b.ID}, base)
	case *event.PrivateBounced:
		return s.applyBounced(Private{b.Session, b.Occupant, b.ID})
	case *event.RelaySent:
		return s.applyRelay(relayed{session: b.Session, real: b.JID, at: InstantOf(HostTime(ev.Time, b.Now)), way: b.Way}, base)
	case *event.RelayAnswered:
		return s.applyRelayAnswered(b)
	case *event.RateSpent:
		s.applyRateSpent(b, ev.Time, base)
	case *event.InviteSent:
		return s.applyInvite(b)
	case *event.InviteUsed:
		return s.applyInviteOver(b.Invitee, b.Inviter)
	case *event.InviteExpired:
		return s.applyInviteOver(b.Invitee, b.Inviter)
	case *event.Asked:
		return s.applyAsked(b)
	case *event.Answered:
		return s.applyAnswered(b)
	default:
		return badEvent("unknown body")
	}
	return nil
}

// Reset makes the room what it is before its first event.
func (s *Room) Reset() { *s = Room{conf: new(event.RoomConfig)} }

// mutableSparse is the room's sparse part for writing, allocated if need be.
func (s *Room) mutableSparse() *Sparse {
	if s.sparse == nil {
		s.sparse = new(Sparse)
	}
	return s.sparse
}

// share returns a pointer to an equal configuration, the common one where possible.
func (base *Base) share(conf event.RoomConfig) *event.RoomConfig {
	if conf == base.Defaults {
		return &base.Defaults
	}
	return &conf
}

func (s *Room) applyCreated(b *event.Created, base *Base) error {
	if !roomconfig.Valid(&b.Config) {
		return badEvent("no room is configured so")
	}
	s.life = event.Open
	if !b.LockedUntil.IsZero() {
		s.life = event.Locked
	}
	s.creator, s.lockedUntil, s.conf = b.Creator, InstantOf(b.LockedUntil.Time), base.share(b.Config)
	return nil
}

func (s *Room) applyConfigured(b *event.Configured, base *Base) error {
	conf := *s.conf
	for _, c := range b.Changes {
		f := roomconfig.Named(c.Var)
		if f == nil || f.Set(&conf, c.New) != nil {
			return badEvent("unknown configuration field or value: " + c.Var)
		}
	}
	if s.conf.NoVisitorStatus != conf.NoVisitorStatus || s.conf.Whois != conf.Whois {
		s.dropPresences()
	}
	if s.conf.Whois != conf.Whois {
		s.archived.dropDocs()
		s.unarchived.dropDocs()
	}
	s.conf = base.share(conf)
	return nil
}

// dropPresences drops the cached bytes of all presences.
func (s *Room) dropPresences() {
	for _, o := range s.occupants {
		o.presence.drop()
	}
}

// applyDestroyed forgets everything but the tombstone: a later room of the same name
// inherits nothing (XEP-0045 §10.9).
func (s *Room) applyDestroyed(b *event.RoomDestroyed) {
	*s = Room{life: event.Destroyed, seq: s.seq, sub: s.sub, at: s.at, durableAt: s.durableAt,
		creator: s.creator, conf: new(event.RoomConfig), sparse: &Sparse{end: b}, shape: s.shape + 1}
}

func (s *Room) applyPrivate(p Private, base *Base) {
	m := s.mutableSparse()
	*m.privates.push(base.Privates + 1) = p
	for m.privates.Len() > max(base.Privates, 0) {
		m.privates.shift()
	}
}

func (s *Room) applyBounced(p Private) error {
	m := s.mutableSparse()
	n := m.privates.Len()
	found := false
	m.privates.drop(func(q *Private) bool {
		first := *q == p && !found
		found = found || first
		return first
	})
	if m.privates.Len() == n {
		return badEvent("no such private message")
	}
	return nil
}

// applyRelay remembers a request to another occupant. It forgets those whose time is up
// and, beyond the limits, the oldest: first of the same person, then of all.
func (s *Room) applyRelay(x relayed, base *Base) error {
	if x.session == 0 || x.way == "" || x.real.IsBare() {
		return badEvent("a request of nobody")
	}
	m := s.mutableSparse()
	m.relays.drop(func(y *relayed) bool { return y.Over(x.at, base.RelayTimeout) })
	own := 1
	for y := range m.relays.All() {
		if y.real.Bare() == x.real.Bare() {
			own++
		}
	}
	if own > base.PersonRelays {
		m.relays.drop(func(y *relayed) bool {
			if own <= base.PersonRelays || y.real.Bare() != x.real.Bare() {
				return false
			}
			own--
			return true
		})
	}
	*m.relays.push(max(base.Relays, 0) + 1) = x
	for m.relays.Len() > max(base.Relays, 0) {
		m.relays.shift()
	}
	return nil
}

func (s *Room) applyRelayAnswered(b *event.RelayAnswered) error {
	m := s.mutableSparse()
	found := false
	m.relays.drop(func(x *relayed) bool {
		first := !found && x.session == b.Session && x.way == b.Way
		found = found || first
		return first
	})
	if !found {
		return badEvent("no such request")
	}
	return nil
}

func (s *Room) applyAsked(b *event.Asked) error {
	if b.ID == "" || b.JID.IsZero() {
		return badEvent("a question of nobody")
	}
	m := s.mutableSparse()
	m.asks = append(m.asks, b)
	return nil
}

func (s *Room) applyAnswered(b *event.Answered) error {
	m := s.mutableSparse()
	for i, a := range m.asks {
		if a.ID == b.ID {
			m.asks = slices.Delete(m.asks, i, i+1)
			return nil
		}
	}
	return badEvent("nothing was asked")
}
