package service

import (
	"slices"
	"time"
)

// write is a batch on its way to the store.
type write struct {
	batch Batch
	// turn tells what became of it, or that it is to lead: at most one of each.
	turn chan verdict
}

type verdict struct {
	lead bool
	err  error
}

// save stores a batch, together with those of other rooms that wait at that moment.
// There is no writer: of those who wait, one leads, that is, calls the store for
// all, and then gives the lead to somebody who has come in the meantime.
func (s *Service) save(b Batch) error {
	w := &write{b, make(chan verdict, 2)}
	s.writeMu.Lock()
	s.writes = append(s.writes, w)
	lead := s.leaders < s.cfg.Limits.Writers
	if lead {
		s.leaders++
	}
	s.writeMu.Unlock()
	for {
		if lead {
			s.lead()
		}
		v := <-w.turn
		if !v.lead {
			return v.err
		}
		lead = true
	}
}

// lead stores what waits with one call.
func (s *Service) lead() {
	s.writeMu.Lock()
	n := min(len(s.writes), s.cfg.Limits.StoreBatch)
	group := slices.Clone(s.writes[:n])
	s.writes = slices.Delete(s.writes, 0, n)
	s.writeMu.Unlock()
	s.store(group)
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	if len(s.writes) > 0 {
		s.writes[0].turn <- verdict{lead: true}
	} else {
		s.leaders--
	}
}

// store tells each of a group what became of it. Where all together fail, each is
// tried alone, so that one room is not the misfortune of others.
func (s *Service) store(group []*write) {
	err := s.append(group)
	for i, w := range group {
		if err != nil && len(group) > 1 {
			w.turn <- verdict{err: s.append(group[i : i+1])}
		} else {
			w.turn <- verdict{err: err}
		}
	}
}

func (s *Service) append(group []*write) error {
	if len(group) == 0 {
		return nil // somebody else has stored it
	}
	batches, events := make([]Batch, len(group)), 0
	for i, w := range group {
		batches[i] = w.batch
		events += len(w.batch.Events)
	}
	began := time.Now()
	err := s.cfg.Store.Append(s.ctx, batches)
	if s.cfg.Observer.Stored != nil {
		s.cfg.Observer.Stored(len(batches), events, time.Since(began), err)
	}
	return err
}
