package service_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// logs is a log that a test reads.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A hook that panics concerns the asker alone, who is told; the operator reads of it, and
// everything else goes on.
func TestHooksPanic(t *testing.T) {
	const commands = "<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#announce'/>"
	const items = "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"
	set := func(h *host) {
		h.send(`<iq type='set' id='q' from='%s' to='chat.example'>%s</iq>`, romeo, commands)
	}
	get := func(to, payload string) func(h *host) {
		return func(h *host) { h.send(`<iq type='get' id='q' from='%s' to='%s'>%s</iq>`, romeo, to, payload) }
	}
	fault := func() { panic("a fault of the host") }
	for name, c := range map[string]struct {
		arrange func(c *service.Config)
		ask     func(h *host)
	}{
		"Admin, a command":  {func(c *service.Config) { c.Admin = func(muc.JID) bool { fault(); return true } }, set},
		"Admin, commands":   {func(c *service.Config) { c.Admin = func(muc.JID) bool { fault(); return true } }, get("chat.example", items)},
		"RoomName, offered": {func(c *service.Config) { c.RoomName = func(string) *muc.StanzaError { fault(); return nil } }, get("chat.example", info)},
		"NormalizeDomain": {func(c *service.Config) {
			started := false
			c.Room.NormalizeDomain = func(s string) (string, error) {
				if started && s == "chat.example" {
					fault()
				}
				started = true
				return muc.NormalizeDomain(s)
			}
		}, get("chat.example", info)},
		"RoomName, asked": {func(c *service.Config) { c.RoomName = func(string) *muc.StanzaError { fault(); return nil } },
			func(h *host) { h.join(romeo, "cellar", "Romeo") }},
		"Store.Append": {func(c *service.Config) {
			store := c.Store.(*faultyStore)
			store.failAppends(func([]service.Batch) error { store.failAppends(nil); fault(); return nil })
		}, func(h *host) { h.join(romeo, "cellar", "Romeo") }},
		"Store.Load": {func(c *service.Config) {
			c.Store.(*faultyStore).failLoads(func(muc.JID) error { fault(); return nil })
		}, func(h *host) { h.join(romeo, "cellar", "Romeo") }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log logs
				h := newHost(t, func(h *host) {
					h.config.Log = slog.New(slog.NewTextHandler(&log, nil))
					c.arrange(&h.config)
				})
				c.ask(h)
				refused(t, h.only(romeo), "internal-server-error", "wait")
				assert.Contains(t, log.String(), "a fault of the host")
				_, err := h.service.Do(t.Context(), at("garden"), muc.Say{Body: "x"})
				require.Error(t, err, "it is not there, and the service is")
			})
		})
	}
}

// Deliver, Question and the observer panic in rooms' turns and in the domain's own answers.
func TestOutputPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log logs
		h := newHost(t, func(h *host) {
			h.config.Log = slog.New(slog.NewTextHandler(&log, nil))
			h.config.Room.AnswersIQ = func(space, _ string) bool { return space == "urn:example:asked" }
			h.config.Question = func(context.Context, muc.JID, muc.Question) { panic("Question") }
			h.config.Observer = service.Observer{
				Received: func() { panic("Received") }, Delivered: func(int) { panic("Delivered") },
				Refused: func(*muc.StanzaError) { panic("Refused") }, Loaded: func(time.Duration, error) { panic("Loaded") },
				Stored: func(int, int, time.Duration, error) { panic("Stored") },
			}
		})
		h.join(romeo, "cellar", "Romeo")
		assert.Equal(t, "110", strings.Fields(statuses(h.got(romeo)[0]))[0])
		h.forget()
		refused(t, h.ask(romeo, "chat.example", "<query xmlns='urn:example:unknown'/>"), "service-unavailable", "cancel")
		h.send(`<iq type='get' id='asked' from='%s' to='cellar@chat.example'><x xmlns='urn:example:asked'/></iq>`, romeo)
		assert.Empty(t, h.got(romeo))
		sleep(5 * time.Minute)
		assert.Equal(t, "error", h.only(romeo).SelectAttrValue("type", ""), "what the host did not answer")

		h.mu.Lock()
		h.before = func(service.Stanza) { panic("Deliver") }
		h.mu.Unlock()
		h.say(romeo, "cellar", "lost")
		h.send(`<iq type='get' id='q' from='%s' to='chat.example'>%s</iq>`, romeo, info)
		h.mu.Lock()
		h.before = nil
		h.mu.Unlock()
		h.say(romeo, "cellar", "heard")
		assert.Equal(t, []string{"heard"}, h.bodies(romeo))
		for _, hook := range []string{"Question", "Received", "Delivered", "Refused", "Loaded", "Stored", "Deliver"} {
			assert.Contains(t, log.String(), "panic: "+hook+"\\n", hook)
		}
	})
}
