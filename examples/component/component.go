package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/component/xmppcomp"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
	"github.com/gomuc/muc/stanza"
)

// component is a service of rooms between a store and a server.
type component struct {
	settings settings // those of the start
	now      atomic.Pointer[settings]
	level    *slog.LevelVar
	log      *slog.Logger
	metrics  *metrics
	rooms    atomic.Pointer[service.Service]
	link     *xmppcomp.Link
	archive  *sqlitestore.Answers
	ends     []func() error // give back what begin took
	throttle *throttle
	drops    dropLog
	adopted  bool          // it goes on with the stream of another process
	before   atomic.Bool   // it was connected before
	reached  chan struct{} // closed when it is for the first time
	lists    []*blockList
	listed   chan struct{} // somebody came on a list
	// successors are processes that want to take over.
	successors chan *partner
	systemd    systemd
}

// service are the rooms, nil before they are there.
func (c *component) service() *service.Service { return c.rooms.Load() }

// serve runs the component until ctx ends, or until it cannot go on.
func serve(ctx context.Context, s settings, level *slog.LevelVar, log *slog.Logger) error {
	c := &component{settings: s, level: level, log: log, metrics: newMetrics(), throttle: newThrottle(),
		listed: make(chan struct{}, 1), reached: make(chan struct{}), successors: make(chan *partner, 1), systemd: systemdOf(s.getenv)}
	c.now.Store(&s)
	hangups := make(chan os.Signal, 1) // so that a SIGHUP before all is there ends nothing
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	c.followLists()
	c.link = xmppcomp.NewLink(c.linkConfig())
	c.metrics.observe(c)
	from, err := c.predecessor(ctx)
	if err == nil {
		err = c.begin(ctx, from)
	}
	if from != nil {
		if err != nil {
			_ = from.say(word{Error: err.Error()})
		}
		from.conn.Close()
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil // it was told to stop before it had begun
		}
		return err
	}
	err = c.work(ctx, hangups)
	return errors.Join(err, c.giveBack())
}

// begin takes what the component needs, in an order in which nothing is half done when
// something is missing; from another process, once that has left.
func (c *component) begin(ctx context.Context, from *partner) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, c.giveBack())
		}
	}()
	s := &c.settings
	stopMetrics, err := c.metrics.serve(s.metrics, c.log)
	if err != nil {
		return err
	}
	c.ends = append(c.ends, stopMetrics)
	store, err := sqlitestore.Open(ctx, s.store, sqlitestore.Options{
		Archive: s.archive > 0, Keep: max(s.archive, 1), // with 0 what was kept before goes too
		RoomBytes: int64(s.archiveSize)})
	if err != nil {
		return err
	}
	c.ends = append(c.ends, store.Close)
	stopAdmin, err := c.listenAdmin(s.adminSocket)
	if err != nil {
		return err
	}
	c.ends = append(c.ends, stopAdmin)
	c.archive = sqlitestore.NewAnswers(store, c.log)
	config := c.config(store)
	if from != nil {
		if err := from.settle(ctx, config); err != nil {
			return err
		}
	}
	rooms, err := service.New(ctx, config)
	if err != nil {
		return err
	}
	c.rooms.Store(rooms)
	c.archive.Start(rooms)
	return nil
}

// giveBack gives back what begin took.
func (c *component) giveBack() error {
	var errs []error
	for _, end := range slices.Backward(c.ends) {
		errs = append(errs, end())
	}
	c.ends = nil
	return errors.Join(errs...)
}

// linkConfig is the configuration of the link.
func (c *component) linkConfig() xmppcomp.Config {
	s := &c.settings
	rooms := s.roomConfig().Limits
	return xmppcomp.Config{
		Addr: s.connect, Domain: s.domain, Secret: s.secret, Log: c.log,
		Handle: c.handle, Unreadable: c.unreadable, Connected: c.connected, Sent: c.metrics.written,
		Dropped: c.dropped,
		Queue:   xmppcomp.Bounds{Bytes: s.sendQueue, Stanza: s.maxStanza},
		Limits: xmppcomp.Limits{
			// Those of rooms, which do not count the stanza's own element.
			Bytes: int64(rooms.OutboundBytes), Depth: rooms.StanzaDepth + 1,
			Elements: rooms.StanzaElements + 1, Attrs: rooms.StanzaAttrs,
		},
		Backoff: s.backoff, Held: s.held,
	}
}

// roomConfig is what the settings say of all rooms. The limits are also those of the reader:
// what no room would take is not even kept until its end. A room takes of a stanza what it can
// pass on in one that the server takes.
func (s *settings) roomConfig() muc.Config {
	c := s.rooms
	c.Archive, c.Tombstones = s.archive > 0, s.tombstones > 0
	c.Limits.OutboundBytes, c.Limits.StanzaDepth, c.Limits.StanzaElements, c.Limits.StanzaAttrs = s.maxStanza, 32, 1000, 32
	return c
}

// config is the service's configuration.
func (c *component) config(store *sqlitestore.Store) service.Config {
	s := &c.settings
	rooms := s.roomConfig()
	rooms.Secret = store.Secret()
	rooms.IsOwner, rooms.IsBlocked = c.isAdmin, c.isListed
	rooms.ManyNicks = func(who muc.JID) bool { return c.now.Load().bridges[who.Bare()] }
	rooms.Policy = policy.Rules{Create: c.mayCreate}
	rooms.TellAbsent, rooms.ShowActivity = true, true
	// Not all clients know a mediated invitation when they see one.
	rooms.InviteBody, rooms.LegacyInvites = c.inviteBody, true
	return service.Config{
		Domain:        s.domain,
		Name:          s.name,
		Contacts:      s.contacts,
		Software:      &service.Software{Name: "muc", Version: version()},
		Room:          rooms,
		Store:         store,
		Deliver:       c.deliver,
		Question:      c.archive.Question,
		Admin:         c.isAdmin,
		Activity:      func(who, _ muc.JID) bool { now := c.now.Load(); return now.activity && !now.blocks(who) },
		SearchRate:    s.searches,
		Limits:        s.limits,
		IdleAfter:     s.idle,
		SuspendedFor:  s.suspended,
		TombstoneTime: s.tombstones,
		CompactAfter:  s.compact,
		Log:           c.log,
		Events:        c.story,
		Observer:      c.observer(),
	}
}

// observer counts what the service does, and has the log tell of refusals.
func (c *component) observer() service.Observer {
	o := c.metrics.observer()
	o.Refused = c.refused
	return o
}

func (c *component) refused(e *muc.StanzaError) {
	c.metrics.refused(e)
	c.log.Debug("a stanza was refused", "condition", e.Condition, "section", e.Section)
}

func (c *component) isAdmin(who muc.JID) bool { return c.now.Load().admins[who.Bare()] }

// mayCreate judges who may create rooms (XEP-0045 §10.1.1).
func (c *component) mayCreate(q policy.Create) *muc.StanzaError {
	s := c.now.Load()
	if s.create.anyone || s.admins[q.Creator.Bare()] || s.create.domains[q.Creator.Domain()] {
		return nil
	}
	return &muc.StanzaError{Condition: stanza.NotAllowed, Text: "You may not create rooms here.", Section: "XEP-0045 §10.1.1"}
}

// work connects and stays so until ctx ends.
func (c *component) work(ctx context.Context, hangups <-chan os.Signal) error {
	linked, unlink := context.WithCancel(context.WithoutCancel(ctx))
	defer unlink()
	ended := make(chan error, 1)
	if err := c.systemd.forget(); err != nil {
		c.log.Warn("systemd cannot be told that the connection is open here", "error", err)
	}
	go func() { ended <- c.link.Run(linked) }()
	if c.adopted {
		<-c.reached // or a stop would close it
	}
	go c.ready(ctx)
	c.putOut(ctx, c.settings.blocked) // who was inside when it was suspended
	for {
		select {
		case <-hangups:
			c.reload(ctx)
			continue
		case <-c.listed:
			c.kickListed(ctx)
			continue
		case to := <-c.successors:
			left, err := c.handOver(ctx, to)
			if left || err != nil {
				unlink()
				return errors.Join(err, <-ended)
			}
		case <-ctx.Done():
			c.log.Info("stopping", "within", c.now.Load().drain)
			return c.stop(unlink, ended, true)
		case failed := <-ended:
			ended <- nil
			return errors.Join(failed, c.stop(unlink, ended, false))
		}
	}
}

// stop stores who is inside for the next start, or tells everybody that the service goes
// down (XEP-0045 §11.2), sends what waits, and closes the stream, but for one that is kept for the
// next start. Nobody can be told when the server is not there.
func (c *component) stop(unlink func(), ended <-chan error, reachable bool) error {
	now := c.now.Load()
	keeps := c.systemd.keeps && reachable && !now.farewell
	if keeps {
		ctx, cancel := context.WithTimeout(context.Background(), now.drain)
		defer cancel()
		keeps = c.hold(ctx) == nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), now.drain)
	defer cancel()
	c.archive.Stop()
	if !reachable {
		c.link.Queue().Close()
	}
	var err error
	if now.farewell {
		err = c.service().Shutdown(ctx, "the service goes down")
	} else {
		err = c.service().Suspend(ctx)
	}
	if keeps {
		if h, unsent := c.link.Detach(ctx); unsent == nil && c.keepStream(h) {
			c.link.Leave()
			<-ended
			c.log.Info("stopped; the connection is kept for the next start")
			return errors.Join(err, h.Conn.Close())
		}
		c.link.GoOn()
	}
	if reachable {
		if unsent := c.link.Drain(ctx); unsent != nil {
			c.log.Warn("not everybody was told", "error", unsent)
		}
	}
	unlink()
	<-ended
	c.log.Info("stopped")
	return err
}

// connected notes that the server is there, or is not. Who left while it was not there could
// not tell, so all are asked then.
func (c *component) connected(up bool) {
	c.metrics.connection(up)
	for _, l := range c.lists {
		l.connected(up)
	}
	switch {
	case up && c.before.Swap(true):
		c.service().AskAll()
	case up:
		close(c.reached)
	}
}

// fromReader marks the context of what comes from the reader of the stream, which must
// not wait.
type fromReader struct{}

// handle takes a stanza from the server.
func (c *component) handle(ctx context.Context, el *etree.Element, bytes int) {
	if c.log.Enabled(ctx, slog.LevelDebug) {
		c.log.Debug("in", "name", el.Tag, "type", el.SelectAttrValue("type", ""), "from", el.SelectAttrValue("from", ""), "to", el.SelectAttrValue("to", ""))
	}
	if c.ofList(el) || !c.mayPass(el, bytes) {
		return
	}
	from, err := muc.ParseJID(el.SelectAttrValue("from", ""))
	switch {
	case err == nil && c.now.Load().blocks(from) && !settles(el):
		c.refuse(el, stanza.TypeAuth, stanza.Forbidden, "You may not use the rooms here.")
		return
	case err == nil:
		err = c.service().Handle(context.WithValue(context.WithoutCancel(ctx), fromReader{}, true), from, el)
	}
	switch {
	case err == nil:
	case errors.Is(err, service.ErrClosed) && !settles(el): // or nobody would know that it is lost
		c.refuse(el, stanza.TypeWait, stanza.RecipientUnavailable, "The service starts again.")
	case errors.Is(err, muc.ErrNotForRoom):
		c.log.Warn("a stanza for another domain: the server's configuration is at odds with -domain",
			"to", el.SelectAttrValue("to", ""))
	default:
		c.log.Debug("a stanza that nobody takes", "name", el.Tag, "error", err)
	}
}

// mayPass refuses the stanza of a person who has sent too much.
func (c *component) mayPass(el *etree.Element, bytes int) bool {
	person, _, _ := strings.Cut(el.SelectAttrValue("from", ""), "/")
	rate := c.now.Load().traffic
	if c.throttle.spend(rate, person, max(bytes, min(asks(el), rate.Burst)), settles(el)) {
		return true
	}
	c.refuse(el, stanza.TypeWait, stanza.PolicyViolation, "You are sending too much.")
	return false
}

// settles reports whether a stanza only ends something: others would miss it.
func settles(el *etree.Element) bool {
	kind := el.SelectAttrValue("type", "")
	return kind == "error" || kind == "result" || el.Tag == "presence" && kind == "unavailable"
}

// unreadable refuses a stanza that is too large or no XML. It reaches no room.
func (c *component) unreadable(_ context.Context, bad *xmppcomp.StanzaError, bytes int) {
	c.log.Debug("a stanza that cannot be read", "error", bad)
	if !c.mayPass(bad.Head, bytes) {
		return
	}
	if errors.Is(bad, stanza.ErrTooLarge) {
		c.refuse(bad.Head, stanza.TypeModify, stanza.PolicyViolation, "The stanza is too large.")
	} else {
		c.refuse(bad.Head, stanza.TypeModify, stanza.PolicyViolation, "The stanza is not well-formed XML.")
	}
}

// refuse answers a stanza that does not reach the service, if it is one to be answered.
func (c *component) refuse(head *etree.Element, kind stanza.ErrorType, condition stanza.Condition, text string) {
	c.refused(&muc.StanzaError{Condition: condition})
	answer := xmppcomp.Refusal(head, string(kind), string(condition), text)
	if answer == nil {
		return
	}
	to := head.SelectAttrValue("from", "")
	if err := c.link.Queue().Offer(to, bytesOf(answer)); err != nil {
		c.lost(err, to, 1)
	}
}

func bytesOf(stanza []byte) func(dst []byte) []byte {
	return func(dst []byte) []byte { return append(dst, stanza...) }
}

// deliver queues a stanza for each of its addresses. Rooms wait for place; the reader,
// for which everybody waits, does not.
func (c *component) deliver(ctx context.Context, s service.Stanza) {
	to := s.To()
	if c.log.Enabled(ctx, slog.LevelDebug) {
		c.log.Debug("out", "name", s.Name(), "type", s.Type(), "to", to)
	}
	for i, jid := range to {
		err := c.queue(ctx, jid, func(dst []byte) []byte { return s.AppendXML(dst, jid, "") })
		if errors.Is(err, xmppcomp.ErrTooLarge) {
			c.lost(err, jid.String(), 1)
			err = c.excuse(ctx, s, jid)
		}
		if err != nil {
			c.lost(err, jid.String(), len(to)-i)
			return
		}
	}
}

// queue queues a stanza for an address.
func (c *component) queue(ctx context.Context, to muc.JID, write func(dst []byte) []byte) error {
	if ctx.Value(fromReader{}) != nil {
		return c.link.Queue().Offer(to.String(), write)
	}
	return c.link.Queue().Append(ctx, write)
}

// excuse answers a request of which the result is larger than servers take.
func (c *component) excuse(ctx context.Context, s service.Stanza, to muc.JID) error {
	answer := xmppcomp.Instead(s.Stanza(), to.String(), string(stanza.TypeCancel), string(stanza.ResourceConstraint),
		"The answer is too large to be sent.")
	if answer == nil {
		return nil
	}
	return c.queue(ctx, to, bytesOf(answer))
}
