package nats_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/cluster/enginetest"
	"github.com/gomuc/muc/cluster/nats"
	"github.com/gomuc/muc/cluster/nats/embedded"
	"github.com/gomuc/muc/service"
)

// shared are servers with streams of one test.
type shared struct {
	*servers
	prefix string
	nodes  atomic.Int64
}

// Connect connects another node, each to another server.
func (s *shared) Connect(t *testing.T) enginetest.Engine {
	c := s.config(int(s.nodes.Add(1))%len(s.clients), false)
	c.Prefix = s.prefix
	e, err := nats.Open(within(t), c)
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return enginetest.Engine{Log: e, Owners: e, Bus: e}
}

func TestEngine(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint("R", n), func(t *testing.T) {
			t.Parallel()
			all := start(t, n, nil)
			enginetest.Run(t, func(t *testing.T) enginetest.Cluster {
				return &shared{servers: all, prefix: fmt.Sprint("test", counter.Add(1))}
			})
		})
	}
}

// The rooms of several streams.
func TestStreams(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	c := s.config(0, true)
	c.Streams = 4
	e := s.open(c)
	ctx := within(t)
	for i := range 50 {
		r := room(fmt.Sprint("room", i))
		_, err := e.Append(ctx, message(r, 1, cluster.Step, "hello"), 0)
		require.NoError(t, err)
		require.Equal(t, []string{"hello"}, logOf(t, e, r))
		rooms := 0
		for _, err := range e.Since(ctx, cluster.ShardOf(r), 0) {
			require.NoError(t, err)
			rooms++
		}
		require.NotZero(t, rooms)
	}
	for k := range 4 {
		assert.NotZero(t, s.messages(fmt.Sprint("MUC_LOG_", k+1)))
	}
	c.Streams = 2
	_, err := nats.Open(ctx, c)
	assert.ErrorIs(t, err, nats.ErrConfig)
}

// messages is how many messages a stream has.
func (s *servers) messages(stream string) int {
	reply, err := s.admin(0).Request("$JS.API.STREAM.INFO."+stream, nil, patience)
	require.NoError(s.t, err)
	var info struct {
		State struct {
			Messages int `json:"messages"`
		} `json:"state"`
	}
	require.NoError(s.t, json.Unmarshal(reply.Data, &info))
	return info.State.Messages
}

// Lists and logs that are longer than a page come whole.
func TestPages(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	e := s.open(s.config(0, true))
	ctx := within(t)
	w := &writer{room: room("long")}
	for i := range 20 { // 5 MiB
		body := fmt.Sprint(i, strings.Repeat("x", 256<<10))
		pos, err := e.Append(ctx, message(w.room, 1, cluster.Step, body), w.last)
		require.NoError(t, err)
		w.last, w.stored = pos, append(w.stored, body)
	}
	require.Equal(t, w.stored, logOf(t, e, w.room))
	shard := cluster.ShardOf(w.room)
	var listed []muc.JID
	for i := 0; len(listed) < 1100; i++ {
		if r := room(fmt.Sprint("room", i)); cluster.ShardOf(r) == shard {
			listed = append(listed, r)
		}
	}
	var all sync.WaitGroup
	for part := range slices.Chunk(listed, 20) {
		all.Go(func() {
			for _, r := range part {
				assert.NoError(t, e.PutEntry(ctx, shard, cluster.Entry{Entry: service.Entry{Room: r}, At: 1}))
			}
		})
	}
	all.Wait()
	found := map[muc.JID]bool{}
	for entry, err := range e.Entries(ctx, shard) {
		require.NoError(t, err)
		found[entry.Room] = true
	}
	assert.Len(t, found, len(listed))
}

// A room that is gone, and its entry, are forgotten after a day.
func TestGoneIsForgotten(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	e := s.open(s.config(0, true))
	ctx, r := within(t), room("lobby")
	shard := cluster.ShardOf(r)
	_, err := e.Append(ctx, message(r, 1, cluster.Gone, ""), 0)
	require.NoError(t, err)
	require.NoError(t, e.PutEntry(ctx, shard, cluster.Entry{Entry: service.Entry{Room: r}, At: 1, Gone: true}))
	for _, stream := range []string{"MUC_LOG_1", "MUC_DIR"} {
		reply, err := s.admin(0).Request("$JS.API.STREAM.MSG.GET."+stream, []byte(`{"seq":1,"next_by_subj":">"}`), patience)
		require.NoError(t, err)
		var got struct {
			Message struct {
				Header []byte `json:"hdrs"`
			} `json:"message"`
		}
		require.NoError(t, json.Unmarshal(reply.Data, &got))
		assert.Contains(t, string(got.Message.Header), "Nats-TTL: 24h")
	}
	// What came before a room that was forgotten is no reason to wait.
	_, err = s.admin(0).Request("$JS.API.STREAM.PURGE.MUC_LOG_1", nil, patience)
	require.NoError(t, err)
	_, err = e.Append(ctx, message(r, 1, cluster.Step, "late"), 1)
	assert.ErrorIs(t, err, cluster.ErrConflict)
}

// Bodies that are too large for a message come whole, their pieces go with them, and what is beyond
// the bound leaves nothing.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint("R", n), func(t *testing.T) {
			t.Parallel()
			s := start(t, n, nil)
			c := s.config(0, true)
			c.BodyBytes = 5 << 20
			e := s.open(c)
			ctx, r := within(t), room("crowd")
			large := func(size int) string {
				sum := sha256.Sum256([]byte{byte(size)})
				return strings.Repeat(fmt.Sprintf("%x", sum), size/64)
			}
			want := []string{large(512 << 10), large(3 << 20), "small", large(5 << 20)}
			var last cluster.Pos
			var err error
			// Lost acknowledgements make pieces that are there twice.
			isAck := acknowledgement("MUC_LOG_1")
			var acks atomic.Int64
			s.clients[0].dropping(func(payload []byte) bool { return isAck(payload) && acks.Add(1) == 4 })
			for i, body := range want {
				kind := cluster.Step
				if i == 0 {
					kind = cluster.Snapshot
				}
				last, err = e.Append(ctx, message(r, 1, kind, body), last)
				require.NoError(t, err)
			}
			require.Equal(t, want, logOf(t, s.open(c), r))
			stored := s.messages("MUC_LOG_1")
			_, err = e.Append(ctx, message(r, 1, cluster.Step, large(5<<20)+"x"), last)
			require.ErrorIs(t, err, cluster.ErrTooLarge)
			assert.Equal(t, stored, s.messages("MUC_LOG_1"))

			// Another snapshot with pieces, then one without.
			heir := s.open(c)
			for _, body := range []string{large(2 << 20), "tiny"} {
				pieces := (len(body) - 1) >> 19
				if pieces > 0 {
					pieces++
				}
				// A piece that took longer than one try is there twice; the next snapshot takes both away.
				reach(t, func() bool {
					last, err = heir.Append(ctx, message(r, 1, cluster.Snapshot, body), last)
					require.NoError(t, err)
					require.Equal(t, []string{body}, logOf(t, heir, r))
					return s.messages("MUC_LOG_1") == 1+pieces
				})
			}
			// Who has lost the room leaves pieces at most, and harms nobody's.
			last, err = heir.Append(ctx, message(r, 2, cluster.Snapshot, large(2<<20)), last)
			require.NoError(t, err)
			reach(t, func() bool { // where a first answer takes too long, nobody knows after a snapshot
				_, err = e.Append(ctx, message(r, 1, cluster.Snapshot, large(4<<20)), last-1)
				return !errors.Is(err, cluster.ErrUnknown)
			})
			require.ErrorIs(t, err, cluster.ErrConflict)
			require.Equal(t, []string{large(2 << 20)}, logOf(t, heir, r))
			// Who was handed the room, and has not read it, leaves none of those that were there.
			unread := s.open(c)
			reach(t, func() bool {
				last, err = unread.Append(ctx, message(r, 3, cluster.Snapshot, "tiny"), last)
				require.NoError(t, err)
				return s.messages("MUC_LOG_1") == 1
			})
		})
	}
}

// A log in which something is missing is never taken for a shorter one.
func TestDamage(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	e := s.open(s.config(0, true))
	ctx := within(t)
	do := func(subject, request string) {
		reply, err := s.admin(0).Request(subject, []byte(request), patience)
		require.NoError(t, err)
		require.Contains(t, string(reply.Data), `"success":true`)
	}
	w := &writer{room: room("lobby")}
	for range 3 {
		require.NoError(t, w.append(ctx, e, 1))
	}
	do("$JS.API.STREAM.MSG.DELETE.MUC_LOG_1", `{"seq":2}`)
	damaged := func(r muc.JID, upTo cluster.Pos) {
		n := 0
		for _, err := range e.Read(ctx, r, upTo) {
			if errors.Is(err, nats.ErrDamaged) {
				return
			}
			require.NoError(t, err)
			n++
		}
		t.Fatalf("%d messages of %s and no error", n, r)
	}
	damaged(w.room, w.last)

	// inPieces stores a body of four pieces in a new room, none of which is there twice, as one is that
	// took longer than a try.
	inPieces := func() (muc.JID, cluster.Pos) {
		for {
			before, r := s.messages("MUC_LOG_1"), room(unique())
			pos, err := e.Append(ctx, message(r, 1, cluster.Snapshot, strings.Repeat("x", 2<<20)), 0)
			require.NoError(t, err)
			if s.messages("MUC_LOG_1") == before+5 {
				return r, pos
			}
		}
	}
	crowd, pos := inPieces()
	do("$JS.API.STREAM.MSG.DELETE.MUC_LOG_1", fmt.Sprintf(`{"seq":%d}`, pos-2))
	damaged(crowd, pos)
	forged, real := inPieces() // a piece is another
	s.forge(real)
	damaged(forged, real+2)
	do("$JS.API.STREAM.PURGE.MUC_LOG_1", `{"filter":"muc.part.>"}`)
	damaged(crowd, pos)
	// And so are contents that are not ours.
	c := s.admin(0)
	_, err := c.Request(fmt.Sprintf("muc.log.%d.bm90LW91cnM", cluster.ShardOf(room("not-ours"))), []byte("not ours"), patience)
	require.NoError(t, err)
	_, err = e.Last(ctx, room("not-ours"))
	assert.ErrorIs(t, err, nats.ErrDamaged)
	_, err = c.Request("muc.log.4.!", []byte("no room"), patience)
	require.NoError(t, err)
	beside := roomIn(4) // which such a message does not hide
	_, err = e.Append(ctx, message(beside, 1, cluster.Step, "x"), 0)
	require.NoError(t, err)
	var rooms []muc.JID
	var wrong []error
	for r, err := range e.Since(ctx, 4, 0) {
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		rooms = append(rooms, r)
	}
	assert.Contains(t, rooms, beside)
	require.Len(t, wrong, 1)
	assert.ErrorIs(t, wrong[0], nats.ErrDamaged)
	assert.ErrorIs(t, wrong[0], muc.ErrCorrupt)
	_, err = c.Request("muc.own.5", []byte("nobody"), patience)
	require.NoError(t, err)
	_, err = e.Get(ctx, 5)
	assert.ErrorIs(t, err, nats.ErrDamaged)
	_, err = c.Request("muc.mark.5", []byte("-1"), patience)
	require.NoError(t, err)
	_, _, err = e.Mark(ctx, 5)
	assert.ErrorIs(t, err, nats.ErrDamaged)
	_, err = c.Request("muc.dir.5.eHh4", []byte("{"), patience)
	require.NoError(t, err)
	// A line that cannot be read is told of, and hides no other.
	var lines []muc.JID
	var unread []error
	other := roomIn(5)
	require.NoError(t, e.PutEntry(ctx, 5, cluster.Entry{At: 1, Entry: service.Entry{Room: other}}))
	for entry, err := range e.Entries(ctx, 5) {
		if err != nil {
			unread = append(unread, err)
			continue
		}
		lines = append(lines, entry.Room)
	}
	assert.Equal(t, []muc.JID{other}, lines)
	require.Len(t, unread, 1)
	assert.ErrorIs(t, unread[0], nats.ErrDamaged)
	assert.ErrorIs(t, unread[0], muc.ErrCorrupt, "by which a node knows that it must leave it alone")
}

// forge stores the last piece of a message again, with other contents, and the message after it.
func (s *servers) forge(pos cluster.Pos) {
	c := s.admin(0)
	get := func(seq cluster.Pos) *natsgo.Msg {
		reply, err := c.Request("$JS.API.DIRECT.GET.MUC_LOG_1", fmt.Appendf(nil, `{"seq":%d}`, seq), patience)
		require.NoError(s.t, err)
		m := natsgo.NewMsg(reply.Header.Get("Nats-Subject"))
		for _, h := range []string{"Muc-Id", "Muc-Epoch", "Muc-Kind", "Muc-Parts", "Muc-Piece", "Nats-Rollup"} {
			if reply.Header.Get(h) != "" {
				m.Header.Set(h, reply.Header.Get(h))
			}
		}
		m.Data = reply.Data
		return m
	}
	piece, whole := get(pos-1), get(pos)
	piece.Data[0]++
	_, err := c.Request("$JS.API.STREAM.MSG.DELETE.MUC_LOG_1", fmt.Appendf(nil, `{"seq":%d}`, pos-1), patience)
	require.NoError(s.t, err)
	for _, m := range []*natsgo.Msg{piece, whole} {
		_, err := c.RequestMsg(m, patience)
		require.NoError(s.t, err)
	}
}

// Where there is no place any more what was stored stays and can be read, nothing is half done, and
// it goes on when there is.
func TestFull(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint("R", n), func(t *testing.T) {
			t.Parallel()
			s := start(t, n, nil)
			c := s.config(0, false)
			c.StoreBytes = 32 << 20
			e := s.open(c)
			w := &writer{room: room("lobby")}
			fill(t, e, w)
			var refused atomic.Int64 // the first answer to the first of its pieces is lost
			for _, c := range s.clients {
				c.dropping(func(payload []byte) bool { return bytes.Contains(payload, []byte(`"err_code"`)) && refused.Add(1) == 1 })
			}
			_, err := e.Append(within(t), message(w.room, 1, cluster.Snapshot, strings.Repeat("x", 4<<20)), w.last)
			require.ErrorIs(t, err, nats.ErrFull)
			assert.Greater(t, refused.Load(), int64(1))
			assert.Equal(t, w.stored, logOf(t, e, w.room))
			s.change("MUC_LOG_1", "max_bytes", -1)
			s.open(c) // that is the operator's
			require.NoError(t, w.append(within(t), e, 1))
			assert.Equal(t, w.stored, logOf(t, e, w.room))
		})
	}
	t.Run("servers", func(t *testing.T) {
		t.Parallel()
		s := start(t, 1, func(c *embedded.Config) { c.StoreBytes = 8 << 20 })
		c := s.config(0, true)
		_, err := nats.Open(within(t), c) // a server with less than the streams may need is none
		require.ErrorIs(t, err, nats.ErrConfig)
		s.kill(0)
		s.configs[0].StoreBytes = 1 << 40
		s.run(0)
		e := s.open(c)
		s.kill(0) // it comes back with less than there is
		s.configs[0].StoreBytes = 1 << 20
		s.run(0)
		w := &writer{room: room("lobby")}
		fill(t, e, w)
		assert.Equal(t, w.stored, logOf(t, e, w.room))
	})
}

// A log that was restored goes on with owners and marks that are made anew, and epochs after those of before.
func TestRestored(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	c := s.config(0, true)
	e := s.open(c)
	ctx, r := within(t), room("lobby")
	epoch, err := e.CompareAndSet(ctx, 3, 0, "a", "life")
	require.NoError(t, err)
	last, err := e.Append(ctx, message(r, int(epoch), cluster.Step, "before"), 0)
	require.NoError(t, err)
	_, err = s.admin(0).Request("$JS.API.STREAM.DELETE.MUC_META", nil, patience)
	require.NoError(t, err)
	c.FirstEpoch = cluster.Epoch(time.Now().UnixMilli())
	e = s.open(c)
	owner, err := e.Get(ctx, 3)
	require.NoError(t, err)
	assert.Zero(t, owner)
	_, err = e.CompareAndSet(ctx, 3, epoch, "a", "life") // of before
	require.ErrorIs(t, err, cluster.ErrConflict)
	again, err := e.CompareAndSet(ctx, 3, 0, "a", "life")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, again, c.FirstEpoch)
	_, err = e.Append(ctx, message(r, int(again), cluster.Step, "after"), last)
	require.NoError(t, err)
	c.FirstEpoch = 0
	s.open(c)
}

// fill appends until it is refused.
func fill(t *testing.T, e *nats.Engine, w *writer) {
	for ctx := within(t); ; {
		body := fmt.Sprint(len(w.stored), strings.Repeat(" many words", 20_000))
		try, cancel := context.WithTimeout(ctx, 20*time.Second)
		pos, err := e.Append(try, message(w.room, 1, cluster.Step, body), w.last)
		cancel()
		if errors.Is(err, cluster.ErrUnknown) { // a first answer took too long, and then there was no place
			last, err := e.Last(ctx, w.room)
			require.NoError(t, err)
			if pos = last.Pos; pos == w.last {
				continue
			}
		} else if err != nil {
			require.ErrorIs(t, err, nats.ErrFull)
			return
		}
		w.last, w.stored = pos, append(w.stored, body)
	}
}

// change changes a field of a stream's configuration.
func (s *servers) change(stream, field string, value any) {
	c := s.admin(0)
	reply, err := c.Request("$JS.API.STREAM.INFO."+stream, nil, patience)
	require.NoError(s.t, err)
	var info struct {
		Config map[string]any `json:"config"`
	}
	require.NoError(s.t, json.Unmarshal(reply.Data, &info))
	info.Config[field] = value
	request, err := json.Marshal(info.Config)
	require.NoError(s.t, err)
	reply, err = c.Request("$JS.API.STREAM.UPDATE."+stream, request, patience)
	require.NoError(s.t, err)
	require.NotContains(s.t, string(reply.Data), `"error"`)
}

// Streams that are not as they must be are left alone.
func TestStreamsThatDoNotFit(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	good := s.config(0, true)
	s.open(good)
	for field, values := range map[string][2]any{
		"discard": {"old", "new"}, "max_age": {int64(time.Hour), 0}, "max_msgs_per_subject": {5, -1},
		"allow_rollup_hdrs": {false, true}, "allow_direct": {false, true}, "no_ack": {true, false},
	} {
		s.change("MUC_LOG_1", field, values[0])
		_, err := nats.Open(within(t), good)
		assert.ErrorIs(t, err, nats.ErrConfig, field)
		s.change("MUC_LOG_1", field, values[1])
	}
	s.open(good)
	other := good
	other.Domain = "other.example"
	_, err := nats.Open(within(t), other)
	assert.ErrorIs(t, err, nats.ErrConfig)
	other.Prefix = "other" // beside it
	s.open(other)
	three := good
	three.Replicas, three.Prefix, three.SyncUnchecked = 3, "three", true
	_, err = nats.Open(within(t), three)
	assert.ErrorContains(t, err, "replicas > 1 not supported")
}

func TestConfig(t *testing.T) {
	good := nats.Config{Domain: domain, SyncUnchecked: true}
	for name, change := range map[string]func(*nats.Config){
		"no domain":           func(c *nats.Config) { c.Domain = "" },
		"a room for a domain": func(c *nats.Config) { c.Domain = "a@chat.example" },
		"a prefix with a dot": func(c *nats.Config) { c.Prefix = "a.b" },
		"a star":              func(c *nats.Config) { c.Prefix = "*" },
		"two copies":          func(c *nats.Config) { c.Replicas = 2 },
		"negative copies":     func(c *nats.Config) { c.Replicas = -1 },
		"three streams":       func(c *nats.Config) { c.Streams = 3 },
		"many streams":        func(c *nats.Config) { c.Streams = 32 },
		"no store":            func(c *nats.Config) { c.StoreBytes = 1 << 20 },
		"negative store":      func(c *nats.Config) { c.StoreBytes = -1 },
		"negative bodies":     func(c *nats.Config) { c.BodyBytes = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			_, err := nats.Open(t.Context(), c)
			assert.ErrorIs(t, err, nats.ErrConfig)
		})
	}
}

// What is no room or shard of ours is refused.
func TestForeign(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	e := s.open(s.config(0, true))
	ctx := within(t)
	for _, a := range []string{"lobby@other.example", "chat.example", "lobby@chat.example/nick"} {
		r := muc.MustParseJID(a)
		_, err := e.Last(ctx, r)
		assert.ErrorIs(t, err, nats.ErrConfig)
		_, err = e.Append(ctx, message(r, 1, cluster.Step, ""), 0)
		assert.ErrorIs(t, err, nats.ErrConfig)
		for _, err := range e.Read(ctx, r, 1) {
			assert.ErrorIs(t, err, nats.ErrConfig)
		}
		assert.ErrorIs(t, e.PutEntry(ctx, cluster.ShardOf(r), cluster.Entry{Entry: service.Entry{Room: r}}), nats.ErrConfig)
	}
	r := room("lobby")
	assert.ErrorIs(t, e.PutEntry(ctx, cluster.ShardOf(r)+1, cluster.Entry{Entry: service.Entry{Room: r}}), nats.ErrConfig)
	for _, shard := range []int{-1, cluster.Shards} {
		_, err := e.Get(ctx, shard)
		assert.ErrorIs(t, err, nats.ErrConfig)
		_, err = e.CompareAndSet(ctx, shard, 0, "a", "b")
		assert.ErrorIs(t, err, nats.ErrConfig)
		_, _, err = e.Mark(ctx, shard)
		assert.ErrorIs(t, err, nats.ErrConfig)
		_, err = e.SetMark(ctx, shard, 0, 1)
		assert.ErrorIs(t, err, nats.ErrConfig)
		for _, err := range e.Since(ctx, shard, 0) {
			assert.ErrorIs(t, err, nats.ErrConfig)
		}
		for _, err := range e.Entries(ctx, shard) {
			assert.ErrorIs(t, err, nats.ErrConfig)
		}
	}
	assert.ErrorIs(t, e.Publish("in.*", nil), nats.ErrConfig)
	assert.ErrorIs(t, e.Publish("a b", nil), nats.ErrConfig)
	_, err := e.Subscribe(">", func([]byte) {})
	assert.ErrorIs(t, err, nats.ErrConfig)
	assert.ErrorIs(t, e.Publish("all", make([]byte, 5<<20)), cluster.ErrTooLarge)
}

// A server that does not write to the disk before it says that something is stored is refused, and
// so is not knowing it.
func TestSync(t *testing.T) {
	t.Parallel()
	c, lazy := lazyServer(t, "")
	_, err := nats.Open(within(t), c)
	require.ErrorIs(t, err, nats.ErrSync)
	c.System = nil
	_, err = nats.Open(within(t), c)
	require.ErrorIs(t, err, nats.ErrSync)
	c.SyncUnchecked = true
	e, err := nats.Open(within(t), c)
	require.NoError(t, err)
	assert.ErrorIs(t, e.CheckSync(within(t)), nats.ErrSync)
	e.Close()
	lazy.Shutdown()
	c, _ = lazyServer(t, "max_payload: 512KB\n")
	c.SyncUnchecked = true
	_, err = nats.Open(within(t), c)
	assert.ErrorIs(t, err, nats.ErrConfig)

	good := start(t, 1, nil)
	require.NoError(t, good.open(good.config(0, true)).CheckSync(within(t)))
	// Copies on more servers than answer are waited for.
	c = good.config(0, true)
	c.Replicas = 3
	wait := time.Second
	reach(t, func() bool { // on a busy machine none may answer in time
		short, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		wait *= 2
		_, err = nats.Open(short, c)
		require.Error(t, err)
		return strings.Contains(err.Error(), "1 servers with JetStream answer, 3 copies are wanted")
	})
}

// lazyServer is one with JetStream's own settings, and some more.
func lazyServer(t *testing.T, more string) (nats.Config, *server.Server) {
	options := &server.Options{NoSigs: true, NoLog: true, Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(),
		JetStreamMaxStore: 1 << 40} // where they would take three quarters of what is free on the disk
	require.NoError(t, options.ProcessConfigString(more+`accounts { A { jetstream: enabled, users: [{user: muc, password: pw}] }
		S { users: [{user: system, password: pw}] } }
		system_account: S`))
	lazy, err := server.NewServer(options)
	require.NoError(t, err)
	lazy.Start()
	t.Cleanup(func() { lazy.Shutdown(); lazy.WaitForShutdown() })
	require.True(t, lazy.ReadyForConnections(patience))
	return nats.Config{URL: lazy.ClientURL(), Options: []natsgo.Option{natsgo.UserInfo("muc", "pw")},
		System: []natsgo.Option{natsgo.UserInfo("system", "pw")}, Domain: domain, Replicas: 1, Log: slog.New(slog.DiscardHandler)}, lazy
}

// What cannot be sent now is not sent later.
func TestBusIsCutOff(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	e, other := s.open(s.config(0, true)), s.open(nats.Config{URL: s.running[0].Addr().String(), Domain: domain, Replicas: 1,
		SyncUnchecked: true, Options: []natsgo.Option{natsgo.UserInfo("muc", "client-secret")}})
	heard := make(chan string, 100)
	stop, err := other.Subscribe("beat", func(data []byte) { heard <- string(data) })
	require.NoError(t, err)
	defer stop()
	require.NoError(t, e.Publish("beat", []byte("before")))
	require.Equal(t, "before", <-heard)
	s.clients[0].cut(true)
	reach(t, func() bool { return e.Publish("beat", []byte("cut off")) != nil })
	for len(heard) > 0 {
		<-heard
	}
	s.clients[0].cut(false)
	reach(t, func() bool { return e.Publish("beat", []byte("again")) == nil })
	select {
	case text := <-heard:
		assert.Equal(t, "again", text)
	case <-time.After(patience):
		t.Fatal("nothing is heard")
	}
}

// Closed is closed.
func TestClose(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	e := s.open(s.config(0, true))
	e.Close()
	ctx, r := within(t), room("lobby")
	_, err := e.Append(ctx, message(r, 1, cluster.Step, ""), 0)
	require.Error(t, err)
	_, err = e.Last(ctx, r)
	require.Error(t, err)
	for _, err := range e.Read(ctx, r, 1) {
		require.Error(t, err)
	}
	_, err = e.Get(ctx, 1)
	require.Error(t, err)
	require.Error(t, e.Publish("beat", nil))
	require.NoError(t, ctx.Err(), "it was waited for")
}

// roomIn is a room of a shard.
func roomIn(shard int) muc.JID {
	for i := 0; ; i++ {
		if r := room(fmt.Sprint("room", i)); cluster.ShardOf(r) == shard {
			return r
		}
	}
}

// Where copies do not answer, the leader is asked, message by message; but not for all that is left, once
// copies answer again.
func TestCopiesAreAskedAgain(t *testing.T) {
	t.Parallel()
	s := start(t, 1, nil)
	e := s.open(s.config(0, true))
	ctx := within(t)
	const lines = 1300
	var all sync.WaitGroup
	for part := range 20 {
		all.Go(func() {
			for i := part; i < lines; i += 20 {
				r := room(fmt.Sprint("room", i))
				assert.NoError(t, e.PutEntry(ctx, cluster.ShardOf(r), cluster.Entry{Entry: service.Entry{Room: r}, At: 1}))
			}
		})
	}
	all.Wait()
	var led atomic.Int64
	c := s.admin(0)
	sub, err := c.Subscribe("$JS.API.STREAM.MSG.GET.MUC_DIR", func(*natsgo.Msg) { led.Add(1); s.clients[0].dropping(nil) })
	require.NoError(t, err)
	require.NoError(t, sub.SetPendingLimits(-1, -1))
	require.NoError(t, c.Flush())
	s.clients[0].dropping(func(payload []byte) bool { return bytes.Contains(payload, []byte("Nats-Stream: MUC_DIR")) }) // what a copy answers
	n := 0
	for _, err := range e.AllEntries(ctx) {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, lines, n)
	assert.Positive(t, led.Load())
	assert.Less(t, led.Load(), int64(lines/2))
}
