package muc

import (
	"fmt"

	"github.com/gomuc/muc/event"
)

// What many rooms have in common.

// Template is what many rooms have in common: a [Config], checked and completed
// once. A room of a template shares it and holds nothing of it itself. A template
// never changes; rooms may be made of it by several goroutines at once.
//
// The functions of the Config are shared as well. Policies are told which room asks.
type Template struct{ cfg Config }

// NewTemplate checks a configuration without an address, which each room is given
// by itself. The error wraps [ErrConfig].
func NewTemplate(cfg Config) (*Template, error) {
	if !cfg.Room.IsZero() {
		return nil, fmt.Errorf("%w: Room is set in what many rooms share", ErrConfig)
	}
	full, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if _, refused := full.Limits.checkConfig(&full.Defaults, new(RoomConfig)); refused != nil {
		return nil, fmt.Errorf("%w: Defaults: %s", ErrConfig, refused.Text)
	}
	return &Template{full}, nil
}

// New makes an unborn room at an address, a bare JID with a localpart, as [New]
// does. The error wraps [ErrConfig].
func (t *Template) New(room JID) (*Room, error) {
	if room.IsZero() || !room.IsBare() || room.Local() == "" {
		return nil, fmt.Errorf("%w: Room must be a bare JID with a localpart", ErrConfig)
	}
	r := &Room{cfg: &t.cfg, jid: room}
	r.st.Reset()
	return r, nil
}

// Restore rebuilds the room at an address, as [Restore] does.
func (t *Template) Restore(room JID, snapshot []byte, events []event.Event) (*Room, error) {
	r, err := t.New(room)
	if err != nil {
		return nil, err
	}
	if err := r.load(snapshot, events); err != nil {
		return nil, err
	}
	return r, nil
}

// alone makes the template of a single room, and takes its address out of the
// configuration.
func (c Config) alone() (*Template, JID, error) {
	room := c.Room
	c.Room = JID{}
	t, err := NewTemplate(c)
	return t, room, err
}
