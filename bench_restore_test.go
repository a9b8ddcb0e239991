package muc_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// aBusyRoom is the log of a room in which fifty people come, talk and go, as much
// of a day as is asked for.
func aBusyRoom(t testing.TB, messages int) (muc.Config, []muc.Event) {
	h := open(t, muc.Config{Instant: true})
	for n := range messages {
		who := n % 50
		from := "user" + string(rune('a'+who%25)) + string(rune('a'+who/25)) + "@shakespeare.lit/pda"
		if n/50%20 == 0 {
			h.join(from, "nick"+from[4:6])
		}
		h.say(from, "a message of the length that people write in rooms, more or less")
		if n/50%20 == 19 {
			h.send(`<presence type='unavailable' from='` + from + `' to='coven@chat.shakespeare.lit/nick` + from[4:6] + `'/>`)
		}
	}
	return h.cfg, h.log
}

func benchmarkRestore(b *testing.B, write func(muc.Event) ([]byte, error), read func(*muc.Event, []byte) error) {
	cfg, log := aBusyRoom(b, 5000)
	var stored [][]byte
	bytes := 0
	for _, ev := range log {
		one, err := write(ev)
		require.NoError(b, err)
		stored = append(stored, one)
		bytes += len(one)
	}
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		room, err := muc.New(cfg)
		require.NoError(b, err)
		for _, one := range stored {
			var ev muc.Event
			if err := read(&ev, one); err != nil {
				b.Fatal(err)
			}
			if err := room.Apply(ev); err != nil {
				b.Fatal(err)
			}
		}
		events += len(stored)
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(bytes)/float64(len(stored)), "B/event")
}

// BenchmarkRestoreBinary reads and applies stored events, one after the other.
func BenchmarkRestoreBinary(b *testing.B) {
	benchmarkRestore(b, muc.Event.MarshalBinary, (*muc.Event).UnmarshalBinary)
}

// BenchmarkRestoreJSON does the same for events in JSON.
func BenchmarkRestoreJSON(b *testing.B) {
	benchmarkRestore(b, muc.Event.MarshalJSON, func(ev *muc.Event, one []byte) error { return json.Unmarshal(one, ev) })
}
