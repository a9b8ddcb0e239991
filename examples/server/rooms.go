package main

import (
	"context"
	"errors"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
	"github.com/gomuc/muc/stanza"
)

// roomsConfig is the configuration of the rooms.
func (s *server) roomsConfig(store *sqlitestore.Store, answers *sqlitestore.Answers, admins map[muc.JID]bool) service.Config {
	admin := func(who muc.JID) bool { return admins[who.Bare()] }
	return service.Config{
		Domain: s.roomsDomain,
		Room: muc.Config{
			Secret:       store.Secret(),
			Archive:      true,
			IsOwner:      admin,
			Policy:       policy.Rules{Configure: mayConfigure},
			TellAbsent:   true,
			ShowActivity: true,
			Limits: muc.Limits{StanzaDepth: stanzaLimits.Depth, StanzaElements: stanzaLimits.Elements,
				StanzaAttrs: stanzaLimits.Attrs},
			Rates: muc.Rates{
				Messages: muc.Rate{Burst: 30, Every: time.Second / 2},
				Presence: muc.Rate{Burst: 30, Every: time.Second},
			},
		},
		// All who are connected may want to enter one room at once, as after a restart.
		Limits:       service.Limits{RoomQueue: max(1000, s.bounds.connections)},
		Store:        store,
		Question:     answers.Question,
		Deliver:      s.deliver,
		DeliverBatch: s.deliverBatch,
		Admin:        admin,
		Log:          s.log,
		Observer:     s.metrics.observer(),
	}
}

// mayConfigure: what is kept for ever has an owner who can come back.
func mayConfigure(q policy.Configure) *muc.StanzaError {
	if q.New.Persistent && isGuest(q.JID) {
		return &muc.StanzaError{Condition: stanza.NotAcceptable, Text: "Guests cannot make a room persistent."}
	}
	return nil
}

// deliver sends what the domain of the rooms answers.
func (s *server) deliver(ctx context.Context, out service.Stanza) {
	s.deliverBatch(ctx, []service.Stanza{out})
}

// deliverBatch sends what a room says. It never blocks: who does not read loses the connection.
// Nothing is written until all of it is in the buffers, so that each connection gets it in one
// write.
func (s *server) deliverBatch(_ context.Context, batch []service.Stanza) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var held []*outbox
	for _, out := range batch {
		for _, to := range out.To() {
			if c := s.sessions[to]; c != nil {
				if c.out.hold(out, to) {
					held = append(held, &c.out)
				}
			} else if to.IsBare() && out.Name() == "message" { // such as an invitation
				s.toAccount(to, func(c *client) { c.out.text(string(out.AppendXML(nil, to, nsClient))) })
			}
		}
	}
	for _, o := range held {
		o.release()
	}
}

// lobby makes the room of the demonstration, unless there is one.
func (s *server) lobby(ctx context.Context, owner muc.JID) error {
	_, err := s.rooms.Do(ctx, muc.MustParseJID("lobby@"+s.roomsDomain),
		muc.Create{Owner: owner, Config: muc.RoomConfig{Name: "The lobby", Persistent: true}})
	if errors.Is(err, &muc.StanzaError{Condition: stanza.Conflict}) {
		return nil
	}
	return err
}
