package service

import (
	"fmt"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// call is one thing that a room has to do.
type call struct {
	// stanza came off the wire; nil for what the host or the service wants.
	stanza *incoming
	// task is what the room does then; nil for nothing.
	task *task
	// done is told the end of it, unless nil; it must not block.
	done func(muc.Effects, error)
	// aside: the room is to be put aside, if it is still idle.
	aside bool
	// last: the service stops. Rooms that are not in memory need not be loaded.
	last bool
	// suspend: it is stored with everybody inside.
	suspend bool
	// leave: another service has the room from now on, to which take gives it; nil if that reads
	// it from the store.
	leave bool
	take  func(Handed)
}

// incoming is a stanza for the service or one of its rooms.
type incoming struct {
	el       *etree.Element
	typ, id  string
	from, to muc.JID
	size     int // estimated, in bytes of memory
	source   *Source
	entering bool // it is counted as such
}

// isAnswer reports whether it must not be answered (RFC 6120 §8.2.3, §8.3.1).
func (in *incoming) isAnswer() bool {
	return in.typ == "error" || in.el.Tag == "iq" && in.typ == "result"
}

// isGoodbye reports whether it tells what is so anyway: refusing it would help
// nobody.
func (in *incoming) isGoodbye() bool {
	return in.isAnswer() || in.el.Tag == "presence" && in.typ == "unavailable"
}

// sender is what one person has waiting, or being done at this moment.
type sender struct {
	all, bytes int
	in         tally
	entering   int // of them ask to enter a room where the person is not
}

// place finds place for a stanza in the queue of a room.
func (s *Service) place(r *room, in *incoming) *muc.StanzaError {
	factor := 1
	if in.isGoodbye() {
		factor = 2
	}
	l, who := &s.cfg.Limits, in.from.Bare()
	p := s.senders[who]
	if p == nil {
		p = new(sender)
	}
	switch {
	case p.all >= factor*l.SenderQueue, p.in.of(r) >= factor*l.SenderShare, p.bytes+in.size > factor*l.SenderBytes:
		return full("Too many of your stanzas are waiting.")
	case len(r.queue) >= factor*l.RoomQueue, r.bytes+in.size > factor*l.RoomBytes, s.bytes+in.size > factor*l.QueueBytes:
		return full("Too many stanzas are waiting.")
	}
	if in.enters() && s.persons[who].of(r) == 0 {
		if e := s.mayEnter(p, in); e != nil {
			return e
		}
		in.entering = true
		p.entering++
	}
	p.all++
	p.in.add(r, 1)
	s.senders[who] = p
	s.weigh(r, p, in.size)
	return nil
}

// weigh counts bytes that wait.
func (s *Service) weigh(r *room, p *sender, bytes int) {
	p.bytes += bytes
	r.bytes += bytes
	s.bytes += bytes
}

// full refuses what finds no place.
func full(text string) *muc.StanzaError {
	return &muc.StanzaError{Condition: stanza.ResourceConstraint, Text: text}
}

// placeAgain gives back the place of a stanza that is done: until then the room may hold
// it.
func (s *Service) placeAgain(r *room, in *incoming) {
	who := in.from.Bare()
	p := s.senders[who]
	s.weigh(r, p, -in.size)
	if p.all--; p.all == 0 {
		delete(s.senders, who)
		return
	}
	p.in.add(r, -1)
	s.hasEntered(in)
}

// hasEntered counts a stanza, if there is one, no longer as one that asks to enter a room: from now
// on the person counts as inside, or it came to nothing.
func (s *Service) hasEntered(in *incoming) {
	if in != nil && in.entering {
		in.entering = false
		s.senders[in.from.Bare()].entering--
	}
}

// enqueue gives a room something to do: a stanza, if there is place for it, or what
// the host wants.
func (s *Service) enqueue(jid muc.JID, c call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return ErrClosed
	case !s.owns(jid):
		return fmt.Errorf("%w: %s", ErrNotOwner, jid)
	}
	if e := s.crowded(s.roomAt(jid), c.stanza); e != nil {
		return e
	}
	r := s.roomAt(jid) // unless it was put aside just now
	if r == nil {
		if len(s.rooms) >= s.cfg.Limits.Rooms && !s.makePlace() {
			return full("Too many rooms are in use.")
		}
		r = newRoom(jid)
	}
	if c.stanza != nil {
		if e := s.place(r, c.stanza); e != nil {
			return e
		}
	}
	s.rooms[jid] = r
	s.add(r, c)
	return nil
}

// add appends to the queue of a room and gets it a worker.
func (s *Service) add(r *room, c call) {
	r.queue = append(r.queue, c)
	s.queued++
	if r.busy {
		return
	}
	r.busy = true
	if r.idle != nil {
		s.idle.Remove(r.idle)
		r.idle = nil
	}
	if s.workers < s.cfg.Limits.Workers {
		s.workers++
		go s.work(r)
	} else {
		s.ready = append(s.ready, r)
	}
}

// nextCalls takes what waits for a room, as far as it is one batch.
func (s *Service) nextCalls(r *room) []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(r.queue), s.cfg.Limits.Batch)
	calls := r.queue[:n:n]
	r.queue = r.queue[n:]
	if len(r.queue) == 0 {
		r.queue = nil
	}
	s.queued -= n
	return calls
}

// makePlace puts one idle room aside at once: all of it is stored.
func (s *Service) makePlace() bool {
	front := s.idle.Front()
	if front == nil {
		return false
	}
	s.forget(front.Value.(*room))
	return true
}
