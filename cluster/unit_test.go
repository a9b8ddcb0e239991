package cluster

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/service"
)

var cellar = muc.MustParseJID("cellar@chat.example")

// bare is a node that does nothing by itself and has the shard of the cellar.
func bare(t *testing.T) *Node {
	t.Helper()
	n := &Node{heard: time.Now()}
	n.cfg.Observer, n.cfg.Service.Now = Observer{}.complete(), time.Now
	n.cfg.Limits.Rooms = 10
	n.ctx, n.stop = context.WithCancel(t.Context())
	t.Cleanup(n.stop)
	n.store = newStore(n)
	n.intake.n = n
	n.store.open(newShard(ShardOf(cellar), 7, 100, 100, 1, nil))
	n.owned[ShardOf(cellar)].Store(true)
	return n
}

// The mark passes nothing that is stored and not delivered, being stored, or another's that may not
// have been delivered.
func TestMarkStops(t *testing.T) {
	n := bare(t)
	sh := n.store.shards[ShardOf(cellar)]
	sh.top = 110
	assert.EqualValues(t, 110, sh.upTo())
	sh.open[108] = &openStep{left: 1}
	assert.EqualValues(t, 107, sh.upTo())
	r := &logRoom{}
	sh.writing[r] = 105
	assert.EqualValues(t, 105, sh.upTo())
	sh.redo[cellar] = nil
	assert.EqualValues(t, 100, sh.upTo())
	sh.taken = time.Now().Add(-redoFor) // a room that cannot be loaded does not hold it up for ever
	assert.EqualValues(t, 105, sh.upTo())
	delete(sh.writing, r)
	delete(sh.open, 108)
	assert.EqualValues(t, 110, sh.upTo())
}

// What a stanza without events brought is done when it was delivered, not before: nobody else
// would say it.
func TestAnswersAreDeliveredFirst(t *testing.T) {
	n := bare(t)
	n.store.shards[ShardOf(cellar)].rooms[cellar] = &logRoom{room: cellar}
	done := 0
	n.store.whenDelivered(cellar, func() { done++ })
	assert.Equal(t, 1, done, "nothing was said")
	answer := n.store.deliveryOf(cellar, 0)
	n.store.whenDelivered(cellar, func() { done++ })
	assert.Equal(t, 1, done)
	answer.done()
	assert.Equal(t, 2, done)
	n.store.deliveryOf(cellar, 101)
	n.store.whenDelivered(cellar, func() { done++ })
	assert.Equal(t, 3, done, "it is stored")
}

// A step that this node does not know as stored under its ownership, because it has lost the room meanwhile, is not said:
// the next owner says it.
func TestLostStepIsNotSaid(t *testing.T) {
	n := bare(t)
	n.id = "a-1"
	n.cfg.Home = func(muc.JID) []string { return []string{n.id} }
	var heard []string
	n.cfg.Service.Deliver = func(_ context.Context, s service.Stanza) { heard = append(heard, s.ID()) }
	r := &logRoom{room: cellar, steps: []placed{{at: service.Position{Seq: 3}, pos: 103}}}
	n.store.shards[ShardOf(cellar)].rooms[cellar] = r
	deliver := func(text string, seq uint64) {
		d := service.Delivery{Room: cellar, At: service.Position{Seq: seq}, Stanzas: []service.Stanza{named{said{to: []muc.JID{juliet}}, text}}}
		n.deliverStep(t.Context(), d)
	}
	deliver("answer", 0)
	deliver("stored", 3)
	n.store.shards[ShardOf(cellar)].rooms[cellar] = &logRoom{room: cellar} // as it is after it was lost and came back
	deliver("lost", 4)
	n.store.close(ShardOf(cellar), 8)
	deliver("lost", 5)
	deliver("lost", 0)
	assert.Equal(t, []string{"answer", "stored"}, heard)
}

var juliet = muc.MustParseJID("juliet@example.org/balcony")

// named is a stanza with an id.
type named struct {
	said
	ident string
}

func (s named) ID() string { return s.ident }

// unread is a log of which rooms cannot be read.
type unread struct {
	*Memory
	err error
}

func (l unread) Read(context.Context, muc.JID, Pos) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) { yield(Message{}, l.err) }
}

// A room that cannot be read, however often that is tried, is not tried again and again.
func TestUnreadable(t *testing.T) {
	for _, why := range []error{ErrTooLarge, muc.ErrCorrupt} {
		synctest.Test(t, func(t *testing.T) {
			n := bare(t)
			log := unread{NewMemory(), why}
			n.cfg.Log = log
			_, err := log.Append(t.Context(), Message{Room: cellar, ID: "1", Epoch: 1, Kind: Step}, 0)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err = n.store.Load(ctx, cellar)
			require.ErrorIs(t, err, why)
		})
	}
}

// unlisted is a log that does not take lines of the list until it is told to.
type unlisted struct {
	*Memory
	takes chan bool
}

func (l unlisted) PutEntry(ctx context.Context, _ int, _ Entry) error {
	select {
	case <-l.takes:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// While the engine takes no lines of the list, no more than so many of them wait: then rooms do.
func TestLinesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := bare(t)
		log := unlisted{NewMemory(), make(chan bool)}
		n.cfg.Log, n.store.lines = log, make(chan struct{}, 2)
		var stored atomic.Int64
		for i := range 5 {
			room := muc.MustParseJID(fmt.Sprint("room", i, "@chat.example"))
			n.store.open(newShard(ShardOf(room), 7, 100, 100, 1, nil))
			_, err := n.store.Load(t.Context(), room)
			require.NoError(t, err)
			step := service.Batch{Room: room, Entry: service.Entry{Room: room, Inhabited: true}, Events: []event.Event{{Seq: 1, Time: time.UnixMilli(0).UTC(), Body: &event.Unlocked{}}}}
			go func() {
				if n.store.Append(t.Context(), []service.Batch{step}) == nil {
					stored.Add(1)
				}
			}()
		}
		synctest.Wait()
		assert.EqualValues(t, 2, stored.Load())
		close(log.takes)
		synctest.Wait()
		assert.EqualValues(t, 5, stored.Load())
	})
}

// A list of all rooms that was gone through, or has another one in its place, takes no memory any more; one that
// nobody goes on with does for a minute.
func TestListingsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := bare(t)
		n.cfg.Log = NewMemory()
		var rooms []muc.JID
		for i := range 3 {
			rooms = append(rooms, muc.MustParseJID(fmt.Sprint("room", i, "@chat.example")))
			require.NoError(t, n.cfg.Log.PutEntry(t.Context(), ShardOf(rooms[i]), Entry{At: 1, Entry: service.Entry{Room: rooms[i]}}))
		}
		begin := func() weak.Pointer[listing] {
			page, err := n.store.List(t.Context(), muc.JID{}, 1)
			require.NoError(t, err)
			require.Len(t, page, 1)
			return weak.Make(n.store.listing.Load())
		}
		first, second := begin(), begin()
		page, err := n.store.List(t.Context(), rooms[0], 10)
		require.NoError(t, err)
		assert.Len(t, page, 2)
		runtime.GC()
		assert.Nil(t, first.Value())
		assert.Nil(t, second.Value())
		begin()
		time.Sleep(listFor)
		synctest.Wait()
		assert.Nil(t, n.store.listing.Load())
	})
}

// What is forgotten because there is too much of it is looked at while other rooms are written.
func TestOwedIsGuarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := bare(t)
		n.cfg.Log, n.cfg.Limits.Rooms = NewMemory(), 1
		_, err := n.store.Load(t.Context(), cellar)
		require.NoError(t, err)
		step := service.Batch{Room: cellar, Entry: service.Entry{Room: cellar}, Events: []event.Event{{Seq: 1, Time: time.UnixMilli(0).UTC(), Body: &event.Unlocked{}}}}
		require.NoError(t, n.store.Append(t.Context(), []service.Batch{step}))
		n.store.shards[ShardOf(cellar)].rooms[cellar].steps = nil
		slow := n.store.deliveryOf(cellar, 0)
		go func() { _ = n.store.Append(t.Context(), []service.Batch{{Room: cellar, Gone: true}}) }()
		time.Sleep(time.Second)
		n.store.keep(n.store.shards[ShardOf(cellar)], &logRoom{room: cellar})
		slow.done()
	})
}

// What comes when a node has seen that nothing is open any more, and stops, is refused and not forgotten.
func TestGatewayCloses(t *testing.T) {
	n := bare(t)
	n.id = "a-1"
	n.cfg.Home = func(muc.JID) []string { return []string{n.id} }
	n.cfg.Limits = Limits{Open: 10, OpenBytes: 1000, SenderOpen: 10, SenderBytes: 1000, StanzaBytes: 1000, Inside: 10}
	var heard []string
	n.cfg.Service.Deliver = func(_ context.Context, s service.Stanza) { heard = append(heard, s.Type()+" "+s.ID()) }
	n.gateway.start(n)
	say := func(ident string) {
		el := elementOf("<message to='cellar@chat.example' id='" + ident + "'><body/></message>")
		require.NoError(t, n.gateway.handle(t.Context(), juliet, cellar, el))
	}
	say("open")
	assert.False(t, n.gateway.close())
	say("open, too")
	for open, _ := n.gateway.load(); open > 0; open-- {
		n.gateway.acked(&ackFrame{Shard: ShardOf(cellar), Number: uint64(open)})
	}
	assert.True(t, n.gateway.close())
	say("late")
	assert.Equal(t, []string{"error late"}, heard)
}

// One person does not use up what all may have.
func TestInsideOfOnePerson(t *testing.T) {
	var g gateway
	g.start(&Node{})
	enter, leave := etree.NewElement("presence"), etree.NewElement("presence")
	leave.CreateAttr("type", "unavailable")
	session := func(i int) muc.JID { return muc.MustParseJID(fmt.Sprint("romeo@example.org/", i%20)) }
	room := func(i int) muc.JID { return muc.MustParseJID(fmt.Sprint("room", i, "@chat.example")) }
	for i := range 2 * mostInside {
		g.noteInside(session(i), room(i), enter)
	}
	assert.Equal(t, mostInside, g.entered)
	g.noteInside(juliet, cellar, enter)
	g.noteInside(juliet, cellar, enter)
	assert.Equal(t, mostInside+1, g.entered)
	for i := range 20 {
		g.isOut(session(i))
	}
	assert.Equal(t, 1, g.entered)
	g.noteInside(juliet, cellar, leave)
	assert.Zero(t, g.entered)
	assert.Empty(t, g.inside)
}

// A step of this node that was stored and not let out is done again when the room is loaded again.
func TestOwnUndelivered(t *testing.T) {
	n := bare(t)
	sh := n.store.shards[ShardOf(cellar)]
	body := func(seq uint64) []byte {
		return encode(stepBody{Events: []event.Event{{Seq: seq, Time: time.UnixMilli(0).UTC(), Body: &event.Unlocked{}}}})
	}
	messages := []Message{{Kind: Step, Pos: 90, Epoch: 3, Body: body(1)}, {Kind: Claim, Pos: 101, Epoch: 7}, {Kind: Step, Pos: 102, Epoch: 7, Body: body(2)},
		{Kind: Step, Pos: 103, Epoch: 7, Body: body(3)}}
	delivered := func() service.Position {
		saved, err := n.store.assemble(sh, &logRoom{room: cellar}, messages)
		require.NoError(t, err)
		assert.Len(t, saved.Steps, 3)
		return saved.Delivered
	}
	assert.Equal(t, service.Position{Seq: 3}, delivered())
	sh.open[103] = &openStep{left: 1}
	assert.Equal(t, service.Position{Seq: 2}, delivered())
	sh.open[103].delivered = true
	assert.Equal(t, service.Position{Seq: 3}, delivered())
	_, err := n.store.assemble(sh, &logRoom{room: cellar}, []Message{{Kind: Step, Pos: 1, Body: []byte("{")}})
	assert.ErrorIs(t, err, muc.ErrCorrupt)
	_, err = n.store.assemble(sh, &logRoom{room: cellar}, []Message{{Kind: Step, Pos: 1, Body: []byte("{}")}})
	assert.ErrorIs(t, err, muc.ErrCorrupt)
}

// Of a room that is gone it is known what had been done in it, wherever it is loaded and when: what a
// node sends again must not make the room anew.
func TestGoneLeavesSources(t *testing.T) {
	n := bare(t)
	n.cfg.Log = NewMemory()
	ctx, sources := t.Context(), []service.Source{{Name: "a-1", Number: 3}}
	entry := service.Entry{Room: cellar, Inhabited: true}
	step := service.Batch{Room: cellar, Entry: entry, Events: []event.Event{{Seq: 1, Time: time.UnixMilli(0).UTC(), Body: &event.Unlocked{}}}}
	load := func() []service.Source {
		saved, err := n.store.Load(ctx, cellar)
		require.NoError(t, err)
		assert.Nil(t, saved.Snapshot)
		return saved.Sources
	}
	assert.Empty(t, load())
	require.NoError(t, n.store.Append(ctx, []service.Batch{step}))
	gone := service.Batch{Room: cellar, Gone: true, Entry: service.Entry{Room: cellar}, Sources: sources}
	require.NoError(t, n.store.Append(ctx, []service.Batch{gone})) // while its step is not delivered
	assert.Equal(t, sources, load())
	n.store.Delivered(cellar, step.At())
	step.After, step.Events[0].Seq = step.At(), 2
	require.NoError(t, n.store.Append(ctx, []service.Batch{step})) // made again: now the log knows the end
	n.store.Delivered(cellar, step.At())
	require.NoError(t, n.store.Append(ctx, []service.Batch{gone}))
	delete(n.store.shards[ShardOf(cellar)].rooms, cellar)
	assert.Equal(t, sources, load())
	require.NoError(t, n.store.Append(ctx, []service.Batch{step}))
	delete(n.store.shards[ShardOf(cellar)].rooms, cellar)
	assert.Equal(t, sources, load())
}

// Stanzas are taken in the order of their numbers. When one was not done, those after it come
// again after it, but for those that are done.
func TestIntakeOrder(t *testing.T) {
	n := bare(t)
	frame := func(number, before uint64) *inFrame {
		return &inFrame{Gateway: "a-1", Shard: ShardOf(cellar), Epoch: 7, Number: number, Before: before}
	}
	x := func() *taken { return n.intake.shards[ShardOf(cellar)].from["a-1"] }
	assert.Equal(t, placeGap, n.intake.place(frame(5, 4)), "one before it was lost")
	assert.Equal(t, placeNone, n.intake.place(frame(6, 5)), "that was said just now")
	assert.Equal(t, placeNext, n.intake.place(frame(4, 0)))
	assert.Equal(t, placeNone, n.intake.place(frame(4, 0)), "it is under way")
	assert.Equal(t, placeNext, n.intake.place(frame(5, 4)))
	assert.Equal(t, placeNext, n.intake.place(frame(9, 5)))
	old := frame(10, 9)
	old.Epoch = 6
	assert.Equal(t, placeNone, n.intake.place(old), "for an owner of before")

	delete(x().under, 4)
	x().failed[4] = true
	assert.False(t, x().goBack(), "others are under way")
	assert.Equal(t, placeNone, n.intake.place(frame(4, 0)))
	assert.Equal(t, placeNone, n.intake.place(frame(10, 9)))
	delete(x().under, 5)
	delete(x().under, 9)
	x().failed[9] = true
	assert.True(t, x().goBack())
	assert.Equal(t, placeNext, n.intake.place(frame(4, 0)))
	assert.Equal(t, placeDone, n.intake.place(frame(5, 4)), "it was done")
	assert.Equal(t, placeNext, n.intake.place(frame(9, 5)))
	n.intake.pause(ShardOf(cellar), true)
	assert.Equal(t, placeNone, n.intake.place(frame(10, 9)), "it is being handed over")
}

// What comes again, or from an owner of before, is not delivered.
func TestSeen(t *testing.T) {
	var s seenShard
	said := func(epoch Epoch, pos Pos, part int) *speech {
		return &speech{Room: cellar, Epoch: epoch, Pos: pos, Part: part}
	}
	isNew := func(x *speech) bool {
		r := s.of(x)
		return r != nil && r.isNew(x)
	}
	assert.True(t, isNew(said(5, 10, 0)))
	assert.False(t, isNew(said(5, 10, 0)))
	assert.True(t, isNew(said(5, 10, 1)))
	assert.False(t, isNew(said(6, 10, 1)), "the successor says it again")
	assert.True(t, isNew(said(6, 10, 2)))
	assert.False(t, isNew(said(6, 9, 7)))
	assert.False(t, isNew(said(5, 11, 0)), "from one who is the owner no more")
	assert.False(t, isNew(said(5, 0, 0)))
	assert.True(t, isNew(said(6, 0, 0)), "of what is not stored there may be copies")
	for i := range 3 * mostSeen {
		x := said(6, Pos(20+i), 0)
		x.Room, x.Mark = muc.MustParseJID(strings.Repeat("x", i+1)+"@chat.example"), Pos(20+i-10)
		assert.True(t, isNew(x))
	}
	assert.Less(t, len(s.rooms), 2*mostSeen, "what will not come again is forgotten")
}

// said is a stanza of a test.
type said struct {
	text string
	to   []muc.JID
}

func (s said) To() []muc.JID          { return s.to }
func (s said) Name() string           { return "message" }
func (s said) Type() string           { return "" }
func (s said) ID() string             { return "" }
func (s said) Stanza() *etree.Element { return nil }
func (s said) AppendXML(dst []byte, to muc.JID, _ string) []byte {
	return append(dst, "<message to='"+string(to.AppendEscaped(nil))+"' from='cellar@chat.example'><body>"+s.text+"</body></message>"...)
}

// What a room says at once is cut into parts that the bus takes.
func TestParts(t *testing.T) {
	var pieces []*piece
	for range 10 {
		pieces = append(pieces, &piece{whole: said{text: strings.Repeat(`"`, partBytes/3)}, who: []muc.JID{cellar}})
	}
	count, numbers := 0, []int{}
	for part := range parts(&speech{Room: cellar, Pos: 3}, pieces) {
		count += len(part.Says)
		numbers = append(numbers, part.Part)
		assert.Less(t, len(encode(outFrame{Body: encode(outBody{Speech: part})})), 1<<20)
	}
	assert.Equal(t, 10, count)
	assert.Equal(t, []int{0, 1, 2, 3}, numbers)
	var many []muc.JID
	for range 2*((whoBytes-1)/len(cellar.String())+1) + 1 {
		many = append(many, cellar)
	}
	n := &Node{}
	n.cfg.Home = func(muc.JID) []string { return []string{"a-1"} }
	byNode, _ := n.split([]service.Stanza{said{to: many}})
	assert.Len(t, byNode["a-1"], 3)
}

// A stanza is written with the address of each, in any namespace, and escaped.
func TestSays(t *testing.T) {
	one, other := muc.MustParseJID("romeo@example.org/a'<b"), muc.MustParseJID("juliet@example.org/x")
	s := saysOf(said{text: "to='romeo@example.org'"}, []muc.JID{other, one})
	assert.Equal(t, "<message to='romeo@example.org/a&apos;&lt;b' from='cellar@chat.example'><body>to='romeo@example.org'</body></message>", string(s.AppendXML(nil, one, "")))
	assert.Equal(t, "<message xmlns='jabber:client' to='juliet@example.org/x' from='cellar@chat.example'><body>to='romeo@example.org'</body></message>", string(s.AppendXML(nil, other, "jabber:client")))
	assert.Nil(t, s.Stanza().SelectAttr("to"))
	s = saysOf(odd{}, []muc.JID{one})
	assert.Equal(t, one.String(), elementOf(string(s.AppendXML(nil, one, ""))).SelectAttrValue("to", ""))
}

// odd is a stanza that escapes in another way.
type odd struct{ said }

func (odd) AppendXML(dst []byte, _ muc.JID, _ string) []byte {
	return append(dst, `<message to="romeo@example.org/a'&lt;b"/>`...)
}
func (odd) Stanza() *etree.Element { return etree.NewElement("message") }
