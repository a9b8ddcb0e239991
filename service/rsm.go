package service

import (
	"strconv"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// pageRequest is the part of a list that somebody asks for (XEP-0059).
type pageRequest struct {
	asked bool
	max   int
	bytes int
	start pageStart
	index int
	item  string // for afterItem and beforeItem
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

// readPage reads what page a query asks for, of so many items and bytes at the most.
func readPage(query *etree.Element, most, bytes int) (pageRequest, *muc.StanzaError) {
	p := pageRequest{max: most, bytes: bytes}
	set := childNamed(query, nsRSM, "set")
	if set == nil {
		return p, nil
	}
	p.asked = true
	for _, el := range set.ChildElements() {
		switch text := el.Text(); el.Tag {
		case "max", "index":
			n, err := strconv.ParseUint(text, 10, 31)
			if err != nil {
				return p, &muc.StanzaError{Condition: stanza.BadRequest, Text: "The value of " + el.Tag + " is no number.", Section: "XEP-0059 §2.1"}
			}
			if el.Tag == "max" {
				p.max = min(most, int(n))
			} else {
				p.start, p.index = atIndex, int(n)
			}
		case "after":
			p.start, p.item = afterItem, text
		case "before":
			if p.start, p.item = beforeItem, text; text == "" {
				p.start = atLast
			}
		}
	}
	return p, nil
}

// write tells which part of the list an answer is, if a part was asked for or it is
// not all. An empty page has neither first nor last (XEP-0059 §2.3).
func (p page) write(query *etree.Element, asked bool) {
	if !asked && len(p.rooms) == p.count {
		return
	}
	set := child(query, nsRSM, "set")
	if n := len(p.rooms); n > 0 {
		first := set.CreateElement("first")
		first.CreateAttr("index", strconv.Itoa(p.from))
		first.SetText(p.rooms[0].room.String())
		set.CreateElement("last").SetText(p.rooms[n-1].room.String())
	}
	set.CreateElement("count").SetText(strconv.Itoa(p.count))
}
