package service_test

import (
	"context"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// odd is a store of which some rooms are not as they should be.
type odd struct {
	service.Store
	entries func([]service.Entry) []service.Entry
	load    func(service.Saved) service.Saved
}

func (o odd) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	list, err := o.Store.List(ctx, after, limit)
	if o.entries != nil && err == nil && len(list) > 0 {
		list = o.entries(list)
	}
	return list, err
}

func (o odd) Load(ctx context.Context, room muc.JID) (service.Saved, error) {
	saved, err := o.Store.Load(ctx, room)
	if o.load != nil && room.Local() == "crypt" {
		saved = o.load(saved)
	}
	return saved, err
}

// Check tells what is wrong in a store, and nothing else.
func TestCheck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		playhouse(h)
		h.join(romeo, "temporary", "Romeo")
		require.NoError(t, h.service.Suspend(context.Background()))
		store := h.config.Store
		check := func(adapt func(*service.Config)) (good int, found map[string]error) {
			config := service.Config{Domain: h.config.Domain, Store: store, Room: h.config.Room}
			adapt(&config)
			found = map[string]error{}
			good, err := service.Check(context.Background(), config, func(room muc.JID, err error) { found[room.String()] = err })
			require.NoError(t, err)
			return good, found
		}
		wrong := func(o odd, room string) error {
			t.Helper()
			o.Store = store
			_, found := check(func(c *service.Config) { c.Store = o })
			require.Len(t, found, 1, found)
			return found[room]
		}
		good, found := check(func(*service.Config) {})
		assert.Equal(t, 6, good)
		assert.Empty(t, found)

		const crypt = "crypt@chat.example"
		assert.ErrorIs(t, wrong(odd{load: func(service.Saved) service.Saved { return service.Saved{Snapshot: []byte("cats")} }}, crypt), muc.ErrCorrupt)
		assert.ErrorContains(t, wrong(odd{load: func(s service.Saved) service.Saved { s.Live = []byte("cats"); return s }}, crypt), "who was inside")
		assert.ErrorContains(t, wrong(odd{load: func(s service.Saved) service.Saved {
			s.Live = regexp.MustCompile(`"seq":\d+`).ReplaceAll(s.Live, []byte(`"seq":1`))
			return s
		}}, crypt),
			"who was inside was stored at event")
		assert.ErrorContains(t, wrong(odd{load: func(service.Saved) service.Saved { return service.Saved{} }}, crypt), "nothing is stored")
		assert.ErrorContains(t, wrong(odd{entries: func(l []service.Entry) []service.Entry { l[0].Name = "other"; return l }}, "balcony@chat.example"), "describes it otherwise")
		assert.ErrorIs(t, wrong(odd{entries: func(l []service.Entry) []service.Entry {
			return append(l, service.Entry{Err: muc.ErrCorrupt})
		}}, ""), muc.ErrCorrupt)

		// Of the rooms with people inside alone.
		config := service.Config{Domain: h.config.Domain, Store: store, Room: h.config.Room}
		good, err := service.CheckSuspended(context.Background(), config, func(room muc.JID, err error) { t.Error(room, err) })
		require.NoError(t, err)
		assert.Equal(t, 4, good)
		config.Store = odd{Store: store, load: func(s service.Saved) service.Saved { s.Live = []byte("cats"); return s }}
		var bad []string
		good, err = service.CheckSuspended(context.Background(), config, func(room muc.JID, _ error) { bad = append(bad, room.String()) })
		require.NoError(t, err)
		assert.Equal(t, 3, good)
		assert.Equal(t, []string{crypt}, bad)

		config.Store = odd{Store: store, entries: func(l []service.Entry) []service.Entry {
			for i := range l {
				l[i].Name = "other"
			}
			return append(l, service.Entry{Err: muc.ErrCorrupt})
		}}
		_, err = service.CheckSuspended(context.Background(), config, func(room muc.JID, err error) { t.Error(room, err) })
		require.NoError(t, err)

		good, found = check(func(c *service.Config) { c.Room.Secret = []byte("quite another secret") })
		assert.Zero(t, good)
		assert.ErrorIs(t, found[crypt], muc.ErrKey)
		_, found = check(func(c *service.Config) { c.Domain = "other.example" })
		assert.ErrorContains(t, found[""], "which is not a room of other.example")

		_, err = service.Check(context.Background(), service.Config{}, nil)
		assert.ErrorIs(t, err, service.ErrConfig)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err = service.Check(ctx, service.Config{Domain: h.config.Domain, Store: store, Room: h.config.Room}, nil)
		assert.ErrorIs(t, err, context.Canceled)
	})
}
