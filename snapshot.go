package muc

// SnapshotKind is what a snapshot is for.
type SnapshotKind uint8

const (
	// Durable is for a store: what durable events tell. Restored, nobody is inside.
	Durable SnapshotKind = iota
	// Live is for a move to another process: everything. Restored, nobody notices.
	Live
)

const snapshotVersion = 1

// snapshot is a room as JSON. Field order and list order are fixed, so that equal
// states make equal bytes.
type snapshot struct {
	Version     int                      `json:"v"`    // 1
	Kind        string                   `json:"kind"` // durable or live
	Room        JID                      `json:"room"`
	KeyPrint    string                   `json:"keyprint,omitempty"` // as in `created`
	Seq         uint64                   `json:"seq"`                // of the last event, as is Sub
	Sub         uint64                   `json:"sub,omitempty"`
	At          Stamp                    `json:"at,omitzero"`         // when the last event was
	DurableAt   Stamp                    `json:"durable_at,omitzero"` // when the last durable event was
	Life        string                   `json:"life"`                // unborn, locked, open or destroyed
	Creator     JID                      `json:"creator,omitzero"`    // and LockedUntil: as in `created`
	LockedUntil Stamp                    `json:"locked_until,omitzero"`
	Config      RoomConfig               `json:"config"`
	Persons     []personShot             `json:"persons,omitempty"`  // sorted by address
	Requests    []*RegistrationRequested `json:"requests,omitempty"` // to register, in the order of asking
	Subject     *entryShot               `json:"subject,omitempty"`
	Archived    []entryShot              `json:"archived,omitempty"` // the messages that newcomers are shown, the oldest first
	End         *RoomDestroyed           `json:"end,omitempty"`      // of a destroyed room

	Kept         []entryShot    `json:"kept,omitempty"`          // the same for messages that are not to be archived; this and what follows is in live snapshots alone
	Occupants    []occupantShot `json:"occupants,omitempty"`     // in the order of joining
	LastOccupant uint32         `json:"last_occupant,omitempty"` // the highest number that was given, as is LastSession
	LastSession  uint32         `json:"last_session,omitempty"`
	VoiceAsked   []voiceShot    `json:"voice_asked,omitempty"` // in the order of asking
	Invites      []*InviteSent  `json:"invites,omitempty"`     // the one that expires first in front
	Asks         []*Asked       `json:"asks,omitempty"`        // in the order of asking
	Privates     []privateShot  `json:"privates,omitempty"`    // the oldest first
	Clock        Stamp          `json:"clock,omitzero"`        // of the host when a rate was last spent, if it was behind At
	Spent        []spentShot    `json:"spent,omitempty"`       // sorted by address and kind
	Relays       []relayShot    `json:"relays,omitempty"`      // the oldest first
}

// personShot: what the room remembers of a person or a whole domain.
type personShot struct {
	JID         JID         `json:"jid"`
	Affiliation Affiliation `json:"affiliation"`
	Reason      string      `json:"reason,omitempty"`
	Voice       Role        `json:"voice,omitempty"`
	Nick        string      `json:"nick,omitempty"`
	Key         string      `json:"key,omitempty"`
}

// voiceShot: who asked for voice and must not ask again yet.
type voiceShot struct {
	JID  JID   `json:"jid"`
	Time Stamp `json:"time"`
}

// entryShot: a message, with the numbers and the time of its event.
type entryShot struct {
	Seq  uint64 `json:"seq"`
	Sub  uint64 `json:"sub,omitempty"`
	Time Stamp  `json:"time"`
	Message
}

// occupantShot: somebody inside.
type occupantShot struct {
	Number     uint32 `json:"number"`
	JID        JID    `json:"jid"`
	Nick       string `json:"nick"`
	Key        string `json:"key"`
	OccupantID string `json:"occupant_id"`
	Role       Role   `json:"role"`
	Vouched    bool   `json:"vouched,omitempty"`
	// Puppet is what a puppet has instead of sessions.
	Puppet   *sessionShot  `json:"puppet,omitempty"`
	Sessions []sessionShot `json:"sessions,omitempty"`
}

// sessionShot: one client of an occupant, and what it says in its presence. Spoke is higher than that of sessions who spoke before.
type sessionShot struct {
	Number  uint32 `json:"number"`
	Spoke   uint32 `json:"spoke,omitempty"`
	JID     JID    `json:"jid"`
	Lang    string `json:"lang,omitempty"`
	Payload string `json:"payload,omitempty" holds:"xml"`
}

// privateShot: a private message that may still come back as an error.
type privateShot struct {
	Session  uint32 `json:"session"`
	Occupant uint32 `json:"occupant"`
	ID       string `json:"id,omitempty"`
}

// relayShot: a request to another occupant that may still be answered.
type relayShot struct {
	Session uint32 `json:"session"`
	JID     JID    `json:"jid"`
	Time    Stamp  `json:"time"`
	Way     string `json:"way"`
}

// spentShot: until when a share of Config.Rates is used up.
type spentShot struct {
	JID   JID      `json:"jid"`
	Kind  RateKind `json:"kind"`
	Until Stamp    `json:"until"`
}

const kindDurable, kindLive = "durable", "live"

// Snapshot writes the room down for [Restore]: all of it, or what is durable.
// Equal states give equal bytes. It holds the room's password, but not
// Config.Secret.
func (r *Room) Snapshot(kind SnapshotKind) []byte {
	s, rare := &r.st, r.st.rare()
	shot := snapshot{Version: snapshotVersion, Kind: kindDurable, Room: r.jid, KeyPrint: r.keyPrint(),
		Seq: s.seq, At: s.durableAt.stamp(), DurableAt: s.durableAt.stamp(), Life: s.life.String(), Creator: s.creator,
		LockedUntil: s.lockedUntil.stamp(), Config: *s.conf, Requests: rare.requests, Archived: s.archived.shoot(), End: rare.end}
	if s.life == Unborn {
		shot.KeyPrint = ""
	}
	if s.subject != nil {
		subject := s.subject.shoot()
		shot.Subject = &subject
	}
	for _, p := range s.persons.sorted() {
		if p.remembered() {
			n := p.noted()
			shot.Persons = append(shot.Persons, personShot{p.jid(), p.aff, n.reason, p.voice, n.nick, n.key})
		}
	}
	if kind == Live {
		shot.Kind, shot.Sub, shot.At = kindLive, s.sub, s.at.stamp()
		shot.Kept, shot.Invites, shot.Asks = s.kept.shoot(), rare.invites, rare.asks
		shot.LastOccupant, shot.LastSession = s.lastOccupant, s.lastSession
		for i := range rare.voiceAsked {
			shot.VoiceAsked = append(shot.VoiceAsked, voiceShot{rare.voiceAsked[i].jid(), Stamp{rare.voiceAsked[i].at}})
		}
		for p := range rare.privates.all() {
			shot.Privates = append(shot.Privates, privateShot{p.session, p.occupant, p.id})
		}
		for x := range rare.relays.all() {
			shot.Relays = append(shot.Relays, relayShot{x.session, x.jid(), x.at.stamp(), x.way})
		}
		shot.Clock = rare.clock
		for _, k := range sortedKeys(&rare.spent, compareRateKeys) {
			if x, _ := rare.spent.get(k); x.until.After(hostTime(s.at.time(), rare.clock)) {
				shot.Spent = append(shot.Spent, spentShot{k.jid, k.kind, Stamp{x.until}})
			}
		}
		for _, o := range s.occupants {
			shot.Occupants = append(shot.Occupants, o.shoot())
		}
	}
	return writeStored(&shot)
}

func (o *occupant) shoot() occupantShot {
	shot := occupantShot{Number: o.num, JID: o.person.jid(), Nick: o.nick, Key: o.key, OccupantID: o.id, Role: o.role,
		Vouched: o.person.vouched}
	if o.isPuppet() {
		shot.Puppet = o.front.shoot()
	}
	for ses := o.first; ses != nil; ses = ses.next {
		shot.Sessions = append(shot.Sessions, *ses.shoot())
	}
	return shot
}

func (ses *session) shoot() *sessionShot {
	return &sessionShot{ses.num, ses.spoke, ses.jid(), ses.lang, ses.payload}
}

func (e *entry) shoot() entryShot { return entryShot{e.seq, e.sub, Stamp{e.at}, *e.msg} }

func (h *history) shoot() []entryShot {
	var shots []entryShot
	for e := range h.all() {
		shots = append(shots, e.shoot())
	}
	return shots
}
