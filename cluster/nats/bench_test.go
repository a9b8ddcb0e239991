package nats_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/service"
)

// The figures of docs/cluster.md:
//
//	go test -run '^$' -bench . -benchtime 1000x          # latencies
//	go test -run '^$' -bench Rooms -benchtime 100000x    # many rooms: memory, disk, list, start

func eachSize(b *testing.B, f func(b *testing.B, s *servers)) {
	for _, n := range []int{1, 3} {
		b.Run(fmt.Sprint("R", n), func(b *testing.B) { f(b, start(b, n, nil)) })
	}
}

// report reports the median and the 99th of 100.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs/p99")
}

// One room, one append of 500 bytes after the other.
func BenchmarkAppend(b *testing.B) {
	eachSize(b, func(b *testing.B, s *servers) {
		e := s.open(s.config(0, true))
		var last cluster.Pos
		var took []time.Duration
		for b.Loop() {
			at := time.Now()
			var err error
			last, err = e.Append(b.Context(), message(room("lobby"), 1, cluster.Step, strings.Repeat("x", 500)), last)
			require.NoError(b, err)
			took = append(took, time.Since(at))
		}
		report(b, took)
	})
}

// A node takes over: 256 rooms are claimed at once.
func BenchmarkClaims(b *testing.B) {
	eachSize(b, func(b *testing.B, s *servers) {
		e := s.open(s.config(0, true))
		var took []time.Duration
		for b.Loop() {
			var all sync.WaitGroup
			at := time.Now()
			for i := range 256 {
				all.Go(func() {
					r := room(fmt.Sprint("room", i))
					last, err := e.Last(b.Context(), r)
					if err == nil {
						_, err = e.Append(b.Context(), message(r, 1, cluster.Claim, ""), last.Pos)
					}
					if err != nil {
						b.Error(err)
					}
				})
			}
			all.Wait()
			took = append(took, time.Since(at))
		}
		report(b, took)
	})
}

// A room is taken and loaded: last, claim, read. Its log is a snapshot of 6 kB and ten steps.
func BenchmarkLoad(b *testing.B) {
	eachSize(b, func(b *testing.B, s *servers) {
		e := s.open(s.config(0, true))
		r := room("lobby")
		var took []time.Duration
		for b.Loop() {
			b.StopTimer()
			was, err := e.Last(b.Context(), r)
			require.NoError(b, err)
			last, err := e.Append(b.Context(), message(r, 1, cluster.Snapshot, strings.Repeat("x", 6000)), was.Pos)
			require.NoError(b, err)
			for range 10 {
				last, err = e.Append(b.Context(), message(r, 1, cluster.Step, strings.Repeat("x", 500)), last)
				require.NoError(b, err)
			}
			b.StartTimer()
			at := time.Now()
			found, err := e.Last(b.Context(), r)
			require.NoError(b, err)
			claim, err := e.Append(b.Context(), message(r, 1, cluster.Claim, ""), found.Pos)
			require.NoError(b, err)
			n := 0
			for _, err := range e.Read(b.Context(), r, claim) {
				require.NoError(b, err)
				n++
			}
			require.Equal(b, 12, n)
			took = append(took, time.Since(at))
		}
		report(b, took)
	})
}

// What b.N rooms cost: each has a snapshot of 1 kB and a line in the list.
func BenchmarkRooms(b *testing.B) {
	eachSize(b, func(b *testing.B, s *servers) {
		e := s.open(s.config(0, true))
		heap := heapInUse()
		todo := make(chan int)
		var all sync.WaitGroup
		for range 256 {
			all.Go(func() {
				for i := range todo {
					r := room(fmt.Sprint("room", i))
					at, err := e.Append(b.Context(), message(r, 1, cluster.Snapshot, strings.Repeat("x", 1000)), 0)
					if err == nil {
						err = e.PutEntry(b.Context(), cluster.ShardOf(r), cluster.Entry{At: at, Entry: service.Entry{Room: r, Name: "A room", Public: true}})
					}
					if err != nil {
						b.Error(err)
					}
				}
			})
		}
		for i := range b.N {
			todo <- i
		}
		close(todo)
		all.Wait()
		b.StopTimer()
		n := float64(len(s.clients))
		b.ReportMetric((heapInUse()-heap)/n/(1<<20), "MiB-memory/server")
		b.ReportMetric(diskOf(b, s)/n/(1<<20), "MiB-disk/server")
		at, rooms := time.Now(), 0
		for shard := range cluster.Shards {
			for _, err := range e.Entries(b.Context(), shard) {
				require.NoError(b, err)
				rooms++
			}
		}
		require.Equal(b, b.N, rooms)
		b.ReportMetric(time.Since(at).Seconds()/cluster.Shards*1000, "ms-list/shard")
		at, rooms = time.Now(), 0
		for _, err := range e.AllEntries(b.Context()) {
			require.NoError(b, err)
			rooms++
		}
		require.Equal(b, b.N, rooms)
		b.ReportMetric(time.Since(at).Seconds(), "s-list")
		e.Close()
		for i := range s.running {
			s.kill(i)
		}
		at = time.Now()
		for i := range s.running {
			s.run(i)
		}
		_, err := s.open(s.config(0, true)).Last(b.Context(), room("room0"))
		require.NoError(b, err)
		b.ReportMetric(time.Since(at).Seconds(), "s-start")
	})
}

func heapInUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse)
}

func diskOf(b *testing.B, s *servers) (bytes float64) {
	for _, c := range s.configs {
		require.NoError(b, filepath.WalkDir(c.Dir, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				if info, err := d.Info(); err == nil {
					bytes += float64(info.Size())
				}
			}
			return nil
		}))
	}
	return bytes
}
