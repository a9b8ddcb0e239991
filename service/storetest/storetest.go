// Package storetest has the tests that every [service.Store] should pass. The
// author of a store runs them in a test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) service.Store { return mystore.New(t.TempDir()) })
//	}
//
// One that answers queries of the archive is tested by [RunArchive] too, one that keeps rooms with
// everybody inside by [RunLive]. For one that stores a single batch at a call [RunSingle] stands
// in the place of Run.
package storetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// Run tests stores. The function makes an empty one for each test; what has to be
// closed it leaves to t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) service.Store) {
	run(t, open, func(string) bool { return true })
}

// atomicTest needs several batches in one call.
const atomicTest = "one call is all or nothing"

// run does those of the tests that a function names.
func run(t *testing.T, open func(t *testing.T) service.Store, which func(name string) bool) {
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
		{atomicTest, testAtomic},
		{"a snapshot takes the place of what was before it", testSnapshot},
		{"a snapshot and events in one batch", testSnapshotWithEvents},
		{"an old snapshot changes nothing", testOldSnapshot},
		{"a room with everybody inside, until the next batch", testSuspended},
		{"a room that is gone leaves nothing", testGone},
		{"a room that was never stored may be gone", testGoneUnseen},
		{"entries are those of the last batch", testEntry},
		{"lists are sorted and come in pages", testList},
		{"addresses come back as they were, normal or not", testAddresses},
		{"memory belongs to the caller", testMemory},
		{"a context that has ended stores nothing", testContext},
		{"many at once", testParallel},
	} {
		if which(test.name) {
			t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
		}
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

// RunDamaged tests that a line of the list which cannot be read harms no other. The
// first function makes an empty store; the second one spoils, in what is stored, the
// address of one room, so that it cannot be read any more.
func RunDamaged(t *testing.T, open func(t *testing.T) service.Store, spoil func(t *testing.T, s service.Store, room muc.JID)) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	for _, bad := range [][]int{{0}, {2}, {5}, {0, 1}, {1, 3, 4}, {4, 5}, {0, 1, 2, 3, 4, 5}} {
		s := open(t)
		var want []service.Entry
		for i, name := range names {
			l := newLog(t, name)
			must(t, s.Append(t.Context(), []service.Batch{l.batch(1)}))
			if slices.Contains(bad, i) {
				spoil(t, s, l.room)
			} else {
				want = append(want, l.entry)
			}
		}
		for limit := 1; limit <= len(names); limit++ {
			checkPages(t, s, limit, len(bad), want)
		}
	}
}

// checkPages reads a list to its end: the entries that can be read, and how many
// cannot, of which each says which it is. Those at the end may be told of twice.
func checkPages(t *testing.T, s service.Store, limit, bad int, want []service.Entry) {
	t.Helper()
	var got []service.Entry
	odd := map[string]bool{}
	for after, more := (muc.JID{}), true; more; {
		page, err := s.List(t.Context(), after, limit)
		must(t, err)
		before := len(got)
		for _, e := range page {
			if e.Err != nil {
				odd[e.Err.Error()] = true
				continue
			}
			got, after = append(got, e), e.Room
		}
		if more = len(got) > before; len(got)-before > limit {
			t.Errorf("%d entries, where %d are asked for", len(got)-before, limit)
		}
	}
	if len(got) != len(want) || len(odd) != bad {
		t.Fatalf("pages of %d: %d entries, want %d; %d lines cannot be read, want %d: %v", limit, len(got), len(want), len(odd), bad, odd)
	}
	for i := range got {
		checkEntry(t, got[i], want[i])
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
	late.After.Seq = 1
	conflicts(t, s, late) // as long as nothing is stored
	late.After.Seq = 0
	must(t, s.Append(t.Context(), []service.Batch{late}))
	l.check(t, s)
	conflicts(t, s, late) // twice
	next := l.batch(1)
	for _, after := range []uint64{0, 1, 3, 1 << 40} {
		wrong := next
		wrong.After.Seq = after
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
	wrong.After.Seq = 7
	for _, batches := range [][]service.Batch{{more, first, wrong}, {wrong, more, first}, {first, wrong, more}} {
		conflicts(t, s, batches...)
		stored.take(more, false)
		stored.check(t, s)
		stored.take(more, true)
		checkNothing(t, s, fresh.room)
		checkNothing(t, s, bad.room)
	}
	gone := service.Batch{Room: stored.room, After: service.Position{Seq: 2}, Gone: true}
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
