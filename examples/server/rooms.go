package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/server/c2s"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
	"github.com/gomuc/muc/stanza"
)

// roomsConfig is the configuration of the rooms.
func roomsConfig(set *settings, store *sqlitestore.Store, answers *sqlitestore.Answers, admins map[muc.JID]bool,
	clients *c2s.Server, observer service.Observer, log *slog.Logger) service.Config {
	admin := func(who muc.JID) bool { return admins[who.Bare()] }
	return service.Config{
		Domain: set.rooms,
		Room: muc.Config{
			Secret:       store.Secret(),
			Archive:      !set.bare,
			IsOwner:      admin,
			Policy:       policy.Rules{Configure: mayConfigure},
			TellAbsent:   !set.bare,
			ShowActivity: !set.bare,
			Limits: muc.Limits{StanzaDepth: c2s.Limits.Depth, StanzaElements: c2s.Limits.Elements,
				StanzaAttrs: c2s.Limits.Attrs},
			Rates: muc.Rates{
				Messages: muc.Rate{Burst: 30, Every: time.Second / 2},
				Presence: muc.Rate{Burst: 30, Every: time.Second},
			},
		},
		// All who are connected may want to enter one room at once, as after a restart.
		Limits:   service.Limits{RoomQueue: max(1000, set.bounds.Connections)},
		Store:    store,
		Question: answers.Question,
		Deliver: func(ctx context.Context, out service.Stanza) {
			clients.Deliver(ctx, service.Delivery{Stanzas: []service.Stanza{out}})
		},
		DeliverBatch: clients.Deliver,
		Admin:        admin,
		Log:          log,
		Observer:     observer,
	}
}

// mayConfigure: what is kept for ever has an owner who can come back.
func mayConfigure(q policy.Configure) *muc.StanzaError {
	if q.New.Persistent && c2s.IsGuest(q.JID) {
		return &muc.StanzaError{Condition: stanza.NotAcceptable, Text: "Guests cannot make a room persistent."}
	}
	return nil
}

// lobby makes the room of the demonstration, unless there is one.
func lobby(ctx context.Context, rooms *service.Service, set *settings) error {
	_, err := rooms.Do(ctx, muc.MustParseJID("lobby@"+set.rooms), muc.Create{
		Owner: muc.MustParseJID(demoPeople[0] + "@" + set.domain), Config: muc.RoomConfig{Name: "The lobby", Persistent: true}})
	if errors.Is(err, &muc.StanzaError{Condition: stanza.Conflict}) {
		return nil
	}
	return err
}
