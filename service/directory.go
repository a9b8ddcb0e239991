package service

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/rsm"
	"github.com/gomuc/muc/internal/xmlwire"
)

// directory is the list of public rooms, sorted by address.
type directory struct {
	mu    sync.RWMutex
	rooms []*listed
}

// listed is a line of the list. It never changes.
type listed struct {
	room muc.JID
	name string
}

func (d *directory) find(room string) (at int, there bool) {
	return slices.BinarySearchFunc(d.rooms, room, func(l *listed, room string) int {
		return strings.Compare(l.room.String(), room)
	})
}

// set takes in what became of a room.
func (d *directory) set(e Entry) {
	e.Name = shortened(e.Name)
	d.mu.Lock()
	defer d.mu.Unlock()
	at, there := d.find(e.Room.String())
	switch {
	case there && !e.Public:
		d.rooms = slices.Delete(d.rooms, at, at+1)
	case there && d.rooms[at].name != e.Name:
		d.rooms[at] = &listed{e.Room, e.Name}
	case !there && e.Public:
		d.rooms = slices.Insert(d.rooms, at, &listed{e.Room, e.Name})
	}
}

func (d *directory) len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.rooms)
}

// cut finds the part that somebody asks for, of so many bytes at most. Addresses need not
// be in the list: a room that is gone still has a place in the order.
func (d *directory) cut(ask *rsm.Request, bytes int) (rsm.Page, []*listed, *muc.StanzaError) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	is, e := ask.Cut(len(d.rooms), d.find)
	is = ask.Within(is, bytes, func(i int) int { return d.rooms[i].bytes() })
	return is, slices.Clone(d.rooms[is.From:is.To]), e
}

// lineMarkup is what a line of the list takes beside what stands in it.
const lineMarkup = 24

// shown is what people read of a room: its name, or its address where it has none.
func (l *listed) shown() string { return shortened(cmp.Or(l.name, l.room.PlainLocal())) }

// bytes is how long a line is at the most.
func (l *listed) bytes() int {
	return lineMarkup + xmlwire.EscapedLen(l.room.String()) + xmlwire.EscapedLen(l.shown())
}

// nameBytes is how long a name in the list is. Rooms keep to it, but may have been
// stored before they did.
const nameBytes = 256

// shortened cuts a name that is too long, between two characters.
func shortened(name string) string {
	if len(name) <= nameBytes {
		return name
	}
	at := nameBytes - len("…")
	for at > 0 && !utf8.RuneStart(name[at]) {
		at--
	}
	return name[:at] + "…"
}
