package service

import (
	"slices"
	"strings"
	"sync"

	"github.com/gomuc/muc"
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

// page is a part of the list: rooms that follow one another, where the first of
// them stands, and how many there are in all.
type page struct {
	rooms       []*listed
	from, count int
}

// cut finds the part that somebody asks for. Addresses need not be in the list:
// a room that is gone still has a place in the order.
func (d *directory) cut(ask pageRequest) page {
	d.mu.RLock()
	defer d.mu.RUnlock()
	from, to := 0, len(d.rooms)
	switch ask.start {
	case atIndex:
		from = min(ask.index, to)
	case afterItem:
		at, there := d.find(ask.item)
		if from = at; there {
			from++
		}
	case beforeItem:
		to, _ = d.find(ask.item)
		from = max(0, to-ask.max)
	case atLast:
		from = max(0, to-ask.max)
	}
	to = min(to, from+ask.max)
	return page{slices.Clone(d.rooms[from:to]), from, len(d.rooms)}
}
