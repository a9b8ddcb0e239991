// Package rsm is Result Set Management (XEP-0059): which part of a list a request asks
// for, and what an answer says of the part that it holds.
package rsm

import (
	"strconv"

	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Request is the part of a list that is asked for. Max alone is the first page of a
// request that does not mention pages.
type Request struct {
	Asked bool // the request has a <set/>
	Max   int
	Start Start
	UID   string // of an item, for After and Before
	Index int    // for At
}

// Start is where a page stands in its list.
type Start uint8

// The places of XEP-0059 §2.2 to §2.6.
const (
	First Start = iota
	At
	After
	Before
	Last
)

// Read reads a <set/>, whose children are given by name: their text, and whether they
// are there. A page has at most so many items.
func Read(most int, child func(name string) (text string, given bool)) (Request, *stanza.Error) {
	p := Request{Asked: true, Max: most}
	if text, given := child("max"); given {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return p, stanza.NewError(stanza.BadRequest, "XEP-0059 §2.1", "max is no number")
		}
		p.Max = min(p.Max, int(n))
	}
	if text, given := child("index"); given {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return p, stanza.NewError(stanza.BadRequest, "XEP-0059 §2.6", "index is no number")
		}
		p.Start, p.Index = At, int(n)
	}
	if text, given := child("before"); given {
		if p.Start, p.UID = Before, text; text == "" {
			p.Start = Last
		}
	}
	if text, given := child("after"); given {
		p.Start, p.UID = After, text
	}
	return p, nil
}

// Backward reports whether the page ends at a place, instead of beginning at one.
func (p *Request) Backward() bool { return p.Start == Before || p.Start == Last }

// Page is a part of a list of Count items: those from From on, before To.
type Page struct{ From, To, Count int }

// Nowhere is the place of an item whose id says nothing.
const Nowhere = -1

// Cut finds the page in a list of count items. The function finds an item by its id:
// where it stands, or would stand if it were there still.
func (p *Request) Cut(count int, find func(uid string) (at int, there bool)) (Page, *stanza.Error) {
	from, to := 0, count
	if p.Start == After || p.Start == Before {
		at, there := find(p.UID)
		switch {
		case at == Nowhere:
			return Page{}, stanza.NewError(stanza.ItemNotFound, "XEP-0059 §2.4", "there is no such place in the list")
		case p.Start == Before:
			to = at
		case there:
			from = at + 1
		default:
			from = at
		}
	}
	switch {
	case p.Start == At:
		from = min(p.Index, count)
	case p.Backward():
		from = max(0, to-p.Max)
	}
	return Page{from, min(to, from+p.Max), count}, nil
}

// Within makes a page shorter until its items take at most so many bytes, but leaves
// one. What is left out stands on the side that is asked for next.
func (p *Request) Within(is Page, most int, size func(i int) int) Page {
	for i := range is.To - is.From {
		at := is.From + i
		if p.Backward() {
			at = is.To - 1 - i
		}
		switch most -= size(at); {
		case most >= 0 || i == 0:
		case p.Backward():
			return Page{at + 1, is.To, is.Count}
		default:
			return Page{is.From, at, is.Count}
		}
	}
	return is
}

// Whole reports whether a page is all of its list.
func (is Page) Whole() bool { return is.To-is.From == is.Count }

// Write says which part of its list an answer is, if a part was asked for or it is not
// the whole. An empty list has no parts (XEP-0059 §2.2).
func (p *Request) Write(w *xmlwire.Writer, is Page, uid func(i int) string) {
	if is.Count == 0 || !p.Asked && is.Whole() {
		return
	}
	set := Set{Counted: true, Index: is.From, Count: is.Count}
	if is.From < is.To {
		set.First, set.Last = uid(is.From), uid(is.To-1)
	}
	set.Write(w)
}

// Set is what an answer says of its page: the ids of its first and last item, empty for
// a page of none, and, if Counted, the place of the first and how many items there are.
type Set struct {
	First, Last  string
	Counted      bool
	Index, Count int
}

// Write writes the <set/>.
func (s Set) Write(w *xmlwire.Writer) {
	index, count := "", ""
	if s.Counted {
		index, count = strconv.Itoa(s.Index), strconv.Itoa(s.Count)
	}
	w.Start("set", ns.RSM)
	if s.First != "" {
		w.Start("first", "", "index", index)
		w.Text(s.First)
		w.End()
		w.Element("last", "", s.Last)
	}
	w.ElementIf("count", count)
	w.End()
}
