package enginetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/service"
)

// entryOf has all fields set.
func entryOf(room muc.JID, at cluster.Pos) cluster.Entry {
	return cluster.Entry{At: at, Entry: service.Entry{Room: room, Name: "Wein & mehr", Public: true, Lasting: true,
		Creator: muc.MustParseJID("romeo@example.org"), Due: time.Date(2030, time.March, 14, 20, 15, 0, 123e6, time.UTC),
		About: service.About{Description: "<b>", Lang: "de", Moderated: true}}}
}

func testEntries(t *testing.T, c Cluster) {
	e, other, rooms := c.Connect(t), c.Connect(t), shardMates(3)
	shard := cluster.ShardOf(rooms[0])
	want := map[muc.JID]cluster.Entry{}
	check := func() {
		t.Helper()
		list := all(t, other.Log.Entries(t.Context(), shard))
		whole := slices.DeleteFunc(all(t, other.Log.AllEntries(t.Context())), func(e cluster.Entry) bool { return cluster.ShardOf(e.Room) != shard })
		for _, list := range [][]cluster.Entry{list, whole} {
			slices.SortFunc(list, func(a, b cluster.Entry) int { return strings.Compare(a.Room.String(), b.Room.String()) })
		}
		if len(whole)+len(list) > 0 && !reflect.DeepEqual(whole, list) {
			t.Fatalf("of all entries %v, want %v", whole, list)
		}
		got := map[muc.JID]cluster.Entry{}
		for _, e := range list {
			if _, twice := got[e.Room]; twice {
				t.Fatalf("%s is there twice", e.Room)
			}
			if !e.Gone {
				got[e.Room] = e
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	put := func(x cluster.Entry) {
		t.Helper()
		must(t, e.Log.PutEntry(t.Context(), shard, x))
		if want[x.Room] = x; x.Gone {
			delete(want, x.Room)
		}
	}
	check()
	for i, room := range rooms {
		put(entryOf(room, cluster.Pos(i+1)))
	}
	check()
	changed := entryOf(rooms[1], 5)
	changed.Name, changed.Public, changed.About = "", false, service.About{}
	put(changed)
	put(cluster.Entry{Entry: service.Entry{Room: rooms[2]}, At: 6, Gone: true})
	check()
	put(entryOf(rooms[2], 7)) // made again
	check()
	if list := all(t, e.Log.Entries(t.Context(), (shard+1)%cluster.Shards)); len(list) != 0 {
		t.Fatalf("%v", list)
	}
}

func testLateEntry(t *testing.T, c Cluster) {
	one, other, room := c.Connect(t), c.Connect(t), roomNamed("cellar")
	shard := cluster.ShardOf(room)
	now, late := entryOf(room, 10), entryOf(room, 9)
	now.Name, late.Name = "now", "late"
	must(t, one.Log.PutEntry(t.Context(), shard, now))
	must(t, other.Log.PutEntry(t.Context(), shard, late))
	must(t, other.Log.PutEntry(t.Context(), shard, cluster.Entry{Entry: service.Entry{Room: room}, At: 8, Gone: true}))
	if list := all(t, one.Log.Entries(t.Context(), shard)); len(list) != 1 || list[0].Name != "now" {
		t.Fatalf("%v", list)
	}
	now.At, now.Name = 10, "the same message"
	must(t, other.Log.PutEntry(t.Context(), shard, now))
	if list := all(t, one.Log.Entries(t.Context(), shard)); len(list) != 1 || list[0].Name != "the same message" {
		t.Fatalf("%v", list)
	}
}

func testOwners(t *testing.T, c Cluster) {
	one, other := c.Connect(t), c.Connect(t)
	check := func(shard int, want cluster.Owner) {
		t.Helper()
		is, err := other.Owners.Get(t.Context(), shard)
		must(t, err)
		if is != want {
			t.Fatalf("%v, want %v", is, want)
		}
		for stop := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) { // it may lag
			list, err := other.Owners.All(t.Context())
			must(t, err)
			if len(list) != cluster.Shards {
				t.Fatalf("%d owners", len(list))
			}
			if list[shard] == want {
				return
			}
			if time.Now().After(stop) {
				t.Fatalf("%v, want %v", list[shard], want)
			}
		}
	}
	check(0, cluster.Owner{})
	first, err := one.Owners.CompareAndSet(t.Context(), 0, 0, "a", "life1")
	must(t, err)
	check(0, cluster.Owner{Node: "a", Life: "life1", Epoch: first})
	_, err = other.Owners.CompareAndSet(t.Context(), 0, 0, "b", "life2")
	wantErr(t, err, cluster.ErrConflict)
	second, err := other.Owners.CompareAndSet(t.Context(), 0, first, "b", "life2")
	must(t, err)
	if second <= first {
		t.Fatalf("epoch %d after %d", second, first)
	}
	_, err = one.Owners.CompareAndSet(t.Context(), 0, first, "a", "life1")
	wantErr(t, err, cluster.ErrConflict)
	check(0, cluster.Owner{Node: "b", Life: "life2", Epoch: second})
	check(255, cluster.Owner{})
	_, err = one.Owners.CompareAndSet(t.Context(), 255, 0, "a", "life1")
	must(t, err)
	check(0, cluster.Owner{Node: "b", Life: "life2", Epoch: second})
}

// testOwnersContest: each epoch is of one node, and each follows the one it was set after.
func testOwnersContest(t *testing.T, c Cluster) {
	const nodes, each = 4, 5
	var mu sync.Mutex
	won := map[cluster.Epoch]cluster.Epoch{} // by what it followed
	var group sync.WaitGroup
	for i := range nodes {
		e := c.Connect(t)
		group.Go(func() {
			for n := 0; n < each; {
				is, err := e.Owners.Get(t.Context(), 9)
				if err != nil {
					t.Error(err)
					return
				}
				switch epoch, err := e.Owners.CompareAndSet(t.Context(), 9, is.Epoch, fmt.Sprint("node", i), "life"); {
				case err == nil:
					n++
					mu.Lock()
					if _, twice := won[is.Epoch]; twice || epoch <= is.Epoch {
						t.Errorf("epoch %d after %d, twice: %v", epoch, is.Epoch, twice)
					}
					won[is.Epoch] = epoch
					mu.Unlock()
				case !errors.Is(err, cluster.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if len(won) != nodes*each {
		t.Fatalf("%d, want %d", len(won), nodes*each)
	}
}

// testBus: nothing is lost here, because nothing is overloaded or cut off.
func testBus(t *testing.T, c Cluster) {
	const each = 200
	one, other := c.Connect(t), c.Connect(t)
	got := make(chan string, 4*each)
	stop, err := other.Bus.Subscribe("in.a-1", func(data []byte) { got <- string(data) })
	must(t, err)
	defer stop()
	stopMore, err := one.Bus.Subscribe("in.a", func(data []byte) { got <- "another subject" })
	must(t, err)
	defer stopMore()
	var group sync.WaitGroup
	for name, e := range map[string]Engine{"one": one, "other": other} {
		group.Go(func() {
			for i := range each {
				if err := e.Bus.Publish("in.a-1", []byte(name+" "+strconv.Itoa(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	next := map[string]int{}
	for range 2 * each {
		select {
		case text := <-got:
			name, number, _ := strings.Cut(text, " ")
			if number != strconv.Itoa(next[name]) {
				t.Fatalf("%s, want %d", text, next[name])
			}
			next[name]++
		case <-time.After(patience):
			t.Fatalf("only %v came", next)
		}
	}
}

func testBusStop(t *testing.T, c Cluster) {
	e := c.Connect(t)
	a, b := make(chan string, 100), make(chan string, 100)
	stopA, err := e.Bus.Subscribe("beat", func(data []byte) { a <- string(data) })
	must(t, err)
	stopB, err := e.Bus.Subscribe("beat", func(data []byte) { b <- string(data) })
	must(t, err)
	defer stopB()
	await := func(c chan string, want string) {
		t.Helper()
		select {
		case got := <-c:
			if got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("%q did not come", want)
		}
	}
	must(t, e.Bus.Publish("beat", []byte("1")))
	await(a, "1")
	await(b, "1")
	stopA()
	must(t, e.Bus.Publish("beat", []byte("2")))
	must(t, e.Bus.Publish("beat", []byte("3")))
	await(b, "2")
	await(b, "3")
	if len(a) > 0 {
		t.Fatal("it still hears")
	}
}

func testParallel(t *testing.T, c Cluster) {
	const rooms, each = 20, 10
	one, other := c.Connect(t), c.Connect(t)
	logs := make([][]cluster.Message, rooms)
	var group sync.WaitGroup
	for i := range rooms {
		e := []Engine{one, other}[i%2]
		group.Go(func() {
			room, at := roomNamed(fmt.Sprint("room", i)), cluster.Pos(0)
			for n := range each {
				m := message(room, cluster.Step, 1, strconv.Itoa(n))
				pos, err := e.Log.Append(t.Context(), m, at)
				if err != nil {
					t.Error(err)
					return
				}
				m.Pos, at = pos, pos
				logs[i] = append(logs[i], m)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	for i, log := range logs {
		wantLog(t, other, roomNamed(fmt.Sprint("room", i)), log...)
	}
}
