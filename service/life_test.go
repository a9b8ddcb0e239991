package service_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
)

func TestShutdownAndRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar", func(c *muc.RoomConfig) { c.Name = "The wine cellar" })
		h.join(romeo, "cellar", "Romeo")
		h.join(juliet, "cellar", "Juliet")
		h.join(romeo, "garden", "Romeo") // temporary
		h.say(romeo, "cellar", "But soft!")
		h.forget()
		h.stop()
		var codes []string
		for _, el := range append(h.got(romeo), h.got(juliet)...) {
			assert.Equal(t, "unavailable", el.SelectAttrValue("type", ""))
			codes = append(codes, statuses(el))
			assert.Equal(t, "closing time", el.FindElement("x/item/reason").Text())
		}
		assert.Equal(t, []string{"110 332", "110 332", "110 332"}, codes)
		require.ErrorIs(t, handle(t.Context(), h.service, parse("<presence from='a@b/c' to='cellar@chat.example/x'/>")), service.ErrClosed)
		_, err := h.do("cellar", muc.SetSubject{})
		require.ErrorIs(t, err, service.ErrClosed)
		require.ErrorIs(t, h.service.Vanished(t.Context(), muc.MustParseJID(romeo)), service.ErrClosed)
		require.NoError(t, h.service.Shutdown(t.Context(), ""), "twice")
		saved, err := h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		assert.NotEmpty(t, saved.Snapshot)
		assert.Empty(t, saved.Events)

		h.start()
		assert.Equal(t, service.Stats{Listed: 1}, h.counts(), "the temporary room has ended, the other one is not needed yet")
		refused(t, h.ask(romeo, "garden@chat.example", info), "item-not-found", "cancel")
		h.join(juliet, "cellar", "Juliet")
		assert.Equal(t, []string{"But soft!"}, h.bodies(juliet))
		item := h.ask(romeo, "chat.example", fmt.Sprintf(items, "")).FindElement("query/item")
		assert.Equal(t, "The wine cellar", item.SelectAttrValue("name", ""))
	})
}

// After a crash too: what was stored is there.
func TestCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.Room.Instant = false })
		h.lasting("cellar")
		h.join(romeo, "locked", "Romeo")
		h.join(romeo, "cellar", "Romeo")
		h.say(romeo, "cellar", "But soft!")
		h.start() // without a stop
		assert.Equal(t, service.Stats{Listed: 1}, h.counts(), "a room that was never configured has ended")
		h.join(juliet, "cellar", "Juliet")
		assert.Equal(t, []string{"But soft!"}, h.bodies(juliet))
	})
}

func TestShutdownGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.join(romeo, "cellar", "Romeo")
		h.join(romeo, "garden", "Romeo")
		h.forget()
		h.hold("cellar")
		h.say(romeo, "cellar", "held")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, h.service.Shutdown(ctx, ""), context.DeadlineExceeded)
		assert.Equal(t, "110 332", statuses(h.only(romeo)), "the others say goodbye")
	})
}

// What waits when the service stops is done before it stops.
func TestShutdownDrains(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.forget()
		for i := range 40 {
			require.NoError(t, handle(t.Context(), h.service, parse(fmt.Sprintf(
				`<message type='groupchat' from='%s' to='cellar@chat.example'><body>%d</body></message>`, romeo, i))))
		}
		h.stop()
		got := h.got(romeo)
		assert.Len(t, bodiesIn(got), 40)
		assert.Equal(t, "110 332", statuses(got[len(got)-1]))
	})
}

func TestTombstone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.Room.Tombstones = true })
		for _, room := range []string{"cellar", "garden"} {
			h.lasting(room)
			h.join(romeo, room, "Romeo")
			h.join(juliet, room, "Juliet")
		}
		h.send(`<iq type='set' id='d' from='%s' to='cellar@chat.example'><query xmlns='http://jabber.org/protocol/muc#owner'>
			<destroy jid='hall@chat.example'/></query></iq>`, romeo)
		_, err := h.do("garden", muc.Destroy{})
		require.NoError(t, err)
		assert.Equal(t, 0, h.service.Stats().Sessions)
		assert.Equal(t, 0, h.service.Stats().Occupants)
		for range 3 {
			h.forget()
			h.join(juliet, "cellar", "Juliet")
			refused(t, h.only(juliet), "gone", "cancel")
			sleep(time.Hour) // it is put aside
			assert.Equal(t, 0, h.service.Stats().Rooms)
			h.stop()
			h.start()
			assert.Equal(t, 0, h.service.Stats().Rooms, "nothing is to be done about a tombstone")
		}
		h.join(juliet, "garden", "Juliet")
		assert.Equal(t, "110 201", statuses(h.got(juliet)[0]), "without a tombstone the address is free")
	})
}

// Stanzas that wait behind the end of a room find an address without a room.
func TestAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		h.forget()
		release := h.hold("cellar")
		h.say(romeo, "cellar", "held")
		h.send(`<iq type='set' id='d' from='%s' to='cellar@chat.example'><query xmlns='http://jabber.org/protocol/muc#owner'>
			<destroy/></query></iq>`, romeo)
		h.send(`<iq type='get' id='i' from='%s' to='cellar@chat.example'>%s</iq>`, tybalt, info)
		h.join(juliet, "cellar", "Juliet")
		release()
		synctest.Wait()
		refused(t, h.only(tybalt), "item-not-found", "cancel")
		assert.Equal(t, "110 201", statuses(h.got(juliet)[0]))
		assert.Equal(t, 1, h.service.Stats().Occupants)
		saved, err := h.store.Load(t.Context(), at("cellar"))
		require.NoError(t, err)
		assert.IsType(t, &event.Created{}, saved.Events[0].Body)
	})
}

func TestCompaction(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.CompactAfter = 10 })
		h.lasting("cellar")
		h.join(romeo, "cellar", "Romeo")
		snapshots := 0
		for i := range 35 {
			h.say(romeo, "cellar", fmt.Sprint(i))
			saved, err := h.store.Load(t.Context(), at("cellar"))
			require.NoError(t, err)
			assert.Less(t, len(saved.Events), 10)
			if len(saved.Events) == 0 {
				snapshots++
			}
			room, err := muc.Restore(muc.Config{Room: at("cellar"), Secret: secret, Instant: true}, saved.Snapshot, saved.Events)
			require.NoError(t, err)
			assert.EqualValues(t, i+3, room.Seq(), "created, its owner, the messages")
		}
		assert.Equal(t, 3, snapshots)
	})
}

func TestTimers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.Instant = false
			h.config.Room.LockTimeout = 10 * time.Minute
			h.config.Room.EndUnconfigured = true
		})
		for i := range 5 {
			h.join(romeo, fmt.Sprint("room", i), "Romeo")
			sleep(time.Minute)
		}
		assert.Equal(t, 5, h.service.Stats().Rooms)
		sleep(5*time.Minute + time.Second)
		for left := 4; left >= 0; left-- {
			assert.Equal(t, left, h.service.Stats().Rooms)
			sleep(time.Minute)
		}
	})
}

// What a room waits for is remembered over a restart: here, that nobody decided on
// a request to register.
func TestDueAfterRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.Registration = muc.RegistrationApproved
			h.config.Room.RegistrationTimeout = time.Hour
		})
		h.lasting("cellar")
		h.send(`<iq type='set' id='r' from='%s' to='cellar@chat.example'><query xmlns='jabber:iq:register'>
			<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>
			<field var='muc#register_roomnick'><value>Juliet</value></field></x></query></iq>`, juliet)
		waiting := func() (n int) {
			require.NoError(t, h.service.Read(t.Context(), at("cellar"), func(r *muc.Room) {
				for range r.RegistrationRequests() {
					n++
				}
			}))
			return n
		}
		require.Equal(t, 1, waiting(), text(h.only(juliet)))
		sleep(30 * time.Minute)
		assert.Equal(t, 1, h.service.Stats().Rooms, "it waits for something")
		h.stop()
		h.start()
		loads := len(h.store.loads)
		h.stop()
		h.start()
		assert.Len(t, h.store.loads, loads, "it was not needed")
		written := len(h.store.written())
		sleep(31 * time.Minute)
		assert.Greater(t, len(h.store.written()), written, "the room did it by itself")
		assert.Equal(t, 0, waiting())
	})
}

func TestTenThousandRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const rooms = 10_000
		h := newHost(t, nil)
		create := muc.Create{Owner: muc.MustParseJID("romeo@example.org"), Config: muc.RoomConfig{Persistent: true}}
		for i := range rooms {
			_, err := h.service.Do(t.Context(), at(fmt.Sprint("room", i)), create)
			require.NoError(t, err)
		}
		synctest.Wait()
		assert.Equal(t, service.Stats{Rooms: rooms, Listed: rooms}, h.counts())
		sleep(time.Hour)
		assert.Equal(t, service.Stats{Listed: rooms}, h.counts())
		h.stop()
		h.start()
		assert.Equal(t, service.Stats{Listed: rooms}, h.counts())
		h.join(juliet, "room4711", "Juliet")
		assert.Equal(t, service.Stats{Rooms: 1, Listed: rooms, Occupants: 1, Sessions: 1}, h.counts())
	})
}

func TestVanished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		for _, room := range []string{"one", "two", "three"} {
			h.lasting(room)
			h.join(romeo, room, "Romeo")
		}
		h.join("romeo@example.org/phone", "one", "Romeo")
		h.join(juliet, "two", "Juliet")
		h.join("iago@elsewhere.example/x", "three", "Iago")
		vanished := func(who string) service.Stats {
			require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(who)))
			synctest.Wait()
			return h.counts()
		}
		all := service.Stats{Rooms: 3, Listed: 3, Occupants: 5, Sessions: 4}
		require.Equal(t, all, h.counts())
		assert.Equal(t, all, vanished("romeo@example.org/other"))
		h.forget()
		assert.Equal(t, service.Stats{Rooms: 3, Listed: 3, Occupants: 3, Sessions: 3}, vanished(romeo))
		assert.Equal(t, "333", statuses(h.only(juliet)))
		assert.Equal(t, service.Stats{Rooms: 3, Listed: 3, Occupants: 2, Sessions: 2}, vanished("romeo@example.org"))
		assert.Equal(t, service.Stats{Rooms: 3, Listed: 3, Occupants: 1, Sessions: 1}, vanished("example.org"))
		h.send(`<presence from='iago@elsewhere.example/x' to='three@chat.example/Iago' type='error'>
			<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`)
		assert.Equal(t, service.Stats{Rooms: 3, Listed: 3}, h.counts(), "a bounce tells the room itself")
	})
}

// A session may vanish before the room has come to its join, or before the host has decided
// on it.
func TestVanishedOnTheWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.AsksJoin = func(q policy.Join) bool { return q.JID.Local() == "juliet" }
			h.config.Question = func(_ context.Context, _ muc.JID, ask muc.Question) { h.asks = append(h.asks, ask) }
		})
		h.lasting("cellar")
		h.join(juliet, "cellar", "Juliet")
		held := make(chan struct{})
		h.store.failLoads(func(muc.JID) error { <-held; return nil })
		h.join(tybalt, "garden", "Tybalt")
		for _, who := range []string{juliet, tybalt} {
			require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(who)))
		}
		close(held)
		synctest.Wait()
		_, err := h.do("cellar", muc.Answer{ID: h.asks[0].ID})
		require.ErrorIs(t, err, muc.ErrNotFound)
		assert.Equal(t, service.Stats{Rooms: 1, Listed: 1}, h.counts())
		h.join(juliet, "cellar", "Juliet")
		_, err = h.do("cellar", muc.Answer{ID: h.asks[1].ID})
		require.NoError(t, err)
		assert.Equal(t, service.Stats{Rooms: 1, Listed: 1, Occupants: 1, Sessions: 1}, h.counts())
		require.NoError(t, h.service.Vanished(t.Context(), muc.MustParseJID(juliet)))
		synctest.Wait()
		assert.Equal(t, service.Stats{Rooms: 1, Listed: 1}, h.counts())
	})
}

func TestAsk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.AnswersIQ = func(space, _ string) bool { return space == "jabber:iq:version" }
			h.config.Question = func(_ context.Context, room muc.JID, ask muc.Question) {
				assert.Equal(t, at("cellar"), room)
				h.asks = append(h.asks, ask)
			}
		})
		h.join(romeo, "cellar", "Romeo")
		version := "<query xmlns='jabber:iq:version'/>"
		h.got(romeo)
		for _, id := range []string{"a", "b"} {
			h.send("<iq type='get' id='%s' from='%s' to='cellar@chat.example'>%s</iq>", id, romeo, version)
		}
		require.Len(t, h.asks, 2)
		assert.Empty(t, h.got(romeo))
		_, err := h.do("cellar", muc.Answer{ID: h.asks[1].ID, Payload: parse("<query xmlns='jabber:iq:version'><name>x</name></query>")})
		require.NoError(t, err)
		assert.Equal(t, "b", h.only(romeo).SelectAttrValue("id", ""))
		sleep(2 * time.Minute)
		got := h.only(romeo)
		assert.Equal(t, "a", got.SelectAttrValue("id", ""))
		refused(t, got, "remote-server-timeout", "wait")
	})
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	good := service.Config{Domain: "chat.example", Store: new(service.Memory), Room: muc.Config{Secret: secret},
		Deliver: func(context.Context, service.Stanza) {}}
	for name, spoil := range map[string]func(c *service.Config){
		"no domain":               func(c *service.Config) { c.Domain = "" },
		"bad domain":              func(c *service.Config) { c.Domain = "a b" },
		"an address":              func(c *service.Config) { c.Domain = "room@chat.example" },
		"no store":                func(c *service.Config) { c.Store = nil },
		"no delivery":             func(c *service.Config) { c.Deliver = nil },
		"nobody has the archive":  func(c *service.Config) { c.Room.Archive = true },
		"nobody decides on joins": func(c *service.Config) { c.Room.AsksJoin = func(policy.Join) bool { return false } },
		"no live store":           func(c *service.Config) { c.Live, c.Store = true, noStore{} },
		"ids by chance":           func(c *service.Config) { c.Live, c.Room.NewID = true, func() string { return "x" } },
		"nobody answers requests": func(c *service.Config) { c.Room.AnswersIQ = func(_, _ string) bool { return false } },
	} {
		c := good
		spoil(&c)
		_, err := service.New(t.Context(), c)
		require.ErrorIs(t, err, service.ErrConfig, name)
	}
	c := good
	c.Room.Secret = nil
	_, err := service.New(t.Context(), c)
	require.ErrorIs(t, err, muc.ErrConfig)
	c = good
	c.Store = brokenList{}
	_, err = service.New(t.Context(), c)
	require.ErrorIs(t, err, errDisk)
}

// brokenList is a store whose list of rooms cannot be read.
type brokenList struct{ service.Store }

func (brokenList) List(context.Context, muc.JID, int) ([]service.Entry, error) { return nil, errDisk }
