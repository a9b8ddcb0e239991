package nats_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/nats"
	"github.com/gomuc/muc/service"
)

// writer appends to a room, one message after the other, and knows what was stored.
type writer struct {
	room   muc.JID
	last   cluster.Pos
	stored []string // the bodies of messages whose Append returned nil
}

func (w *writer) append(ctx context.Context, e *nats.Engine, epoch int) error {
	body := fmt.Sprint("body ", len(w.stored))
	pos, err := e.Append(ctx, message(w.room, epoch, cluster.Step, body), w.last)
	if err == nil {
		w.last = pos
		w.stored = append(w.stored, body)
	}
	return err
}

// logOf is what the log holds of a room, read by itself.
func logOf(t testing.TB, e *nats.Engine, r muc.JID) []string {
	ctx := within(t)
	last, err := e.Last(ctx, r)
	require.NoError(t, err)
	var bodies []string
	for m, err := range e.Read(ctx, r, last.Pos) {
		require.NoError(t, err)
		bodies = append(bodies, string(m.Body))
	}
	return bodies
}

// acknowledgement says whether a message to a client says that something was stored in a stream.
func acknowledgement(stream string) func([]byte) bool {
	begin := []byte(`{"stream":"` + stream)
	return func(payload []byte) bool {
		return bytes.HasPrefix(payload, begin) && bytes.Contains(payload, []byte(`"seq":`))
	}
}

// Of messages whose acknowledgements are lost it is found out that they are stored; none is
// stored twice.
func TestLostAcknowledgements(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint("R", n), func(t *testing.T) {
			t.Parallel()
			s := start(t, n, nil)
			e := s.open(s.config(0, true))
			var seen, lost atomic.Int64
			isAck := acknowledgement("MUC_LOG_1")
			s.clients[0].dropping(func(payload []byte) bool {
				if !isAck(payload) || seen.Add(1)%5 != 0 { // twice as often as is needed: a connection that breaks loses others
					return false
				}
				lost.Add(1)
				return true
			})
			writers := make([]*writer, 100)
			var all sync.WaitGroup
			for i := range writers {
				w := &writer{room: room(fmt.Sprint("room", i))}
				writers[i] = w
				all.Go(func() {
					for range 10 {
						assert.NoError(t, w.append(within(t), e, 1))
					}
				})
			}
			all.Wait()
			s.clients[0].dropping(nil)
			assert.GreaterOrEqual(t, lost.Load(), int64(100))
			for _, w := range writers {
				assert.Equal(t, w.stored, logOf(t, e, w.room))
			}
		})
	}
}

// What is lost in the midst of a page is missed by nobody who reads: it is asked for again.
func TestLostInAPage(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	e := s.open(s.config(0, true))
	ctx, rooms, shard := within(t), []muc.JID(nil), cluster.ShardOf(room("lobby"))
	for i := 0; len(rooms) < 5; i++ {
		r := room(fmt.Sprint("room", i))
		if cluster.ShardOf(r) != shard {
			continue
		}
		pos, err := e.Append(ctx, message(r, 1, cluster.Step, r.String()), 0)
		require.NoError(t, err)
		require.NoError(t, e.PutEntry(ctx, shard, cluster.Entry{At: pos, Entry: service.Entry{Room: r}}))
		rooms = append(rooms, r)
	}
	w := &writer{room: room("lobby")}
	for range 5 {
		require.NoError(t, w.append(ctx, e, 1))
	}
	// without is what is read where the first message of a page that holds a text is lost.
	without := func(text string, read func()) {
		t.Helper()
		var lost atomic.Int64
		s.clients[0].dropping(func(payload []byte) bool {
			return bytes.Contains(payload, []byte("Nats-Sequence: ")) && bytes.Contains(payload, []byte(text)) && lost.Add(1) == 1
		})
		read()
		assert.Greater(t, lost.Load(), int64(1), "lost, and read again")
	}
	without("body 2", func() { assert.Equal(t, w.stored, logOf(t, e, w.room)) })
	without(rooms[2].String(), func() {
		var found []muc.JID
		for r, err := range e.Since(ctx, shard, 0) {
			require.NoError(t, err)
			found = append(found, r)
		}
		assert.ElementsMatch(t, append(rooms[:5:5], w.room), found)
	})
	for name, entries := range map[string]iter.Seq2[cluster.Entry, error]{"a shard": e.Entries(ctx, shard), "all": e.AllEntries(ctx)} {
		without(rooms[2].String(), func() {
			var found []muc.JID
			for entry, err := range entries {
				require.NoError(t, err)
				found = append(found, entry.Room)
			}
			assert.ElementsMatch(t, rooms, found, name)
		})
	}
}

// Who lost an acknowledgement, and meanwhile somebody else wrote, is told the truth as far as it
// is known.
func TestLostAcknowledgementThenAnother(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	e := s.open(s.config(0, true))
	direct := s.open(nats.Config{URL: "nats://" + s.running[0].Addr().String(), Options: s.config(0, true).Options, SyncUnchecked: true, Domain: domain, Replicas: 1})
	for name, c := range map[string]struct {
		kind cluster.Kind
		deaf bool  // the first question what became of it is not answered either
		want error // nil: it was stored, and that is seen
	}{
		"a step after it":                    {cluster.Step, false, nil},
		"a snapshot in its place":            {cluster.Snapshot, false, cluster.ErrUnknown},
		"a step after it, no answer":         {cluster.Step, true, nil},
		"a snapshot in its place, no answer": {cluster.Snapshot, true, cluster.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, r := within(t), room(unique())
			first, err := e.Append(ctx, message(r, 1, cluster.Step, "first"), 0)
			require.NoError(t, err)
			isAck := acknowledgement("MUC_LOG_1")
			var once, asked sync.Once
			s.clients[0].dropping(func(payload []byte) bool {
				if lost := false; c.deaf && bytes.Contains(payload, []byte("stream_msg_get_response")) {
					asked.Do(func() { lost = true })
					return lost
				}
				if isAck(payload) {
					once.Do(func() {
						last, err := direct.Last(ctx, r)
						assert.NoError(t, err)
						_, err = direct.Append(ctx, message(r, 2, c.kind, "another's"), last.Pos)
						assert.NoError(t, err)
					})
					return true
				}
				return false
			})
			_, err = e.Append(ctx, message(r, 1, cluster.Step, "mine"), first)
			s.clients[0].dropping(nil)
			if c.want == nil {
				require.NoError(t, err)
				assert.Equal(t, []string{"first", "mine", "another's"}, logOf(t, e, r))
			} else {
				require.ErrorIs(t, err, c.want)
				assert.NotErrorIs(t, err, cluster.ErrConflict)
			}
		})
	}
}

// Servers that always take longer than a first try are waited for.
func TestSlowServers(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	c := s.config(0, true)
	c.Options = append(c.Options, natsgo.Timeout(patience)) // should it have to connect again
	e := s.open(c)
	w, ctx := &writer{room: room("lobby")}, within(t)
	require.NoError(t, w.append(ctx, e, 1))
	s.clients[0].late.Store(int64(1200 * time.Millisecond))
	require.NoError(t, w.append(ctx, e, 1))
	assert.Equal(t, w.stored, logOf(t, e, w.room))
}

// The same for what is stored of owners and marks.
func TestLostAcknowledgementsOfOwners(t *testing.T) {
	t.Parallel()
	s := start(t, 3, nil)
	e := s.open(s.config(0, true))
	ctx := within(t)
	isAck := acknowledgement("MUC_META")
	var lost atomic.Int64
	s.clients[0].dropping(func(payload []byte) bool { return isAck(payload) && lost.Add(1)%2 == 1 })
	epoch, err := e.CompareAndSet(ctx, 7, 0, "a", "life")
	require.NoError(t, err)
	rev, err := e.SetMark(ctx, 7, 0, 12)
	require.NoError(t, err)
	s.clients[0].dropping(nil)
	assert.GreaterOrEqual(t, lost.Load(), int64(2))
	owner, err := e.Get(ctx, 7)
	require.NoError(t, err)
	assert.Equal(t, cluster.Owner{Node: "a", Life: "life", Epoch: epoch}, owner)
	pos, got, err := e.Mark(ctx, 7)
	require.NoError(t, err)
	assert.Equal(t, cluster.Pos(12), pos)
	assert.Equal(t, rev, got)
}

// leader is the number of the server that leads a stream.
func (s *servers) leader(stream string) int {
	for ctx := within(s.t); ; {
		for i := range s.running {
			if s.running[i] == nil {
				continue
			}
			if name := s.leaderFrom(i, stream); name != "" {
				at := slices.IndexFunc(s.names(), func(n string) bool { return n == name })
				if at >= 0 && s.running[at] != nil {
					return at
				}
			}
		}
		require.NoError(s.t, ctx.Err(), "nobody leads %s", stream)
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *servers) names() []string {
	names := make([]string, len(s.configs))
	for i, c := range s.configs {
		names[i] = c.Name
	}
	return names
}

// leaderFrom asks one server who leads a stream.
func (s *servers) leaderFrom(i int, stream string) string {
	c, err := natsgo.Connect(s.running[i].Addr().String(), natsgo.UserInfo("muc", "client-secret"))
	if err != nil {
		return ""
	}
	defer c.Close()
	reply, err := c.Request("$JS.API.STREAM.INFO."+stream, nil, time.Second)
	if err != nil {
		return ""
	}
	var info struct {
		Cluster struct {
			Leader string `json:"leader"`
		} `json:"cluster"`
	}
	_ = json.Unmarshal(reply.Data, &info)
	return info.Cluster.Leader
}

// The server that leads the log dies while 50 rooms write: nothing is lost, nothing doubled, all
// go on; it comes back and knows the same.
func TestLeaderDies(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*servers, int){
		"killed":      (*servers).kill,
		"stopped":     func(s *servers, i int) { s.running[i].Stop(); s.kill(i) },
		"stalled":     func(s *servers, i int) { s.stall(i, true) },
		"cut off":     func(s *servers, i int) { s.cut(i, true) },
		"all at once": func(s *servers, i int) { s.kill(0); s.kill(1); s.kill(2) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, 3, nil)
			first := s.open(s.config(0, false))
			leader := s.leader("MUC_LOG_1")
			e := s.open(s.config((leader+1)%3, false)) // its connection lives on, if any does
			first.Close()
			writers := make([]*writer, 50)
			for i := range writers {
				writers[i] = &writer{room: room(fmt.Sprint("room", i))}
			}
			var done, rounds atomic.Int64
			ctx := within(t)
			var all sync.WaitGroup
			for _, w := range writers {
				all.Go(func() {
					for stopAt := int64(-1); stopAt < 0 || int64(len(w.stored)) < stopAt; {
						if !assert.NoError(t, w.append(ctx, e, 1)) {
							return
						}
						rounds.Add(1)
						if stopAt < 0 && done.Load() == 1 {
							stopAt = int64(len(w.stored)) + 3 // three more after the fault
						}
					}
				})
			}
			reach(t, func() bool { return rounds.Load() > 500 })
			at := time.Now()
			stop(s, leader)
			done.Store(1)
			if name == "all at once" {
				for i := range 3 {
					s.run(i)
				}
			}
			all.Wait()
			t.Logf("all wrote again after %v", time.Since(at).Round(time.Millisecond))
			for _, w := range writers {
				assert.Equal(t, w.stored, logOf(t, e, w.room))
			}
			// It comes back, and each server has the same.
			s.stall(leader, false)
			s.cut(leader, false)
			if s.running[leader] == nil {
				s.run(leader)
			}
			for i := range 3 {
				there := s.open(s.config(i, true))
				for _, w := range writers { // who was cut off may not know all yet
					reach(t, func() bool { return slices.Equal(w.stored, logOf(t, there, w.room)) })
				}
				there.Close()
			}
			t.Logf("each server has the same after %v", time.Since(at).Round(time.Millisecond))
		})
	}
}

// stall lets nothing pass between a server and the others, and tells nobody.
func (s *servers) stall(i int, on bool) {
	for j := range s.routes {
		s.routes[i][j].stalled.Store(on)
		s.routes[j][i].stalled.Store(on)
	}
}

// reach waits until something is so.
func reach(t testing.TB, so func() bool) {
	for ctx := within(t); !so(); time.Sleep(5 * time.Millisecond) {
		require.NoError(t, ctx.Err())
	}
}

// An owner whose server is cut off with the lead of the stream cannot write; another one takes its
// room. When the server is back, the first one's writes are refused and left no trace. While its
// writes wait, they are no conflict (error 10164).
func TestOwnerInTheMinority(t *testing.T) {
	t.Parallel()
	s := start(t, 3, nil)
	s.open(s.config(0, false)).Close()
	var engines []*nats.Engine
	for i := range 3 {
		engines = append(engines, s.open(s.config(i, true)))
	}
	ctx := within(t)
	taken, kept := room("taken"), room("kept")
	w := &writer{room: taken}
	for range 3 {
		require.NoError(t, w.append(ctx, engines[0], 1))
	}
	k := &writer{room: kept}
	require.NoError(t, k.append(ctx, engines[0], 1))

	// Nobody else writes to this room. A first write is given up, and stays in process. Where that is not
	// so, another server has the lead by now, or the write was not even sent.
	leader := -1
	for wait := 300 * time.Millisecond; leader < 0; wait *= 2 {
		require.NoError(t, ctx.Err())
		at := s.leader("MUC_LOG_1")
		s.cut(at, true)
		short, cancel := context.WithTimeout(ctx, wait)
		_, err := engines[at].Append(short, message(kept, 1, cluster.Step, "given up"), k.last)
		cancel()
		if errors.Is(err, cluster.ErrUnknown) {
			leader = at
			break
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		s.cut(at, false)
	}
	zombie, heir := engines[leader], engines[(leader+1)%3]
	results := make(chan error, 2)
	go func() {
		_, err := zombie.Append(ctx, message(taken, 1, cluster.Step, "zombie"), w.last)
		results <- err
	}()
	go func() { // which is told at once that there is another one, and is no conflict: it is stored later
		results <- k.append(ctx, zombie, 1)
	}()
	reach(t, func() bool { return s.leaderBut(leader) >= 0 })
	last, err := heir.Last(ctx, taken)
	require.NoError(t, err)
	claim, err := heir.Append(ctx, message(taken, 2, cluster.Claim, ""), last.Pos)
	require.NoError(t, err)
	select {
	case err := <-results:
		t.Fatalf("decided while cut off: %v", err)
	case <-time.After(2500 * time.Millisecond):
	}
	s.cut(leader, false)
	conflicts := 0
	for range 2 {
		if err := <-results; err != nil {
			require.ErrorIs(t, err, cluster.ErrConflict)
			conflicts++
		}
	}
	assert.Equal(t, 1, conflicts)
	for _, e := range []*nats.Engine{zombie, heir} {
		assert.Equal(t, append(slices.Clone(w.stored), ""), logOf(t, e, taken))
		assert.Equal(t, []string{"body 0", "body 1"}, logOf(t, e, kept))
		last, err := e.Last(ctx, taken)
		require.NoError(t, err)
		assert.Equal(t, claim, last.Pos)
		assert.Equal(t, cluster.Epoch(2), last.Epoch)
	}
	// It knows the claim now, and that its own epoch is lower; who writes after what it saw is refused.
	_, err = zombie.Append(ctx, message(taken, 1, cluster.Step, "late"), w.last)
	assert.ErrorIs(t, err, cluster.ErrConflict)
}

// leaderBut is the server that leads the log as the others than one know it, or -1.
func (s *servers) leaderBut(but int) int {
	name := s.leaderFrom((but+1)%3, "MUC_LOG_1")
	at := slices.Index(s.names(), name)
	if at == but {
		return -1
	}
	return at
}

// A copy that lags or does not answer never makes a shorter log: who reads waits or asks others.
func TestReadsReachWhatWasNamed(t *testing.T) {
	t.Parallel()
	s := start(t, 3, nil)
	s.open(s.config(0, false)).Close()
	leader := s.leader("MUC_LOG_1")
	lagging := (leader + 1) % 3
	e, behind := s.open(s.config(leader, true)), s.open(s.config(lagging, true))
	ctx := within(t)
	w := &writer{room: room("lobby")}
	for range 5 {
		require.NoError(t, w.append(ctx, e, 1))
	}
	require.Equal(t, w.stored, logOf(t, behind, w.room))
	epoch, err := e.CompareAndSet(ctx, 3, 0, "a", "life")
	require.NoError(t, err)
	rev, err := e.SetMark(ctx, 3, 0, 10)
	require.NoError(t, err)
	for _, stream := range []string{"MUC_LOG_1", "MUC_META"} {
		s.awaitOwnCopy(lagging, stream)
	}
	_, _, err = behind.Mark(ctx, 3) // it has got there
	require.NoError(t, err)
	require.Equal(t, w.stored, logOf(t, behind, w.room))

	s.stall(lagging, true) // it is asked still, and does not answer
	for range 5 {
		require.NoError(t, w.append(ctx, e, 1))
	}
	for range 20 {
		require.Equal(t, w.stored, logOf(t, e, w.room))
		for r, err := range e.Since(ctx, cluster.ShardOf(w.room), w.last-1) {
			require.NoError(t, err)
			require.Equal(t, w.room, r)
		}
	}
	_, err = e.CompareAndSet(ctx, 3, epoch, "b", "life")
	require.NoError(t, err)
	_, err = e.SetMark(ctx, 3, rev, 20)
	require.NoError(t, err)
	// Who asks the copy that lags gets nothing, and never less than was asked for.
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for m, err := range behind.Read(short, w.room, w.last) {
		require.Error(t, err, m)
	}
	for name, ask := range map[string]func(context.Context) error{
		"Get":     func(ctx context.Context) error { _, err := behind.Get(ctx, 3); return err },
		"Mark":    func(ctx context.Context) error { _, _, err := behind.Mark(ctx, 3); return err },
		"Since":   func(ctx context.Context) error { return drain(behind.Since(ctx, cluster.ShardOf(w.room), 0)) },
		"Entries": func(ctx context.Context) error { return drain(behind.Entries(ctx, 3)) },
	} {
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		assert.Error(t, ask(short), name)
		cancel()
	}
	s.stall(lagging, false)
	n := 0
	for _, err := range behind.Read(ctx, w.room, w.last) {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, len(w.stored), n)
}

// Servers that start one after the other have no leader at first: requests get no answer, or an
// error, and are tried again.
func TestOpenBeforeThereIsALeader(t *testing.T) {
	t.Parallel()
	s := start(t, 3, nil)
	s.kill(1)
	s.kill(2)
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := nats.Open(short, s.config(0, false))
	require.Error(t, err)
	opened := make(chan error, 1)
	go func() {
		e, err := nats.Open(within(t), s.config(0, false))
		if err == nil {
			e.Close()
		}
		opened <- err
	}()
	s.run(1)
	s.run(2)
	require.NoError(t, <-opened)
}

// awaitOwnCopy waits until a server, which does not lead a stream then, answers from its own copy: when it is alone
// it does, or nobody.
func (s *servers) awaitOwnCopy(i int, stream string) {
	c, try := s.admin(i), readTry
	reach(s.t, func() bool {
		s.cut(i, true)
		_, err := c.Request("$JS.API.DIRECT.GET."+stream, []byte(`{"seq":1}`), try)
		s.cut(i, false)
		if err != nil {
			time.Sleep(2 * try)         // it has to find the others again, and what it missed
			try = min(2*try, 8*readTry) // it may be the machine that is slow
		}
		return err == nil
	})
	reach(s.t, func() bool { // it may have been elected when it was back
		if s.leader(stream) != i {
			return true
		}
		_, _ = c.Request("$JS.API.STREAM.LEADER.STEPDOWN."+stream, nil, try)
		return false
	})
}

const readTry = 500 * time.Millisecond

func drain[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

// A leader that was cut off knows less than was stored since. What it refuses is no conflict.
func TestRefusedByAnOldLeader(t *testing.T) {
	t.Parallel()
	s := start(t, 3, nil)
	s.open(s.config(0, false)).Close()
	old := s.leader("MUC_LOG_1")
	w := &writer{room: room("lobby")}
	ctx := within(t)
	e := s.open(s.config((old+1)%3, false)) // then old+2, then old
	require.NoError(t, w.append(ctx, e, 1))
	s.cut(old, true)
	require.NoError(t, w.append(ctx, e, 1)) // with the next leader
	for i := range 3 {
		s.clients[i].cut(i != old) // only the old one can be reached
	}
	result := make(chan error, 1)
	go func() { result <- w.append(ctx, e, 1) }()
	select {
	case err := <-result:
		t.Fatalf("decided while cut off: %v", err)
	case <-time.After(2500 * time.Millisecond):
	}
	s.cut(old, false)
	require.NoError(t, <-result)
	require.Equal(t, w.stored, logOf(t, e, w.room))
}
