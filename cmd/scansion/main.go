// Command scansion plays .scs scripts against rooms: in process and without a network, or
// against any XMPP server:
//
//	scansion [--match subset|scansion|ordered|exact] [--trace] FILE|DIR…
//	scansion --match spec [--result FILE] [--name NAME] … FILE|DIR…
//	scansion report [--md FILE] [--html FILE] [--junit FILE] RESULT.json…
//	scansion --connect HOST:PORT --domain ROOMS --accounts FILE|--register|--anonymous … FILE|DIR…
//
// Directories are searched for *.scs, but for folders below them that are called
// prelude, which hold what scripts include. Each script is reported as PASS or FAIL,
// a failure with its line, what was expected and what came; the last line
// counts them. With --trace the whole conversation and all storage events are
// printed as well.
//
// Over the network real clients log in, rooms get names that nobody else has, and are
// destroyed in the end. Scripts that need what a server's own settings or its host would
// have to do are reported as SKIP, with the reason.
//
// With --match spec scripts are matched as the specification allows, whatever mode they have
// themselves: each is reported as KEPT or DIFFERS, with the sentences that are not kept. A file
// with the result is made into tables by the command report, side by side for several servers.
//
// The exit status is 1 if a script failed, or a MUST is not kept, and 2 if one cannot be read or does
// not parse, if the command line is wrong, or if the server cannot be reached.
//
// The language, and what it means over the network, is described in package
// github.com/gomuc/muc/scansion.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/gomuc/muc/scansion"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// The exit statuses.
const (
	statusPassed = 0
	statusFailed = 1
	statusWrong  = 2
)

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "report" {
		return tables(args[1:], stdout, stderr)
	}
	options := scansion.Options{CheckReplay: true}
	flags := flag.NewFlagSet("scansion", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: scansion [--match subset|scansion|ordered|exact] [--trace] FILE|DIR…\n"+
			"       scansion --match spec [--result FILE] [--name NAME] … FILE|DIR…\n"+
			"       scansion report [--md FILE] [--html FILE] [--junit FILE] RESULT.json…\n"+
			"       scansion --connect HOST:PORT --domain ROOMS --accounts FILE|--register|--anonymous … FILE|DIR…")
		flags.PrintDefaults()
	}
	flags.TextVar(&options.Mode, "match", scansion.Subset, "`mode` for scripts that do not choose one: subset, scansion, ordered or exact; with spec all are matched as the specification allows")
	trace := flags.Bool("trace", false, "print the whole conversation and all storage events")
	var judging judging
	flags.StringVar(&judging.result, "result", "", "with -match spec, a `file` for the result, from which \"scansion report\" makes tables")
	flags.StringVar(&judging.name, "name", "this server", "the `name` and version of the server in the result")
	var network connection
	network.flags(flags)
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return statusPassed
	} else if err != nil {
		return statusWrong
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return statusWrong
	}
	files, err := scansion.Files(flags.Args()...)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return statusWrong
	}
	if *trace {
		options.Trace = stdout
	}
	play := playAll
	if options.Mode == scansion.Spec {
		play = judging.judgeAll
	}
	if network.address == "" {
		return play(context.Background(), files, options, stdout)
	}
	return network.play(play, files, options, stdout, stderr)
}

// playAll plays scripts until the context ends, and the one that is playing then to its end.
func playAll(ctx context.Context, files []string, options scansion.Options, stdout io.Writer) int {
	passed, failed, status := 0, 0, statusPassed
	skipped := map[string]int{}
	for i, file := range files {
		if ctx.Err() != nil {
			fmt.Fprintf(stdout, "STOPPED, %d scripts were not played: %v\n", len(files)-i, context.Cause(ctx))
			status = statusWrong
			break
		}
		err := playFile(file, options)
		var skip *scansion.Skipped
		var lost *scansion.NetworkError
		switch {
		case err == nil:
			passed++
			fmt.Fprintf(stdout, "PASS %s\n", file)
			continue
		case errors.As(err, &skip):
			skipped[skip.Reason]++
			fmt.Fprintf(stdout, "SKIP %s: %s\n", file, skip.Reason)
			continue
		}
		failed++
		fmt.Fprintf(stdout, "FAIL %s\n%v\n", file, err)
		status = max(status, statusOf(err))
		if errors.As(err, &lost) {
			fmt.Fprintf(stdout, "STOPPED, %d scripts were not played\n", len(files)-i-1)
			break
		}
	}
	count := fmt.Sprintf("%d passed, %d failed", passed, failed)
	if options.Dial != nil {
		count += summary(skipped, stdout)
	}
	fmt.Fprintln(stdout, count)
	return status
}

// summary prints why scripts were skipped, the most frequent reason first, and counts them.
func summary(skipped map[string]int, stdout io.Writer) string {
	all := 0
	reasons := slices.SortedFunc(maps.Keys(skipped), func(a, b string) int {
		return cmp.Or(skipped[b]-skipped[a], strings.Compare(a, b))
	})
	for _, reason := range reasons {
		fmt.Fprintf(stdout, "skipped %d: %s\n", skipped[reason], reason)
		all += skipped[reason]
	}
	return fmt.Sprintf(", %d skipped", all)
}

func playFile(file string, options scansion.Options) error {
	script, err := scansion.ParseFile(file)
	if err != nil {
		return err
	}
	return scansion.Play(script, options)
}

func statusOf(err error) int {
	var failure *scansion.Failure
	if errors.As(err, &failure) {
		return statusFailed
	}
	return statusWrong
}
