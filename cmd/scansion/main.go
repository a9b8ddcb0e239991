// Command scansion plays .scs scripts against rooms, in process and without a
// network:
//
//	scansion [--match subset|scansion|ordered|exact] [--trace] FILE|DIR…
//
// Directories are searched for *.scs, but for folders below them that are called
// prelude, which hold what scripts include. Each script is reported as PASS or FAIL,
// a failure with its line, what was expected and what came; the last line
// counts them. With --trace the whole conversation and all storage events are
// printed as well.
//
// The exit status is 1 if a script failed, and 2 if one cannot be read or does
// not parse, or if the command line is wrong.
//
// The language is described in package github.com/gomuc/muc/scansion.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

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
	options := scansion.Options{CheckReplay: true}
	flags := flag.NewFlagSet("scansion", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: scansion [--match subset|scansion|ordered|exact] [--trace] FILE|DIR…")
		flags.PrintDefaults()
	}
	flags.TextVar(&options.Mode, "match", scansion.Subset, "`mode` for scripts that do not choose one: subset, scansion, ordered or exact")
	trace := flags.Bool("trace", false, "print the whole conversation and all storage events")
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
	return playAll(files, options, stdout)
}

func playAll(files []string, options scansion.Options, stdout io.Writer) int {
	passed, status := 0, statusPassed
	for _, file := range files {
		err := playFile(file, options)
		if err == nil {
			passed++
			fmt.Fprintf(stdout, "PASS %s\n", file)
			continue
		}
		fmt.Fprintf(stdout, "FAIL %s\n%v\n", file, err)
		status = max(status, statusOf(err))
	}
	fmt.Fprintf(stdout, "%d passed, %d failed\n", passed, len(files)-passed)
	return status
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
