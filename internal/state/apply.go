package state

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/roomconfig"
	"github.com/gomuc/muc/jid"
)

// Base holds the settings by which states are changed. Many states share one.
type Base struct {
	// Defaults is a configuration that all states with equal values share in memory.
	Defaults event.RoomConfig
	// The limits of what is remembered, as in muc.Limits.
	History, HistoryBytes, Privates, RateShares, Relays, PersonRelays, ListChanges int
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
	if err := s.applyBody(ev, base); err != nil {
		return fmt.Errorf("%w: event %d.%d %s: %w", event.ErrCorrupt, ev.Seq, ev.Sub, ev.Type(), err)
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

func (s *Room) applyBody(ev *event.Event, base *Base) error {
	if _, birth := ev.Body.(*event.Created); birth != (s.life == event.Unborn) {
		return errors.New("out of place in the room's life")
	}
	if s.life == event.Destroyed {
		return errors.New("after the end of the room")
	}
	if ev.Durable() {
		return s.applyDurable(ev, base)
	}
	return s.applyVolatile(ev, base)
}

func (s *Room) applyDurable(ev *event.Event, base *Base) error {
	switch b := ev.Body.(type) {
	case *event.Created:
		return s.applyCreated(b, base)
	case *event.Unlocked:
		s.life, s.lockedUntil = event.Open, 0
	case *event.Configured:
		return s.applyConfigured(b, base)
	case *event.AffiliationChanged:
		s.newVersion(b, ev.Seq, base)
		return s.applyAffiliation(b)
	case *event.AffiliationsVersioned:
		return s.applyVersioned(b, ev.Seq, base)
	case *event.Registered:
		return s.applyRegistered(b)
	case *event.Deregistered:
		return s.applyDeregistered(b)
	case *event.RegistrationRequested:
		return s.applyRegistrationRequested(b)
	case *event.RegistrationClosed:
		return remove(&s.mutableSparse().requests, func(r *event.RegistrationRequested) bool { return r.JID == b.JID })
	case *event.VoiceStored:
		return s.applyVoice(b)
	case *event.SubjectChanged:
		s.subject = &Entry{ev: *ev}
	case *event.MessageArchived:
		s.archived.remember(ev, base)
	case *event.MessageRetracted:
		// Replayed under other limits, it may be forgotten already.
		if !s.archived.retract(b) {
			s.unarchived.retract(b)
		}
	case *event.VCardChanged:
		return s.applyVCard(b)
	case *event.HatCreated:
		return s.applyHatCreated(b)
	case *event.HatDestroyed:
		return s.applyHatDestroyed(b)
	case *event.HatAssigned:
		return s.applyHatAssigned(b)
	case *event.HatUnassigned:
		return s.applyHatUnassigned(b)
	case *event.RoomDestroyed:
		s.applyDestroyed(b)
	default:
		return errors.New("unknown body")
	}
	return nil
}

func (s *Room) applyVolatile(ev *event.Event, base *Base) error {
	switch b := ev.Body.(type) {
	case *event.Joined:
		return s.applyJoined(b)
	case *event.AffiliationsFollowed:
		return s.applyFollowed(b)
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
	case *event.MessageRemembered:
		s.unarchived.remember(ev, base)
	case *event.MessagePassed, *event.Mentioned, *event.PrivateReceived: // for the host, and nothing of them is kept
	case *event.VoiceRequested:
		return s.applyVoiceRequested(b, HostTime(ev.Time, b.Now))
	case *event.PrivateSent:
		m := s.mutableSparse()
		m.privates = lastOf(append(m.privates, *b), base.Privates)
	case *event.PrivateBounced:
		return remove(&s.mutableSparse().privates, func(p event.PrivateSent) bool { return p == event.PrivateSent(*b) })
	case *event.RelaySent:
		return s.applyRelay(Relay{Session: b.Session, JID: b.JID, At: InstantOf(HostTime(ev.Time, b.Now)), Way: b.Way}, base)
	case *event.RelayAnswered:
		return remove(&s.mutableSparse().relays, func(x Relay) bool { return x.Session == b.Session && x.Way == b.Way })
	case *event.RateSpent:
		s.applyRateSpent(b, ev.Time, base)
	case *event.InviteSent:
		return s.applyInvite(b)
	case *event.InviteUsed:
		return remove(&s.mutableSparse().invites, sameInvite(b.Invitee, b.Inviter))
	case *event.InviteExpired:
		return remove(&s.mutableSparse().invites, sameInvite(b.Invitee, b.Inviter))
	case *event.Asked:
		return s.applyAsked(b)
	case *event.Answered:
		return remove(&s.mutableSparse().asks, func(a *event.Asked) bool { return a.ID == b.ID })
	default:
		return errors.New("unknown body")
	}
	return nil
}

// remove removes the first value that a function matches. That there is none is an error.
func remove[V any](list *[]V, is func(V) bool) error {
	i := slices.IndexFunc(*list, is)
	if i < 0 {
		return errors.New("what it ends was not there")
	}
	*list = slices.Delete(*list, i, i+1)
	return nil
}

// lastOf is a list without its first values, so that there are no more than so many.
func lastOf[V any](list []V, most int) []V {
	return slices.Delete(list, 0, max(0, len(list)-max(0, most)))
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
		return errors.New("no room is configured so")
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
			return errors.New("unknown configuration field or value: " + c.Var)
		}
	}
	if s.conf.NoVisitorStatus != conf.NoVisitorStatus || s.conf.Whois != conf.Whois {
		for _, o := range s.occupants {
			o.presence = nil
		}
	}
	if s.conf.Whois != conf.Whois {
		for _, h := range [...]history{s.archived, s.unarchived} {
			for i := range h.entries {
				h.entries[i].cache.Doc = nil
			}
		}
	}
	s.conf = base.share(conf)
	return nil
}

func (s *Room) applyVCard(b *event.VCardChanged) error {
	switch {
	case b.Payload != "":
		s.mutableSparse().vCard = b
	case len(b.Photos) > 0:
		return errors.New("photos without a vCard")
	case s.sparse != nil:
		s.sparse.vCard = nil
	}
	return nil
}

// applyDestroyed forgets everything but the tombstone: a later room of the same name
// inherits nothing (XEP-0045 §10.9).
func (s *Room) applyDestroyed(b *event.RoomDestroyed) {
	*s = Room{life: event.Destroyed, seq: s.seq, sub: s.sub, at: s.at, durableAt: s.durableAt,
		creator: s.creator, conf: new(event.RoomConfig), sparse: &Sparse{end: b}, shape: s.shape + 1}
}

// applyRelay remembers a request to another occupant. It forgets those whose time is up
// and, beyond the limits, the oldest: first of the same person, then of all.
func (s *Room) applyRelay(x Relay, base *Base) error {
	if x.Session == 0 || x.Way == "" || x.JID.IsBare() {
		return errors.New("a request of nobody")
	}
	m, own := s.mutableSparse(), 1
	m.relays = slices.DeleteFunc(m.relays, func(y Relay) bool { return y.over(x.At, base.RelayTimeout) })
	for _, y := range m.relays {
		if y.JID.Bare() == x.JID.Bare() {
			own++
		}
	}
	m.relays = slices.DeleteFunc(m.relays, func(y Relay) bool {
		if own <= base.PersonRelays || y.JID.Bare() != x.JID.Bare() {
			return false
		}
		own--
		return true
	})
	m.relays = lastOf(append(m.relays, x), base.Relays)
	return nil
}

func (s *Room) applyAsked(b *event.Asked) error {
	if b.ID == "" || b.JID.IsZero() {
		return errors.New("a question of nobody")
	}
	m := s.mutableSparse()
	m.asks = append(m.asks, b)
	return nil
}

// applyInvite inserts an open invitation by the time when it expires. It replaces an
// earlier one of the same inviter to the same person.
func (s *Room) applyInvite(b *event.InviteSent) error {
	if b.Invitee.IsZero() || b.From.IsZero() {
		return errors.New("invitation of or from nobody")
	}
	m := s.mutableSparse()
	m.invites = slices.DeleteFunc(m.invites, sameInvite(b.Invitee, b.Inviter))
	at := len(m.invites)
	for at > 0 && m.invites[at-1].Expires.After(b.Expires.Time) {
		at--
	}
	m.invites = slices.Insert(m.invites, at, b)
	return nil
}

// sameInvite matches invitations by invitee and inviter.
func sameInvite(invitee, inviter jid.JID) func(*event.InviteSent) bool {
	return func(b *event.InviteSent) bool {
		return b.Invitee.Bare() == invitee.Bare() && b.Inviter.Bare() == inviter.Bare()
	}
}

// applyVoiceRequested remembers who asked for voice, and forgets those who may ask again.
// Events of a snapshot name no occupant and forget nobody.
func (s *Room) applyVoiceRequested(b *event.VoiceRequested, at time.Time) error {
	if b.JID.IsZero() || b.Occupant != 0 && s.OccupantByNumber(b.Occupant) == nil {
		return errors.New("no such occupant")
	}
	m := s.mutableSparse()
	if b.Occupant != 0 {
		m.voiceAsked = slices.DeleteFunc(m.voiceAsked, func(v voiceAsked) bool { return !s.counts(v, at) })
	}
	m.voiceAsked = append(m.voiceAsked, voiceAsked{bare: b.JID.Bare(), at: at})
	return nil
}
