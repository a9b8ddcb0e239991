package main

import (
	"fmt"
	"slices"
)

// The peers, by the names that their rigs print, and the floor that stands beside them.
const (
	prosody  = "prosody"
	ejabberd = "ejabberd"
	floor    = "floor"
)

// workload is one of W1 to W8, or what else is measured: what is run for it, and
// what the table says of it.
type workload struct {
	name string
	// ours are patterns of benchmarks; what one pattern finds runs in one process.
	ours []pattern
	// floor is the same for the floor of the rigs.
	floor []pattern
	lines []line
}

// pattern is one of go test -bench.
type pattern struct {
	bench string
	gcOff bool
}

// gogc is the setting of the garbage collector.
func (p pattern) gogc() string {
	if p.gcOff {
		return "off"
	}
	return "100"
}

// cell is what a rig of a peer runs at once. Occupants is for many rooms: how many
// there are in each.
type cell struct {
	peer, workload string
	n              int
	mode           string
	occupants      int
}

func (c cell) String() string {
	s := fmt.Sprintf("%s %s N=%d %s", c.peer, c.workload, c.n, c.mode)
	if c.occupants > 0 {
		s += fmt.Sprintf(", %d occupants a room", c.occupants)
	}
	return s
}

// slow tells of a cell that it takes minutes.
func (c cell) slow() bool { return c.workload == "W7" || c.workload == "W2" && c.n > 1000 }

// cells are those that the lines of a workload need; if it must be quick, only for
// targets, and none that is slow.
func (w workload) cells(quick bool) []cell {
	var cells []cell
	for _, l := range w.lines {
		for _, c := range l.beside.cells {
			if skip := quick && (c.slow() || l.target == target{}); !skip && !slices.Contains(cells, c) {
				cells = append(cells, c)
			}
		}
	}
	return cells
}

func benches(patterns ...string) []pattern {
	var list []pattern
	for _, p := range patterns {
		list = append(list, pattern{bench: p})
	}
	return list
}

// serialised and decided are a workload of both peers at one size: with every
// recipient's bytes, and without.
func serialised(w string, n int) (e, p cell) {
	return cell{peer: ejabberd, workload: w, n: n, mode: "ser"}, cell{peer: prosody, workload: w, n: n, mode: "ser"}
}

func decided(w string, n int) (e, p cell) {
	return cell{peer: ejabberd, workload: w, n: n, mode: "route"}, cell{peer: prosody, workload: w, n: n, mode: "drop"}
}

// plan is all that is measured, with the targets.
func plan() []workload {
	return []workload{
		{name: "W1", ours: benches("^BenchmarkW1JoinStorm$/^N=(1000|5000)$"), lines: joinStorm()},
		{name: "W2", ours: append(benches(
			"^BenchmarkW2Groupchat$/^N=10$/^decide$",
			"^BenchmarkW2Groupchat$/^N=(100|10000)$/^decide$",
			"^BenchmarkW2Groupchat$/^N=1000$|^BenchmarkFloorMemcpy$/^N=1000$",
			"^BenchmarkW2Groupchat$/^N=10000$/^serialise$|^BenchmarkFloorMemcpy$/^N=10000$"),
			pattern{bench: "^BenchmarkW2Groupchat$/^N=(100|10000)$/^decide$", gcOff: true}), floor: benches("^BenchmarkW2SerialiseMemcpy$/^N=1000$", "^BenchmarkW2SerialiseMemcpy$/^N=10000$"), lines: groupchat()},
		{name: "W3", ours: benches("^BenchmarkW3Presence$"), lines: fanOut("presence update", "W3", "W3Presence")},
		{name: "W4", ours: benches("^BenchmarkW4Nick$"), lines: fanOut("nick change", "W4", "W4Nick")},
		{name: "W5", ours: benches("^BenchmarkW5List$"), lines: lists()},
		{name: "W6", ours: append(benches("^BenchmarkW6AdminItem$"),
			pattern{bench: "^BenchmarkW6AdminItem$/^N=(100|10000)$/^json$", gcOff: true}), lines: adminItem()},
		{name: "W7", ours: benches("^BenchmarkW7Rooms$", "^BenchmarkW7BigRoom$"), lines: manyRooms()},
		{name: "W8", ours: benches("^BenchmarkW8History$"), lines: history()},
		{name: "restore", ours: benches("^BenchmarkRestore$"), lines: restore()},
	}
}

func joinStorm() []line {
	const what = "Join storm, N = 1,000, serialise"
	e, p := serialised("W1", 1000)
	ours := bench("W1JoinStorm/N=1000/serialise", perDelivery)
	return []line{
		{what, ours, beside(e, perDelivery), faster, atLeast(120)},
		{what, ours, beside(p, perDelivery), faster, atLeast(600)},
		{"Join storm, N = 5,000 against N = 1,000, serialise", bench("W1JoinStorm/N=5000/serialise", perDelivery),
			ours.called("ours, N = 1,000"), costs, atMost(1.5)},
	}
}

func groupchat() []line {
	large := bench("W2Groupchat/N=10000/decide", perStep)
	small := bench("W2Groupchat/N=100/decide", perStep).called("ours, N = 100")
	const growth = "Message, N = 10,000 against N = 100, decide"
	e, p := decided("W2", 1000)
	decide := bench("W2Groupchat/N=1000/decide", perDelivery)
	lines := []line{
		{growth + ", GOGC=off", large.gcOff(), small.gcOff(), costs, atMost(1.2)},
		{growth, large, small, costs, atMost(1.5)},
		{"Allocations of a message, N = 10,000, decide", bench("W2Groupchat/N=10000/decide", allocs), figure{}, alone, atMost(12)},
		{"Message in a room of 10, whole Handle", bench("W2Groupchat/N=10/decide", perStep), figure{}, alone, atMost(2000)},
		{"Message, N = 1,000, decide", decide, beside(e, perDelivery), faster, target{}},
		{"Message, N = 1,000, decide", decide, beside(p, perDelivery), faster, target{}},
	}
	for _, n := range []int{1000, 10000} {
		what := fmt.Sprintf("Message, N = %s, serialise", thousands(n))
		ours := bench(fmt.Sprintf("W2Groupchat/N=%d/serialise", n), perDelivery)
		memcpy := bench(fmt.Sprintf("FloorMemcpy/N=%d", n), perDelivery).called("memcpy")
		rigs := bench(fmt.Sprintf("W2SerialiseMemcpy/N=%d", n), perDelivery).called("memcpy of the rigs")
		e, p := serialised("W2", n)
		lines = append(lines,
			line{what, ours, memcpy, costs, atMost(1.6)},
			line{what, ours, rigs, costs, atMost(1.6)},
			line{what, ours, beside(e, perDelivery), faster, atLeast(150)},
			line{what, ours, beside(p, perDelivery), faster, atLeast(800)},
			line{"Allocations of a " + lower(what), bench(fmt.Sprintf("W2Groupchat/N=%d/serialise", n), allocs), figure{}, alone, atMost(12)})
	}
	return lines
}

func fanOut(what, w, name string) []line {
	e, p := serialised(w, 1000)
	ours := bench(name+"/N=1000/serialise", perDelivery)
	what = upper(what) + ", N = 1,000, serialise"
	return []line{
		{what, ours, beside(e, perDelivery), faster, atLeast(120)},
		{what, ours, beside(p, perDelivery), faster, target{}},
	}
}

func lists() []line {
	e, p := serialised("W5", 10000)
	var lines []line
	for _, of := range []struct {
		what, mode string
		target     target
	}{
		{"the first time", "first", atLeast(5)},
		{"after a change", "changed", target{}},
		{"nothing changed since", "unchanged", atLeast(50)},
	} {
		what := "List of 10,000 members, " + of.what + ", serialise"
		ours := bench("W5List/"+of.mode+"/serialise", perStep)
		lines = append(lines,
			line{what, ours, beside(e, perStep), faster, of.target},
			line{what, ours, beside(p, perStep), faster, of.target})
	}
	return lines
}

func adminItem() []line {
	const what = "One admin item among 10,000, event as JSON"
	ours := bench("W6AdminItem/N=10000/json", perStep)
	e, p := decided("W6", 10000)
	stored, storedInProsody := decided("W6p", 10000)
	small := bench("W6AdminItem/N=100/json", perStep).called("ours, 100")
	const growth = "One admin item, 10,000 affiliations against 100, event as JSON"
	return []line{
		{growth + ", GOGC=off", ours.gcOff(), small.gcOff(), costs, atMost(1.2)},
		{growth, ours, small, costs, atMost(1.2)},
		{what, ours, beside(e, perStep), faster, atLeast(5)},
		{what, ours, beside(p, perStep), faster, atLeast(5)},
		{what + "; the peer stores its room", ours, beside(stored, perStep), faster, target{}},
		{what + "; the peer stores its room", ours, beside(storedInProsody, perStep), faster, target{}},
	}
}

func manyRooms() []line {
	one := bench("W7Rooms/occupants=1", perRoom)
	more := slope(bench("W7Rooms/occupants=5", perRoom), one)
	var lines []line
	for _, mode := range []cell{{peer: ejabberd, mode: "route"}, {peer: prosody, mode: "drop"}} {
		of := func(occupants int) figure {
			return beside(cell{mode.peer, "W7", 10000, mode.mode, occupants}, heapPerRoom)
		}
		lines = append(lines,
			line{"10,000 rooms of one, memory of each", one, of(1), faster, atMost(1000).ofOurs()},
			line{"10,000 rooms of five, memory of each occupant more", more, slope(of(5), of(1)), faster, atMost(500).ofOurs()})
	}
	return append(lines, line{"One room of 10,000, memory of each occupant", bench("W7BigRoom/N=10000", perOccupant), figure{}, alone, target{}})
}

func history() []line {
	const what = "Join into a room of 10 with 100 messages, serialise"
	e, p := serialised("W8", 100)
	ours := bench("W8History/history=100/serialise", perStep)
	return []line{
		{what, ours, beside(e, perStep), faster, atLeast(50)},
		{what, ours, beside(p, perStep), faster, atLeast(50)},
	}
}

func restore() []line {
	var lines []line
	for _, log := range []struct{ name, what string }{{"talk", "a day of talk"}, {"rush", "a rush of joins"}} {
		for _, form := range []struct {
			name   string
			target target
		}{{"typed", atLeast(1e6)}, {"JSON", atLeast(0.05e6)}} {
			lines = append(lines, line{"Restore of " + log.what + ", " + form.name + " events",
				bench("Restore/"+log.name+"/"+form.name, events), figure{}, alone, form.target})
		}
	}
	return lines
}
