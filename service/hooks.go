package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// errPanic: a room or a hook panicked.
var errPanic = errors.New("service: panic")

func panicked(p any) error { return fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack()) }

// guarded makes a panic an error: a fault of one room or of one hook is not to be that
// of all.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return f()
}

// caught is deferred around a hook of which nobody waits for an answer: if it panics,
// that is all that becomes of it.
func caught(log *slog.Logger, hook string) {
	if p := recover(); p != nil {
		log.Error("a hook of the host panicked", "hook", hook, "error", panicked(p))
	}
}

// guardHooks sees to it that those hooks that are called outside of a room's step and
// of Handle end no process when they panic. Deliver loses the stanza then, Events
// what it was told, and what Question was given is refused when its time is up.
func (c *Config) guardHooks() {
	log, deliver, batches, ask, events := c.Log, c.Deliver, c.DeliverBatch, c.Question, c.Events
	c.Deliver = func(ctx context.Context, out Stanza) {
		defer caught(log, "Deliver")
		deliver(ctx, out)
	}
	if batches != nil {
		c.DeliverBatch = func(ctx context.Context, d Delivery) {
			defer caught(log, "DeliverBatch")
			batches(ctx, d)
		}
	}
	if ask != nil {
		c.Question = func(ctx context.Context, room muc.JID, a muc.Question) {
			defer caught(log, "Question")
			ask(ctx, room, a)
		}
	}
	if events != nil {
		c.Events = func(ctx context.Context, room muc.JID, list []event.Event) {
			defer caught(log, "Events")
			events(ctx, room, list)
		}
	}
	if lost := c.Lost; lost != nil {
		c.Lost = func(room muc.JID) {
			defer caught(log, "Lost")
			lost(room)
		}
	}
	c.Observer = c.Observer.guarded(log)
}

// guarded has all functions, so that nobody has to look.
func (o Observer) guarded(log *slog.Logger) Observer {
	return Observer{
		Received: func() {
			defer caught(log, "Observer.Received")
			if o.Received != nil {
				o.Received()
			}
		},
		Delivered: func(copies int) {
			defer caught(log, "Observer.Delivered")
			if o.Delivered != nil {
				o.Delivered(copies)
			}
		},
		Refused: func(e *muc.StanzaError) {
			defer caught(log, "Observer.Refused")
			if o.Refused != nil {
				o.Refused(e)
			}
		},
		Stored: func(rooms, events int, took time.Duration, err error) {
			defer caught(log, "Observer.Stored")
			if o.Stored != nil {
				o.Stored(rooms, events, took, err)
			}
		},
		Loaded: func(took time.Duration, err error) {
			defer caught(log, "Observer.Loaded")
			if o.Loaded != nil {
				o.Loaded(took, err)
			}
		},
		Redone: func(same bool) {
			defer caught(log, "Observer.Redone")
			if o.Redone != nil {
				o.Redone(same)
			}
		},
	}
}
