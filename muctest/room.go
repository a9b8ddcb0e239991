package muctest

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/scansion"
	"github.com/gomuc/muc/stanza"
)

// Room is a room under test. The methods of the [muc.Room] inside that tell something
// about it are there as well; those that change it have their like here, without the
// time as an argument and without an error, which ends the test.
type Room struct {
	*muc.Room
	// Config is what the room was made of, with all that [New] filled in.
	Config muc.Config
	// Now is what the clock shows. It stands still, but for [Room.Advance]; to set it is
	// to have a clock that jumps.
	Now time.Time

	t       testing.TB
	clients map[muc.JID]*Client
	events  []event.Event
	// acts counts them. last is what the last one brought, before what the one before
	// it sent, and sender whose stanza the last one was.
	acts   int
	last   muc.Effects
	before []muc.Outbound
	sender string
}

// New makes a room that nobody has entered. Its address is cellar@chat.example and its
// secret one that everybody knows, unless the config has others. Mind [muc.Config.Instant],
// without which a room is locked until its owner has configured it.
func New(t testing.TB, cfg muc.Config) *Room {
	t.Helper()
	return Restore(t, cfg, nil, nil)
}

// Restore is [New] for a room that there was before, of a snapshot, events or both, as
// [muc.Restore] takes them. The clock shows the time of the last event, if that is later
// than it would be.
func Restore(t testing.TB, cfg muc.Config, snapshot []byte, events []event.Event) *Room {
	t.Helper()
	if cfg.Room.IsZero() {
		cfg.Room = muc.MustParseJID("cellar@chat.example")
	}
	if cfg.Secret == nil {
		cfg.Secret = []byte("muctest: a key for tests, known to everybody")
	}
	room, err := muc.Restore(cfg, snapshot, events)
	if err != nil {
		t.Fatalf("muctest: %v", err)
	}
	r := &Room{Room: room, Config: cfg, Now: scansion.Epoch, t: t, clients: map[muc.JID]*Client{}, events: slices.Clone(events)}
	if n := len(events); n > 0 && events[n-1].Time.After(r.Now) {
		r.Now = events[n-1].Time
	}
	return r
}

// Client is the client of an address, which need not be inside: a full JID, or the bare
// one of somebody who is only written to. The same address is the same client.
func (r *Room) Client(jid string) *Client {
	r.t.Helper()
	j, err := muc.ParseJID(jid)
	if err != nil {
		r.t.Fatalf("muctest: %v", err)
	}
	if r.clients[j] == nil {
		r.clients[j] = &Client{JID: j, room: r}
	}
	return r.clients[j]
}

// Join is a client that enters under a nick; if it is refused the test ends.
func (r *Room) Join(jid, nick string) *Client {
	r.t.Helper()
	c := r.Client(jid)
	if fx := c.Joins(nick); fx.Refused != nil {
		r.t.Fatalf("muctest: %s cannot join as %q: %v", jid, nick, fx.Refused)
	}
	return c
}

// Handle gives the room a stanza as it is, with its from and to.
func (r *Room) Handle(text string) muc.Effects {
	r.t.Helper()
	return r.handle(r.parse(text))
}

func (r *Room) parse(text string) *etree.Element {
	r.t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil || doc.Root() == nil {
		r.t.Fatalf("muctest: no stanza, %v: %s", err, text)
	}
	return doc.Root()
}

func (r *Room) handle(el *etree.Element) muc.Effects {
	r.t.Helper()
	fx, err := r.Room.Handle(r.Now, el)
	fx = r.act(fx, err)
	if j, err := muc.ParseJID(el.SelectAttrValue("from", "")); err == nil {
		r.sender = j.String()
	}
	return fx
}

// Do carries out a command of the host itself.
func (r *Room) Do(cmd muc.Command) muc.Effects {
	r.t.Helper()
	return r.act(r.Room.Do(r.Now, cmd))
}

// DoAs carries out a command as somebody.
func (r *Room) DoAs(who muc.JID, cmd muc.Command) muc.Effects {
	r.t.Helper()
	return r.act(r.Room.DoAs(r.Now, who, cmd))
}

// Tick has the room do what is due now, which [Room.Advance] does by itself.
func (r *Room) Tick() muc.Effects {
	r.t.Helper()
	return r.act(r.Room.Tick(r.Now))
}

// act notes what a step brought, from which on checks are about it.
func (r *Room) act(fx muc.Effects, err error) muc.Effects {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("muctest: %v", err)
	}
	r.events = slices.AppendSeq(r.events, fx.Events())
	r.before, r.last, r.sender = r.last.Outbound, fx, ""
	r.acts++
	return fx
}

// maxTicks bounds the deadlines of one [Room.Advance].
const maxTicks = 100_000

// Advance lets time pass. On the way the room is called at each of its deadlines, as a
// host would call it; all that comes of it is one act.
func (r *Room) Advance(d time.Duration) muc.Effects {
	r.t.Helper()
	var all muc.Effects
	until := r.Now.Add(d)
	for range maxTicks {
		due := r.DeadlineAt(r.Now)
		if due.IsZero() || due.After(until) {
			r.Now = until
			return r.act(all, nil)
		}
		if due.After(r.Now) {
			r.Now = due
		}
		fx, err := r.Room.Tick(r.Now)
		if err != nil {
			r.t.Fatalf("muctest: %v", err)
		}
		all.Durable, all.Volatile = append(all.Durable, fx.Durable...), append(all.Volatile, fx.Volatile...)
		all.Outbound, all.Questions = append(all.Outbound, fx.Outbound...), append(all.Questions, fx.Questions...)
	}
	r.t.Fatalf("muctest: more than %d deadlines in %v", maxTicks, d)
	return all
}

// Events is everything that has happened. After [Room.Restart] it is what was stored
// and what has happened since.
func (r *Room) Events() []event.Event { return slices.Clone(r.events) }

// Restart is a restart of the host: the room is restored from its durable events,
// which have been JSON in between, and nobody is inside.
func (r *Room) Restart() {
	r.t.Helper()
	var stored []event.Event
	for _, ev := range r.events {
		if !ev.Durable() {
			continue
		}
		text, err := json.Marshal(ev)
		var read event.Event
		if err = errors.Join(err, json.Unmarshal(text, &read)); err != nil {
			r.t.Fatalf("muctest: %s cannot be stored: %v", ev, err)
		}
		stored = append(stored, read)
	}
	r.Room = r.restore(nil, stored, muc.Durable)
	r.events = stored
	r.act(muc.Effects{}, nil)
}

// Move is a move to another process in mid-conversation: the room is restored from a live
// snapshot. That is no act, because nobody notices. What all events alone would make of
// it is compared as well.
func (r *Room) Move() {
	r.t.Helper()
	r.restore(nil, r.events, muc.Live)
	r.Room = r.restore(r.Snapshot(muc.Live), nil, muc.Live)
}

// Twin is another room that is as this one is now, and goes its own way from here.
func (r *Room) Twin() *Room {
	r.t.Helper()
	twin := *r
	twin.Room, twin.clients, twin.events = r.restore(r.Snapshot(muc.Live), nil, muc.Live), map[muc.JID]*Client{}, slices.Clip(r.events)
	return &twin
}

// restore makes the room again, which has to be the same.
func (r *Room) restore(snapshot []byte, events []event.Event, kind muc.SnapshotKind) *muc.Room {
	r.t.Helper()
	again, err := muc.Restore(r.Config, snapshot, events)
	if err != nil {
		r.t.Fatalf("muctest: the room cannot be restored: %v", err)
	}
	if was, is := r.Snapshot(kind), again.Snapshot(kind); !bytes.Equal(was, is) {
		at := 0
		for at < min(len(was), len(is)) && was[at] == is[at] {
			at++
		}
		const around = 200
		r.t.Errorf("muctest: a restored room is another one, from byte %d of its snapshot on:\n  was: %s\n  is:  %s",
			at, was[max(0, at-around):min(len(was), at+around)], is[max(0, at-around):min(len(is), at+around)])
	}
	return again
}

// IsRefused checks that the stanza of the last act was refused: its sender, and nobody
// else, got an error with this condition, and nothing happened.
func (r *Room) IsRefused(c stanza.Condition) {
	r.t.Helper()
	switch out := r.last.Outbound; {
	case r.last.Refused == nil:
		r.t.Errorf("muctest: expected a refusal, %s, but there was none; what came:%s", c, listing(out))
	case r.last.Refused.Condition != c:
		r.t.Errorf("muctest: expected a refusal, %s, got: %v", c, r.last.Refused)
	case len(r.last.Durable)+len(r.last.Volatile)+len(r.last.Questions) > 0:
		r.t.Errorf("muctest: refused, and yet something happened: %v %v", slices.Collect(r.last.Events()), r.last.Questions)
	case len(out) != 1 || len(out[0].To()) != 1 || out[0].To()[0].String() != r.sender || out[0].Type() != "error":
		r.t.Errorf("muctest: expected one error, to %s; what came:%s", r.sender, listing(out))
	}
}

// Refuses checks that each of these commands of the host itself is refused: with an
// error that errors.Is finds to be the one wanted, such as [muc.ErrNotFound] or
// &muc.StanzaError{Condition: …}. Nothing happens and nobody is told.
func (r *Room) Refuses(want error, cmds ...muc.Command) {
	r.t.Helper()
	r.refuses(want, cmds, func(cmd muc.Command) (muc.Effects, error) { return r.Room.Do(r.Now, cmd) })
}

// RefusesAs is [Room.Refuses] for commands as somebody.
func (r *Room) RefusesAs(who muc.JID, want error, cmds ...muc.Command) {
	r.t.Helper()
	r.refuses(want, cmds, func(cmd muc.Command) (muc.Effects, error) { return r.Room.DoAs(r.Now, who, cmd) })
}

func (r *Room) refuses(want error, cmds []muc.Command, do func(muc.Command) (muc.Effects, error)) {
	r.t.Helper()
	if want == nil || len(cmds) == 0 {
		r.t.Errorf("muctest: no error or no command to check")
		return
	}
	for _, cmd := range cmds {
		was := r.Snapshot(muc.Live)
		fx, err := do(cmd)
		switch {
		case !errors.Is(err, want):
			r.t.Errorf("muctest: %T%+v: expected the error %q, got %v", cmd, cmd, want, err)
		case len(fx.Durable)+len(fx.Volatile)+len(fx.Outbound)+len(fx.Questions) > 0 || fx.Refused != nil || !bytes.Equal(was, r.Snapshot(muc.Live)):
			r.t.Errorf("muctest: %T%+v: refused, and yet something happened: %v%s", cmd, cmd, slices.Collect(fx.Events()), listing(fx.Outbound))
		}
	}
}
