package main

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

// The processes of the cluster are this program.
func TestMain(m *testing.M) {
	if !asRole() {
		os.Exit(m.Run())
	}
}

var breaks = flag.Duration("breaks", 0, "how long the cluster runs with each thing that is broken on purpose; 0: not at all")

// The drill notices what is broken on purpose, each of it, and nothing where nothing is. It takes minutes: on demand, with
// -breaks 90s.
func TestBreaks(t *testing.T) {
	if *breaks == 0 {
		return
	}
	for _, what := range append([]string{""}, sabotages...) {
		t.Run(fmt.Sprintf("%q", what), func(t *testing.T) {
			o := flags(flag.NewFlagSet("", flag.PanicOnError))
			o.last, o.every, o.sabot, o.seed, o.dir = *breaks, 8*time.Second, what, 1, t.TempDir()
			if err := drill(t.Context(), *o); err != nil {
				t.Error(err)
			}
		})
	}
}
