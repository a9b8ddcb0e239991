package service

import (
	"sync"
	"time"

	"github.com/gomuc/muc"
)

// searches are the searches for rooms that wait. They are done one after the other, so that
// all of them together never take more than one processor.
type searches struct {
	mu      sync.Mutex
	waiting []*search
	persons map[muc.JID]int // how many of them are whose
	busy    bool
	// spent is when a person's share of the rate will be full again, and swept when those
	// that are full were last forgotten.
	spent map[muc.JID]time.Time
	swept time.Time
}

// sweepAfter is how long there is between two looks at all shares.
const sweepAfter = time.Second

// add takes in a search, or says how long there is to wait before it may come again.
func (x *searches) add(s *Service, q *search) (wait time.Duration) {
	now, who, l := time.Now(), q.in.from.Bare(), &s.cfg.Limits
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.waiting) >= l.Searches || x.persons[who] >= l.PersonSearches {
		return time.Second
	}
	if wait := x.spend(s, who, now); wait > 0 {
		return wait
	}
	if x.persons == nil {
		x.persons = map[muc.JID]int{}
	}
	x.waiting = append(x.waiting, q)
	x.persons[who]++
	if !x.busy {
		x.busy = true
		go s.doSearches()
	}
	return 0
}

// spend uses up some of a person's share, or says when there will be some again.
func (x *searches) spend(s *Service, who muc.JID, now time.Time) (wait time.Duration) {
	rate := s.cfg.SearchRate
	if rate.Every == 0 {
		return 0
	}
	if len(x.spent) >= s.cfg.Limits.Searchers && now.Sub(x.swept) >= sweepAfter {
		x.swept = now
		for jid, full := range x.spent {
			if !full.After(now) {
				delete(x.spent, jid)
			}
		}
	}
	full, known := x.spent[who]
	if !known && len(x.spent) >= s.cfg.Limits.Searchers {
		return sweepAfter
	}
	if full, wait = spend(rate, full, now); wait > 0 {
		return wait
	}
	if x.spent == nil {
		x.spent = map[muc.JID]time.Time{}
	}
	x.spent[who] = full
	return 0
}

// spend uses up one time of a share that is full again at some time, and returns when it is
// full after that; or how long it takes until there is one.
func spend(rate muc.Rate, full, now time.Time) (then time.Time, wait time.Duration) {
	if full.Before(now) {
		full = now
	}
	then = full.Add(rate.Every)
	if wait = then.Sub(now) - time.Duration(rate.Burst)*rate.Every; wait > 0 {
		return full, wait
	}
	return then, 0
}

// next takes out the search that waits longest, if there is one.
func (x *searches) next() *search {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.waiting) == 0 {
		x.busy, x.waiting = false, nil
		return nil
	}
	q := x.waiting[0]
	x.waiting = x.waiting[1:]
	who := q.in.from.Bare()
	if x.persons[who]--; x.persons[who] == 0 {
		delete(x.persons, who)
	}
	return q
}

// doSearches does what waits, as long as the service runs.
func (s *Service) doSearches() {
	for q := s.searches.next(); q != nil; q = s.searches.next() {
		if s.ctx.Err() == nil {
			s.doSearch(q)
		}
		s.answered()
	}
}

// doSearch does a search and answers it.
func (s *Service) doSearch(q *search) {
	var answer *reply
	var e *muc.StanzaError
	if err := guarded(func() error { answer, e = q.answer(s); return nil }); err != nil {
		s.cfg.Log.Error("a hook of the host panicked", "from", q.in.from, "error", err)
		e = broken()
	}
	if e != nil {
		s.refuse(s.ctx, q.in, e)
		return
	}
	s.send(s.ctx, answer)
}
