package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// Forget has all rooms forget a deleted account, as [muc.Forget] does, and returns how many
// of them knew it; where several services share the domain (Config.Owns), those of this one. An account that is the only owner somewhere is followed by the heir,
// unless that is zero. Forget waits for the rooms, one after the other, and loads those that are
// not in memory, because only they know whom they know: it takes long, and is for a
// goroutine of its own. The account should be unable to log in before.
//
// A room that cannot do it does not keep the others from it. Its error is part of the one
// that is returned, for the first hundred of such rooms, and is one of [Service.Do].
// A [*muc.StanzaError] with conflict tells of a room that has no other owner and no heir,
// one with jid-malformed that who or heir is no account. [ErrClosed], and an error of the
// context or of the store's list, end it. It can be called again: what is forgotten stays so.
func (s *Service) Forget(ctx context.Context, who, heir muc.JID) (rooms int, err error) {
	if who.Local() == "" || !heir.IsZero() && heir.Local() == "" {
		return 0, &muc.StanzaError{Condition: stanza.JIDMalformed, Text: "Only accounts are forgotten and inherit."}
	}
	var failed []error
	for e, err := range s.Rooms(ctx) {
		if err != nil {
			return rooms, errors.Join(append(failed, err)...)
		}
		knew, err := s.forgetIn(ctx, e.Room, muc.Forget{JID: who, Heir: heir})
		if knew {
			rooms++
		}
		switch {
		case ctx.Err() != nil:
			return rooms, errors.Join(append(failed, ctx.Err())...)
		case errors.Is(err, ErrClosed):
			return rooms, errors.Join(append(failed, err)...)
		case err != nil && len(failed) < oddLines:
			failed = append(failed, fmt.Errorf("%s: %w", e.Room, err))
		}
	}
	return rooms, errors.Join(failed...)
}

// forgetIn has one room forget an account, and puts it aside if it was loaded for that.
func (s *Service) forgetIn(ctx context.Context, room muc.JID, cmd muc.Forget) (knew bool, err error) {
	s.mu.Lock()
	loaded := s.rooms[room] != nil
	s.mu.Unlock()
	events, err := s.Do(ctx, room, cmd)
	if !loaded {
		_ = s.enqueue(room, call{aside: true}) // or later, when it has been idle
	}
	if errors.Is(err, muc.ErrNotOpen) || errors.Is(err, ErrNotOwner) { // a tombstone knows nobody
		err = nil
	}
	return len(events) > 0, err
}
