// Package rooms is chat rooms (XEP-0045) for a jackal server, inside its process: a
// component.Component that hands what is addressed to the rooms' domain to a
// service.Service, and what the rooms say to jackal's router.
//
// It is written against jackal as it is. Only the server's main program needs
// components.patch, which lets a program register a component of its own.
package rooms

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/jackal-xmpp/stravaganza"
	"github.com/jackal-xmpp/stravaganza/jid"
	"github.com/ortuman/jackal/pkg/hook"
	"github.com/ortuman/jackal/pkg/router"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
)

// Config is what the rooms need of the server, and what its operator decides.
type Config struct {
	// Domain is that of the rooms, as conference.example.org. Required.
	Domain string
	// Store is the SQLite file in which rooms are kept, with what was said in them. Required.
	Store string
	// Router delivers what rooms say, and Hooks tell who is gone. Required.
	Router router.Router
	Hooks  *hook.Hooks
	// Hosts are the domains of the server's accounts. Required: jackal's accounts have no
	// domain, so a deleted one is forgotten at each of them.
	Hosts []string
	// Heir becomes owner of rooms whose only owner's account is deleted. Zero means nobody:
	// such a room keeps its owner.
	Heir muc.JID
	// Log is told what an operator should know; nil means slog.Default().
	Log *slog.Logger
}

// Component is the rooms: a component.Component.
type Component struct {
	cfg     Config
	local   map[string]bool
	store   *sqlitestore.Store
	answers *sqlitestore.Answers
	service *service.Service

	// What is done beside the streams, and when it has to end.
	ctx    context.Context
	cancel context.CancelFunc
	beside sync.WaitGroup
}

var errConfig = errors.New("rooms: Domain, Store, Router, Hooks and Hosts are required")

// New makes the component. It opens nothing before Start.
func New(cfg Config) (*Component, error) {
	if cfg.Domain == "" || cfg.Store == "" || cfg.Router == nil || cfg.Hooks == nil || len(cfg.Hosts) == 0 {
		return nil, errConfig
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	c := &Component{cfg: cfg, local: map[string]bool{}}
	for _, host := range cfg.Hosts {
		c.local[host] = true
	}
	return c, nil
}

// Host is the domain of the rooms.
func (c *Component) Host() string { return c.cfg.Domain }

// Name is what clients call the service.
func (c *Component) Name() string { return "Chat rooms" }

// Start opens the store and begins to serve. It is called once.
func (c *Component) Start(ctx context.Context) (err error) {
	if c.store, err = sqlitestore.Open(ctx, c.cfg.Store, sqlitestore.Options{Archive: true}); err != nil {
		return err
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.answers = sqlitestore.NewAnswers(c.store, c.cfg.Log)
	c.service, err = service.New(ctx, service.Config{
		Domain:   c.cfg.Domain,
		Name:     c.Name(),
		Room:     muc.Config{Secret: c.store.Secret(), Archive: true, TellAbsent: true},
		Store:    c.store,
		Question: c.answers.Question,
		Deliver:  c.deliver,
		Log:      c.cfg.Log,
	})
	if err != nil {
		return errors.Join(err, c.store.Close())
	}
	c.answers.Start(c.service)
	for name, handle := range map[string]hook.Handler{
		hook.C2SStreamPresenceReceived: c.onPresence,
		hook.C2SStreamTerminated:       c.onTerminated,
		hook.UserDeleted:               c.onUserDeleted,
	} {
		// Before jackal's modules: the error of one would keep the rooms from it.
		c.cfg.Hooks.AddHook(name, handle, hook.HighPriority)
	}
	return nil
}

// Stop tells everybody inside that the service goes down (XEP-0045 §11.2), and closes the
// store. jackal stops components before it closes streams, so they can still be told.
func (c *Component) Stop(ctx context.Context) error {
	c.answers.Stop()
	c.cancel()
	c.beside.Wait()
	return errors.Join(c.service.Shutdown(ctx, "the server goes down"), c.store.Close())
}

// ProcessStanza takes a stanza that is addressed to the rooms. jackal has put the address of
// the sender's stream into its from.
func (c *Component) ProcessStanza(ctx context.Context, s stravaganza.Stanza) error {
	from, err := muc.ParseJID(s.FromJID().String())
	if err != nil {
		return err
	}
	return c.service.Handle(ctx, from, fromJackal(s))
}

// deliver sends what rooms say. A stream of this process takes it at once, and writes it
// when its turn has come; the rest is for jackal's router.
func (c *Component) deliver(ctx context.Context, said service.Stanza) {
	for _, to := range said.To() {
		if c.local[to.Domain()] && !to.IsBare() {
			if stream, err := c.cfg.Router.C2S().LocalStream(to.Local(), to.Resource()); err == nil {
				stream.SendElement(newOutgoing(said, to))
				continue
			}
		}
		// The router looks at what kind of stanza it is, so it gets the tree.
		_, err := c.cfg.Router.Route(ctx, newOutgoing(said, to).tree())
		switch {
		case err == nil:
		case errors.Is(err, router.ErrResourceNotFound), errors.Is(err, router.ErrUserNotAvailable), errors.Is(err, router.ErrNotExistingAccount):
			if !to.IsBare() {
				c.gone(to)
			}
		default:
			c.cfg.Log.Warn("a stanza of a room is lost", "to", to, "error", err)
		}
	}
}

// The hooks never fail: with the error of one jackal would not go on with what it does.

// onPresence tells the rooms of a session that logs out, in good order. Presence to rooms
// does not come here, but to ProcessStanza; this is what the session sends to everybody,
// and what a server passes on to whom it was sent directly (RFC 6121 §4.6.3).
func (c *Component) onPresence(x *hook.ExecutionContext) error {
	info := x.Info.(*hook.C2SStreamInfo)
	presence, ok := info.Element.(*stravaganza.Presence)
	if !ok || !presence.IsUnavailable() || info.JID == nil || presence.ToJID().IsFullWithUser() ||
		!info.JID.MatchesWithOptions(presence.ToJID(), jid.MatchesBare) { // jackal addresses it to the account itself
		return nil
	}
	who, err := muc.ParseJID(info.JID.String())
	if err != nil || who.IsBare() {
		return nil // no room has let it in
	}
	if err := ignoreClosed(c.service.Offline(x.Context, who, fromJackal(presence))); err != nil {
		c.cfg.Log.Warn("rooms do not learn that a session logs out", "session", who, "error", err)
	}
	return nil
}

// onTerminated tells the rooms of a session whose stream has ended. One that has logged
// out before is not inside any more, and one that may be resumed (XEP-0198) has not ended.
func (c *Component) onTerminated(x *hook.ExecutionContext) error {
	who := x.Info.(*hook.C2SStreamInfo).JID
	if who == nil || !who.IsFullWithUser() {
		return nil // it has never logged in
	}
	if session, err := muc.ParseJID(who.String()); err == nil { // others no room has let in
		c.gone(session)
	}
	return nil
}

// gone tells the rooms that a session is no more. They do not wait for it.
func (c *Component) gone(session muc.JID) {
	if err := ignoreClosed(c.service.Vanished(c.ctx, session)); err != nil {
		c.cfg.Log.Warn("rooms do not learn that a session is gone", "session", session, "error", err)
	}
}

// onUserDeleted has all rooms forget a deleted account. That takes long, since all rooms
// are asked, and who deletes the account does not wait for it.
func (c *Component) onUserDeleted(x *hook.ExecutionContext) error {
	name := x.Info.(*hook.UserInfo).Username
	c.beside.Go(func() {
		for _, host := range c.cfg.Hosts {
			who, err := muc.ParseJID(name + "@" + host)
			if err == nil {
				_, err = c.service.Forget(c.ctx, who, c.cfg.Heir)
			}
			if err = ignoreClosed(err); err != nil && c.ctx.Err() == nil {
				c.cfg.Log.Error("a deleted account is not forgotten everywhere", "account", who, "error", err)
			}
		}
	})
	return nil
}

// ignoreClosed makes nothing of the error of a service that has been shut down: nobody is
// in its rooms any more.
func ignoreClosed(err error) error {
	if errors.Is(err, service.ErrClosed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
