package muc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// aTalk is the log of a room in which fifty people come, talk and go, as much of a
// day as is asked for: nearly all of it is messages.
func aTalk(b *testing.B) (muc.Config, []event.Event) {
	h := open(b, muc.Config{Instant: true})
	for n := range 5000 {
		who := n % 50
		from := "user" + string(rune('a'+who%25)) + string(rune('a'+who/25)) + "@shakespeare.lit/pda"
		if n/50%20 == 0 {
			h.Client(from).Joins("nick" + from[4:6])
		}
		h.Client(from).Says("a message of the length that people write in rooms, more or less")
		if n/50%20 == 19 {
			h.Handle(`<presence type='unavailable' from='` + from + `' to='coven@chat.shakespeare.lit/nick` + from[4:6] + `'/>`)
		}
	}
	return h.Config, h.Events()
}

// aRush is the log of a room that a thousand people enter, each with a word: half
// of it is joins.
func aRush(b *testing.B) (muc.Config, []event.Event) {
	x := newBench(b, 0, benchConfig(0))
	var log []event.Event
	keep := func(el *etree.Element) {
		x.handle(el)
		log = slices.AppendSeq(log, x.fx.Events())
	}
	joins := elements(1000, benchJoin)
	messages := elements(len(joins), strings.ReplaceAll(benchMessage, "u0@", "u%d@"))
	for i := range joins {
		keep(joins[i])
		keep(messages[i])
	}
	return benchConfig(0), log
}

// BenchmarkRestore replays two logs: of events in memory, and reading each of them
// from JSON.
func BenchmarkRestore(b *testing.B) {
	for _, room := range []struct {
		name string
		live func(b *testing.B) (muc.Config, []event.Event)
	}{{"talk", aTalk}, {"rush", aRush}} {
		cfg, log := room.live(b)
		b.Run(room.name+"/typed", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := muc.Restore(cfg, nil, log); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*float64(len(log))/b.Elapsed().Seconds(), "events/s")
		})
		b.Run(room.name+"/JSON", func(b *testing.B) {
			restoreStored(b, cfg, log)
		})
	}
}

// restoreStored reads and applies stored events, one after the other.
func restoreStored(b *testing.B, cfg muc.Config, log []event.Event) {
	var stored [][]byte
	bytes := 0
	for _, ev := range log {
		one, err := ev.MarshalJSON()
		require.NoError(b, err)
		stored = append(stored, one)
		bytes += len(one)
	}
	b.ReportAllocs()
	var ev event.Event
	for b.Loop() {
		room, err := muc.New(cfg)
		require.NoError(b, err)
		for _, one := range stored {
			if err := ev.UnmarshalJSON(one); err != nil {
				b.Fatal(err)
			}
			if err := room.Apply(ev); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(stored))/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(bytes)/float64(len(stored)), "B/event")
}

// BenchmarkSnapshot writes and reads the live snapshot of a room of a thousand, as
// when it moves to another process.
func BenchmarkSnapshot(b *testing.B) {
	cfg, log := aRush(b)
	room, err := muc.Restore(cfg, nil, log)
	require.NoError(b, err)
	text := room.Snapshot(muc.Live)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			room.Snapshot(muc.Live)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := muc.Restore(cfg, text, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
