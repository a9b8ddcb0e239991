package service_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// What the service itself says within Handle has the context of Handle, so that a host
// knows what it must not wait for; what rooms say has not.
func TestContextOfHandle(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type mark struct{}
		got := map[bool]int{}
		h := newHost(t, func(h *host) {
			h.config.Limits.Rooms = 1
			deliver := h.config.Deliver
			h.config.Deliver = func(ctx context.Context, s service.Stanza) {
				h.mu.Lock()
				got[ctx.Value(mark{}) != nil]++
				h.mu.Unlock()
				deliver(ctx, s)
			}
		})
		h.join(juliet, "cellar", "Juliet")
		clear(got)
		within := func(format string, args ...any) {
			t.Helper()
			ctx := context.WithValue(t.Context(), mark{}, true)
			require.NoError(t, handle(ctx, h.service, parse(fmt.Sprintf(format, args...))))
			synctest.Wait()
		}
		for name, stanza := range map[string]string{
			"an answer of the domain": "<iq type='get' id='1' from='" + romeo + "' to='chat.example'><ping xmlns='urn:xmpp:ping'/></iq>",
			"a refusal of the domain": "<message from='" + romeo + "' to='chat.example'/>",
			"an address of no room":   "<message from='" + romeo + "' to='a b@chat.example'/>",
			"no place":                "<message from='" + romeo + "' to='garden@chat.example'/>",
			"a ping of who may be gone": "<message type='error' from='" + juliet + "' to='cellar@chat.example/Romeo'>" +
				failure("service-unavailable") + "</message>",
		} {
			within("%s", stanza)
			assert.Equal(t, map[bool]int{true: 1}, got, name)
			clear(got)
		}
		within("<message type='groupchat' from='%s' to='cellar@chat.example'><body>a</body></message>", juliet)
		assert.Equal(t, map[bool]int{false: 1}, got, "what a room says")
	})
}

// When Read has returned because its context ended, the function is not called any more.
func TestReadThatIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		blocks := make(chan struct{})
		h := newHost(t, nil)
		h.join(juliet, "cellar", "Juliet")
		room := muc.MustParseJID("cellar@chat.example")
		busy := make(chan error)
		go func() {
			busy <- h.service.Read(t.Context(), room, func(*muc.Room) { <-blocks })
		}()
		synctest.Wait()
		ctx, giveUp := context.WithCancel(t.Context())
		called, given := false, make(chan error)
		go func() { given <- h.service.Read(ctx, room, func(*muc.Room) { called = true }) }()
		synctest.Wait()
		giveUp()
		assert.ErrorIs(t, <-given, context.Canceled)
		close(blocks)
		assert.NoError(t, <-busy)
		synctest.Wait()
		assert.False(t, called)
	})
}
