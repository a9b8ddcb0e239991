package scansion

import (
	"testing"

	"github.com/gomuc/muc"
)

// Run plays scripts as a test: files, or directories of them. The config is the
// template for each room; its address is filled in, and a key if it has none.
// In a *testing.T each script is a test of its own.
//
//	func TestRules(t *testing.T) { scansion.Run(t, muc.Config{}, "testdata") }
//
// Scripts without a header line `match` are matched as [Subset]; new ones should
// choose [Ordered]. For more
// choice there is [RunOptions].
func Run(t testing.TB, cfg muc.Config, files ...string) {
	t.Helper()
	RunOptions(t, Options{Config: cfg, CheckReplay: true}, files...)
}

// RunOptions is [Run] with everything that can be chosen.
func RunOptions(t testing.TB, o Options, files ...string) {
	t.Helper()
	names, err := Files(files...)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatal("no scripts were named")
	}
	for _, name := range names {
		tt, ok := t.(*testing.T)
		if !ok {
			runFile(t, o, name)
			continue
		}
		tt.Run(name, func(t *testing.T) {
			// So that a failure names the line that called Run.
			t.Helper()
			runFile(t, o, name)
		})
	}
}

func runFile(t testing.TB, o Options, name string) {
	t.Helper()
	script, err := ParseFile(name)
	if err == nil {
		err = Play(script, o)
	}
	if err != nil {
		t.Errorf("%v", err)
	}
}
