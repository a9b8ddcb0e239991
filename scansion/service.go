package scansion

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// service is the host of a script: a clock and the rooms on all the domains
// where there are no clients.
type service struct {
	cfg     muc.Config
	options Options
	now     time.Time
	rooms   map[muc.JID]*room
	// asks are the open questions of all rooms, the oldest first.
	asks   []question
	player *player
}

// question is what a room asked the host.
type question struct {
	room    muc.JID
	id      string
	archive *muc.ArchiveQuery // what is wanted of the archive, if that is it
}

// room is a room and all it ever told the host to store.
type room struct {
	cfg    muc.Config
	live   machine
	events []event.Event
}

// machine is what the runner needs of a [muc.Room]; tests put others in its
// place.
type machine interface {
	Handle(now time.Time, stanza *etree.Element) (muc.Effects, error)
	Do(now time.Time, command muc.Command) (muc.Effects, error)
	DoAs(now time.Time, who muc.JID, command muc.Command) (muc.Effects, error)
	Tick(now time.Time) (muc.Effects, error)
	Deadline() time.Time
	State() muc.State
	Snapshot(kind muc.SnapshotKind) []byte
}

func newService(cfg muc.Config, o Options, p *player) *service {
	return &service{cfg: cfg, options: o, now: Epoch, rooms: map[muc.JID]*room{}, player: p}
}

// room is the room of an address, a new one if there is none.
func (s *service) room(address muc.JID) (*room, error) {
	if r := s.rooms[address]; r != nil {
		return r, nil
	}
	if address.Local() == "" {
		return nil, fmt.Errorf("%s is the service itself, and there are only rooms here", address)
	}
	cfg := s.cfg
	cfg.Room = address
	live, err := muc.New(cfg)
	if err != nil {
		return nil, err
	}
	r := &room{cfg: cfg, live: live}
	s.rooms[address] = r
	return r, nil
}

// all is the rooms in the order of their addresses.
func (s *service) all() []*room {
	var rooms []*room
	for _, r := range s.rooms {
		rooms = append(rooms, r)
	}
	slices.SortFunc(rooms, func(a, b *room) int { return cmp.Compare(a.cfg.Room.String(), b.cfg.Room.String()) })
	return rooms
}

// begin and end have nothing to do: all starts from nothing, and nobody else sees it.
func (s *service) begin() error { return nil }

func (s *service) end() {}

// tick is the second that an action takes.
func (s *service) tick() error { return s.advance(time.Second) }

func (s *service) pass(pause time.Duration) error { return s.advance(pause) }

func (s *service) clock() time.Time { return s.now }

// more and settle: what a call of a room brings is there when it returns.
func (s *service) more(*user) (bool, error) { return false, nil }

func (s *service) settle() error { return nil }

// features and formFields: there is no script of what the library does not have.
func (s *service) features() ([]string, error) { return nil, nil }

func (s *service) formFields(*user, muc.JID) ([]string, error) { return nil, nil }

func (s *service) connect(*user) error { return nil }

// disconnect tells each room, as a host does that sees a session vanish.
func (s *service) disconnect(u *user) error {
	return s.doEverywhere(hostCommand{command: muc.Vanished{JID: u.JID}})
}

// send hands a stanza to a room, or to other clients.
func (s *service) send(u *user, to muc.JID, stanza *etree.Element) error {
	from := u.JID
	if typ := stanza.SelectAttrValue("type", ""); stanza.Tag == "iq" && (typ == "result" || typ == "error") &&
		stanza.SelectAttrValue("from", "") == u.JID.Bare().String() {
		from = u.JID.Bare()
	}
	stanza.RemoveAttr("from")
	stanza.CreateAttr("from", from.String())
	if !s.player.isUserDomain(to.Domain()) {
		return s.handle(to, stanza)
	}
	n, err := fromElement(stanza)
	if err != nil {
		return err
	}
	s.player.trace.passedOn(s.player.addressee(to))
	s.player.deliver(to, n)
	return nil
}

func (s *service) handle(to muc.JID, stanza *etree.Element) error {
	r, err := s.room(to.Bare())
	if err != nil {
		return err
	}
	return s.step(r, func() (muc.Effects, error) { return r.live.Handle(s.now, stanza) })
}

// hostCommand is a command of the host: in its own name, or in that of a person.
type hostCommand struct {
	command muc.Command
	as      bool
	who     muc.JID
}

func (s *service) do(address muc.JID, d hostCommand) error {
	r, err := s.room(address)
	if err != nil {
		return err
	}
	return s.step(r, func() (muc.Effects, error) {
		if d.as {
			return r.live.DoAs(s.now, d.who, d.command)
		}
		return r.live.Do(s.now, d.command)
	})
}

// doEverywhere has something done in each room that exists.
func (s *service) doEverywhere(d hostCommand) error {
	for _, r := range s.all() {
		if r.live.State() == muc.Destroyed {
			continue
		}
		if err := s.do(r.cfg.Room, d); err != nil {
			return err
		}
	}
	return nil
}

// maxTicks bounds the deadlines of one pause, so that a room which always has
// another cannot hold up a script for good.
const maxTicks = 100_000

// advance moves the clock. On the way each room is called at each of its
// deadlines, the earliest first, as a host would call it.
func (s *service) advance(pause time.Duration) error {
	until := s.now.Add(pause)
	for range maxTicks {
		r := s.firstDue(until)
		if r == nil {
			s.now = until
			return nil
		}
		if due := r.live.Deadline(); due.After(s.now) {
			s.now = due
		}
		s.player.trace.tick(s.now, r.cfg.Room)
		if err := s.step(r, func() (muc.Effects, error) { return r.live.Tick(s.now) }); err != nil {
			return err
		}
		if next := r.live.Deadline(); !next.IsZero() && !next.After(s.now) {
			return fmt.Errorf("room %s is still due after its Tick", r.cfg.Room)
		}
	}
	return fmt.Errorf("more than %d deadlines in %v", maxTicks, pause)
}

func (s *service) firstDue(until time.Time) *room {
	var first *room
	for _, r := range s.all() {
		due := r.live.Deadline()
		if due.IsZero() || due.After(until) {
			continue
		}
		if first == nil || due.Before(first.live.Deadline()) {
			first = r
		}
	}
	return first
}

// step calls a room and carries out what it returns, as the contract of
// package muc asks: events first, then what goes out.
func (s *service) step(r *room, call func() (muc.Effects, error)) error {
	before := r.live.State()
	fx, err := call()
	if err != nil {
		return fmt.Errorf("room %s: %w", r.cfg.Room, err)
	}
	r.events = slices.AppendSeq(r.events, fx.Events())
	s.keepAsks(r.cfg.Room, fx)
	s.player.trace.effects(fx)
	if s.options.Observe != nil {
		s.options.Observe(r.cfg.Room, fx)
	}
	if s.options.CheckReplay {
		if err := r.replay(); err != nil {
			return err
		}
	}
	if s.options.Move {
		if err := r.move(); err != nil {
			return err
		}
	}
	for _, out := range fx.Outbound {
		if err := s.player.post(r.cfg.Room, out); err != nil {
			return err
		}
	}
	if after := r.live.State(); after != before {
		s.player.trace.state(r.cfg.Room, after)
	}
	s.forget(r)
	return nil
}

// keepAsks notes what is asked, and what is answered or has expired.
func (s *service) keepAsks(room muc.JID, fx muc.Effects) {
	for _, ask := range fx.Questions {
		s.asks = append(s.asks, question{room, ask.ID, ask.Archive})
	}
	for e := range fx.Events() {
		if answered, ok := e.Body.(*event.Answered); ok {
			s.asks = slices.DeleteFunc(s.asks, func(q question) bool { return q.room == room && q.id == answered.ID })
		}
	}
}

// forget drops a room that is as good as one that never was. A destroyed one
// stays if it left a tombstone, which only the room itself can show.
func (s *service) forget(r *room) {
	switch r.live.State() {
	case muc.Unborn:
		delete(s.rooms, r.cfg.Room)
	case muc.Destroyed:
		if !r.hasTombstone() {
			delete(s.rooms, r.cfg.Room)
		}
	}
}

func (r *room) hasTombstone() bool {
	if len(r.events) == 0 {
		return false
	}
	end, ok := r.events[len(r.events)-1].Body.(*event.RoomDestroyed)
	return ok && end.Tombstone
}
