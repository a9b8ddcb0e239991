package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The raw file holds what our benchmarks print, lines of JSON by the rigs, and notes
// about peers that were not measured. A line of configuration, as benchstat
// knows it, says how the garbage collector was set for what follows.
const (
	gogcKey    = "gogc"
	notePrefix = "# not measured: "
)

// record is all that was measured.
type record struct {
	ours  map[sample][]float64 // in the order of the rounds
	peers map[cell][]result
	// missing says why a peer was not measured, or not everywhere.
	missing map[string]string
	cpu     string
}

// sample names a series of figures of ours.
type sample struct {
	bench, unit, gogc string
}

// result is what a rig prints, as far as it is read.
type result struct {
	Peer       string  `json:"peer"`
	Workload   string  `json:"w"`
	N          int     `json:"n"`
	Mode       string  `json:"mode"`
	Occupants  int     `json:"per"`
	Seconds    float64 `json:"sec"`
	Steps      float64 `json:"ops"`
	Deliveries float64 `json:"deliveries"`
	Heap       float64 `json:"heap_per_room"`
}

// parse reads a raw file.
func parse(r io.Reader) (*record, error) {
	rec := &record{ours: map[sample][]float64{}, peers: map[cell][]result{}, missing: map[string]string{}}
	gogc := "100"
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		var err error
		if strings.HasPrefix(text, "Benchmark") {
			err = rec.readBenchmark(text, gogc)
		} else if strings.HasPrefix(text, "{") {
			err = rec.readResult(text)
		} else if about, ok := strings.CutPrefix(text, notePrefix); ok {
			peer, why, _ := strings.Cut(about, ": ")
			rec.missing[peer] = why
		} else if value, ok := strings.CutPrefix(text, gogcKey+": "); ok {
			gogc = value
		} else if value, ok := strings.CutPrefix(text, "cpu: "); ok {
			rec.cpu = value
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return rec, lines.Err()
}

// readBenchmark reads a line of go test: the name, the number of steps, and pairs
// of a value and its unit.
func (rec *record) readBenchmark(text, gogc string) error {
	fields := strings.Fields(text)
	if len(fields) < 4 || len(fields)%2 != 0 {
		return fmt.Errorf("not the line of a benchmark: %q", text)
	}
	name := strings.TrimPrefix(fields[0], "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			name = name[:i]
		}
	}
	for i := 2; i < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return fmt.Errorf("not a number: %q", fields[i])
		}
		s := sample{name, fields[i+1], gogc}
		rec.ours[s] = append(rec.ours[s], v)
	}
	return nil
}

func (rec *record) readResult(text string) error {
	var r result
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return fmt.Errorf("not the result of a rig: %w", err)
	}
	c := cell{r.Peer, r.Workload, r.N, r.Mode, r.Occupants}
	rec.peers[c] = append(rec.peers[c], r)
	return nil
}
