package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// All figures:
//
//	go test ./service -run '^$' -bench . -benchtime 1x

const manyRooms = 100_000

// noStore keeps nothing, so that only the service is measured.
type noStore struct{}

func (noStore) Append(context.Context, []service.Batch) error { return nil }
func (noStore) Load(context.Context, muc.JID) (service.Saved, error) {
	return service.Saved{}, nil
}
func (noStore) List(context.Context, muc.JID, int) ([]service.Entry, error) { return nil, nil }

func measured(b *testing.B, deliver func(context.Context, service.Stanza), idle time.Duration) *service.Service {
	b.Helper()
	s, err := service.New(b.Context(), service.Config{Domain: "chat.example", Store: noStore{}, Deliver: deliver,
		Room: muc.Config{Secret: secret, Instant: true}, IdleAfter: idle, Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Shutdown(context.Background(), "") })
	return s
}

func create(b *testing.B, s *service.Service, rooms int) {
	b.Helper()
	owner := muc.MustParseJID("romeo@example.org")
	for i := range rooms {
		_, err := s.Do(b.Context(), at(fmt.Sprint("room", i)), muc.Create{Owner: owner,
			Config: muc.RoomConfig{Persistent: true, Name: fmt.Sprint("Room ", i)}})
		require.NoError(b, err)
	}
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func nobody(context.Context, service.Stanza) {}

// BenchmarkMemory is what a room costs: in memory with nobody inside, and put aside.
func BenchmarkMemory(b *testing.B) {
	for _, state := range []struct {
		name string
		idle time.Duration
	}{{"in memory", time.Hour}, {"aside", time.Millisecond}} {
		b.Run(state.name, func(b *testing.B) {
			for range b.N {
				before := heap()
				s := measured(b, nobody, state.idle)
				create(b, s, manyRooms)
				for state.idle < time.Second && s.Stats().Rooms > 0 {
					time.Sleep(time.Millisecond)
				}
				b.ReportMetric((heap()-before)/manyRooms, "B/room")
				require.Equal(b, manyRooms, s.Stats().Listed)
			}
		})
	}
}

// BenchmarkQuietRoom is how long a message takes in a quiet room of three, from its
// saying to the last delivery, beside many idle rooms: alone, and while somebody
// talks without a pause in each of some rooms of 50.
func BenchmarkQuietRoom(b *testing.B) {
	for _, busy := range []int{0, 1, 20} {
		b.Run(fmt.Sprintf("busy=%d", busy), func(b *testing.B) { quietRoom(b, busy) })
	}
}

func quietRoom(b *testing.B, busy int) {
	s := measured(b, func(_ context.Context, s service.Stanza) {
		var buffer [1024]byte
		for _, to := range s.To() {
			s.AppendXML(buffer[:0], to, "")
		}
	}, time.Hour)
	create(b, s, manyRooms)
	join := func(who, room string) {
		require.NoError(b, handle(b.Context(), s, parse(fmt.Sprintf(
			`<presence from='%s' to='%s@chat.example/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
			who, room, muc.MustParseJID(who).Local()))))
	}
	ctx, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	said := make([]int, busy)
	for n := range busy {
		room := fmt.Sprint("room", n)
		for p := range 50 {
			join(fmt.Sprintf("p%d@example.org/x", p), room)
		}
		settle(s, room+"@chat.example")
		wg.Go(func() { talk(ctx, s, room, &said[n]) })
	}
	for p := range 3 {
		join(fmt.Sprintf("p%d@example.org/y", p), "room99")
	}
	settle(s, "room99@chat.example")
	b.ResetTimer()
	var took []time.Duration
	for range max(b.N, 2000) {
		began := time.Now()
		_, err := s.Do(ctx, at("room99"), muc.Say{Body: "Wherefore?"})
		require.NoError(b, err)
		took = append(took, time.Since(began))
		time.Sleep(100 * time.Microsecond) // somebody thinks
	}
	b.StopTimer()
	stop()
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-99%")
	total := 0
	for _, n := range said {
		total += n
	}
	b.ReportMetric(float64(total*50)/b.Elapsed().Seconds(), "busy-stanzas/s")
	b.ReportMetric(0, "ns/op")
}

// talk says one thing after the other.
func talk(ctx context.Context, s *service.Service, room string, said *int) {
	jid := at(room)
	for ctx.Err() == nil {
		if _, err := s.DoAs(ctx, jid, muc.MustParseJID("p0@example.org/x"), muc.Say{Body: "What is in a name?"}); err == nil {
			*said++
		}
	}
}

// BenchmarkMessage is what a message to everybody costs in a room of 50, written for
// all of them.
func BenchmarkMessage(b *testing.B) {
	b.ReportAllocs()
	s := measured(b, func(_ context.Context, s service.Stanza) {
		var buffer [1024]byte
		for _, to := range s.To() {
			s.AppendXML(buffer[:0], to, "")
		}
	}, time.Hour)
	for p := range 50 {
		require.NoError(b, handle(b.Context(), s, parse(fmt.Sprintf(
			`<presence from='p%d@example.org/x' to='cellar@chat.example/P%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, p, p))))
	}
	settle(s, "cellar@chat.example")
	message := parse(`<message type='groupchat' from='p1@example.org/x' to='cellar@chat.example'><body>What is in a name?</body></message>`)
	for n := 0; b.Loop(); n++ {
		require.NoError(b, handle(b.Context(), s, message))
		if n%40 == 39 { // one person's share of a queue is 50
			settle(s, "cellar@chat.example")
		}
	}
}

// BenchmarkSearch searches 100,000 rooms: for all of them, for a word that is in many
// descriptions, and for one that is in none.
func BenchmarkSearch(b *testing.B) {
	entries := make([]service.Entry, 0, manyRooms)
	for i := range manyRooms {
		room := at(fmt.Sprintf("room%06d", i))
		entries = append(entries, service.Entry{Room: room, Name: fmt.Sprint("Room ", i), Public: true, Lasting: true,
			About: service.About{Description: fmt.Sprintf("Where people speak of %d things, of some of them at length", i)}})
	}
	answered := make(chan service.Stanza, 1)
	s, err := service.New(b.Context(), service.Config{Domain: "chat.example", Store: fixedList{noStore{}, entries},
		Deliver: func(_ context.Context, s service.Stanza) { answered <- s },
		Room:    muc.Config{Secret: secret}, SearchRate: muc.Rate{Burst: 1}, Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Shutdown(context.Background(), "") })
	for _, c := range []struct{ name, field, value string }{{"all", "all", "1"}, {"often", "q", "length"}, {"never", "q", "silence"}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				el := parse("<iq type='get' id='q' to='chat.example'>" + searchFor(rsmSet("<max>20</max>"), c.field, c.value) + "</iq>")
				require.NoError(b, s.Handle(b.Context(), muc.MustParseJID(juliet), el))
				require.Equal(b, "result", (<-answered).Type())
			}
		})
	}
}

// fixedList is a list of rooms in one page.
type fixedList struct {
	service.Store
	entries []service.Entry
}

func (l fixedList) List(_ context.Context, after muc.JID, _ int) ([]service.Entry, error) {
	if !after.IsZero() {
		return nil, nil
	}
	return l.entries, nil
}
