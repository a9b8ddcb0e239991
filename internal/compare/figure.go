package main

import "slices"

// unit is what a figure counts.
type unit int

const (
	perDelivery unit = iota // nanoseconds
	perStep                 // nanoseconds
	allocs
	events
	perRoom     // bytes
	perOccupant // bytes
	heapPerRoom // bytes, as a rig reports them
)

// goUnits are the units of our benchmarks.
var goUnits = map[unit]string{
	perDelivery: "ns/delivery", perStep: "ns/op", allocs: "allocs/op", events: "events/s", perRoom: "B/room", perOccupant: "B/occupant",
}

// figure is a number that was measured, once a run. The zero figure is none.
type figure struct {
	name   string
	unit   unit
	values func(*record) []float64
	// cells are those of a peer that it is made of.
	cells []cell
	// sample is that of ours, for gcOff.
	sample sample
}

// bench is a figure of one of our benchmarks.
func bench(name string, u unit) figure { return ours(sample{name, goUnits[u], "100"}, u) }

func ours(s sample, u unit) figure {
	return figure{name: "ours", unit: u, sample: s, values: func(rec *record) []float64 { return rec.ours[s] }}
}

// gcOff is the same figure, measured with the garbage collector off.
func (f figure) gcOff() figure {
	s := f.sample
	s.gogc = "off"
	return ours(s, f.unit).called(f.name)
}

func (f figure) called(name string) figure {
	f.name = name
	return f
}

// beside is a figure of a peer.
func beside(c cell, u unit) figure {
	return figure{name: properNames[c.peer], unit: u, cells: []cell{c}, values: func(rec *record) []float64 {
		var values []float64
		for _, r := range rec.peers[c] {
			values = append(values, r.value(u))
		}
		return values
	}}
}

var properNames = map[string]string{prosody: "Prosody", ejabberd: "ejabberd", floor: "memcpy of the rigs"}

func (r result) value(u unit) float64 {
	switch u {
	case perDelivery:
		return r.Seconds * 1e9 / r.Deliveries
	case perStep:
		return r.Seconds * 1e9 / r.Steps
	default:
		return r.Heap
	}
}

// slope is what one occupant more costs, from rooms of five and rooms of one.
func slope(five, one figure) figure {
	return figure{name: five.name, unit: five.unit, cells: slices.Concat(five.cells, one.cells), values: func(rec *record) []float64 {
		return pairwise(five.values(rec), one.values(rec), func(a, b float64) float64 { return (a - b) / 4 })
	}}
}

// pairwise combines the figures of the same runs.
func pairwise(a, b []float64, f func(a, b float64) float64) []float64 {
	list := make([]float64, min(len(a), len(b)))
	for i := range list {
		list[i] = f(a[i], b[i])
	}
	return list
}

// median is that of at least one value.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
