package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// oddStore lists what it is told to, in pages, whatever that is.
type oddStore struct {
	*faultyStore
	lines []service.Entry
}

func (s *oddStore) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	lines := s.lines
	for i, e := range lines {
		if e.Room == after && !after.IsZero() {
			lines = s.lines[i+1:]
		}
	}
	return lines[:min(limit, len(lines))], ctx.Err()
}

// stored is an address that is taken as it is.
func stored(text string) (jid muc.JID) {
	if err := jid.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return jid
}

func public(room string) service.Entry {
	return service.Entry{Room: stored(room), Public: true, Lasting: true}
}

// One odd line of the list is not the end of all rooms.
func TestOddLines(t *testing.T) {
	for name, c := range map[string]struct {
		lines []service.Entry
		odd   string // what the log names
	}{
		"unreadable": {[]service.Entry{{Err: errors.New("line 1 is cats")}, public("a@chat.example"),
			{Err: errors.New("line 3 is cats")}, public("b@chat.example"), {Err: errors.New("line 5 is cats")}}, "line 3 is cats"},
		"another domain": {[]service.Entry{public("a@chat.dxample"), public("a@chat.example"), public("b@chat.example"), public("c@chat.fxample")}, "a@chat.dxample"},
		"no address":     {[]service.Entry{{Public: true}, public("a@chat.example"), public("b@chat.example")}, "without an address"},
		"the domain":     {[]service.Entry{public("a@chat.example"), public("b@chat.example"), public("chat.example")}, "chat.example is no address of a room"},
		"an occupant":    {[]service.Entry{public("a@chat.example"), public("a@chat.example/x"), public("b@chat.example")}, "a@chat.example/x"},
		"a bad name": {[]service.Entry{public("a@chat.example"), {Room: at("aa"), Name: "a\x00b", Public: true}, {Room: at("ab"), Name: "a\xffb", Public: true},
			public("b@chat.example")}, "aa@chat.example"},
		"twice":       {[]service.Entry{public("a@chat.example"), public("a@chat.example"), public("b@chat.example")}, "a@chat.example is out of order"},
		"too early":   {[]service.Entry{public("a@chat.example"), public("b@chat.example"), public("Z@chat.example")}, "Z@chat.example is out of order"},
		"far ahead":   {[]service.Entry{public("zz@chat.example"), public("a@chat.example"), public("b@chat.example")}, "zz@chat.example is out of order"},
		"in the way":  {[]service.Entry{public("a@chat.example"), public("zz@chat.example"), public("aa@chat.dxample"), public("b@chat.example")}, "zz@chat.example is out of order"},
		"nobody else": {[]service.Entry{public("a@chat.dxample")}, "a@chat.dxample"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log strings.Builder
				h := newHost(t, func(h *host) {
					h.config.Store = &oddStore{h.store, c.lines}
					h.config.Log = slog.New(slog.NewTextHandler(&log, nil))
				})
				rooms, _ := h.page("")
				if name != "nobody else" {
					assert.Equal(t, []string{"a", "b"}, rooms)
				}
				assert.Contains(t, log.String(), c.odd)
				h.join(romeo, "b", "Romeo")
				assert.Equal(t, "110 201", statuses(h.got(romeo)[0]))
			})
		})
	}
}

// A list of nothing but odd lines is logged within bounds, and all of it is read.
func TestManyOddLines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log strings.Builder
		newHost(t, func(h *host) {
			s := &oddStore{faultyStore: h.store}
			for i := range 12000 {
				s.lines = append(s.lines, public(fmt.Sprintf("%06d@chat.dxample", i)))
			}
			s.lines = append(s.lines, public("a@chat.example"))
			h.config.Store, h.config.Log = s, slog.New(slog.NewTextHandler(&log, nil))
			t.Cleanup(func() { assert.Equal(t, 1, h.service.Stats().Listed) })
		})
		assert.Equal(t, 101, strings.Count(log.String(), "\n"))
		assert.Contains(t, log.String(), "all=12000")
	})
}

// Rooms whose addresses are not normal, by the rules of today, are listed, loaded
// and brought to their end under the addresses that they were stored with.
func TestAddressesAsStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("cellar")
		h.stop()
		odd := stored("CELLAR\u0301@chat.example")
		require.NoError(t, h.store.Append(t.Context(), []service.Batch{{Room: odd, Entry: service.Entry{Room: odd, Public: true}}}))
		h.start()
		assert.NotEmpty(t, h.store.loads)
		assert.Equal(t, odd, h.store.loads[len(h.store.loads)-1], "it does not last, so it is looked at")
		rooms, _ := h.page("")
		assert.Contains(t, rooms, "cellar")
	})
}

// Of a page without order as many lines as can be are taken.
func TestOrder(t *testing.T) {
	chance := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		n := 1 + chance.IntN(9)
		s := &oddStore{faultyStore: &faultyStore{Store: new(service.Memory)}}
		var names []string
		for range n {
			names = append(names, string(rune('a'+chance.IntN(9))))
			s.lines = append(s.lines, public(names[len(names)-1]+"@chat.example"))
		}
		most := 0
		for subset := range 1 << n {
			var taken []string
			for i, name := range names {
				if subset>>i&1 == 1 {
					taken = append(taken, name)
				}
			}
			if slices.IsSorted(taken) && len(slices.Compact(slices.Clone(taken))) == len(taken) {
				most = max(most, len(taken))
			}
		}
		svc, err := service.New(t.Context(), service.Config{Domain: "chat.example", Store: &once{oddStore: s},
			Room: muc.Config{Secret: secret}, Deliver: func(context.Context, service.Stanza) {}, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		assert.Equal(t, most, svc.Stats().Listed, names)
		require.NoError(t, svc.Shutdown(t.Context(), ""))
	}
}

// once lists one page.
type once struct {
	*oddStore
	done bool
}

func (o *once) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	if o.done {
		return nil, nil
	}
	o.done = true
	return o.oddStore.List(ctx, after, limit)
}
