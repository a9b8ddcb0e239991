package service

import (
	"container/list"
	"errors"
	"time"

	"github.com/gomuc/muc"
)

// room is one address in memory. While it is busy, its worker owns the fields of the
// second part; otherwise Service.mu guards them.
type room struct {
	jid muc.JID

	// Service.mu guards these.
	queue []call
	bytes int           // of its stanzas that wait or are being done
	busy  bool          // it has a worker, or waits for one
	idle  *list.Element // where it stands among the idle ones
	since time.Time     // since when it is idle
	due   time.Time     // when it wants a tick; zero for never
	timer int           // where it stands among the timers, if due is set

	leaving chan struct{} // closed when another service may have it; nil if it stays
	waited  func()        // told when it is loaded, or cannot be; nil if nobody waits

	reserved muc.JID // whose room it is counted as, until it is stored
	people   int     // occupants when it was last looked at
	size     int     // in bytes, as it is counted in Service.memory
	creator  muc.JID // as whose
	sessions int     // how often it stands in Service.sessions

	// watched is up to whom it was looked who is to be told of activity.
	watched uint64
	// live is nil as long as nobody needs the room.
	live *muc.Room
	// stored is the position of the last event that is stored, tail the events that are stored
	// since the last snapshot, and shot the bytes of that.
	stored Position
	tail   weight
	shot   int
	coming weight // of the batch that is being stored
	// suspended is when it was suspended, until it goes on with those who were inside; zero if
	// it was not, or has gone on.
	suspended time.Time
	// freed: its tombstone is not to stay any longer.
	freed bool
	// resumed says that what is stored of those inside is still there.
	resumed bool
	// sources are where its inputs came from.
	sources []Source
	// answered are the last inputs since the last batch, of which nothing is stored.
	answered []Input
	// again says that a step is done again, and refused that the present one was refused by a
	// limit of the service.
	again, refused bool
	// doubt are calls of which it is not known whether they are stored, with what they brought up
	// to doubtAt, because of cause (Config.Live).
	doubt   []outcome
	doubtAt Position
	cause   error
	// undone are those who have gone, of whom that could not be stored yet (Config.Live).
	undone []*task
	// replace says that what is stored is not what this service would store: the next batch
	// brings a snapshot.
	replace bool
	// ended says that the room has ended and leaves nothing, which is not stored yet, and
	// uncounted that it does not count for who created it any more.
	ended, uncounted bool
	// unshot is how many events there must be in the tail before a snapshot is offered again that
	// the store did not take.
	unshot int
	// left says that another service has the room. It is also guarded by Service.mu.
	left bool
	// redone are steps that were done again when it was loaded, and are to be let out.
	redone [][]outcome
	// grown is what has come in since size was asked for.
	grown int
	// failed is why the room could not be loaded, which is tried again after retry.
	// A room that crashed has a retry too, because it may have wanted something.
	failed error
	retry  time.Time
}

func newRoom(jid muc.JID) *room { return &room{jid: jid} }

// pause is how long a room that failed is left alone.
const pause = time.Minute

// load brings a room into memory. The error is why it cannot be.
func (s *Service) load(r *room) error {
	now := s.cfg.Now()
	if r.failed != nil && now.Before(r.retry) {
		return r.failed
	}
	r.failed = nil
	var saved Saved
	err := guarded(func() (err error) {
		if saved, err = s.cfg.Store.Load(s.ctx, r.jid); err == nil {
			err = s.rebuild(r, &saved)
		}
		return err
	})
	s.cfg.Observer.Loaded(s.cfg.Now().Sub(now), err)
	if err != nil {
		r.live = nil
		if errors.Is(err, ErrNotOwner) {
			return err
		}
		r.failed, r.retry = err, now.Add(pause)
		s.cfg.Log.Error("a room cannot be loaded; it is left alone", "room", r.jid, "error", err)
		return err
	}
	r.retry, r.shot, r.unshot = time.Time{}, len(saved.Snapshot), 0
	r.resumed = saved.Live != nil // the next batch takes away what is stored of them
	switch suspended := r.resumed && !r.suspended.IsZero(); {
	case s.cfg.Live:
		s.reinhabit(r)
		if suspended {
			s.dismiss(r, saved.Live)
		}
	case suspended:
		s.comeBack(r, saved.Live)
	}
	s.dir.set(s.entry(r), r.people) // the list may be from a version that knew less of rooms
	return nil
}

// isDamage tells what is wrong with stored data from what may pass.
func isDamage(err error) bool {
	var unknown *muc.UnknownEventError
	return errors.Is(err, muc.ErrCorrupt) || errors.Is(err, muc.ErrKey) || errors.Is(err, muc.ErrOtherRoom) ||
		errors.Is(err, errPanic) || errors.As(err, &unknown)
}

// dueOf is when a room wants to be woken; a tombstone when its time is up.
func (s *Service) dueOf(r *room) time.Time {
	if r.ended || len(r.undone) > 0 {
		return s.cfg.Now().Add(pause)
	}
	live := r.live

	if ended := live.DestroyedAt(); !ended.IsZero() && s.cfg.TombstoneTime > 0 {
		return ended.Add(s.cfg.TombstoneTime)
	}
	return live.DeadlineAt(s.cfg.Now())
}

// entry describes a room for the store and for the list of rooms.
func (s *Service) entry(r *room) Entry {
	c, state := r.live.RoomConfig(), r.live.State()
	e := Entry{Room: r.jid, Name: c.Name, Public: !c.Hidden && state == muc.Open, Due: s.dueOf(r), Creator: r.live.Creator(),
		Lasting: state == muc.Destroyed && !r.ended || state == muc.Open && c.Persistent, Inhabited: s.cfg.Live && !r.live.Idle()}
	if e.Public {
		e.About = About{Description: shortened(c.Description, descriptionBytes), Lang: c.Lang, MembersOnly: c.MembersOnly,
			Password: c.Password != "", NonAnonymous: c.Whois == muc.WhoisAnyone, Moderated: c.Moderated}
	}
	return e
}

// next settles a room that has done some calls, and returns one that is to be at
// work now; nil for none.
func (s *Service) next(r *room, done []call) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range done {
		if c.stanza != nil {
			s.placeAgain(r, c.stanza)
		}
	}
	if len(r.queue) > 0 {
		s.ready = append(s.ready, r)
	} else {
		r.busy = false
		s.settle(r)
	}
	if len(s.ready) == 0 {
		s.workers--
		s.ends()
		return nil
	}
	r = s.ready[0]
	if s.ready = s.ready[1:]; len(s.ready) == 0 {
		s.ready = nil
	}
	return r
}

// settle decides what becomes of a room without work.
func (s *Service) settle(r *room) {
	switch live := r.live; {
	case s.closing:
		s.forget(r)
	case r.left, r.leaving != nil, live == nil && r.retry.IsZero():
		s.forget(r)
	case live == nil:
		s.setDue(r, r.retry)
	case live.State() == muc.Unborn:
		s.forget(r)
	default:
		s.setDue(r, s.dueOf(r))
		if live.Idle() && r.due.IsZero() {
			r.since = s.cfg.Now()
			r.idle = s.idle.PushBack(r)
			s.arm(r.since.Add(s.cfg.IdleAfter))
		}
	}
}

// forget takes a room without work out of memory.
func (s *Service) forget(r *room) {
	if r.idle != nil {
		s.idle.Remove(r.idle)
		r.idle = nil
	}
	s.setDue(r, time.Time{})
	r.live = nil
	s.holds(r, 0, muc.JID{})
	delete(s.unloaded, r)
	if s.rooms[r.jid] == r {
		delete(s.rooms, r.jid)
	}
	r.endWait()
	if r.leaving != nil {
		close(r.leaving)
		r.leaving = nil
	}
}
