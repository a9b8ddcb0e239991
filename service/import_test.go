package service_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

var (
	crypt   = muc.MustParseJID("crypt@chat.example")
	capulet = muc.MustParseJID("capulet@example.org")
	yester  = time.Date(1999, 12, 30, 0, 0, 0, 0, time.UTC)
)

func said(text string) muc.ImportMessage {
	return muc.ImportMessage{Nick: "Paris", Message: parse("<message><body>" + text + "</body></message>")}
}

// newImporter makes an importer over a store.
func newImporter(t *testing.T, store service.Store, adapt func(*service.Config)) *service.Importer {
	t.Helper()
	cfg := service.Config{Domain: "chat.example", Store: store, Room: muc.Config{Secret: secret, Archive: true}}
	if adapt != nil {
		adapt(&cfg)
	}
	im, err := service.NewImporter(cfg)
	require.NoError(t, err)
	return im
}

// A room is made of what was done to it elsewhere, at the times at which that was, and the service
// has it then.
func TestImporter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := new(service.Memory)
		im := newImporter(t, store, nil)
		ctx := t.Context()
		room, err := im.Room(ctx, crypt)
		require.NoError(t, err)
		assert.Equal(t, muc.Unborn, room.State())
		assert.ErrorIs(t, room.Do(ctx, yester, said("too early")), muc.ErrNotOpen)
		require.NoError(t, room.Do(ctx, yester, muc.Create{Owner: capulet, Config: muc.RoomConfig{Persistent: true, Name: "The crypt"}}))
		for i := range 250 {
			require.NoError(t, room.Do(ctx, yester.Add(time.Duration(i)*time.Minute), said(fmt.Sprint("word ", i))))
		}
		assert.ErrorIs(t, room.Do(ctx, time.Now().Add(time.Minute), said("not yet")), service.ErrFuture)
		assert.ErrorIs(t, room.Do(ctx, yester, muc.SetAffiliation{}), muc.ErrMissing)
		require.NoError(t, room.Do(ctx, yester, muc.SetAffiliation{JID: muc.MustParseJID("paris@example.org"), Affiliation: muc.Member, Nick: "Paris"}))
		require.NoError(t, room.Close(ctx))
		require.NoError(t, room.Close(ctx))

		saved, err := store.Load(ctx, crypt)
		require.NoError(t, err)
		assert.NotNil(t, saved.Snapshot, "it is quick to load")
		assert.Empty(t, saved.Events)
		list, err := store.List(ctx, muc.JID{}, 10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, service.Entry{Room: crypt, Name: "The crypt", Public: true, Lasting: true, Creator: capulet}, list[0])
		good, err := service.Check(ctx, service.Config{Domain: "chat.example", Store: store, Room: muc.Config{Secret: secret}}, func(room muc.JID, err error) {
			t.Error(room, err)
		})
		require.NoError(t, err)
		assert.Equal(t, 1, good)

		again, err := im.Room(ctx, crypt)
		require.NoError(t, err)
		assert.Equal(t, muc.Open, again.State())
		assert.ErrorIs(t, again.Do(ctx, yester, muc.Create{Owner: capulet}), &muc.StanzaError{Condition: stanza.Conflict})

		h := newHost(t, func(h *host) { h.config.Store = store })
		h.join("paris@example.org/tomb", "crypt", "Paris")
		var texts []string
		for _, el := range h.inbox["paris@example.org/tomb"] {
			if body := el.SelectElement("body"); body != nil {
				texts = append(texts, body.Text()+" "+el.SelectElement("delay").SelectAttrValue("stamp", ""))
			}
		}
		require.Len(t, texts, 20)
		assert.Equal(t, "word 249 "+yester.Add(249*time.Minute).Format("2006-01-02T15:04:05.000Z"), texts[19])
	})
}

// Much that is imported is stored before the end, and a room can be taken away again.
func TestImporterRemoves(t *testing.T) {
	store := &faultyStore{Store: new(service.Memory)}
	im := newImporter(t, store, nil)
	ctx := t.Context()
	make := func() *service.ImportedRoom {
		room, err := im.Room(ctx, crypt)
		require.NoError(t, err)
		require.NoError(t, room.Do(ctx, yester, muc.Create{Owner: capulet, Config: muc.RoomConfig{Persistent: true}}))
		return room
	}
	stored := func() int {
		saved, err := store.Load(ctx, crypt)
		require.NoError(t, err)
		return len(saved.Events) + len(saved.Snapshot)
	}
	room := make()
	for range 99 {
		assert.Zero(t, stored())
		require.NoError(t, room.Do(ctx, yester, said("x")))
	}
	assert.Equal(t, 101, stored())
	require.NoError(t, room.Do(ctx, yester, said("x")))
	require.NoError(t, room.Remove(ctx))
	assert.Equal(t, muc.Unborn, room.State())
	assert.Zero(t, stored())
	require.NoError(t, room.Do(ctx, yester, muc.Create{Owner: capulet}))
	require.NoError(t, room.Do(ctx, yester, muc.Destroy{}))
	require.NoError(t, room.Close(ctx))
	assert.Zero(t, stored())
	assert.Equal(t, muc.Unborn, room.State(), "it can be made again")
	require.NoError(t, room.Do(ctx, yester, muc.Create{Owner: capulet}))
	require.NoError(t, room.Remove(ctx))
	room = make()
	require.NoError(t, room.Do(ctx, yester, muc.Destroy{Tombstone: true}))
	require.NoError(t, room.Close(ctx))
	assert.NotZero(t, stored())
	room, err := im.Room(ctx, crypt)
	require.NoError(t, err)
	assert.Equal(t, muc.Destroyed, room.State())
	require.NoError(t, room.Remove(ctx))

	room = make()
	store.failAppends(func([]service.Batch) error { return errDisk })
	assert.ErrorIs(t, room.Close(ctx), errDisk)
	assert.ErrorContains(t, room.Remove(ctx), "crypt@chat.example")
}

func TestImporterRefuses(t *testing.T) {
	_, err := service.NewImporter(service.Config{})
	assert.ErrorIs(t, err, service.ErrConfig)
	_, err = service.NewImporter(service.Config{Domain: "chat.example", Store: new(service.Memory)})
	assert.ErrorIs(t, err, muc.ErrConfig)
	store := &odd{Store: new(service.Memory)}
	im := newImporter(t, store, func(c *service.Config) {
		c.Room.Nick = func(nick string) (muc.NickResult, *muc.StanzaError) { panic(strings.ToUpper(nick)) }
	})
	for _, room := range []string{"crypt@elsewhere.example", "chat.example", "crypt@chat.example/Paris"} {
		_, err = im.Room(t.Context(), muc.MustParseJID(room))
		assert.ErrorIs(t, err, muc.ErrNotForRoom)
	}
	room, err := im.Room(t.Context(), crypt)
	require.NoError(t, err)
	require.NoError(t, room.Do(t.Context(), yester, muc.Create{Owner: capulet}))
	assert.ErrorContains(t, room.Do(t.Context(), yester, said("x")), "PARIS")
	store.load = func(service.Saved) service.Saved { return service.Saved{Snapshot: []byte("cats")} }
	_, err = im.Room(context.Background(), crypt)
	assert.ErrorIs(t, err, muc.ErrCorrupt)
}
