// Command compare measures this library beside other servers, one after the other
// on one machine, and prints one Markdown table of medians and ratios:
//
//	go run ./internal/compare [-peers DIR] [-quick] [-runs 6] [-peer-runs 1] [-only W2,W3] [-o FILE] [-raw FILE]
//
// DIR is a folder of rigs that drive the room engines of other servers in process:
// DIR/prosody/prosody.cfg.lua is a configuration that Prosody is started with,
// DIR/ejabberd/run1.sh a script that starts ejabberd. Both run the one workload that
// their environment names and print a line of JSON for each run. DIR/go-floor is a Go
// module with a benchmark, W2SerialiseMemcpy, of what serialising costs at least. What
// is not there or not installed is left out, and the table says so.
//
// All that was measured is kept in the raw file: our part is in the format that
// benchstat reads, and -read makes the table again without measuring anything.
//
// The method is described in docs/performance.md.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	peers          string
	runs, peerRuns int
	benchtime      time.Duration
	workloads      []workload
	out, raw, read string
	quick          bool
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{}
	only := ""
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.peers, "peers", "", "`folder` of the rigs of other servers; none runs ours alone")
	flags.IntVar(&o.runs, "runs", 6, "how often each of our benchmarks runs")
	flags.IntVar(&o.peerRuns, "peer-runs", 1, "how often each rig runs")
	flags.DurationVar(&o.benchtime, "benchtime", 300*time.Millisecond, "how long one run of one of our benchmarks takes at least")
	flags.StringVar(&only, "only", "", "`workloads` to run, as in W2,W3; none means all")
	flags.StringVar(&o.out, "o", "", "`file` to write the table to, besides printing it")
	flags.StringVar(&o.raw, "raw", filepath.Join(os.TempDir(), "muc-compare.txt"), "`file` to write all measurements to")
	flags.BoolVar(&o.quick, "quick", false, "leave out what takes the peers minutes, and what has no target")
	flags.StringVar(&o.read, "read", "", "raw `file` to make the table of, instead of measuring")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stderr)
		flags.Usage()
		return o, err
	}
	if err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.runs < 1:
		return o, fmt.Errorf("-runs %d: must be at least 1", o.runs)
	case o.peerRuns < 1:
		return o, fmt.Errorf("-peer-runs %d: must be at least 1", o.peerRuns)
	case o.benchtime <= 0:
		return o, fmt.Errorf("-benchtime %v: must be more than 0", o.benchtime)
	}
	if o.peers != "" {
		if o.peers, err = filepath.Abs(o.peers); err != nil {
			return o, err
		}
		if info, err := os.Stat(o.peers); err != nil || !info.IsDir() {
			return o, fmt.Errorf("-peers %s: no such folder", o.peers)
		}
	}
	o.workloads, err = choose(plan(), only)
	return o, err
}

// choose picks workloads by their names.
func choose(all []workload, only string) ([]workload, error) {
	if only == "" {
		return all, nil
	}
	var names []string
	for _, w := range all {
		names = append(names, w.name)
	}
	asked := strings.Split(only, ",")
	for _, name := range asked {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("-only: no workload %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(all, func(w workload) bool { return !slices.Contains(asked, w.name) }), nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	raw := &bytes.Buffer{}
	if o.read != "" {
		b, err := os.ReadFile(o.read)
		if err != nil {
			return err
		}
		raw.Write(b)
	} else if err := measureTo(ctx, o, raw, stderr); err != nil {
		return err
	}
	rec, err := parse(raw)
	if err != nil {
		return err
	}
	table := render(o.workloads, rec)
	if o.out != "" {
		if err := os.WriteFile(o.out, []byte(table), 0o644); err != nil {
			return err
		}
	}
	_, err = io.WriteString(stdout, table)
	return err
}

// measureTo measures into a buffer and the raw file, which is there in part also
// when something fails.
func measureTo(ctx context.Context, o options, raw *bytes.Buffer, stderr io.Writer) error {
	file, err := os.Create(o.raw)
	if err != nil {
		return err
	}
	err = measure(ctx, o, io.MultiWriter(raw, file), stderr)
	if closed := file.Close(); err == nil {
		err = closed
	}
	fmt.Fprintf(stderr, "measurements are in %s\n", o.raw)
	return err
}
