package sqlitestore

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// What a commit costs, by the number of rooms that share it: the figure is that of one
// message of one room. Most of it is the disk's.
func BenchmarkAppend(b *testing.B) {
	for _, rooms := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			s, err := Open(b.Context(), filepath.Join(b.TempDir(), "rooms.db"), Options{Archive: true})
			require.NoError(b, err)
			defer s.Close()
			live, now := make([]*muc.Room, rooms), time.Unix(2e9, 0)
			step := func(cmd muc.Command) (batches []service.Batch) {
				for i, r := range live {
					after := r.Seq()
					fx, err := r.Do(now, cmd)
					require.NoError(b, err)
					at := muc.MustParseJID(fmt.Sprintf("room%d@chat.example", i))
					batches = append(batches, service.Batch{Room: at, After: service.Position{Seq: after}, Events: fx.Durable, Entry: service.Entry{Room: at, Lasting: true}})
				}
				return batches
			}
			for i := range live {
				live[i], err = muc.New(muc.Config{Room: muc.MustParseJID(fmt.Sprintf("room%d@chat.example", i)), Secret: s.Secret(), Archive: true})
				require.NoError(b, err)
			}
			require.NoError(b, s.Append(b.Context(), step(muc.Create{Owner: muc.MustParseJID("romeo@example.org"),
				Config: muc.RoomConfig{Persistent: true}})))
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				batches := step(muc.Say{Body: "But soft! What light through yonder window breaks?"})
				b.StartTimer()
				require.NoError(b, s.Append(b.Context(), batches))
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*rooms), "µs/message")
		})
	}
}
