package service

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/stanza"
)

// Do has a room carry out a command, as [muc.Room.Do] does, and returns when what
// came of it is stored and delivered. What happened are the events that it returns,
// durable and volatile, in order: nothing is left to do with them. The room is loaded,
// or, by [muc.Create], made. Config.RoomName is not asked about what the host does itself.
//
// Errors are those of [muc.Room.Do], [ErrClosed], [ErrNotOwner], a [*muc.StanzaError] with
// resource-constraint if there is no place for another room in memory, or that of
// the store. Whatever a command names that is not there is [muc.ErrNotFound], here and in
// [Service.DoAs]; a room that is not there is [muc.ErrNotOpen]. When the context ends
// first, its error is returned, and the room may still do it.
func (s *Service) Do(ctx context.Context, room muc.JID, cmd muc.Command) ([]event.Event, error) {
	return s.wait(ctx, room, byHost(cmd))
}

// DoAs has a room carry out a command that somebody has given, as [muc.Room.DoAs] does;
// for the rest it is [Service.Do].
func (s *Service) DoAs(ctx context.Context, room, who muc.JID, cmd muc.Command) ([]event.Event, error) {
	if who.IsZero() {
		return nil, muc.ErrNobody
	}
	return s.wait(ctx, room, &task{cmd: cmd, as: who})
}

// Free frees the address of a room that was destroyed before the time of its tombstone is up
// ([Config.TombstoneTime]): nothing is left of the room, and a new one may be made there. A room
// that is not destroyed is a [*muc.StanzaError] with unexpected-request, one that is not there
// [muc.ErrNotOpen]. Other errors are as for [Service.Do].
func (s *Service) Free(ctx context.Context, room muc.JID) error {
	var refused error
	err := s.Read(ctx, room, func(live *muc.Room) {
		switch live.State() {
		case muc.Unborn:
			refused = muc.ErrNotOpen
		case muc.Destroyed:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.rooms[room].freed = true
		default:
			refused = &muc.StanzaError{Condition: stanza.UnexpectedRequest, Text: "The room is not destroyed."}
		}
	})
	return cmp.Or(err, refused)
}

// Read lets a function look at a room, between two of its steps, as it is in memory:
// what it sees may not be stored yet. The function must be quick and only read; it
// must not keep the room. A room that nobody has made is Unborn. Errors are as
// for [Service.Do]; when Read has returned, the function is not called any more.
func (s *Service) Read(ctx context.Context, room muc.JID, read func(*muc.Room)) error {
	var mu sync.Mutex
	over := false
	_, err := s.wait(ctx, room, &task{read: func(live *muc.Room) {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			read(live)
		}
	}})
	mu.Lock()
	defer mu.Unlock()
	over = true
	return err
}

// wait has a room do something, and waits for the end of it.
func (s *Service) wait(ctx context.Context, room muc.JID, d *task) ([]event.Event, error) {
	type end struct {
		events []event.Event
		err    error
	}
	if room.Domain() != s.cfg.Domain || room.Local() == "" || !room.IsBare() {
		return nil, muc.ErrNotForRoom
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ends := make(chan end, 1)
	c := call{task: d, done: func(fx muc.Effects, err error) { ends <- end{slices.Collect(fx.Events()), err} }}
	if err := s.enqueue(room, c); err != nil {
		return nil, err
	}
	select {
	case e := <-ends:
		return e.events, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
