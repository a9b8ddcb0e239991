package muc_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// The benchmarks are the workloads that the comparison with other servers runs
// (docs/performance.md): one for each, on the same sizes and bodies. "decide" is
// Handle alone; "serialise" also writes every recipient's complete bytes to a
// writer that discards them. Each counts its deliveries.

// benchBody is a text of 100 bytes.
const benchBody = "lorem ipsum dolor sit amet lorem ipsum dolor sit amet lorem ipsum dolor sit amet lorem ipsum dolor s"

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

// elements makes n stanzas of a format in which every verb is the number of the
// stanza.
func elements(n int, format string) []*etree.Element {
	list := make([]*etree.Element, n)
	for i := range list {
		list[i] = element("%s", strings.ReplaceAll(format, "%d", strconv.Itoa(i)))
	}
	return list
}

// The stanzas of occupant number %d.
const (
	benchJoin    = `<presence from='u%d@users.bench/r' to='room0@muc.bench/u%d' id='j%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>`
	benchLeave   = `<presence from='u%d@users.bench/r' to='room0@muc.bench/u%d' type='unavailable'/>`
	benchMessage = `<message from='u0@users.bench/r' to='room0@muc.bench' type='groupchat' id='m%d'><body>` + benchBody + `</body></message>`
)

// messages are n different ones from occupant 0.
func messages(n int) []*etree.Element {
	return elements(n, benchMessage)
}

// discard is where serialised stanzas go.
type discard struct{ writes, bytes int }

func (d *discard) Write(b []byte) (int, error) {
	d.writes++
	d.bytes += len(b)
	return len(b), nil
}

// bench drives one room and counts what it delivers.
type bench struct {
	b    *testing.B
	room *muc.Room
	fx   muc.Effects
	buf  []byte
	// write says whether stanzas are serialised; out counts them if so, and sent if
	// not.
	write bool
	out   discard
	sent  int
}

// forms runs a benchmark in both forms.
func forms(b *testing.B, run func(b *testing.B, write bool)) {
	b.Run("decide", func(b *testing.B) { run(b, false) })
	b.Run("serialise", func(b *testing.B) { run(b, true) })
}

// start times the steps of a room with n occupants in both forms. Step i must
// make the given number of deliveries.
func start(b *testing.B, n, deliveries int, step func(x *bench, i int)) {
	forms(b, func(b *testing.B, write bool) {
		x := newBench(b, n, benchConfig(0))
		x.begin(write)
		i := 0
		for b.Loop() {
			step(x, i)
			i++
		}
		x.report(i * deliveries)
	})
}

// newBench makes a room with n occupants.
func newBench(b *testing.B, n int, cfg muc.Config) *bench {
	b.Helper()
	room, err := muc.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	x := &bench{b: b, room: room}
	for _, el := range elements(n, benchJoin) {
		x.handle(el)
	}
	return x
}

// begin counts from here.
func (x *bench) begin(write bool) {
	x.b.ReportAllocs()
	x.write, x.sent, x.out = write, 0, discard{}
}

func (x *bench) handle(el *etree.Element) {
	var err error
	if x.fx, err = x.room.Handle(benchTime, el); err != nil {
		x.b.Fatal(err)
	}
	x.deliver(&x.fx)
}

func (x *bench) deliver(fx *muc.Effects) {
	if fx.Refused != nil {
		x.b.Fatal(fx.Refused)
	}
	for i := range fx.Outbound {
		out := fx.Outbound[i]
		to := out.To()
		if !x.write {
			x.sent += len(to)
			continue
		}
		buf := x.buf
		for _, j := range to {
			buf = out.AppendXML(buf[:0], j, "")
			_, _ = x.out.Write(buf)
		}
		x.buf = buf
	}
}

// report holds the room to its number of deliveries.
func (x *bench) report(deliveries int) {
	x.b.Helper()
	if got := x.sent + x.out.writes; got != deliveries {
		x.b.Fatalf("%d deliveries, want %d", got, deliveries)
	}
	x.b.ReportMetric(float64(x.b.Elapsed().Nanoseconds())/float64(deliveries), "ns/delivery")
	if x.write {
		x.b.ReportMetric(float64(x.out.bytes)/float64(deliveries), "XML-B/delivery")
	}
}

// sizes runs a benchmark for several numbers of people.
func sizes(b *testing.B, ns []int, run func(b *testing.B, n int)) {
	for _, n := range ns {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) { run(b, n) })
	}
}

// BenchmarkW1JoinStorm fills an empty room: N² + N deliveries, one of them the
// subject that each newcomer is told.
func BenchmarkW1JoinStorm(b *testing.B) {
	sizes(b, []int{100, 1000, 5000}, func(b *testing.B, n int) {
		joins := elements(n, benchJoin)
		forms(b, func(b *testing.B, write bool) {
			x := newBench(b, 0, benchConfig(0))
			x.begin(write)
			storms := 0
			for b.Loop() {
				var err error
				if x.room, err = muc.New(benchConfig(0)); err != nil {
					b.Fatal(err)
				}
				for _, el := range joins {
					x.handle(el)
				}
				storms++
			}
			x.report(storms * (n*n + n))
		})
	})
}

// BenchmarkW2Groupchat sends messages of 100 bytes to everybody.
func BenchmarkW2Groupchat(b *testing.B) {
	els := messages(64)
	sizes(b, []int{10, 100, 1000, 10000}, func(b *testing.B, n int) {
		start(b, n, n, func(x *bench, i int) { x.handle(els[i%len(els)]) })
	})
}

// BenchmarkW3Presence changes the availability of another occupant each time.
func BenchmarkW3Presence(b *testing.B) {
	sizes(b, []int{1000}, func(b *testing.B, n int) {
		const format = `<presence from='u%d@users.bench/r' to='room0@muc.bench/u%d' id='p%d'><show>SHOW</show></presence>`
		var els [2][]*etree.Element
		for i, show := range []string{"away", "dnd"} {
			els[i] = elements(n, strings.ReplaceAll(format, "SHOW", show))
		}
		start(b, n, n, func(x *bench, i int) { x.handle(els[i/n%2][i%n]) })
	})
}

// BenchmarkW4Nick changes the nick of another occupant each time.
func BenchmarkW4Nick(b *testing.B) {
	sizes(b, []int{1000}, func(b *testing.B, n int) {
		els := [2][]*etree.Element{
			elements(n, `<presence from='u%d@users.bench/r' to='room0@muc.bench/n%d_%d' id='n%d'/>`),
			elements(n, `<presence from='u%d@users.bench/r' to='room0@muc.bench/u%d' id='n%d'/>`),
		}
		start(b, n, 2*n, func(x *bench, i int) { x.handle(els[i/n%2][i%n]) })
	})
}

// members gives a room n members who are not inside.
func (x *bench) members(n int) {
	for i := range n {
		cmd := muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("a%d@users.bench", i)), Affiliation: muc.Member}
		if _, err := x.room.Do(benchTime, cmd); err != nil {
			x.b.Fatal(err)
		}
	}
}

// BenchmarkW5List reads the list of 10,000 members: the "first" time in a room
// that has just been restored, after one of them has "changed", or "unchanged".
// The change is timed, the restoring is not.
func BenchmarkW5List(b *testing.B) {
	const n = 10000
	cfg := benchConfig(0)
	cfg.Limits.OutboundBytes, cfg.Limits.PageBytes = 4<<20, 2<<20 // the whole list at once, as the peers send it
	get := element(`<iq from='u0@users.bench/r' to='room0@muc.bench' type='get' id='g'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query></iq>`)
	before := map[string]func(x *bench, i int, snapshot []byte){
		"first": func(x *bench, _ int, snapshot []byte) {
			x.b.StopTimer()
			var err error
			if x.room, err = muc.Restore(cfg, snapshot, nil); err != nil {
				x.b.Fatal(err)
			}
			x.b.StartTimer()
		},
		"changed": func(x *bench, i int, _ []byte) {
			cmd := muc.SetAffiliation{JID: muc.MustParseJID("a5@users.bench"), Affiliation: muc.Member + muc.Affiliation(i%2)}
			if _, err := x.room.Do(benchTime, cmd); err != nil {
				x.b.Fatal(err)
			}
		},
		"unchanged": func(*bench, int, []byte) {},
	}
	for _, mode := range []string{"first", "changed", "unchanged"} {
		b.Run(mode, func(b *testing.B) {
			forms(b, func(b *testing.B, write bool) {
				x := newBench(b, 1, cfg)
				x.members(n)
				snapshot := x.room.Snapshot(muc.Live)
				x.begin(true)
				x.handle(get)
				if items := strings.Count(string(x.buf), "<item "); items != n {
					b.Fatalf("%d items", items)
				}
				x.begin(write)
				i := 0
				for b.Loop() {
					before[mode](x, i, snapshot)
					x.handle(get)
					i++
				}
				x.report(i)
			})
		})
	}
}

// BenchmarkW6AdminItem makes one of a hundred members an admin each time, or an
// admin a member again, in a room that remembers N people. "json"
// also encodes the event for a store.
func BenchmarkW6AdminItem(b *testing.B) {
	const format = `<iq from='u0@users.bench/r' to='room0@muc.bench' type='set' id='s%d'><query xmlns='http://jabber.org/protocol/muc#admin'><item jid='a%d@users.bench' affiliation='%s'/></query></iq>`
	const changing = 100
	encodings := map[string]func(x *bench, ev event.Event) error{
		"decide":    func(*bench, event.Event) error { return nil },
		"serialise": func(*bench, event.Event) error { return nil },
		"json": func(x *bench, ev event.Event) (err error) {
			x.buf, err = ev.MarshalJSON()
			return err
		},
	}
	sizes(b, []int{100, 10000}, func(b *testing.B, n int) {
		var els []*etree.Element
		for _, aff := range []string{"admin", "member"} {
			for i := range changing {
				els = append(els, element(format, i, i*n/changing, aff))
			}
		}
		for _, mode := range []string{"decide", "serialise", "json"} {
			b.Run(mode, func(b *testing.B) {
				x := newBench(b, 1, benchConfig(0))
				x.members(n)
				x.begin(mode == "serialise")
				encode := encodings[mode]
				i := 0
				for b.Loop() {
					x.handle(els[i%len(els)])
					for ev := range x.fx.Events() {
						if err := encode(x, ev); err != nil {
							b.Fatal(err)
						}
					}
					i++
				}
				x.report(2 * i) // an answer to the owner, who is also told
			})
		}
	})
}

// BenchmarkW8History joins a room of 10 that remembers 100 messages, of which the
// newcomer wants some. Only joins are timed: people leave sixteen rooms at a time,
// for it is dear to stop the clock.
func BenchmarkW8History(b *testing.B) {
	for _, h := range []int{0, 20, 100} {
		b.Run(fmt.Sprintf("history=%d", h), func(b *testing.B) {
			joins := elements(1024, strings.ReplaceAll(strings.ReplaceAll(benchJoin, "u%d", "late%d"),
				"/muc'/>", fmt.Sprintf("/muc'><history maxstanzas='%d'/></x>", h)))
			leaves := elements(len(joins), strings.ReplaceAll(benchLeave, "u%d", "late%d"))
			cfg := benchConfig(0)
			cfg.Defaults.History = 100
			forms(b, func(b *testing.B, write bool) {
				rooms := make([]*muc.Room, 16)
				for i := range rooms {
					x := newBench(b, 10, cfg)
					for _, el := range messages(100) {
						x.handle(el)
					}
					rooms[i] = x.room
				}
				x := &bench{b: b}
				x.begin(write)
				i := 0
				for b.Loop() {
					x.room = rooms[i%len(rooms)]
					x.handle(joins[i%len(joins)])
					if i++; i%len(rooms) == 0 {
						b.StopTimer()
						x.leaveAll(rooms, leaves[(i-len(rooms))%len(leaves):])
						b.StartTimer()
					}
				}
				x.report(i * (22 + h))
			})
		})
	}
}

// leaveAll makes one person leave each room, uncounted.
func (x *bench) leaveAll(rooms []*muc.Room, leaves []*etree.Element) {
	counted := *x
	x.write = false
	for i, room := range rooms {
		x.room = room
		x.handle(leaves[i])
	}
	x.write, x.sent = counted.write, counted.sent
}

// BenchmarkFloorMemcpy is the least that serialising can cost: the bytes of one
// message, with another address spliced in for each recipient.
func BenchmarkFloorMemcpy(b *testing.B) {
	sizes(b, []int{1000, 10000}, func(b *testing.B, n int) {
		x := newBench(b, n, benchConfig(0))
		x.handle(messages(1)[0])
		text := string(x.fx.Outbound[0].AppendXML(nil, muc.JID{}, ""))
		head, tail := text[:len("<message")], text[len("<message"):]
		addresses := make([]string, n)
		for i := range addresses {
			addresses[i] = fmt.Sprintf(" to='u%d@users.bench/r'", i)
		}
		x.begin(true)
		steps := 0
		var buf []byte
		for b.Loop() {
			for _, to := range addresses {
				buf = append(append(append(buf[:0], head...), to...), tail...)
				_, _ = x.out.Write(buf)
			}
			steps++
		}
		x.report(steps * n)
	})
}
