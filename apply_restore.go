package muc

import (
	"fmt"
	"slices"
)

// load brings a fresh room to where a snapshot and the events after it lead; either
// may be nil. What no room can have written is an ErrCorrupt.
func (r *Room) load(b []byte, events []Event) error {
	var shot snapshot
	if b != nil {
		if err := r.readSnapshot(b, &shot); err != nil {
			return err
		}
	}
	if b != nil {
		if err := r.take(&shot); err != nil {
			return err
		}
	}
	for i := range events {
		if err := r.Apply(events[i]); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	return nil
}

// readSnapshot reads a snapshot of this room, and judges what can be judged before
// anybody is taken in from it.
func (r *Room) readSnapshot(b []byte, shot *snapshot) error {
	if err := readStored(b, shot); err != nil {
		return fmt.Errorf("%w: snapshot: %w", ErrCorrupt, err)
	}
	switch {
	case shot.Version != snapshotVersion:
		return &UnknownEventError{Type: "snapshot", Version: shot.Version}
	case shot.Room != r.jid:
		return ErrOtherRoom
	case shot.KeyPrint != "" && shot.KeyPrint != r.keyPrint():
		return ErrKey
	}
	if err := shot.check(); err != nil {
		return fmt.Errorf("%w: snapshot: %s", ErrCorrupt, err)
	}
	return nil
}

// take replaces the state of a fresh room by a snapshot's.
func (r *Room) take(shot *snapshot) error {
	s := &r.st
	s.life = State(slices.Index(stateNames[:], shot.Life))
	s.seq, s.sub, s.at, s.durableAt = shot.Seq, shot.Sub, instantOf(shot.At.Time), instantOf(shot.DurableAt.Time)
	s.creator, s.lockedUntil, s.conf = shot.Creator, instantOf(shot.LockedUntil.Time), r.cfg.share(shot.Config)
	s.archived.load(shot.Archived)
	s.kept.load(shot.Kept)
	s.loadRarities(shot, &r.cfg.Limits)
	for _, x := range shot.Relays {
		if x.Time.After(shot.At.Time) || s.applyRelay(relayed{x.Session, x.JID, instantOf(x.Time.Time), x.Way}, r.cfg) != nil {
			return fmt.Errorf("%w: snapshot: request to an occupant", ErrCorrupt)
		}
	}
	for _, b := range shot.Invites {
		if b == nil || s.applyInvite(b) != nil {
			return fmt.Errorf("%w: snapshot: invitation", ErrCorrupt)
		}
	}
	if shot.Subject != nil {
		e := shot.Subject.entry()
		s.subject = &e
	}
	for _, b := range shot.Asks {
		if b == nil || s.applyAsked(b) != nil {
			return fmt.Errorf("%w: snapshot: question", ErrCorrupt)
		}
	}
	for i := range shot.Persons {
		if err := s.loadPerson(&shot.Persons[i]); err != nil {
			return fmt.Errorf("%w: snapshot: person: %s", ErrCorrupt, err)
		}
	}
	for _, b := range shot.Requests {
		if b == nil || s.applyRegistrationRequested(b) != nil {
			return fmt.Errorf("%w: snapshot: request to register", ErrCorrupt)
		}
	}
	for i := range shot.Occupants {
		if err := s.loadOccupant(&shot.Occupants[i]); err != nil {
			return fmt.Errorf("%w: snapshot: occupant: %s", ErrCorrupt, err)
		}
	}
	if shot.LastOccupant < s.lastOccupant || shot.LastSession < s.lastSession {
		return fmt.Errorf("%w: snapshot: numbers", ErrCorrupt)
	}
	s.lastOccupant, s.lastSession = shot.LastOccupant, shot.LastSession
	if !s.alive() && (len(s.occupants) > 0 || s.persons.byText.len() > 0 || len(shot.Requests) > 0) {
		return fmt.Errorf("%w: snapshot: people in no room", ErrCorrupt)
	}
	// A room without an owner is none that a step ends with, but one that a log may
	// be cut at: the owner's event stands behind that of the room, or of a successor.
	return nil
}

// loadRarities takes in what most rooms have nothing of, as far as there is nothing
// to judge.
func (s *state) loadRarities(shot *snapshot, lim *Limits) {
	if shot.End != nil || len(shot.VoiceAsked)+len(shot.Privates)+len(shot.Spent) > 0 || !shot.Clock.IsZero() {
		m := s.rarities()
		m.end, m.clock = shot.End, shot.Clock
		for _, v := range shot.VoiceAsked {
			m.voiceAsked = append(m.voiceAsked, voiceAsked{real: v.JID, at: v.Time.Time})
		}
		for _, p := range shot.Privates {
			*m.privates.push(len(shot.Privates)) = private{p.Session, p.Occupant, p.ID}
		}
		for _, x := range shot.Spent {
			m.applySpent(x.JID, x.Kind, x.Until.Time, hostTime(s.at.time(), shot.Clock), lim)
		}
	}
}

// check is what a snapshot must be before anybody is taken in from it.
func (shot *snapshot) check() error {
	life := slices.Index(stateNames[:], shot.Life)
	live := shot.Sub > 0 || len(shot.Kept)+len(shot.Occupants)+len(shot.VoiceAsked)+len(shot.Invites)+len(shot.Asks)+
		len(shot.Privates)+len(shot.Spent)+len(shot.Relays) > 0 || !shot.Clock.IsZero() || shot.LastOccupant > 0 || shot.LastSession > 0
	switch {
	case life < 0 || (State(life) == Destroyed) != (shot.End != nil):
		return badEvent("life")
	case shot.Kind != kindLive && (shot.Kind != kindDurable || live):
		return badEvent("neither durable nor live")
	case shot.At.After(lastTime) || shot.At.Before(shot.DurableAt.Time):
		return badEvent("time")
	case !shot.Config.sound():
		return badEvent("no room is configured so")
	}
	numbers := index[uint32, sessionNumber]{}
	for i := range shot.Occupants {
		for _, x := range shot.Occupants[i].Sessions {
			if _, twice := numbers.get(x.Number); twice {
				return badEvent("a session number twice")
			}
			numbers.put(sessionNumber(x.Number))
		}
	}
	return nil
}

type sessionNumber uint32

func (n sessionNumber) indexKey() uint32 { return uint32(n) }

func (s *state) loadPerson(shot *personShot) error {
	if shot.JID.IsZero() || !shot.JID.IsBare() || shot.Affiliation < Outcast || shot.Affiliation > Owner || (shot.Nick == "") != (shot.Key == "") {
		return badEvent("no person")
	}
	p := s.person(shot.JID)
	if !p.forgettable() {
		return badEvent("twice")
	}
	p.aff, p.voice = shot.Affiliation, shot.Voice
	s.note(p, notes{shot.Nick, shot.Key, shot.Reason})
	if p.forgettable() {
		return badEvent("nothing to remember")
	}
	s.remembered++
	if p.aff == Owner {
		s.countOwner(shot.JID, 1)
	}
	if shot.Key != "" {
		if _, taken := s.reservedBy(shot.Key); taken {
			return badEvent("nick reserved twice")
		}
		s.rarities().reserved.put(reservation{p})
	}
	return nil
}

func (s *state) loadOccupant(shot *occupantShot) error {
	if shot.JID.IsZero() || !shot.JID.IsBare() || shot.Key == "" || shot.Role == NoRole {
		return badEvent("nobody")
	}
	x := newcomerOf(shot.Number, shot.Role, shot.Nick, shot.Key, shot.OccupantID)
	o := &x.occ
	if err := s.addOccupant(o, s.person(shot.JID)); err != nil {
		return err
	}
	o.person.vouched = o.person.vouched || shot.Vouched
	for i, client := range shot.Sessions {
		if o.person.session(client.JID) != nil || client.JID.Bare() != shot.JID || client.JID.IsBare() || client.Number == 0 {
			return badEvent("a session that cannot be")
		}
		ses := &x.ses
		if i > 0 {
			ses = new(session)
		}
		*ses = session{num: client.Number, spoke: client.Spoke, real: client.JID, occ: o, lang: client.Lang, payload: client.Payload}
		o.take(ses)
		s.lastSession = max(s.lastSession, client.Number)
	}
	o.front = o.lastSpoken()
	if p := shot.Puppet; p != nil && o.front == nil && p.JID.Bare() == shot.JID && p.Number == 0 {
		x.ses = session{real: p.JID, occ: o, lang: p.Lang, payload: p.Payload}
		o.front = &x.ses
	}
	if o.front == nil || (shot.Puppet != nil) != o.isPuppet() {
		return badEvent("neither a puppet nor somebody with sessions")
	}
	return nil
}

func (x *entryShot) entry() entry {
	return entry{seq: x.Seq, sub: x.Sub, at: x.Time.Time, msg: &x.Message}
}

func (h *history) load(shots []entryShot) {
	for i := range shots {
		e := shots[i].entry()
		*h.push(len(shots)) = e
		h.bytes += e.msg.size()
	}
}
