package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomuc/muc"
)

// ErrFuture: what is imported did not happen yet, by the clock of this machine. A room in which
// it had happened would give its time to all that follows.
var ErrFuture = errors.New("service: that is still to come")

// Importer makes rooms of what they were elsewhere, in a store on which no service works
// meanwhile. Nobody is told anything.
//
// To have all rooms or none, give it a store that stores all or nothing, such as that of
// sqlitestore.Store.Together.
type Importer struct{ service *Service }

// NewImporter makes one. Of the configuration it needs Domain, Store and Room, which must be
// those of the service that will work on the store: ids are made with Room.Secret. The error
// wraps [ErrConfig] or [muc.ErrConfig].
func NewImporter(cfg Config) (*Importer, error) {
	cfg.Room.TellAbsent = false
	s, err := unserved(cfg)
	if err != nil {
		return nil, err
	}
	return &Importer{s}, nil
}

// unserved is what a service knows of its rooms before it serves them.
func unserved(cfg Config) (*Service, error) {
	cfg.Deliver = func(context.Context, Stanza) {}
	cfg.Question = func(context.Context, muc.JID, muc.Question) {}
	cfg.Live = false
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	template, err := muc.NewTemplate(cfg.Room)
	if err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, template: template}, nil
}

// ImportedRoom is a room that an [Importer] makes or changes. Its methods must not be called at
// the same time.
type ImportedRoom struct {
	service *Service
	room    *room
	done    []outcome // what is not stored yet
}

// Room is the room at an address, as it is stored; one of which nothing is stored is
// [muc.Unborn] and is made by [muc.Create]. The error is the store's, [muc.ErrNotForRoom], or
// that of a room that cannot be loaded.
func (im *Importer) Room(ctx context.Context, jid muc.JID) (*ImportedRoom, error) {
	s := im.service
	if jid.Domain() != s.cfg.Domain || jid.Local() == "" || !jid.IsBare() {
		return nil, muc.ErrNotForRoom
	}
	r := newRoom(jid)
	err := guarded(func() error {
		saved, err := s.cfg.Store.Load(ctx, jid)
		if err == nil {
			r.shot, r.resumed = len(saved.Snapshot), saved.Live != nil
			err = s.rebuild(r, &saved)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("service: %s: %w", jid, err)
	}
	return &ImportedRoom{service: s, room: r}, nil
}

// State is where the room is in its life, with all that was done.
func (i *ImportedRoom) State() muc.State { return i.room.live.State() }

// Do has the room carry out a command at a time in the past; where it lies before that of an
// earlier command, it counts as that one's. What comes of it is stored now and then, and by
// [ImportedRoom.Close].
//
// Errors are those of [muc.Room.Do], after which the room is as it was and takes other commands;
// [ErrFuture], likewise; and that of the store, after which it is of no use any more.
func (i *ImportedRoom) Do(ctx context.Context, at time.Time, cmd muc.Command) error {
	if at.After(i.service.cfg.Now()) {
		return ErrFuture
	}
	var o outcome
	if err := guarded(func() (err error) { o.fx, err = i.room.live.Do(at, cmd); return err }); err != nil {
		return err
	}
	o.fx.Outbound, o.fx.Questions = nil, nil
	if i.done = append(i.done, o); len(i.done) < i.service.cfg.Limits.Batch {
		return nil
	}
	return i.store(ctx)
}

// Close stores what is not stored yet.
func (i *ImportedRoom) Close(ctx context.Context) error {
	i.done = append(i.done, outcome{call: call{aside: true}})
	return i.store(ctx)
}

// Remove takes the room out of the store, with its archive, also one that has ended and left a
// tombstone. It is [muc.Unborn] then.
func (i *ImportedRoom) Remove(ctx context.Context) error {
	r := i.room
	if err := i.append(ctx, Batch{Room: r.jid, After: r.stored, Entry: Entry{Room: r.jid}, Gone: true}); err != nil {
		return err
	}
	i.done = nil
	return i.begin()
}

// begin makes the room anew.
func (i *ImportedRoom) begin() (err error) {
	i.room = newRoom(i.room.jid)
	i.room.live, err = i.service.template.New(i.room.jid)
	return err
}

func (i *ImportedRoom) store(ctx context.Context) error {
	s, r := i.service, i.room
	b, write := s.batch(r, i.done)
	i.done = nil
	if !write {
		return nil
	}
	if err := i.append(ctx, b); err != nil {
		return err
	}
	if b.Gone {
		return i.begin()
	}
	r.noteStored(b)
	return nil
}

func (i *ImportedRoom) append(ctx context.Context, b Batch) error {
	err := guarded(func() error { return i.service.cfg.Store.Append(ctx, []Batch{b}) })
	if err != nil {
		return fmt.Errorf("service: %s: %w", b.Room, err)
	}
	return nil
}
