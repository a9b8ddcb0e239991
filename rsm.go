package muc

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Result Set Management (XEP-0059): the pages of a list.

// pageRequest is the part of a list that somebody asks for.
type pageRequest struct {
	asked bool // he knows of pages
	max   int
	start pageStart
	uid   string // for afterItem and beforeItem
	index int
}

// pageStart is where a page stands in its list.
type pageStart uint8

const (
	atFirst pageStart = iota
	atIndex
	afterItem
	beforeItem
	atLast
)

// readPage reads what page of its answer a query asks for. The room bounds the
// page to a number of items; without a word about pages it is the first.
func (r *Room) readPage(q *xmlwire.Node, most int) (pageRequest, *StanzaError) {
	p := pageRequest{max: most}
	set := q.Child(ns.RSM, "set")
	if set == nil {
		return p, nil
	}
	p.asked = true
	if c := set.Child(ns.RSM, "max"); c != nil {
		n, err := strconv.ParseUint(c.Text, 10, 31)
		if err != nil {
			return p, refuse(stanza.BadRequest, "XEP-0059 §2.1", "max is no number")
		}
		p.max = min(p.max, int(n))
	}
	if c := set.Child(ns.RSM, "index"); c != nil {
		n, err := strconv.ParseUint(c.Text, 10, 31)
		if err != nil {
			return p, refuse(stanza.BadRequest, "XEP-0059 §2.6", "index is no number")
		}
		p.start, p.index = atIndex, int(n)
	}
	if c := set.Child(ns.RSM, "before"); c != nil {
		p.start, p.uid = beforeItem, c.Text
		if c.Text == "" {
			p.start = atLast
		}
	}
	if c := set.Child(ns.RSM, "after"); c != nil {
		p.start, p.uid = afterItem, c.Text
	}
	return p, nil
}

// page is a part of a list of count items.
type page struct{ from, to, count int }

// nowhere is where an item stands whose id tells nothing.
const nowhere = -1

// cut finds the page in a list of count items. The function finds an item by its
// id: where it stands, or would stand if it were there still.
func (p *pageRequest) cut(count int, find func(uid string) (at int, there bool)) (page, *StanzaError) {
	from, to := 0, count
	if p.start == afterItem || p.start == beforeItem {
		at, there := find(p.uid)
		switch {
		case at == nowhere:
			return page{}, refuse(stanza.ItemNotFound, "XEP-0059 §2.4", "there is no such place in the list")
		case p.start == beforeItem:
			to = at
		case there:
			from = at + 1
		default:
			from = at
		}
	}
	switch p.start {
	case atIndex:
		from = min(p.index, count)
	case beforeItem, atLast:
		from = max(0, to-p.max)
	}
	return page{from, min(to, from+p.max), count}, nil
}

// within makes a page shorter until its items take no more than so many bytes, but for
// one, if one was asked for. It stays where it is: at its end if it was to end somewhere.
func (p *pageRequest) within(is page, most int, size func(i int) int) page {
	if p.start == beforeItem || p.start == atLast {
		for i := is.to - 1; i >= is.from; i-- {
			if most -= size(i); most < 0 && i < is.to-1 {
				is.from = i + 1
				break
			}
		}
		return is
	}
	for i := is.from; i < is.to; i++ {
		if most -= size(i); most < 0 && i > is.from {
			is.to = i
			break
		}
	}
	return is
}

// occupantPage finds a page in a list of occupants. They stand in the order of their
// numbers, which are never used again.
func (r *Room) occupantPage(p *pageRequest, list []*state.Occupant, size func(o *state.Occupant) int) (page, *StanzaError) {
	is, refused := p.cut(len(list), func(uid string) (int, bool) {
		num, err := strconv.ParseUint(uid, 10, 32)
		if err != nil {
			return nowhere, false
		}
		return slices.BinarySearchFunc(list, uint32(num), func(o *state.Occupant, n uint32) int { return cmp.Compare(o.Number(), n) })
	})
	return p.within(is, r.cfg.Limits.PageBytes, func(i int) int { return size(list[i]) }), refused
}

// pageOf tells which part of a list an answer was, if it was asked for a part or
// is not the whole. An empty list has no parts (XEP-0059 §2.2).
func pageOf(w *xmlwire.Writer, p *pageRequest, is page, uid func(i int) string) {
	if is.count == 0 || !p.asked && is.to-is.from == is.count {
		return
	}
	w.Start("set", ns.RSM)
	if is.from < is.to {
		w.Start("first", "")
		w.Attr("index", strconv.Itoa(is.from))
		w.Text(uid(is.from))
		w.End()
		w.Element("last", "", uid(is.to-1))
	}
	w.Element("count", "", strconv.Itoa(is.count))
	w.End()
}
