package muc

import "github.com/gomuc/muc/internal/state"

// Recipient lists: who is sent what everybody is sent.

// audience is the room's recipient lists: sessions of moderators and sessions
// of everybody else, because those two may see different things. They are
// caches of the state, rebuilt when it has changed.
//
// A list that was handed out is never written to: a newcomer is appended after its end,
// any other change makes new arrays.
type audience struct {
	moderators, others roster
	shape, count       uint32 // count: occupants taken in
	built              bool
}

// roster is a recipient list in the order of joining.
type roster struct {
	to    []JID
	owner []uint32 // the occupant of each session, ascending
}

// refresh brings the lists up to date with the state.
func (a *audience) refresh(s *state.Room) {
	if a.built && a.shape == s.Shape() && int(a.count) <= len(s.Occupants()) {
		for _, o := range s.Occupants()[a.count:] {
			a.add(o)
		}
		a.count = uint32(len(s.Occupants()))
		return
	}
	*a = audience{moderators: a.moderators.emptied(), others: a.others.emptied(), shape: s.Shape(), count: uint32(len(s.Occupants())), built: true}
	for _, o := range s.Occupants() {
		a.add(o)
	}
}

func (a *audience) add(o *state.Occupant) {
	list := &a.others
	if o.Role() == Moderator {
		list = &a.moderators
	}
	for ses := o.First(); ses != nil; ses = ses.Next() {
		list.to = append(list.to, ses.Address())
		list.owner = append(list.owner, o.Number())
	}
}

// emptied is a new list with capacity for all of the earlier one and one more.
func (l *roster) emptied() roster {
	if len(l.to) == 0 {
		return roster{}
	}
	return roster{to: make([]JID, 0, len(l.to)+1), owner: make([]uint32, 0, len(l.to)+1)}
}

// sessionsOf lists the addresses of one occupant's sessions.
func (a *audience) sessionsOf(o *state.Occupant) []JID {
	list := &a.others
	if o.Role() == Moderator {
		list = &a.moderators
	}
	from, to := list.span(o.Number())
	return list.to[from:to:to]
}

// audience is the recipient lists as they are now.
func (r *Room) audience() *audience {
	r.aud.refresh(&r.st)
	return &r.aud
}

// all is the whole list.
func (l *roster) all() []JID { return l.to[:len(l.to):len(l.to)] }

// span is the range of an occupant's sessions in the list; empty if there are none.
func (l *roster) span(num uint32) (from, to int) {
	from, hi := 0, len(l.owner)
	for from < hi {
		mid := (from + hi) / 2
		if l.owner[mid] < num {
			from = mid + 1
		} else {
			hi = mid
		}
	}
	to = from
	for to < len(l.owner) && l.owner[to] == num {
		to++
	}
	return from, to
}

// around is the list without an occupant, as the parts before and after it: nothing is
// copied.
func (l *roster) around(num uint32) (before, behind []JID) {
	from, to := l.span(num)
	if from == to {
		return l.all(), nil
	}
	return l.to[:from:from], l.to[to:len(l.to):len(l.to)]
}
