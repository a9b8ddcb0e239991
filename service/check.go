package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomuc/muc"
)

// Check reads all rooms of a store and tells what is wrong with them: a line of the list that
// makes no sense (the room is zero then), a room that cannot be loaded, and one that the list
// describes otherwise than it is. It starts no service and changes nothing. Of the
// configuration it needs Domain, Store and Room, which must be those of the service: Room.Secret
// is checked too. It returns how many rooms there are that are in order.
//
// An error is that of the configuration, of the context, or of a list that cannot be read.
func Check(ctx context.Context, cfg Config, wrong func(room muc.JID, err error)) (good int, err error) {
	return check(ctx, cfg, func(Entry) bool { return true }, wrong)
}

// CheckSuspended is Check of those rooms alone that were put aside with people inside
// ([Service.Suspend]): whether [New] can go on with them. So a host finds that out while the one
// before it is still there to go on. What is only wrong with the list is left to Check.
func CheckSuspended(ctx context.Context, cfg Config, wrong func(room muc.JID, err error)) (good int, err error) {
	return check(ctx, cfg, func(e Entry) bool { return !e.Suspended.IsZero() }, func(room muc.JID, err error) {
		if !room.IsZero() && !errors.Is(err, errListed) {
			wrong(room, err)
		}
	})
}

// errListed: nothing is wrong with the room itself.
var errListed = errors.New("service: the list of rooms describes it otherwise than it is; it is put right when the room is used")

// check is Check of some rooms.
func check(ctx context.Context, cfg Config, which func(Entry) bool, wrong func(room muc.JID, err error)) (good int, err error) {
	s, err := unserved(cfg)
	if err != nil {
		return 0, err
	}
	for after := (muc.JID{}); ; {
		entries, err := s.page(ctx, after)
		if err != nil {
			return good, fmt.Errorf("service: list of rooms: %w", err)
		}
		lines, odd := s.sift(entries, after)
		for _, err := range odd {
			wrong(muc.JID{}, err)
		}
		if len(lines) == 0 {
			return good, nil
		}
		after = lines[len(lines)-1].Room
		for _, e := range lines {
			if e.Room.Domain() != s.cfg.Domain || !which(e) {
				continue
			}
			switch err := s.checkRoom(ctx, e); {
			case ctx.Err() != nil:
				return good, ctx.Err()
			case err != nil:
				wrong(e.Room, err)
			default:
				good++
			}
		}
	}
}

// checkRoom tells what is wrong with a room.
func (s *Service) checkRoom(ctx context.Context, e Entry) error {
	return guarded(func() error {
		saved, err := s.cfg.Store.Load(ctx, e.Room)
		if err != nil {
			return err
		}
		r := newRoom(e.Room)
		if r.live, err = s.restore(e.Room, &saved); err != nil {
			return err
		}
		if saved.Live != nil {
			live, err := s.template.Restore(e.Room, saved.Live, nil)
			if err != nil {
				return fmt.Errorf("who was inside: %w", err)
			}
			if live.Seq() != r.live.Seq() {
				return fmt.Errorf("%w: who was inside was stored at event %d, and the room at %d", muc.ErrCorrupt, live.Seq(), r.live.Seq())
			}
		}
		is := s.entry(r)
		switch {
		case r.live.State() == muc.Unborn:
			return fmt.Errorf("%w: it is in the list, but nothing is stored of it", muc.ErrCorrupt)
		case e.Name != is.Name || e.Public != is.Public || e.Lasting != is.Lasting || !e.Creator.IsZero() && e.Creator != is.Creator:
			return errListed
		}
		return nil
	})
}
