package cluster_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
)

// took are the times of moves.
type took struct {
	mu   sync.Mutex
	most time.Duration
	n    int
}

func (x *took) note(_ int, d time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.most = max(x.most, d)
	x.n++
}

// moving is a cluster in which the node b stops while people speak in one of its rooms. The message that
// hands a shard over is what edit makes of it.
func moving(t *testing.T, edit func(data []byte) []byte, check func(reads int, times *took)) {
	bubble(t, func(t *testing.T) {
		var times took
		w := newWorld(t, 1, func(c *cluster.Config) { c.Observer.Moved = times.note }, "a", "b")
		romeo, juliet := w.at("a", "romeo"), w.at("a", "juliet")
		room, silent := w.roomWith("b", romeo, juliet), muc.MustParseJID("silent0@chat.example")
		for i := 0; w.nodes["b"].Owner(silent) != w.nodes["b"].ID(); i++ {
			silent = muc.MustParseJID(fmt.Sprintf("silent%d@chat.example", i))
		}
		w.send(romeo, joinText, silent.Local(), "romeo")
		w.settle()
		a, b := w.nodes["a"], w.nodes["b"]
		b.engine.startMoves(edit)
		a.engine.startMoves(nil)
		closed := make(chan error)
		var want []string
		for i := range 30 {
			if i == 10 {
				go func() { closed <- b.Close(t.Context()) }()
			}
			want = append(want, fmt.Sprint(i))
			w.send([]*client{romeo, juliet}[i%2], sayText, room, "", want[i])
			time.Sleep(10 * time.Millisecond)
		}
		require.NoError(t, <-closed)
		delete(w.nodes, "b")
		w.settle()
		assert.Equal(t, want, w.heard(romeo, room))
		assert.Equal(t, want, w.heard(juliet, room))
		assert.Equal(t, cluster.Shards, w.counted("took"), "all shards of b were handed over")
		assert.Zero(t, w.counted("redone true"))
		claim, err := w.engine.Last(t.Context(), silent)
		require.NoError(t, err)
		owner, err := w.engine.Get(t.Context(), cluster.ShardOf(silent))
		require.NoError(t, err)
		assert.Equal(t, cluster.Claim, claim.Kind)
		assert.Equal(t, owner.Epoch, claim.Epoch)
		_, gives := b.engine.counts()
		assert.Positive(t, gives)
		assert.LessOrEqual(t, gives, cluster.MovesAtOnce)
		times.mu.Lock()
		defer times.mu.Unlock()
		assert.Positive(t, times.n)
		reads, _ := a.engine.counts()
		check(reads, &times)
	})
}

// While all is well the new owner asks the engine for nothing but a claim: a shard takes nothing for as
// long as its last step and a claim take to be stored. A call takes 4 ms at most here.
func TestMove(t *testing.T) {
	moving(t, nil, func(reads int, times *took) {
		assert.Zero(t, reads)
		assert.Less(t, times.most, 3*4*time.Millisecond)
	})
}

// Where the message that hands a shard over is lost, the new owner reads the log.
func TestMoveUntold(t *testing.T) {
	moving(t, func([]byte) []byte { return nil }, func(reads int, times *took) {
		assert.Positive(t, reads)
		assert.Less(t, times.most, time.Second)
	})
}

// What the new owner is told is true only if it can write a claim after that: else it reads the log.
func TestMoveToldWrong(t *testing.T) {
	moving(t, func(data []byte) []byte {
		var f map[string]any
		if err := json.Unmarshal(data, &f); err != nil {
			panic(err)
		}
		rooms, _ := f["r"].([]any)
		for _, r := range rooms {
			r.(map[string]any)["p"] = 1
		}
		text, err := json.Marshal(f)
		if err != nil {
			panic(err)
		}
		return text
	}, func(reads int, _ *took) { assert.Positive(t, reads) })
}

// A room that is handed over again and again gets its snapshots nevertheless.
func TestMovedRoomsAreCompacted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, func(c *cluster.Config) { c.Service.CompactAfter = 20 }, "a", "b")
		romeo := w.at("a", "romeo")
		room := w.roomWith("b", romeo)
		jid := muc.MustParseJID(room + "@chat.example")
		for i := range 10 {
			for range 4 {
				w.send(romeo, sayText, room, "", "text")
				w.settle()
			}
			require.NoError(t, w.nodes["b"].Close(t.Context()))
			w.start("b")
			w.ready()
			time.Sleep(5 * time.Second) // until it has its shards again, perhaps this one
			last, err := w.engine.Last(t.Context(), jid)
			require.NoError(t, err)
			steps := 0
			for m, err := range w.engine.Read(t.Context(), jid, last.Pos) {
				require.NoError(t, err)
				if m.Kind == cluster.Step {
					steps++
				}
			}
			assert.Less(t, steps, 25, "after %d moves", i)
		}
		assert.Greater(t, w.counted("moved"), 1000)
	})
}

// What hands a shard over fits into a message of the bus, however large its rooms are.
func TestHandFits(t *testing.T) {
	snapshots := []string{}
	for range 4 {
		snapshots = append(snapshots, strings.Repeat("x", 200<<10))
	}
	for range 400 {
		snapshots = append(snapshots, strings.Repeat("x", 1000))
	}
	size, whole := cluster.Hand(snapshots)
	assert.Less(t, size, busBytes-1024)
	assert.Greater(t, whole, 100)
	assert.Less(t, whole, 404)
}

// A node that lost a shard and did not hear of it forgets what it had when it is handed the shard again: whenever
// it looks by itself who has which.
func TestHandedBack(t *testing.T) {
	for second := range 5 {
		t.Run(fmt.Sprint(second), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, 1, nil, "a", "b", "c")
				romeo, juliet := w.at("a", "romeo"), w.at("b", "juliet")
				room := w.roomWith("c", romeo)
				owner := func() string { return w.nodes["a"].Owner(muc.MustParseJID(room + "@chat.example")) }
				c := w.nodes["c"]
				time.Sleep(time.Duration(second) * time.Second)
				c.engine.set(0, true)
				for owner() == c.ID() {
					time.Sleep(10 * time.Millisecond)
				}
				w.send(juliet, joinText, room, "juliet")
				time.Sleep(10 * time.Millisecond)
				c.engine.set(0, false)
				w.settle()
				for owner() != c.ID() {
					time.Sleep(10 * time.Millisecond)
				}
				w.send(juliet, sayText, room, "", "inside")
				w.settle()
				assert.Equal(t, []string{"inside"}, w.heard(romeo, room))
				assert.Equal(t, []string{"inside"}, w.heard(juliet, room))
			})
		})
	}
}

// A shard that has just been taken over, and of which something is still to be delivered that its last owner
// left, moves when that is done.
func TestMoveAfterTakeOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil, "a", "b", "c")
		romeo := w.at("a", "romeo")
		room := w.roomThatGoesTo("c", "b", "a")
		w.send(romeo, joinText, room, "romeo")
		w.settle()
		a, b := w.nodes["a"], w.nodes["b"]
		a.engine.hearNothingOf("out." + a.ID())
		w.send(romeo, sayText, room, "", "left")
		time.Sleep(10 * time.Millisecond)
		w.nodes["c"].kill()
		delete(w.nodes, "c")
		for a.Owner(muc.MustParseJID(room+"@chat.example")) != b.ID() {
			time.Sleep(10 * time.Millisecond)
		}
		closed := make(chan error)
		began := time.Now()
		go func() { closed <- b.Close(t.Context()) }()
		time.Sleep(time.Second)
		a.engine.hearAll()
		require.NoError(t, <-closed)
		assert.Less(t, time.Since(began), 5*time.Second)
		delete(w.nodes, "b")
		w.settle()
		assert.Equal(t, []string{"left"}, w.heard(romeo, room))
	})
}
