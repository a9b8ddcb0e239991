package service

import (
	"context"
	"strings"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// Announce says something to everybody who is inside somewhere: each of these rooms
// says it, as itself. It returns how many rooms have it to say, without waiting for
// them. A text in which nothing stands is a [*muc.StanzaError]; other errors are
// [ErrClosed] and that of the context.
func (s *Service) Announce(ctx context.Context, text string) (rooms int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if strings.TrimSpace(text) == "" {
		return 0, &muc.StanzaError{Condition: stanza.BadRequest, Text: "There is nothing to announce."}
	}
	return s.wherePeopleAre(muc.Say{Body: text})
}

// KickBlocked has all rooms put out those inside whom Room.IsBlocked names now, as
// [muc.KickBlocked] does, and returns how many rooms have it to do, without waiting for them.
// Errors are [ErrClosed] and that of the context.
func (s *Service) KickBlocked(ctx context.Context, reason string) (rooms int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return s.wherePeopleAre(muc.KickBlocked{Reason: reason})
}

// wherePeopleAre gives a command to each room in which somebody is.
func (s *Service) wherePeopleAre(cmd muc.Command) (rooms int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return 0, ErrClosed
	}
	for _, r := range s.rooms {
		if r.people > 0 || s.unloaded[r] {
			s.add(r, call{task: byHost(cmd)})
			rooms++
		}
	}
	return rooms, nil
}
