package state

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

const snapshotVersion = 2

// Snapshot is a room in JSON: the fewest events that produce it, in a fixed order, so that
// equal states have equal bytes.
type Snapshot struct {
	Version      int             `json:"v"`    // 2
	Kind         string          `json:"kind"` // durable or live
	Room         jid.JID         `json:"room"`
	Seq          uint64          `json:"seq"` // of the last event, as is Sub
	Sub          uint64          `json:"sub,omitempty"`
	At           event.Stamp     `json:"at,omitzero"`             // when the last event was
	DurableAt    event.Stamp     `json:"durable_at,omitzero"`     // when the last durable event was
	LastOccupant uint32          `json:"last_occupant,omitempty"` // the highest number that was given, as is LastSession; both in live snapshots alone
	LastSession  uint32          `json:"last_session,omitempty"`
	Events       []snapshotEvent `json:"events,omitempty"`
}

const kindDurable, kindLive = "durable", "live"

// Snapshot encodes the state: all of it if live, else what durable events tell.
func (s *Room) Snapshot(room jid.JID, keyPrint string, live bool) []byte {
	shot := Snapshot{Version: snapshotVersion, Kind: kindDurable, Room: room,
		Seq: s.seq, At: s.durableAt.stamp(), DurableAt: s.durableAt.stamp()}
	if s.life != event.Unborn {
		shot.add(&event.Created{Room: room, Creator: s.creator, KeyPrint: keyPrint, LockedUntil: s.lockedUntil.stamp(), Config: *s.conf})
	}
	shot.addDurable(s)
	if live {
		shot.Kind, shot.Sub, shot.At = kindLive, s.sub, s.at.stamp()
		shot.LastOccupant, shot.LastSession = s.lastOccupant, s.lastSession
		shot.addLive(s)
	}
	text, err := json.Marshal(shot)
	if err != nil {
		panic(err) // a room remembers no value that has no name
	}
	return text
}

// add appends an event whose number and time do not matter any more.
func (shot *Snapshot) add(body event.Body) { shot.addEvent(event.Event{Body: body}) }

func (shot *Snapshot) addEvent(ev event.Event) {
	stored, err := ev.Stored()
	if err != nil {
		panic(err) // a room remembers no value that has no name
	}
	shot.Events = append(shot.Events, snapshotEvent(stored))
}

// addDurable appends what durable events tell: people sorted by address, all else in the
// order in which it came.
func (shot *Snapshot) addDurable(s *Room) {
	sparse := s.Sparse()
	for _, p := range s.People() {
		n := p.noted()
		if p.aff != event.AffiliationNone {
			shot.add(&event.AffiliationChanged{JID: p.real, New: p.aff, Reason: n.reason})
		}
		if p.voice != event.RoleNone {
			shot.add(&event.VoiceStored{JID: p.real, Role: p.voice})
		}
		if n.nick != "" {
			shot.add(&event.Registered{JID: p.real, Nick: n.nick, Key: n.key})
		}
	}
	if v := sparse.versions; v != nil { // after the affiliations, which it holds as they are
		shot.addEvent(event.Event{Seq: v.number, Body: &event.AffiliationsVersioned{Name: v.name, Changes: v.changes}})
	}
	for _, b := range sparse.requests { // after the events that would end them
		shot.add(b)
	}
	if sparse.vCard != nil {
		shot.add(sparse.vCard)
	}
	for _, h := range sparse.hats {
		shot.add(&event.HatCreated{Hat: h})
	}
	for _, bare := range sparse.Wearers("") {
		for _, h := range sparse.HatsOf(bare) {
			shot.add(&event.HatAssigned{JID: bare, URI: h.URI})
		}
	}
	if s.subject != nil {
		shot.addEvent(s.subject.ev)
	}
	for _, e := range s.archived.entries {
		shot.addEvent(e.ev)
	}
	if sparse.end != nil {
		shot.add(sparse.end)
	}
}

// addLive appends what volatile events tell.
func (shot *Snapshot) addLive(s *Room) {
	sparse := s.Sparse()
	for _, e := range s.unarchived.entries {
		shot.addEvent(e.ev)
	}
	for _, o := range s.occupants {
		shot.addOccupant(o)
	}
	for _, f := range sparse.versions.Followers() {
		shot.add(&event.AffiliationsFollowed{JID: f.Session.real, Lists: f.Lists})
	}
	for _, v := range sparse.voiceAsked {
		shot.addEvent(event.Event{Time: v.at, Body: &event.VoiceRequested{JID: v.bare}})
	}
	for _, b := range sparse.invites {
		shot.add(b)
	}
	for _, b := range sparse.asks {
		shot.add(b)
	}
	for _, p := range sparse.privates {
		shot.add(&p)
	}
	for _, x := range sparse.relays {
		shot.addEvent(event.Event{Time: x.At.Time(), Body: &event.RelaySent{Session: x.Session, JID: x.JID, Way: x.Way}})
	}
	for _, x := range sparse.spent.sorted(compareRates) {
		if x.until.After(HostTime(s.at.Time(), sparse.clock)) {
			shot.add(&event.RateSpent{JID: x.JID, Kind: x.Kind, Until: event.Stamp{Time: x.until}, Now: sparse.clock})
		}
	}
}

// addOccupant appends an occupant's sessions in the order of joining and, if they sent
// presence in another order, their presence in that order.
func (shot *Snapshot) addOccupant(o *Occupant) {
	join := func(ses *Session) {
		shot.add(&event.Joined{Occupant: o.num, Session: ses.num, JID: ses.real, Nick: o.nick, Key: o.key, OccupantID: o.id,
			Role: o.role, OwnerByHost: o.person.ownerByHost, Lang: ses.lang, Payload: ses.payload})
	}
	if o.IsPuppet() {
		join(o.front)
	}
	sessions := slices.Collect(o.Sessions())
	for _, ses := range sessions {
		join(ses)
	}
	spoke := func(a, b *Session) int { return cmp.Compare(a.spoke, b.spoke) }
	if slices.IsSortedFunc(sessions, spoke) {
		return
	}
	slices.SortFunc(sessions, spoke)
	for _, ses := range sessions {
		shot.add(&event.PresenceChanged{JID: ses.real, Lang: ses.lang, Payload: ses.payload})
	}
}

// snapshotEvent is an event in a snapshot. Only messages and the versions of
// the lists of affiliations have numbers there, and only messages
// and requests (for voice, to occupants) a time.
type snapshotEvent struct {
	Seq     uint64          `json:"seq,omitempty"`
	Sub     uint64          `json:"sub,omitempty"`
	Time    event.Stamp     `json:"time,omitzero"`
	Type    string          `json:"type"`
	Version int             `json:"v"`
	Data    json.RawMessage `json:"data"`
}

// ErrOtherRoom is the error for a snapshot of a room with another address.
var ErrOtherRoom = errors.New("muc: log belongs to another room")

// LoadSnapshot applies the events of a snapshot to a room that was reset. They are checked
// as those of a log are, except for their numbers: the snapshot's header says where the
// log stands. The function belongs checks each body first, as whether it was created with
// this room's secret. An error wraps [event.ErrCorrupt], is an
// [*event.UnknownEventError], [ErrOtherRoom] or the function's.
func (s *Room) LoadSnapshot(b []byte, room jid.JID, base *Base, belongs func(event.Body) error) error {
	var shot Snapshot
	if err := json.Unmarshal(b, &shot); err != nil {
		return fmt.Errorf("%w: snapshot: %w", event.ErrCorrupt, err)
	}
	switch {
	case shot.Version != snapshotVersion:
		return &event.UnknownEventError{Type: "snapshot", Version: shot.Version}
	case shot.Room != room:
		return ErrOtherRoom
	}
	if err := shot.check(); err != nil {
		return fmt.Errorf("%w: snapshot: %w", event.ErrCorrupt, err)
	}
	sessions := map[uint32]bool{}
	for i := range shot.Events {
		stored := event.Stored(shot.Events[i])
		ev, err := stored.Event()
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		if err := belongs(ev.Body); err != nil {
			return err
		}
		if err := s.loadEvent(&ev, &shot, sessions, base); err != nil {
			return fmt.Errorf("%w: snapshot: %s: %w", event.ErrCorrupt, ev.Type(), err)
		}
	}
	if s.life == event.Unborn && shot.Seq > 0 || shot.LastOccupant < s.lastOccupant || shot.LastSession < s.lastSession {
		return fmt.Errorf("%w: snapshot: numbers", event.ErrCorrupt)
	}
	s.lastOccupant, s.lastSession = shot.LastOccupant, shot.LastSession
	s.seq, s.sub, s.at, s.durableAt = shot.Seq, shot.Sub, InstantOf(shot.At.Time), InstantOf(shot.DurableAt.Time)
	return nil
}

// check checks the header of a snapshot, before its events are applied.
func (shot *Snapshot) check() error {
	switch {
	case shot.Kind != kindLive && shot.Kind != kindDurable:
		return errors.New("neither durable nor live")
	case shot.Kind == kindDurable && (shot.Sub > 0 || shot.LastOccupant > 0 || shot.LastSession > 0):
		return errors.New("of people in a durable one")
	case shot.At.After(LastTime) || shot.At.Before(shot.DurableAt.Time):
		return errors.New("time")
	}
	return nil
}

// loadEvent applies an event of a snapshot. An event without a time has the snapshot's.
func (s *Room) loadEvent(ev *event.Event, shot *Snapshot, sessions map[uint32]bool, base *Base) error {
	if ev.Time.IsZero() {
		ev.Time = shot.At.Time
	}
	switch {
	case shot.Kind == kindDurable && !ev.Durable():
		return errors.New("in a durable snapshot")
	case ev.Seq > shot.Seq || ev.Time.After(shot.At.Time):
		return errors.New("later than the snapshot")
	}
	joined, ok := ev.Body.(*event.Joined)
	if !ok || joined.Session == 0 {
		return s.applyBody(ev, base)
	}
	// Sessions are grouped by occupant, so their numbers need not rise. Each is there
	// once.
	if sessions[joined.Session] {
		return errors.New("a session number twice")
	}
	sessions[joined.Session] = true
	highest := s.lastSession
	s.lastSession = 0
	err := s.applyBody(ev, base)
	s.lastSession = max(highest, joined.Session)
	return err
}
