package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// measure runs the workloads one after the other and writes what they print. The
// speed of a machine drifts, so all that is compared runs within the same minutes:
// a workload is done, with its peers, before the next one begins.
func measure(ctx context.Context, o options, raw, progress io.Writer) error {
	dir, err := os.MkdirTemp("", "muc-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ours, err := buildOurs(ctx, dir, o.benchtime)
	if err != nil {
		return err
	}
	rigFloor := buildFloor(ctx, o.peers, dir, o.benchtime, raw, progress)
	peers := findPeers(o.peers, raw, progress)
	begin := time.Now()
	say := func(format string, args ...any) {
		fmt.Fprintf(progress, "%6.0f s  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}
	for _, w := range o.workloads {
		for round := 1; round <= o.runs; round++ {
			say("%s, run %d of %d", w.name, round, o.runs)
			for _, p := range w.ours {
				if err := ours.run(ctx, p, raw); err != nil {
					return cmp.Or(ctx.Err(), err)
				}
			}
			if rigFloor != nil {
				for _, p := range w.floor {
					if err := rigFloor.run(ctx, p, raw); err != nil {
						return cmp.Or(ctx.Err(), err)
					}
				}
			}
			for range peerRunsDue(round, o.runs, o.peerRuns) {
				for _, p := range peers {
					p.runAll(ctx, w.cells(o.quick), raw, say)
				}
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// peerRunsDue says how often the peers run after a round, so that their runs are
// spread evenly among the rounds of ours.
func peerRunsDue(round, rounds, peerRuns int) int {
	before := func(round int) int { return (round*peerRuns + rounds/2) / rounds }
	return before(round) - before(round-1)
}

// benchmarks are a test binary.
type benchmarks struct {
	binary, dir string
	benchtime   time.Duration
}

const library = "github.com/gomuc/muc"

func buildOurs(ctx context.Context, scratch string, benchtime time.Duration) (*benchmarks, error) {
	where, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", library).Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s, in the module's own folder: %w", library, err)
	}
	return build(ctx, library, &benchmarks{filepath.Join(scratch, "muc.test"), strings.TrimSpace(string(where)), benchtime})
}

// buildFloor builds the benchmarks of DIR/go-floor, a module that does no room's work,
// only what serialising must. It is nil, and noted, if that cannot be done.
func buildFloor(ctx context.Context, rigs, scratch string, benchtime time.Duration, raw, progress io.Writer) *benchmarks {
	why := absence(rigs, "go-floor/go.mod", nil)
	if why == "" {
		f, err := build(ctx, ".", &benchmarks{filepath.Join(scratch, "floor.test"), filepath.Join(rigs, "go-floor"), benchtime})
		if err == nil {
			return f
		}
		fmt.Fprintf(progress, "%v\n", err)
		why = "its benchmarks do not build"
	}
	note(floor, why, raw)
	fmt.Fprintf(progress, "%s: %s\n", floor, why)
	return nil
}

// build builds the tests of a package, seen from their own module.
func build(ctx context.Context, pkg string, b *benchmarks) (*benchmarks, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", b.binary, pkg)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go test -c %s: %w\n%s", pkg, err, out)
	}
	return b, nil
}

// run runs the benchmarks of a pattern once, on one core.
func (o *benchmarks) run(ctx context.Context, p pattern, raw io.Writer) error {
	cmd := exec.CommandContext(ctx, o.binary, "-test.run", "^$", "-test.bench", p.bench, "-test.cpu", "1",
		"-test.benchtime", o.benchtime.String(), "-test.timeout", "30m")
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC="+p.gogc())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmarks %s: %w\n%s", p.bench, err, out)
	}
	_, err = fmt.Fprintf(raw, "%s: %s\n%s", gogcKey, p.gogc(), out)
	return err
}

// A peer is another server with a rig.
type peer struct {
	name string
	// command makes the command that runs a cell; scratch is an empty folder.
	command func(ctx context.Context, c cell, scratch string) *exec.Cmd
	failed  bool
}

// findPeers looks which peers are there, and notes why one is not.
func findPeers(dir string, raw, progress io.Writer) []*peer {
	var found []*peer
	for _, p := range []struct {
		peer
		programs []string
		rig      string
	}{
		{peer{name: prosody, command: prosodyCommand(dir)}, []string{"prosody"}, "prosody/prosody.cfg.lua"},
		{peer{name: ejabberd, command: ejabberdCommand(dir)}, []string{"ejabberdctl", "erl", "erlc"}, "ejabberd/run1.sh"},
	} {
		if why := absence(dir, p.rig, p.programs); why != "" {
			note(p.name, why, raw)
			fmt.Fprintf(progress, "%s: %s\n", p.name, why)
			continue
		}
		found = append(found, &p.peer)
	}
	return found
}

func absence(dir, rig string, programs []string) string {
	if dir == "" {
		return "not asked for: -peers names no folder"
	}
	if _, err := os.Stat(filepath.Join(dir, rig)); err != nil {
		return "the folder of rigs has no " + rig
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return "not installed: no " + program
		}
	}
	return ""
}

// note writes a line about a peer that was not measured.
func note(peer, why string, raw io.Writer) { fmt.Fprintf(raw, "%s%s: %s\n", notePrefix, peer, why) }

// runAll runs the cells of a workload once. A peer that fails is left out from then
// on, and the others go on.
func (p *peer) runAll(ctx context.Context, cells []cell, raw io.Writer, say func(string, ...any)) {
	for _, c := range cells {
		if c.peer != p.name || p.failed || ctx.Err() != nil {
			continue
		}
		say("%s", c)
		if err := p.run(ctx, c, raw); err != nil {
			p.failed = true
			note(p.name, "failed at "+c.String(), raw)
			say("%s failed: %v", c, err)
		}
	}
}

func (p *peer) run(ctx context.Context, c cell, raw io.Writer) error {
	scratch, err := os.MkdirTemp("", "muc-compare-peer-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	cmd := p.command(ctx, c, scratch)
	cmd.Dir = scratch
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	results := 0
	for line := range bytes.Lines(out) {
		if bytes.HasPrefix(line, []byte("{")) {
			results++
			if _, err := raw.Write(append(bytes.TrimSpace(line), '\n')); err != nil {
				return err
			}
		}
	}
	if results == 0 {
		return fmt.Errorf("it printed no result\n%s", out)
	}
	return nil
}

func prosodyCommand(dir string) func(context.Context, cell, string) *exec.Cmd {
	rig := filepath.Join(dir, "prosody")
	return func(ctx context.Context, c cell, scratch string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "prosody", "--config", filepath.Join(rig, "prosody.cfg.lua"), "-F")
		cmd.Env = append(os.Environ(), "MUCBENCH_DIR="+rig, "MUCBENCH_DATA="+scratch, "MUCBENCH_OUT="+filepath.Join(scratch, "results"),
			"MUCBENCH_W="+c.workload, "MUCBENCH_N="+strconv.Itoa(c.n), "MUCBENCH_MODE="+c.mode, "MUCBENCH_M="+strconv.Itoa(c.occupants))
		if c.workload == "W6p" {
			cmd.Env = append(cmd.Env, "MUCBENCH_PERSIST=1", "MUCBENCH_STORAGE=internal")
		}
		return cmd
	}
}

func ejabberdCommand(dir string) func(context.Context, cell, string) *exec.Cmd {
	return func(ctx context.Context, c cell, _ string) *exec.Cmd {
		history := 20
		if c.workload == "W8" {
			history = c.n
		}
		cmd := exec.CommandContext(ctx, filepath.Join(dir, "ejabberd", "run1.sh"))
		cmd.Env = append(os.Environ(), "OUT=", "REPS=1", "W="+c.workload, "N="+strconv.Itoa(c.n), "MODE="+c.mode,
			"M="+strconv.Itoa(c.occupants), "HISTORY="+strconv.Itoa(history))
		return cmd
	}
}
