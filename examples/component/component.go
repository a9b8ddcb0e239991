package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/component/internal/sqlitestore"
	"github.com/gomuc/muc/examples/component/internal/xmppcomp"
	"github.com/gomuc/muc/service"
)

// component is a service of rooms between a store and a server.
type component struct {
	settings settings
	log      *slog.Logger
	metrics  *metrics
	service  *service.Service
	link     *xmppcomp.Link
	archive  *archive
}

// serve runs the component until ctx ends, or until it cannot go on. It takes what
// it needs in an order in which nothing is half done when something is missing.
func serve(ctx context.Context, s settings, log *slog.Logger) error {
	c := &component{settings: s, log: log, metrics: newMetrics()}
	stopMetrics, err := c.metrics.serve(s.metrics, log)
	if err != nil {
		return err
	}
	defer stopMetrics()
	store, err := sqlitestore.Open(ctx, s.store, sqlitestore.Options{Archive: s.archive > 0})
	if err != nil {
		return err
	}
	c.archive = &archive{component: c, store: store, keep: s.archive}
	c.link = xmppcomp.NewLink(xmppcomp.Config{
		Addr: s.connect, Domain: s.domain, Secret: s.secret, Log: log,
		Handle: c.handle, TooLarge: c.tooLarge, Connected: c.metrics.connection, Sent: c.metrics.written,
	})
	if c.service, err = service.New(ctx, c.config(store)); err != nil {
		if ctx.Err() != nil {
			err = nil // it was told to stop before it had begun
		}
		return errors.Join(err, store.Close())
	}
	c.metrics.observe(c.service, c.link)
	err = c.work(ctx)
	return errors.Join(err, store.Close())
}

// config is the service's configuration.
func (c *component) config(store *sqlitestore.Store) service.Config {
	s := &c.settings
	return service.Config{
		Domain:   s.domain,
		Name:     s.name,
		Software: &service.Software{Name: "muc", Version: version()},
		Room: muc.Config{
			Secret:       store.Secret(),
			Archive:      s.archive > 0,
			Registration: s.registration,
			IsOwner:      s.isAdmin,
			MayCreate:    s.mayCreate,
			TellAbsent:   true,
			ShowActivity: true,
			// Not all clients know a mediated invitation when they see one.
			InviteBody:    inviteText,
			LegacyInvites: true,
		},
		Store:        store,
		Deliver:      c.deliver,
		Ask:          c.archive.ask,
		Admin:        s.isAdmin,
		IdleAfter:    s.idle,
		CompactAfter: s.compact,
		Log:          c.log,
		Observer:     c.metrics.observer(),
	}
}

func (s *settings) isAdmin(who muc.JID) bool { return s.admins[who.Bare()] }

// mayCreate refuses whoever may not create rooms (XEP-0045 §10.1.1).
func (s *settings) mayCreate(q muc.CreateRequest) *muc.StanzaError {
	if s.create.anyone || s.isAdmin(q.Creator) || s.create.domains[q.Creator.Domain()] {
		return nil
	}
	return &muc.StanzaError{Condition: muc.NotAllowed, Text: "You may not create rooms here.", Section: "XEP-0045 §10.1.1"}
}

// work connects and stays so until ctx ends; then everybody is told.
func (c *component) work(ctx context.Context) error {
	linked, unlink := context.WithCancel(context.WithoutCancel(ctx))
	defer unlink()
	ended := make(chan error, 1)
	go func() { ended <- c.link.Run(linked) }()
	c.archive.answering.Go(func() { c.archive.forget(linked) })
	var failed error
	select {
	case <-ctx.Done():
		c.log.Info("stopping", "within", c.settings.drain)
	case failed = <-ended:
		ended <- nil
	}
	return errors.Join(failed, c.stop(unlink, ended, failed == nil))
}

// stop tells everybody inside that the service goes down (XEP-0045 §11.2), sends
// what waits, and closes the stream. Nobody can be told when the server is not
// there.
func (c *component) stop(unlink func(), ended <-chan error, reachable bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.settings.drain)
	defer cancel()
	if !reachable {
		c.link.Queue().Close()
	}
	err := c.service.Shutdown(ctx, "the service goes down")
	if reachable {
		if unsent := c.link.Drain(ctx); unsent != nil {
			c.log.Warn("not everybody was told", "error", unsent)
		}
	}
	unlink()
	<-ended
	c.archive.answering.Wait()
	c.log.Info("stopped")
	return err
}

// handle takes a stanza from the server.
func (c *component) handle(el *etree.Element) {
	err := c.service.Handle(context.Background(), el)
	switch {
	case err == nil:
	case errors.Is(err, muc.ErrNotForRoom):
		c.log.Warn("a stanza for another domain: the server's configuration is at odds with -domain",
			"to", el.SelectAttrValue("to", ""))
	default:
		c.log.Debug("a stanza that nobody takes", "name", el.Tag, "error", err)
	}
}

// tooLarge refuses a stanza of which only the head was kept.
func (c *component) tooLarge(head *etree.Element) {
	c.log.Debug("a stanza that is too large", "name", head.Tag, "from", head.SelectAttrValue("from", ""))
	c.metrics.refused(&muc.StanzaError{Condition: muc.PolicyViolation})
	answer := xmppcomp.Refusal(head, string(muc.TypeModify), string(muc.PolicyViolation), "the stanza is too large")
	if answer != nil {
		c.send(answer)
	}
}

// send queues a stanza that the component itself has to say.
func (c *component) send(stanza []byte) {
	err := c.link.Queue().Append(context.Background(), func(dst []byte) []byte { return append(dst, stanza...) })
	if err != nil {
		c.metrics.unsent.Inc()
	}
}

// deliver queues a stanza for each of its addresses.
func (c *component) deliver(ctx context.Context, s service.Stanza) {
	to := s.To()
	for i, jid := range to {
		err := c.link.Queue().Append(ctx, func(dst []byte) []byte { return s.AppendXML(dst, jid, "") })
		if err != nil {
			c.metrics.unsent.Add(float64(len(to) - i))
			return
		}
	}
}
