package service

import (
	"errors"
	"time"
)

// write is a batch on its way to the store.
type write struct {
	batch Batch
	done  chan error // what became of it, once
}

// save stores a batch, together with those of other rooms that wait at that moment, and
// returns what became of it. If fewer than Limits.Writers writers are at work it starts
// one more, so that no waiting batch is left behind.
func (s *Service) save(b Batch) error {
	w := &write{b, make(chan error, 1)}
	s.writeMu.Lock()
	s.writes = append(s.writes, w)
	if s.writers < s.cfg.Limits.Writers {
		s.writers++
		go s.write()
	}
	s.writeMu.Unlock()
	return <-w.done
}

// write is a writer: it stores what waits until nothing does.
func (s *Service) write() {
	for group := s.takeWrites(); len(group) > 0; group = s.takeWrites() {
		s.store(group)
	}
}

// takeWrites takes what waits, as far as it is one call of the store; if nothing does,
// there is one writer less. Both happen under one lock with what save does, so nothing
// is left behind without a writer.
func (s *Service) takeWrites() []*write {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	if len(s.writes) == 0 {
		s.writes = nil
		s.writers--
		return nil
	}
	n := min(len(s.writes), s.cfg.Limits.StoreBatch)
	group := s.writes[:n:n]
	s.writes = s.writes[n:]
	return group
}

// store tells each of a group what became of it. Where all together fail, each is
// tried alone, so that a room that cannot be stored does not keep others from it.
func (s *Service) store(group []*write) {
	err := s.append(group)
	for i, w := range group {
		alone := err
		if err != nil && len(group) > 1 {
			alone = s.append(group[i : i+1])
			if errors.Is(alone, ErrConflict) && !errors.Is(err, ErrConflict) {
				alone = err // it may have been stored with the others, although that failed
			}
		}
		w.done <- alone
	}
}

// append calls the store once. A store that panics has failed.
func (s *Service) append(group []*write) error {
	batches, events := make([]Batch, len(group)), 0
	for i, w := range group {
		batches[i] = w.batch
		events += len(w.batch.Events)
	}
	began := time.Now()
	err := guarded(func() error { return s.cfg.Store.Append(s.ctx, batches) })
	s.cfg.Observer.Stored(len(batches), events, time.Since(began), err)
	return err
}
