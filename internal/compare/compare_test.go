package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOptions(t *testing.T) {
	empty := t.TempDir()
	tests := []struct{ args, err string }{
		{"", ""},
		{"-runs 2 -peer-runs 3 -only W2,restore -peers " + empty, ""},
		{"-nope", "flag provided but not defined: -nope"},
		{"W2", `unexpected argument "W2"`},
		{"-runs 0", "-runs 0: must be at least 1"},
		{"-peer-runs -1", "-peer-runs -1: must be at least 1"},
		{"-benchtime 0s", "-benchtime 0s: must be more than 0"},
		{"-only W2,W9", `-only: no workload "W9"; there are W1, W2, W3, W4, W5, W6, W7, W8, restore`},
		{"-peers " + filepath.Join(empty, "none"), "-peers " + filepath.Join(empty, "none") + ": no such folder"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			_, err := parseOptions(strings.Fields(tt.args), io.Discard)
			if tt.err == "" {
				assert.NoError(t, err)
			} else {
				assert.EqualError(t, err, tt.err)
			}
		})
	}
	help := &bytes.Buffer{}
	_, err := parseOptions([]string{"-h"}, help)
	assert.ErrorIs(t, err, flag.ErrHelp)
	assert.Contains(t, help.String(), "-peer-runs")
}

func TestChoose(t *testing.T) {
	chosen, err := choose(plan(), "W3,W2")
	require.NoError(t, err)
	require.Len(t, chosen, 2)
	assert.Equal(t, "W2", chosen[0].name)
	assert.Equal(t, "W3", chosen[1].name)
}

// TestPlanNamesBenchmarks holds the plan to benchmarks that are there.
func TestPlanNamesBenchmarks(t *testing.T) {
	files, err := filepath.Glob("../../bench*_test.go")
	require.NoError(t, err)
	var source []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		source = append(source, text...)
	}
	for _, w := range plan() {
		var patterns []string
		for _, p := range w.ours {
			patterns = append(patterns, p.bench)
		}
		for _, l := range w.lines {
			name, _, _ := strings.Cut(l.ours.sample.bench, "/")
			if name == "" {
				continue // made of others
			}
			assert.True(t, strings.Contains(string(source), "func Benchmark"+name+"("), "there is no Benchmark%s", name)
			assert.Contains(t, strings.Join(patterns, " "), "^Benchmark"+name+"$", l.what)
		}
		for _, c := range w.cells(false) {
			assert.Contains(t, c.workload, w.name, "a cell of another workload")
		}
	}
}

// TestQuick leaves out the cells that take minutes, and those without a target.
func TestQuick(t *testing.T) {
	for name, want := range map[string][2]int{"W1": {2, 2}, "W2": {6, 2}, "W3": {2, 1}, "W7": {4, 0}} {
		w, err := choose(plan(), name)
		require.NoError(t, err)
		assert.Len(t, w[0].cells(false), want[0], name)
		assert.Len(t, w[0].cells(true), want[1], name)
	}
}

func TestPeerRunsDue(t *testing.T) {
	tests := []struct {
		rounds, peerRuns int
		want             []int
	}{
		{6, 1, []int{0, 0, 1, 0, 0, 0}},
		{6, 2, []int{0, 1, 0, 0, 1, 0}},
		{1, 3, []int{3}},
		{2, 5, []int{3, 2}},
	}
	for _, tt := range tests {
		var due []int
		for round := 1; round <= tt.rounds; round++ {
			due = append(due, peerRunsDue(round, tt.rounds, tt.peerRuns))
		}
		assert.Equal(t, tt.want, due, "%d runs among %d", tt.peerRuns, tt.rounds)
	}
}

const rawSample = `gogc: 100
goos: linux
cpu: A Processor
BenchmarkW3Presence/N=1000/serialise-8   	 100	 20000 ns/op	 20.0 ns/delivery	 300 B/op	 9 allocs/op
BenchmarkFloorMemcpy/N=1000              	 100	 10000 ns/op	 10.0 ns/delivery
{"peer":"ejabberd","w":"W3","n":1000,"mode":"ser","sec":1.2,"ops":300,"deliveries":300000,"bytes":5}
PASS
gogc: off
BenchmarkW3Presence/N=1000/serialise     	 100	 1 ns/op
gogc: 100
BenchmarkW3Presence/N=1000/serialise     	 100	 60000 ns/op	 60.0 ns/delivery	 300 B/op	 9 allocs/op
BenchmarkFloorMemcpy/N=1000              	 100	 20000 ns/op	 20.0 ns/delivery
# not measured: prosody: not installed: no prosody
BenchmarkW3Presence/N=1000/serialise     	 100	 10000 ns/op	 10.0 ns/delivery	 300 B/op	 9 allocs/op
BenchmarkFloorMemcpy/N=1000              	 100	 10000 ns/op	 10.0 ns/delivery
`

func TestParse(t *testing.T) {
	rec, err := parse(strings.NewReader(rawSample))
	require.NoError(t, err)
	assert.Equal(t, []float64{20, 60, 10}, rec.ours[sample{"W3Presence/N=1000/serialise", "ns/delivery", "100"}])
	assert.Equal(t, []float64{1}, rec.ours[sample{"W3Presence/N=1000/serialise", "ns/op", "off"}])
	results := rec.peers[cell{ejabberd, "W3", 1000, "ser", 0}]
	require.Len(t, results, 1)
	assert.InDelta(t, 4000, results[0].value(perDelivery), 0.1)
	assert.InDelta(t, 4e6, results[0].value(perStep), 0.1)
	assert.Equal(t, map[string]string{prosody: "not installed: no prosody"}, rec.missing)

	for _, bad := range []string{"BenchmarkX", "BenchmarkX 1 2", "BenchmarkX 1 x ns/op", "{no"} {
		_, err := parse(strings.NewReader("\n" + bad + "\n"))
		assert.ErrorContains(t, err, "line 2: ", bad)
	}
}

func TestRender(t *testing.T) {
	rec, err := parse(strings.NewReader(rawSample))
	require.NoError(t, err)
	e, p := serialised("W3", 1000)
	ours := bench("W3Presence/N=1000/serialise", perDelivery)
	got := render([]workload{{name: "W3", lines: []line{
		{"Presence", ours, beside(e, perDelivery), faster, atLeast(201)},
		{"Presence", ours, beside(p, perDelivery), faster, atLeast(600)},
		{"Presence", ours, bench("FloorMemcpy/N=1000", perDelivery).called("memcpy"), costs, atMost(2)},
		{"Presence", ours, beside(e, perDelivery), faster, atMost(20).ofOurs()},
		{"Presence", ours, beside(e, perDelivery), faster, target{}},
		{"Allocations", bench("W3Presence/N=1000/serialise", allocs), figure{}, alone, atMost(8)},
		{"Events", bench("Restore/talk/typed", events), figure{}, alone, atLeast(5e6)},
	}}}, rec)
	assert.Equal(t, `| Workload | Ours | Beside it | Ratio | Target | |
|---|---|---|---|---|---|
| Presence | 20 ns/delivery | ejabberd 4 µs/delivery | 200 × | ≥ 201 × | **not met** |
| Presence | 20 ns/delivery | Prosody – | – | ≥ 600 × | not measured |
| Presence | 20 ns/delivery | memcpy 10 ns/delivery | 2 × | ≤ 2 × | met |
| Presence | 20 ns/delivery | ejabberd 4 µs/delivery | 200 × | ≤ 20 ns/delivery | met |
| Presence | 20 ns/delivery | ejabberd 4 µs/delivery | 200 × | – | – |
| Allocations | 9 | – | – | ≤ 8 | **not met** |
| Events | – | – | – | ≥ 5 M/s | not measured |

Prosody: not installed: no prosody.
Medians of 1 runs, of peers 1, on one core: A Processor. Spread of our times a delivery, (max − min) / median: 175 % in the middle, 250 % at most.
`, got)
}

// TestSlope: rooms of five and of one tell what an occupant more costs.
func TestSlope(t *testing.T) {
	rec, err := parse(strings.NewReader("BenchmarkW7Rooms/occupants=1 1 900 B/room\nBenchmarkW7Rooms/occupants=5 1 2500 B/room\n"))
	require.NoError(t, err)
	f := slope(bench("W7Rooms/occupants=5", perRoom), bench("W7Rooms/occupants=1", perRoom))
	assert.Equal(t, []float64{400}, f.values(rec))
}

func TestFormats(t *testing.T) {
	for v, want := range map[float64]string{0.9: "0.9 ns", 10.04: "10 ns", 999.6: "1,000 ns", 1234: "1.23 µs", 14.8e6: "14.8 ms", 2.4e9: "2,400 ms"} {
		assert.Equal(t, want, duration(v))
	}
	assert.Equal(t, "1,234,567", thousands(1234567))
	assert.Equal(t, "5.25 M/s", events.format(5.25e6))
	assert.InDelta(t, 2.5, median([]float64{4, 1, 2, 3}), 0)
}

// TestReadAgain makes the table of a file, and measures nothing.
func TestReadAgain(t *testing.T) {
	raw, table := filepath.Join(t.TempDir(), "raw"), filepath.Join(t.TempDir(), "table")
	require.NoError(t, os.WriteFile(raw, []byte(rawSample), 0o644))
	stdout := &bytes.Buffer{}
	require.NoError(t, run(t.Context(), []string{"-read", raw, "-only", "W3", "-o", table}, stdout, io.Discard))
	assert.Contains(t, stdout.String(), "| Presence update, N = 1,000, serialise | 20 ns/delivery | ejabberd 4 µs/delivery | 200 × | ≥ 120 × | met |")
	written, err := os.ReadFile(table)
	require.NoError(t, err)
	assert.Equal(t, stdout.String(), string(written))
	assert.Error(t, run(t.Context(), []string{"-read", raw + ".none"}, io.Discard, io.Discard))
}

func TestPeersThatAreNotThere(t *testing.T) {
	raw := &bytes.Buffer{}
	assert.Empty(t, findPeers("", raw, io.Discard))
	rec, err := parse(raw)
	require.NoError(t, err)
	assert.Contains(t, rec.missing[prosody], "-peers names no folder")
	assert.Contains(t, rec.missing[ejabberd], "-peers names no folder")

	raw.Reset()
	assert.Empty(t, findPeers(t.TempDir(), raw, io.Discard))
	assert.Contains(t, raw.String(), "no ejabberd/run1.sh")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rig"), nil, 0o644))
	assert.Equal(t, "not installed: no a-server-that-nobody-wrote", absence(dir, "rig", []string{"a-server-that-nobody-wrote"}))
}

// TestRigCommands: each rig gets its cell in its environment.
func TestRigCommands(t *testing.T) {
	cmd := prosodyCommand("/rigs")(t.Context(), cell{prosody, "W6p", 10000, "drop", 0}, "/scratch")
	for _, want := range []string{"MUCBENCH_W=W6p", "MUCBENCH_N=10000", "MUCBENCH_MODE=drop", "MUCBENCH_DATA=/scratch", "MUCBENCH_PERSIST=1"} {
		assert.Contains(t, cmd.Env, want)
	}
	cmd = ejabberdCommand("/rigs")(t.Context(), cell{ejabberd, "W8", 100, "ser", 0}, "/scratch")
	for _, want := range []string{"W=W8", "N=100", "MODE=ser", "M=0", "HISTORY=100"} {
		assert.Contains(t, cmd.Env, want)
	}
	cmd = ejabberdCommand("/rigs")(t.Context(), cell{ejabberd, "W7", 10000, "route", 5}, "/scratch")
	assert.Contains(t, cmd.Env, "M=5")
	assert.Contains(t, cmd.Env, "HISTORY=20")
}

// rigVar makes this test binary play a rig.
const rigVar = "COMPARE_TEST_RIG"

func fakePeer(script string) *peer {
	return &peer{name: ejabberd, command: func(ctx context.Context, c cell, _ string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestAsRig$")
		cmd.Env = append(os.Environ(), rigVar+"="+script)
		return cmd
	}}
}

// TestAsRig is what fakePeer runs; by itself it does nothing.
func TestAsRig(t *testing.T) {
	switch os.Getenv(rigVar) {
	case "result":
		fmt.Println("starting")
		fmt.Println(`{"peer":"ejabberd","w":"W3","n":1000,"mode":"ser","sec":1,"ops":1,"deliveries":1000}`)
	case "failure":
		t.Fatal("broken")
	}
}

func TestPeers(t *testing.T) {
	e, p := serialised("W3", 1000)
	for script, want := range map[string]struct {
		results int
		missing string
	}{
		"result":  {2, ""},
		"failure": {0, "failed at ejabberd W3 N=1000 ser"},
		"silence": {0, "failed at ejabberd W3 N=1000 ser"},
	} {
		t.Run(script, func(t *testing.T) {
			raw, progress := &bytes.Buffer{}, &bytes.Buffer{}
			fake := fakePeer(script)
			fake.runAll(t.Context(), []cell{e, p, e}, raw, func(format string, args ...any) { fmt.Fprintf(progress, format+"\n", args...) })
			rec, err := parse(raw)
			require.NoError(t, err)
			assert.Len(t, rec.peers[e], want.results)
			assert.Equal(t, want.missing, rec.missing[ejabberd])
			assert.NotContains(t, progress.String(), "prosody")
			assert.Equal(t, want.missing != "", strings.Contains(progress.String(), "failed"))
		})
	}
}

func TestErrorsOfBenchmarks(t *testing.T) {
	none := &benchmarks{binary: filepath.Join(t.TempDir(), "none")}
	err := none.run(t.Context(), pattern{bench: "^BenchmarkX$"}, io.Discard)
	assert.ErrorContains(t, err, "benchmarks ^BenchmarkX$: ")
	assert.False(t, errors.Is(err, flag.ErrHelp))
}

// TestFloor: the floor of the rigs is measured if it is there, and builds.
func TestFloor(t *testing.T) {
	raw := &bytes.Buffer{}
	assert.Nil(t, buildFloor(t.Context(), "", t.TempDir(), time.Millisecond, raw, io.Discard))
	assert.Nil(t, buildFloor(t.Context(), t.TempDir(), t.TempDir(), time.Millisecond, raw, io.Discard))
	assert.Contains(t, raw.String(), "floor: not asked for")
	assert.Contains(t, raw.String(), "floor: the folder of rigs has no go-floor/go.mod")

	rigs := t.TempDir()
	dir := filepath.Join(rigs, "go-floor")
	require.NoError(t, os.Mkdir(dir, 0o755))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("go.mod", "module floor\n\ngo 1.26\n")
	write("floor_test.go", "package floor\n\nbroken")
	assert.Nil(t, buildFloor(t.Context(), rigs, t.TempDir(), time.Millisecond, raw, io.Discard))
	assert.Contains(t, raw.String(), "floor: its benchmarks do not build")

	write("floor_test.go", `package floor

import "testing"

func BenchmarkW2SerialiseMemcpy(b *testing.B) { b.Run("N=1000", func(b *testing.B) { b.ReportMetric(3, "ns/delivery") }) }
`)
	raw.Reset()
	f := buildFloor(t.Context(), rigs, t.TempDir(), time.Millisecond, raw, io.Discard)
	require.NotNil(t, f)
	require.NoError(t, f.run(t.Context(), pattern{bench: "^BenchmarkW2SerialiseMemcpy$/^N=1000$"}, raw))
	rec, err := parse(raw)
	require.NoError(t, err)
	assert.Equal(t, []float64{3}, rec.ours[sample{"W2SerialiseMemcpy/N=1000", goUnits[perDelivery], "100"}])
}
