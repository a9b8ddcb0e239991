package service

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// listed is a line of the list. It never changes, but for how many occupants there are.
type listed struct {
	room   muc.JID
	name   string
	about  About
	people atomic.Int32
	// folded are the texts in which a search looks, in the form in which it compares them.
	folded struct{ name, description, local, address string }
}

func newListed(e *Entry, people int) *listed {
	l := &listed{room: e.Room, name: e.Name, about: e.About}
	l.people.Store(int32(people))
	l.folded.name, l.folded.description = fold(l.shown()), fold(e.About.Description)
	l.folded.local, l.folded.address = fold(e.Room.PlainLocal()), fold(e.Room.String())
	return l
}

func (d *directory) find(room string) (at int, there bool) {
	return slices.BinarySearchFunc(d.rooms, room, func(l *listed, room string) int {
		return strings.Compare(l.room.String(), room)
	})
}

// set takes in what became of a room, in which there are so many occupants.
func (d *directory) set(e Entry, people int) {
	e.Name, e.About.Description = shortened(e.Name, nameBytes), shortened(e.About.Description, descriptionBytes)
	d.mu.Lock()
	defer d.mu.Unlock()
	at, there := d.find(e.Room.String())
	switch {
	case there && !e.Public:
		d.rooms = slices.Delete(d.rooms, at, at+1)
	case there && (d.rooms[at].name != e.Name || d.rooms[at].about != e.About):
		d.rooms[at] = newListed(&e, people)
	case !there && e.Public:
		d.rooms = slices.Insert(d.rooms, at, newListed(&e, people))
	}
}

// count notes how many occupants a room has.
func (d *directory) count(room muc.JID, people int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if at, there := d.find(room.String()); there {
		d.rooms[at].people.Store(int32(people))
	}
}

// all is the list as it is now.
func (d *directory) all() []*listed {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Clone(d.rooms)
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
func (l *listed) shown() string { return shortened(cmp.Or(l.name, l.room.PlainLocal()), nameBytes) }

// bytes is how long a line is at the most.
func (l *listed) bytes() int {
	return lineMarkup + xmlwire.EscapedLen(l.room.String()) + xmlwire.EscapedLen(l.shown())
}

const (
	// nameBytes is how long a name in the list is. Rooms keep to it, but may have been
	// stored before they did.
	nameBytes = 256
	// descriptionBytes is how much of a description the list has, to be searched and shown.
	descriptionBytes = 512
)

// shortened cuts a text that is too long, between two characters.
func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	at := most - len("…")
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at] + "…"
}
