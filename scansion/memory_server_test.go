package scansion

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	mucservice "github.com/gomuc/muc/service"
)

const (
	memoryRooms = "rooms.test"
	memoryUsers = "users.test"
)

// memoryServer is an XMPP server without sockets: what a client would log in to.
type memoryServer struct {
	rooms *mucservice.Service
	mu    sync.Mutex
	// events are those of each room, for its archive.
	events   map[muc.JID][]event.Event
	sessions map[muc.JID]*memoryConn
	// offline is what came for accounts while nobody was available.
	offline map[muc.JID][][]byte
	// resource, unless empty, is the one that everybody gets.
	resource string
	// asked are the questions of rooms that are being answered.
	asked sync.WaitGroup
}

// newMemoryServer is a server whose rooms have that configuration.
func newMemoryServer(t *testing.T, cfg muc.Config) *memoryServer {
	s := &memoryServer{events: map[muc.JID][]event.Event{}, sessions: map[muc.JID]*memoryConn{}, offline: map[muc.JID][][]byte{}}
	var err error
	s.rooms, err = mucservice.New(t.Context(), mucservice.Config{
		Domain: memoryRooms, Room: cfg, Store: new(mucservice.Memory), Deliver: s.deliver, Question: s.question,
		Events: func(_ context.Context, room muc.JID, events []event.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events[room] = append(s.events[room], events...)
		},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.rooms.Shutdown(context.Background(), ""))
	})
	return s
}

// question answers from the archive, as the host of examples/server does.
func (s *memoryServer) question(_ context.Context, room muc.JID, ask muc.Question) {
	if ask.Archive == nil {
		return
	}
	s.asked.Go(func() {
		s.mu.Lock()
		page, refused := ask.Archive.Page(s.events[room])
		s.mu.Unlock()
		_, _ = s.rooms.Do(context.Background(), room, muc.Answer{ID: ask.ID, Archive: &page, Refuse: refused})
	})
}

func (s *memoryServer) deliver(_ context.Context, out mucservice.Stanza) {
	for _, to := range out.To() {
		s.send(to, out.AppendXML(nil, to, nsClient))
	}
}

// send brings something to a client, or to all available ones of an account.
func (s *memoryServer) send(to muc.JID, stanza []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reached := false
	for jid, c := range s.sessions {
		if jid == to || c.available && jid.Bare() == to {
			c.came <- stanza
			reached = true
		}
	}
	if !reached && to.IsBare() {
		s.offline[to] = append(s.offline[to], stanza)
	}
}

// dial logs in a client, under the name of the script. People of the same name on two domains are two.
func (s *memoryServer) dial(_ context.Context, who Login) (Conn, error) {
	name := who.People[who.Person].Local()
	for i, other := range who.People {
		if i < who.Person && other.Local() == name {
			name += "2"
		}
	}
	resource := who.Resource
	if s.resource != "" {
		resource = s.resource
	}
	jid, err := muc.ParseJID(name + "@" + memoryUsers + "/" + resource)
	if err != nil {
		return nil, err
	}
	c := &memoryConn{server: s, jid: jid, came: make(chan []byte, 10_000)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[jid] = c
	return c, nil
}

type memoryConn struct {
	server    *memoryServer
	jid       muc.JID
	available bool
	came      chan []byte
}

func (c *memoryConn) JID() muc.JID { return c.jid }

func (c *memoryConn) Receive(ctx context.Context) ([]byte, error) {
	select {
	case src := <-c.came:
		return src, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *memoryConn) Send(ctx context.Context, src []byte) error {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(src); err != nil {
		return err
	}
	el := doc.Root()
	address := el.SelectAttrValue("to", "")
	if address == "" {
		c.server.mu.Lock()
		defer c.server.mu.Unlock()
		c.available = true
		for _, stanza := range c.server.offline[c.jid.Bare()] {
			c.came <- stanza
		}
		delete(c.server.offline, c.jid.Bare())
		return nil
	}
	if from := el.SelectAttrValue("from", c.jid.String()); from != c.jid.String() {
		return errors.New("invalid-from")
	}
	if el.Tag == "message" { // servers tell a client such things, which are no part of a script
		for _, noise := range []string{
			"<presence from='" + c.jid.String() + "'/>",
			"<message from='" + memoryUsers + "'><body>Maintenance at noon</body></message>",
			"<message from='somebody@" + memoryUsers + "/x'><body>Buy!</body></message>",
			"<message from='" + c.jid.Bare().String() + "'><event xmlns='" + nsPubSub + "'/></message>",
			"<message type='groupchat' from='lobby@" + memoryRooms + "/x'><body>Hm?</body></message>",
		} {
			c.came <- []byte(noise)
		}
	}
	bare, _, _ := strings.Cut(address, "/")
	to, err := muc.ParseJID(bare)
	if err != nil {
		return err
	}
	el.CreateAttr("from", c.jid.String())
	switch {
	case to.Domain() == memoryRooms:
		if err := c.server.rooms.Handle(ctx, c.jid, el); err != nil {
			return err
		}
		// No clock is to decide whether an answer from the archive comes in time.
		_ = c.server.rooms.Read(ctx, to, func(*muc.Room) {}) // has asked, if it does
		c.server.asked.Wait()
		return nil
	case to.IsDomain():
		c.came <- []byte("<iq type='result' id='" + el.SelectAttrValue("id", "") + "' from='" + memoryUsers + "'/>")
		return nil
	}
	if to, err = muc.ParseJID(address); err != nil {
		return err
	}
	out := etree.NewDocument()
	out.SetRoot(el)
	if src, err = out.WriteToBytes(); err != nil {
		return err
	}
	c.server.send(to, src)
	return nil
}

func (c *memoryConn) gone() {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	delete(c.server.sessions, c.jid)
}

func (c *memoryConn) Cut() {
	c.gone()
	_ = c.server.rooms.Vanished(context.Background(), c.jid)
}

func (c *memoryConn) Close() {
	c.gone()
	_ = c.server.rooms.Offline(context.Background(), c.jid, nil)
}
