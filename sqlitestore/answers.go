package sqlitestore

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

const (
	// forgetEvery is how often old messages are taken out of the archive.
	forgetEvery = time.Hour
	// pagesAtOnce is how many pages are in memory at the same time, in all rooms: from
	// when they are read until the room has sent them. pagesOfRoom are those of one
	// room: one that is slow must not have all.
	pagesAtOnce, pagesOfRoom = 32, 4
	// questionsAtOnce is how many questions wait besides, questionsOfRoom those of one
	// room.
	questionsAtOnce, questionsOfRoom = 500, 50
	// refusalsAtOnce is how many rooms wait to be told that there is no place. What is
	// beyond that is refused by the room itself, when its time is up.
	refusalsAtOnce = 1000
	// searchTime is how long one question may take.
	searchTime = 5 * time.Second
)

// Answers answers what rooms ask about what was said in them (XEP-0313), from a store. The
// rooms judge who may read what; here it is only found. It goes between a store and a service:
//
//	answers := sqlitestore.NewAnswers(store, nil)
//	rooms, err := service.New(ctx, service.Config{Question: answers.Question, …})
//	answers.Start(rooms)
//	…
//	answers.Stop()
//	rooms.Shutdown(ctx, "closing time")
//	store.Close()
//
// Once an hour it also takes out of the store what is older than [Options.Keep].
//
// What it does at a time is bounded, so that questions neither fill the memory with pages
// when a client reads slowly, nor keep the machine from other work: half of the processors
// search; 32 pages are in memory, 4 of one room, until the room has sent them; 500
// questions wait, 50 of one room. More are refused with resource-constraint, of type wait,
// as is a question whose search takes longer than 5 seconds.
type Answers struct {
	// find looks into the store, answer brings what was found to the room and returns
	// when the room has sent it, forgetOld takes out what is too old.
	find      func(ctx context.Context, room muc.JID, q muc.ArchiveQuery) (muc.ArchivePage, error)
	answer    func(ctx context.Context, room muc.JID, answer muc.Answer) error
	forgetOld func(ctx context.Context) error
	log       *slog.Logger

	ctx     context.Context // ends with Stop
	cancel  context.CancelFunc
	working sync.WaitGroup
	// reading has a place for each question that is looked up at the same time: half
	// of the processors.
	reading  chan struct{}
	refusals chan question

	mu      sync.Mutex
	started bool
	stopped bool
	waiting []question
	rooms   map[muc.JID]share // of which something waits or is at work
	pages   int               // at work
	// refusing are the refusals that are not told yet.
	refusing int
}

// question is what a room asks, without what it needs no more.
type question struct {
	room     muc.JID
	id       string
	deadline time.Time
	query    *muc.ArchiveQuery
}

// share is what one room has of the archive's places.
type share struct{ questions, pages int }

// NewAnswers makes the answers from a store. The log is told when the archive cannot be
// read; nil means slog.Default().
func NewAnswers(s *Store, log *slog.Logger) *Answers {
	a := &Answers{find: s.Archive, log: log, forgetOld: func(ctx context.Context) error {
		var before time.Time // nothing is older
		if s.options.Keep > 0 {
			before = time.Now().Add(-s.options.Keep)
		}
		return s.Forget(ctx, before)
	}}
	if log == nil {
		a.log = slog.Default()
	}
	a.begin()
	return a
}

// begin makes its places.
func (a *Answers) begin() {
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.reading = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	a.refusals = make(chan question, refusalsAtOnce)
	a.rooms = map[muc.JID]share{}
}

// Start begins to answer the rooms of a service. Questions that came before have waited.
// Further calls do nothing.
func (a *Answers) Start(rooms *service.Service) {
	a.start(func(ctx context.Context, room muc.JID, answer muc.Answer) error {
		_, err := rooms.Do(ctx, room, answer)
		return err
	})
}

func (a *Answers) start(answer func(ctx context.Context, room muc.JID, answer muc.Answer) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started || a.stopped {
		return
	}
	a.started, a.answer = true, answer
	a.working.Go(a.forget)
	a.working.Go(a.refuse)
	a.next()
}

// Stop ends all work at once and returns when it has ended. Rooms refuse by themselves
// what is not answered then, when its time is up. Further calls do nothing.
func (a *Answers) Stop() {
	a.mu.Lock()
	a.stopped, a.waiting = true, nil
	a.mu.Unlock()
	a.cancel()
	a.working.Wait()
}

// Idle reports whether no question waits or is being answered. When a service is given nothing
// more to do, that is so after a while, and then [service.Service.Suspend] refuses none.
func (a *Answers) Idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.rooms) == 0 && a.refusing == 0
}

// Question takes what a room asks: it is [service.Config.Question]. It does not wait; the
// answer is given later, from another goroutine. Questions about other things than the
// archive it leaves alone.
func (a *Answers) Question(_ context.Context, room muc.JID, ask muc.Question) {
	if ask.Archive == nil {
		return
	}
	q := question{room, ask.ID, ask.Deadline, ask.Archive}
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.rooms[room]
	switch {
	case a.stopped:
	case len(a.waiting) >= questionsAtOnce || of.questions >= questionsOfRoom:
		select {
		case a.refusals <- q:
			a.refusing++
		default:
		}
	default:
		of.questions++
		a.rooms[room] = of
		a.waiting = append(a.waiting, q)
		a.next()
	}
}

// next sets to work what has a place: the questions that wait longest, but for those of
// rooms that have enough.
func (a *Answers) next() {
	for a.started && a.pages < pagesAtOnce {
		i := slices.IndexFunc(a.waiting, func(q question) bool { return a.rooms[q.room].pages < pagesOfRoom })
		if i < 0 {
			return
		}
		q := a.waiting[i]
		a.waiting = slices.Delete(a.waiting, i, i+1)
		of := a.rooms[q.room]
		of.pages++
		a.rooms[q.room] = of
		a.pages++
		a.working.Go(func() {
			a.serve(q)
			a.done(q)
		})
	}
}

// done gives back the places of a question.
func (a *Answers) done(q question) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.rooms[q.room]
	of.pages, of.questions = of.pages-1, of.questions-1
	if a.rooms[q.room] = of; of.questions == 0 {
		delete(a.rooms, q.room)
	}
	a.pages--
	if !a.stopped {
		a.next()
	}
}

// serve answers a question. A room that is slow to take the answer is waited for, so
// that the page keeps its place as long as it is in memory.
func (a *Answers) serve(q question) {
	answer := muc.Answer{ID: q.id}
	page, err := a.search(q)
	switch {
	case a.ctx.Err() != nil || !time.Now().Before(q.deadline):
		return
	case errors.As(err, &answer.Refuse):
	case errors.Is(err, context.DeadlineExceeded):
		answer.Refuse = &muc.StanzaError{Type: stanza.TypeWait, Condition: stanza.ResourceConstraint, Text: "The archive has too much to do."}
	case err != nil:
		a.log.Error("the archive cannot be read", "room", q.room, "error", err)
		answer.Refuse = &muc.StanzaError{Type: stanza.TypeWait, Condition: stanza.InternalServerError, Text: "The archive cannot be read."}
	default:
		answer.Archive = &page
	}
	a.tell(q.room, answer)
}

// search looks a question up, when there is place for that, within its time.
func (a *Answers) search(q question) (muc.ArchivePage, error) {
	ctx, cancel := context.WithDeadline(a.ctx, q.deadline)
	defer cancel()
	select {
	case a.reading <- struct{}{}:
		defer func() { <-a.reading }()
	case <-ctx.Done():
		return muc.ArchivePage{}, ctx.Err()
	}
	ctx, cancel = context.WithTimeout(ctx, searchTime)
	defer cancel()
	return a.find(ctx, q.room, *q.query)
}

func (a *Answers) tell(room muc.JID, answer muc.Answer) {
	err := a.answer(a.ctx, room, answer)
	if err != nil && a.ctx.Err() == nil && !errors.Is(err, service.ErrClosed) {
		a.log.Debug("nobody waits for the archive any more", "room", room, "error", err)
	}
}

// refuse answers the questions for which there is no place.
func (a *Answers) refuse() {
	for {
		select {
		case <-a.ctx.Done():
			return
		case q := <-a.refusals:
			a.tell(q.room, muc.Answer{ID: q.id, Refuse: &muc.StanzaError{Type: stanza.TypeWait,
				Condition: stanza.ResourceConstraint, Text: "Too many questions to the archive are waiting.", Section: "14.6"}})
			a.mu.Lock()
			a.refusing--
			a.mu.Unlock()
		}
	}
}

// forget takes out what is too old, now and then.
func (a *Answers) forget() {
	every := time.NewTicker(forgetEvery)
	defer every.Stop()
	for {
		if err := a.forgetOld(a.ctx); err != nil && a.ctx.Err() == nil {
			a.log.Error("old messages are still in the archive", "error", err)
		}
		select {
		case <-a.ctx.Done():
			return
		case <-every.C:
		}
	}
}
