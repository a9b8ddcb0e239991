package muc

import (
	"fmt"
	"iter"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
)

// Room is one chat room. It has one owner at a time: calls must not overlap, and panic if
// it is seen that they do. What it returned may be read by anybody, for ever.
type Room struct {
	cfg *Config // shared with other rooms
	jid JID
	st  state.Room
	aud audience
	// busy is set while a call that changes the room is under way.
	busy bool
}

// enter begins a call that changes the room, and leave ends it. Two at the same time,
// from two goroutines or from within a function of Config, are a fault of the host; it is
// found by a plain flag, which costs nothing and misses some.
func (r *Room) enter() {
	if r.busy {
		panic("muc: two calls of one room at the same time")
	}
	r.busy = true
}

func (r *Room) leave() { r.busy = false }

// Effects is what one step of a room asks of its host.
type Effects struct {
	// Durable happened and is to be stored, in this order, before anything of Outbound
	// leaves. What is stored so is what [Restore] takes.
	Durable []event.Event
	// Volatile happened too, and matters only while people are inside. It is not to be
	// stored: a room restored from it would hold people who are gone. [Effects.Events]
	// has both.
	Volatile []event.Event
	// Outbound is to be delivered, in this order; [Effects.Deliveries] has it as bytes.
	Outbound []Outbound
	// Questions are what the room needs to know from the host; each is answered with
	// Do(Answer{…}) or expires.
	Questions []Question
	// Refused is the rule that the sender of the stanza broke, nil for none. If
	// there was somebody to tell, Outbound tells them.
	Refused *StanzaError
}

// Events is everything that happened, Durable and Volatile, in the order in which it
// happened: for a copy of the room that follows it with [Room.Apply].
func (fx Effects) Events() iter.Seq[event.Event] {
	return func(yield func(event.Event) bool) {
		durable := fx.Durable
		for _, ev := range fx.Volatile {
			for ; len(durable) > 0 && durable[0].Seq <= ev.Seq; durable = durable[1:] {
				if !yield(durable[0]) {
					return
				}
			}
			if !yield(ev) {
				return
			}
		}
		for _, ev := range durable {
			if !yield(ev) {
				return
			}
		}
	}
}

// Deliveries is every copy of a stanza that is to be delivered, in order, with the
// address that it goes to. The bytes are complete, as [Outbound.AppendXML] makes them
// with the same ns, and belong to the caller: they are not used again.
func (fx Effects) Deliveries(ns string) iter.Seq2[JID, []byte] {
	return func(yield func(JID, []byte) bool) {
		for _, out := range fx.Outbound {
			for _, to := range out.To() {
				if !yield(to, out.AppendXML(nil, to, ns)) {
					return
				}
			}
		}
	}
}

// New makes an unborn room: it comes to life with the first acceptable join or
// with Do(Create{…}). The error wraps [ErrConfig]. A host of many rooms makes them
// of a [Template].
func New(cfg Config) (*Room, error) {
	t, room, err := cfg.alone()
	if err != nil {
		return nil, err
	}
	return t.New(room)
}

// Handle takes one stanza from the wire, with a `from` that the host vouches
// for. It neither keeps nor changes the element. Errors: [ErrNilStanza],
// [ErrNotStanza], [ErrNotForRoom], [ErrNoFrom]; whatever else is wrong with a stanza is
// answered to its sender.
func (r *Room) Handle(now time.Time, el *etree.Element) (Effects, error) {
	r.enter()
	defer r.leave()
	var s struct { // one piece of memory
		step step
		in   incoming
	}
	t := s.step.begin(r, now)
	t.in = &s.in
	refused, err := r.admit(t.in, el)
	if err != nil {
		return Effects{}, err
	}
	if refused == nil {
		t.sender = r.senderOf(t.in.from)
		refused = t.dispatch()
	}
	if refused != nil {
		t.refuse(refused)
	} else {
		t.commit()
	}
	return *t.fx, nil
}

// refuse answers a stanza that broke a rule. Nothing that was decided before
// the refusal happens.
func (t *step) refuse(e *StanzaError) {
	e = e.Settled()
	*t.fx = Effects{Refused: e}
	t.renderError(e)
}

// clock makes a time of the host's the room's: UTC, whole milliseconds, within what can
// be written down.
//
// It may lie before the last event, where the host's clock was ahead at that time.
// Events never go back: until the clock has caught up they all happen at the time of
// that one. But rates and deadlines are judged by the clock as it is, so that one call
// that was ahead does not lock them until then.
func clock(now time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	switch {
	case now.After(state.LastTime):
		return state.LastTime
	case now.Before(time.Time{}):
		return time.Time{}
	}
	return now
}

// stamp is when what is decided in a step happens.
func (t *step) stamp() time.Time {
	if at := t.r.st.At().Time(); t.now.Before(at) {
		return at
	}
	return t.now
}

// behind is what the host's clock says, if it is behind the last event.
func (t *step) behind() event.Stamp {
	if t.now.Before(t.r.st.At().Time()) {
		return event.Stamp{Time: t.now}
	}
	return event.Stamp{}
}

// Apply replays one recorded event, as [Restore] does: for a copy of a room that
// follows its events. An error leaves the room unfit for use; errors wrap
// [ErrCorrupt], or are [ErrKey] or [ErrOtherRoom].
func (r *Room) Apply(ev event.Event) error {
	r.enter()
	defer r.leave()
	if err := r.belongs(ev.Body); err != nil {
		return err
	}
	return r.st.Apply(&ev, r.cfg.base)
}

// belongs refuses the birth of another room, or of this one under another secret.
func (r *Room) belongs(body event.Body) error {
	if c, ok := body.(*event.Created); ok {
		if c.Room != r.jid {
			return ErrOtherRoom
		}
		if c.KeyPrint != r.keyPrint() {
			return ErrKey
		}
	}
	return nil
}

// Restore rebuilds a room of a snapshot, of events, or of a snapshot and the
// events after it; either may be nil. From durable events alone, or a Durable
// snapshot, it is the room after a restart of its host: nobody is inside. From
// all events, or a Live snapshot, it is the room itself, in mid-conversation.
func Restore(cfg Config, snapshot []byte, events []event.Event) (*Room, error) {
	t, room, err := cfg.alone()
	if err != nil {
		return nil, err
	}
	return t.Restore(room, snapshot, events)
}

// at is the occupant JID of a nick, or the room's own address for none.
func (r *Room) at(nick string) JID {
	if nick == "" {
		return r.jid
	}
	return r.jid.WithNormalResource(nick)
}

// addressedAs is the address that a stanza was sent to: who answers it.
func (r *Room) addressedAs(in *incoming) JID {
	if !in.toNick || len(in.nick) > jid.MaxPartSize || !xmlwire.ValidText(in.nick) {
		return r.jid
	}
	return r.at(in.nick)
}

// State is where the room is in its life: whether it is worth keeping.
func (r *Room) State() State { return r.st.Life() }

// Seq is the number of the last durable event.
func (r *Room) Seq() uint64 { return r.st.Seq() }

// Sub is the number of the last volatile event after it, zero if there is none.
func (r *Room) Sub() uint64 { return r.st.Sub() }

// Idle reports whether nobody is inside: the host may put the room aside.
func (r *Room) Idle() bool { return len(r.st.Occupants()) == 0 }

// SnapshotKind is what a snapshot is for.
type SnapshotKind uint8

const (
	// Durable is for a store: what durable events tell. Restored, nobody is inside.
	Durable SnapshotKind = iota
	// Live is for a move to another process: everything. Restored, nobody notices.
	Live
)

// Snapshot writes the room down for [Restore]: all of it, or what is durable. Equal states
// give equal bytes. It holds the room's password, but not Config.Secret.
func (r *Room) Snapshot(kind SnapshotKind) []byte {
	return r.st.Snapshot(r.jid, r.keyPrint(), kind == Live)
}

// State is where a room is in its life.
type State = event.State

// The life of a room: it only moves forward.
const (
	Unborn    = event.Unborn    // nobody has created it: worth nothing to a store
	Locked    = event.Locked    // created, but its owner has not configured it yet (XEP-0045 §10.1.1)
	Open      = event.Open      // in use
	Destroyed = event.Destroyed // over; kept only for its tombstone
)

// Template is what many rooms have in common: a [Config], checked and completed
// once. A room of a template shares it and holds nothing of it itself. A template
// never changes; rooms may be made of it by several goroutines at once.
//
// The functions of the Config are shared as well. Policies are told which room asks.
type Template struct{ cfg Config }

// NewTemplate checks a configuration without an address, which each room is given
// by itself. The error wraps [ErrConfig].
func NewTemplate(cfg Config) (*Template, error) {
	if !cfg.Room.IsZero() {
		return nil, fmt.Errorf("%w: Room is set in what many rooms share", ErrConfig)
	}
	full, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if _, refused := full.Limits.checkConfig(&full.Defaults, new(RoomConfig)); refused != nil {
		return nil, fmt.Errorf("%w: Defaults: %s", ErrConfig, refused.Text)
	}
	return &Template{full}, nil
}

// New makes an unborn room at an address, a bare JID with a localpart, as [New]
// does. The error wraps [ErrConfig].
func (t *Template) New(room JID) (*Room, error) {
	if room.IsZero() || !room.IsBare() || room.Local() == "" {
		return nil, fmt.Errorf("%w: Room must be a bare JID with a localpart", ErrConfig)
	}
	r := &Room{cfg: &t.cfg, jid: room}
	r.st.Reset()
	return r, nil
}

// Restore rebuilds the room at an address, as [Restore] does.
func (t *Template) Restore(room JID, snapshot []byte, events []event.Event) (*Room, error) {
	r, err := t.New(room)
	if err != nil {
		return nil, err
	}
	if snapshot != nil {
		if err := r.st.LoadSnapshot(snapshot, r.jid, r.cfg.base, r.belongs); err != nil {
			return nil, err
		}
	}
	for i := range events {
		if err := r.Apply(events[i]); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
	}
	return r, nil
}

// alone makes the template of a single room, and takes its address out of the
// configuration.
func (c Config) alone() (*Template, JID, error) {
	room := c.Room
	c.Room = JID{}
	t, err := NewTemplate(c)
	return t, room, err
}
