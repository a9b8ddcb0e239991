package state

import (
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/splice"
)

// listCache holds the answers to requests for lists of affiliations (XEP-0045 §9). It is
// a cache, not state: made on request, updated by changes, and dropped at any time.
type listCache struct{ known *knownLists } // nil until somebody asks

type knownLists struct {
	people  []*Person // who had an affiliation, by JID
	changed []*Person // who has had another one since
	// Written are whole lists as they were last sent, without the id of the request.
	Written [event.Owner - event.Outcast + 1]*splice.Stanza
}

// leastChanged is how many changes are collected even for a short list.
const leastChanged = 64

// note records that a person's line has changed. Beyond a number of changes the cache is
// dropped instead.
func (c *listCache) note(p *Person) {
	k := c.known
	switch {
	case k == nil:
	case len(k.changed) > len(k.people)+leastChanged:
		c.known = nil
	default:
		k.Written = [len(k.Written)]*splice.Stanza{}
		k.changed = append(k.changed, p)
	}
}

// Of returns the lists of a room, up to date: people whose affiliation changed are merged
// in, so that nothing is sorted again.
func (c *listCache) Of(s *Room) *knownLists {
	if c.known == nil {
		c.known = new(knownLists)
		for _, p := range s.persons.Sorted() {
			if p.aff != event.AffiliationNone {
				c.known.people = append(c.known.people, p)
			}
		}
	}
	if k := c.known; len(k.changed) > 0 {
		slices.SortFunc(k.changed, (*Person).compare)
		k.people, k.changed = merged(k.people, k.changed), nil
	}
	return c.known
}

// Having lists the people of an affiliation, by JID.
func (k *knownLists) Having(aff event.Affiliation) []*Person {
	var some []*Person
	for _, p := range k.people {
		if p.aff == aff {
			some = append(some, p)
		}
	}
	return some
}

// merged merges two sorted lists; people without affiliation and duplicates are left
// out.
func merged(a, b []*Person) []*Person {
	list := make([]*Person, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].compare(a[0]) < 0 {
			from = &b
		}
		p := (*from)[0]
		*from = (*from)[1:]
		if p.aff != event.AffiliationNone && (len(list) == 0 || list[len(list)-1] != p) {
			list = append(list, p)
		}
	}
	return list
}
