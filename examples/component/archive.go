package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/component/internal/sqlitestore"
	"github.com/gomuc/muc/service"
)

// forgetEvery is how often old messages are taken out of the archive.
const forgetEvery = time.Hour

// archive answers what rooms ask about what was said (XEP-0313). The rooms judge who
// reads what; here it is only found.
type archive struct {
	component *component
	store     *sqlitestore.Store
	keep      time.Duration // 0 keeps nothing
	answering sync.WaitGroup
}

// ask takes a question of a room. It is answered from another goroutine: the room
// goes on meanwhile. Rooms bound how many questions are open.
func (a *archive) ask(_ context.Context, room muc.JID, ask muc.Ask) {
	if ask.Archive == nil {
		return
	}
	a.answering.Go(func() {
		ctx, cancel := context.WithDeadline(context.Background(), ask.Deadline)
		defer cancel()
		answer := muc.Answer{ID: ask.ID}
		page, err := a.store.Archive(ctx, room, *ask.Archive)
		switch {
		case errors.As(err, &answer.Refuse):
		case err != nil:
			a.component.log.Error("the archive cannot be read", "room", room, "error", err)
			answer.Refuse = &muc.StanzaError{Type: muc.TypeWait, Condition: "internal-server-error", Text: "The archive cannot be read."}
		default:
			answer.Archive = &page
		}
		_, err = a.component.service.Do(ctx, room, answer)
		if err != nil && !errors.Is(err, service.ErrClosed) {
			a.component.log.Debug("nobody waits for the archive any more", "room", room, "error", err)
		}
	})
}

// forget takes out what is too old, now and then, until ctx ends.
func (a *archive) forget(ctx context.Context) {
	every := time.NewTicker(forgetEvery)
	defer every.Stop()
	for {
		if err := a.store.Forget(ctx, time.Now().Add(-a.keep)); err != nil && ctx.Err() == nil {
			a.component.log.Error("old messages are still in the archive", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}
