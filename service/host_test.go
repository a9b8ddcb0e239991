package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

const (
	romeo  = "romeo@example.org/pda"
	juliet = "juliet@example.org/balcony"
	tybalt = "tybalt@example.org/street"
)

var secret = []byte("only for tests: use random bytes")

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// host is a server around a service: what it was sent, and what it counted.
type host struct {
	t       *testing.T
	service *service.Service
	store   *faultyStore
	config  service.Config
	process *process // of a host with rooms that outlive it

	mu    sync.Mutex
	inbox map[string][]*etree.Element
	order []string // "room: to" of everything, in order
	asks  []muc.Question
	// before is called before something is delivered, unless nil.
	before func(s service.Stanza)
}

// newHost starts a service inside a bubble: everything that it does has been done
// when wait returns, and time passes only in sleep.
func newHost(t *testing.T, adapt func(h *host)) *host {
	t.Helper()
	h := &host{t: t, store: &faultyStore{Store: new(service.Memory)}}
	h.config = service.Config{
		Domain:  "chat.example",
		Room:    muc.Config{Secret: secret, Instant: true},
		Store:   h.store,
		Deliver: h.deliver,
		Log:     quiet,
	}
	if adapt != nil {
		adapt(h)
	}
	h.start()
	return h
}

// start starts the service, or starts it again after a stop.
func (h *host) start() {
	h.t.Helper()
	h.mu.Lock()
	h.inbox, h.order = map[string][]*etree.Element{}, nil
	h.mu.Unlock()
	h.serve()
}

// serve starts the service. What people were sent before is still there.
func (h *host) serve() {
	h.t.Helper()
	s, err := service.New(h.t.Context(), h.config)
	require.NoError(h.t, err)
	h.service = s
	h.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(ctx, "") // what is left of it: some tests leave it stuck
		synctest.Wait()
	})
	synctest.Wait()
}

func (h *host) deliver(_ context.Context, s service.Stanza) {
	h.mu.Lock()
	before := h.before
	h.mu.Unlock()
	if before != nil {
		before(s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	el := s.Stanza()
	assert.Equal(h.t, []string{el.Tag, el.SelectAttrValue("type", ""), el.SelectAttrValue("id", "")}, []string{s.Name(), s.Type(), s.ID()})
	for _, to := range s.To() {
		el := parse(string(s.AppendXML(nil, to, "")))
		h.inbox[to.String()] = append(h.inbox[to.String()], el)
		h.order = append(h.order, el.SelectAttrValue("from", "")+" > "+to.String())
	}
}

// parse reads a stanza, in which quotes may be single.
func parse(text string) *etree.Element {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		panic(fmt.Sprintf("%v in %s", err, text))
	}
	return doc.Root()
}

// handle gives a service a stanza, from whom that says.
func handle(ctx context.Context, s *service.Service, el *etree.Element) error {
	from, _ := muc.ParseJID(el.SelectAttrValue("from", ""))
	return s.Handle(ctx, from, el)
}

// send gives the service a stanza and waits until nothing moves any more.
func (h *host) send(format string, args ...any) {
	h.t.Helper()
	require.NoError(h.t, handle(h.t.Context(), h.service, parse(fmt.Sprintf(format, args...))))
	synctest.Wait()
}

func (h *host) join(who, room, nick string) {
	h.t.Helper()
	h.send(`<presence from='%s' to='%s@chat.example/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, who, room, nick)
}

func (h *host) leave(who, room, nick string) {
	h.t.Helper()
	h.send(`<presence type='unavailable' from='%s' to='%s@chat.example/%s'/>`, who, room, nick)
}

func (h *host) say(who, room, body string) {
	h.t.Helper()
	h.send(`<message type='groupchat' from='%s' to='%s@chat.example'><body>%s</body></message>`, who, room, body)
}

// do has a room do something, and waits until nothing moves any more.
func (h *host) do(room string, cmd muc.Command) ([]event.Event, error) {
	h.t.Helper()
	events, err := h.service.Do(h.t.Context(), at(room), cmd)
	synctest.Wait()
	return events, err
}

// lasting makes a persistent room, as the host.
func (h *host) lasting(room string, adapt ...func(c *muc.RoomConfig)) {
	h.t.Helper()
	conf := muc.RoomConfig{Persistent: true}
	for _, f := range adapt {
		f(&conf)
	}
	_, err := h.do(room, muc.Create{Owner: muc.MustParseJID("romeo@example.org"), Config: conf})
	require.NoError(h.t, err)
}

func at(room string) muc.JID { return muc.MustParseJID(room + "@chat.example") }

// got takes out what somebody was sent.
func (h *host) got(who string) []*etree.Element {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.inbox[who]
	delete(h.inbox, who)
	return list
}

// forget empties all inboxes.
func (h *host) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.inbox)
	h.order = nil
}

// ask sends a request and returns the one answer.
func (h *host) ask(who, to, payload string) *etree.Element {
	h.t.Helper()
	h.got(who)
	h.send(`<iq type='get' id='q1' from='%s' to='%s'>%s</iq>`, who, to, payload)
	return h.only(who)
}

// only is the one stanza that somebody was sent.
func (h *host) only(who string) *etree.Element {
	h.t.Helper()
	list := h.got(who)
	require.Len(h.t, list, 1, "stanzas to %s", who)
	return list[0]
}

// refused wants an error with condition and type.
func refused(t *testing.T, el *etree.Element, condition, typ string) {
	t.Helper()
	require.Equal(t, "error", el.SelectAttrValue("type", ""), text(el))
	e := el.SelectElement("error")
	require.NotNil(t, e, text(el))
	assert.Equal(t, typ, e.SelectAttrValue("type", ""))
	assert.NotNil(t, e.SelectElement(condition), text(el))
}

// bodies are the texts of messages that somebody was sent.
func (h *host) bodies(who string) []string { return bodiesIn(h.got(who)) }

func bodiesIn(stanzas []*etree.Element) []string {
	var list []string
	for _, el := range stanzas {
		if b := el.SelectElement("body"); b != nil && el.SelectAttrValue("type", "") == "groupchat" {
			list = append(list, b.Text())
		}
	}
	return list
}

func text(el *etree.Element) string {
	doc := etree.NewDocument()
	doc.SetRoot(el.Copy())
	s, _ := doc.WriteToString()
	return s
}

// statuses are the status codes of a presence.
func statuses(el *etree.Element) string {
	var codes []string
	for _, st := range el.FindElements("x/status") {
		codes = append(codes, st.SelectAttrValue("code", ""))
	}
	return strings.Join(codes, " ")
}

// stop shuts the service down.
func (h *host) stop() {
	h.t.Helper()
	require.NoError(h.t, h.service.Shutdown(h.t.Context(), "closing time"))
	synctest.Wait()
}

// bubble runs a test in its own time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// sleep lets time pass.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// errDisk is what the store says when it fails.
var errDisk = errors.New("no space left on device")

// faultyStore fails when it is told to, and writes down what it was given.
type faultyStore struct {
	service.Store
	mu     sync.Mutex
	append func(batches []service.Batch) error // before storing
	load   func(room muc.JID) error
	calls  [][]service.Batch
	loads  []muc.JID
}

func (s *faultyStore) Append(ctx context.Context, batches []service.Batch) error {
	s.mu.Lock()
	f := s.append
	s.calls = append(s.calls, slices.Clone(batches))
	s.mu.Unlock()
	if f != nil {
		if err := f(batches); err != nil {
			return err
		}
	}
	return s.Store.Append(ctx, batches)
}

func (s *faultyStore) Load(ctx context.Context, room muc.JID) (service.Saved, error) {
	s.mu.Lock()
	f := s.load
	s.loads = append(s.loads, room)
	s.mu.Unlock()
	if f != nil {
		if err := f(room); err != nil {
			return service.Saved{}, err
		}
	}
	return s.Store.Load(ctx, room)
}

func (s *faultyStore) failAppends(f func(batches []service.Batch) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.append = f
}

func (s *faultyStore) failLoads(f func(room muc.JID) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load = f
}

func (s *faultyStore) Delivered(room muc.JID, at service.Position) {
	if keeps, ok := s.Store.(service.LiveStore); ok {
		keeps.Delivered(room, at)
	}
}

// written are the calls of Append so far.
func (s *faultyStore) written() [][]service.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func last(stanzas []*etree.Element) *etree.Element { return stanzas[len(stanzas)-1] }

// entered reports whether somebody was told to be inside.
func entered(stanzas []*etree.Element) bool {
	return slices.ContainsFunc(stanzas, func(el *etree.Element) bool { return strings.Contains(statuses(el), "110") })
}

// counts are the numbers of this moment, without how much memory is held.
func (h *host) counts() service.Stats {
	stats := h.service.Stats()
	stats.Memory = 0
	return stats
}

// bubbles runs a part of a test in its own time.
func bubbles(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { bubble(t, f) })
}
