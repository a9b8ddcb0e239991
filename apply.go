package muc

import (
	"fmt"
	"slices"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/roomconfig"
)

// What a store gives back may be damaged or forged. A room must not come to life
// with it and fall over later, so all of it is checked before it is believed: in
// event_json.go for what any text or value must be, in apply*.go for what it means.

// lastTime is the latest that a room knows: later than anybody's clock, and early
// enough that all that is added to it can still be written down.
var lastTime = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// Base is what a state is kept by. Many states share one.
type Base struct {
	// Defaults are the configuration that states of it share, as long as it is theirs.
	Defaults RoomConfig
	// The limits of what is remembered, as in muc.Limits.
	History, HistoryBytes, Privates, RateShares, Relays, PersonRelays int
	// RelayTimeout is how long the answer to a request is waited for.
	RelayTimeout time.Duration
}

// apply is the one place where a room changes. Live calls and Restore go
// through it alike, so a replayed room is the live room by construction. It
// judges nothing and renders nothing; an error means that the event cannot
// have been written by a room in this state.
func (s *state) apply(ev *event.Event, base *Base) error {
	if err := s.follows(ev); err != nil {
		return err
	}
	err := s.applyBody(ev, base)
	if err != nil {
		return fmt.Errorf("%w: event %d.%d %s: %s", event.ErrCorrupt, ev.Seq, ev.Sub, ev.Type(), err)
	}
	s.seq, s.sub, s.at = ev.Seq, ev.Sub, instantOf(ev.Time)
	if ev.Sub == 0 {
		s.durableAt = s.at
	}
	return nil
}

// follows checks that an event is the next one, so that a lost or repeated one
// is always noticed.
func (s *state) follows(ev *event.Event) error {
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
	second := ev.Time.Unix() // the milliseconds of an absurd time overflow
	switch at := instantOf(ev.Time); {
	case second > lastTime.Unix(), second > 0 && at > instantOf(lastTime):
		return fmt.Errorf("%w: event %d.%d is at the end of time", event.ErrCorrupt, ev.Seq, ev.Sub)
	case second < unixYear1/1000, at < s.at:
		return fmt.Errorf("%w: event %d.%d goes back in time", event.ErrCorrupt, ev.Seq, ev.Sub)
	}
	return nil
}

type badEvent string

func (e badEvent) Error() string { return string(e) }

func (s *state) applyBody(ev *event.Event, base *Base) error {
	if _, birth := ev.Body.(*event.Created); birth != (s.life == Unborn) {
		return badEvent("out of place in the room's life")
	}
	if s.life == Destroyed {
		return badEvent("after the end of the room")
	}
	switch b := ev.Body.(type) {
	case *event.Created:
		return s.applyCreated(b, base)
	case *event.Unlocked:
		s.life, s.lockedUntil = Open, 0
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
			s.kept.retract(b)
		}
	case *event.MessageKept:
		s.kept.remember(entryOf(ev, &b.Message), base)
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
		return s.applyVoiceRequested(b, hostTime(ev.Time, b.Now))
	case *event.PrivateSent:
		s.applyPrivate(private{b.Session, b.Occupant, b.ID}, base)
	case *event.PrivateBounced:
		return s.applyBounced(private{b.Session, b.Occupant, b.ID})
	case *event.RelaySent:
		return s.applyRelay(relayed{session: b.Session, real: b.JID, at: instantOf(hostTime(ev.Time, b.Now)), way: b.Way}, base)
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

// begin is the state before all events.
func (s *state) begin() { *s = state{conf: new(RoomConfig)} }

// growSparse is where to put what most rooms have nothing of.
func (s *state) growSparse() *sparse {
	if s.more == nil {
		s.more = new(sparse)
	}
	return s.more
}

// share keeps a configuration, which is that of the template for many rooms.
func (base *Base) share(conf RoomConfig) *RoomConfig {
	if conf == base.Defaults {
		return &base.Defaults
	}
	return &conf
}

func (s *state) applyCreated(b *event.Created, base *Base) error {
	if !roomconfig.Sound(&b.Config) {
		return badEvent("no room is configured so")
	}
	s.life = Open
	if !b.LockedUntil.IsZero() {
		s.life = Locked
	}
	s.creator, s.lockedUntil, s.conf = b.Creator, instantOf(b.LockedUntil.Time), base.share(b.Config)
	return nil
}

func (s *state) applyConfigured(b *event.Configured, base *Base) error {
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
		s.kept.dropDocs()
	}
	s.conf = base.share(conf)
	return nil
}

// dropPresences drops the bytes of all presences, which are other ones now.
func (s *state) dropPresences() {
	for _, o := range s.occupants {
		o.presence.drop()
	}
}

// applyDestroyed forgets everything but the tombstone: a room of the same name
// owes nothing to this one (XEP-0045 §10.9).
func (s *state) applyDestroyed(b *event.RoomDestroyed) {
	*s = state{life: Destroyed, seq: s.seq, sub: s.sub, at: s.at, durableAt: s.durableAt,
		creator: s.creator, conf: new(RoomConfig), more: &sparse{end: b}, shape: s.shape + 1}
}

func (s *state) applyPrivate(p private, base *Base) {
	m := s.growSparse()
	*m.privates.push(base.Privates + 1) = p
	for m.privates.len() > max(base.Privates, 0) {
		m.privates.shift()
	}
}

func (s *state) applyBounced(p private) error {
	m := s.growSparse()
	n := m.privates.len()
	found := false
	m.privates.drop(func(q *private) bool {
		first := *q == p && !found
		found = found || first
		return first
	})
	if m.privates.len() == n {
		return badEvent("no such private message")
	}
	return nil
}

// applyRelay remembers a request to another occupant, and forgets those whose time is
// up, and the oldest where there are too many: of the same person's first.
func (s *state) applyRelay(x relayed, base *Base) error {
	if x.session == 0 || x.way == "" || x.real.IsBare() {
		return badEvent("a request of nobody")
	}
	m := s.growSparse()
	m.relays.drop(func(y *relayed) bool { return y.over(x.at, base.RelayTimeout) })
	own := 1
	for y := range m.relays.all() {
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
	for m.relays.len() > max(base.Relays, 0) {
		m.relays.shift()
	}
	return nil
}

func (s *state) applyRelayAnswered(b *event.RelayAnswered) error {
	m := s.growSparse()
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

func (s *state) applyAsked(b *event.Asked) error {
	if b.ID == "" || b.JID.IsZero() {
		return badEvent("a question of nobody")
	}
	m := s.growSparse()
	m.asks = append(m.asks, b)
	return nil
}

func (s *state) applyAnswered(b *event.Answered) error {
	m := s.growSparse()
	for i, a := range m.asks {
		if a.ID == b.ID {
			m.asks = slices.Delete(m.asks, i, i+1)
			return nil
		}
	}
	return badEvent("nothing was asked")
}
