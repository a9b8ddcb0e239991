package service

import (
	"time"
)

// write is a batch on its way to the store.
type write struct {
	batch Batch
	done  chan error
}

// save stores a batch together with those of other rooms.
func (s *Service) save(b Batch) error {
	w := write{b, make(chan error, 1)}
	select {
	case s.writes <- w:
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
	return <-w.done
}

// write is a writer: it takes all that waits, and stores it with one call.
func (s *Service) write() {
	for {
		var group []write
		select {
		case w := <-s.writes:
			group = append(group, w)
		case <-s.ctx.Done():
			return
		}
		for more := true; more && len(group) < s.cfg.Limits.StoreBatch; {
			select {
			case w := <-s.writes:
				group = append(group, w)
			default:
				more = false
			}
		}
		s.store(group)
	}
}

// store tells each of a group what became of it. Where all together fail, each is
// tried alone, so that one room is not the misfortune of others.
func (s *Service) store(group []write) {
	err := s.append(group)
	for i, w := range group {
		if err != nil && len(group) > 1 {
			w.done <- s.append(group[i : i+1])
		} else {
			w.done <- err
		}
	}
}

func (s *Service) append(group []write) error {
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
