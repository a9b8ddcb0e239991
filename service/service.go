package service

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// ErrClosed: the service stops, or has stopped.
var ErrClosed = errors.New("service: closed")

// Service is many rooms on one domain. All methods may be called by several
// goroutines at once.
type Service struct {
	cfg      Config
	live     LiveStore // nil without Config.Live
	domain   muc.JID
	template *muc.Template
	dir      directory
	searches searches
	activity activity
	// ctx ends with the service.
	ctx  context.Context
	stop context.CancelFunc

	writeMu sync.Mutex // guards what follows, for moments
	writes  []*write   // those that wait
	writers int        // goroutines that take them to the store

	// mu guards what follows, and of each room what its comment says. It is held for
	// moments: never while a room works, the store is called or a stanza delivered.
	mu       sync.Mutex
	rooms    map[muc.JID]*room // in memory, or with something to do
	unloaded map[*room]bool    // of them, those with somebody inside, nobody knows who until they are loaded
	ready    []*room           // they have something to do and wait for a worker
	workers  int
	senders  map[muc.JID]*sender
	queued   int
	bytes    int        // of the stanzas that wait or are being done
	idle     *list.List // of rooms that may be put aside, the longest idle in front
	timers   timers
	armed    time.Time // when keepTime looks next
	rearm    chan struct{}
	sessions tallies             // who is inside where, by session
	persons  tallies             // the same by person: how many sessions
	created  map[muc.JID]int     // how many rooms there are that somebody has created
	creators map[muc.JID]muc.JID // of each of these rooms, if others have some of them
	asks     tallies             // by person: requests that wait for the host
	doubts   map[muc.JID]doubt   // who of them may be gone
	toAsk    []membership        // who is to be asked if they are still there, one after the other
	asking   bool
	memory   int             // what all rooms hold, in bytes
	held     map[muc.JID]int // of it, by who has created them
	people   int             // occupants of all rooms
	// counted is how many occupants rooms have that somebody is in, as the services of the domain have told each other, and
	// recount in which rooms here it may be another number by now; recount is nil without Config.Owns.
	counted  map[muc.JID]int
	recount  map[muc.JID]bool
	commands int // of administrators that are being carried out
	later    int // requests to the domain that are answered later
	closing  bool
	drained  chan struct{} // closed when the last room has done its last work, and all is answered
}

// New starts a service over a store. It reads the list of rooms, and loads those that
// want something now: temporary rooms, which end, and those whose time has come.
// The context bounds the start only. The error wraps [ErrConfig] or
// [muc.ErrConfig], or is the store's. Rooms that were suspended are there with everybody
// inside when it returns.
func New(ctx context.Context, cfg Config) (*Service, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	domain, err := muc.ParseJID(cfg.Domain)
	if err != nil {
		return nil, fmt.Errorf("%w: Domain: %v", ErrConfig, err)
	}
	s := &Service{cfg: cfg, domain: domain,
		rooms: map[muc.JID]*room{}, senders: map[muc.JID]*sender{}, idle: list.New(), rearm: make(chan struct{}, 1),
		sessions: tallies{}, persons: tallies{}, doubts: map[muc.JID]doubt{}, drained: make(chan struct{}),
		created: map[muc.JID]int{}, held: map[muc.JID]int{}, asks: tallies{}, unloaded: map[*room]bool{}, counted: map[muc.JID]int{}}
	s.live, _ = cfg.Store.(LiveStore)
	s.cfg.Room.Policy.Create = s.mayCreate(cfg.RoomName, cfg.Room.Policy.Create)
	s.cfg.Room.Policy.Ask = s.mayAsk(cfg.Room.Policy.Ask)
	if s.template, err = muc.NewTemplate(s.cfg.Room); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if s.cfg.Owns != nil {
		s.creators, s.recount = map[muc.JID]muc.JID{}, map[muc.JID]bool{}
		go s.keepTime()
		return s, nil
	}
	restless, err := s.readList(ctx)
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("service: list of rooms: %w", err)
	}
	if err := s.loadSuspended(ctx, restless); err != nil {
		return nil, err
	}
	loading := s.loadInhabited(restless)
	go s.keepTime()
	if s.cfg.Live {
		if err := waitLoaded(ctx, loading); err != nil {
			s.stop()
			return nil, err
		}
		s.AskAll()
	}
	return s, nil
}

// Stats are numbers of this moment.
type Stats struct {
	// Rooms are those in memory, Listed those that stand in the list of rooms.
	Rooms, Listed int
	// Occupants are those of all rooms together; Sessions are the different clients
	// who are inside somewhere.
	Occupants, Sessions int
	// Queued are the calls that wait in all queues, Working the rooms at work.
	Queued, Working int
	// QueuedBytes is what the stanzas that wait, or are being done, take in memory.
	QueuedBytes int
	// Memory is what all rooms hold, estimated.
	Memory int
}

// Stats counts, in constant time.
func (s *Service) Stats() Stats {
	listed := s.dir.len()
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Rooms: len(s.rooms), Listed: listed, Occupants: s.people, Sessions: len(s.sessions),
		Queued: s.queued, Working: s.workers, QueuedBytes: s.bytes, Memory: s.memory}
}

// Shutdown stops the service: nothing is taken any more ([ErrClosed]), what waits is
// done, everybody is put out with status 332 and the reason (XEP-0045 §11.2), also by
// rooms whose store fails at that moment, what [Config.Question] was given and nobody has
// answered is refused, and rooms are stored as snapshots. Rooms stay as they are; [New] over the same store
// has them again. When the context ends before that, the rest is given up, its error
// is returned, and nothing is lost of what was stored.
func (s *Service) Shutdown(ctx context.Context, reason string) error {
	return s.end(ctx, call{last: true, task: byHost(muc.Shutdown{Reason: reason})})
}

// end stops the service after a last call of each room.
func (s *Service) end(ctx context.Context, last call) error {
	s.mu.Lock()
	if !s.closing {
		s.closing = true
		for _, r := range s.rooms {
			s.add(r, last)
		}
		s.ends()
	}
	s.mu.Unlock()
	defer s.stop()
	select {
	case <-s.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ends closes drained when the service stops and nothing is left to do.
func (s *Service) ends() {
	if s.closing && s.workers == 0 && s.later == 0 {
		close(s.drained)
	}
}

// postpone takes in a request that is answered later, by answered: at the latest when the
// service stops, which waits for it.
func (s *Service) postpone() *muc.StanzaError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return &muc.StanzaError{Condition: stanza.RecipientUnavailable, Text: "The service stops."}
	}
	s.later++
	return nil
}

// answered tells that a request which was postponed has its answer.
func (s *Service) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later--
	s.ends()
}
