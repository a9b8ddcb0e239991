package service_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// What a room says of all stanzas that were waiting comes in one call, in order; what the domain
// answers does not. A DeliverBatch that panics loses what it was given.
func TestDeliverBatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls, copies, fault := 0, 0, false
		h := newHost(t, func(h *host) {
			h.config.DeliverBatch = func(ctx context.Context, d service.Delivery) {
				if calls++; fault {
					panic("a fault of the host")
				}
				for _, s := range d.Stanzas {
					h.deliver(ctx, s)
				}
			}
			h.config.Observer.Delivered = func(n int) { copies += n }
		})
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		h.forget()
		calls, copies = 0, 0

		busy := make(chan bool)
		go func() {
			assert.NoError(t, h.service.Read(t.Context(), at("cellar"), func(*muc.Room) { <-busy }))
		}()
		synctest.Wait()
		for i := range 3 { // they wait until the room has been read
			h.send("<message type='groupchat' from='%s' to='cellar@chat.example'><body>%d</body></message>", romeo, i)
		}
		close(busy)
		synctest.Wait()
		assert.Equal(t, 1, calls)
		assert.Equal(t, 6, copies)
		for _, who := range []string{romeo, juliet} {
			assert.Equal(t, []string{"0", "1", "2"}, h.bodies(who))
		}

		h.ask(juliet, "chat.example", info)
		assert.Equal(t, 1, calls)

		fault = true
		h.say(romeo, "cellar", "lost")
		fault = false
		h.say(romeo, "cellar", "heard")
		assert.Equal(t, []string{"heard"}, h.bodies(juliet))
	})
}
