// Package enginetest has the tests that every engine of package cluster should pass. The author
// of an engine runs them in a test:
//
//	func TestEngine(t *testing.T) {
//		enginetest.Run(t, func(t *testing.T) enginetest.Cluster { return mine.Start(t, 3) })
//	}
package enginetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
)

// Engine is what one node has of an engine.
type Engine struct {
	Log    cluster.Log
	Owners cluster.Owners
	Bus    cluster.Bus
}

// Cluster connects nodes to one engine, which is empty at first.
type Cluster interface {
	// Connect is the engine as another node has it. What has to be closed it leaves to
	// t.Cleanup.
	Connect(t *testing.T) Engine
}

// Run tests an engine. The function makes an empty one for each test.
func Run(t *testing.T, start func(t *testing.T) Cluster) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, c Cluster)
	}{
		{"of a room that is not there nothing is stored", testNothing},
		{"messages come back as they were", testMessages},
		{"addresses of all kinds are rooms apart", testAddresses},
		{"of two who write after the same message one succeeds", testFence},
		{"of many who write at once one after the other succeeds", testContest},
		{"a claim ends what was written before it", testClaim},
		{"a snapshot takes the place of what was before it", testSnapshot},
		{"a room that is gone can be made again", testGone},
		{"a large message comes back, or is too large", testLarge},
		{"a context that has ended stores nothing", testContext},
		{"positions grow within a shard", testPositions},
		{"rooms with messages since a position", testSince},
		{"a mark is moved by who knows it", testMark},
		{"the list of rooms", testEntries},
		{"an entry that comes late changes nothing", testLateEntry},
		{"a shard has one owner", testOwners},
		{"of many who want a shard one gets it", testOwnersContest},
		{"messages of one sender come in order", testBus},
		{"who has stopped hears nothing more", testBusStop},
		{"many rooms at once", testParallel},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, start(t)) })
	}
}

// patience is how long something may take that has to happen.
const patience = 2 * time.Minute

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func roomNamed(local string) muc.JID { return muc.MustParseJID(local + "@chat.example") }

// message is one to be stored.
func message(room muc.JID, kind cluster.Kind, epoch cluster.Epoch, body string) cluster.Message {
	return cluster.Message{Room: room, ID: rand.Text(), Epoch: epoch, Kind: kind, Body: []byte(body)}
}

// stored is a message and where it was stored.
func stored(t *testing.T, e Engine, m cluster.Message, after cluster.Pos) cluster.Message {
	t.Helper()
	pos, err := e.Log.Append(t.Context(), m, after)
	must(t, err)
	if pos <= after {
		t.Fatalf("position %d after %d", pos, after)
	}
	m.Pos = pos
	return m
}

func step(t *testing.T, e Engine, room muc.JID, after cluster.Pos, body string) cluster.Message {
	t.Helper()
	return stored(t, e, message(room, cluster.Step, 1, body), after)
}

func last(t *testing.T, e Engine, room muc.JID) cluster.Message {
	t.Helper()
	m, err := e.Log.Last(t.Context(), room)
	must(t, err)
	return m
}

// all collects a sequence.
func all[T any](t *testing.T, seq iter.Seq2[T, error]) (list []T) {
	t.Helper()
	for x, err := range seq {
		must(t, err)
		list = append(list, x)
	}
	return list
}

// wantLog wants that a room has these messages.
func wantLog(t *testing.T, e Engine, room muc.JID, want ...cluster.Message) {
	t.Helper()
	end := want[len(want)-1]
	got := all(t, e.Log.Read(t.Context(), room, end.Pos))
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d: %v", len(got), len(want), got)
	}
	for i := range got {
		wantMessage(t, got[i], want[i])
		if !bytes.Equal(got[i].Body, want[i].Body) {
			t.Fatalf("body %.200q, want %.200q", got[i].Body, want[i].Body)
		}
	}
	wantMessage(t, last(t, e, room), end)
}

// wantMessage compares all but the body.
func wantMessage(t *testing.T, got, want cluster.Message) {
	t.Helper()
	if got.Room != want.Room || got.Pos != want.Pos || got.ID != want.ID || got.Epoch != want.Epoch || got.Kind != want.Kind {
		t.Fatalf("%s %d %s %d %s, want %s %d %s %d %s", got.Room, got.Pos, got.ID, got.Epoch, got.Kind,
			want.Room, want.Pos, want.ID, want.Epoch, want.Kind)
	}
}

func testNothing(t *testing.T, c Cluster) {
	e, room := c.Connect(t), roomNamed("cellar")
	if m := last(t, e, room); m.Pos != 0 || m.Kind != "" {
		t.Fatalf("%v", m)
	}
	_, err := e.Log.Append(t.Context(), message(room, cluster.Step, 1, "{}"), 7)
	wantErr(t, err, cluster.ErrConflict)
	if m := last(t, e, room); m.Pos != 0 {
		t.Fatalf("%v", m)
	}
}

func testMessages(t *testing.T, c Cluster) {
	e, other, room := c.Connect(t), c.Connect(t), roomNamed("cellar")
	a := stored(t, e, message(room, cluster.Claim, 5, ""), 0)
	b := stored(t, e, message(room, cluster.Step, 5, `{"a":"<&'\" \u00fc"}`), a.Pos)
	d := stored(t, other, message(room, cluster.Step, 1<<40, `{}`), b.Pos)
	wantLog(t, e, room, a, b, d)
	wantLog(t, other, room, a, b, d)
	got := all(t, e.Log.Read(t.Context(), room, b.Pos)) // not beyond what was asked for
	if len(got) != 2 || got[1].Pos != b.Pos {
		t.Fatalf("%v", got)
	}
	for m, err := range e.Log.Read(t.Context(), room, d.Pos) { // who stops reads no more
		must(t, err)
		wantMessage(t, m, a)
		break
	}
}

func testAddresses(t *testing.T, c Cluster) {
	e := c.Connect(t)
	for _, local := range []string{"a", "a.b", "a*", "a#", "ä", `a\20b`, "a%20b", "a_b", "a-b", strings.Repeat("x", 1023), "葡萄酒"} {
		room := roomNamed(local)
		wantLog(t, e, room, step(t, e, room, 0, fmt.Sprintf("%q", local)))
		must(t, e.Log.PutEntry(t.Context(), cluster.ShardOf(room), entryOf(room, 1)))
		if list := all(t, e.Log.Entries(t.Context(), cluster.ShardOf(room))); !slices.ContainsFunc(list, func(e cluster.Entry) bool { return e.Room == room }) {
			t.Fatalf("%s is not listed", room)
		}
	}
}

func testFence(t *testing.T, c Cluster) {
	one, other, room := c.Connect(t), c.Connect(t), roomNamed("cellar")
	a := step(t, one, room, 0, "1")
	wantMessage(t, last(t, other, room), a)
	b := step(t, other, room, a.Pos, "2")
	for range 3 { // it stays so, however often it is tried
		_, err := one.Log.Append(t.Context(), message(room, cluster.Step, 1, "3"), a.Pos)
		wantErr(t, err, cluster.ErrConflict)
		_, err = one.Log.Append(t.Context(), message(room, cluster.Snapshot, 1, "3"), a.Pos)
		wantErr(t, err, cluster.ErrConflict)
		_, err = one.Log.Append(t.Context(), message(room, cluster.Gone, 1, ""), 0)
		wantErr(t, err, cluster.ErrConflict)
	}
	wantLog(t, one, room, a, b)
}

// testContest: writers who all read what is last and write after it. Each message that was said
// to be stored is there, once, after what its writer had read.
func testContest(t *testing.T, c Cluster) {
	const writers, each = 4, 10
	room := roomNamed("cellar")
	var mu sync.Mutex
	after := map[string]cluster.Pos{}
	var group sync.WaitGroup
	for range writers {
		e := c.Connect(t)
		group.Go(func() {
			for n := 0; n < each; {
				is, err := e.Log.Last(t.Context(), room)
				if err != nil {
					t.Error(err)
					return
				}
				m := message(room, cluster.Step, 1, "{}")
				switch _, err := e.Log.Append(t.Context(), m, is.Pos); {
				case err == nil:
					n++
					mu.Lock()
					after[m.ID] = is.Pos
					mu.Unlock()
				case !errors.Is(err, cluster.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	e := c.Connect(t)
	log := all(t, e.Log.Read(t.Context(), room, last(t, e, room).Pos))
	if len(log) != writers*each {
		t.Fatalf("%d messages, want %d", len(log), writers*each)
	}
	var before cluster.Pos
	for _, m := range log {
		if want, is := after[m.ID]; !is || want != before {
			t.Fatalf("a message at %d after %d, written after %d (%v)", m.Pos, before, want, is)
		}
		before = m.Pos
	}
}

func testClaim(t *testing.T, c Cluster) {
	old, successor, room := c.Connect(t), c.Connect(t), roomNamed("cellar")
	a := stored(t, old, message(room, cluster.Step, 3, "1"), 0)
	claim := stored(t, successor, message(room, cluster.Claim, 4, ""), last(t, successor, room).Pos)
	_, err := old.Log.Append(t.Context(), message(room, cluster.Step, 3, "2"), a.Pos)
	wantErr(t, err, cluster.ErrConflict)
	wantMessage(t, last(t, old, room), claim)
	wantLog(t, successor, room, a, claim)
}

func testSnapshot(t *testing.T, c Cluster) {
	e, room, beside := c.Connect(t), roomNamed("cellar"), roomNamed("garden")
	other := step(t, e, beside, 0, "beside")
	at := cluster.Pos(0)
	for range 5 {
		at = step(t, e, room, at, "{}").Pos
	}
	before := at
	shot := stored(t, e, message(room, cluster.Snapshot, 1, `{"snapshot":1}`), at)
	wantLog(t, e, room, shot)
	after := step(t, e, room, shot.Pos, "after")
	wantLog(t, e, room, shot, after)
	wantLog(t, e, beside, other)
	for _, err := range e.Log.Read(t.Context(), room, before) {
		wantErr(t, err, cluster.ErrConflict)
	}
}

func testGone(t *testing.T, c Cluster) {
	e, room := c.Connect(t), roomNamed("cellar")
	a := step(t, e, room, 0, "1")
	gone := stored(t, e, message(room, cluster.Gone, 1, `{"done":1}`), a.Pos)
	is := last(t, e, room)
	if is.Pos != 0 { // it may be forgotten
		wantMessage(t, is, gone)
		if !bytes.Equal(is.Body, gone.Body) {
			t.Fatalf("body %q, want %q", is.Body, gone.Body)
		}
	}
	again := step(t, e, room, is.Pos, "2")
	wantMessage(t, last(t, e, room), again)
	log := all(t, e.Log.Read(t.Context(), room, again.Pos))
	if log = slices.DeleteFunc(log, func(m cluster.Message) bool { return m.Kind == cluster.Gone }); len(log) != 1 {
		t.Fatalf("%v", log)
	}
	_, err := e.Log.Append(t.Context(), message(room, cluster.Step, 1, "late"), a.Pos)
	for stop := time.Now().Add(patience); errors.Is(err, cluster.ErrUnknown) && time.Now().Before(stop); {
		// A first answer took too long, and what stood after a is gone.
		_, err = e.Log.Append(t.Context(), message(room, cluster.Step, 1, "late"), a.Pos)
	}
	wantErr(t, err, cluster.ErrConflict)
}

// testLarge: what is stored comes back whole, and what is not leaves the room as it was.
func testLarge(t *testing.T, c Cluster) {
	e, room := c.Connect(t), roomNamed("cellar")
	a := step(t, e, room, 0, "1")
	for size := 1 << 10; size <= 64<<20; size *= 4 {
		m := message(room, cluster.Snapshot, 1, strings.Repeat("x", size))
		pos, err := e.Log.Append(t.Context(), m, a.Pos)
		if errors.Is(err, cluster.ErrTooLarge) {
			if size <= 1<<20 {
				t.Fatalf("%d bytes are too large", size)
			}
			break
		}
		must(t, err)
		m.Pos = pos
		a = m
	}
	wantLog(t, e, room, a)
	wantMessage(t, step(t, e, room, a.Pos, "small"), last(t, e, room))
}

func testContext(t *testing.T, c Cluster) {
	e, room := c.Connect(t), roomNamed("cellar")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Log.Append(ctx, message(room, cluster.Step, 1, "{}"), 0); err == nil {
		t.Fatal("no error")
	}
	if _, err := e.Log.Last(ctx, room); err == nil {
		t.Fatal("no error")
	}
	if _, err := e.Owners.CompareAndSet(ctx, 3, 0, "a", "1"); err == nil {
		t.Fatal("no error")
	}
	if m := last(t, e, room); m.Pos != 0 {
		t.Fatalf("%v", m)
	}
	is, err := e.Owners.Get(t.Context(), 3)
	must(t, err)
	if is != (cluster.Owner{}) {
		t.Fatalf("%v", is)
	}
}

// shardMates are rooms of one shard, sorted.
func shardMates(n int) (rooms []muc.JID) {
	shard := cluster.ShardOf(roomNamed("mate"))
	for i := 0; len(rooms) < n; i++ {
		if room := roomNamed(fmt.Sprint("mate", i)); cluster.ShardOf(room) == shard {
			rooms = append(rooms, room)
		}
	}
	slices.SortFunc(rooms, func(a, b muc.JID) int { return strings.Compare(a.String(), b.String()) })
	return rooms
}

func testPositions(t *testing.T, c Cluster) {
	one, other, rooms := c.Connect(t), c.Connect(t), shardMates(3)
	at, before := make([]cluster.Pos, len(rooms)), cluster.Pos(0)
	for n := range 12 {
		i, e := n%len(rooms), []Engine{one, other}[n%2]
		at[i] = step(t, e, rooms[i], at[i], "{}").Pos
		if at[i] <= before {
			t.Fatalf("position %d after %d", at[i], before)
		}
		before = at[i]
	}
}

func testSince(t *testing.T, c Cluster) {
	e, rooms := c.Connect(t), shardMates(4)
	shard := cluster.ShardOf(rooms[0])
	check := func(after cluster.Pos, want ...muc.JID) {
		t.Helper()
		got := all(t, e.Log.Since(t.Context(), shard, after))
		slices.SortFunc(got, func(a, b muc.JID) int { return strings.Compare(a.String(), b.String()) })
		if !slices.Equal(got, want) {
			t.Fatalf("since %d: %v, want %v", after, got, want)
		}
	}
	check(0)
	a := step(t, e, rooms[0], 0, "{}")
	b := step(t, e, rooms[1], 0, "{}")
	b = step(t, e, rooms[1], b.Pos, "{}")
	d := stored(t, e, message(rooms[2], cluster.Snapshot, 1, "{}"), 0)
	for i := 0; ; i++ { // one of another shard is in none of them
		if room := roomNamed(fmt.Sprint("elsewhere", i)); cluster.ShardOf(room) != shard {
			step(t, e, room, 0, "{}")
			break
		}
	}
	check(0, rooms[:3]...)
	check(a.Pos, rooms[1], rooms[2])
	check(b.Pos, rooms[2])
	check(d.Pos)
	step(t, e, rooms[0], a.Pos, "{}")
	check(d.Pos, rooms[0])
}

func testMark(t *testing.T, c Cluster) {
	one, other := c.Connect(t), c.Connect(t)
	check := func(e Engine, want cluster.Pos) (rev uint64) {
		t.Helper()
		pos, rev, err := e.Log.Mark(t.Context(), 7)
		must(t, err)
		if pos != want {
			t.Fatalf("%d, want %d", pos, want)
		}
		return rev
	}
	first := check(one, 0)
	second, err := one.Log.SetMark(t.Context(), 7, first, 10)
	must(t, err)
	if second == first {
		t.Fatal("the revision is the same")
	}
	if rev := check(other, 10); rev != second {
		t.Fatalf("%d, want %d", rev, second)
	}
	_, err = other.Log.SetMark(t.Context(), 7, first, 11)
	wantErr(t, err, cluster.ErrConflict)
	third, err := other.Log.SetMark(t.Context(), 7, second, 10) // the same position, and yet a change
	must(t, err)
	_, err = one.Log.SetMark(t.Context(), 7, second, 12)
	wantErr(t, err, cluster.ErrConflict)
	_, err = other.Log.SetMark(t.Context(), 7, third, 1<<40)
	must(t, err)
	check(one, 1<<40)
	if pos, _, err := one.Log.Mark(t.Context(), 8); err != nil || pos != 0 {
		t.Fatalf("%d, %v", pos, err)
	}
}
