package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// line is a line of the table.
type line struct {
	what   string
	ours   figure
	beside figure
	ratio  ratio
	target target
}

// ratio is how the two figures of a line are compared.
type ratio int

const (
	// alone is not compared with anything.
	alone ratio = iota
	// costs says how many times the other's cost ours is: run by run, for both ran
	// beside each other.
	costs
	// faster says how many times ours fits into the other's, by medians.
	faster
)

// target bounds the ratio of a line, or our own figure. The zero target is none.
type target struct {
	bound   float64
	most    bool
	ownOnly bool
}

func atLeast(bound float64) target { return target{bound: bound} }
func atMost(bound float64) target  { return target{bound: bound, most: true} }

// ofOurs makes it a target for our own figure, though another stands beside it.
func (t target) ofOurs() target {
	t.ownOnly = true
	return t
}

func (t target) met(v float64) bool {
	if t.most {
		return v <= t.bound
	}
	return v >= t.bound
}

// render makes the table. Under it stand the peers that were not measured.
func render(workloads []workload, rec *record) string {
	var s strings.Builder
	s.WriteString("| Workload | Ours | Beside it | Ratio | Target | |\n|---|---|---|---|---|---|\n")
	for _, w := range workloads {
		for _, l := range w.lines {
			s.WriteString(l.render(rec))
		}
	}
	s.WriteString("\n")
	for _, peer := range []string{prosody, ejabberd, floor} {
		if why, ok := rec.missing[peer]; ok {
			fmt.Fprintf(&s, "%s: %s.\n", properNames[peer], why)
		}
	}
	s.WriteString(summary(rec))
	return s.String()
}

// none stands for what was not measured, or is not asked for.
const none = "–"

func (l line) render(rec *record) string {
	ours := l.ours.values(rec)
	var others []float64
	besides := none
	if l.ratio != alone {
		others = l.beside.values(rec)
		besides = l.beside.name + " " + none
		if len(others) > 0 {
			besides = l.beside.name + " " + l.beside.unit.format(median(others))
		}
	}
	own, ratioText, verdict := none, none, none
	if len(ours) > 0 {
		own = l.ours.unit.format(median(ours))
	}
	value, measured := l.compare(ours, others)
	if measured && l.ratio != alone {
		ratioText = significant(value) + " ×"
	}
	if l.ratio == alone || l.target.ownOnly {
		if measured = len(ours) > 0; measured {
			value = median(ours)
		}
	}
	if l.target != (target{}) {
		verdict = "not measured"
		if measured {
			verdict = map[bool]string{true: "met", false: "**not met**"}[l.target.met(value)]
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", l.what, own, besides, ratioText, l.targetText(), verdict)
}

// compare is the ratio of a line, if both sides were measured.
func (l line) compare(ours, others []float64) (v float64, ok bool) {
	if len(ours) == 0 || len(others) == 0 {
		return 0, false
	}
	if l.ratio == costs {
		return median(pairwise(ours, others, func(a, b float64) float64 { return a / b })), true
	}
	return median(others) / median(ours), true
}

func (l line) targetText() string {
	if l.target == (target{}) {
		return none
	}
	sign := "≥ "
	if l.target.most {
		sign = "≤ "
	}
	if l.ratio == alone || l.target.ownOnly {
		return sign + l.ours.unit.format(l.target.bound)
	}
	return sign + significant(l.target.bound) + " ×"
}

// summary says how many runs there were, and how far they lay apart.
func summary(rec *record) string {
	if len(rec.ours) == 0 {
		return ""
	}
	fewest, spreads := math.MaxInt, []float64(nil)
	for s, values := range rec.ours {
		fewest = min(fewest, len(values))
		if s.unit == goUnits[perDelivery] {
			spreads = append(spreads, (slices.Max(values)-slices.Min(values))/median(values))
		}
	}
	peers := "peers were not measured"
	if len(rec.peers) > 0 {
		runs := math.MaxInt
		for _, results := range rec.peers {
			runs = min(runs, len(results))
		}
		peers = fmt.Sprintf("of peers %d", runs)
	}
	return fmt.Sprintf("Medians of %d runs, %s, on one core: %s. Spread of our times a delivery, (max − min) / median: %.0f %% in the middle, %.0f %% at most.\n",
		fewest, peers, rec.cpu, 100*median(spreads), 100*slices.Max(spreads))
}

// format writes a value with its unit.
func (u unit) format(v float64) string {
	switch u {
	case perDelivery:
		return duration(v) + "/delivery"
	case perStep:
		return duration(v)
	case perRoom, perOccupant, heapPerRoom:
		return significant(v) + " B"
	case events:
		return significant(v/1e6) + " M/s"
	default:
		return significant(v)
	}
}

// duration writes nanoseconds.
func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return significant(ns) + " ns"
	case ns < 1e6:
		return significant(ns/1e3) + " µs"
	default:
		return significant(ns/1e6) + " ms"
	}
}

// significant writes a number with three digits, or all of a larger one.
func significant(v float64) string {
	if v >= 999.5 {
		return thousands(int(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
