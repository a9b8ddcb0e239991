package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// testKinds has a room do all that leaves durable events.
func testKinds(t *testing.T, s service.Store) {
	l := newLog(t, "cellar")
	must(t, s.Append(t.Context(), []service.Batch{l.batch(3)}))
	first := l.stored.Events[len(l.stored.Events)-1].Archived()
	for _, cmd := range []muc.Command{
		muc.Moderate{ID: first.StanzaID, Reason: "spam"},
		muc.Reset{Config: muc.RoomConfig{Name: "Room of cellar", Persistent: true, Moderated: true, Password: "mellon"}},
		muc.SetAffiliation{JID: muc.MustParseJID("juliet@example.org"), Affiliation: muc.Member, Nick: "Juliet", Reason: "balcony"},
		muc.SetAffiliation{JID: muc.MustParseJID("evil.example"), Affiliation: muc.Outcast},
		muc.SetSubject{Subject: "Wherefore?"},
		muc.Say{Message: message("<body>Ay me!</body><body xml:lang='de'>Weh mir!</body><x xmlns='urn:example:x'><y z='1'/></x>")},
		muc.Forget{JID: muc.MustParseJID("juliet@example.org")},
		muc.Destroy{Reason: "the end", Alternate: roomNamed("balcony"), Tombstone: true},
	} {
		events := l.do(cmd)
		if len(events) == 0 {
			t.Fatalf("%T: no durable event", cmd)
		}
		must(t, s.Append(t.Context(), []service.Batch{l.store(events)}))
		l.check(t, s)
	}
}

func message(kids string) *etree.Element {
	doc := etree.NewDocument()
	if err := doc.ReadFromString("<message>" + kids + "</message>"); err != nil {
		panic(err) // the text stands above
	}
	return doc.Root()
}

func testTexts(t *testing.T, s service.Store) {
	l := newLog(t, "größe")
	must(t, s.Append(t.Context(), []service.Batch{l.batch(1)}))
	for _, body := range []string{"'; DROP TABLE rooms; --", "a\nb\tc \"d\" \\ %s $1 ?", "\U0001F600 \u202E \u00e9 e\u0301 \U0010FFFD", strings.Repeat("x", 16000)} {
		must(t, s.Append(t.Context(), []service.Batch{l.store(l.do(muc.Say{Body: body}))}))
	}
	l.check(t, s)
	must(t, s.Append(t.Context(), []service.Batch{l.snapshot()}))
	l.check(t, s)
}

func testSnapshot(t *testing.T, s service.Store) {
	l := newLog(t, "cellar")
	for range 2 {
		must(t, s.Append(t.Context(), []service.Batch{l.batch(3)}))
		must(t, s.Append(t.Context(), []service.Batch{l.snapshot()}))
		l.check(t, s)
		must(t, s.Append(t.Context(), []service.Batch{l.batch(2)}))
		l.check(t, s)
	}
	wrong := l.batch(1)
	wrong.After.Seq--
	conflicts(t, s, wrong)
}

func testSnapshotWithEvents(t *testing.T, s service.Store) {
	l, other := newLog(t, "cellar"), newLog(t, "balcony")
	both := l.batch(3)
	both.Snapshot = l.snapshot().Snapshot
	must(t, s.Append(t.Context(), []service.Batch{both, other.batch(2)}))
	l.check(t, s)
	both = l.batch(3)
	both.Snapshot = l.snapshot().Snapshot
	must(t, s.Append(t.Context(), []service.Batch{both}))
	l.check(t, s)
	must(t, s.Append(t.Context(), []service.Batch{l.batch(1)}))
	l.check(t, s)
	other.check(t, s)
}

func testOldSnapshot(t *testing.T, s service.Store) {
	l := newLog(t, "cellar")
	must(t, s.Append(t.Context(), []service.Batch{l.batch(3)}))
	old := service.Batch{Room: l.room, After: l.after, Snapshot: l.live.Snapshot(muc.Durable), Entry: l.entry}
	must(t, s.Append(t.Context(), []service.Batch{l.batch(2)}))
	conflicts(t, s, old)
	l.check(t, s)
	must(t, s.Append(t.Context(), []service.Batch{l.snapshot()}))
	conflicts(t, s, old)
	l.check(t, s)
}

func testSuspended(t *testing.T, s service.Store) {
	l, other := newLog(t, "cellar"), newLog(t, "balcony")
	for _, next := range []func() service.Batch{
		func() service.Batch { return l.batch(2) },
		l.snapshot,
		func() service.Batch { // nothing but that it goes on
			l.stored.Live, l.entry.Suspended = nil, time.Time{}
			return service.Batch{Room: l.room, After: l.after, Entry: l.entry}
		},
	} {
		must(t, s.Append(t.Context(), []service.Batch{l.batch(2), other.batch(1)}))
		must(t, s.Append(t.Context(), []service.Batch{l.suspend(), other.suspend()}))
		l.check(t, s)
		must(t, s.Append(t.Context(), []service.Batch{l.suspend()}))
		l.check(t, s)
		must(t, s.Append(t.Context(), []service.Batch{next()}))
		l.check(t, s)
		other.check(t, s)
	}
	both := l.batch(1)
	with := l.suspend()
	both.Live, both.Entry = with.Live, with.Entry
	must(t, s.Append(t.Context(), []service.Batch{both}))
	l.check(t, s)
	end := service.Batch{Room: l.room, After: l.after, Gone: true}
	must(t, s.Append(t.Context(), []service.Batch{end}))
	checkNothing(t, s, l.room)
	again := newLog(t, "cellar")
	must(t, s.Append(t.Context(), []service.Batch{again.batch(2)}))
	again.check(t, s)
}

func testGone(t *testing.T, s service.Store) {
	l, other := newLog(t, "cellar"), newLog(t, "cellar2")
	must(t, s.Append(t.Context(), []service.Batch{l.batch(3), other.batch(1)}))
	must(t, s.Append(t.Context(), []service.Batch{l.snapshot()}))
	must(t, s.Append(t.Context(), []service.Batch{l.batch(2)}))
	early := service.Batch{Room: l.room, After: service.Position{Seq: l.after.Seq - 1}, Gone: true}
	conflicts(t, s, early)
	l.check(t, s)
	end := l.store(l.do(muc.Destroy{}))
	end.Gone = true
	must(t, s.Append(t.Context(), []service.Batch{end}))
	checkNothing(t, s, l.room)
	conflicts(t, s, service.Batch{Room: l.room, After: end.At(), Gone: true})
	other.check(t, s)

	again := newLog(t, "cellar")
	must(t, s.Append(t.Context(), []service.Batch{again.batch(2)}))
	again.check(t, s)
}

func testGoneUnseen(t *testing.T, s service.Store) {
	l := newLog(t, "cellar")
	b := l.batch(2)
	b.Events, b.Gone = append(b.Events, l.do(muc.Destroy{})...), true
	must(t, s.Append(t.Context(), []service.Batch{b}))
	checkNothing(t, s, l.room)
}

func testEntry(t *testing.T, s service.Store) {
	l := newLog(t, "cellar")
	for i, e := range []service.Entry{
		{Name: "The \"wine\" cellar of o'Hara, größer", Public: true,
			About: service.About{Description: "A \"cellar\" where o'Hara's wine grows älter\n字", Lang: "de", MembersOnly: true, NonAnonymous: true}, Lasting: true, Due: evening, Creator: muc.MustParseJID("jürgen@example.org")},
		{},
		{Public: true, About: service.About{Password: true, Moderated: true}, Due: time.UnixMilli(1).UTC(), Creator: owner.Bare()},
		{Lasting: true, Due: time.Date(9000, 1, 1, 0, 0, 0, 999e6, time.UTC)},
	} {
		next := func() service.Batch { return l.batch(1) }
		if i == 3 {
			next = l.snapshot
		}
		b := next()
		e.Room = l.room
		b.Entry, l.entry = e, e
		must(t, s.Append(t.Context(), []service.Batch{b}))
		checkList(t, s, muc.JID{}, 10, e)
	}
}

func testList(t *testing.T, s service.Store) {
	// By the bytes of the address: '-' and '.' stand before '@', letters after it.
	names := []string{"a-b", "a.b", "a", "a0", "ab", "b", "c", "z", "é", "ü", "字"}
	sorted := slices.Clone(names)
	slices.SortFunc(sorted, func(a, b string) int { return strings.Compare(roomNamed(a).String(), roomNamed(b).String()) })
	entries := map[string]service.Entry{}
	for i := range names {
		name := names[(i*7)%len(names)] // in another order
		l := newLog(t, name)
		must(t, s.Append(t.Context(), []service.Batch{l.batch(2)}))
		entries[name] = l.entry
	}
	var want []service.Entry
	for _, name := range sorted {
		want = append(want, entries[name])
	}
	checkList(t, s, muc.JID{}, 100, want...)
	for limit := 1; limit <= len(want); limit++ {
		for from := range want {
			checkList(t, s, want[from].Room, limit, want[from+1:min(from+1+limit, len(want))]...)
		}
	}
	checkList(t, s, roomNamed("bb"), 2, want[6:8]...) // between two of them
}

// testAddresses stores rooms at addresses that the rules of today would make others
// of, or none: those of the day when they were made may have been others.
func testAddresses(t *testing.T, s service.Store) {
	texts := []string{"Cellar@chat.example", "cellar@chat.example", "cellar@Chat.example", "jos\U00020065\u0301@chat.example",
		"jose\u0301@chat.example", "jos\u00e9@chat.example", "\u212a\ufb01@chat.example", "\U000e0080a@chat.example"}
	slices.Sort(texts)
	var want []service.Entry
	var logs []*log
	for i, text := range texts {
		l := newLog(t, fmt.Sprint("room", i))
		b := l.batch(1 + i)
		must(t, b.Room.UnmarshalText([]byte(text)))
		b.Entry.Room = b.Room
		must(t, s.Append(t.Context(), []service.Batch{b}))
		want, logs = append(want, b.Entry), append(logs, l)
	}
	checkList(t, s, muc.JID{}, 100, want...)
	for i := range want {
		checkList(t, s, want[i].Room, 1, want[i+1:min(i+2, len(want))]...)
		saved, err := s.Load(t.Context(), want[i].Room)
		must(t, err)
		checkEvents(t, saved.Events, logs[i].stored.Events)
	}
	must(t, s.Append(t.Context(), []service.Batch{{Room: want[0].Room, After: logs[0].after, Gone: true}}))
	checkList(t, s, muc.JID{}, 100, want[1:]...)
}

func testMemory(t *testing.T, s service.Store) {
	l := newLog(t, "cellar")
	must(t, s.Append(t.Context(), []service.Batch{l.batch(2)}))
	b := l.snapshot()
	must(t, s.Append(t.Context(), []service.Batch{b}))
	clear(b.Snapshot) // the service uses its memory again
	l.check(t, s)
	batches := []service.Batch{l.batch(2)}
	events := batches[0].Events
	must(t, s.Append(t.Context(), batches))
	l.stored.Events = slices.Clone(l.stored.Events)
	clear(events)
	clear(batches)
	l.check(t, s)
}

func testParallel(t *testing.T, s service.Store) {
	const rooms, rounds = 8, 10
	var wg sync.WaitGroup
	logs := make([]*log, rooms)
	for i := range logs {
		l := newLog(t, fmt.Sprintf("room%d", i))
		logs[i] = l
		var batches []service.Batch
		for range rounds {
			batches = append(batches, l.batch(2))
		}
		wg.Go(func() {
			for _, b := range batches {
				if err := s.Append(t.Context(), []service.Batch{b}); err != nil {
					t.Error(err)
				}
				if _, err := s.Load(t.Context(), l.room); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, l := range logs {
		l.check(t, s)
	}
}
