package state

import (
	"cmp"
	"encoding/json"
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
	return shot.json()
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

// addMessage appends a message that newcomers are shown.
func (shot *Snapshot) addMessage(e *Entry, body event.Body) {
	shot.addEvent(event.Event{Seq: e.seq, Sub: e.sub, Time: e.at, Body: body})
}

// addDurable appends what durable events tell: people sorted by address, all else in the
// order in which it came.
func (shot *Snapshot) addDurable(s *Room) {
	sparse := s.Sparse()
	for _, p := range s.persons.Sorted() {
		n := p.Notes()
		if p.aff != event.AffiliationNone {
			shot.add(&event.AffiliationChanged{JID: p.JID(), New: p.aff, Reason: n.reason})
		}
		if p.voice != event.RoleNone {
			shot.add(&event.VoiceStored{JID: p.JID(), Role: p.voice})
		}
		if n.nick != "" {
			shot.add(&event.Registered{JID: p.JID(), Nick: n.nick, Key: n.key})
		}
	}
	for _, b := range sparse.requests { // after the events that would end them
		shot.add(b)
	}
	if s.subject != nil {
		shot.addMessage(s.subject, &event.SubjectChanged{Message: *s.subject.msg})
	}
	for e := range s.archived.All() {
		shot.addMessage(e, &event.MessageArchived{Message: *e.msg})
	}
	if sparse.end != nil {
		shot.add(sparse.end)
	}
}

// addLive appends what volatile events tell.
func (shot *Snapshot) addLive(s *Room) {
	sparse := s.Sparse()
	for e := range s.unarchived.All() {
		shot.addMessage(e, &event.MessageRemembered{Message: *e.msg})
	}
	for _, o := range s.occupants {
		shot.addOccupant(o)
	}
	for i := range sparse.voiceAsked {
		v := &sparse.voiceAsked[i]
		shot.addEvent(event.Event{Time: v.at, Body: &event.VoiceRequested{JID: v.JID()}})
	}
	for _, b := range sparse.invites {
		shot.add(b)
	}
	for _, b := range sparse.asks {
		shot.add(b)
	}
	for p := range sparse.privates.All() {
		shot.add(&event.PrivateSent{Session: p.session, Occupant: p.occupant, ID: p.id})
	}
	for x := range sparse.relays.All() {
		shot.addEvent(event.Event{Time: x.at.Time(), Body: &event.RelaySent{Session: x.session, JID: x.JID(), Way: x.way}})
	}
	for _, k := range sortedKeys(&sparse.spent, compareRateKeys) {
		if x, _ := sparse.spent.Get(k); x.until.After(HostTime(s.at.Time(), sparse.clock)) {
			shot.add(&event.RateSpent{JID: k.JID, Kind: k.Kind, Until: event.Stamp{Time: x.until}, Now: sparse.clock})
		}
	}
}

// addOccupant appends an occupant's sessions in the order of joining and, if they sent
// presence in another order, their presence in that order.
func (shot *Snapshot) addOccupant(o *Occupant) {
	join := func(ses *Session) {
		shot.add(&event.Joined{Occupant: o.num, Session: ses.num, JID: ses.JID(), Nick: o.nick, Key: o.key, OccupantID: o.id,
			Role: o.role, OwnerByHost: o.person.ownerByHost, Lang: ses.lang, Payload: ses.payload})
	}
	if o.IsPuppet() {
		join(o.front)
	}
	var sessions []*Session
	for ses := o.first; ses != nil; ses = ses.next {
		join(ses)
		sessions = append(sessions, ses)
	}
	spoke := func(a, b *Session) int { return cmp.Compare(a.spoke, b.spoke) }
	if slices.IsSortedFunc(sessions, spoke) {
		return
	}
	slices.SortFunc(sessions, spoke)
	for _, ses := range sessions {
		shot.add(&event.PresenceChanged{JID: ses.JID(), Lang: ses.lang, Payload: ses.payload})
	}
}

// snapshotEvent is an event in a snapshot. Only messages have numbers there, and only they
// and requests (for voice, to occupants) a time.
type snapshotEvent struct {
	Seq     uint64          `json:"seq,omitempty"`
	Sub     uint64          `json:"sub,omitempty"`
	Time    event.Stamp     `json:"time,omitzero"`
	Type    string          `json:"type"`
	Version int             `json:"v"`
	Data    json.RawMessage `json:"data"`
}

func (s *Snapshot) json() []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a room remembers no value that has no name
	}
	return text
}

func (s *Snapshot) read(text []byte) error { return json.Unmarshal(text, s) }
