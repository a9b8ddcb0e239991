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
	d.mu.Lock()
	defer d.mu.Unlock()
	at, there := d.find(e.Room.String())
	if there {
		if d.rooms[at] = d.rooms[at].becomes(e, people); d.rooms[at] == nil {
			d.rooms = slices.Delete(d.rooms, at, at+1)
		}
	} else if l := (*listed)(nil).becomes(e, people); l != nil {
		d.rooms = slices.Insert(d.rooms, at, l)
	}
}

// setAtOnce is how many lines setAll changes while all others wait.
const setAtOnce = 1000

// setAll takes in what became of rooms in which nobody is, as far as they are this service's (or
// are not): one by one, each would move all lines that are after it.
func (d *directory) setAll(entries []Entry, owns func(room muc.JID) bool, mine bool) {
	sorted := slices.SortedStableFunc(slices.Values(entries), compareEntries)
	for some := range slices.Chunk(sorted, setAtOnce) {
		d.merge(some, func(e Entry) bool { return owns(e.Room) == mine })
	}
}

// merge asks of each entry whether it counts, with the lock held: the line that an owner writes comes after the
// room has become its own, and so after what others say of it here.
func (d *directory) merge(sorted []Entry, counts func(Entry) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all, rest := make([]*listed, 0, len(d.rooms)+len(sorted)), directory{rooms: d.rooms}
	for i, e := range sorted {
		if !counts(e) || i+1 < len(sorted) && sorted[i+1].Room == e.Room {
			continue // the last one of a room is the newest
		}
		at, there := rest.find(e.Room.String())
		all = append(all, rest.rooms[:at]...)
		rest.rooms = rest.rooms[at:]
		var l *listed
		if there {
			l, rest.rooms = rest.rooms[0], rest.rooms[1:]
		}
		if l = l.becomes(e, 0); l != nil {
			all = append(all, l)
		}
	}
	d.rooms = append(all, rest.rooms...)
}

// becomes is the line of a room (nil if it has none) after what is said of the room now.
func (l *listed) becomes(e Entry, people int) *listed {
	e.Name, e.About.Description = shortened(e.Name, nameBytes), shortened(e.About.Description, descriptionBytes)
	switch {
	case !e.Public:
		return nil
	case l != nil && l.name == e.Name && l.about == e.About:
		return l
	}
	return newListed(&e, people)
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
