package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
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
	afterHeard := func(b service.Batch) bool { return len(b.Events) == 0 }
	if p.dead.Load() || p.mute.Load() && slices.ContainsFunc(batches, afterHeard) {
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

// What cannot be done again as it was is not told to anybody in two versions: what is stored holds,
// and the room goes on.
func TestRedoOfSomethingElse(t *testing.T) {
	for name, change := range map[string]func(h *host){
		"a hook": func(h *host) {
			h.config.Room.Policy.Speak = func(policy.Speak) *muc.StanzaError { return &muc.StanzaError{Condition: stanza.NotAllowed} }
		},
		"a hook that panics": func(h *host) {
			h.config.Room.Policy.Speak = func(policy.Speak) *muc.StanzaError { panic("a fault of the host") }
		},
		"what is stored": func(h *host) { h.store.Store = &noInputs{LiveStore: h.store.Store.(service.LiveStore)} },
	} {
		bubbles(t, name, func(t *testing.T) {
			h := newLiveHost(t, nil)
			h.join(romeo, "cellar", "Romeo")
			h.forget()
			h.process.mute.Store(true)
			h.say(romeo, "cellar", "stored")
			var redone []bool
			h.config.Observer.Redone = func(same bool) { redone = append(redone, same) }
			change(h)
			h.kill()
			assert.Equal(t, []bool{false}, redone)
			assert.Empty(t, h.got(romeo))
			assert.Equal(t, 1, h.service.Stats().Occupants)
			h.join(juliet, "cellar", "Juliet")
			assert.Equal(t, []string{"stored"}, h.bodies(juliet))
			h.kill()
			assert.Len(t, redone, 1, "it is not tried for ever")
		})
	}
}

// noInputs is a store that does not know any more what rooms were given.
type noInputs struct{ service.LiveStore }

func (s *noInputs) Load(ctx context.Context, room muc.JID) (service.Saved, error) {
	saved, err := s.LiveStore.Load(ctx, room)
	for i := range saved.Steps {
		saved.Steps[i].Inputs = slices.Clone(saved.Steps[i].Inputs)
		for k := range saved.Steps[i].Inputs {
			saved.Steps[i].Inputs[k].Stanza = "<message"
		}
	}
	return saved, err
}

// Who waits to be let in, and what waits for an answer, counts after the death of the process.
func TestWaitingOutlivesTheProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, func(h *host) {
			h.config.Room.AsksJoin = func(q policy.Join) bool { return q.JID.Local() == "tybalt" }
			h.config.Room.AnswersIQ = func(space, _ string) bool { return space == "urn:example:asked" }
			h.config.Question = func(_ context.Context, _ muc.JID, ask muc.Question) { h.asks = append(h.asks, ask) }
			h.config.Limits.PersonQuestions = 1
		})
		h.join(romeo, "cellar", "Romeo")
		h.join(tybalt, "cellar", "Tybalt")
		h.send("<iq type='get' id='a' from='%s' to='cellar@chat.example'><x xmlns='urn:example:asked'/></iq>", juliet)
		h.kill()
		h.forget()
		assert.Equal(t, service.Stats{Rooms: 1, Listed: 1, Occupants: 1, Sessions: 2}, h.counts())
		h.send("<iq type='get' id='b' from='%s' to='cellar@chat.example'><x xmlns='urn:example:asked'/></iq>", juliet)
		refused(t, h.only(juliet), "resource-constraint", "wait")
		for _, ask := range h.asks {
			_, err := h.do("cellar", muc.Answer{ID: ask.ID})
			require.NoError(t, err)
		}
		assert.True(t, entered(h.got(tybalt)))
		h.only(juliet)
		h.send("<iq type='get' id='c' from='%s' to='cellar@chat.example'><x xmlns='urn:example:asked'/></iq>", juliet)
		assert.Empty(t, h.got(juliet))
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(tybalt)))
		synctest.Wait()
		assert.Equal(t, service.Stats{Rooms: 1, Listed: 1, Occupants: 1, Sessions: 1}, h.counts())
	})
}

// A store may be kept live from some day on, or not any more: that is a restart.
func TestLiveFromNowOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, func(h *host) { h.config.Live = false })
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.join(romeo, "garden", "Romeo")
		h.say(romeo, "cellar", "first")
		h.suspend()
		h.forget()
		h.config.Live = true
		h.boot()
		got := h.got(romeo)
		require.Len(t, got, 2, "who was suspended is told, of each room")
		assert.Equal(t, "110 332", statuses(got[0]))
		assert.Equal(t, service.Stats{Rooms: 1, Listed: 1}, h.counts())
		h.join(romeo, "cellar", "Romeo")
		h.say(romeo, "cellar", "live")
		h.join(juliet, "garden", "Juliet")
		h.kill()
		assert.Equal(t, 2, h.service.Stats().Occupants)

		h.config.Live = false
		h.kill()
		h.forget()
		assert.Equal(t, service.Stats{Listed: 1}, h.counts(), "nobody is inside, and the temporary room has ended")
		for i := range 2 {
			h.join(juliet, "cellar", "Juliet")
			assert.Equal(t, []string{"first", "live", "then"}[:2+i], h.bodies(juliet))
			h.say(juliet, "cellar", "then")
			h.kill()
			h.forget()
		}
		h.config.Live = true
		h.kill()
		h.forget()
		assert.Zero(t, h.service.Stats().Occupants)
		h.join(juliet, "cellar", "Juliet")
		assert.Equal(t, []string{"first", "live", "then", "then"}, h.bodies(juliet))
		h.say(juliet, "cellar", "live")
		h.kill()
		assert.Equal(t, 1, h.service.Stats().Occupants)
	})
}

// A store that takes no snapshot for now is not asked for one at each step, and nobody is warned.
func TestNoSnapshotYet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		snapshots := 0
		var logged strings.Builder
		h := newLiveHost(t, func(h *host) {
			h.config.CompactAfter = 20
			h.config.Log = slog.New(slog.NewTextHandler(&logged, nil))
			h.store.append = func(batches []service.Batch) error {
				if batches[0].Snapshot != nil {
					snapshots++
					return fmt.Errorf("a link is behind: %w", service.ErrNotYet)
				}
				return nil
			}
		})
		h.join(romeo, "cellar", "Romeo")
		for i := range 40 {
			h.say(romeo, "cellar", fmt.Sprint(i))
		}
		assert.InDelta(t, 5, snapshots, 2)
		assert.NotContains(t, logged.String(), "snapshot")
		h.store.failAppends(func(batches []service.Batch) error {
			assert.True(t, batches[0].Snapshot == nil || len(batches[0].Events) == 0)
			return nil
		})
		for i := range 10 {
			h.say(romeo, "cellar", fmt.Sprint(i))
		}
		saved, err := h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		assert.NotEmpty(t, saved.Snapshot)
		assert.Less(t, len(saved.Steps), 20)
	})
}

// A room remembers the last sources of what it was given, also through a snapshot.
func TestSourcesAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, func(h *host) { h.config.Limits.Sources, h.config.CompactAfter = 3, 4 })
		h.join(romeo, "cellar", "Romeo")
		for i := range 20 {
			require.NoError(t, h.submit(fmt.Sprint("source", i), 5, says, romeo, fmt.Sprint(i)))
		}
		require.NoError(t, h.submit("source17", 6, says, romeo, "kept"))
		require.NoError(t, h.submit("source20", 5, says, romeo, "kept"))
		for range 2 {
			h.forget()
			for _, source := range []string{"source17", "source19", "source20"} {
				require.NoError(t, h.submit(source, 5, says, romeo, source))
			}
			assert.Empty(t, h.bodies(romeo))
			h.kill()
		}
		h.forget()
		require.NoError(t, h.submit("source18", 5, says, romeo, "forgotten"))
		assert.Equal(t, []string{"forgotten"}, h.bodies(romeo))
	})
}

// A store that fails puts nobody out: who sent what is lost is told, once, and all else goes on.
func TestLiveStoreFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		h.forget()
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		require.NoError(t, h.submit("a", 1, says, romeo, "lost"))
		refused(t, h.only(romeo), "internal-server-error", "wait")
		_, err := h.do("cellar", muc.SetSubject{Subject: "lost"})
		require.ErrorIs(t, err, errDisk)
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(juliet)))
		sleep(5 * time.Minute)
		assert.Equal(t, 2, h.service.Stats().Occupants)
		h.store.failAppends(nil)
		sleep(2 * time.Minute)
		assert.Equal(t, 1, h.service.Stats().Occupants, "that somebody has gone is not forgotten")
		h.forget()
		require.NoError(t, h.submit("a", 1, says, romeo, "again"))
		assert.Equal(t, []string{"again"}, h.bodies(romeo))
	})
}

// Of what may have been stored nobody will know more when the room turns out to be damaged: it is told that it failed.
func TestDamagedWhileInDoubt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.forget()
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		h.store.failLoads(func(muc.JID) error { return muc.ErrCorrupt })
		ended := make(chan error, 1)
		require.NoError(t, h.service.Submit(t.Context(), muc.MustParseJID(romeo), parse(fmt.Sprintf(says, romeo, "said")), "a", 1, func(err error) { ended <- err }))
		sleep(5 * time.Minute)
		require.Len(t, ended, 1)
		require.NoError(t, <-ended)
		refused(t, h.only(romeo), "internal-server-error", "wait")
	})
}

// What is lost by a store that had stored it is found, and delivered once.
func TestLiveStoreSaysItFailed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, func(h *host) {
			h.config.Room.AnswersIQ = func(space, _ string) bool { return space == "urn:example:asked" }
			h.config.Question = func(_ context.Context, _ muc.JID, ask muc.Question) { h.asks = append(h.asks, ask) }
		})
		h.join(romeo, "cellar", "Romeo")
		h.forget()
		for i, loads := range []bool{true, false} {
			h.store.failAppends(func(batches []service.Batch) error {
				if err := h.store.Store.Append(t.Context(), batches); err != nil {
					return err
				}
				return errDisk
			})
			h.store.failLoads(func(muc.JID) error {
				if loads {
					return nil
				}
				return errDisk
			})
			ended := make(chan error, 1)
			require.NoError(t, h.service.Submit(t.Context(), muc.MustParseJID(romeo), parse(fmt.Sprintf(says, romeo, "said")), "a", uint64(1+2*i), func(err error) { ended <- err }))
			synctest.Wait()
			if !loads {
				assert.Empty(t, h.got(romeo), "nobody knows yet")
				assert.Empty(t, ended)
				h.store.failLoads(nil)
				sleep(2 * time.Minute)
			}
			require.NoError(t, <-ended)
			assert.Equal(t, []string{"said"}, h.bodies(romeo))
			h.send("<iq type='get' id='a' from='%s' to='cellar@chat.example'><x xmlns='urn:example:asked'/></iq>", romeo)
			assert.Len(t, h.asks, i+1, "asked once")
			h.store.failAppends(nil)
			_, err := h.do("cellar", muc.Answer{ID: h.asks[i].ID})
			require.NoError(t, err)
			h.forget()
		}
	})
}

// Shutdown while nobody knows what was stored: who gave it is told that it was not done here.
func TestLiveStopsInDoubt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.forget()
		h.store.failAppends(func([]service.Batch) error { return errDisk })
		h.store.failLoads(func(muc.JID) error { return errDisk })
		ended := make(chan error, 1)
		require.NoError(t, h.service.Submit(t.Context(), muc.MustParseJID(romeo), parse(fmt.Sprintf(says, romeo, "?")), "a", 1, func(err error) { ended <- err }))
		synctest.Wait()
		assert.Empty(t, ended)
		h.stop()
		require.ErrorIs(t, <-ended, service.ErrClosed)
		assert.Empty(t, h.got(romeo))
		h.store.failAppends(nil)
		h.store.failLoads(nil)
		h.boot()
		assert.Equal(t, 1, h.service.Stats().Occupants)
	})
}

// So it is when Shutdown does not wait.
func TestLiveIsStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.forget()
		held := make(chan bool)
		h.store.failAppends(func([]service.Batch) error { <-held; return errDisk })
		ended := make(chan error, 1)
		require.NoError(t, h.service.Submit(t.Context(), muc.MustParseJID(romeo), parse(fmt.Sprintf(says, romeo, "?")), "a", 1, func(err error) { ended <- err }))
		now, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, h.service.Shutdown(now, ""), context.Canceled)
		close(held)
		require.ErrorIs(t, <-ended, service.ErrClosed)
		synctest.Wait()
		assert.Empty(t, h.got(romeo))
	})
}

// Who vanishes while a step waits for the store, by which they would be out, is out also when that
// step is not stored.
func TestVanishedWhileTheStoreFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newLiveHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		held := make(chan bool)
		h.store.failAppends(func([]service.Batch) error { <-held; return errDisk })
		go func() { _, _ = h.service.Do(t.Context(), at("cellar"), muc.Kick{Nick: "Juliet"}) }()
		synctest.Wait()
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(juliet)))
		synctest.Wait()
		close(held)
		synctest.Wait()
		h.store.failAppends(nil)
		sleep(2 * time.Minute)
		assert.Equal(t, service.Stats{Rooms: 1, Listed: 1, Occupants: 1, Sessions: 1}, h.counts())
	})
}
