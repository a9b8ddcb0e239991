package main

import (
	"context"
	"log/slog"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// story tells the log what happened in a room: at info what an operator wants to know
// who looks into it later, at debug everything. What people say, and why they say that they
// do something, never stands in it.
func (c *component) story(ctx context.Context, room muc.JID, events []event.Event) {
	for i := range events {
		level, what, details := chapter(&events[i])
		if c.log.Enabled(ctx, level) {
			c.log.Log(ctx, level, what, append([]any{"room", room}, details...)...)
		}
	}
}

// chapter is what the log is told of an event.
func chapter(ev *event.Event) (level slog.Level, what string, details []any) {
	switch b := ev.Body.(type) {
	case *event.Created:
		return slog.LevelInfo, "a room was made", []any{"by", b.Creator}
	case *event.RoomDestroyed:
		if b.Actor.JID.IsZero() {
			return slog.LevelInfo, "a room has ended", nil // it was empty, or an administrator's command says more
		}
		return slog.LevelInfo, "a room was destroyed", []any{"by", b.Actor.JID}
	case *event.Configured:
		var fields []string
		for _, change := range b.Changes {
			fields = append(fields, change.Var)
		}
		return slog.LevelInfo, "a room was configured", []any{"fields", fields, "by", doer(b.Actor)}
	case *event.AffiliationChanged:
		details = []any{"who", b.JID, "by", doer(b.Actor)}
		switch {
		case b.New == b.Old: // only the reason
		case b.New == muc.Outcast:
			return slog.LevelInfo, "somebody was banned", details
		case b.Old == muc.Outcast:
			return slog.LevelInfo, "a ban was lifted", details
		case b.New == muc.Owner || b.Old == muc.Owner:
			return slog.LevelInfo, "a room has other owners", append(details, "was", b.Old, "is", b.New)
		}
	case *event.Removed:
		if b.Cause == event.CauseKicked {
			return slog.LevelInfo, "somebody was kicked", []any{"who", b.JID, "by", doer(b.Actor)}
		}
	case *event.MessageRetracted:
		if b.Moderated != nil {
			return slog.LevelInfo, "a message was taken away", []any{"of", b.JID, "by", doer(b.Moderated.Actor)}
		}
	}
	return slog.LevelDebug, "event", []any{"type", ev.Type(), "seq", ev.Seq}
}

// doer is who did something.
func doer(a event.Actor) any {
	if a.JID.IsZero() {
		return "the service"
	}
	return a.JID
}
