package main

import (
	"errors"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// InRoom is a room with the bot and a bridge around it: the whole contract of a host, but
// for a network and a store that lasts. One caller at a time.
type InRoom struct {
	room   *muc.Room
	bot    Bot
	bridge Bridge
	store  []event.Event // stands for a file
	// network is told what the other network hears.
	network func(line string)
}

// newInRoom makes the room, with the bot in it.
func newInRoom(now time.Time, network func(line string)) (*InRoom, error) {
	h := &InRoom{bridge: Bridge{Domain: "irc.example"}, network: network}
	var err error
	if h.room, err = muc.New(muc.Config{Room: cellar, Secret: secret, Policy: rules}); err != nil {
		return nil, err
	}
	for _, cmd := range beginning {
		if _, err := h.Do(now, cmd); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// beginning makes the room and brings the bot in.
var beginning = []muc.Command{
	muc.Create{Owner: muc.MustParseJID("romeo@example.org"), Config: muc.RoomConfig{Persistent: true}},
	muc.SetAffiliation{JID: botJID.Bare(), Affiliation: muc.Admin},
	muc.Join{JID: botJID, Nick: botNick},
}

// Handle takes a stanza of somebody, and returns what has to be sent, in order: what the
// room answers, and what the bot does about it.
func (h *InRoom) Handle(now time.Time, el *etree.Element) ([]muc.Outbound, error) {
	return h.after(h.room.Handle(now, el))
}

// Do does what the host decides itself: somebody from the other network enters or speaks.
func (h *InRoom) Do(now time.Time, cmd muc.Command) ([]muc.Outbound, error) {
	return h.after(h.room.Do(now, cmd))
}

// Tick does what is due, of the room and of the bot.
func (h *InRoom) Tick(now time.Time) ([]muc.Outbound, error) {
	sent, err := h.after(h.room.Tick(now))
	if err != nil {
		return nil, err
	}
	more, err := h.acts(now, h.bot.Tick(now))
	return append(sent, more...), err
}

// after stores what a step of the room has brought, and lets the bot and the bridge hear it.
func (h *InRoom) after(fx muc.Effects, err error) ([]muc.Outbound, error) {
	if err != nil {
		return nil, err
	}
	h.store = append(h.store, fx.Durable...)
	sent := fx.Outbound
	for ev := range fx.Events() {
		if line := h.bridge.Hears(ev); line != "" {
			h.network(line)
		}
		if line, ok := lineOf(ev); ok {
			more, err := h.acts(ev.Time, h.bot.Hears(line))
			if err != nil {
				return nil, err
			}
			sent = append(sent, more...)
		}
	}
	return sent, nil
}

// acts does what the bot wants.
func (h *InRoom) acts(now time.Time, acts []Act) (sent []muc.Outbound, err error) {
	for _, act := range acts {
		cmd, asBot := act.command()
		var fx muc.Effects
		if asBot {
			fx, err = h.room.DoAs(now, botJID.Bare(), cmd)
		} else {
			fx, err = h.room.Do(now, cmd)
		}
		if mayNot(err) {
			continue
		}
		more, err := h.after(fx, err)
		if err != nil {
			return nil, err
		}
		sent = append(sent, more...)
	}
	return sent, nil
}

// mayNot says that an act came to nothing for a reason that is nobody's fault: whom the bot
// answers has left, or is an owner and cannot be put out.
func mayNot(err error) bool {
	var refused *muc.StanzaError
	return errors.Is(err, muc.ErrNotFound) || errors.As(err, &refused)
}
