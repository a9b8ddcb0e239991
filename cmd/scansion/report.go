package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/gomuc/muc/scansion/report"
)

// tables makes tables of results, side by side: the command "scansion report".
func tables(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("scansion report", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: scansion report [--md FILE] [--html FILE] [--junit FILE] RESULT.json…")
		flags.PrintDefaults()
	}
	outputs := []struct {
		name  string
		write func(io.Writer, ...*report.Result) error
		file  *string
	}{
		{"md", report.Markdown, flags.String("md", "", "a `file` for tables in Markdown; without any flag they go to the standard output")},
		{"html", report.HTML, flags.String("html", "", "a `file` for a page, with what was wanted and what came")},
		{"junit", report.JUnit, flags.String("junit", "", "a `file` for JUnit XML")},
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return statusPassed
	} else if err != nil {
		return statusWrong
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return statusWrong
	}
	var results []*report.Result
	for _, name := range flags.Args() {
		r, err := readResult(name)
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", name, err)
			return statusWrong
		}
		results = append(results, r)
	}
	written := false
	for _, out := range outputs {
		if *out.file == "" {
			continue
		}
		written = true
		if err := write(*out.file, func(w io.Writer) error { return out.write(w, results...) }); err != nil {
			fmt.Fprintln(stderr, err)
			return statusWrong
		}
	}
	if !written {
		if err := report.Markdown(stdout, results...); err != nil {
			fmt.Fprintln(stderr, err)
			return statusWrong
		}
	}
	return statusPassed
}

func readResult(name string) (*report.Result, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return report.Read(f)
}
