package muc_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gomuc/muc"
)

// clientJoin is how a client enters: with what it can do (XEP-0115).
var clientJoin = strings.Replace(benchJoin, "</presence>",
	"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://client.example' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>", 1)

// hold reports the bytes that stay on the heap of what is made, for each of n.
func hold(b *testing.B, n int, unit string, create func() any) {
	for b.Loop() {
		before := heap()
		made := create()
		b.ReportMetric(float64(heap()-before)/float64(n), unit)
		runtime.KeepAlive(made)
	}
}

// heap is what is alive. It takes two collections to empty what is pooled.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkW7Rooms measures what each of many rooms holds in memory.
func BenchmarkW7Rooms(b *testing.B) {
	const rooms = 10000
	for _, n := range []int{1, 5} {
		b.Run(fmt.Sprintf("occupants=%d", n), func(b *testing.B) {
			cfg := benchConfig(0)
			cfg.Room = muc.JID{}
			template, err := muc.NewTemplate(cfg)
			if err != nil {
				b.Fatal(err)
			}
			hold(b, rooms, "B/room", func() any {
				all := make([]*muc.Room, rooms)
				for i := range all {
					if all[i], err = template.New(benchConfig(i).Room); err != nil {
						b.Fatal(err)
					}
					x := &bench{b: b, room: all[i]}
					for k := range n {
						join := strings.ReplaceAll(clientJoin, "room0@", fmt.Sprintf("room%d@", i))
						x.handle(element("%s", strings.ReplaceAll(join, "%d", fmt.Sprint(k))))
					}
					if x.sent != n*n+n {
						b.Fatalf("%d deliveries", x.sent)
					}
				}
				return all
			})
		})
	}
}

// BenchmarkW7BigRoom measures what each occupant of one big room holds in memory.
func BenchmarkW7BigRoom(b *testing.B) {
	sizes(b, []int{10000}, func(b *testing.B, n int) {
		hold(b, n, "B/occupant", func() any {
			x := newBench(b, 0, benchConfig(0))
			for i := range n {
				x.handle(element("%s", strings.ReplaceAll(clientJoin, "%d", fmt.Sprint(i))))
			}
			return x.room
		})
	})
}
