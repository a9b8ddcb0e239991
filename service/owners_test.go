package service_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
)

// shared is a store of several services, which knows whose each room is: so it refuses what one
// of them writes by mistake.
type shared struct {
	service.Memory
	mu     sync.Mutex
	owners map[muc.JID]*node
}

// node is one of the services, and the store as it has it.
type node struct {
	*host
	*shared
	mu    sync.Mutex
	owned map[muc.JID]bool // as it believes
	lost  []muc.JID
	// handed are rooms as the last owner gave them.
	handed map[muc.JID]service.Saved
	tell   func() // is called when a room is lost, unless nil
}

// newNode starts one of several services, that owns no rooms yet.
func (s *shared) newNode(t *testing.T, live bool) *node {
	t.Helper()
	n := &node{shared: s, owned: map[muc.JID]bool{}}
	n.host = newHost(t, func(h *host) {
		h.store.Store = n
		h.config.Live = live
		h.config.Owns = n.owns
		h.config.Lost = func(room muc.JID) {
			n.set(room, false)
			n.mu.Lock()
			n.lost = append(n.lost, room)
			n.mu.Unlock()
			if n.tell != nil {
				n.tell()
			}
		}
	})
	return n
}

func (n *node) owns(room muc.JID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.owned[room]
}

func (n *node) set(room muc.JID, owned bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.owned[room] = owned
}

// take makes a node the owner of rooms, whatever others believe, and has it adopt them.
func (n *node) take(rooms ...string) {
	n.t.Helper()
	n.own(rooms...)
	require.NoError(n.t, n.service.Adopt(n.t.Context(), n.entries(rooms...)))
	synctest.Wait()
}

// own makes a node the owner of rooms, whatever others believe.
func (n *node) own(rooms ...string) {
	for _, room := range rooms {
		n.shared.mu.Lock()
		n.owners[at(room)] = n
		n.shared.mu.Unlock()
		n.set(at(room), true)
	}
}

// entries are those that are stored of rooms.
func (s *shared) entries(rooms ...string) (list []service.Entry) {
	all, _ := s.List(context.Background(), muc.JID{}, 1000)
	for _, e := range all {
		if slices.Contains(rooms, e.Room.Local()) {
			list = append(list, e)
		}
	}
	return list
}

// moves gives rooms to another node in good order.
func (n *node) moves(to *node, rooms ...string) {
	n.t.Helper()
	for _, room := range rooms {
		n.set(at(room), false)
	}
	require.NoError(n.t, n.service.Release(n.t.Context(), func(room muc.JID) bool { return slices.Contains(rooms, room.Local()) }))
	to.take(rooms...)
}

func (n *node) mine(room muc.JID) error {
	n.shared.mu.Lock()
	defer n.shared.mu.Unlock()
	if n.owners[room] != n {
		return fmt.Errorf("%w: %s", service.ErrNotOwner, room)
	}
	return nil
}

func (n *node) Append(ctx context.Context, batches []service.Batch) error {
	for _, b := range batches {
		if err := n.mine(b.Room); err != nil {
			return err
		}
	}
	return n.shared.Append(ctx, batches)
}

func (n *node) Load(ctx context.Context, room muc.JID) (service.Saved, error) {
	if err := n.mine(room); err != nil {
		return service.Saved{}, err
	}
	if saved, is := n.handed[room]; is {
		return saved, nil
	}
	return n.shared.Load(ctx, room)
}

func newShared() *shared { return &shared{owners: map[muc.JID]*node{}} }

// A service from which a room was taken finds that out when it writes. Nobody is told anything,
// what it had to do ends with ErrNotOwner, and at the new owner everybody is inside.
func TestRoomTakenAway(t *testing.T) {
	for name, find := range map[string]func(t *testing.T, n *node){
		"by a stanza": func(t *testing.T, n *node) {
			require.ErrorIs(t, n.submit("a", 9, says, romeo, "lost"), service.ErrNotOwner)
		},
		"by one that is not numbered": func(_ *testing.T, n *node) { n.say(romeo, "cellar", "lost") },
		"by a command": func(t *testing.T, n *node) {
			_, err := n.do("cellar", muc.SetSubject{Subject: "lost"})
			require.ErrorIs(t, err, service.ErrNotOwner)
		},
		"by several": func(t *testing.T, n *node) {
			held, ends := make(chan bool), make(chan error, 3)
			n.store.failAppends(func([]service.Batch) error { <-held; return nil })
			for i := range 3 {
				require.NoError(t, n.service.Submit(t.Context(), muc.MustParseJID(romeo), parse(fmt.Sprintf(says, romeo, "lost")), "a", uint64(10+i), func(err error) { ends <- err }))
			}
			close(held)
			for range 3 {
				require.ErrorIs(t, <-ends, service.ErrNotOwner)
			}
		},
	} {
		bubbles(t, name, func(t *testing.T) {
			s := newShared()
			a, b := s.newNode(t, true), s.newNode(t, true)
			a.take("cellar", "garden")
			for _, room := range []string{"cellar", "garden"} {
				a.join(romeo, room, "Romeo")
				a.join(juliet, room, "Juliet")
			}
			a.forget()
			b.take("cellar")
			find(t, a)
			synctest.Wait()
			assert.Empty(t, a.order)
			assert.Equal(t, []muc.JID{at("cellar")}, a.lost)
			assert.Equal(t, service.Stats{Rooms: 1, Listed: 2, Occupants: 2, Sessions: 2}, a.counts())
			assert.Equal(t, []muc.JID{at("garden")}, a.service.Where(muc.MustParseJID(romeo)))
			require.ErrorIs(t, handle(t.Context(), a.service, parse(fmt.Sprintf(says, romeo, "?"))), service.ErrNotOwner)
			_, err := a.do("cellar", muc.SetSubject{Subject: "?"})
			require.ErrorIs(t, err, service.ErrNotOwner)
			require.ErrorIs(t, a.service.Read(t.Context(), at("cellar"), func(*muc.Room) {}), service.ErrNotOwner)

			b.forget()
			b.say(romeo, "cellar", "here")
			assert.Equal(t, []string{"here"}, b.bodies(juliet))
			a.say(romeo, "garden", "there")
			assert.Equal(t, []string{"there"}, a.bodies(juliet))
			a.stop()
			assert.Len(t, a.got(juliet), 1, "of the garden alone")
		})
	}
}

// Without Live nobody is told either: the new owner has the room as after a restart.
func TestRoomTakenAwayFromOneThatIsNotLive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newShared()
		a, b := s.newNode(t, false), s.newNode(t, false)
		a.take("cellar")
		a.lasting("cellar")
		a.join(romeo, "cellar", "Romeo")
		a.forget()
		b.take("cellar")
		a.say(romeo, "cellar", "lost")
		assert.Empty(t, a.order)
		assert.Equal(t, []muc.JID{at("cellar")}, a.lost)
		assert.Equal(t, service.Stats{Listed: 1}, a.counts())
		b.join(romeo, "cellar", "Romeo")
		assert.True(t, entered(b.got(romeo)))
	})
}

// A room that is taken away before it is loaded, or while it is put aside, is lost in the same way.
func TestIdleRoomTakenAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newShared()
		a, b := s.newNode(t, true), s.newNode(t, true)
		a.take("cellar", "garden")
		a.lasting("cellar")
		a.lasting("garden")
		a.say(romeo, "cellar", "refused")
		b.take("cellar", "garden")
		sleep(time.Hour)
		assert.Contains(t, a.lost, at("cellar"), "by its snapshot")
		a.set(at("garden"), true)
		a.forget()
		a.join(romeo, "garden", "Romeo")
		assert.Contains(t, a.lost, at("garden"), "by loading it")
		assert.Empty(t, a.order)
		assert.Zero(t, a.service.Stats().Rooms)
	})
}

// A second service on a store ends no rooms of the first and puts nobody out, neither when it
// starts nor when both write.
func TestSecondService(t *testing.T) {
	for name, adapt := range map[string]func(c *service.Config){
		"of other rooms": func(c *service.Config) { c.Owns = func(muc.JID) bool { return false } },
		"live":           func(c *service.Config) { c.Live = true },
	} {
		bubbles(t, name, func(t *testing.T) {
			h := newHost(t, func(h *host) { h.config.Live = true })
			h.join(romeo, "cellar", "Romeo") // the room is temporary
			h.join(juliet, "cellar", "Juliet")
			before, err := h.store.Load(t.Context(), at("cellar"))
			require.NoError(t, err)
			h.forget()
			other := newHost(t, func(o *host) {
				o.config.Store = h.store
				adapt(&o.config)
			})
			sleep(time.Hour)
			after, err := h.store.Load(t.Context(), at("cellar"))
			require.NoError(t, err)
			assert.Equal(t, before, after)
			h.say(romeo, "cellar", "still here")
			assert.Equal(t, []string{"still here"}, h.bodies(juliet))
			if other.config.Owns != nil {
				return
			}
			// Without owners both may write; then one is refused, and reads what there is.
			other.forget()
			other.say(romeo, "cellar", "refused")
			refused(t, other.only(romeo), "internal-server-error", "wait")
			assert.Equal(t, 2, other.service.Stats().Occupants)
			other.say(romeo, "cellar", "read")
			assert.Equal(t, []string{"read"}, other.bodies(juliet))
		})
	}
}

// Rooms that move between services, or are taken by another one, are to everybody in them the same
// as rooms that stay: of the same stanzas come the same bytes.
func TestMovesAreNotSeen(t *testing.T) {
	for seed := range uint64(30) {
		bubbles(t, fmt.Sprint(seed), func(t *testing.T) {
			live, rnd, rooms := seed%3 > 0, rand.New(rand.NewPCG(seed, 2)), []string{"cellar", "garden"}
			steady, s := newHost(t, func(h *host) { h.config.Room.NewID = nil }), newShared()
			nodes := []*node{s.newNode(t, live), s.newNode(t, live), s.newNode(t, live)}
			owner := nodes[0]
			owner.take(rooms...)
			people := []string{romeo, juliet, tybalt, "nurse@example.org/home"}
			moved := 0
			for range 80 {
				stanza := anyStanza(rnd, people)
				steady.send("%s", stanza)
				owner.send("%s", stanza)
				for _, who := range people {
					want, got := steady.got(who), []string(nil)
					for _, n := range nodes {
						got = append(got, texts(slices.DeleteFunc(n.got(who), isPing))...)
					}
					require.Equal(t, texts(want), got, "%s, after %s", who, stanza)
				}
				if rnd.IntN(5) == 0 {
					next := nodes[rnd.IntN(3)]
					if live && rnd.IntN(2) == 0 {
						next.take(rooms...) // the others have not heard of it
						for _, n := range nodes {
							require.NoError(t, n.service.Release(t.Context(), func(muc.JID) bool { return n != next }))
						}
					} else {
						owner.moves(next, rooms...)
					}
					owner = next
					moved++
				}
				require.Equal(t, steady.service.Stats().Occupants, owner.service.Stats().Occupants)
				sleep(time.Duration(rnd.IntN(100)) * time.Second)
			}
			require.NotZero(t, moved)
		})
	}
}

// Release waits for what waits and for the store, and takes nothing more.
func TestRelease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newShared()
		a, b := s.newNode(t, true), s.newNode(t, true)
		a.take("cellar", "garden")
		a.join(romeo, "cellar", "Romeo")
		a.join(romeo, "garden", "Romeo")
		a.forget()
		release := a.hold("cellar")
		a.say(romeo, "cellar", "waits")
		a.set(at("cellar"), false)
		ended := make(chan error, 2)
		for range 2 { // also twice
			go func() {
				ended <- a.service.Release(t.Context(), func(room muc.JID) bool { return room == at("cellar") })
			}()
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, a.service.Release(soon, func(room muc.JID) bool { return room == at("cellar") }), context.DeadlineExceeded)
		require.ErrorIs(t, handle(t.Context(), a.service, parse(fmt.Sprintf(says, romeo, "?"))), service.ErrNotOwner)
		assert.Empty(t, ended)
		release()
		require.NoError(t, <-ended)
		require.NoError(t, <-ended)
		assert.Equal(t, []string{"waits"}, a.bodies(romeo))
		assert.Equal(t, service.Stats{Rooms: 1, Listed: 2, Occupants: 1, Sessions: 1}, a.counts())
		b.take("cellar")
		assert.Equal(t, 1, b.service.Stats().Occupants)
		a.stop()
		require.ErrorIs(t, a.service.Release(t.Context(), func(muc.JID) bool { return true }), service.ErrClosed)
		require.ErrorIs(t, a.service.Adopt(t.Context(), nil), service.ErrClosed)
	})
}

// HandOver gives a room with somebody inside to the next owner, which needs to read nothing: the room is as it
// is stored, what it has been given counts as done, and it gets a snapshot when that is due.
func TestHandOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newShared()
		a, b := s.newNode(t, true), s.newNode(t, true)
		b.host.config.CompactAfter = 12
		b.start()
		a.take("cellar", "garden", "attic")
		a.join(romeo, "cellar", "Romeo")
		a.join(romeo, "attic", "Romeo")
		a.join(romeo, "garden", "Romeo")
		_, err := a.do("garden", muc.Configure{Change: func(c *muc.RoomConfig) { c.Persistent = true }})
		require.NoError(t, err)
		a.leave(romeo, "garden", "Romeo")
		require.NoError(t, a.service.Submit(t.Context(), muc.MustParseJID(romeo), parse(fmt.Sprintf(says, romeo, "1")), "gate", 7, func(error) {}))
		synctest.Wait()
		was, err := s.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		given := map[string]service.Handed{}
		var mu sync.Mutex
		gone := func(room muc.JID) bool { return room != at("attic") }
		a.set(at("cellar"), false)
		a.set(at("garden"), false)
		require.NoError(t, a.service.HandOver(t.Context(), gone, func(h service.Handed) {
			mu.Lock()
			defer mu.Unlock()
			given[h.Entry.Room.Local()] = h
		}))
		require.Len(t, given, 1, "of those with somebody inside")
		h := given["cellar"]
		is, err := s.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		assert.Equal(t, was, is, "nothing is written")
		assert.True(t, h.Entry.Inhabited)
		assert.Equal(t, []service.Source{{Name: "gate", Number: 7}}, h.Saved.Sources)
		events := 0
		for _, step := range was.Steps {
			events += len(step.Events)
		}
		assert.Equal(t, events, h.Saved.Unshot)
		assert.Positive(t, h.Saved.UnshotBytes)

		b.handed = map[muc.JID]service.Saved{at("cellar"): h.Saved}
		b.take("cellar")
		assert.Equal(t, 1, b.service.Stats().Occupants)
		for i := events; i <= 12; i++ {
			b.say(romeo, "cellar", "text")
		}
		is, err = s.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		assert.NotNil(t, is.Snapshot)
		assert.Less(t, len(is.Steps), 6)
	})
}

// Rooms that are taken over and want nothing are not in memory, where they would take the place of others.
func TestAdoptedRoomsTakeNoPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newShared()
		a, b := s.newNode(t, true), s.newNode(t, true)
		b.host.config.Limits.Rooms = 2
		b.start()
		rooms := []string{"r1", "r2", "r3", "r4"}
		a.take(rooms...)
		for _, room := range rooms {
			a.lasting(room)
		}
		sleep(time.Hour)
		a.moves(b, rooms...)
		assert.Equal(t, service.Stats{Listed: 4}, b.counts())
		b.take("new")
		b.join(romeo, "new", "Romeo")
		assert.True(t, entered(b.got(romeo)))
		b.join(romeo, "r4", "Romeo")
		assert.True(t, entered(b.got(romeo)))
	})
}

// How many rooms a person has created counts where the rooms are.
func TestCreatedRoomsMove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newShared()
		a, b := s.newNode(t, true), s.newNode(t, true)
		for _, n := range []*node{a, b} {
			n.host.config.Limits.PersonCreated = 2
			n.start()
		}
		a.take("r1", "r2", "r3", "r4")
		b.take("x1", "x2")
		may := func(n *node, room string) bool {
			n.forget()
			n.join(romeo, room, "Romeo")
			return entered(n.got(romeo))
		}
		require.True(t, may(a, "r1"))
		require.True(t, may(a, "r2"))
		require.False(t, may(a, "r3"))
		for i := range 2 { // there and back
			if i == 1 {
				for _, room := range []string{"r1", "r2"} {
					_, err := a.do(room, muc.Configure{Change: func(c *muc.RoomConfig) { c.Persistent = true }})
					require.NoError(t, err)
					a.leave(romeo, room, "Romeo")
				}
				sleep(time.Hour) // they are not in memory any more
			}
			a.moves(b, "r1", "r2")
			b.take("r1", "r2") // twice is once
			require.False(t, may(b, "x1"))
			b.moves(a, "r1", "r2")
		}
		require.True(t, may(b, "x1"))
		require.False(t, may(a, "r3"))
		b.take("r1")
		a.say(romeo, "r1", "lost")
		require.True(t, may(a, "r4"))
		require.False(t, may(a, "r3"))
	})
}

// The list of public rooms has those of other services too.
func TestListed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newShared()
		a, b := s.newNode(t, true), s.newNode(t, true)
		a.take("cellar")
		b.take("garden")
		a.lasting("cellar")
		b.lasting("garden")
		b.service.Listed(a.entries("cellar")...)
		rooms, _ := b.page("")
		assert.Equal(t, []string{"cellar", "garden"}, rooms)
		garden := b.entries("garden")[0]
		garden.Public = false
		b.service.Listed(garden)
		rooms, _ = b.page("")
		assert.Equal(t, []string{"cellar", "garden"}, rooms, "its own are as they are")
		a.moves(b, "cellar")
		rooms, _ = a.page("")
		assert.Equal(t, []string{"cellar"}, rooms, "it is somewhere")
		cellar := a.entries("cellar")[0]
		cellar.Public = false
		a.service.Listed(cellar, service.Entry{}, public("x@elsewhere.example"))
		rooms, _ = a.page("")
		assert.Empty(t, rooms)
	})
}

// Who vanishes while a room is not loaded yet is not inside afterwards.
func TestVanishedMeanwhile(t *testing.T) {
	for name, vanish := range map[string]func(s *service.Service, ctx context.Context) error{
		"one": func(s *service.Service, ctx context.Context) error { return s.Vanished(ctx, muc.MustParseJID(juliet)) },
		"some": func(s *service.Service, ctx context.Context) error {
			return s.VanishedIf(ctx, func(who muc.JID) bool { return who.String() == juliet })
		},
		"leaves": func(s *service.Service, ctx context.Context) error {
			return s.Offline(ctx, muc.MustParseJID(juliet), nil)
		},
	} {
		bubbles(t, name, func(t *testing.T) {
			s := newShared()
			a, b := s.newNode(t, true), s.newNode(t, true)
			a.take("cellar")
			a.join(romeo, "cellar", "Romeo")
			a.join(juliet, "cellar", "Juliet")
			held := make(chan bool)
			b.store.failLoads(func(muc.JID) error { <-held; return nil })
			adopted := make(chan error)
			b.own("cellar")
			go func() { adopted <- b.service.Adopt(t.Context(), b.entries("cellar")) }()
			synctest.Wait()
			require.NoError(t, vanish(b.service, t.Context()))
			close(held)
			require.NoError(t, <-adopted)
			synctest.Wait()
			assert.Equal(t, 1, b.service.Stats().Occupants)
			require.NoError(t, b.service.VanishedIf(t.Context(), func(who muc.JID) bool { return who.Domain() == "example.org" }))
			synctest.Wait()
			assert.Zero(t, b.service.Stats().Occupants)
			b.stop()
			require.ErrorIs(t, b.service.VanishedIf(t.Context(), nil), service.ErrClosed)
		})
	}
}

// A session that is on its way in when its connection is lost does not stay.
func TestVanishedOnTheWayIn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.AsksJoin = func(q policy.Join) bool { return q.JID.Local() == "nurse" }
			h.config.Question = func(context.Context, muc.JID, muc.Question) {}
		})
		h.lasting("cellar")
		h.join("nurse@example.org/home", "cellar", "Nurse") // waits for the host
		release := h.hold("cellar")
		h.join(juliet, "cellar", "Juliet")
		h.join(romeo, "cellar", "Romeo")
		require.NoError(t, h.service.VanishedIf(t.Context(), func(who muc.JID) bool { return who.String() != romeo }))
		release()
		synctest.Wait()
		assert.Equal(t, service.Stats{Rooms: 1, Listed: 1, Occupants: 1, Sessions: 1}, h.counts())
	})
}

// A room that is given up while its store fails is given up all the same; what nobody knows of is
// for the next owner to find out.
func TestReleaseFails(t *testing.T) {
	for _, loads := range []bool{true, false} {
		bubbles(t, fmt.Sprint(loads), func(t *testing.T) {
			s := newShared()
			a, b := s.newNode(t, true), s.newNode(t, true)
			a.take("cellar")
			a.join(romeo, "cellar", "Romeo")
			a.forget()
			a.store.failAppends(func([]service.Batch) error { return errDisk })
			if !loads {
				a.store.failLoads(func(muc.JID) error { return errDisk })
			}
			ended := make(chan error, 1)
			require.NoError(t, a.service.Submit(t.Context(), muc.MustParseJID(romeo), parse(fmt.Sprintf(says, romeo, "?")), "a", 1, func(err error) { ended <- err }))
			synctest.Wait()
			_, _ = a.do("cellar", muc.SetSubject{Subject: "lost"})
			a.moves(b, "cellar")
			if err := <-ended; loads {
				require.NoError(t, err)
				refused(t, a.only(romeo), "internal-server-error", "wait")
			} else {
				require.ErrorIs(t, err, service.ErrNotOwner)
				assert.Empty(t, a.got(romeo))
			}
			assert.Equal(t, service.Stats{Listed: 1}, a.counts())
			assert.Equal(t, 1, b.service.Stats().Occupants)
			a.store.failAppends(nil)
			a.store.failLoads(nil)
			b.moves(a, "cellar")
			assert.Equal(t, service.Stats{Rooms: 1, Listed: 1, Occupants: 1, Sessions: 1}, a.counts())
		})
	}
}

// Who takes back a room that was lost has it at once, also while what was lost is still being told.
func TestTakenBackAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newShared()
		a, b := s.newNode(t, true), s.newNode(t, true)
		a.take("cellar")
		a.join(romeo, "cellar", "Romeo")
		b.take("cellar")
		held := make(chan bool)
		a.tell = func() { <-held }
		a.say(romeo, "cellar", "lost")
		b.moves(a, "cellar")
		assert.Equal(t, 1, a.service.Stats().Occupants)
		a.forget()
		a.say(romeo, "cellar", "here")
		assert.Equal(t, []string{"here"}, a.bodies(romeo))
		close(held)
		synctest.Wait()
		a.say(romeo, "cellar", "still")
		assert.Equal(t, []string{"still"}, a.bodies(romeo))
	})
}

// An account is forgotten by each service in its own rooms.
func TestForgetInOwnRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newShared()
		a, b := s.newNode(t, true), s.newNode(t, true)
		a.take("cellar")
		b.take("garden")
		a.lasting("cellar")
		b.lasting("garden")
		rooms, err := a.service.Forget(t.Context(), muc.MustParseJID("romeo@example.org"), muc.MustParseJID("juliet@example.org"))
		require.NoError(t, err)
		assert.Equal(t, 1, rooms)
	})
}
