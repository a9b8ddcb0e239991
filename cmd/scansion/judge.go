package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomuc/muc/scansion"
	"github.com/gomuc/muc/scansion/report"
)

// judging is what the flags say of judging a server.
type judging struct{ result, name string }

// judgeAll plays scripts as the specification allows, prints what is not kept, and writes the
// result.
func (j judging) judgeAll(ctx context.Context, files []string, options scansion.Options, stdout io.Writer) int {
	result := &report.Result{Server: j.name, Suite: suiteVersion(files), Played: time.Now().UTC().Truncate(time.Second)}
	kept, broken, skipped := 0, 0, map[string]int{}
	status := statusPassed
	for i, file := range files {
		verdict, err := judgeFile(ctx, file, options)
		if err != nil {
			fmt.Fprintf(stdout, "STOPPED at %s, %d scripts were not played: %v\n", file, len(files)-i, err)
			status = statusWrong
			break
		}
		result.Verdicts = append(result.Verdicts, verdict)
		switch {
		case verdict.Skipped != "":
			skipped[verdict.Skipped]++
			fmt.Fprintf(stdout, "SKIP %s: %s\n", file, verdict.Skipped)
		case len(verdict.Findings) == 0:
			kept++
			fmt.Fprintf(stdout, "KEPT %s\n", file)
		default:
			broken++
			fmt.Fprintf(stdout, "DIFFERS %s\n", file)
			for _, f := range verdict.Findings {
				printFinding(stdout, f)
				if len(f.Marks) == 0 || f.Marks[0].Level == scansion.Must {
					status = max(status, statusFailed)
				}
			}
		}
	}
	count := fmt.Sprintf("%d kept, %d differ", kept, broken)
	fmt.Fprintln(stdout, count+summary(skipped, stdout))
	if j.result != "" && len(result.Verdicts) > 0 {
		if err := write(j.result, result.Write); err != nil {
			fmt.Fprintln(stdout, err)
			return statusWrong
		}
	}
	return status
}

func judgeFile(ctx context.Context, file string, options scansion.Options) (scansion.Verdict, error) {
	if ctx.Err() != nil {
		return scansion.Verdict{}, context.Cause(ctx)
	}
	script, err := scansion.ParseFile(file)
	if err != nil {
		return scansion.Verdict{}, err
	}
	return scansion.Judge(script, options)
}

func printFinding(stdout io.Writer, f scansion.Finding) {
	if len(f.Marks) == 0 {
		fmt.Fprintln(stdout, "  the beginning did not go as in the script")
	}
	for _, m := range f.Marks {
		fmt.Fprintf(stdout, "  %s\n", m)
	}
	fmt.Fprintf(stdout, "  %s: %s %s\n", f.Where, f.Action, f.Reason)
	for _, part := range [...]struct{ title, text string }{
		{"wanted", f.Wanted}, {"came", f.Came}, {"difference", "    " + strings.Join(f.Differences, "\n    ")},
	} {
		if strings.TrimSpace(part.text) != "" {
			fmt.Fprintf(stdout, "  %s:\n%s\n", part.title, part.text)
		}
	}
}

// suiteVersion is what the file VERSION says in the folder of the scripts or one above it.
func suiteVersion(files []string) string {
	if len(files) == 0 {
		return ""
	}
	for dir := filepath.Dir(files[0]); ; dir = filepath.Dir(dir) {
		if src, err := os.ReadFile(filepath.Join(dir, "VERSION")); err == nil {
			return strings.TrimSpace(string(src))
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// write writes a file, or nothing if that fails.
func write(name string, content func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(content(f), f.Close())
}
