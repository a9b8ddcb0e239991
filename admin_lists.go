package muc

import (
	"slices"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/rsm"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Lists of affiliations as admins ask for them (XEP-0045 §9.2, §9.5, §10.5, §10.8). Large
// rooms have long ones, and clients ask for them often, so they are cached.

// listAffiliation answers with a list of affiliations, or a page of one.
func (t *step) listAffiliation(a *sender, aff Affiliation, part rsm.Request) *StanzaError {
	s := &t.r.st
	if refused := mayList(s, a, aff); refused != nil {
		return refused
	}
	known := s.Lists().Of(s)
	written := &known.Written[aff-Outcast]
	if *written != nil && !part.Asked {
		t.owe(listReply{*written})
		return nil
	}
	people := known.Having(aff)
	is, refused := part.Cut(len(people), func(uid string) (int, bool) {
		return slices.BinarySearchFunc(people, uid, (*state.Person).CompareUID)
	})
	if refused != nil {
		return refused
	}
	is = part.Within(is, t.r.cfg.Limits.PageBytes, func(i int) int { return listedSize(people[i], &t.r.cfg.Limits) })
	switch {
	case !part.Asked && is.Whole():
		*written = t.r.writeList(people)
		t.owe(listReply{*written})
		return nil
	}
	t.answer(func(w *xmlwire.Writer) {
		w.Start("query", ns.Admin)
		for _, p := range people[is.From:is.To] {
			listedPerson(w, p, listedReason(p, &t.r.cfg.Limits))
		}
		part.Write(w, is, func(i int) string { return people[i].UID() })
		w.End()
	})
	return nil
}

// listSeveral answers with several lists in one: those that the asker may read. Together
// they are no longer than one may be, and have no pages.
func (t *step) listSeveral(a *sender, items []adminItem, part rsm.Request) *StanzaError {
	s := &t.r.st
	if part.Asked {
		return refuse(stanza.BadRequest, "XEP-0059 §2.1", "only one list at a time comes in pages")
	}
	var people []*state.Person
	var occupants []*state.Occupant
	var withheld *StanzaError
	readable := 0
	for i := range items {
		it := &items[i]
		if slices.ContainsFunc(items[:i], it.sameList) {
			continue
		}
		refused := mayListRole(a, it.role)
		if !it.byRole {
			refused = mayList(s, a, it.affiliation)
		}
		switch {
		case refused == nil && it.byRole:
			occupants = append(occupants, s.InRole(it.role)...)
			readable++
		case refused == nil:
			people = append(people, s.Lists().Of(s).Having(it.affiliation)...)
			readable++
		case refused.Condition != stanza.Forbidden:
			return refused
		case withheld == nil:
			withheld = refused
		}
	}
	lim, size := &t.r.cfg.Limits, 0
	for _, p := range people {
		size += listedSize(p, lim)
	}
	for _, o := range occupants {
		size += occupantSize(o)
	}
	switch {
	case readable == 0:
		return withheld
	case len(people)+len(occupants) > lim.ListItems || size > lim.PageBytes:
		return refuse(stanza.PolicyViolation, "14.6", "these lists are too long together: ask for one at a time")
	}
	t.answer(func(w *xmlwire.Writer) {
		w.Start("query", ns.Admin)
		for _, p := range people {
			listedPerson(w, p, listedReason(p, lim))
		}
		for _, o := range occupants {
			listedOccupant(w, s, o, a)
		}
		w.End()
	})
	return nil
}

// sameList reports whether two items ask for the same list.
func (it *adminItem) sameList(other adminItem) bool {
	return it.byRole == other.byRole && it.role == other.role && it.affiliation == other.affiliation
}

// itemMarkup bounds the bytes of a line of a list without its JID, nick and reason.
const itemMarkup = 80

// listedSize bounds the bytes of a person's line in a list.
func listedSize(p *state.Person, lim *Limits) int {
	return itemMarkup + len(p.UID()) + xmlwire.EscapedLen(p.Nick()) + xmlwire.EscapedLen(listedReason(p, lim))
}

// listedReason is the reason in it. One that was stored under higher limits is left out, so
// that any line fits into a page.
func listedReason(p *state.Person, lim *Limits) string {
	if reason := p.Notes().Reason(); len(reason) <= lim.ReasonBytes {
		return reason
	}
	return ""
}

// writeList writes a whole list, as the answer to any request for it.
func (r *Room) writeList(people []*state.Person) *splice.Stanza {
	size := 256
	for _, p := range people {
		size += listedSize(p, &r.cfg.Limits)
	}
	w := xmlwire.Writer{Bytes: make([]byte, 0, size)}
	d := splice.Start(&w, "iq")
	address(&w, "from", r.jid)
	w.Attr("type", "result")
	w.Start("query", ns.Admin)
	for _, p := range people {
		listedPerson(&w, p, listedReason(p, &r.cfg.Limits))
	}
	w.End()
	w.End()
	d.Bytes = w.Bytes
	return d
}
