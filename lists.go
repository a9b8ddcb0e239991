package muc

import (
	"slices"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// The lists of affiliations as they are asked for (XEP-0045 §9.2, §9.5, §10.5, §10.8).
// Large rooms have long ones, and clients of admins ask for them often.

// listCache holds what such requests are answered with. It is no state: it is made
// when somebody asks, follows what changes, and can always be made again.
type listCache struct{ known *knownLists } // nil until somebody asks

type knownLists struct {
	people  []*person // who had an affiliation, by JID
	changed []*person // who has had another one since
	// written are whole lists as they were last sent, without the id of the request.
	written [Owner - Outcast + 1]*splice.Stanza
}

// leastChanged is how many changes are kept even for a short list.
const leastChanged = 64

// note takes in that somebody's line in the lists is another one now. When more has
// changed than is worth keeping, everything is forgotten.
func (c *listCache) note(p *person) {
	k := c.known
	switch {
	case k == nil:
	case len(k.changed) > len(k.people)+leastChanged:
		c.known = nil
	default:
		k.written = [len(k.written)]*splice.Stanza{}
		k.changed = append(k.changed, p)
	}
}

// of is what is known of the lists of a room. People whose affiliation changed are
// merged in: nothing is sorted again.
func (c *listCache) of(s *state) *knownLists {
	if c.known == nil {
		c.known = new(knownLists)
		for _, p := range s.persons.sorted() {
			if p.aff != AffiliationNone {
				c.known.people = append(c.known.people, p)
			}
		}
	}
	if k := c.known; len(k.changed) > 0 {
		slices.SortFunc(k.changed, (*person).compare)
		k.people, k.changed = merged(k.people, k.changed), nil
	}
	return c.known
}

// having picks those of an affiliation.
func (k *knownLists) having(aff Affiliation) []*person {
	var some []*person
	for _, p := range k.people {
		if p.aff == aff {
			some = append(some, p)
		}
	}
	return some
}

// merged makes one sorted list of two, of those who have an affiliation, each once.
func merged(a, b []*person) []*person {
	list := make([]*person, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].compare(a[0]) < 0 {
			from = &b
		}
		p := (*from)[0]
		*from = (*from)[1:]
		if p.aff != AffiliationNone && (len(list) == 0 || list[len(list)-1] != p) {
			list = append(list, p)
		}
	}
	return list
}

// listAffiliation answers with a list of affiliations, or a page of one.
func (t *step) listAffiliation(a actor, aff Affiliation, part pageRequest) *StanzaError {
	s := &t.r.st
	if refused := s.mayList(a, aff); refused != nil {
		return refused
	}
	known := s.lists.of(s)
	written := &known.written[aff-Outcast]
	if *written != nil && !part.asked {
		t.ready = *written
		return nil
	}
	people := known.having(aff)
	is, refused := part.cut(len(people), func(uid string) (int, bool) {
		return slices.BinarySearchFunc(people, uid, (*person).compareUID)
	})
	if refused != nil {
		return refused
	}
	is = part.within(is, t.r.cfg.Limits.PageBytes, func(i int) int { return people[i].listedSize(&t.r.cfg.Limits) })
	switch {
	case !part.asked && is.to-is.from == is.count:
		*written = t.r.writeList(people)
		t.ready = *written
		return nil
	}
	t.answer = func(w *xmlwire.Writer) {
		w.Start("query", ns.Admin)
		for _, p := range people[is.from:is.to] {
			listedPerson(w, p, p.listedReason(&t.r.cfg.Limits))
		}
		pageOf(w, &part, is, func(i int) string { return people[i].uid() })
		w.End()
	}
	return nil
}

// listSeveral answers with several lists in one: those that the asker may read. They
// are no longer together than one may be, and have no pages.
func (t *step) listSeveral(a actor, items []adminItem, part pageRequest) *StanzaError {
	s := &t.r.st
	if part.asked {
		return refuse(stanza.BadRequest, "XEP-0059 §2.1", "only one list at a time comes in pages")
	}
	var people []*person
	var occupants []*occupant
	var withheld *StanzaError
	readable := 0
	for i := range items {
		it := &items[i]
		if slices.ContainsFunc(items[:i], it.sameList) {
			continue
		}
		refused := mayListRole(a, it.role)
		if !it.byRole {
			refused = s.mayList(a, it.affiliation)
		}
		switch {
		case refused == nil && it.byRole:
			occupants = append(occupants, s.inRole(it.role)...)
			readable++
		case refused == nil:
			people = append(people, s.lists.of(s).having(it.affiliation)...)
			readable++
		case refused.Condition != stanza.Forbidden:
			return refused
		case withheld == nil:
			withheld = refused
		}
	}
	lim, size := &t.r.cfg.Limits, 0
	for _, p := range people {
		size += p.listedSize(lim)
	}
	for _, o := range occupants {
		size += o.listedSize()
	}
	switch {
	case readable == 0:
		return withheld
	case len(people)+len(occupants) > lim.ListItems || size > lim.PageBytes:
		return refuse(stanza.PolicyViolation, "14.6", "these lists are too long together: ask for one at a time")
	}
	t.answer = func(w *xmlwire.Writer) {
		w.Start("query", ns.Admin)
		for _, p := range people {
			listedPerson(w, p, p.listedReason(lim))
		}
		for _, o := range occupants {
			listedOccupant(w, s, o, a)
		}
		w.End()
	}
	return nil
}

// sameList reports whether two items ask for the same list.
func (it *adminItem) sameList(other adminItem) bool {
	return it.byRole == other.byRole && it.role == other.role && it.affiliation == other.affiliation
}

// itemMarkup is more than a line of a list takes beyond the JID, nick and reason in it.
const itemMarkup = 80

// listedSize is how much somebody's line in a list takes, at most.
func (p *person) listedSize(lim *Limits) int {
	return itemMarkup + len(p.uid()) + xmlwire.EscapedLen(p.nick()) + xmlwire.EscapedLen(p.listedReason(lim))
}

// listedReason is the reason in it: one that was stored by other limits is left out, so
// that any line fits into a page.
func (p *person) listedReason(lim *Limits) string {
	if reason := p.noted().reason; len(reason) <= lim.ReasonBytes {
		return reason
	}
	return ""
}

// writeList writes a whole list as the answer to any request for it.
func (r *Room) writeList(people []*person) *splice.Stanza {
	size := 256
	for _, p := range people {
		size += p.listedSize(&r.cfg.Limits)
	}
	w := xmlwire.Writer{Bytes: make([]byte, 0, size)}
	d := splice.Begin(&w, "iq")
	address(&w, "from", r.jid)
	w.Attr("type", "result")
	w.Start("query", ns.Admin)
	for _, p := range people {
		listedPerson(&w, p, p.listedReason(&r.cfg.Limits))
	}
	w.End()
	w.End()
	d.Bytes = w.Bytes
	return d
}
