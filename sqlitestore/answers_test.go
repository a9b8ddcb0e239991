package sqlitestore

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// library is Answers between rooms and a store that are played.
type library struct {
	*Answers
	mu      sync.Mutex
	reading int // searches under way
	pages   map[muc.JID]int
	most    struct{ pages, room, waiting int }
	answers map[string]muc.Answer
	// open is closed when the rooms take answers again, found when searches end.
	open, found chan struct{}
}

func newLibrary(t *testing.T) *library {
	l := &library{Answers: &Answers{log: slog.New(slog.DiscardHandler)}, pages: map[muc.JID]int{},
		answers: map[string]muc.Answer{}, open: make(chan struct{}), found: make(chan struct{})}
	l.Answers.find = l.find
	l.forgetOld = func(context.Context) error { return nil }
	l.begin()
	l.start(l.answer)
	t.Cleanup(l.Stop)
	return l
}

func (l *library) find(ctx context.Context, room muc.JID, _ muc.ArchiveQuery) (muc.ArchivePage, error) {
	l.mu.Lock()
	l.reading++
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.reading--
		l.pages[room]++
		all := 0
		for _, n := range l.pages {
			all += n
		}
		l.most.pages, l.most.room = max(l.most.pages, all), max(l.most.room, l.pages[room])
	}()
	select {
	case <-l.found:
		return muc.ArchivePage{Complete: true}, nil
	case <-ctx.Done():
		return muc.ArchivePage{}, ctx.Err()
	}
}

func (l *library) answer(ctx context.Context, room muc.JID, answer muc.Answer) error {
	select {
	case <-l.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if answer.Archive != nil {
		l.pages[room]--
	}
	l.answers[answer.ID] = answer
	return nil
}

// asks has rooms ask, each so often.
func (l *library) asks(rooms, questions int) {
	for i := range questions {
		for room := range rooms {
			l.Question(context.Background(), muc.MustParseJID(fmt.Sprintf("room%d@rooms.example", room)), muc.Question{
				ID: fmt.Sprintf("%d-%d", room, i), Deadline: time.Now().Add(time.Minute), Archive: &muc.ArchiveQuery{Max: 100}})
			l.Answers.mu.Lock()
			l.most.waiting = max(l.most.waiting, len(l.waiting))
			l.Answers.mu.Unlock()
		}
	}
}

func (l *library) count() (pages, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.answers {
		if a.Archive != nil {
			pages++
		} else if a.Refuse.Condition == stanza.ResourceConstraint && a.Refuse.Type == stanza.TypeWait {
			refused++
		}
	}
	return pages, refused
}

// While rooms take no answers, as when the server does not read, few pages are in
// memory and few questions wait; those beyond are refused, and every one has one answer.
func TestAnswersAreBounded(t *testing.T) {
	for _, c := range []struct{ rooms, questions, pages, room, waiting, answered int }{
		{1, 200, 4, 4, 46, 50},
		{2, 100, 8, 4, 92, 100},
		{100, 14, 32, 4, 500, 532},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLibrary(t)
			l.asks(c.rooms, c.questions)
			synctest.Wait()
			assert.Equal(t, min(c.pages, max(1, runtime.GOMAXPROCS(0)/2)), l.reading, "searches under way")
			assert.False(t, l.Idle())
			close(l.found)
			synctest.Wait()
			assert.Equal(t, c.pages, l.most.pages)
			assert.LessOrEqual(t, l.most.room, c.room)
			assert.LessOrEqual(t, l.most.waiting, c.waiting)
			close(l.open)
			synctest.Wait()
			pages, refused := l.count()
			assert.Equal(t, c.answered, pages)
			assert.Equal(t, c.rooms*c.questions-c.answered, refused)
			assert.LessOrEqual(t, l.most.pages, pagesAtOnce)
			assert.Empty(t, l.rooms, "nothing is left")
			assert.True(t, l.Idle())
			assert.Zero(t, l.Answers.pages)
			l.open = make(chan struct{})
			l.refusals <- question{} // the room is slow to be told
			l.Answers.mu.Lock()
			l.refusing++
			l.Answers.mu.Unlock()
			synctest.Wait()
			assert.False(t, l.Idle())
			close(l.open)
			synctest.Wait()
			assert.True(t, l.Idle())
			l.asks(1, 1)
			synctest.Wait()
			l.Stop()
		})
	}
}

// One room that takes no answers keeps no other from having some.
func TestAnswersToSlowRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		close(l.found)
		answer := l.Answers.answer
		l.Answers.answer = func(ctx context.Context, room muc.JID, a muc.Answer) error {
			if room.Local() != "room0" {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.answers[a.ID] = a
				return nil
			}
			return answer(ctx, room, a)
		}
		l.asks(1, 100)
		l.asks(2, 1)
		synctest.Wait()
		l.mu.Lock()
		assert.NotNil(t, l.answers["1-0"].Archive)
		l.mu.Unlock()
		l.Stop()
	})
}

// A search that takes too long is ended, and the asker is told.
func TestSearchHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		close(l.open)
		l.asks(1, 1)
		synctest.Wait()
		_, refused := l.count()
		require.Zero(t, refused)
		time.Sleep(searchTime)
		synctest.Wait()
		_, refused = l.count()
		assert.Equal(t, 1, refused)
		l.Stop()
	})
}

// A stop ends searches, and answers that nobody takes, at once.
func TestAnswersStop(t *testing.T) {
	for name, found := range map[string]bool{"searching": false, "answering": true} {
		synctest.Test(t, func(t *testing.T) {
			l := newLibrary(t)
			if found {
				close(l.found)
			}
			l.asks(20, 40)
			synctest.Wait()
			began := time.Now()
			l.Stop()
			assert.Zero(t, time.Since(began), name)
			l.asks(20, 40)
			synctest.Wait()
			pages, refused := l.count()
			assert.Zero(t, pages+refused)
		})
	}
}

// Questions that come before the rooms are known wait for them.
func TestAnswersWaitForStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &library{Answers: &Answers{log: slog.New(slog.DiscardHandler)}, pages: map[muc.JID]int{},
			answers: map[string]muc.Answer{}, open: make(chan struct{}), found: make(chan struct{})}
		l.Answers.find, l.forgetOld = l.find, func(context.Context) error { return nil }
		l.begin()
		close(l.open)
		close(l.found)
		l.asks(2, 3)
		synctest.Wait()
		pages, refused := l.count()
		assert.Zero(t, pages+refused)
		l.start(l.answer)
		synctest.Wait()
		pages, refused = l.count()
		assert.Equal(t, 6, pages)
		assert.Zero(t, refused)
		l.start(nil) // a second start changes nothing
		l.asks(1, 1)
		synctest.Wait()
		l.Stop()
		l.start(l.answer)
	})
}

// Once an hour what is older than Options.Keep goes, and nothing where that is zero.
func TestAnswersForget(t *testing.T) {
	for _, c := range []struct {
		keep time.Duration
		left int
	}{{0, 3}, {10 * time.Hour, 3}, {time.Minute, 0}, {time.Nanosecond, 0}} {
		a := newArchived(t)
		for range 3 {
			a.sends("Romeo", "<message type='groupchat' to='cellar@chat.example'><body>a</body></message>")
		}
		_, err := a.store.writer.Exec(`UPDATE archive SET at = ?`, time.Now().Add(-time.Hour).UnixMilli())
		require.NoError(t, err)
		a.store.options.Keep = c.keep
		require.NoError(t, NewAnswers(a.store, nil).forgetOld(t.Context()))
		page, err := a.store.Archive(t.Context(), a.jid, muc.ArchiveQuery{Max: 10})
		require.NoError(t, err)
		assert.Len(t, page.Messages, c.left, "%v", c.keep)
	}
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		times := 0
		l.Stop()
		again := &Answers{log: l.log, forgetOld: func(context.Context) error { times++; return nil }}
		again.begin()
		again.start(l.answer)
		time.Sleep(150 * time.Minute)
		synctest.Wait()
		assert.Equal(t, 3, times)
		again.Stop()
	})
}
