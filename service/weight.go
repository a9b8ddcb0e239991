package service

import (
	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// weight is how many events there are, and how many bytes they take when they are stored.
type weight struct{ events, bytes int }

func (w weight) and(more weight) weight { return weight{w.events + more.events, w.bytes + more.bytes} }

// weigh takes the JSON of events as their measure, as that of snapshots is.
func weigh(events []event.Event) weight {
	w := weight{events: len(events)}
	for _, ev := range events {
		b, _ := ev.MarshalJSON() // what cannot be written weighs nothing, and is the store's to refuse
		w.bytes += len(b)
	}
	return w
}

// smallShot is how many bytes of a snapshot are no matter, once every CompactAfter events.
const smallShot = 16 << 10

// largeTail is how many bytes of events, beyond those of the snapshot before them, make another
// one, however few they are.
const largeTail = 4 << 20

// long reports whether events after a snapshot are to be replaced by another one.
func (w weight) long(shot, compactAfter int) bool {
	return w.events >= compactAfter && w.bytes >= shot-smallShot || w.bytes >= shot+largeTail
}

// worth reports whether events after a snapshot are worth another one when a room is put
// aside: whether reading them takes much of the time that reading the room takes.
func (w weight) worth(shot int) bool { return w.bytes >= shot/4 }

// What rooms hold in memory is estimated by themselves, which takes time in a large one.
// So a room is asked again when what has come in since could have made it a quarter
// larger: that costs a room no more than what it was given.

// callBytes is what a call of the host may add, for want of knowing better; where it is
// more, the room says so when it is asked.
const callBytes = 1024

// reweigh has a room say what it holds, after it has done some calls.
func (s *Service) reweigh(r *room, done []call) {
	for _, c := range done {
		if c.stanza != nil {
			r.grown += c.stanza.size
		} else {
			r.grown += callBytes
		}
	}
	size, creator := 0, muc.JID{}
	switch {
	case r.live == nil:
	case r.grown < r.size/4:
		return
	default:
		size, creator = r.live.Size(), r.live.Creator()
	}
	r.grown = 0
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds(r, size, creator)
}

// holds notes what a room holds now, and whose it is.
func (s *Service) holds(r *room, size int, creator muc.JID) {
	s.memory += size - r.size
	if s.held[r.creator] -= r.size; s.held[r.creator] <= 0 {
		delete(s.held, r.creator)
	}
	if r.size, r.creator = size, creator; size > 0 {
		s.held[creator] += size
	}
}

// crowded refuses what could make rooms hold more, when all of them together, or those
// that one person has created, hold too much already: that somebody enters, that a room
// is loaded or changed; and beyond another quarter all that is no goodbye. Where all
// hold too much, idle rooms are put aside first.
func (s *Service) crowded(r *room, in *incoming) *muc.StanzaError {
	most := s.cfg.Limits.Memory
	for s.memory > most && s.makePlace() {
	}
	text := "All rooms together hold too much."
	held := s.memory
	if held <= most && r != nil {
		held, most = s.held[r.creator], s.cfg.Limits.PersonMemory
		text = "The rooms of the creator of this one hold too much."
	}
	grows := r == nil || in != nil && (in.el.Tag == "iq" && in.typ == "set" || in.enters() && s.sessions[in.from].of(r) == 0)
	switch {
	case held <= most, r != nil && (in == nil || in.isGoodbye()):
		return nil
	case grows, held > most+most/4:
		return full(text)
	}
	return nil
}
