package muc

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/rsm"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Pages of results (XEP-0059).

// readPage reads what page of its answer a query asks for (XEP-0059).
func readPage(q *xmlwire.Node, most int) (rsm.Request, *StanzaError) {
	set := q.Child(ns.RSM, "set")
	if set == nil {
		return rsm.Request{Max: most}, nil
	}
	return rsm.Read(most, func(name string) (string, bool) {
		if c := set.Child(ns.RSM, name); c != nil {
			return c.Text, true
		}
		return "", false
	})
}

// occupantPage finds a page in a list of occupants. They stand in the order of their
// numbers, which are never used again.
func (r *Room) occupantPage(p *rsm.Request, list []*state.Occupant, size func(o *state.Occupant) int) (rsm.Page, *StanzaError) {
	is, refused := p.Cut(len(list), func(uid string) (int, bool) {
		num, err := strconv.ParseUint(uid, 10, 32)
		if err != nil {
			return rsm.Nowhere, false
		}
		return slices.BinarySearchFunc(list, uint32(num), func(o *state.Occupant, n uint32) int { return cmp.Compare(o.Number(), n) })
	})
	return p.Within(is, r.cfg.Limits.PageBytes, func(i int) int { return size(list[i]) }), refused
}
