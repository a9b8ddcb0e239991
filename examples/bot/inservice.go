package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

// InService is the bot in a room of a service: a server, or a component, has it beside its
// rooms. Service.Events tells it what happens; it acts from a goroutine of its own, because
// a room waits for those who are told.
type InService struct {
	rooms  *service.Service
	bot    Bot // of its goroutine alone
	bridge Bridge
	// network is told what the other network hears.
	network func(line string)
	// todo is what the goroutine has to do: lines that the bot has not heard yet.
	todo chan func()
}

// mostLines is how many lines wait for the bot. When it is that far behind it does not hear
// more: the room must not wait for it.
const mostLines = 100

// newInService starts the service with the bot in one room. It ends with ctx.
func newInService(ctx context.Context, store service.Store, deliver func(context.Context, service.Stanza), network func(string)) (*InService, error) {
	s := &InService{bridge: Bridge{Domain: "irc.example"}, network: network, todo: make(chan func(), mostLines)}
	var err error
	s.rooms, err = service.New(ctx, service.Config{Domain: cellar.Domain(), Room: muc.Config{Secret: secret, Policy: rules},
		Store: store, Deliver: deliver, Events: func(_ context.Context, room muc.JID, events []event.Event) { s.hears(ctx, room, events) }})
	if err != nil {
		return nil, err
	}
	for _, cmd := range beginning {
		if _, err := s.rooms.Do(ctx, cellar, cmd); err != nil {
			return nil, err
		}
	}
	go s.work(ctx)
	return s, nil
}

// hears is called between what a room has stored and what it sends.
func (s *InService) hears(ctx context.Context, room muc.JID, events []event.Event) {
	if room != cellar {
		return
	}
	for _, ev := range events {
		if line := s.bridge.Hears(ev); line != "" {
			s.network(line)
		}
		if line, ok := lineOf(ev); ok {
			select {
			case s.todo <- func() { s.acts(ctx, s.bot.Hears(line)) }:
			default:
			}
		}
	}
}

// work is the bot's goroutine.
func (s *InService) work(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	for {
		if due := s.bot.Deadline(); due.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(due))
		}
		select {
		case <-ctx.Done():
			return
		case do := <-s.todo:
			do()
		case now := <-timer.C:
			s.acts(ctx, s.bot.Tick(now))
		}
	}
}

// acts does what the bot wants. Where it is not inside any more, as after the room's store
// has failed, it enters again first.
func (s *InService) acts(ctx context.Context, acts []Act) {
	for _, act := range acts {
		cmd, asBot := act.command()
		do := func() error {
			var err error
			if asBot {
				_, err = s.rooms.DoAs(ctx, cellar, botJID.Bare(), cmd)
			} else {
				_, err = s.rooms.Do(ctx, cellar, cmd)
			}
			return err
		}
		err := do()
		if errors.Is(err, muc.ErrNotFound) {
			if _, err = s.rooms.Do(ctx, cellar, muc.Join{JID: botJID, Nick: botNick}); err == nil {
				err = do()
			}
		}
		if err != nil && !mayNot(err) && ctx.Err() == nil && !errors.Is(err, service.ErrClosed) {
			slog.Error("the bot is silent", "error", err)
		}
	}
}
