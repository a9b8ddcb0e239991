package service_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// process is a service that may be killed: then nothing of it is stored or heard any more. It is
// the store and the clients as that process has them.
type process struct {
	service.LiveStore
	host *host
	dead atomic.Bool
	mute atomic.Bool // nothing is heard of it any more, as when it dies after it has stored
}

func (p *process) Append(ctx context.Context, batches []service.Batch) error {
	if p.dead.Load() || p.mute.Load() && len(batches[0].Events) == 0 { // which comes after it was heard
		return errDisk
	}
	return p.LiveStore.Append(ctx, batches)
}

func (p *process) Delivered(room muc.JID, at service.Position) {
	if !p.dead.Load() && !p.mute.Load() {
		p.LiveStore.Delivered(room, at)
	}
}

func (p *process) deliver(ctx context.Context, d service.Delivery) {
	if p.dead.Load() || p.mute.Load() {
		return
	}
	for _, s := range d.Stanzas {
		p.host.deliver(ctx, s)
	}
}

// newLiveHost is a host whose rooms outlive its processes.
func newLiveHost(t *testing.T, adapt func(h *host)) *host {
	t.Helper()
	h := &host{t: t, inbox: map[string][]*etree.Element{}, store: &faultyStore{Store: new(service.Memory)}}
	h.config = service.Config{Domain: "chat.example", Room: muc.Config{Secret: secret, Instant: true}, Log: quiet, Live: true}
	if adapt != nil {
		adapt(h)
	}
	h.boot()
	return h
}

// boot starts the next process.
func (h *host) boot() *process {
	h.t.Helper()
	p := &process{LiveStore: h.store, host: h}
	h.config.Store = p
	h.config.Deliver = func(ctx context.Context, s service.Stanza) {
		p.deliver(ctx, service.Delivery{Stanzas: []service.Stanza{s}})
	}
	h.config.DeliverBatch = p.deliver
	h.process = p
	h.serve()
	return p
}

// kill lets another process take the place of the one that dies.
func (h *host) kill() {
	h.t.Helper()
	h.process.dead.Store(true)
	h.boot()
}

// Nobody is put out when the process dies, and rooms go on.
func TestLive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, nil)
		h.lasting("cellar")
		for _, room := range []string{"cellar", "garden"} { // the second is temporary
			h.join(romeo, room, "Romeo")
			h.join(juliet, room, "Juliet")
			h.say(romeo, room, "before")
		}
		h.forget()
		h.kill()
		assert.Empty(t, h.order, "nobody is told")
		assert.Equal(t, service.Stats{Rooms: 2, Listed: 2, Occupants: 4, Sessions: 2}, h.counts())
		for _, room := range []string{"cellar", "garden"} {
			h.say(romeo, room, "still here")
			assert.Equal(t, []string{"still here"}, h.bodies(juliet))
		}
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(juliet)))
		synctest.Wait()
		assert.Equal(t, 2, h.service.Stats().Occupants)
		h.leave(romeo, "garden", "Romeo")
		h.forget()
		h.kill()
		assert.Equal(t, 1, h.service.Stats().Listed, "the temporary room has ended with the last")
		sleep(time.Second)
		assert.True(t, isPing(h.only(romeo)), "who is inside is asked")
	})
}

// What was stored and not delivered is delivered by the next process, the same to the byte, and
// not done twice when it is submitted again.
func TestRedo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		want, h := newLiveHost(t, nil), newLiveHost(t, nil)
		redone := 0
		h.config.Observer.Redone = func(same bool) {
			assert.True(t, same)
			redone++
		}
		for _, h := range []*host{want, h} {
			h.join(romeo, "cellar", "Romeo")
			h.join(juliet, "cellar", "Juliet")
			h.forget()
		}
		h.process.mute.Store(true)
		for _, h := range []*host{want, h} {
			h.say(romeo, "cellar", "But soft!")
			h.join(tybalt, "cellar", "Tybalt")
		}
		for _, who := range []string{romeo, juliet, tybalt} {
			require.Empty(t, h.got(who))
		}
		sleep(7 * time.Second) // until somebody else takes its place
		h.kill()
		assert.Equal(t, 2, redone)
		for _, who := range []string{romeo, juliet, tybalt} {
			assert.Equal(t, texts(want.got(who)), texts(h.got(who)))
		}
		h.kill()
		assert.Equal(t, 2, redone, "once")
	})
}

// submit submits a stanza and returns the end of it.
func (h *host) submit(source string, number uint64, stanza string, args ...any) error {
	h.t.Helper()
	el := parse(fmt.Sprintf(stanza, args...))
	ends := make(chan error, 1)
	from := muc.MustParseJID(el.SelectAttrValue("from", ""))
	require.NoError(h.t, h.service.Submit(h.t.Context(), from, el, source, number, func(err error) { ends <- err }))
	synctest.Wait()
	select {
	case err := <-ends:
		return err
	default:
		h.t.Fatal("no end of it")
		return nil
	}
}

const says = "<message type='groupchat' from='%s' to='cellar@chat.example'><body>%s</body></message>"

func TestSubmit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.forget()
		for _, again := range []bool{false, true} {
			require.NoError(t, h.submit("a", 1, says, romeo, "one"))
			require.NoError(t, h.submit("b", 1, says, romeo, "other"))
			require.NoError(t, h.submit("a", 7, says, romeo, "two"))
			require.NoError(t, h.submit("a", 3, says, romeo, "three"))
			if again {
				assert.Empty(t, h.got(romeo))
			} else {
				assert.Equal(t, []string{"one", "other", "two"}, h.bodies(romeo))
			}
			h.kill()
			h.forget()
		}
		require.NoError(t, h.submit("a", 8, says, juliet, "a stranger"))
		refused(t, h.only(juliet), "not-acceptable", "cancel")
		require.NoError(t, h.submit("", 0, "<iq type='get' id='i' from='%s' to='chat.example'>%s</iq>", romeo, info))
		assert.Len(t, h.got(romeo), 1)
	})
}
