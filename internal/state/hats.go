package state

import (
	"cmp"
	"errors"
	"slices"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/jid"
)

// wearer is a person who has hats (XEP-0317), inside or not.
type wearer struct {
	bare jid.JID
	uris []string // of the hats
}

func (x *wearer) indexKey() string { return x.bare.String() }

// Hats are the hats that the room has, in the order of their creation.
func (m *Sparse) Hats() []event.Hat { return m.hats }

// Hat finds a hat of the room by its URI, or nil.
func (m *Sparse) Hat(uri string) *event.Hat {
	if i := slices.IndexFunc(m.hats, func(h event.Hat) bool { return h.URI == uri }); i >= 0 {
		return &m.hats[i]
	}
	return nil
}

// HatsOf lists the hats of a person, in the order of the room's.
func (m *Sparse) HatsOf(bare jid.JID) []event.Hat {
	if m.wearers.len() == 0 {
		return nil
	}
	x := m.wearers.get(bare.String())
	if x == nil {
		return nil
	}
	own := make([]event.Hat, 0, len(x.uris))
	for _, h := range m.hats {
		if slices.Contains(x.uris, h.URI) {
			own = append(own, h)
		}
	}
	return own
}

// WearerCount is how many people have hats.
func (m *Sparse) WearerCount() int { return m.wearers.len() }

// Wearers lists the people who have a hat, or any hat if the URI is empty, by JID.
func (m *Sparse) Wearers(uri string) []jid.JID {
	var list []jid.JID
	for _, x := range m.wearers.sorted(func(a, b *wearer) int { return cmp.Compare(a.indexKey(), b.indexKey()) }) {
		if uri == "" || slices.Contains(x.uris, uri) {
			list = append(list, x.bare)
		}
	}
	return list
}

func (s *Room) applyHatCreated(b *event.HatCreated) error {
	if b.URI == "" || b.Title == "" {
		return errors.New("a hat without a URI or title")
	}
	m := s.mutableSparse()
	if h := m.Hat(b.URI); h != nil {
		*h = b.Hat
		s.rehat(m.Wearers(b.URI)...)
	} else {
		m.hats = append(m.hats, b.Hat)
	}
	return nil
}

func (s *Room) applyHatDestroyed(b *event.HatDestroyed) error {
	m := s.mutableSparse()
	if err := remove(&m.hats, func(h event.Hat) bool { return h.URI == b.URI }); err != nil {
		return err
	}
	for _, bare := range m.Wearers(b.URI) {
		s.takeHat(bare, b.URI)
	}
	return nil
}

func (s *Room) applyHatAssigned(b *event.HatAssigned) error {
	m := s.mutableSparse()
	h, x := m.Hat(b.URI), m.wearers.get(b.JID.String())
	switch {
	case h == nil:
		return errors.New("no such hat")
	case b.JID.Local() == "" || !b.JID.IsBare():
		return errors.New("a hat of nobody")
	case x == nil:
		x = &wearer{bare: b.JID}
		m.wearers.put(x)
	case slices.Contains(x.uris, b.URI):
		return errors.New("the hat was assigned already")
	}
	x.uris = append(x.uris, h.URI)
	s.rehat(b.JID)
	return nil
}

func (s *Room) applyHatUnassigned(b *event.HatUnassigned) error {
	if x := s.Sparse().wearers.get(b.JID.String()); x == nil || !slices.Contains(x.uris, b.URI) {
		return errors.New("no such hat of that person")
	}
	s.takeHat(b.JID, b.URI)
	return nil
}

// takeHat takes a hat from a person who has it, and forgets who has none left.
func (s *Room) takeHat(bare jid.JID, uri string) {
	wearers := &s.sparse.wearers
	x := wearers.get(bare.String())
	x.uris = slices.DeleteFunc(x.uris, func(u string) bool { return u == uri })
	if len(x.uris) == 0 {
		wearers.drop(x.indexKey())
	}
	s.rehat(bare)
}

// rehat drops the presences that show hats of people.
func (s *Room) rehat(people ...jid.JID) {
	for _, bare := range people {
		for o := range s.Person(bare).Occupants() {
			o.presence = nil
		}
	}
}
