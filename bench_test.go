package muc_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// The benchmarks are the workloads that the comparison with other servers runs
// (docs/performance.md): one for each, on the same sizes. "decide" is HandleInto
// alone; "serialise" also writes every recipient's complete bytes.

const benchBody = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore."

var benchTime = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func benchConfig(room int) muc.Config {
	return muc.Config{Room: muc.MustParseJID(fmt.Sprintf("room%d@muc.bench", room)), Secret: []byte("a secret for benchmarks, 32 byte"), Instant: true}
}

func element(format string, args ...any) *etree.Element {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(fmt.Sprintf(format, args...)); err != nil {
		panic(err)
	}
	return doc.Root()
}

func joinOf(user int) *etree.Element {
	return element(`<presence from='u%d@users.bench/r' to='room0@muc.bench/u%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, user, user)
}

// bench drives one room and counts what it delivers.
type bench struct {
	b     *testing.B
	room  *muc.Room
	fx    muc.Effects
	buf   []byte
	write bool
	// sent and bytes are the deliveries so far and their size.
	sent, bytes int
}

// start times the steps of a room with n occupants in both forms. Step i must
// make the given number of deliveries.
func start(b *testing.B, n, deliveries int, cfg muc.Config, step func(x *bench, i int)) {
	for _, mode := range []string{"decide", "serialise"} {
		b.Run(mode, func(b *testing.B) {
			x := newBench(b, n, cfg)
			x.write = mode == "serialise"
			b.ReportAllocs()
			x.sent = 0
			i := 0
			for b.Loop() {
				step(x, i)
				i++
			}
			x.report(i, deliveries)
		})
	}
}

func newBench(b *testing.B, n int, cfg muc.Config) *bench {
	b.Helper()
	room, err := muc.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	x := &bench{b: b, room: room, buf: make([]byte, 0, 1<<20)}
	for i := range n {
		x.handle(joinOf(i))
	}
	return x
}

func (x *bench) handle(el *etree.Element) {
	if err := x.room.HandleInto(&x.fx, benchTime, el); err != nil {
		x.b.Fatal(err)
	}
	if x.fx.Refused != nil {
		x.b.Fatal(x.fx.Refused)
	}
	for i := range x.fx.Outbound {
		out := &x.fx.Outbound[i]
		to := out.To()
		x.sent += len(to)
		if x.write {
			for _, j := range to {
				x.buf = out.AppendXML(x.buf[:0], j, "")
				x.bytes += len(x.buf)
			}
		}
	}
}

func (x *bench) report(steps, deliveries int) {
	if x.sent != steps*deliveries {
		x.b.Fatalf("%d deliveries in %d steps, want %d a step", x.sent, steps, deliveries)
	}
	x.b.ReportMetric(float64(x.b.Elapsed().Nanoseconds())/float64(x.sent), "ns/delivery")
}

// sizes runs a benchmark for several numbers of occupants.
func sizes(b *testing.B, ns []int, run func(b *testing.B, n int)) {
	for _, n := range ns {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) { run(b, n) })
	}
}

// BenchmarkW1JoinStorm fills an empty room: N² + N deliveries.
func BenchmarkW1JoinStorm(b *testing.B) {
	sizes(b, []int{100, 1000, 5000}, func(b *testing.B, n int) {
		joins := make([]*etree.Element, n)
		for i := range joins {
			joins[i] = joinOf(i)
		}
		for _, mode := range []string{"decide", "serialise"} {
			b.Run(mode, func(b *testing.B) {
				b.ReportAllocs()
				sent := 0
				for b.Loop() {
					x := newBench(b, 0, benchConfig(0))
					x.write = mode == "serialise"
					for _, el := range joins {
						x.handle(el)
					}
					if x.sent != n*n+n {
						b.Fatalf("%d deliveries", x.sent)
					}
					sent += x.sent
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sent), "ns/delivery")
			})
		}
	})
}

// BenchmarkW2Groupchat sends messages of 100 bytes to everybody.
func BenchmarkW2Groupchat(b *testing.B) {
	sizes(b, []int{10, 100, 1000, 10000}, func(b *testing.B, n int) {
		el := element(`<message from='u0@users.bench/r' to='room0@muc.bench' type='groupchat' id='m1'><body>%s</body></message>`, benchBody)
		start(b, n, n, benchConfig(0), func(x *bench, _ int) { x.handle(el) })
	})
}

// BenchmarkW3Presence changes the availability of another occupant each time.
func BenchmarkW3Presence(b *testing.B) {
	sizes(b, []int{1000}, func(b *testing.B, n int) {
		els := make([]*etree.Element, n)
		for i := range els {
			els[i] = element(`<presence from='u%d@users.bench/r' to='room0@muc.bench/u%d'><show>away</show></presence>`, i, i)
		}
		start(b, n, n, benchConfig(0), func(x *bench, i int) { x.handle(els[i%n]) })
	})
}

// BenchmarkW4Nick changes the nick of another occupant each time.
func BenchmarkW4Nick(b *testing.B) {
	sizes(b, []int{1000}, func(b *testing.B, n int) {
		var els [2][]*etree.Element
		for i := range n {
			els[0] = append(els[0], element(`<presence from='u%d@users.bench/r' to='room0@muc.bench/n%d'/>`, i, i))
			els[1] = append(els[1], element(`<presence from='u%d@users.bench/r' to='room0@muc.bench/u%d'/>`, i, i))
		}
		start(b, n, 2*n, benchConfig(0), func(x *bench, i int) { x.handle(els[i/n%2][i%n]) })
	})
}

// members gives a room 10,000 members who are not inside.
func (x *bench) members() {
	for i := range 10000 {
		cmd := muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("m%d@users.bench", i)), Affiliation: muc.Member}
		if _, err := x.room.Do(benchTime, cmd); err != nil {
			x.b.Fatal(err)
		}
	}
}

// BenchmarkW5List reads the list of 10,000 members; "changed" after one of them
// has changed.
func BenchmarkW5List(b *testing.B) {
	get := element(`<iq from='u0@users.bench/r' to='room0@muc.bench' type='get' id='l'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query></iq>`)
	for _, mode := range []string{"changed", "unchanged"} {
		b.Run(mode+"/serialise", func(b *testing.B) {
			cfg := benchConfig(0)
			cfg.Limits.StanzaBytes = 1 << 24
			x := newBench(b, 1, cfg)
			x.members()
			x.write = true
			x.handle(get)
			if n := strings.Count(string(x.buf), "<item "); n != 10000 {
				b.Fatalf("%d items", n)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if mode == "changed" {
					i++
					cmd := muc.SetAffiliation{JID: muc.MustParseJID("m5@users.bench"), Affiliation: muc.Member + muc.Affiliation(i%2)}
					if _, err := x.room.Do(benchTime, cmd); err != nil {
						b.Fatal(err)
					}
				}
				x.handle(get)
			}
		})
	}
}

// BenchmarkW6AdminItem changes one affiliation in a room that remembers 10,000,
// and makes the events durable as JSON.
func BenchmarkW6AdminItem(b *testing.B) {
	for _, mode := range []string{"decide", "store"} {
		b.Run(mode, func(b *testing.B) {
			x := newBench(b, 1, benchConfig(0))
			x.members()
			var els [2]*etree.Element
			for i, aff := range []string{"admin", "member"} {
				els[i] = element(`<iq from='u0@users.bench/r' to='room0@muc.bench' type='set' id='s'><query xmlns='http://jabber.org/protocol/muc#admin'><item jid='m5@users.bench' affiliation='%s'/></query></iq>`, aff)
			}
			b.ReportAllocs()
			x.sent = 0
			i := 0
			for b.Loop() {
				x.handle(els[i%2])
				if mode == "store" {
					for _, ev := range x.fx.Events {
						text, err := ev.MarshalJSON()
						if err != nil {
							b.Fatal(err)
						}
						x.bytes += len(text)
					}
				}
				i++
			}
			x.report(i, 2)
		})
	}
}

// BenchmarkW7Rooms measures what many rooms hold in memory.
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
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				all := make([]*muc.Room, rooms)
				for i := range all {
					room, err := template.New(benchConfig(i).Room)
					if err != nil {
						b.Fatal(err)
					}
					for k := range n {
						el := element(`<presence from='u%d@users.bench/r' to='room%d@muc.bench/u%d'><x xmlns='http://jabber.org/protocol/muc'/><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://client.example' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>`, k, i, k)
						if _, err := room.Handle(benchTime, el); err != nil {
							b.Fatal(err)
						}
					}
					all[i] = room
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/rooms, "B/room")
				runtime.KeepAlive(all)
			}
		})
	}
}

// BenchmarkW8History joins a room of 10 that remembers messages, and leaves.
func BenchmarkW8History(b *testing.B) {
	for _, h := range []int{0, 20, 100} {
		b.Run(fmt.Sprintf("history=%d", h), func(b *testing.B) {
			join := element(`<presence from='late@users.bench/r' to='room0@muc.bench/late'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='%d'/></x></presence>`, h)
			leave := element(`<presence type='unavailable' from='late@users.bench/r' to='room0@muc.bench/late'/>`)
			cfg := benchConfig(0)
			cfg.Defaults.History = 100
			for _, mode := range []string{"decide", "serialise"} {
				b.Run(mode, func(b *testing.B) {
					x := newBench(b, 10, cfg)
					for i := range 100 {
						x.handle(element(`<message from='u0@users.bench/r' to='room0@muc.bench' type='groupchat' id='h%d'><body>%s</body></message>`, i, benchBody))
					}
					x.write = mode == "serialise"
					b.ReportAllocs()
					for b.Loop() {
						before := x.sent
						x.handle(join)
						if got := x.sent - before; got != 22+h {
							b.Fatalf("%d deliveries", got)
						}
						x.handle(leave)
					}
				})
			}
		})
	}
}

// BenchmarkFloorMemcpy is the least that serialising can cost: the bytes of one
// message, with another address spliced in for each recipient.
func BenchmarkFloorMemcpy(b *testing.B) {
	sizes(b, []int{1000, 10000}, func(b *testing.B, n int) {
		x := newBench(b, n, benchConfig(0))
		x.handle(element(`<message from='u0@users.bench/r' to='room0@muc.bench' type='groupchat' id='m1'><body>%s</body></message>`, benchBody))
		text := string(x.fx.Outbound[0].AppendXML(nil, muc.JID{}, ""))
		head, tail := text[:len("<message")], text[len("<message"):]
		addresses := make([]string, n)
		for i := range addresses {
			addresses[i] = fmt.Sprintf(" to='u%d@users.bench/r'", i)
		}
		buf := make([]byte, 0, 4096)
		total := 0
		steps := 0
		for b.Loop() {
			for _, to := range addresses {
				buf = append(append(append(buf[:0], head...), to...), tail...)
				total += len(buf)
			}
			steps++
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps*n), "ns/delivery")
	})
}

// BenchmarkRestore replays a log of messages and visits.
func BenchmarkRestore(b *testing.B) {
	x := newBench(b, 0, benchConfig(0))
	var log []muc.Event
	keep := func(el *etree.Element) {
		x.handle(el)
		log = append(log, x.fx.Events...)
	}
	for i := range 1000 {
		keep(joinOf(i))
		keep(element(`<message from='u%d@users.bench/r' to='room0@muc.bench' type='groupchat' id='m%d'><body>%s</body></message>`, i, i, benchBody))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := muc.Restore(benchConfig(0), nil, log); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(log))/b.Elapsed().Seconds(), "events/s")
}
