package state

import (
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
)

// Lists are the lists of affiliations that people ask for (XEP-0045 §9). They are a cache,
// not state: made on request, and kept up to date from then on.
type Lists struct {
	people []*Person // who have an affiliation, by JID
	// Written are whole lists as they were last sent, without the id of the request.
	Written [event.Owner - event.Outcast + 1]*splice.Stanza
}

// Lists are the lists of affiliations as they are now.
func (s *Room) Lists() *Lists {
	if s.lists == nil {
		s.lists = &Lists{people: slices.DeleteFunc(s.People(), func(p *Person) bool { return p.aff == event.AffiliationNone })}
	}
	return s.lists
}

// Having lists the people of an affiliation, by JID.
func (l *Lists) Having(aff event.Affiliation) []*Person {
	var some []*Person
	for _, p := range l.people {
		if p.aff == aff {
			some = append(some, p)
		}
	}
	return some
}

// relist follows a change of what the lists show of a person.
func (s *Room) relist(p *Person) {
	l := s.lists
	if l == nil {
		return
	}
	l.Written = [len(l.Written)]*splice.Stanza{}
	i, listed := slices.BinarySearchFunc(l.people, p, (*Person).compare)
	switch has := p.aff != event.AffiliationNone; {
	case has && !listed:
		l.people = slices.Insert(l.people, i, p)
	case listed && !has:
		l.people = slices.Delete(l.people, i, i+1)
	}
}
