// Package storetest has the tests that every [service.Store] should pass. The
// author of a store runs them in a test of his own:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) service.Store { return mystore.New(t.TempDir()) })
//	}
package storetest

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// Run tests stores. The function makes an empty one for each test; what has to be
// closed it leaves to t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) service.Store) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s service.Store)
	}{
		{"of a room that is not there nothing is stored", testNothing},
		{"events come back as they were", testEvents},
		{"all kinds of events come back as they were", testKinds},
		{"texts and sizes come back as they were", testTexts},
		{"several rooms in one call", testSeveral},
		{"an event that does not fit is a conflict", testConflict},
		{"one call is all or nothing", testAtomic},
		{"a snapshot takes the place of what was before it", testSnapshot},
		{"a snapshot and events in one batch", testSnapshotWithEvents},
		{"an old snapshot changes nothing", testOldSnapshot},
		{"a room that is gone leaves nothing", testGone},
		{"a room that was never stored may be gone", testGoneUnseen},
		{"entries are those of the last batch", testEntry},
		{"lists are sorted and come in pages", testList},
		{"memory belongs to the caller", testMemory},
		{"a context that has ended stores nothing", testContext},
		{"many at once", testParallel},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// RunReopened tests that a store finds what it stored when it is opened again. The
// function opens a store in a folder; one that is an io.Closer is closed before
// the folder is opened again.
func RunReopened(t *testing.T, open func(t *testing.T, dir string) service.Store) {
	dir := t.TempDir()
	one, other := newLog(t, "one"), newLog(t, "other")
	s := open(t, dir)
	must(t, s.Append(t.Context(), []service.Batch{one.batch(3), other.batch(2)}))
	must(t, s.Append(t.Context(), []service.Batch{one.snapshot()}))
	must(t, s.Append(t.Context(), []service.Batch{one.batch(2)}))
	gone := other.batch(1)
	gone.Gone = true
	must(t, s.Append(t.Context(), []service.Batch{gone}))
	if c, ok := s.(io.Closer); ok {
		must(t, c.Close())
	}
	s = open(t, dir)
	one.check(t, s)
	checkNothing(t, s, other.room)
	checkList(t, s, muc.JID{}, 10, one.entry)
	must(t, s.Append(t.Context(), []service.Batch{one.batch(1)}))
	one.check(t, s)
	if c, ok := s.(io.Closer); ok {
		must(t, c.Close())
	}
}

func testNothing(t *testing.T, s service.Store) {
	checkNothing(t, s, roomNamed("nobody"))
	checkList(t, s, muc.JID{}, 10)
	must(t, s.Append(t.Context(), nil))
	checkList(t, s, muc.JID{}, 10)
}

func testEvents(t *testing.T, s service.Store) {
	l := newLog(t, "cellar")
	for n := range 5 {
		must(t, s.Append(t.Context(), []service.Batch{l.batch(n + 1)}))
		l.check(t, s)
	}
}

func testSeveral(t *testing.T, s service.Store) {
	logs := []*log{newLog(t, "c"), newLog(t, "a"), newLog(t, "b")}
	for n := range 3 {
		var batches []service.Batch
		for i, l := range logs {
			batches = append(batches, l.batch(n+i+1))
		}
		must(t, s.Append(t.Context(), batches))
	}
	for _, l := range logs {
		l.check(t, s)
	}
}

func testConflict(t *testing.T, s service.Store) {
	l := newLog(t, "cellar")
	late := l.batch(2)
	late.After = 1
	conflicts(t, s, late) // as long as nothing is stored
	late.After = 0
	must(t, s.Append(t.Context(), []service.Batch{late}))
	l.check(t, s)
	conflicts(t, s, late) // twice
	next := l.batch(1)
	for _, after := range []uint64{0, 1, 3, 1 << 40} {
		wrong := next
		wrong.After = after
		conflicts(t, s, wrong)
	}
	l.take(next, false)
	l.check(t, s)
	l.take(next, true)
	must(t, s.Append(t.Context(), []service.Batch{next}))
	l.check(t, s)
}

func testAtomic(t *testing.T, s service.Store) {
	stored, fresh, bad := newLog(t, "stored"), newLog(t, "fresh"), newLog(t, "bad")
	must(t, s.Append(t.Context(), []service.Batch{stored.batch(2)}))
	more, first, wrong := stored.batch(2), fresh.batch(2), bad.batch(2)
	wrong.After = 7
	for _, batches := range [][]service.Batch{{more, first, wrong}, {wrong, more, first}, {first, wrong, more}} {
		conflicts(t, s, batches...)
		stored.take(more, false)
		stored.check(t, s)
		stored.take(more, true)
		checkNothing(t, s, fresh.room)
		checkNothing(t, s, bad.room)
	}
	gone := service.Batch{Room: stored.room, After: 2, Gone: true}
	conflicts(t, s, gone, wrong)
	must(t, s.Append(t.Context(), []service.Batch{more, first}))
	stored.check(t, s)
	fresh.check(t, s)
}

func testContext(t *testing.T, s service.Store) {
	l := newLog(t, "cellar")
	b := l.batch(2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Append(ctx, []service.Batch{b}); err == nil {
		t.Error("Append stores although its context has ended")
	}
	checkNothing(t, s, l.room)
	must(t, s.Append(t.Context(), []service.Batch{b}))
	l.check(t, s)
	if _, err := s.Load(ctx, l.room); err == nil {
		t.Error("Load reads although its context has ended")
	}
	if _, err := s.List(ctx, muc.JID{}, 10); err == nil {
		t.Error("List reads although its context has ended")
	}
}

// conflicts wants a call to be refused as a conflict.
func conflicts(t *testing.T, s service.Store, batches ...service.Batch) {
	t.Helper()
	if err := s.Append(t.Context(), batches); !errors.Is(err, service.ErrConflict) {
		t.Errorf("Append: got %v, want an ErrConflict", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
