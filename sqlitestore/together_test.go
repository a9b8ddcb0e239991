package sqlitestore

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/service/storetest"
)

// In a transaction it is a store as any.
func TestTogetherIsStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) service.Store {
		s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
		given, ends, ended := make(chan service.Store), make(chan bool), make(chan error)
		go func() {
			ended <- s.Together(context.Background(), func(in service.Store) error {
				given <- in
				<-ends
				return nil
			})
		}()
		t.Cleanup(func() {
			close(ends)
			assert.NoError(t, <-ended)
		})
		return <-given
	})
}

// All that is appended together is stored, or nothing, archive and all.
func TestTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rooms.db")
	s, err := Open(t.Context(), path, Options{Archive: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	cellar, attic := created(t, s, "cellar"), created(t, s, "attic")
	failure := errors.New("no more of this")
	append := func(in service.Store) error {
		require.NoError(t, in.Append(t.Context(), []service.Batch{cellar}))
		assert.ErrorIs(t, in.Append(t.Context(), []service.Batch{attic, cellar}), service.ErrConflict)
		saved, err := in.Load(t.Context(), attic.Room)
		require.NoError(t, err)
		assert.Empty(t, saved.Events, "half of a call that failed")
		saved, err = in.Load(t.Context(), cellar.Room)
		require.NoError(t, err)
		assert.Equal(t, cellar.Events, saved.Events)
		before, err := s.Load(t.Context(), cellar.Room)
		require.NoError(t, err)
		assert.Empty(t, before.Events, "others see nothing of it")
		return nil
	}
	rooms := func() int {
		list, err := s.List(t.Context(), muc.JID{}, 10)
		require.NoError(t, err)
		return len(list)
	}
	assert.ErrorIs(t, s.Together(t.Context(), func(in service.Store) error { return errors.Join(append(in), failure) }), failure)
	assert.Zero(t, rooms())
	ctx, cancel := context.WithCancel(t.Context())
	assert.ErrorIs(t, s.Together(ctx, func(in service.Store) error {
		err := append(in)
		cancel()
		return err
	}), context.Canceled)
	assert.Zero(t, rooms())
	require.NoError(t, s.Together(t.Context(), append))
	assert.Equal(t, 1, rooms())
	assert.NoError(t, s.Append(t.Context(), []service.Batch{attic}), "and then it goes on as before")
}

// A transaction that goes on for long holds no more for it.
func TestTogetherHoldsNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rooms.db"))
	b := created(t, s, "cellar")
	require.NoError(t, s.Together(t.Context(), func(in service.Store) error {
		held := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		gone := service.Batch{Room: b.Room, After: b.At(), Gone: true}
		var before uint64
		for i := range 2100 {
			if i == 100 {
				before = held()
			}
			require.NoError(t, in.Append(t.Context(), []service.Batch{b}))
			require.NoError(t, in.Append(t.Context(), []service.Batch{gone}))
		}
		if after := held(); after > before {
			assert.Less(t, after-before, uint64(1<<20))
		}
		return nil
	}))
}
